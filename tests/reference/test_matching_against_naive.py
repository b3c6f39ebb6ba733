"""The matching core says and holds the same as a naive book, on generated messages."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.protocol.enums import OrdType, SelfTrade, Side, TimeInForce
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
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core import book as book_module
from venues.core.matching import MatchingCore
from venues.core.pool import PoolCore

if TYPE_CHECKING:
    from tests.reference.naive_book import NaiveBook

ACCOUNTS = ("", "a", "b")
QTYS = (*range(1, 13), *range(1, 7), 0, -1)
PRICES = (*range(97, 104), *range(90, 110))
TYPES = (OrdType.LIMIT,) * 7 + (OrdType.MARKET,)
TIFS = (TimeInForce.GTC,) * 4 + tuple(TimeInForce)
KINDS = ("new", "new", "new", "cancel", "replace", "replace", "reduce")

Pick = Callable[[Sequence[Any]], Any]
Step = tuple[Any, ...]


def make_step(pick: Pick) -> Step:
    """Numbers of one message; the last one makes it reuse a name, or break a rule, now and then."""
    kind = pick(KINDS)
    qty, price, twist = pick(QTYS), pick(PRICES), pick(range(30))
    if kind == "new":
        more = pick(TYPES), pick(TIFS), pick(ACCOUNTS), pick((False,) * 5 + (True,))
        return kind, pick(tuple(Side)), qty, price, *more, pick(tuple(SelfTrade)), twist
    return kind, pick(range(1, 13)), qty, price, pick((None,) * 8 + ACCOUNTS), twist


@st.composite
def sessions(draw: st.DrawFn) -> list[Step]:
    """Short ones, which shrink."""
    size = draw(st.integers(0, 12))
    return [make_step(lambda members: draw(st.sampled_from(members))) for _ in range(size)]


def long_session(seed: int, size: int) -> list[Step]:
    """A long one, in which the book fills up."""
    chance = Random(seed)
    return [make_step(chance.choice) for _ in range(size)]


STEPS = sessions()
QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck))
THOROUGH = settings(max_examples=500, suppress_health_check=list(HealthCheck))


class Script:
    """Makes messages of drawn numbers: names are given here, in order of use."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}

    def message(self, step: Step, tick: int, lot: int) -> OrderMessage:
        if step[0] == "new":
            return self.new(step, tick, lot)
        kind, back, qty, price, account, twist = step
        known = list(self.owners)
        target = known[-back] if back <= len(known) else "nobody"
        name = self.name(twist)
        sender = self.owners.get(target, "") if account is None else account
        if kind == "cancel":
            return OrderCancelRequest(name, target, sender)
        if kind == "reduce":
            return OrderReduceRequest(name, target, QtyLots(qty * lot), sender)
        self.owners[name] = sender
        ticks = PriceTicks(price * tick)
        return OrderCancelReplaceRequest(name, target, QtyLots(qty * lot), ticks, sender)

    def new(self, step: Step, tick: int, lot: int) -> NewOrderSingle:
        _, side, qty, price, ord_type, tif, account, post_only, mode, twist = step
        name = self.name(twist)
        self.owners[name] = account
        # Now and then off the venue's grid, and with or without a price where the type forbids it.
        lots = qty * lot + (1 if lot > 1 and twist == 7 else 0)
        ticks = price * tick + (1 if tick > 1 and twist == 8 else 0)
        priced = (ord_type is OrdType.LIMIT) != (twist == 9)
        return NewOrderSingle(
            name,
            side,
            QtyLots(lots),
            PriceTicks(ticks) if priced else None,
            ord_type,
            tif,
            account,
            post_only,
            mode,
        )

    def name(self, twist: int) -> str:
        if twist == 0 and self.owners:
            return next(reversed(self.owners))
        return f"o{len(self.owners)}"


def said_by(naive: Any, report: VenueReport) -> Any:
    """The same words for a report as the naive book uses."""
    if isinstance(report, OrderCancelReject):
        names = {"of": report.orig_cl_ord_id}
        return naive.Said(
            report.reason, report.ord_status, report.cl_ord_id, report.account, **names
        )
    return naive.Said(
        report.exec_type,
        report.ord_status,
        report.cl_ord_id,
        report.account,
        report.order_qty,
        report.cum_qty,
        report.leaves_qty,
        report.last_px,
        report.last_qty,
        report.is_maker,
        report.reject_reason,
        report.orig_cl_ord_id,
    )


def compare(
    naive: Any,
    steps: list[Step],
    tick: int,
    lot: int,
    depth: int,
    *,
    every: int = 1,
    make_core: Callable[[int, int], MatchingCore] = MatchingCore,
) -> None:
    """Run both; look at the books after every so many steps, and say what differs."""
    core, slow, script = make_core(tick, lot), naive.NaiveBook(tick, lot), Script()
    for now, step in enumerate(steps):
        msg = script.message(step, tick, lot)
        reports = core.handle(msg, TimeNs(now))
        said = slow.handle(msg)
        assert [said_by(naive, report) for report in reports] == said, msg
        assert core.venue_seq == slow.seq
        assert all(report.venue_seq == slow.seq for report in reports)
        assert all(report.transact_ns == now for report in reports)
        assert core.volume == slow.volume
        assert [(trade.price, trade.qty) for trade in core.trades] == slow.prints
        if slow.prints:
            assert (core.last_px, core.last_qty) == slow.prints[-1]
        if now % every == 0:
            same_book(core, slow, depth)
            core.check()
    conserved(core, slow)


def same_book(core: MatchingCore, slow: "NaiveBook", depth: int) -> None:
    for side in (Side.BUY, Side.SELL):
        levels, queue = slow.levels(side), slow.queue(side)
        assert core.levels(side, depth) == levels[:depth]
        assert core.best(side) == (levels[0] if levels else None)
        assert core.depth_to(side, None) == sum(lots for _, lots in levels)
        assert [(order.cl_ord_id, order.leaves_qty) for order in core.resting(side)] == [
            (order.name, order.left) for order in queue
        ]
        for price, lots in levels:
            assert core.qty_at(side, price) == lots
            assert core.count_at(side, price) == sum(order.price == price for order in queue)
            better = [q for p, q in levels if (p >= price if side is Side.BUY else p <= price)]
            assert core.depth_to(side, price) == sum(better)


def conserved(core: MatchingCore, slow: "NaiveBook") -> None:
    """What was bought was sold, and it is the volume."""
    everybody = [*slow.resting, *slow.ended]
    bought = sum(order.filled for order in everybody if order.buys)
    sold = sum(order.filled for order in everybody if not order.buys)
    assert bought == sold == core.volume


@QUICK
@given(steps=STEPS, depth=st.integers(0, 4))
def test_all_features_as_in_a_naive_book(naive: Any, steps: list[Step], depth: int) -> None:
    compare(naive, steps, 1, 1, depth)


@pytest.mark.parametrize("seed", range(5))
def test_a_long_session_as_in_a_naive_book(naive: Any, seed: int) -> None:
    compare(naive, long_session(seed, 250), 1, 1, 3, every=1 + seed % 3)


@pytest.mark.parametrize("seed", range(14, 18))
def test_a_pool_without_rules_of_its_own_is_as_a_naive_book(naive: Any, seed: int) -> None:
    steps = long_session(seed, 250)
    compare(naive, steps, 1 + seed % 3, 1 + seed % 2, 3, every=3, make_core=PoolCore)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_a_very_long_session_as_in_a_naive_book(naive: Any, seed: int) -> None:
    compare(naive, long_session(seed, 1000), 1 + seed % 3, 1 + seed % 2, 5, every=1 + seed % 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 300))
def test_25000_commands_each_compared_with_a_naive_book(naive: Any, seed: int) -> None:
    """A hundred sessions of 250, on three grids: what is said and the whole state after each."""
    tick, lot = ((1, 1), (2, 1), (1, 3))[seed % 3]
    compare(naive, long_session(seed, 250), tick, lot, seed % 12)


@pytest.mark.slow
@THOROUGH
@given(steps=STEPS, depth=st.integers(0, 4))
def test_all_features_as_in_a_naive_book_thoroughly(
    naive: Any, steps: list[Step], depth: int
) -> None:
    compare(naive, steps, 1, 1, depth)


@pytest.mark.parametrize("seed", range(5, 8))
def test_tidying_up_at_once_as_in_a_naive_book(naive: Any, seed: int) -> None:
    """Clearing away holes in queues and vacant levels at every chance changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book_module, "HOLES_ALLOWED", 0)
        patch.setattr(book_module, "VACANT_ALLOWED", 0)
        compare(naive, long_session(seed, 250), 1, 1, 3)


@pytest.mark.parametrize("seed", range(8, 11))
def test_a_coarse_grid_as_in_a_naive_book(naive: Any, seed: int) -> None:
    compare(naive, long_session(seed, 250), 1 + seed % 3, 3 - seed % 2, 3)


@QUICK
@given(steps=STEPS)
def test_same_messages_give_the_same_reports(steps: list[Step]) -> None:
    runs = []
    for _ in range(2):
        core, script = MatchingCore(), Script()
        messages = [script.message(step, 1, 1) for step in steps]
        runs.append([core.handle(msg, TimeNs(now)) for now, msg in enumerate(messages)])
    assert runs[0] == runs[1]


@pytest.mark.parametrize("seed", range(11, 14))
def test_every_order_is_told_a_life_without_gaps(seed: int) -> None:
    """By its reports alone: fills add up, nothing comes after the end, exec ids go up."""
    core, script = MatchingCore(), Script()
    steps = long_session(seed, 400)
    filled: dict[int, int] = {}
    ended: set[int] = set()
    last_exec_id = 0
    for now, step in enumerate(steps):
        for report in core.handle(script.message(step, 1, 1), TimeNs(now)):
            if not isinstance(report, ExecutionReport) or report.reject_reason is not None:
                continue
            assert report.exec_id > last_exec_id
            last_exec_id = report.exec_id
            order_id = report.order_id
            assert order_id not in ended
            filled[order_id] = filled.get(order_id, 0) + report.last_qty
            assert report.cum_qty == filled[order_id] <= report.order_qty
            if report.leaves_qty:
                assert report.cum_qty + report.leaves_qty == report.order_qty
            else:
                ended.add(order_id)
    resting = {order.order_id for side in Side for order in core.resting(side)}
    assert resting == set(filled) - ended
