"""The contract of a venue kind: a core gets a long mix of messages, and its answers are audited.

What must hold, whatever the kind: no report without an order, exactly one end of each order, counts
that agree (I1, I2), limits kept (I6), sold as much as bought at each price (I10), its own check
after each message (I7 and others), requests for what has ended refused, bad orders refused by
reports that change nothing, nothing left open that may not rest, what is shown can be reached, the
same messages give the same reports, and no clock, chance or event loop of its own.
"""

import ast
import heapq
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sim.kernel.latency import Resolve
from sim.kernel.streams import Keyed
from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    Priority,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from sim.testing.contracts.ledger import ContractError, Ledger, require
from sim.testing.contracts.mix import ACCOUNTS, Mix, VenueCase
from venues.config import VenueConfig
from venues.core.api import TimedCore, VenueCore

DEPTH: Final = 10
IMPURE: Final = frozenset(
    {"asyncio", "logging", "os", "random", "socket", "structlog", "time", "uvloop"}
)
_STEP_NS: Final = 4_000_000
_WAKES_MAX: Final = 10_000


@dataclass
class Tally:
    """How much of what a venue was put to; a test that meets nothing shows nothing."""

    orders: int = 0
    fills: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    shown: int = 0
    wakes: int = 0


def venue_case(
    config: VenueConfig,
    units: Units,
    resolve: Resolve,
    *,
    low: int,
    high: int,
    hears: tuple[str, ...] = ("LIT",),
    chance: Callable[[], Keyed | None] = lambda: None,
    both_sides: bool = True,
) -> VenueCase:
    """The case of a venue's entry, as a scenario would build it.

    Args:
        config: The entry; it must be valid on ``units``.
        units: Tick and lot of the instrument.
        resolve: Finds the files that it names.
        low: See ``VenueCase``.
        high: See ``VenueCase``.
        hears: Venues whose quotes it gets if it uses a reference.
        chance: Makes its draws.
        both_sides: See ``VenueCase``.
    """
    found = config.problems(units)
    require(not found, "the entry is valid", found)
    grid = config.grid(units)
    return VenueCase(
        make=lambda: config.build(units, resolve, chance()),
        low=low,
        high=high,
        tick=grid.tick,
        lot=grid.lot,
        hears=hears if config.hears_others else (),
        shows_truth=config.visibility != "dark" and not config.silent,
        both_sides=both_sides,
    )


def check_venue(case: VenueCase, *, seed: int = 1, steps: int = 400) -> Tally:
    """Put a venue to the test, twice with the same messages.

    Args:
        case: The venue.
        seed: Of the messages.
        steps: How many messages, wake-ups apart.

    Returns:
        What it met.

    Raises:
        ContractError: At the first rule that it breaks.
    """
    core = case.make()
    for name in impure_imports(type(core)):
        raise ContractError(f"a core imports no {name}: it is pure")
    first, second = _Trial(case, core, seed), _Trial(case, case.make(), seed)
    for trial in (first, second):
        trial.run(steps)
    require(first.said == second.said, "the same messages give the same reports, byte by byte")
    return first.tally


def impure_imports(core: type) -> tuple[str, ...]:
    """Modules that a core must not import and does, in its own module or one of its bases."""
    found: set[str] = set()
    for base in core.__mro__[:-1]:
        module = sys.modules[base.__module__]
        if base.__module__.partition(".")[0] in sys.stdlib_module_names:
            continue
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return tuple(sorted(found & IMPURE))


class _Trial:
    """One core, the messages that it gets, and the ledger beside it."""

    def __init__(self, case: VenueCase, core: VenueCore, seed: int) -> None:
        self.tally = Tally()
        self.said: list[bytes] = []
        self._case = case
        self._core = core
        self._ledger = Ledger(both_sides=case.both_sides)
        self._now_ns = 0
        self._volume = core.volume
        self._mix = Mix(case, seed)
        self._wakes: list[tuple[int, int, int, Any]] = []
        for venue_id in case.hears:
            self._handle(self._mix.quote(venue_id, self._now_ns))
        self._serve()

    def run(self, steps: int) -> None:
        """Send ``steps`` messages, let all time pass that anything waits for, and take stock."""
        for _ in range(steps):
            # Several messages in one instant, and a while with none, are both worth trying.
            self._pass_to(self._now_ns + (0, 0, 1, _STEP_NS)[self._mix.below(4)])
            self._step()
        waited = 0
        while self._wakes and self._ledger.open_at_once() and waited < _WAKES_MAX:
            self._pass_to(self._wakes[0][0])
            waited += 1
        left = self._ledger.open_at_once()
        require(not left, "what may not rest ends", left[:1])
        for entry in list(self._ledger.orders.values()):
            self._end(entry.name, entry.msg.account)
        require(not self._ledger.orders, "what is canceled is open no more")

    # ------------------------------------------------------------ what it gets

    def _step(self) -> None:
        draw = self._mix.below(100)
        if draw < 6 and self._case.hears:
            self._handle(self._mix.quote(self._mix.pick(self._case.hears), self._now_ns))
        elif draw < 14:
            self._bad_order()
        elif draw < 30:
            self._request(self._cancel())
        elif draw < 38:
            self._request(self._replace())
        elif draw < 44:
            self._request(self._reduce())
        else:
            self._order()

    def _order(self) -> None:
        if self._mix.below(5) == 0:
            self._handle(self._mix.special())
            return
        msg = self._mix.new()
        reach = self._core.reachable_by(msg, 1_000)
        reports = self._handle(msg)
        if msg.time_in_force in {TimeInForce.IOC, TimeInForce.FOK} or msg.price is None:
            mine = [r for r in reports if isinstance(r, ExecutionReport) and _is_fill_of(r, msg)]
            could = sum(lots for _, lots in reach)
            got = sum(r.last_qty for r in mine)
            require(got <= could, f"no more fills than {reach} could be reached", msg, mine)

    def _request(self, msg: OrderMessage) -> None:
        unknown = self._ledger.is_unknown(msg)
        before = self._state()
        reports = self._handle(msg)
        if unknown:
            require(self._state() == before, "a request for no open order changes nothing", msg)
            require(
                len(reports) == 1 and isinstance(reports[0], OrderCancelReject),
                "a request for no open order is refused",
                msg,
                reports,
            )
            self.tally.refused += 1

    def _end(self, name: str, account: str) -> None:
        """Cancel an open order, then try again."""
        self._handle(OrderCancelRequest(self._mix.name(), name, account))
        again = OrderCancelRequest(self._mix.name(), name, account)
        (refusal,) = self._handle(again)
        over = {CxlRejReason.TOO_LATE, CxlRejReason.UNKNOWN_ORDER}
        require(
            isinstance(refusal, OrderCancelReject) and refusal.reason in over,
            "a cancel of what has ended is refused",
            refusal,
        )

    def _bad_order(self) -> None:
        for msg in self._mix.bad_orders(list(self._ledger.orders)[:1]):
            before = self._state()
            reports = self._handle(msg)
            require(
                len(reports) == 1
                and isinstance(reports[0], ExecutionReport)
                and reports[0].exec_type is ExecType.REJECTED
                and reports[0].reject_reason is not None,
                "a bad order is refused by one report",
                msg,
                reports,
            )
            require(self._state() == before, "a refusal changes nothing", msg)
            self.tally.refused += 1

    def _target(self) -> tuple[str, str]:
        """The name and account of an order: open, ended, somebody else's or never there."""
        draw, ledger = self._mix.below(10), self._ledger
        if draw < 6 and ledger.orders:
            entry = ledger.orders[self._mix.pick(tuple(ledger.orders))]
            other = ACCOUNTS[(ACCOUNTS.index(entry.msg.account) + 1) % len(ACCOUNTS)]
            return entry.name, other if draw == 5 else entry.msg.account
        if draw < 9 and ledger.ended:
            entry = ledger.ended[self._mix.pick(tuple(ledger.ended)[-50:])]
            return entry.name, entry.msg.account
        return "never", ACCOUNTS[0]

    def _cancel(self) -> OrderCancelRequest:
        name, account = self._target()
        return OrderCancelRequest(self._mix.name(), name, account)

    def _replace(self) -> OrderCancelReplaceRequest:
        name, account = self._target()
        like = self._mix.new(market=False)
        return OrderCancelReplaceRequest(
            self._mix.name(), name, like.order_qty, like.price, account
        )

    def _reduce(self) -> OrderReduceRequest:
        name, account = self._target()
        lots = QtyLots(self._case.lot * (1 + self._mix.below(5)))
        return OrderReduceRequest(self._mix.name(), name, lots, account)

    # ------------------------------------------------------------ time

    def _pass_to(self, t_ns: int) -> None:
        """Let time pass; what is due by then comes first, timers of that instant too."""
        while self._wakes and self._wakes[0][:2] <= (t_ns, Priority.TIMER):
            due_ns, _, _, msg = heapq.heappop(self._wakes)
            self._now_ns = max(self._now_ns, due_ns)
            self.tally.wakes += 1
            self._handle(msg)
        self._now_ns = max(self._now_ns, t_ns)

    def _serve(self) -> None:
        """Take what a timed core asks for."""
        core = self._core
        if not isinstance(core, TimedCore):
            return
        for wake in core.wakes:
            require(wake.t_ns >= self._now_ns, "nobody can be woken in the past", wake)
            heapq.heappush(self._wakes, (wake.t_ns, int(wake.rank), self._mix.tick(), wake.msg))
        core.wakes.clear()
        core.changes.clear()

    # ------------------------------------------------------------ one message

    def _handle(self, msg: Any) -> list[VenueReport]:
        core, ledger = self._core, self._ledger
        seq, before = core.venue_seq, core.published(DEPTH)
        if isinstance(msg, NewOrderSingle):
            self.tally.orders += 1
        if not isinstance(msg, BookSnapshot):
            ledger.sent(msg)
        # A copy: the core may go on using its list.
        reports = list(core.handle(msg, TimeNs(self._now_ns)))
        core.check()
        ledger.came(msg, reports)
        self.said += [msgspec.json.encode(report) for report in reports]
        self._traded(reports)
        self._numbered(seq, before, reports)
        self._shows()
        self._serve()
        return reports

    def _traded(self, reports: list[VenueReport]) -> None:
        core = self._core
        printed = sum(trade.qty for trade in core.trades)
        grown = core.volume - self._volume
        self._volume = core.volume
        fills = [r for r in reports if isinstance(r, ExecutionReport) and r.last_px is not None]
        if fills:
            require(printed == grown, "prints make up what the volume has grown by", core.trades)
            require(core.last_px is not None, "the last price is known after a trade")
        bought = sum(r.last_qty for r in fills if r.side is Side.BUY)
        both = self._case.both_sides
        require(grown == bought or not both, "the volume grows by what is bought", fills)
        self.tally.fills += len(fills)
        for report in reports:
            if isinstance(report, ExecutionReport):
                key = report.exec_type.value
                self.tally.ends[key] = self.tally.ends.get(key, 0) + 1

    def _numbered(
        self, seq: int, before: tuple[Levels, Levels], reports: list[VenueReport]
    ) -> None:
        core = self._core
        require(core.venue_seq >= seq, "venue_seq does not go back", seq, core.venue_seq)
        now = core.published(DEPTH)
        traded = any(isinstance(r, ExecutionReport) and r.last_qty for r in reports)
        if now != before or traded:
            require(core.venue_seq > seq, "another state has another venue_seq", before, now)
        for report in reports:
            holds = report.venue_seq <= core.venue_seq
            require(holds, "a report is of no state that is to come", report)
            if isinstance(report, ExecutionReport) and report.last_qty:
                require(report.venue_seq == core.venue_seq, "a fill is of the new state", report)

    def _shows(self) -> None:
        """What is published is in order, and can be reached where that is promised."""
        core, case = self._core, self._case
        sides = core.published(DEPTH)
        again = core.published(DEPTH)
        for n, (levels, sign) in enumerate(zip(sides, (-1, 1), strict=True)):
            require(again[n] is levels, "what has not changed is the same object")
            require(len(levels) <= DEPTH, "no more levels than asked for", levels)
            keys = [sign * price for price, _ in levels]
            require(keys == sorted(set(keys)), "levels are best first, each price once", levels)
            right = all(price > 0 and lots > 0 for price, lots in levels)
            require(right, "I7: levels have a price and lots", levels)
            if not case.shows_truth:
                continue
            total = 0
            for price, lots in levels:
                total += lots
                self._reaches(Side.BUY if sign > 0 else Side.SELL, price, total, levels)
            self.tally.shown += bool(levels)

    def _reaches(self, side: Side, price: int, total: int, levels: Levels) -> None:
        probe = NewOrderSingle(
            "probe",
            side,
            QtyLots(total),
            PriceTicks(price),
            time_in_force=TimeInForce.IOC,
            account="probe",
        )
        reach = self._core.reachable_by(probe, 1_000)
        sign = 1 if side is Side.BUY else -1
        within = all(sign * (px - price) <= 0 for px, _ in reach)
        require(within, "nothing beyond the limit is within reach", price, reach)
        there = sum(lots for _, lots in reach)
        require(there >= total, "what is shown is within reach", levels, reach)

    def _state(self) -> tuple[object, ...]:
        core = self._core
        return core.published(DEPTH), core.volume, core.last_px, core.venue_seq


def _is_fill_of(report: ExecutionReport, msg: NewOrderSingle) -> bool:
    return report.cl_ord_id == msg.cl_ord_id and report.last_px is not None
