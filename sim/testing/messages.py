"""Order messages with sane defaults, for tests: in ticks and lots, or from decimals."""

from decimal import Decimal
from typing import Any, Final

import msgspec

from sim.protocol.enums import ExecType, OrdStatus, OrdType, RejectReason, Side, TimeInForce
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, UnitError, Units

_SIDES: Final = {side.value: side for side in Side}
_TIFS: Final = {tif.value: tif for tif in TimeInForce}
_LEFT: Final = (ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED, ExecType.DONE_FOR_DAY)
_STATUS: Final = {
    ExecType.NEW: OrdStatus.NEW,
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.DONE_FOR_DAY: OrdStatus.DONE_FOR_DAY,
    ExecType.REPLACED: OrdStatus.NEW,
    ExecType.PENDING_CANCEL: OrdStatus.PENDING_CANCEL,
    ExecType.PENDING_REPLACE: OrdStatus.PENDING_REPLACE,
}

Number = int | str | Decimal
"""A price or quantity as people write it; text is the safest: ``"100.02"``."""


def side_of(side: str | Side) -> Side:
    """A side by its name.

    Raises:
        ValueError: If it is none.
    """
    return side if isinstance(side, Side) else _named(side, _SIDES, "side")


def tif_of(tif: str | TimeInForce) -> TimeInForce:
    """A time in force by its name.

    Raises:
        ValueError: If it is none.
    """
    return tif if isinstance(tif, TimeInForce) else _named(tif, _TIFS, "tif")


def ticks_of(units: Units, price: Number, what: str) -> PriceTicks:
    """Whole ticks of a price.

    Raises:
        ValueError: If it is no price of the instrument's grid.
    """
    try:
        return units.price_to_ticks(_decimal(price))
    except UnitError as error:
        raise ValueError(f"{what} {error}") from None


def lots_of(units: Units, qty: Number, what: str) -> QtyLots:
    """Whole lots of a quantity.

    Raises:
        ValueError: If it is not a whole number of lots.
    """
    try:
        return units.qty_to_lots(_decimal(qty))
    except UnitError as error:
        raise ValueError(f"{what} {error}") from None


def make_order(
    cl_ord_id: str = "O1",
    side: str | Side = "buy",
    qty: int = 100,
    price: int = 100,
    *,
    tif: str | TimeInForce = "IOC",
    **more: Any,
) -> NewOrderSingle:
    """A limit order.

    Args:
        cl_ord_id: Its id.
        side: ``buy``, ``sell`` or ``sell_short``.
        qty: Lots.
        price: Its limit in ticks.
        tif: ``IOC``, ``FOK``, ``DAY`` or ``GTC``.
        more: Other fields of ``NewOrderSingle``.

    Raises:
        ValueError: If the side or the time in force is none.
    """
    return NewOrderSingle(
        cl_ord_id,
        side_of(side),
        QtyLots(qty),
        PriceTicks(price),
        more.pop("ord_type", OrdType.LIMIT),
        tif_of(tif),
        **more,
    )


def make_report(
    order: NewOrderSingle,
    kind: str | ExecType = "trade",
    qty: int | None = None,
    price: int | None = None,
    *,
    cum_qty: int | None = None,
    exec_id: int = 1,
    **more: Any,
) -> ExecutionReport:
    """What a venue says of an order, for tests without any venue.

    Args:
        order: The order.
        kind: ``new``, ``trade``, ``canceled``, ``rejected``, ...
        qty: Lots of a trade; without it all.
        price: Price of a trade in ticks; without it the order's limit.
        cum_qty: Lots filled in all by then; without it those of this report.
        exec_id: Number of the report.
        more: Other fields of ``ExecutionReport``.

    Raises:
        ValueError: If there is no such kind.
    """
    names = {one.value: one for one in ExecType}
    exec_type = kind if isinstance(kind, ExecType) else _named(kind, names, "kind")
    trades = exec_type is ExecType.TRADE
    last = (order.order_qty if qty is None else qty) if trades else 0
    cum = last if cum_qty is None else cum_qty
    leaves = 0 if exec_type in _LEFT else max(0, order.order_qty - cum)
    status = _STATUS.get(exec_type)
    if status is None or (exec_type is ExecType.NEW and cum):
        status = OrdStatus.PARTIALLY_FILLED if leaves else OrdStatus.FILLED
    if exec_type is ExecType.REJECTED:
        more.setdefault("reject_reason", RejectReason.UNSUPPORTED_ORDER)
    report = ExecutionReport(
        exec_type,
        status,
        order.cl_ord_id,
        order.account,
        1,
        exec_id,
        order.side,
        order.order_qty,
        QtyLots(cum),
        QtyLots(leaves),
        TimeNs(0),
        0,
        last_px=(order.price if price is None else PriceTicks(price)) if trades else None,
        last_qty=QtyLots(last),
    )
    return msgspec.structs.replace(report, **more)


def _decimal(number: Number) -> Decimal | str:
    if isinstance(number, bool) or not isinstance(number, int | str | Decimal):
        raise UnitError(
            f'must be a whole number, decimal text such as "100.02" or a Decimal, was {number!r}'
        )
    return Decimal(number) if isinstance(number, int) else number


def _named(name: str, table: dict[str, Any], what: str) -> Any:
    if name not in table:
        raise ValueError(f"{what} must be one of {', '.join(table)}, was {name!r}")
    return table[name]
