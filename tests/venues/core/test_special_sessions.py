"""Sessions of all types of orders, under all settings: the rules hold after each message."""

from random import Random
from typing import Any

import pytest

from sim.protocol.enums import OrdType, PegReference, SelfTrade, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderMessage,
    OrderReduceRequest,
    Peg,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore
from venues.core.matching_rules import MatchingRules

ALL_RULES = (
    MatchingRules(),
    MatchingRules("rest", 100, "trigger", "furthest", "slice", "prorata_reserve"),
    MatchingRules(
        stop_on_entry="reject",
        iceberg_sweep="prorata_reserve",
        iceberg_size_up="keeps_priority",
        peg_without_reference="cancel",
        hidden_improvement=2,
        hidden_min_remainder=3,
    ),
    MatchingRules("rest", peg_without_reference="reject", hidden_improvement=0),
)


def any_message(chance: Random, names: list[str], now: int) -> OrderMessage:
    """A message that may well be refused."""
    name = f"o{now}"
    account = chance.choice(("", "a", "b"))
    if names and chance.random() < 0.4:
        target = chance.choice(names[-30:])
        match chance.randrange(3):
            case 0:
                return OrderCancelRequest(name, target, account)
            case 1:
                return OrderReduceRequest(name, target, QtyLots(chance.randint(1, 5)), account)
        names.append(name)
        return OrderCancelReplaceRequest(
            name,
            target,
            QtyLots(chance.randint(1, 20)),
            chance.choice((None, PriceTicks(chance.randint(95, 105)))),
            account,
            chance.choice((None, None, QtyLots(chance.randint(0, 5)))),
            chance.choice((None, None, PriceTicks(chance.randint(95, 105)))),
        )
    names.append(name)
    return any_order(chance, name, account)


def any_order(chance: Random, name: str, account: str) -> NewOrderSingle:
    kind = chance.choice((OrdType.LIMIT,) * 5 + tuple(OrdType))
    extras: dict[str, Any] = {}
    if kind is OrdType.LIMIT or chance.random() < 0.3:
        extras = chance.choice(
            (
                {},
                {},
                {"display_qty": QtyLots(chance.randint(1, 4))},
                {"display_qty": QtyLots(4), "min_display_qty": QtyLots(chance.randint(1, 4))},
                {"hidden": True},
                {"all_or_none": True},
            )
        )
    if kind in {OrdType.STOP, OrdType.STOP_LIMIT}:
        extras = {**extras, "stop_px": PriceTicks(chance.randint(95, 105))}
    if kind is OrdType.PEGGED:
        reference = chance.choice(tuple(PegReference))
        extras = {**extras, "peg": Peg(reference, chance.randint(-1, 3))}
    price = None
    priced = {OrdType.LIMIT, OrdType.STOP_LIMIT}
    if kind in priced or (kind is OrdType.PEGGED and chance.random() < 0.3):
        price = PriceTicks(chance.randint(95, 105))
    return NewOrderSingle(
        name,
        chance.choice(tuple(Side)),
        QtyLots(chance.randint(4, 20)),
        price,
        kind,
        chance.choice((TimeInForce.GTC,) * 6 + tuple(TimeInForce)),
        account,
        chance.random() < 0.05,
        chance.choice((SelfTrade.NONE, SelfTrade.NONE, *SelfTrade)),
        QtyLots(chance.choice((0, 0, 0, 0, 3))),
        OrderInstructions(**extras) if extras else None,
    )


class Lives:
    """What owners know by their reports alone."""

    def __init__(self) -> None:
        self.filled: dict[int, int] = {}
        self.open: set[int] = set()
        self.ended: set[int] = set()
        self.exec_id = 0

    def take(self, reports: list[VenueReport]) -> None:
        for report in reports:
            if not isinstance(report, ExecutionReport) or report.reject_reason is not None:
                continue
            assert report.exec_id > self.exec_id, report
            self.exec_id = report.exec_id
            assert report.order_id not in self.ended, report
            self.filled[report.order_id] = self.filled.get(report.order_id, 0) + report.last_qty
            assert report.cum_qty == self.filled[report.order_id] <= report.order_qty, report
            if report.leaves_qty:
                assert report.cum_qty + report.leaves_qty == report.order_qty, report
                self.open.add(report.order_id)
            else:
                self.open.discard(report.order_id)
                self.ended.add(report.order_id)


def play(seed: int, size: int, rules: MatchingRules) -> tuple[LitCore, list[list[VenueReport]]]:
    chance, core, lives = Random(seed), LitCore(rules=rules), Lives()
    names: list[str] = []
    told = []
    for now in range(size):
        seq, halted = core.venue_seq, now % 50 == 40
        if halted:
            core.suspend()
        reports = core.handle(any_message(chance, names, now), TimeNs(now))
        if halted:
            core.check()
            lives.take(reports)
            told.append(reports)
            seq, reports = core.venue_seq, core.resume(TimeNs(now))
        core.check()
        lives.take(reports)
        told.append(reports)
        assert core.venue_seq in {seq, seq + 1}
        assert all(report.venue_seq == core.venue_seq for report in reports)
        assert lives.open == {order.order_id for order in core.open_orders.values()}
    return core, told


@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("seed", range(2))
def test_the_rules_hold_after_each_message(seed: int, rules: MatchingRules) -> None:
    core, _ = play(seed, 120, rules)
    bought = sum(trade.qty for trade in core.trades)
    assert bought <= core.volume


@pytest.mark.slow
@pytest.mark.parametrize("rules", ALL_RULES)
@pytest.mark.parametrize("seed", range(100, 103))
def test_the_rules_hold_in_long_sessions(seed: int, rules: MatchingRules) -> None:
    play(seed, 400, rules)


def test_same_messages_give_the_same_reports() -> None:
    assert play(7, 150, ALL_RULES[1])[1] == play(7, 150, ALL_RULES[1])[1]


def test_a_book_without_special_orders_left_is_plain_again() -> None:
    core, _ = play(3, 100, ALL_RULES[0])
    for order in list(core.open_orders.values()):
        core.handle(OrderCancelRequest("c", order.cl_ord_id, order.account), TimeNs(0))
        core.check()
    plain = NewOrderSingle("x", Side.BUY, QtyLots(1), PriceTicks(100))
    assert not core.open_orders
    assert [r.venue_seq for r in core.handle(plain, TimeNs(0))] == [core.venue_seq]
    assert core.levels(Side.BUY, 5) == ((100, 1),)
    core.check()
