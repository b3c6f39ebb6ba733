"""The invariants of a book with special orders, each one checked the slow and obvious way.

As in ``venues.core.check``, nothing here is used by matching. Two rules have exceptions here, and
these are they. I8, not crossed: all-or-none orders and orders with a minimum quantity may stand
against others, as long as they cannot trade with them. I9, nobody is passed over: such orders are
if they do not fit; an iceberg keeps lots back, and its next slice comes later; resting market
orders have no price of their own.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from sim.protocol.enums import Side
from sim.protocol.errors import InvariantError
from sim.protocol.orders import VenueReport
from venues.core.book import RestingOrder
from venues.core.check import check_finished, check_side, fills_in
from venues.core.special_orders import NO_LIMIT, Place, SpecialOrder, is_choosy

if TYPE_CHECKING:
    from venues.core.special_offers import SpecialOffers


def check_special(core: "SpecialOffers") -> None:
    """I2, I7, I8 and I17 of a book with special orders, and that each of them is in one place."""
    parts = core.parts()
    for name, side in parts.sides.items():
        check_side(name, side)
    queued = [order for side in parts.sides.values() for order in side.living()]
    unqueued = [*parts.market, *(order for order in parts.orders.values() if _waits(order))]
    everywhere = queued + unqueued
    for order in everywhere:
        _require(parts.orders.get(order.cl_ord_id) is order, f"{order} is not in the index")
    _require(len(parts.orders) == len(everywhere), f"{len(parts.orders)} in the index")
    special = [order for order in everywhere if isinstance(order, SpecialOrder)]
    _require(parts.special == len(special), f"counts {parts.special} special of {len(special)}")
    for order in special:
        _check_order(order, core)
    choosy = [order for order in queued + parts.market if is_choosy(order)]
    _require(
        sorted(order.order_id for order in choosy) == sorted(o.order_id for o in parts.choosy),
        "the choosy orders are not those that are listed",
    )
    stops = [order.order_id for order in special if order.place is Place.STOP]
    _require(sorted(stops) == sorted(o.order_id for o in parts.stops), "stops that nobody elects")
    check_finished(*parts.finished)
    for order in [*queued, *parts.market]:
        _check_still(order, core)


def _waits(order: RestingOrder) -> bool:
    return isinstance(order, SpecialOrder) and order.waits


def _check_order(order: SpecialOrder, core: "SpecialOffers") -> None:
    _require(order.place is not Place.NOWHERE, f"{order} is nowhere")
    _require(0 < order.open_qty <= order.order_qty, f"I2: {order}")
    _require(order.reserve >= 0, f"I2: {order}")
    if order.place is Place.DISPLAYED and order.display_qty:
        most = order.leaves_qty <= order.display_qty
        least = order.leaves_qty >= max(1, order.min_display_qty) or not order.reserve
        _require(most and least, f"I7: {order} does not show what it should")
    else:
        _require(order.reserve == 0, f"I7: {order} keeps lots back")
    if order.place is Place.MARKET:
        _require(order.key == NO_LIMIT, f"{order} has a limit")
    if order.peg is not None and not core.is_suspended:
        _require(core.is_where_its_peg_is(order), f"{order} is not where its reference puts it")


def _check_still(order: RestingOrder, core: "SpecialOffers") -> None:
    """I8: a resting order cannot trade with those on the other side."""
    if core.is_suspended:
        return
    _require(not core.could_trade(order), f"I8: {order} could trade")


def check_special_trades(reports: Sequence[VenueReport], core: "SpecialOffers") -> None:
    """I9 and I10 for the trades that one message caused, order by order.

    A choosy order may meet a better price later: what was too small for it before fits what is
    left of it. Resting market orders come first whatever their price is.
    """
    pairs = fills_in(reports)
    for name, group in groupby(pairs, key=lambda pair: pair[0].cl_ord_id):
        order = core.known_order(name)
        if order is None or is_choosy(order):
            continue
        fills = [taker for taker, maker in group if not _unpriced(maker.cl_ord_id, core)]
        keys = [(f.last_px or 0) * (1 if f.side is Side.BUY else -1) for f in fills]
        _require(keys == sorted(keys), f"I9: {order} met a better price later: {keys}")


def _unpriced(name: str, core: "SpecialOffers") -> bool:
    order = core.known_order(name)
    return order is not None and order.key == NO_LIMIT


def _require(holds: bool, broken: str) -> None:
    if not holds:
        raise InvariantError(broken)
