"""What the converter ``binance_l2`` writes: a market's file in the making, and the report."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from sim.data.binance import MarketStream, RawFile
from sim.data.binance_sizes import Rounding
from sim.data.books import SIDES, LevelBook
from sim.data.reanchor import (
    CrossingShares,
    Shift,
    Top,
    median_basis,
    share,
    shares_at_each_update,
    shares_at_own_updates,
    shares_with_fixed_shifts,
)
from sim.data.recorded import RecordedWriter
from sim.data.text_files import content_sha256
from sim.protocol.enums import Side
from sim.protocol.market_data import (
    AnchorShift,
    BookClear,
    LevelChange,
    RecordedEvent,
    RecordedGroup,
    Trade,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units


class Band(msgspec.Struct):
    """Raw prices of one market that its file keeps: bids from ``low`` up, asks up to ``high``."""

    low: int
    high: int

    def widen(self, book: LevelBook, levels: int) -> None:
        """Take in the ``levels`` best of each side as the book is now."""
        nth = book.nth(levels)
        if nth is not None:
            self.low = min(self.low, nth[0])
            self.high = max(self.high, nth[1])

    def holds(self, change: LevelChange) -> bool:
        """True if the file keeps this level."""
        return change.price >= self.low if change.side is Side.BUY else change.price <= self.high


class MarketOutput:
    """One market's file in the making: the group of the current instant, and counts."""

    def __init__(self, writer: RecordedWriter, band: Band) -> None:
        self.counts = dict.fromkeys(("groups", "level", "shift", "trade", "traded_lots"), 0)
        self._writer = writer
        self.band = band
        self.last_ns = 0
        self._events: list[RecordedEvent] = []
        self._shift: tuple[int | None, int | None] = (None, None)

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._writer.rows

    def open(self, book: LevelBook, shift: Shift) -> None:
        """The whole visible book, best first."""
        self._events.append(BookClear())
        self.shift(shift)
        bids, asks = reversed(book.bids.items()), book.asks.items()
        self.levels(LevelChange(Side.BUY, PriceTicks(p), QtyLots(q)) for p, q in bids)
        self.levels(LevelChange(Side.SELL, PriceTicks(p), QtyLots(q)) for p, q in asks)

    def levels(self, changes: Iterable[LevelChange]) -> None:
        """Changes of the book, of which those inside the band are kept."""
        kept = [change for change in changes if self.band.holds(change)]
        self._events += kept
        self.counts["level"] += len(kept)

    def shift(self, shift: Shift) -> None:
        """The shift of both sides; a side whose shift is the same as before gets no row."""
        for side, new, old in zip(SIDES, shift, self._shift, strict=True):
            if new != old:
                self._events.append(AnchorShift(side, PriceTicks(new)))
                self.counts["shift"] += 1
        self._shift = shift

    def trade(self, trade: Trade) -> None:
        """A print, whatever its price; what is less than a lot is none."""
        if not trade.qty:
            return
        self._events.append(trade)
        self.counts["trade"] += 1
        self.counts["traded_lots"] += trade.qty

    def flush(self, t_ns: int) -> None:
        """Write the group of ``t_ns``, if anything happened."""
        if self._events:
            self._writer.write(RecordedGroup(TimeNs(t_ns), tuple(self._events)))
            self._events = []
            self.last_ns = t_ns
            self.counts["groups"] += 1


def market_statistics(
    stream: MarketStream, output: MarketOutput, tops: Sequence[Top], units: Units
) -> dict[str, Any]:
    """Counts, prices and rounding of one market over the window; prices and quantities as text."""
    mids = [top.bid + top.ask for top in tops]
    counts = output.counts
    return {
        "symbol": stream.symbol,
        "rows": output.rows,
        "groups": counts["groups"],
        "level_rows": counts["level"],
        "shift_rows": counts["shift"],
        "trade_rows": counts["trade"],
        "traded_qty": units.qty_text(counts["traded_lots"]),
        "book_updates": len(tops) - 1,
        "mid_changes": sum(mid != before for before, mid in pairwise(mids)),
        "mid_first": units.mid_text(mids[0]),
        "mid_last": units.mid_text(mids[-1]),
        "mid_low": units.mid_text(min(mids)),
        "mid_high": units.mid_text(max(mids)),
        "spread_mean": f"{_spread_mean(tops) * units.tick_size:.4f}",
        "lowest_bid_kept": units.price_text(output.band.low),
        "highest_ask_kept": units.price_text(output.band.high),
        "sizes_rounded_down": _rounding_statistics(stream.sizes.rounding),
    }


def crossing_statistics(tops: Sequence[Top], venues: int, reference: int) -> dict[str, Any]:
    """How often the consolidated book is crossed or locked, by the rule and by three others."""
    basis = median_basis(tops, venues, reference)
    return {
        "re_anchored_at_each_update": _shares_text(shares_at_each_update(tops, venues, reference)),
        "re_anchored_at_own_updates_only": _shares_text(
            shares_at_own_updates(tops, venues, reference)
        ),
        "median_basis_removed": _shares_text(shares_with_fixed_shifts(tops, basis)),
        "raw_prices": _shares_text(shares_with_fixed_shifts(tops, [(0, 0)] * venues)),
    }


def source_statistics(files: Iterable[RawFile]) -> list[dict[str, str]]:
    """Name, market and content hash (unpacked) of each input."""
    return [
        {
            "file": file.path.name,
            "market": file.market.value,
            "symbol": file.symbol,
            "sha256": content_sha256(file.path),
        }
        for file in files
    ]


def _shares_text(shares: CrossingShares) -> dict[str, Any]:
    return {
        "updates": shares.updates,
        "crossed": shares.crossed,
        "locked": shares.locked,
        "crossed_share": share(shares.crossed, shares.updates),
        "locked_share": share(shares.locked, shares.updates),
    }


def _rounding_statistics(rounding: Rounding) -> dict[str, Any]:
    lost = Decimal(rounding.lost_micro_lots) / 1_000_000
    return {
        "sizes": rounding.sizes,
        "rounded": rounding.rounded,
        "mean_loss_lots": f"{lost / rounding.rounded:.4f}" if rounding.rounded else None,
        "mean_size_lots": f"{Decimal(rounding.lots) / rounding.sizes:.1f}"
        if rounding.sizes
        else None,
        "lost_ppm": f"{lost / rounding.lots * 1_000_000:.3f}" if rounding.lots else None,
    }


def _spread_mean(tops: Sequence[Top]) -> Decimal:
    return Decimal(sum(top.ask - top.bid for top in tops)) / len(tops)
