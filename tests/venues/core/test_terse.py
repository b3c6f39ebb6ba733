"""A core that is told who listens does the same, and says when there is something new to see."""

from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore

NOW = TimeNs(1)
DEPTH = 2
names = st.integers(0, 12).map(str)
lots = st.integers(1, 5).map(QtyLots)
prices = st.integers(96, 104).map(PriceTicks)
accounts = st.sampled_from(["SOR", "others"])
messages = st.one_of(
    st.builds(
        NewOrderSingle,
        names,
        st.sampled_from([Side.BUY, Side.SELL]),
        lots,
        prices,
        st.just(OrdType.LIMIT),
        st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC]),
        accounts,
    ),
    st.builds(OrderCancelRequest, st.just("c"), names, accounts),
    st.builds(OrderCancelReplaceRequest, names, names, lots, prices, accounts),
    st.builds(OrderReduceRequest, st.just("r"), names, lots, accounts),
)


@given(st.lists(messages, max_size=60))
def test_a_terse_core_reports_the_same_to_who_listens(tape: list[OrderMessage]) -> None:
    full, terse = LitCore(), LitCore()
    terse.report_to({"SOR"})
    for msg in tape:
        all_reports, heard = full.handle(msg, NOW), terse.handle(msg, NOW)
        ours = [report for report in all_reports if report.account == "SOR"]
        assert [report for report in heard if report.account == "SOR"] == ours
        traded = any(isinstance(r, ExecutionReport) and r.last_px is not None for r in all_reports)
        assert heard == all_reports or not traded
        assert terse.trades == full.trades
        assert (terse.venue_seq, terse.volume) == (full.venue_seq, full.volume)
        assert terse.published(DEPTH) == full.published(DEPTH)
        terse.check()


@given(st.lists(messages, max_size=60))
def test_what_is_unseen_is_said_to_be(tape: list[OrderMessage]) -> None:
    core = LitCore()
    core.report_to(())
    seen, volume = core.published(DEPTH), core.volume
    for msg in tape:
        core.handle(msg, NOW)
        if core.unseen:
            seen, volume = core.published(DEPTH), core.volume
            assert not core.unseen
        else:
            assert [core.levels(side, DEPTH) for side in (Side.BUY, Side.SELL)] == list(seen)
            assert core.volume == volume
            assert not core.trades


def test_a_change_below_what_shows_is_no_news() -> None:
    core = LitCore()
    for n, price in enumerate((101, 102, 103)):
        core.handle(order(str(n), price), NOW)
    core.published(DEPTH)
    core.handle(order("deep", 103), NOW)
    assert not core.unseen
    core.handle(order("shown", 102), NOW)
    assert core.unseen


def order(name: str, price: int) -> NewOrderSingle:
    return NewOrderSingle(name, Side.SELL, QtyLots(1), PriceTicks(price))
