"""The contract of a router: among venues that answer late, in any order, twice or never.

A router runs in its shell on virtual time; venues, parents and quotes are scripted from a seed.
What it sends and records is checked as it comes, against books that are kept here from what the
venues did: never more than was asked, never beyond a limit, nothing without its record, nothing to
a venue that does not trade; every parent ends; and all of it again, byte by byte, in a second run.
Invariants are numbered as in the design notes on faults.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import msgspec

from router.config import RouterConfig
from router.core.events import ParentOrder
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.own.desk import OwnCore
from router.own.session import Session, SessionDesk
from router.schedule.base import ParentFacts, Schedule
from router.task import RouterShell
from sim.audit.records import (
    CancelSent,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    Record,
    ReplaceSent,
    StatusRequested,
)
from sim.audit.state import LogState
from sim.kernel.clock import Clock, clock_of
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event, SimLoop
from sim.kernel.streams import Keyed, Streams
from sim.protocol.enums import EndReason, Priority, Side, TradingState
from sim.protocol.market_data import BookSnapshot, Levels, TradingStatus
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
)
from sim.protocol.session import OrderStatusRequest, SessionMessage, ToVenue
from sim.protocol.units import TimeNs, Units
from sim.scenario.load import resolve_file
from sim.scenario.plugins import core_of, found_plugin
from sim.testing.contracts.answers import VenueScript
from sim.testing.contracts.ledger import require

MS: Final = 1_000_000
END_NS: Final = 400 * MS
"""By then every parent must have ended."""
_FREE: Final = (Fraction(1), Fraction(0))
_ONE: Final = Units(Decimal(1), Decimal(1))
_SETTINGS: Final[dict[str, Any]] = {
    "ack_timeout": "20ms",
    "cancel_resends": 1,
    "max_attempts": 200,
    "backoff": {"first": "5ms", "max": "20ms"},
    "recovery": {"resend_timeout": "15ms"},
}
PROFILES: Final = (
    VenueProfile("A", "lit", 2 * MS, 1, 1, _FREE, _FREE, takes_resting=True, has_session=True),
    VenueProfile("B", "lit", 5 * MS, 2, 10, _FREE, _FREE, takes_resting=True),
    VenueProfile("M", "maker", 1 * MS, 1, 1, _FREE, _FREE),
    VenueProfile("D", "dark", 3 * MS, 1, 1, _FREE, _FREE, silent=True, has_session=True),
)
"""The venues: two lit ones, of which B has steps of 2 ticks and 10 lots, a maker, a silent pool.

A and D number their reports, lose some, and send them again."""


@dataclass(frozen=True)
class RouterCase:
    """A router to put to the test.

    Attributes:
        make: Makes its core for these venues anew, the same each time.
        schedule: Makes the schedule of a parent, from its facts and draws; None: none has one.
        step: Quantities of parents are multiples of this.
    """

    make: Callable[[tuple[VenueProfile, ...]], RouterCore]
    schedule: Callable[[ParentFacts, Keyed], Schedule] | None = None
    step: int = 1


@dataclass
class RouterTally:
    """How much of what a router was put to; a test that meets nothing shows nothing."""

    parents: int = 0
    orders: int = 0
    rests: int = 0
    requests: int = 0
    fills: int = 0
    rejects: int = 0
    lost: int = 0
    resent: int = 0
    questions: int = 0
    halts: int = 0
    records: int = 0
    ends: dict[str, int] = field(default_factory=dict)


def router_case(
    settings: dict[str, Any],
    schedule: Callable[[ParentFacts, Keyed], Schedule] | None = None,
) -> RouterCase:
    """The case of what a scenario says under ``router``; ``strategy`` is one of ours."""
    config = _config(settings)
    return RouterCase(lambda profiles: RouterCore(profiles, config, _ONE), schedule)


def own_router_case(
    ref: str, folder: Path, params: dict[str, Any] | None = None, *, kind: str = "own"
) -> RouterCase:
    """The case of a router or split of one's own. Runs the code.

    Args:
        ref: As under ``plugins`` in a scenario: ``my_router.py:MyRouter``, or of a module.
        folder: Where the file lies.
        params: What the class is made with.
        kind: ``own``, or ``own_split``.
    """
    name = ref.rpartition(":")[2]
    config = _config({"strategy": {"kind": kind, "plugin": name, "params": params or {}}})

    def make(profiles: tuple[VenueProfile, ...]) -> RouterCore:
        plugin = found_plugin(ref, lambda file: resolve_file(folder, file), params or {})
        return core_of(plugin, profiles, config, _ONE)

    return RouterCase(make)


def check_router(case: RouterCase, seed: int, *, parents: int = 6) -> RouterTally:
    """Put a router through a market, twice.

    Args:
        case: The router.
        seed: Of the market, of the venues' answers and of the parents.
        parents: How many parents it gets.

    Raises:
        ContractError: At the first rule that is broken.
        PluginError: If code of the user's fails.
    """
    first, tally = _run(case, seed, parents)
    again, _ = _run(case, seed, parents)
    for n, (one, other) in enumerate(zip(first, again, strict=False)):
        require(one == other, "I12: the same seed gives the same bytes", n, one, other)
    require(len(first) == len(again), "I12: the same seed gives as many records")
    return tally


def _config(settings: dict[str, Any]) -> RouterConfig:
    return RouterConfig.model_validate_json(msgspec.json.encode(_SETTINGS | settings))


def _run(case: RouterCase, seed: int, parents: int) -> tuple[list[bytes], RouterTally]:
    loop = SimLoop()
    try:
        return loop.run_until_complete(_Market(case, seed, parents, loop).run())
    finally:
        loop.close()


class _Books:
    """What is kept of the router beside it: orders by what was sent and truly done."""

    def __init__(self, parents: dict[str, ParentOrder], tally: RouterTally) -> None:
        self.parents = parents
        self.tally = tally
        self.bytes: list[bytes] = []
        self.log = LogState()
        self.halted: set[str] = set()
        self.done: dict[str, ParentDone] = {}
        self._told: dict[str, Record] = {}  # requests that have been recorded and not sent
        self._decided: dict[int, Decision] = {}
        self._filled: dict[str, int] = {}
        self._questions = 0  # that have been recorded and not sent

    def record(self, record: Record) -> None:
        """A record is written."""
        self.bytes.append(msgspec.json.encode(record))
        self.log.take([record])  # I13: a record that contradicts those before it raises
        self.tally.records += 1
        match record:
            case Decision():
                self._decided[record.decision_id] = record
            case ChildSent():
                decision = self._decided.get(record.decision_id)
                require(decision is not None, "I14: no child without its decision", record)
                self._told[record.cl_ord_id] = record
            case CancelSent() | ReplaceSent():
                self._told[record.cl_ord_id] = record
            case StatusRequested():
                self._questions += 1
            case Fill():
                name = record.parent_id
                self._filled[name] = self._filled.get(name, 0) + record.last_qty
            case ParentDone():
                self._on_done(record)
            case _:
                pass

    def _on_done(self, record: ParentDone) -> None:
        name = record.parent_id
        require(name not in self.done, "I3: a parent ends once", record)
        self.done[name] = record
        ends = self.tally.ends
        ends[record.end_reason.value] = ends.get(record.end_reason.value, 0) + 1
        asked, filled = self.parents[name].order_qty, self._filled.get(name, 0)
        require(record.filled_qty == filled, "I5: its fills are the sum of its fills", record)
        require(record.filled_qty + record.canceled_qty <= asked, "I1: no more than asked", record)

    def sent(self, venue_id: str, msg: OrderMessage, scripts: dict[str, VenueScript]) -> None:
        """A message leaves for a venue."""
        self.bytes.append(msgspec.json.encode([venue_id, msg]))
        told = self._told.pop(msg.cl_ord_id, None)
        require(told is not None or _is_again(msg, scripts[venue_id]), "I14: recorded first", msg)
        if isinstance(msg, NewOrderSingle):
            self._on_order(venue_id, msg, told, scripts)
        elif isinstance(msg, OrderCancelReplaceRequest):
            self.tally.requests += 1
            self._within(venue_id, msg.price, self.parents[msg.cl_ord_id.split(".")[0]])
        else:
            self.tally.requests += 1

    def asked(self, venue_id: str, msg: SessionMessage) -> None:
        """A question leaves for a venue."""
        self.bytes.append(msgspec.json.encode([venue_id, msg]))
        if isinstance(msg, OrderStatusRequest):
            require(self._questions > 0, "I14: recorded first", msg)
            self._questions -= 1

    def _on_order(
        self,
        venue_id: str,
        msg: NewOrderSingle,
        told: Record | None,
        scripts: dict[str, VenueScript],
    ) -> None:
        assert isinstance(told, ChildSent)
        self.tally.orders += 1
        self.tally.rests += msg.time_in_force.value in {"DAY", "GTC"}
        said = (told.venue_id, told.order_qty, told.price, told.side, told.time_in_force)
        is_so = (venue_id, msg.order_qty, msg.price, msg.side, msg.time_in_force)
        require(said == is_so, "a child is sent as it was recorded", told, msg)
        parent = self.parents[told.parent_id]
        require(parent.parent_id not in self.done, "I3: no child after the end", msg)
        require(msg.side is parent.side, "a child is on its parent's side", msg)
        require(venue_id not in self.halted, "F19: nothing goes to a halted venue", msg)
        lot = scripts[venue_id].profile.lot
        require(msg.order_qty > 0 and not msg.order_qty % lot, "whole lots of the venue", msg)
        self._within(venue_id, msg.price, parent)
        out = sum(script.out_of(parent.parent_id) for script in scripts.values())
        total = out + msg.order_qty
        require(total <= parent.order_qty, "I2: never more than was asked", total, parent, msg)

    def _within(self, venue_id: str, price: int | None, parent: ParentOrder) -> None:
        profile = next(one for one in PROFILES if one.venue_id == venue_id)
        assert price is not None
        require(profile.down(price) == price > 0, "a price is on the venue's grid", price, venue_id)
        limit = parent.limit_px
        within = limit is None or (price <= limit if parent.side is Side.BUY else price >= limit)
        require(within, "I6: never beyond the parent's limit", price, parent)


class _Market:
    """One run: a router, four venues, and what comes from them."""

    def __init__(self, case: RouterCase, seed: int, parents: int, loop: SimLoop) -> None:
        self._chance = Streams(seed).get("contract", "router")
        self._draws = Streams(seed).keyed("contract", "schedule")
        self.tally = RouterTally(parents=parents)
        self.clock: Clock = clock_of(loop)
        self._loop = loop
        self._inbox: Inbox[Event] = Inbox(loop, "router")
        self._case = case
        self._orders = {order.parent_id: (at, order) for at, order in self._parents(parents)}
        self.books = _Books({name: order for name, (_, order) in self._orders.items()}, self.tally)
        self._core = case.make(PROFILES)
        self._shown: dict[str, BookSnapshot] = {}
        self.scripts = {
            profile.venue_id: VenueScript(profile, self._chance, self._later, self.tally)
            for profile in PROFILES
        }
        self._core.tell(self._truth)
        self._shell = RouterShell(
            self._core,
            self._inbox,
            links={name: self._link(name) for name in self.scripts},
            clock=self.clock,
            emit=self.books.record,
        )
        self._failed: list[Exception] = []
        self._over: asyncio.Future[None] = loop.create_future()

    async def run(self) -> tuple[list[bytes], RouterTally]:
        """Run to the end, and see that all parents have ended."""
        for name, script in self.scripts.items():
            book = script.quote(0)
            if book is not None:
                self._shown[name] = book
                self._core.on_quote(book, 0)
            self._quotes(name)
        for at, order in self._orders.values():
            self._shell.submit(order, at)
        self._halt()
        own: tuple[Session, asyncio.Task[None]] | None = None
        core = self._core
        if isinstance(core, OwnCore) and isinstance(core.own, SessionDesk):
            session = Session(core, clock=self.clock, apply=self._shell.apply, on_error=self._fail)
            own = session, self._loop.create_task(session.attend())
        router = self._loop.create_task(self._shell.run(len(self._orders)))
        await asyncio.wait(
            [router, self._over], timeout=END_NS / 1e9, return_when="FIRST_COMPLETED"
        )
        if own is not None:
            await own[0].end(own[1])
        if not router.done():
            router.cancel()
        outcome = (await asyncio.gather(router, return_exceptions=True))[0]
        for error in (*self._failed, outcome):
            if isinstance(error, Exception):
                raise error
        for name in self._orders:
            require(name in self.books.done, "I18: every parent ends", name)
        wrong = [name for name, r in self.books.done.items() if r.end_reason is EndReason.ABORTED]
        require(not wrong, "a parent ends for a reason of the market", wrong)
        return self.books.bytes, self.tally

    def _fail(self, error: Exception) -> None:
        self._failed.append(error)
        if not self._over.done():
            self._over.set_result(None)

    # What comes

    def _draw(self, bound: int) -> int:
        return int(self._chance.uniform() * bound)

    def _parents(self, count: int) -> list[tuple[int, ParentOrder]]:
        found = []
        for n in range(count):
            side = (Side.BUY, Side.SELL, Side.SELL_SHORT)[self._draw(3)]
            sign = 1 if side is Side.BUY else -1
            limit = None if self._draw(3) == 0 else 1_000 + sign * (self._draw(12) - 4)
            step = self._case.step
            qty, at = step * (1 + self._draw(300 // step)), self._draw(60) * MS
            deadline = at + (20 + self._draw(150)) * MS
            schedule = None
            if self._case.schedule is not None:
                facts = ParentFacts(f"P{n}", qty, deadline, None, float(qty))
                schedule = self._case.schedule(facts, self._draws)
            found.append((at, ParentOrder(f"P{n}", side, qty, limit, deadline, schedule)))
        return found

    def _later(self, delay_ns: int, msg: Any) -> None:
        """Let something reach the router; messages may overtake each other."""
        self.clock.schedule(self.clock.now_ns + delay_ns, Priority.REPORT, self._inbox.deliver, msg)

    def _quotes(self, name: str) -> None:
        """Show a new book of a venue now and then."""

        def show(event: Event) -> None:
            if event.t_ns > END_NS:
                return
            book = self.scripts[name].quote(event.t_ns)
            if book is not None and name not in self.books.halted:
                self._shown[name] = book
                self._later(0, book)
            self._quotes(name)

        self.clock.schedule(self.clock.now_ns + (1 + self._draw(8)) * MS, Priority.FLOW, show)

    def _halt(self) -> None:
        """One venue stops trading for a while; the router hears of both at once."""
        name = ("A", "B", "M")[self._draw(3)]
        at, length = (10 + self._draw(60)) * MS, (5 + self._draw(20)) * MS

        def tell(state: TradingState) -> Callable[[Event], None]:
            def deliver(event: Event) -> None:
                self._later(0, TradingStatus(name, TimeNs(event.t_ns), state))
                if state is TradingState.HALTED:
                    # It counts as soon as the router has heard, which is within this instant.
                    self.clock.schedule(event.t_ns + 1, Priority.TIMER, self._note_halt, name)
                else:
                    self.books.halted.discard(name)

            return deliver

        self.clock.schedule(at, Priority.FLOW, tell(TradingState.HALTED))
        self.clock.schedule(at + length, Priority.FLOW, tell(TradingState.OPEN))

    def _note_halt(self, event: Event) -> None:
        self.books.halted.add(event.msg)
        self.tally.halts += 1

    def _link(self, name: str) -> Callable[[ToVenue], None]:
        def send(msg: ToVenue) -> None:
            if isinstance(msg, SessionMessage):
                self.books.asked(name, msg)
            else:
                self.books.sent(name, msg, self.scripts)
            self.scripts[name].on_sent(msg)
            delay = (1 + self._draw(3)) * MS
            self.clock.schedule(
                self.clock.now_ns + delay, Priority.ORDER, self._arrives, (name, msg)
            )

        return send

    def _arrives(self, event: Event) -> None:
        name, msg = event.msg
        self.scripts[name].take(msg, event.t_ns)

    def _truth(self, venue_id: str, msg: NewOrderSingle) -> Levels:
        book = self._shown.get(venue_id)
        if book is None:
            return ()
        levels = book.asks if msg.side is Side.BUY else book.bids
        limit = msg.price
        if limit is None:
            return levels
        buys = msg.side is Side.BUY
        return tuple([one for one in levels if (one[0] <= limit if buys else one[0] >= limit)])


def _is_again(msg: OrderMessage, script: VenueScript) -> bool:
    """Whether a cancel is sent once more under its id."""
    return isinstance(msg, OrderCancelRequest) and msg.cl_ord_id in script.seen
