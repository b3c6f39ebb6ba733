"""Special orders, and changes of them, that a book does not take."""

from collections.abc import Iterator
from typing import Any

import pytest

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdType,
    PegReference,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    Peg,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore, MakerCore
from venues.core.matching_rules import MatchingRules

NOW = TimeNs(0)
STOP, STOP_LIMIT = OrdType.STOP, OrdType.STOP_LIMIT
EXTRAS = ("display_qty", "min_display_qty", "hidden", "all_or_none", "stop_px", "peg")


def order(name: str, side: str, qty: int, price: int | None = None, **more: Any) -> NewOrderSingle:
    """An order of account ``name[0]``; instructions are given like all else."""
    extras = {key: more.pop(key) for key in EXTRAS if key in more}
    kind = more.pop("kind", OrdType.MARKET if price is None else OrdType.LIMIT)
    return NewOrderSingle(
        name,
        Side(side),
        QtyLots(qty),
        None if price is None else PriceTicks(price),
        kind,
        TimeInForce(more.pop("tif", "GTC")),
        more.pop("account", name[0]),
        min_qty=QtyLots(more.pop("min_qty", 0)),
        instructions=OrderInstructions(**extras) if extras else None,
        **more,
    )


class Book:
    """A core whose invariants are walked after each message."""

    def __init__(self, *orders: NewOrderSingle, **rules: Any) -> None:
        self.core = LitCore(rules=MatchingRules(**rules))
        for msg in orders:
            self.tell(msg)

    def tell(self, msg: Any) -> list[VenueReport]:
        reports = self.core.handle(msg, NOW)
        self.core.check()
        return reports

    def new(self, *args: Any, **more: Any) -> list[VenueReport]:
        return self.tell(order(*args, **more))

    def trades(self, *args: Any, **more: Any) -> list[tuple[str, str, int, int]]:
        return list(trades(self.new(*args, **more)))

    def replace(self, name: str, qty: int, price: int | None, **more: Any) -> list[VenueReport]:
        return self.tell(
            OrderCancelReplaceRequest(
                f"{name}'",
                name,
                QtyLots(qty),
                None if price is None else PriceTicks(price),
                name[0],
                **more,
            )
        )

    def cancel(self, name: str) -> list[VenueReport]:
        return self.tell(OrderCancelRequest("c", name, name[0]))

    def shown(self) -> Any:
        return self.core.published(10)


def trades(reports: list[VenueReport]) -> Iterator[tuple[str, str, int, int]]:
    """``(taker, maker, price, lots)`` of each."""
    fills = [r for r in reports if isinstance(r, ExecutionReport) and r.last_px is not None]
    for taker, maker in zip(fills[::2], fills[1::2], strict=True):
        assert taker.last_px is not None
        yield taker.cl_ord_id, maker.cl_ord_id, taker.last_px, taker.last_qty


def what(reports: list[VenueReport]) -> list[tuple[str, ExecType]]:
    return [(r.cl_ord_id, r.exec_type) for r in reports if isinstance(r, ExecutionReport)]


def reason(reports: list[VenueReport]) -> object:
    (report,) = reports
    return report.reason if isinstance(report, OrderCancelReject) else report.reject_reason


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"display_qty": 11}, RejectReason.INCORRECT_QUANTITY),
        ({"display_qty": 0}, RejectReason.INCORRECT_QUANTITY),
        ({"display_qty": -1}, RejectReason.INCORRECT_QUANTITY),
        ({"min_display_qty": 1}, RejectReason.INCORRECT_QUANTITY),
        ({"display_qty": 2, "min_display_qty": 3}, RejectReason.INCORRECT_QUANTITY),
        ({"min_qty": 11}, RejectReason.INCORRECT_QUANTITY),
        ({"min_qty": -1}, RejectReason.INCORRECT_QUANTITY),
        ({"stop_px": 100}, RejectReason.INVALID_PRICE_INCREMENT),
        ({"kind": STOP_LIMIT}, RejectReason.INVALID_PRICE_INCREMENT),
        ({"kind": STOP_LIMIT, "stop_px": 0}, RejectReason.INVALID_PRICE_INCREMENT),
        ({"kind": STOP, "stop_px": 100}, RejectReason.INVALID_PRICE_INCREMENT),
        ({"kind": OrdType.MARKET_TO_LIMIT}, RejectReason.INVALID_PRICE_INCREMENT),
        ({"kind": OrdType.PEGGED}, RejectReason.UNSUPPORTED_ORDER),
        ({"peg": Peg(PegReference.BID)}, RejectReason.UNSUPPORTED_ORDER),
        ({"hidden": True, "display_qty": 2}, RejectReason.UNSUPPORTED_ORDER),
        ({"all_or_none": True, "display_qty": 2}, RejectReason.UNSUPPORTED_ORDER),
        ({"min_qty": 2, "display_qty": 2}, RejectReason.UNSUPPORTED_ORDER),
        ({"min_qty": 2, "all_or_none": True}, RejectReason.UNSUPPORTED_ORDER),
        ({"hidden": True, "post_only": True, "tif": "IOC"}, RejectReason.UNSUPPORTED_ORDER),
        (
            {"kind": OrdType.PEGGED, "peg": Peg(PegReference.BID), "tif": "IOC"},
            RejectReason.UNSUPPORTED_ORDER,
        ),
    ],
)
def test_what_contradicts_itself_is_refused_without_any_effect(
    settings: dict[str, Any], why: RejectReason
) -> None:
    book = Book(order("b", "buy", 5, 99))
    seq = book.core.venue_seq
    assert reason(book.new("x", "buy", 10, 100, **settings)) is why
    assert (book.core.venue_seq, book.shown()) == (seq, (((99, 5),), ()))


def test_a_post_only_order_is_refused_where_it_meets_what_does_not_show() -> None:
    book = Book(order("dim", "sell", 7, 100, hidden=True))
    refused = book.new("x", "buy", 5, 100, post_only=True)
    assert reason(refused) is RejectReason.POST_ONLY_WOULD_TRADE
    assert reason(book.new("y", "buy", 5, 100, post_only=True, hidden=True)) is (
        RejectReason.POST_ONLY_WOULD_TRADE
    )
    assert book.new("z", "buy", 5, 99, post_only=True, hidden=True)[0].venue_seq


@pytest.mark.parametrize(
    ("target", "change", "why"),
    [
        ("ice", (0, 100, {}), CxlRejReason.INCORRECT_QUANTITY),
        ("ice", (5, None, {}), CxlRejReason.INVALID_PRICE_INCREMENT),
        ("ice", (5, 0, {}), CxlRejReason.INVALID_PRICE_INCREMENT),
        ("ice", (5, 100, {"min_qty": QtyLots(2)}), CxlRejReason.UNSUPPORTED_CHANGE),
        ("ice", (5, 100, {"stop_px": PriceTicks(9)}), CxlRejReason.UNSUPPORTED_CHANGE),
        ("picky", (5, 90, {"min_qty": QtyLots(6)}), CxlRejReason.INCORRECT_QUANTITY),
        ("wait", (5, 100, {}), CxlRejReason.UNSUPPORTED_CHANGE),
        ("wait", (5, None, {"stop_px": PriceTicks(0)}), CxlRejReason.INVALID_PRICE_INCREMENT),
        ("plain", (5, 90, {"min_qty": QtyLots(2)}), CxlRejReason.UNSUPPORTED_CHANGE),
    ],
)
def test_changes_that_an_order_cannot_have_are_refused(
    target: str, change: tuple[int, int | None, dict[str, Any]], why: CxlRejReason
) -> None:
    book = Book(
        order("ice", "sell", 9, 100, display_qty=3),
        order("picky", "buy", 9, 90, min_qty=3),
        order("wait", "buy", 9, kind=STOP, stop_px=110),
        order("plain", "buy", 9, 90),
    )
    qty, price, more = change
    before = [(o.cl_ord_id, o.open_qty, o.key) for o in book.core.open_orders.values()]
    assert reason(book.replace(target, qty, price, **more)) is why
    assert [(o.cl_ord_id, o.open_qty, o.key) for o in book.core.open_orders.values()] == before


def test_a_quote_takes_no_special_orders() -> None:
    core = MakerCore()
    core.seed(Side.SELL, 100, 5)
    for msg in (
        order("x", "buy", 5, 100, tif="IOC", min_qty=2),
        order("x", "buy", 5, 100, tif="IOC", hidden=True),
        order("x", "buy", 5, kind=OrdType.MARKET_TO_LIMIT, tif="IOC"),
    ):
        assert reason(core.handle(msg, NOW)) is RejectReason.UNSUPPORTED_ORDER
