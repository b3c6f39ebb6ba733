"""Where the market went after our executions: markouts, over all venues and venue by venue.

The markout of an execution at a horizon is how much better its price was than the true mid so long
after it: ``s (mid(t + horizon) - price)``, positive where the market came our way, so that holding
was worth it. Averages weigh by lots. An execution whose horizon lies past the end of the log, or
after which there was no mid, is left out; where that leaves none there is no markout.

Source: realised spread and markouts as in SEC Rule 605 and in the trade; own convention: a horizon
is the difference to the mid, not twice it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from sim.protocol.units import Units, plain, quotient_text
from sim.report.tca.mids import Mids
from sim.report.trail.orders import EXACT, Execution

HORIZONS: Final = (
    ("1ms", 1_000_000),
    ("100ms", 100_000_000),
    ("1s", 1_000_000_000),
    ("10s", 10_000_000_000),
    ("60s", 60_000_000_000),
    ("5min", 300_000_000_000),
)
_BPS: Final = 10_000


@dataclass(slots=True)
class Gained:
    """Lots with a markout, what was paid for them, and the sum: half ticks times lots."""

    lots: int = 0
    tick_lots: int = 0
    half_tick_lots: int = 0

    def add(self, lots: int, px: int, half_ticks: int) -> None:
        """Take an execution whose price was so many half ticks better than the mid later."""
        self.lots += lots
        self.tick_lots += px * lots
        self.half_tick_lots += half_ticks * lots

    def row(self, units: Units) -> dict[str, Any]:
        """Plain data; null where there is none."""
        money = bps = None
        if self.lots:
            money = plain(EXACT.divide(units.notional(self.half_tick_lots), Decimal(2)))
            if self.tick_lots > 0:
                worth = Decimal(2 * self.tick_lots)
                bps = quotient_text(Decimal(_BPS * self.half_tick_lots), worth)
        return {"lots": self.lots, "money": money, "bps": bps}


@dataclass(slots=True)
class Markout:
    """One horizon: in all, and by venue."""

    name: str
    horizon_ns: int
    total: Gained = field(default_factory=Gained)
    venues: dict[str, Gained] = field(default_factory=dict)

    def row(self, units: Units) -> dict[str, Any]:
        """Plain data."""
        return {
            "horizon": self.name,
            "horizon_ns": self.horizon_ns,
            **self.total.row(units),
            "venues": {name: gained.row(units) for name, gained in self.venues.items()},
        }


def markouts(executions: Iterable[Execution], mids: Mids, end_ns: int) -> Sequence[Markout]:
    """The markouts of executions at each of ``HORIZONS``.

    Args:
        executions: Those of one side's parent, or of any.
        mids: The true market.
        end_ns: When the log ends.
    """
    listed = [one for one in executions if one.qty]
    found = []
    for name, horizon_ns in HORIZONS:
        markout = Markout(name, horizon_ns)
        gains = markout.venues
        last_ns = end_ns - horizon_ns
        for one in listed:
            child, done_ns = one.child, one.done_ns
            gained = gains.get(child.venue_id)
            if gained is None:
                gained = gains[child.venue_id] = Gained()
            if done_ns > last_ns:
                continue
            mid = mids.mid_x2(mids.at(done_ns + horizon_ns))
            if mid is not None:
                gained.add(one.qty, one.px, child.sign * (mid - 2 * one.px))
        for gained in gains.values():
            markout.total.lots += gained.lots
            markout.total.tick_lots += gained.tick_lots
            markout.total.half_tick_lots += gained.half_tick_lots
        found.append(markout)
    return found
