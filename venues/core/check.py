"""The invariants of an order book, each one checked the slow and obvious way.

Apart from the code that it checks: nothing here is used by matching, and nothing of matching is
used here. Numbers in the messages (I7 and so on) are those of the design notes on faults.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from sim.protocol.enums import ExecType, Side
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport, VenueReport
from venues.core.book import EMPTY, STALE, VACANT_ALLOWED, BookSide, PriceLevel, RestingOrder


def check_side(name: str, book: BookSide) -> None:
    """I7 and the order within queues; the remembered best and the remembered view are true."""
    keys = list(book.keys)
    _require(keys == sorted(set(keys)), f"{name}: keys are not in order: {keys}")
    known = sorted(book.level_at)
    _require(all(key * book.sign > 0 for key in known), f"{name}: a key of the other side: {known}")
    _require(keys == known, f"{name}: keys are {keys}, those of the levels {known}")
    open_keys = [key for key in keys if book.level_at[key].queue]
    first = open_keys[0] if open_keys else EMPTY
    _require(book.best == first, f"{name}: best is {book.best}, the first key {first}")
    vacant = len(keys) - len(open_keys)
    _require(book.vacant == vacant, f"{name}: counts {book.vacant} vacant levels of {vacant}")
    _require(vacant <= len(open_keys) + VACANT_ALLOWED, f"I17 {name}: {vacant} vacant levels")
    for key, level in book.level_at.items():
        _check_level(f"{name} at {abs(key)}", key, level)
    if book.shown_to != STALE:
        shown_keys = open_keys[: book.shown_depth]
        true = tuple((abs(key), book.level_at[key].qty) for key in shown_keys)
        shown = book.view(book.shown_depth)  # with what was touched since the last view
        _require(shown == true, f"{name}: shows {shown}, holds {true}")


def _check_level(place: str, key: int, level: PriceLevel) -> None:
    orders = list(level.queue.values())
    lots = sum(order.leaves_qty for order in orders)
    _require(level.qty == lots, f"I7 {place}: says {level.qty} lots, its orders hold {lots}")
    _require(level.joined >= len(orders), f"{place}: {level.joined} places for {len(orders)}")
    _require(
        all(older.rank < newer.rank for older, newer in pairwise(orders)),
        f"I9 {place}: the queue is not in order of arrival",
    )
    for order_id, order in level.queue.items():
        _require(order.order_id == order_id, f"{place}: {order} is filed under {order_id}")
        _require(order.key == key, f"{place}: {order} has another price")
        _require((order.side is Side.BUY) == (key < 0), f"{place}: {order} is of the other side")
        _require(0 < order.leaves_qty <= order.order_qty, f"I2 {place}: {order}")


def check_uncrossed(bids: BookSide, asks: BookSide) -> None:
    """I8: the best bid is below the best ask."""
    _require(asks.best > -bids.best, f"I8: bid {abs(bids.best)} meets ask {asks.best}")


def check_index(orders: Mapping[str, RestingOrder], bids: BookSide, asks: BookSide) -> None:
    """The index holds the resting orders, each under its own name, and no others."""
    check_index_of(orders, [*bids.living(), *asks.living()])


def check_index_of(orders: Mapping[str, RestingOrder], resting: Sequence[RestingOrder]) -> None:
    """The index holds these orders, each under its own name, and no others."""
    for order in resting:  # there may be a million: no text is made of one that is right
        if orders.get(order.cl_ord_id) is not order:
            raise InvariantError(f"{order} is not in the index")
    _require(len(orders) == len(resting), f"{len(orders)} in the index, {len(resting)} resting")


def check_finished(
    recent: Mapping[str, RestingOrder], before: Mapping[str, RestingOrder], memory: int
) -> None:
    """I17: finished orders are remembered within bounds, under their names, and hold nothing."""
    _require(len(recent) < memory, f"I17: {len(recent)} recently finished orders")
    _require(len(before) <= memory, f"I17: {len(before)} formerly finished orders")
    for name, order in [*recent.items(), *before.items()]:
        if order.cl_ord_id != name:
            raise InvariantError(f"{order} is filed under {name}")
        if not 0 <= order.leaves_qty <= order.order_qty:
            raise InvariantError(f"I2: {order}")


def fills_in(
    reports: Sequence[VenueReport],
) -> list[tuple[ExecutionReport, ExecutionReport]]:
    """I10 for the trades among reports: each as the taker's and the maker's fill."""
    fills = [
        report
        for report in reports
        if isinstance(report, ExecutionReport) and report.exec_type is ExecType.TRADE
    ]
    _require(len(fills) % 2 == 0, "I10: a fill without its other side")
    pairs = list(zip(fills[::2], fills[1::2], strict=True))
    for taker, maker in pairs:
        buys = taker.side is Side.BUY
        _require(maker.is_maker and not taker.is_maker, f"I10: one taker, one maker? {taker}")
        _require(buys != (maker.side is Side.BUY), f"I10: one buyer, one seller? {taker} {maker}")
        _require(
            (taker.last_px, taker.last_qty) == (maker.last_px, maker.last_qty),
            f"I10: the two sides differ: {taker} {maker}",
        )
        _require(
            (taker.contra_order_id, taker.order_id) == (maker.order_id, maker.contra_order_id),
            f"I10: the two sides name different trades: {taker} {maker}",
        )
    return pairs


def check_trades(reports: Sequence[VenueReport], bids: BookSide, asks: BookSide) -> None:
    """I9 and I10 for the trades that one message caused.

    What has traded at a price leaves nothing better behind, and nobody is passed over: all makers
    but the last are filled.
    """
    pairs = fills_in(reports)
    keys = []
    for taker, _ in pairs:
        buys = taker.side is Side.BUY
        keys.append((taker.last_px or 0) * (1 if buys else -1))
        contra = asks if buys else bids
        _require(contra.best >= keys[-1], f"I9: traded at {taker.last_px} past {abs(contra.best)}")
    _require(keys == sorted(keys), f"I9: a better price traded later: {keys}")
    for _, maker in pairs[:-1]:
        _require(maker.leaves_qty == 0, f"I9: passed over: {maker}")


def _require(holds: bool, broken: str) -> None:
    if not holds:
        raise InvariantError(broken)
