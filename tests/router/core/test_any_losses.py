"""Any loss, repetition and order of numbered reports: with resends the books are as undisturbed."""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.records import ChildCanceled, ChildSent, Fill, Overfill, ParentDone
from sim.protocol.enums import CxlRejReason, EndReason, ExecType, OrdStatus
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest
from tests.router.core.session_bench import Bench

END = 1_000_000
DEADLINE = 200_000


@dataclass
class Fate:
    """What becomes of a message: lost, and the delays of the copies that arrive."""

    lost: bool
    delays: tuple[int, ...]


FATES = st.builds(
    Fate,
    st.booleans(),
    st.lists(st.integers(0, 120), min_size=1, max_size=3).map(tuple),
)
FILLS = st.lists(st.integers(1, 40), max_size=5).map(
    lambda lots: [n for i, n in enumerate(lots) if sum(lots[: i + 1]) <= 100]
)


@dataclass
class World:
    """A core and an honest venue behind a bad line.

    An order's fate is decided as it arrives: it is filled by ``fills[n]`` and the rest canceled, so
    that it does not depend on when anything is heard of it. ``fates`` befall the reports and the
    orders in turn; after them everything arrives. ``answers`` says whether questions and requests
    to send again are ever answered.
    """

    fills: list[list[int]]
    fates: list[Fate]
    answers: bool = True
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bench = Bench("AB", cancel_resends=1, **self.settings)
        self.bench.answer = self.on_sent
        self.due: list[tuple[int, int, Any]] = []
        self.tie = count()
        self.orders: dict[str, tuple[OrdStatus, int, int]] = {}
        self.left = list(self.fates)

    def fate(self) -> Fate:
        return self.left.pop(0) if self.left else Fate(False, (1,))

    def post(self, do: Any, fate: Fate) -> None:
        """Have something done as often and as late as its fate says."""
        if not fate.lost:
            for delay in fate.delays:
                heappush(self.due, (self.bench.now + delay, next(self.tie), do))

    def on_sent(self, venue_id: str, msg: Any) -> None:
        """A message leaves for a venue; the line to it loses, and keeps the order."""
        fate = self.fate()
        if not (fate.lost and isinstance(msg, NewOrderSingle | OrderCancelRequest)):
            heappush(
                self.due,
                (self.bench.now + 1, next(self.tie), lambda: self.on_message(venue_id, msg)),
            )

    def on_message(self, venue_id: str, msg: Any) -> None:
        bench = self.bench
        if isinstance(msg, NewOrderSingle):
            assert msg.cl_ord_id not in self.orders, "F03: nothing is sent twice"
            self.work(venue_id, msg)
        elif isinstance(msg, OrderCancelRequest):
            reason = "UNKNOWN_ORDER" if msg.orig_cl_ord_id not in self.orders else "TOO_LATE"
            refusal = bench.refused(msg.cl_ord_id, msg.orig_cl_ord_id, CxlRejReason[reason])
            self.say(venue_id, refusal)
        elif not self.answers:
            return
        elif isinstance(msg, ResendRequest):
            for again in bench.again(msg, venue_id):
                self.post(lambda m=again: bench.arrive(m), Fate(False, (1,)))
        else:
            assert isinstance(msg, OrderStatusRequest)
            known = self.orders.get(msg.cl_ord_id)
            if known is None:
                self.say(venue_id, bench.unknown(msg.cl_ord_id))
            else:
                state, cum, total = known
                self.say(venue_id, bench.status(msg.cl_ord_id, state, cum, total=total))

    def work(self, venue_id: str, order: NewOrderSingle) -> None:
        bench, total, cum = self.bench, order.order_qty, 0
        name = order.cl_ord_id
        script = self.fills[len(self.orders)] if len(self.orders) < len(self.fills) else []
        self.say(venue_id, bench.report(ExecType.NEW, name, total=total))
        for n, wanted in enumerate(script):
            lots = min(wanted, total - cum)
            if lots:
                cum += lots
                exec_id = 1_000 * (1 + len(self.orders)) + n
                self.say(venue_id, bench.fill(name, lots, cum, total=total, exec_id=exec_id))
        state = OrdStatus.FILLED
        if cum < total:
            state = OrdStatus.CANCELED
            exec_id = 1_000 * (1 + len(self.orders)) + 999
            self.say(
                venue_id,
                bench.report(ExecType.CANCELED, name, cum=cum, total=total, exec_id=exec_id),
            )
        self.orders[name] = (state, cum, total)

    def say(self, venue_id: str, report: Any) -> None:
        msg: FromVenue = self.bench.say(report, venue_id)
        self.post(lambda: self.bench.arrive(msg), self.fate())

    def run(self, parents: int) -> None:
        for n in range(parents):
            self.bench.buy(100, f"P{n}", deadline_ns=DEADLINE, limit_px=100)
        while self.due and self.due[0][0] <= END:
            t_ns, _, do = heappop(self.due)
            self.bench.later(max(0, t_ns - self.bench.now))
            # A wake-up may have sent something that is due before.
            do()
            if not self.due:
                self.wait()
        self.bench.later(END)
        assert self.bench.core.done, "I18"

    def wait(self) -> None:
        """Nothing is under way: let time pass until something is."""
        while not self.due and self.bench._wakes:
            self.bench.later(max(0, self.bench._wakes[0][0] - self.bench.now))

    def books(self) -> dict[str, Any]:
        """What is booked, whenever it was."""
        bench = self.bench
        return {
            "fills": sorted(
                (f.cl_ord_id, f.exec_id, f.last_qty, f.cum_qty) for f in bench.of(Fill)
            ),
            "ends": sorted(
                (c.cl_ord_id, c.canceled_qty, c.cum_qty) for c in bench.of(ChildCanceled)
            ),
            "parents": sorted(
                (p.parent_id, p.filled_qty, p.canceled_qty) for p in bench.of(ParentDone)
            ),
            "apart": [r.excess_qty for r in bench.of(Overfill)],
        }


@settings(max_examples=40)
@given(st.lists(FILLS, min_size=1, max_size=2), st.lists(FATES, max_size=25))
def test_F03_to_F07_F11_F12_with_resends_the_books_are_as_undisturbed(
    fills: list[list[int]], fates: list[Fate]
) -> None:
    _compare(fills, fates)


@pytest.mark.slow
@settings(max_examples=500)
@given(st.lists(FILLS, min_size=1, max_size=3), st.lists(FATES, max_size=60))
def test_F03_to_F07_F11_F12_with_resends_the_books_are_as_undisturbed_at_length(
    fills: list[list[int]], fates: list[Fate]
) -> None:
    _compare(fills, fates)


def _compare(fills: list[list[int]], fates: list[Fate]) -> None:
    """Asked often enough, since the line may lose every answer but the last.

    An order that never came is sent anew under another name: so only reports are lost here.
    """
    often: dict[str, Any] = {"recovery": {"queries": 200}}
    undisturbed = World(fills, [], settings=often)
    disturbed = _ReportsOnly(fills, fates, settings=often)
    undisturbed.run(1)
    disturbed.run(1)
    assert disturbed.books() == undisturbed.books()


class _ReportsOnly(World):
    """Orders and cancels arrive."""

    def on_sent(self, venue_id: str, msg: Any) -> None:
        self.post(lambda: self.on_message(venue_id, msg), Fate(False, (1,)))


@settings(max_examples=40)
@given(
    st.lists(FILLS, min_size=1, max_size=4),
    st.lists(FATES, max_size=60),
    st.booleans(),
    st.sampled_from([None, "100ns"]),
)
def test_I1_I2_I18_without_resends_nothing_is_filled_twice_and_all_ends(
    fills: list[list[int]], fates: list[Fate], answers: bool, reserve: str | None
) -> None:
    _survive(fills, fates, answers, reserve)


@pytest.mark.slow
@settings(max_examples=500)
@given(
    st.lists(FILLS, min_size=1, max_size=8),
    st.lists(FATES, max_size=150),
    st.booleans(),
    st.sampled_from([None, "100ns"]),
)
def test_I1_I2_I18_without_resends_nothing_is_filled_twice_and_all_ends_at_length(
    fills: list[list[int]], fates: list[Fate], answers: bool, reserve: str | None
) -> None:
    _survive(fills, fates, answers, reserve)


def _survive(fills: list[list[int]], fates: list[Fate], answers: bool, reserve: str | None) -> None:
    rule = {} if reserve is None else {"reroute": {"reserve_unanswered": reserve}}
    world = World(fills, fates, answers, rule)
    world.run(2)
    bench = world.bench
    for parent in bench.core.parents.values():
        done = [p for p in bench.of(ParentDone) if p.parent_id == parent.parent_id]
        assert len(done) == 1
        assert parent.filled_qty <= parent.order_qty, "I2"
        children = [c.cl_ord_id for c in bench.of(ChildSent) if c.parent_id == parent.parent_id]
        filled = sum(f.last_qty for f in bench.of(Fill) if f.parent_id == parent.parent_id)
        assert filled == parent.filled_qty, "I5"
        truly = sum(world.orders[name][1] for name in children if name in world.orders)
        assert filled <= truly, "nothing is invented"
        if done[0].end_reason is EndReason.FILLED:
            assert filled == parent.order_qty
    booked = [(f.cl_ord_id, f.exec_id) for f in bench.of(Fill)]
    assert len(set(booked)) == len(booked), "F07"
