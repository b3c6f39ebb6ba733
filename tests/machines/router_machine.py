"""A router core among venues that are lists: slow and lossy, and true in what they answer."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router.config import RouterConfig
from router.core.events import ACCOUNT, Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.core.states import FINAL
from sim.audit.records import (
    ChildCanceled,
    ChildRejected,
    Overfill,
    ParentDone,
    Record,
    RouteHold,
    WrittenOff,
)
from sim.audit.state import LogState
from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    VenueReport,
)
from sim.protocol.session import (
    OrderStatusRequest,
    ResendRequest,
    ToVenue,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE: Final = (Fraction(1), Fraction(0))
VENUES: Final = "ABC"
AT: Final = st.integers(0, 999)
LOTS: Final = st.integers(1, 25)
END: Final = 4_000
NOW_STAMPS: Final = Stamps(0, 0, 0)
CHANGES: Final = {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}


@dataclass
class Theirs:
    """An order as its venue has it."""

    name: str
    child: str
    venue: str
    side: Side
    asked: int
    price: int
    rests: bool
    filled: int = 0
    open: bool = True
    fills: dict[int, tuple[int, int]] = field(default_factory=dict)
    busted: set[int] = field(default_factory=set)


@dataclass
class Answer:
    """A report that is under way, and the child that it is about."""

    venue: str
    child: str
    report: VenueReport
    seq: int = 0


class RouterMachine(RuleBasedStateMachine):
    """A router core among sound venues."""

    sound = True
    numbered = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.numbers = count()
        self.wakes: list[tuple[int, int, Any]] = []
        self.coming: list[tuple[str, ToVenue]] = []
        self.answers: list[Answer] = []
        self.given: list[Answer] = []
        self.theirs: dict[str, Theirs] = {}
        self.child_of: dict[str, str] = {}
        self.serial = self.seq = 0
        self.records: list[Record] = []
        self.log = LogState()
        self.booked: Counter[str] = Counter()
        self.heard: dict[str, dict[int, int]] = {}
        self.apart: Counter[str] = Counter()
        self.ended: set[str] = set()
        self.done: dict[str, ParentDone] = {}
        self.final: dict[str, OrdStatus] = {}
        self.lost: set[str] = set()

    @initialize(
        rests=st.booleans(),
        resends=st.integers(0, 2),
        reserve=st.sampled_from([None, "7ns", "60ns"]),
        busted=st.booleans(),
    )
    def begin(self, rests: bool, resends: int, reserve: str | None, busted: bool) -> None:
        config: dict[str, Any] = {
            "strategy": {"kind": "greedy"},
            "ack_timeout": "10ns",
            "max_attempts": 30,
            "cancel_resends": resends,
            "backoff": {"first": "3ns", "max": "20ns", "stop_after": 4},
            "reroute": {"busted": busted} | ({"reserve_unanswered": reserve} if reserve else {}),
        }
        if rests:
            config["rest"] = {"move_after": "2ns", "price": "touch"}
        model = RouterConfig.model_validate_json(msgspec.json.encode(config))
        profiles = [
            VenueProfile(v, "lit", 9 * n, 1, 1, FREE, FREE, takes_resting=True)
            for n, v in enumerate(VENUES)
        ]
        self.core = RouterCore(tuple(profiles), model)
        for venue in VENUES:
            self.quote(venue, [10], [10])

    # ------------------------------------------------------------ clients, quotes, time

    @rule(
        side=st.sampled_from([Side.BUY, Side.SELL]),
        lots=st.integers(1, 60),
        limit=st.none() | st.integers(98, 104),
        lasts=st.integers(1, 200),
    )
    def parent(self, side: Side, lots: int, limit: int | None, lasts: int) -> None:
        name = f"P{len(self.core.parents)}"
        order = ParentOrder(name, side, lots, limit, self.now + lasts)
        self.take(self.core.on_parent(order, self.now))

    @rule(
        venue=st.sampled_from(VENUES),
        asks=st.lists(st.integers(1, 20), max_size=3),
        bids=st.lists(st.integers(1, 20), max_size=3),
    )
    def quote(self, venue: str, asks: list[int], bids: list[int]) -> None:
        self.seq += 1
        offered = tuple([(101 + n, lots) for n, lots in enumerate(asks)])
        wanted = tuple([(100 - n, lots) for n, lots in enumerate(bids)])
        book = BookSnapshot(venue, self.seq, TimeNs(self.now), wanted, offered, volume=QtyLots(0))
        self.take(self.core.on_quote(book, self.now))

    @rule(ns=st.integers(0, 15))
    def later(self, ns: int) -> None:
        """Let time pass, with all wake-ups that fall due."""
        end = self.now + ns
        while self.wakes and self.wakes[0][0] <= end:
            t_ns, _, token = heappop(self.wakes)
            self.now = max(self.now, t_ns)
            self.take(self.core.on_wake(token, self.now))
        self.now = end

    # ------------------------------------------------------------ venues

    @precondition(lambda self: self.coming)
    @rule(at=AT, lots=LOTS, refuse=st.sampled_from([None] * 6 + list(RejectReason)))
    def arrives(self, at: int, lots: int, refuse: RejectReason | None) -> None:
        """A venue gets the oldest message on its way there."""
        venue = self.coming[at % len(self.coming)][0]
        place = next(n for n, (to, _) in enumerate(self.coming) if to == venue)
        _, msg = self.coming.pop(place)
        if isinstance(msg, NewOrderSingle):
            self.on_new(venue, msg, lots, refuse)
        elif isinstance(msg, OrderStatusRequest):
            self.on_question(venue, msg)
        elif isinstance(msg, ResendRequest):
            self.says_again(venue, msg)
        else:
            self.on_request(venue, msg, refuse)

    @precondition(lambda self: self.coming)
    @rule(at=AT)
    def is_lost_on_its_way_there(self, at: int) -> None:
        _, msg = self.coming.pop(at % len(self.coming))
        if not isinstance(msg, ResendRequest):
            self.lost.add(self.child_of[msg.cl_ord_id])

    def on_new(self, venue: str, msg: NewOrderSingle, lots: int, why: RejectReason | None) -> None:
        assert msg.price is not None
        rests = msg.time_in_force in {TimeInForce.DAY, TimeInForce.GTC}
        name, asked = msg.cl_ord_id, msg.order_qty
        order = Theirs(name, name, venue, msg.side, asked, msg.price, rests)
        assert name not in self.theirs, "I2: nothing is sent twice"
        self.theirs[name] = order
        if why is not None:
            order.open = False
            self.say(order, ExecType.REJECTED, OrdStatus.REJECTED, reject_reason=why)
            return
        self.say(order, ExecType.NEW, OrdStatus.NEW)
        if not rests:
            self.fill(order, min(lots, order.asked))
            if order.open:
                order.open = False
                self.say(order, ExecType.CANCELED, OrdStatus.CANCELED)

    def on_request(self, venue: str, msg: ToVenue, why: RejectReason | None) -> None:
        assert isinstance(msg, OrderCancelRequest | OrderCancelReplaceRequest)
        known = [o for o in self.theirs.values() if msg.orig_cl_ord_id == o.name]
        if not known or not known[0].open:
            reason = CxlRejReason.TOO_LATE if known else CxlRejReason.UNKNOWN_ORDER
            self.refuse(venue, msg, reason)
            return
        (order,) = known
        if why is not None:
            self.refuse(venue, msg, CxlRejReason.EXCHANGE_CLOSED)
            return
        of = order.name
        if isinstance(msg, OrderCancelRequest):
            order.open = False
            name = msg.cl_ord_id
            self.say(order, ExecType.CANCELED, OrdStatus.CANCELED, name=name, orig_cl_ord_id=of)
            return
        assert msg.price is not None
        order.name, order.price = msg.cl_ord_id, msg.price
        order.asked = max(msg.order_qty, order.filled)
        order.open = order.asked > order.filled
        status = OrdStatus.NEW if order.open else OrdStatus.FILLED
        self.say(order, ExecType.REPLACED, status, orig_cl_ord_id=of)

    def on_question(self, venue: str, msg: OrderStatusRequest) -> None:
        """What is known of an order, under a name that it has or had."""
        child = self.child_of[msg.cl_ord_id]
        order = self.theirs.get(child)
        if order is not None:
            status = OrdStatus.NEW if order.open else OrdStatus.CANCELED
            if order.filled == order.asked:
                status = OrdStatus.FILLED
            self.say(order, ExecType.ORDER_STATUS, status, name=msg.cl_ord_id)
            return
        nobody = Theirs(msg.cl_ord_id, child, venue, Side.BUY, 0, 0, rests=False, open=False)
        why = RejectReason.UNKNOWN_ORDER
        self.say(nobody, ExecType.ORDER_STATUS, OrdStatus.REJECTED, reject_reason=why)

    @precondition(lambda self: any(o.open for o in self.theirs.values()))
    @rule(at=AT, lots=LOTS)
    def trades(self, at: int, lots: int) -> None:
        """An order that rests is hit."""
        resting = [o for o in self.theirs.values() if o.open]
        order = resting[at % len(resting)]
        self.fill(order, min(lots, order.asked - order.filled))

    @precondition(lambda self: any(o.fills for o in self.theirs.values()))
    @rule(at=AT)
    def is_busted(self, at: int) -> None:
        """A venue takes back a fill that the router has heard of, with all before it."""
        waiting = {answer.child for answer in self.answers} | self.lost
        all_fills = [
            (order, exec_id)
            for order in self.theirs.values()
            if order.child not in waiting
            for exec_id in order.fills
            if exec_id not in order.busted
        ]
        if not all_fills:
            return
        order, exec_id = all_fills[at % len(all_fills)]
        order.busted.add(exec_id)
        order.filled -= order.fills[exec_id][1]
        self.say(order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_ref_id=exec_id)
        self.give(len(self.answers) - 1)

    def fill(self, order: Theirs, lots: int) -> None:
        order.filled += lots
        order.open = order.filled < order.asked
        status = OrdStatus.PARTIALLY_FILLED if order.open else OrdStatus.FILLED
        px, qty = PriceTicks(order.price), QtyLots(lots)
        self.say(order, ExecType.TRADE, status, last_px=px, last_qty=qty)
        order.fills[self.serial] = (order.price, lots)

    def say(
        self, order: Theirs, what: ExecType, status: OrdStatus, name: str = "", **more: Any
    ) -> None:
        self.serial += 1
        left = order.asked - order.filled if order.open else 0
        report = ExecutionReport(
            what,
            status,
            name or order.name,
            ACCOUNT,
            1,
            self.serial,
            order.side,
            QtyLots(order.asked),
            QtyLots(order.filled),
            QtyLots(left),
            TimeNs(self.now),
            self.seq,
            **more,
        )
        self.enter(Answer(order.venue, order.child, report))

    def refuse(self, venue: str, msg: Any, reason: CxlRejReason) -> None:
        report = OrderCancelReject(
            msg.cl_ord_id,
            msg.orig_cl_ord_id,
            ACCOUNT,
            OrdStatus.REJECTED if reason is CxlRejReason.UNKNOWN_ORDER else OrdStatus.CANCELED,
            reason,
            TimeNs(self.now),
            self.seq,
        )
        self.enter(Answer(venue, self.child_of[msg.cl_ord_id], report))

    def enter(self, answer: Answer) -> None:
        """A report leaves its venue."""
        self.answers.append(answer)

    # ------------------------------------------------------------ answers under way

    @precondition(lambda self: self.answers)
    @rule(at=AT)
    def comes_back(self, at: int) -> None:
        self.give(at % len(self.answers))

    @precondition(lambda self: self.answers)
    @rule()
    def the_oldest_comes_back(self) -> None:
        self.give(0)

    @precondition(lambda self: self.given)
    @rule(at=AT)
    def comes_twice(self, at: int) -> None:
        self.hand(self.given[at % len(self.given)])

    @precondition(lambda self: self.answers)
    @rule(at=AT)
    def is_lost_on_its_way_back(self, at: int) -> None:
        self.lost.add(self.answers.pop(at % len(self.answers)).child)

    def give(self, place: int) -> None:
        answer = self.answers.pop(place)
        self.given.append(answer)
        self.hand(answer)

    def hand(self, answer: Answer) -> None:
        """What the router must book of it is known before it hears it."""
        report, child = answer.report, answer.child
        heard = self.heard.setdefault(child, {})
        if isinstance(report, ExecutionReport) and report.exec_id not in heard:
            gone = child in self.ended or self.core.children[child].parent.parent_id in self.done
            if report.exec_type is ExecType.TRADE:
                heard[report.exec_id] = 0 if gone else report.last_qty
                self.booked[child] += heard[report.exec_id]
                self.apart[child] += report.last_qty if gone else 0
            elif report.exec_ref_id is not None:
                heard[report.exec_id] = 0
                lots = heard[report.exec_ref_id]
                self.booked[child] -= lots
                fill = self.theirs[child].fills[report.exec_ref_id]
                self.apart[child] -= fill[1] - lots
        self.take(self.core.on_report(answer.venue, report, NOW_STAMPS, self.now))

    # ------------------------------------------------------------ what the router does

    def take(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, WakeAt):
                assert outcome.t_ns >= self.now, "I11"
                heappush(self.wakes, (outcome.t_ns, next(self.numbers), outcome.token))
            elif isinstance(outcome, SendTo):
                msg = outcome.msg
                if isinstance(msg, ResendRequest):
                    assert self.numbered, "nothing is numbered here"
                if isinstance(msg, OrderStatusRequest | ResendRequest):
                    self.coming.append((outcome.venue_id, msg))
                    continue
                of = getattr(msg, "orig_cl_ord_id", msg.cl_ord_id)
                self.child_of[msg.cl_ord_id] = self.child_of.get(of, of)
                self.coming.append((outcome.venue_id, msg))
            elif isinstance(outcome, Record):
                self.records.append(outcome)
                self.log.take([outcome])
                if isinstance(outcome, WrittenOff):
                    self.ended.add(outcome.cl_ord_id)
                elif isinstance(outcome, ParentDone):
                    assert outcome.parent_id not in self.done, "I3"
                    self.done[outcome.parent_id] = outcome

    @invariant()
    def books_what_venues_said(self) -> None:
        if self.sound and hasattr(self, "core"):
            for name, child in self.core.children.items():
                assert child.cum_qty == self.booked[name], "I5"
                assert child.excess_qty == self.apart[name], "I2"
            assert sum(self.core.overfilled.values()) == sum(self.apart.values())

    @invariant()
    def holds_whatever_is_said(self) -> None:
        if not hasattr(self, "core"):
            return
        for parent in self.core.parents.values():
            mine = [c for c in self.core.children.values() if c.parent is parent]
            assert parent.filled_qty == sum(c.cum_qty for c in mine), "I5"
            assert parent.reserved_qty == sum(c.leaves_qty for c in mine), "I1"
            assert parent.filled_qty >= 0, "I2"
            assert parent.filled_qty + parent.reserved_qty <= parent.order_qty, "I2"
            assert parent.unanswered_qty == sum(c.leaves_qty for c in mine if c.unanswered)
            if parent.limit_px is not None:
                sign = 1 if parent.side is Side.BUY else -1
                assert all(sign * c.price <= sign * parent.limit_px for c in mine), "I6"
            known = self.log.parents[parent.parent_id]
            assert known.filled_qty == parent.filled_qty, "I13"
            assert known.working_qty == parent.reserved_qty, "I13"
        for name, child in self.core.children.items():
            before = self.final.get(name)
            assert before is None or child.status is before, "I3"
            assert (child.leaves_qty == 0) == (child.status in FINAL), "I1"
            if child.status in FINAL:
                self.final[name] = child.status
            known_child = self.log.children[name]
            assert known_child.leaves_qty == child.leaves_qty, "I13"
            assert known_child.cum_qty == child.cum_qty, "I13"

    # ------------------------------------------------------------ the end

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        if self.sound:
            self.all_is_quiet()
        self.later(END)  # every parent has a deadline; venues are silent now
        self.holds_whatever_is_said()
        self.books_what_venues_said()
        assert self.core.done, "I18"
        assert set(self.done) == set(self.core.parents), "I18"
        ends = [r.cl_ord_id for r in self.records if isinstance(r, ChildCanceled | ChildRejected)]
        assert len(ends) == len(set(ends)), "I3"
        if not self.sound:
            return
        self.is_true_in_the_end()

    def is_true_in_the_end(self) -> None:
        holds = [r for r in self.records if isinstance(r, RouteHold)]
        assert not [r for r in holds if r.reason in {"overfill", "conflict"}], "a sound venue"
        over = {r.reason for r in self.records if isinstance(r, Overfill)}
        assert over <= {"parent_done", "written_off"}
        for name, order in self.theirs.items():
            if name not in self.lost:
                child = self.core.children[name]
                assert child.told_qty == order.filled, "nothing is lost or invented"

    def says_again(self, venue: str, msg: ResendRequest) -> None:
        raise AssertionError("nothing is numbered here")

    def all_is_quiet(self) -> None:
        """What is under way arrives, and what it causes, until nothing is."""
        for _ in range(10 * END):
            if self.coming:
                self.arrives(0, 1, None)
            elif self.answers:
                self.give(0)
            elif self.wakes:
                self.later(max(0, self.wakes[0][0] - self.now))
            else:
                return
        raise AssertionError("I18: it never ends")
