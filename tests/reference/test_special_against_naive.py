"""The core says and holds the same as a naive book that knows special orders."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from sim.protocol.enums import OrdType, SelfTrade, Side, TimeInForce
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore
from venues.core.matching_rules import MatchingRules

ACCOUNTS = ("", "a", "b")
QTYS = (*range(1, 13), *range(1, 7), 0)
PRICES = (*range(97, 104), *range(95, 106))
TIFS = (TimeInForce.GTC,) * 6 + tuple(TimeInForce)
KINDS = ("new", "new", "new", "new", "cancel", "replace", "replace", "reduce")
MODES = (SelfTrade.NONE,) * 3 + tuple(SelfTrade)
SORTS = (
    *("plain", "plain", "market", "iceberg", "iceberg", "hidden", "hidden", "stop", "stop_limit"),
    *("min_qty", "aon", "hidden_min"),
)

Pick = Callable[[Sequence[Any]], Any]
Step = tuple[Any, ...]


def make_step(pick: Pick) -> Step:
    """Numbers of one message."""
    kind = pick(KINDS)
    qty, price, small, other = pick(QTYS), pick(PRICES), pick(range(1, 7)), pick(PRICES)
    if kind == "new":
        who = pick(ACCOUNTS), pick(MODES), pick((False,) * 9 + (True,))
        return kind, pick(SORTS), pick(tuple(Side)), qty, price, small, other, pick(TIFS), *who
    return kind, pick(range(1, 10)), qty, price, small, other, pick((None,) * 4 + ACCOUNTS)


@st.composite
def sessions(draw: st.DrawFn) -> list[Step]:
    """Short ones, which shrink."""
    size = draw(st.integers(0, 14))
    return [make_step(lambda members: draw(st.sampled_from(members))) for _ in range(size)]


def long_session(seed: int, size: int) -> list[Step]:
    """A long one, in which the book fills up."""
    chance = Random(seed)
    return [make_step(chance.choice) for _ in range(size)]


class Script:
    """Makes messages of drawn numbers; remembers what sort of order each name is."""

    def __init__(self) -> None:
        self.owners: dict[str, tuple[str, str]] = {}

    def message(self, step: Step) -> OrderMessage:
        if step[0] == "new":
            return self.new(step)
        kind, back, qty, price, small, other, account = step
        known = list(self.owners)
        target = known[-back] if back <= len(known) else "nobody"
        owner, sort = self.owners.get(target, ("", "plain"))
        sender, name = owner if account is None else account, f"o{len(self.owners)}"
        if kind == "cancel":
            return OrderCancelRequest(name, target, sender)
        if kind == "reduce":
            return OrderReduceRequest(name, target, QtyLots(qty), sender)
        self.owners[name] = (sender, sort)
        stop = sort in {"stop", "stop_limit"} and small < 3
        return OrderCancelReplaceRequest(
            name,
            target,
            QtyLots(qty),
            None if sort == "stop" else PriceTicks(price),
            sender,
            QtyLots(small) if small > 4 else None,
            PriceTicks(other) if stop else None,
        )

    def new(self, step: Step) -> NewOrderSingle:
        _, sort, side, qty, price, small, other, tif, account, mode, post_only = step
        name = f"o{len(self.owners)}"
        self.owners[name] = (account, sort)
        extras: dict[str, OrderInstructions] = {
            "iceberg": OrderInstructions(
                display_qty=QtyLots(small), min_display_qty=QtyLots(small // 3)
            ),
            "hidden": OrderInstructions(hidden=True),
            "hidden_min": OrderInstructions(hidden=True),
            "stop": OrderInstructions(stop_px=PriceTicks(other)),
            "stop_limit": OrderInstructions(stop_px=PriceTicks(other)),
            "aon": OrderInstructions(all_or_none=True),
        }
        types = {
            "market": OrdType.MARKET,
            "stop": OrdType.STOP,
            "stop_limit": OrdType.STOP_LIMIT,
        }
        return NewOrderSingle(
            name,
            side,
            QtyLots(qty),
            None if sort in {"market", "stop"} else PriceTicks(price),
            types.get(sort, OrdType.LIMIT),
            tif,
            account,
            post_only,
            mode,
            QtyLots(small if sort in {"min_qty", "hidden_min"} else 0),
            extras.get(sort),
        )


def told_by(naive: Any, report: VenueReport) -> Any:
    """The same words for a report as the naive book uses."""
    if isinstance(report, OrderCancelReject):
        about = (report.reason, report.ord_status, report.cl_ord_id, report.account)
        return naive.Told(*about, of=report.orig_cl_ord_id)
    return naive.Told(
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


def compare(naive: Any, steps: list[Step], rules: MatchingRules) -> None:
    """Run both, look at the books after every step, and say what differs."""
    known = naive.Settings._fields
    chosen = {name: value for name, value in asdict(rules).items() if name in known}
    core, slow, script = (
        LitCore(rules=rules),
        naive.NaiveSpecialBook(naive.Settings(**chosen)),
        Script(),
    )
    for now, step in enumerate(steps):
        msg = script.message(step)
        reports = core.handle(msg, TimeNs(now))
        told = slow.handle(msg)
        assert [told_by(naive, report) for report in reports] == told, msg
        core.check()
        assert core.venue_seq == slow.seq, msg
        assert all(report.venue_seq == slow.seq for report in reports)
        assert core.volume == slow.volume
        assert [(trade.price, trade.qty) for trade in core.trades] == slow.prints
        same_book(core, slow)


def same_book(core: LitCore, slow: Any) -> None:
    for side in (Side.BUY, Side.SELL):
        assert core.levels(side, 100) == slow.levels(side)
        queue = slow.queue(buys=side is Side.BUY)
        shown = [(o.name, o.shown, o.left) for o in queue if not o.extras.hidden]
        assert [
            (order.cl_ord_id, order.leaves_qty, order.open_qty) for order in core.displayed(side)
        ] == shown
        hidden = sorted(o.name for o in queue if o.extras.hidden)
        assert sorted(order.cl_ord_id for order in core.hidden(side)) == hidden
    waiting = sorted(order.name for order in slow.open if order.waits)
    assert sorted(name for name in core.open_orders if core.is_waiting(name)) == waiting


RULES = (
    MatchingRules(),
    MatchingRules(stop_election="furthest", iceberg_residual="slice"),
    MatchingRules(stop_on_entry="reject", iceberg_size_up="keeps_priority"),
    MatchingRules(hidden_improvement=1, hidden_min_remainder=3),
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(steps=sessions(), rules=st.sampled_from(RULES))
def test_special_orders_as_in_a_naive_book(
    naive_special: Any, steps: list[Step], rules: MatchingRules
) -> None:
    compare(naive_special, steps, rules)


@pytest.mark.slow
@settings(max_examples=1500, suppress_health_check=list(HealthCheck))
@given(steps=sessions(), rules=st.sampled_from(RULES))
def test_special_orders_as_in_a_naive_book_thoroughly(
    naive_special: Any, steps: list[Step], rules: MatchingRules
) -> None:
    compare(naive_special, steps, rules)


@pytest.mark.parametrize("seed", range(4))
def test_a_session_of_special_orders_as_in_a_naive_book(naive_special: Any, seed: int) -> None:
    compare(naive_special, long_session(seed, 40), RULES[seed % len(RULES)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 108))
def test_a_long_session_of_special_orders_as_in_a_naive_book(naive_special: Any, seed: int) -> None:
    compare(naive_special, long_session(seed, 250), RULES[seed % len(RULES)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200, 300))
def test_25000_special_commands_each_compared_with_a_naive_book(
    naive_special: Any, seed: int
) -> None:
    """A hundred sessions of 250 under four sets of rules: words and the whole state after each."""
    compare(naive_special, long_session(seed, 250), RULES[seed % len(RULES)])
