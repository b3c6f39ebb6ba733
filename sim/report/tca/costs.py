"""What each parent order cost and why: the implementation shortfall in parts that add up exactly.

The shortfall is the difference between what an order cost and what it would have cost to have all
of it at once at the mid as it arrived, with fees: for ``s`` the side's sign, ``M0`` that mid and
``M_end`` the mid as the order ended, in half ticks,

    sum over executions of  s (2 price - M0) lots  +  s (M_end - M0) unfilled lots  +  fees.

``sim.report.tca.split`` says what parts an execution has. Money is exact; basis points are of the
whole order at ``M0``, so that they add up too, but for their rounding. What is not known is None.

Source: Perold (1988), as in ``sim.report.tca.split``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from sim.protocol.units import Units, plain, quotient_text
from sim.report.tca.against import NO_DATA, Yardsticks, no_mid
from sim.report.tca.benchmarks import Benchmark
from sim.report.tca.markouts import Markout, markouts
from sim.report.tca.mids import Mids
from sim.report.tca.split import Arrival, Parts, Way, split
from sim.report.trail.build import Trail
from sim.report.trail.orders import EXACT, Execution, Parent

PARTS: Final = ("delay", "spread", "impact", "timing", "fees", "opportunity")
"""In the order in which they are told."""
_OF_EXECUTIONS: Final = ("delay", "spread", "impact", "timing")
_BPS: Final = Decimal(10_000)
_TWO: Final = Decimal(2)


@dataclass(slots=True)
class Tally:
    """Executions added up: lots, ticks times lots, parts in half ticks times lots, and money.

    Attributes:
        lots: Filled.
        tick_lots: Paid, or received.
        delay: The way from the mid at arrival to the prices has four parts; 0 where they are not
            known.
        spread: The second.
        impact: The third.
        timing: The fourth.
        fees: Money; negative: rebates.
        executions: How many.
        guessed: Executions for which there was no mid at one of their instants.
        unseen: Executions of orders whose arrival is not in the log.
    """

    lots: int = 0
    tick_lots: int = 0
    delay: int = 0
    spread: int = 0
    impact: int = 0
    timing: int = 0
    fees: Decimal = Decimal(0)
    executions: int = 0
    guessed: int = 0
    unseen: int = 0

    @property
    def parts(self) -> dict[str, int]:
        """The four parts by name."""
        return {
            "delay": self.delay,
            "spread": self.spread,
            "impact": self.impact,
            "timing": self.timing,
        }

    def add(self, one: Execution, found: Parts | None) -> None:
        """Take an execution, and its parts where they are known."""
        lots = one.qty
        self.lots += lots
        self.tick_lots += one.px * lots
        self.fees = EXACT.add(self.fees, one.fee)
        self.executions += 1
        if found is not None:
            self.unseen += one.child.arrival is None
            self.delay += found.delay * lots
            self.spread += found.spread * lots
            self.impact += found.impact * lots
            self.timing += found.timing * lots
            self.guessed += found.guessed


def _together(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    total = Tally()
    for one in tallies:
        total.lots += one.lots
        total.tick_lots += one.tick_lots
        total.delay += one.delay
        total.spread += one.spread
        total.impact += one.impact
        total.timing += one.timing
        total.fees = EXACT.add(total.fees, one.fees)
        total.executions += one.executions
        total.guessed += one.guessed
        total.unseen += one.unseen
    return total


class ParentCost(msgspec.Struct, frozen=True, kw_only=True):
    """The cost of one parent order.

    Attributes:
        parent: The order.
        units: What ticks and lots are.
        end_mid_x2: The mid as it ended, in half ticks; None where there was none.
        total: All its executions.
        venues: The same by venue.
        has_parts: Whether the way to the prices can be told in parts.
        why: Why something is not available; empty where all is.
        notes: What is approximate in this run.
        benchmarks: What the average price is held against.
        markouts: Where the market went afterwards.
    """

    parent: Parent
    units: Units
    end_mid_x2: int | None
    total: Tally
    venues: dict[str, Tally]
    has_parts: bool
    why: str
    notes: tuple[str, ...]
    benchmarks: tuple[Benchmark, ...]
    markouts: tuple[Markout, ...]

    @property
    def unfilled(self) -> int:
        """Lots ordered and not filled."""
        return self.parent.received.order_qty - self.total.lots

    @property
    def half_tick_lots(self) -> dict[str, int | None]:
        """Every part but the fees, in half ticks times lots; None: not known."""
        of: dict[str, int | None] = dict.fromkeys(_OF_EXECUTIONS)
        if self.has_parts:
            of |= self.total.parts
        return of | {"opportunity": self._opportunity}

    @property
    def total_half_tick_lots(self) -> int | None:
        """The whole shortfall but its fees, worked out apart from its parts."""
        mid0, missed = self.parent.arrival_mid_x2, self._opportunity
        if mid0 is None or missed is None:
            return None
        return self.parent.sign * (2 * self.total.tick_lots - mid0 * self.total.lots) + missed

    @property
    def parts(self) -> dict[str, Decimal | None]:
        """Money by part, in the order of ``PARTS``."""
        money = {name: self._money(half) for name, half in self.half_tick_lots.items()}
        return {name: self.total.fees if name == "fees" else money[name] for name in PARTS}

    @property
    def shortfall(self) -> Decimal | None:
        """All of it in money; positive is a cost."""
        money = self._money(self.total_half_tick_lots)
        return None if money is None else EXACT.add(money, self.total.fees)

    @property
    def paper(self) -> Decimal | None:
        """What the whole order was worth at the mid as it arrived."""
        mid0 = self.parent.arrival_mid_x2
        return self._money(None if mid0 is None else mid0 * self.parent.received.order_qty)

    def row(self) -> dict[str, Any]:
        """Plain data: ``shortfall``, ``benchmarks`` and ``markouts`` of a parent in a report."""
        sign, tick_lots, lots = self.parent.sign, self.total.tick_lots, self.total.lots
        return {
            "shortfall": {
                "total": _text(self.shortfall),
                "parts": {name: _text(money) for name, money in self.parts.items()},
                "total_bps": self._bps(self.shortfall),
                "parts_bps": {name: self._bps(money) for name, money in self.parts.items()},
                "why_not_available": self.why or None,
                "half_tick_lots": {"total": self.total_half_tick_lots, **self.half_tick_lots},
                "unfilled_qty": self.unfilled,
                "end_mid": self.units.mid_text(self.end_mid_x2),
                "notes": list(self.notes),
                "venues": {name: self._venue_row(tally) for name, tally in self.venues.items()},
            },
            "benchmarks": [one.row(sign, tick_lots, lots, self.units) for one in self.benchmarks],
            "markouts": [one.row(self.units) for one in self.markouts],
        }

    @property
    def _opportunity(self) -> int | None:
        """Nothing unfilled misses nothing, whatever is not known."""
        if not self.unfilled:
            return 0
        mid0, end = self.parent.arrival_mid_x2, self.end_mid_x2
        if mid0 is None or end is None:
            return None
        return self.parent.sign * (end - mid0) * self.unfilled

    def _venue_row(self, tally: Tally) -> dict[str, Any]:
        known: dict[str, int | None] = dict.fromkeys(_OF_EXECUTIONS)
        if self.has_parts:
            known |= tally.parts
        money = {name: _text(self._money(half)) for name, half in known.items()}
        return {
            "filled_qty": tally.lots,
            "avg_px": self.units.avg_px_text(tally.tick_lots, tally.lots),
            "parts": money | {"fees": plain(tally.fees)},
        }

    def _money(self, half_tick_lots: int | None) -> Decimal | None:
        if half_tick_lots is None:
            return None
        return EXACT.divide(self.units.notional(half_tick_lots), _TWO)

    def _bps(self, money: Decimal | None) -> str | None:
        paper = self.paper
        if money is None or paper is None or paper <= 0:
            return None
        return quotient_text(EXACT.multiply(_BPS, money), paper)


def parent_costs(trail: Trail) -> dict[str, ParentCost]:
    """The costs of all parents that arrived, in the order of their arrival."""
    mids = Mids(trail.market.nbbo)
    yardsticks = Yardsticks(trail, mids)
    return {name: _cost(parent, trail, mids, yardsticks) for name, parent in trail.parents.items()}


def shortfalls(trail: Trail) -> dict[str, ParentCost]:
    """The same without benchmarks and markouts: for who asks for the shortfall and its parts."""
    mids = Mids(trail.market.nbbo)
    return {name: _shortfall(parent, trail, mids) for name, parent in trail.parents.items()}


def total_cost(costs: Iterable[ParentCost]) -> Mapping[str, Decimal | None]:
    """Money of all parents together: ``total``, each of ``PARTS`` and ``paper``.

    None where one of them has none. A sale's costs add to a buy's: both are what was lost.
    """
    listed = list(costs)
    rows = [{"total": one.shortfall, **one.parts, "paper": one.paper} for one in listed]
    found: dict[str, Decimal | None] = {}
    for name in ("total", *PARTS, "paper"):
        values = [row[name] for row in rows]
        known = [value for value in values if value is not None]
        total = Decimal(0)
        for value in known:
            total = EXACT.add(total, value)
        found[name] = total if values and len(known) == len(values) else None
    return found


def _cost(parent: Parent, trail: Trail, mids: Mids, yardsticks: Yardsticks) -> ParentCost:
    return msgspec.structs.replace(
        _shortfall(parent, trail, mids),
        benchmarks=yardsticks.of(parent, _end_ns(parent, trail)),
        markouts=tuple(markouts(parent.executions, mids, trail.end_ns)),
    )


def _end_ns(parent: Parent, trail: Trail) -> int:
    return trail.end_ns if parent.done is None else parent.done.t_ns


def _shortfall(parent: Parent, trail: Trail, mids: Mids) -> ParentCost:
    arrival = None
    mid0 = parent.arrival_mid_x2
    if mid0 is not None and not mids.is_empty:
        own = mids.own_x2(mids.before_own(parent.received.t_ns))
        arrival = Arrival(parent.sign, mid0, own)
    venues = {child.venue_id: Tally() for child in parent.children}
    for one in parent.executions:
        found = None if arrival is None else split(mids, arrival, _way(one))
        venues[one.child.venue_id].add(one, found)
    total = _together(venues.values())
    return ParentCost(
        parent=parent,
        units=trail.units,
        end_mid_x2=mids.mid_x2(mids.at(_end_ns(parent, trail))),
        total=total,
        venues={name: tally for name, tally in venues.items() if tally.executions},
        has_parts=arrival is not None,
        why=_why(parent, trail, mids),
        notes=tuple(_notes(parent, trail, mids, total)),
        benchmarks=(),
        markouts=(),
    )


def _way(one: Execution) -> Way:
    """Where the log does not say when the order met the book, it is when it was executed."""
    sent, met = one.child.sent, one.child.arrival
    met_ns = one.done_ns if met is None else met.t_ns
    return Way(sent.t_ns, met_ns, one.done_ns, one.px, one.is_maker)


def _why(parent: Parent, trail: Trail, mids: Mids) -> str:
    """Why parts of a shortfall are not available; empty where they all are."""
    if parent.arrival_mid_x2 is None:
        return f"there is no mid at arrival: {no_mid(parent)}"
    if mids.is_empty:
        if trail.started.market_data == "none":
            return NO_DATA
        return "no lit venues showed a bid and an offer at the same time"
    return ""


def _notes(parent: Parent, trail: Trail, mids: Mids, total: Tally) -> Iterable[str]:
    """What is approximate about one parent."""
    if total.guessed:
        yield (
            f"for {total.guessed} of {total.executions} executions there was no displayed bid or "
            "no offer at some instant; the last mid before it counts"
        )
    if total.unseen:
        yield (
            f"for {total.unseen} of {total.executions} executions the log does not say when the "
            "order met the book; all its way counts as delay"
        )
    true, known = mids.mid_x2(mids.before_own(parent.received.t_ns)), parent.arrival_mid_x2
    if true is not None and known is not None and true != known:
        knew, was = trail.units.mid_text(known), trail.units.mid_text(true)
        yield (
            f"the mid at arrival is what the router knew, {knew}; the true one was {was}; the "
            "difference counts as timing"
        )
    if parent.done is None:
        yield "the order had not ended; what is open counts as unfilled at the end of the log"
    excess = sum(one.excess_qty for child in parent.children for one in child.overfills)
    if excess:
        yield f"{excess} lots that venues filled beyond their orders are in an account apart"


def _text(money: Decimal | None) -> str | None:
    return None if money is None else plain(money)
