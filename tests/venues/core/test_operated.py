"""What is done to a venue from outside: halts over its own hours, refusals, cancels, a crash."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.enums import ExecType, RejectReason, TradingState
from sim.protocol.errors import InjectedFault
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import TradingChange
from venues.core.operated import (
    CHANGE_REASON,
    Accept,
    CancelAll,
    Crash,
    Forget,
    Halt,
    OperatedCore,
    Refuse,
    Resume,
)

MakeConfig = Callable[..., Any]
MakeOrder = Callable[..., NewOrderSingle]
BOOK = {"asks": [["100.02", 400]], "bids": [["99.98", 200]]}
OURS = "router"
NOW = TimeNs(5)


@pytest.fixture
def make(make_config: MakeConfig, units: Any, tmp_path: Any) -> Callable[..., OperatedCore]:
    def build(kind: str = "lit", **settings: Any) -> OperatedCore:
        config = make_config(kind, **{"book": BOOK, **settings})
        core = config.build(units, tmp_path.joinpath, operated=True)
        assert isinstance(core, OperatedCore)
        return core

    return build


def events(core: OperatedCore) -> list[Any]:
    """The changes that wait to be told."""
    found = [getattr(one, "event", None) for one in core.changes]
    core.changes.clear()
    return found


def test_F19_a_halt_shows_nothing_refuses_and_keeps_what_rests(
    make: Callable[..., OperatedCore], order: MakeOrder
) -> None:
    core = make()
    core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    shown = core.published(10)
    core.handle(Halt(), NOW)
    assert (core.state, core.published(10)) == (TradingState.HALTED, ((), ()))
    assert events(core) == ["halted"]
    (refused,) = core.handle(order("buy", 10, 10_002), NOW)
    assert isinstance(refused, ExecutionReport)
    assert refused.reject_reason is RejectReason.EXCHANGE_CLOSED
    assert core.handle(Halt(), NOW) == []  # it is halted already
    core.handle(Resume(), NOW)
    assert (events(core), core.published(10)) == (["resumed"], shown)
    assert core.handle(Resume(), NOW) == []
    core.check()


def test_F19_a_halt_may_cancel_what_rests(
    make: Callable[..., OperatedCore], order: MakeOrder
) -> None:
    core = make()
    core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    told = [one for one in core.handle(Halt("cancel"), NOW) if one.account == OURS]
    assert [(one.cl_ord_id, one.orig_cl_ord_id) for one in told] == [("o1", None)]
    core.handle(Resume(), NOW)
    assert core.published(10) == ((), ())


def test_F19_a_quiet_halt_is_told_to_nobody(make: Callable[..., OperatedCore]) -> None:
    core = make()
    core.handle(Halt(quiet=True), NOW)
    core.handle(Resume(quiet=True), NOW)
    assert events(core) == []
    assert core.state is TradingState.OPEN


def test_F19_an_opening_of_the_venues_own_hours_waits_for_the_end_of_a_halt(
    make: Callable[..., OperatedCore],
) -> None:
    core = make(trading={"open": "1ms"})
    (wake,) = core.wakes
    core.wakes.clear()
    assert isinstance(wake.msg, TradingChange)
    core.handle(Halt(), NOW)
    assert events(core) == []  # it was shut before
    core.handle(wake.msg, TimeNs(1_000_000))
    assert (core.state, events(core)) == (TradingState.PRE_OPEN, [])
    core.handle(Resume(), TimeNs(2_000_000))
    assert (core.state, events(core)) == (TradingState.OPEN, ["opened"])
    assert core.published(1) == (((9_998, 200),), ((10_002, 400),))


def test_F19_a_close_of_the_venues_own_hours_comes_in_the_midst_of_a_halt(
    make: Callable[..., OperatedCore], order: MakeOrder
) -> None:
    core = make(trading={"close": "1ms"})
    (wake,) = core.wakes
    core.handle(order("buy", 10, 9_990, "DAY"), NOW)
    core.handle(Halt(), NOW)
    (expired,) = core.handle(wake.msg, TimeNs(1_000_000))
    assert isinstance(expired, ExecutionReport)
    assert expired.exec_type is ExecType.EXPIRED
    assert events(core) == ["halted", "closed"]
    core.handle(Resume(), TimeNs(2_000_000))
    assert (core.state, events(core)) == (TradingState.CLOSED, [])
    assert core.published(1) == ((), ())


@pytest.mark.parametrize("reason", list(CHANGE_REASON))
def test_F17_what_is_refused_has_the_reason_and_cancels_pass(
    make: Callable[..., OperatedCore], order: MakeOrder, reason: RejectReason
) -> None:
    core = make()
    core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    core.handle(Refuse(OURS, reason, lambda name: name != "let"), NOW)
    (new,) = core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    assert isinstance(new, ExecutionReport)
    assert new.reject_reason is reason
    change = OrderCancelReplaceRequest("r1", "o1", QtyLots(5), PriceTicks(9_990), OURS)
    (refused,) = core.handle(change, NOW)
    assert isinstance(refused, OrderCancelReject)
    assert refused.reason is CHANGE_REASON[reason]
    (let,) = core.handle(order("buy", 1, 9_990, "GTC", cl_ord_id="let"), NOW)
    (others,) = core.handle(order("buy", 1, 9_990, "GTC", account="x"), NOW)
    (canceled,) = core.handle(OrderCancelRequest("c1", "o1", OURS), NOW)
    kinds = [getattr(one, "exec_type", None) for one in (let, others, canceled)]
    assert kinds == [ExecType.NEW, ExecType.NEW, ExecType.CANCELED]
    core.handle(Accept(), NOW)
    (new,) = core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    assert isinstance(new, ExecutionReport)
    assert new.exec_type is ExecType.NEW


def test_F03_all_orders_of_an_account_are_canceled_and_told_in_their_order(
    make: Callable[..., OperatedCore], order: MakeOrder
) -> None:
    core = make()
    for side, price in (("sell", 10_010), ("buy", 9_990), ("sell", 10_009)):
        core.handle(order(side, 10, price, "GTC"), NOW)
    core.handle(order("buy", 10, 9_990, "GTC", account="x"), NOW)
    told = core.handle(CancelAll(OURS), NOW)
    assert [one.cl_ord_id for one in told] == ["o1", "o2", "o3"]
    assert [one.orig_cl_ord_id for one in told] == [None] * 3
    assert core.published(10) == (((9_998, 200), (9_990, 10)), ((10_002, 400),))
    assert core.handle(CancelAll(OURS), NOW) == []


def test_F23_what_is_forgotten_is_not_there_and_was_never_there(
    make: Callable[..., OperatedCore], order: MakeOrder
) -> None:
    core = make()
    core.handle(order("buy", 10, 9_990, "GTC"), NOW)
    core.handle(order("buy", 10, 10_002), NOW)
    accounts = {one.account for one in core.handle(Forget(), NOW)}
    assert accounts == {OURS, ""}
    assert core.published(10) == ((), ())
    for name in ("o1", "o2"):
        (refused,) = core.handle(OrderCancelRequest("c1", name, OURS), NOW)
        assert isinstance(refused, OrderCancelReject)
        assert refused.order_id == 0
    core.check()


def test_F01_a_crash_is_the_error_that_was_given(make: Callable[..., OperatedCore]) -> None:
    with pytest.raises(InjectedFault, match="as wanted"):
        make().handle(Crash(InjectedFault("as wanted")), NOW)


def test_a_dealer_has_no_book_of_its_own_to_forget(
    make_config: MakeConfig, units: Any, tmp_path: Any
) -> None:
    config = make_config("maker", quote={"bid": ["99.98", 10], "ask": ["100.02", 10]})
    core = config.build(units, tmp_path.joinpath, operated=True)
    core.handle(Forget(), NOW)
    core.check()
