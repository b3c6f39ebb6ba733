"""Which lots to take where: over several venues, best price first, from books as they are known."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sim.flow.base import FlowGrid
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot


class Taken(NamedTuple):
    """What to take at one venue: ``qty`` lots, down to ``price``, the worst level wanted."""

    venue_id: str
    qty: int
    price: int


def sweep(
    books: Mapping[str, BookSnapshot],
    venues: Iterable[str],
    side: Side,
    *,
    worst: int,
    qty: int,
    grids: Mapping[str, FlowGrid],
) -> list[Taken]:
    """The lots that an order of ``qty`` would find, best price first, then in the order of venues.

    Args:
        books: What is known of each venue; one that is missing shows nothing.
        venues: Where to look.
        side: Of the one who takes.
        worst: Ticks; a buyer pays no more, a seller gets no less.
        qty: Most lots in all.
        grids: Tick and lot by venue; less than a lot of a venue is left.

    Returns:
        One entry per venue that is to be taken from, in the order of ``venues``.
    """
    sign = 1 if side is Side.BUY else -1
    levels: list[tuple[int, int, str, int]] = []
    for rank, venue_id in enumerate(venues):
        book = books.get(venue_id)
        if book is not None:
            for price, lots in book.asks if side is Side.BUY else book.bids:
                if sign * price > sign * worst:
                    break
                levels.append((sign * price, rank, venue_id, lots))
    levels.sort()
    taken: dict[str, tuple[int, int, int]] = {}
    for price, rank, venue_id, lots in levels:
        lot = grids[venue_id].lot
        some = min(lots, qty) // lot * lot
        if some:
            qty -= some
            taken[venue_id] = (rank, taken.get(venue_id, (0, 0, 0))[1] + some, sign * price)
    order = sorted(taken.items(), key=lambda item: item[1][0])
    return [Taken(venue_id, some, price) for venue_id, (_, some, price) in order]
