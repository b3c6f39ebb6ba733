"""What a print in a feed tells: how much traded, and which side took, as far as can be told."""

from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot


def printed_qty(book: BookSnapshot, before: BookSnapshot | None) -> int:
    """Lots that traded between two books of a venue."""
    return 0 if before is None else book.volume - before.volume


def aggressor_of(
    book: BookSnapshot, before: BookSnapshot | None, mid: int | None = None
) -> Side | None:
    """The side that took, by where the last print stands to the quotes before it.

    Args:
        book: The venue's book with the print.
        before: The one before it.
        mid: Middle of the market in half ticks, for a venue that showed no two sides; None: none.

    Returns:
        None if nothing traded, or the print stands in the middle.

    Source: the quote rule of Lee and Ready (1991).
    """
    if before is None or book.volume == before.volume or book.last_px is None:
        return None
    if before.bids and before.asks:
        mid = before.bids[0][0] + before.asks[0][0]
    if mid is None or 2 * book.last_px == mid:
        return None
    return Side.BUY if 2 * book.last_px > mid else Side.SELL
