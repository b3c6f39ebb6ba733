"""A router core among venues that may say anything, at any time, in any order."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count
from typing import Any, cast

import msgspec
from hypothesis import strategies as st
from pydantic import TypeAdapter

from router.config import RouterConfig
from router.core.events import ACCOUNT, Outcome, ParentOrder, SendTo, Stamps, WakeAt
from router.core.orders import Child
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.core.states import FINAL
from router.schedule import ScheduleConfig
from router.schedule.base import ParentFacts, Schedule
from sim.audit.invariants import Invariants
from sim.audit.order_records import taken_back
from sim.audit.records import (
    Bust,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    ControlBreach,
    Correction,
    Fill,
    Overfill,
    ParentDone,
    Record,
)
from sim.audit.state import LogState
from sim.full_walk import check_router, check_state
from sim.kernel.streams import Streams
from sim.protocol.enums import (
    Control,
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
    TradingState,
)
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderMessage,
    VenueReport,
)
from sim.protocol.session import FromVenue, SessionStatus
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
VENUES = "ABC"
SCHEDULE: TypeAdapter[Any] = TypeAdapter(ScheduleConfig)
END = 400

CHANGES = {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}


RESTS = ["greedy", "wait"]
BACK = ["reallocate", "wait_for_quote", "same_venue", "other_venues", "leave"]


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """Any ``router.reroute``, with what is written off or crossed."""
    keys = ("partial_fill", "cancel", "reject", "timeout")
    on = {key: draw(st.sampled_from(BACK)) for key in keys}
    on["quote_change"] = draw(st.sampled_from(["reallocate", "wait"]))
    on["halt"] = draw(st.sampled_from(["leave", "cancel"]))
    on["price_collar"] = draw(st.sampled_from(["wait_for_quote", "other_venues"]))
    on |= {key: draw(st.sampled_from(["smaller", "leave"])) for key in ("order_size", "volume")}
    found: dict[str, Any] = {"on": on}
    if draw(st.booleans()):
        found["reserve_unanswered"] = draw(st.sampled_from(["1ns", "7ns", "40ns"]))
    if draw(st.booleans()):
        limit = draw(st.sampled_from(["parent", "touch"]))
        found["cross"] = {"before": draw(st.sampled_from(["5ns", "30ns"])), "limit": limit}
    return found


@st.composite
def controls(draw: st.DrawFn) -> dict[str, Any]:
    """Some ``router.controls``; limits that bite now and then."""
    per = st.sampled_from(["parent", "run"])
    every: dict[str, Any] = {
        "price_collar": {
            "ticks": draw(st.integers(0, 3)),
            "reference": draw(st.sampled_from(["touch", "mid"])),
            "without_reference": draw(st.sampled_from(["block", "pass"])),
        },
        "max_order_qty": draw(st.integers(1, 20)),
        "max_order_value": draw(st.integers(50, 2_000)),
        "max_open": {"qty": draw(st.integers(1, 40)), "per": draw(per)},
        "max_total": {"qty": draw(st.integers(1, 60)), "per": draw(per)},
        "messages": {
            "most": draw(st.integers(1, 4)),
            "within": draw(st.sampled_from(["1ns", "9ns"])),
            "per": draw(st.sampled_from(["venue", "all"])),
        },
        "executions": {
            "most": draw(st.integers(1, 4)),
            "within": draw(st.sampled_from(["1ns", "9ns"])),
            "release": draw(st.sampled_from([None, "4ns"])),
        },
        "kill": draw(
            st.sampled_from(
                [{"at": "50ns"}, {"qty": 30}, {"loss": 40}, {"breaches": 4}, {"breaches": 1}]
            )
        ),
    }
    return {key: value for key, value in every.items() if draw(st.booleans())}


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    """Any ``schedule`` of a parent that lives for tens of nanoseconds."""
    every: list[dict[str, Any]] = [
        {"kind": "vwap", "profile": draw(st.none() | st.just([[0, 3], [0.5, 1]]))},
        {"kind": "pov", "rate": "0.3", "max_rate": "0.9"},
        {"kind": "obizhaeva_wang", "resilience": 1e7, "slices": 3},
    ]
    return {
        "slices": draw(st.integers(1, 9)),
        "horizon": draw(st.sampled_from([None, "3ns", "20ns", "90ns"])),
        "jitter": {"time": draw(st.sampled_from([0.0, 0.9])), "size": 0.5},
        "catch_up": draw(st.sampled_from(["carry", "spread", "end"])),
        "at_end": draw(st.sampled_from(["take", "cancel", "wait"])),
        **draw(st.sampled_from(every)),
    }


class Chaos:
    """A router core among venues that say anything, and all that must hold whatever they say."""

    def __init__(self, draw: st.DrawFn, *, silent: str = "", **more: Any) -> None:
        self.draw = draw
        self.shown = [v for v in VENUES if v not in silent]
        profiles = [VenueProfile(v, "lit", 9 * n, 1, 1, FREE, FREE) for n, v in enumerate(VENUES)]
        profiles = [
            msgspec.structs.replace(p, takes_resting=True)
            if p.venue_id in self.shown
            else msgspec.structs.replace(p, visibility="dark", silent=True)
            for p in profiles
        ]
        profiles[-1] = msgspec.structs.replace(profiles[-1], min_qty=9)
        if draw(st.booleans()):
            profiles = [msgspec.structs.replace(p, has_session=True) for p in profiles]
        self.sessions = dict.fromkeys(VENUES, 1)
        config: dict[str, Any] = {
            "strategy": {"kind": "greedy"},
            "ack_timeout": "10ns",
            "max_attempts": 15,
            "cancel_resends": draw(st.integers(0, 2)),
            "backoff": {"first": "3ns", "max": "20ns", "stop_after": draw(st.integers(1, 5))},
        }
        config["recovery"] = {
            "queries": draw(st.integers(0, 2)),
            "patience": "15ns",
            "resend_timeout": "5ns",
            "resends": draw(st.integers(0, 2)),
            "hold_back": draw(st.sampled_from([1, 5])),
            "heartbeat": "11ns",
        }
        config["reroute"] = {"busted": draw(st.booleans()), **more.pop("reroute", {})}
        self.schedules = more.pop("schedules", False)
        config |= more
        if draw(st.booleans()):
            config["rest"] = {
                "move_after": "2ns",
                "price": draw(st.sampled_from(["touch", "limit"])),
                "first": draw(st.booleans()),
            }
            if draw(st.booleans()):
                config["rest"]["take_after"] = f"{draw(st.integers(1, 30))}ns"
            if config["rest"]["price"] == "touch":
                config["rest"] |= {"offset": draw(st.integers(0, 2)), "chase_max": 1}
        mode = draw(st.sampled_from(["parallel", "sequential", "latency_equalised"]))
        config["sending"] = {"mode": mode, "max_wait": f"{draw(st.integers(1, 30))}ns"}
        if mode != "sequential":
            config["sending"]["protect"] = draw(st.booleans())
        model = RouterConfig.model_validate_json(msgspec.json.encode(config))
        self.core = RouterCore(tuple(profiles), model)
        self.now = 0
        self.seq = self.serial = 0
        self.volume = QtyLots(0)
        self.released: dict[str, int] = {}
        self.wakes: list[tuple[int, int, Any]] = []
        self.numbers = count()
        self.sent: list[tuple[str, OrderMessage]] = []
        self.told: list[ExecutionReport] = []
        self.records: list[Record] = []
        self.filled_said = 0
        self.final: dict[str, OrdStatus] = {}
        self.log = LogState()
        self.rules = Invariants()
        self.rules.orders.resends_max = config["cancel_resends"]
        self.rules.orders.reroutes_busted = config["reroute"]["busted"]

    # What happens

    def parent(self, name: str) -> None:
        limit = self.draw(st.none() | st.integers(98, 104))
        side = self.draw(st.sampled_from([Side.BUY, Side.SELL]))
        deadline = self.now + self.draw(st.integers(1, 60))
        lots = self.draw(st.integers(1, 60))
        schedule = self._schedule(name, lots, deadline) if self.schedules else None
        order = ParentOrder(name, side, lots, limit, deadline, schedule)
        self._take(self.core.on_parent(order, self.now))

    def _schedule(self, name: str, lots: int, deadline: int) -> Schedule:
        model = SCHEDULE.validate_json(msgspec.json.encode(self.draw(schedules())))
        facts = ParentFacts(name, lots, deadline, self.draw(st.none() | st.integers(1, lots)))
        return cast("Schedule", model.build(facts, Streams(1).keyed("x")))

    def quote(self) -> None:
        self.volume = QtyLots(self.volume + self.draw(st.integers(0, 30 * self.schedules)))
        self.seq += 1
        sizes = st.lists(st.integers(1, 20), max_size=3)
        asks = tuple([(101 + n, lots) for n, lots in enumerate(self.draw(sizes))])
        bids = tuple([(100 - n, lots) for n, lots in enumerate(self.draw(sizes))])
        venue = self.draw(st.sampled_from(self.shown))
        book = BookSnapshot(venue, self.seq, TimeNs(self.now), bids, asks, volume=self.volume)
        self._take(self.core.on_quote(book, self.now))

    def status(self) -> None:
        venue = self.draw(st.sampled_from(VENUES))
        state = self.draw(st.sampled_from(TradingState))
        self._take(self.core.on_status(TradingStatus(venue, TimeNs(self.now), state), self.now))

    def session(self) -> None:
        """A session ends or begins, perhaps with another number."""
        venue = self.draw(st.sampled_from(VENUES))
        self.sessions[venue] += self.draw(st.sampled_from([0, 0, 1, -1]))
        status = SessionStatus(venue, self.sessions[venue], self.draw(st.booleans()))
        self._take(self.core.on_session(status, self.now))

    def answer(self) -> None:
        """What became of a child, or of none, whether somebody asked or not."""
        draw = self.draw
        if not self.sent:
            return
        venue, asked = draw(st.sampled_from(self.sent[-8:]))
        name = asked.cl_ord_id
        child = self._child(name)
        answer = ExecutionReport(
            ExecType.ORDER_STATUS,
            draw(st.sampled_from(OrdStatus)),
            name,
            ACCOUNT,
            1,
            0,
            Side.BUY if child is None else child.side,
            QtyLots(draw(st.integers(1, 60))),
            QtyLots(draw(st.integers(0, 60))),
            QtyLots(draw(st.integers(0, 60))),
            TimeNs(0),
            self.seq,
            reject_reason=draw(st.sampled_from([None, RejectReason.UNKNOWN_ORDER])),
        )
        self._arrive(venue, answer)

    def _arrive(self, venue: str, report: VenueReport) -> None:
        """A report arrives, with any number or none."""
        line = self.core._lines[venue]
        near = st.integers(max(1, line.expected - 2), line.expected + 3)
        number = self.draw(st.sampled_from([0, 0, 1]) if self.draw(st.booleans()) else near)
        stamps = Stamps(0, 0, 0)
        if number:
            session = self.draw(st.sampled_from([line.session, self.sessions[venue]]))
            msg = FromVenue(venue, report, number, session)
            self._take(self.core.on_numbered(msg, stamps, self.now))
        else:
            self._take(self.core.on_report(venue, report, stamps, self.now))

    def report(self) -> None:
        """About any child, open or not; now and then the very report that was sent before."""
        if self.told and self.draw(st.integers(0, 9)) == 0:
            report = self.draw(st.sampled_from(self.told))
            self._say(report)
            return
        if not self.sent:
            return
        venue, asked = self.draw(st.sampled_from(self.sent[-8:]))
        original = getattr(asked, "orig_cl_ord_id", None)
        if original is not None and self.draw(st.booleans()):
            reason = self.draw(st.sampled_from(CxlRejReason))
            refusal = OrderCancelReject(
                asked.cl_ord_id, original, ACCOUNT, OrdStatus.NEW, reason, TimeNs(0), self.seq
            )
            self._take(self.core.on_report(venue, refusal, Stamps(0, 0, 0), self.now))
            return
        self._say(self._report(asked, original))

    def _report(self, asked: OrderMessage, original: str | None) -> ExecutionReport:
        draw = self.draw
        self.serial += draw(st.integers(1, 2))
        kind = draw(st.sampled_from([*ExecType, ExecType.TRADE, ExecType.TRADE]))
        child = self._child(original or asked.cl_ord_id)
        told = 0 if child is None else child.told_qty
        qty = draw(st.integers(1, 25)) if kind is ExecType.TRADE else 0
        trade = kind is ExecType.TRADE
        if child is not None and child.seen and kind in CHANGES:
            return self._change(child, kind)
        return ExecutionReport(
            kind,
            OrdStatus.NEW,
            asked.cl_ord_id if not trade or original is None else original,
            ACCOUNT,
            1,
            self.serial,
            child.side if child is not None else Side.BUY,
            QtyLots(draw(st.integers(1, 60))),
            QtyLots(max(0, told + qty + draw(st.sampled_from([0, 0, 0, 3, -2])))),
            QtyLots(0),
            TimeNs(0),
            self.seq,
            PriceTicks(draw(st.integers(97, 105))) if trade else None,
            QtyLots(qty),
            reject_reason=draw(st.sampled_from(RejectReason)),
            orig_cl_ord_id=None if trade else original,
        )

    def _change(self, child: Child, kind: ExecType) -> ExecutionReport:
        """A bust or a correction of what a child has been told, a fill or not."""
        draw, known = self.draw, self.draw(st.sampled_from(list(child.seen.values())))
        corrects = kind is ExecType.TRADE_CORRECT
        return msgspec.structs.replace(
            known,
            exec_type=kind,
            cl_ord_id=child.cl_ord_id,
            orig_cl_ord_id=None,
            exec_id=self.serial,
            side=child.side,
            order_qty=QtyLots(child.order_qty - draw(st.sampled_from([0, 0, 1]))),
            leaves_qty=QtyLots(draw(st.sampled_from([0, child.leaves_qty + 1]))),
            last_px=PriceTicks(draw(st.integers(97, 105))) if corrects else None,
            last_qty=QtyLots(draw(st.integers(1, 25)) if corrects else 0),
            exec_ref_id=known.exec_id,
        )

    def _say(self, report: ExecutionReport) -> None:
        child = self._child(report.orig_cl_ord_id or report.cl_ord_id)
        venue = "A" if child is None else child.venue_id
        fills = report.last_qty and report.exec_type is ExecType.TRADE
        if child is not None and fills and report.exec_id not in child.seen:
            self.filled_said += report.last_qty
        self.told.append(report)
        self._take(self.core.on_report(venue, report, Stamps(0, 0, 0), self.now))

    def _child(self, name: str) -> Child | None:
        return self.core._desk.requests.names.get(name)

    def later(self, ns: int) -> None:
        """Let time pass, with all wake-ups that fall due."""
        end = self.now + ns
        while self.wakes and self.wakes[0][0] <= end:
            t_ns, _, token = heappop(self.wakes)
            self.now = max(self.now, t_ns)
            self._take(self.core.on_wake(token, self.now))
        self.now = end

    def _take(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, WakeAt):
                assert outcome.t_ns >= self.now
                heappush(self.wakes, (outcome.t_ns, next(self.numbers), outcome.token))
            elif isinstance(outcome, SendTo):
                if isinstance(outcome.msg, OrderMessage):
                    self.sent.append((outcome.venue_id, outcome.msg))
                if isinstance(outcome.msg, NewOrderSingle):
                    assert outcome.msg.min_qty <= outcome.msg.order_qty
            else:
                self.records.append(outcome)
        records = [o for o in outcomes if isinstance(o, Record)]
        self.log.take(records)
        self.rules.take(records)
        self.check()
        self.rules.check()
        check_router(self.core, self.rules.orders)
        check_state(self.log, self.rules.orders)

    # What must hold

    def check(self) -> None:
        core = self.core
        for parent in core.parents.values():
            children = [c for c in core.children.values() if c.parent is parent]
            waiting = core._desk.departures.of(parent)
            assert not waiting or parent.end_reason is None
            reserved = sum(c.leaves_qty for c in [*children, *waiting])
            assert parent.filled_qty == sum(c.cum_qty for c in children), "I5"
            assert parent.reserved_qty == reserved, "I1"
            assert 0 <= parent.filled_qty <= parent.order_qty, "I2"
            assert parent.filled_qty + parent.reserved_qty <= parent.order_qty, "I2"
            low = self.released.get(parent.parent_id, 0)
            assert low <= parent.released_qty <= parent.order_qty
            assert parent.filled_qty + parent.reserved_qty <= parent.released_qty
            self.released[parent.parent_id] = parent.released_qty
            silent = sum(c.leaves_qty for c in children if c.unanswered)
            assert parent.unanswered_qty == silent
            limit = parent.limit_px
            for child in [*children, *waiting]:
                if limit is not None and parent.side is Side.BUY:
                    assert child.price <= limit, "I6"
                elif limit is not None:
                    assert child.price >= limit, "I6"
        for child in core.children.values():
            before = self.final.get(child.cl_ord_id)
            assert before is None or child.status is before, "I3"
            if child.status in FINAL:
                self.final[child.cl_ord_id] = child.status
                assert child.leaves_qty == 0, "I1"
            else:
                assert child.leaves_qty > 0
            known = self.log.children[child.cl_ord_id]
            assert known.leaves_qty == child.leaves_qty, "I13"
            assert known.cum_qty == child.cum_qty, "I13"

    def check_controls(self) -> None:
        """What was kept never left, and what left was within the limits at that time."""
        brakes = self.core._desk.brakes
        assert brakes is not None
        rule = brakes.controls.config
        sent = {r.cl_ord_id: r for r in self.records if isinstance(r, ChildSent)}
        left = {msg.cl_ord_id for _, msg in self.sent}
        assert set(sent) <= left
        for record in self.records:
            if isinstance(record, ControlBreach) and record.order is not None:
                assert record.order.replaces or record.order.cl_ord_id not in left
        for child in sent.values():
            assert rule.max_order_qty is None or child.order_qty <= rule.max_order_qty
            worth = child.order_qty * child.price
            assert rule.max_order_value is None or worth <= rule.max_order_value
        killed = [r for r in self.records if getattr(r, "control", None) is Control.KILL_SWITCH]
        if killed:
            after = self.records[self.records.index(killed[0]) :]
            assert not any(isinstance(r, ChildSent) for r in after)
        breaches = [r for r in self.records if isinstance(r, ControlBreach)]
        assert len(breaches) <= 40 * len(self.core.parents) * len(VENUES), "no tight loop"

    def check_records(self) -> None:
        children = {r.cl_ord_id: r for r in self.records if isinstance(r, ChildSent)}
        ends = Counter(
            r.cl_ord_id for r in self.records if isinstance(r, ChildCanceled | ChildRejected)
        )
        assert all(n == 1 for n in ends.values()), "I3"
        fills = [r for r in self.records if isinstance(r, Fill)]
        excess = sum(r.excess_qty for r in self.records if isinstance(r, Overfill))
        assert sum(f.last_qty for f in fills) + excess == self.filled_said, "nothing is clamped"
        changes = [r for r in self.records if isinstance(r, Bust | Correction)]
        assert sum(self.core.overfilled.values()) == excess - sum(r.excess_qty for r in changes)
        assert all(lots >= 0 for lots in self.core.overfilled.values())
        order = {id(r): n for n, r in enumerate(self.records)}
        assert len({(f.cl_ord_id, f.exec_id) for f in fills}) == len(fills), "F07"
        assert {f.cl_ord_id for f in fills} <= set(children)
        done = [r for r in self.records if isinstance(r, ParentDone)]
        assert len({r.parent_id for r in done}) == len(done) == len(self.core.parents), "I18"
        for record in done:
            parent = self.core.parents[record.parent_id]
            late = [r for r in changes if r.parent_id == record.parent_id]
            late = [r for r in late if order[id(r)] > order[id(record)]]
            assert record.filled_qty - sum(taken_back(r)[0] for r in late) == parent.filled_qty
            known = self.log.parents[record.parent_id]
            assert known.filled_qty == parent.filled_qty, "I13"
            assert known.leaves_qty == parent.unanswered_qty, "I1"
            rest = parent.order_qty - record.filled_qty - record.canceled_qty
            assert rest == parent.unanswered_qty, "I1"
            assert (record.end_reason is EndReason.FILLED) == (rest + record.canceled_qty == 0)
