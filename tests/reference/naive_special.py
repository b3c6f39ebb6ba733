"""A book with special orders that is slow and obviously right, to hold the fast one against.

Icebergs, hidden orders, stops, minimum quantities and all-or-none orders. All orders that are open
stand in one list. Whoever is next is found by looking at all of them, again after each trade;
whether an order could be filled is found by trying it on a copy. It shares no code with the core
and knows neither levels nor queues, and knows of no fast path.
"""

from copy import deepcopy
from typing import TYPE_CHECKING

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    SelfTrade,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import Levels
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderInstructions,
    OrderMessage,
    OrderReduceRequest,
)

if TYPE_CHECKING:
    from tests.reference.naive_orders import Order, Settings, Told
else:
    # Tests cannot import each other: ``conftest.py`` has loaded it from its file.
    from sorsim_naive_orders import Order, Settings, Told

Request = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest
STOPS = {OrdType.STOP, OrdType.STOP_LIMIT}


class NaiveSpecialBook:
    """The rules, one after the other; every step of prices and lots is 1."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.open: list[Order] = []
        self.ended: list[Order] = []
        self.arrivals = 0
        self.seq = 0
        self.last: int | None = None
        self.unseen: list[int] = []  # prices of trades that stops have not been held against
        self.prints: list[tuple[int, int]] = []
        self.volume = 0

    def handle(self, msg: OrderMessage) -> list[Told]:
        """What everybody is told."""
        before, self.prints = self.picture(), []
        if isinstance(msg, NewOrderSingle):
            told = self.new(msg)
        elif isinstance(msg, OrderCancelRequest):
            told = self.cancel(msg)
        elif isinstance(msg, OrderCancelReplaceRequest):
            told = self.replace(msg)
        else:
            told = self.reduce(msg)
        while self.elect(told) or self.wake(told):
            pass
        if self.prints or self.picture() != before:
            self.seq += 1
        self.volume += sum(lots for _, lots in self.prints)
        return told

    def picture(self) -> list[tuple[object, ...]]:
        """Everything about the book but the orders' names."""
        return [
            (o.buys, o.price, o.left, o.shown, o.arrived, o.min_qty, o.stop, o.waits)
            for o in self.open
        ]

    def best(self, *, buys: bool) -> int | None:
        """The best displayed price of a side."""
        prices = [
            order.price
            for order in self.open
            if order.buys == buys and not order.waits and not order.extras.hidden
            if order.price is not None
        ]
        if not prices:
            return None
        return max(prices) if buys else min(prices)

    def trades_at(self, order: Order) -> int:
        """The price at which a resting order trades."""
        assert order.price is not None
        inside, other = self.settings.hidden_improvement, self.best(buys=not order.buys)
        if not order.extras.hidden or inside is None or other is None:
            return order.price
        if order.buys:
            return other - inside if order.price > other else order.price
        return other + inside if order.price < other else order.price

    def queue(self, *, buys: bool) -> list[Order]:
        """Resting orders of one side, the next to trade first."""
        mine = [order for order in self.open if order.buys == buys and not order.waits]
        sign = -1 if buys else 1
        return sorted(mine, key=lambda o: (sign * self.trades_at(o), o.extras.hidden, o.arrived))

    def levels(self, side: Side) -> Levels:
        """Prices and displayed lots of one side, best first."""
        lots: dict[int, int] = {}
        for order in self.queue(buys=side is Side.BUY):
            if not order.extras.hidden:
                assert order.price is not None
                lots[order.price] = lots.get(order.price, 0) + order.shown
        return tuple(lots.items())

    # ------------------------------------------------------------ new orders and stops

    def new(self, msg: NewOrderSingle) -> list[Told]:
        extras = msg.instructions or OrderInstructions()
        order = Order(
            msg.cl_ord_id,
            msg.account,
            msg.side is Side.BUY,
            msg.price,
            msg.order_qty,
            msg.ord_type,
            msg.time_in_force,
            msg.self_trade,
            msg.post_only,
            0,
            msg.min_qty,
            extras,
            extras.stop_px,
        )
        reason = self.fault(order)
        if reason is not None:
            refused = Told(
                ExecType.REJECTED, OrdStatus.REJECTED, order.name, order.account, order.asked
            )
            return [refused._replace(reason=reason)]
        order.arrived = self.arrive()
        told = [order.tell(ExecType.NEW)]
        if order.kind in STOPS and not self.reached(order, [self.last]):
            order.waits = True
            self.open.append(order)
            return told
        self.start(order, told)
        return told

    def fault(self, order: Order) -> RejectReason | None:
        shown = order.extras.display_qty
        if order.asked <= 0 or not 0 <= order.min_qty <= order.asked:
            return RejectReason.INCORRECT_QUANTITY
        if shown is not None and not 0 < shown <= order.asked:
            return RejectReason.INCORRECT_QUANTITY
        if self.find(order.name):
            return RejectReason.DUPLICATE_ORDER
        at_once = order.tif in {TimeInForce.IOC, TimeInForce.FOK}
        if order.post_only and (at_once or order.kind is not OrdType.LIMIT):
            return RejectReason.UNSUPPORTED_ORDER
        if order.kind in STOPS:
            if self.settings.stop_on_entry == "reject" and self.reached(order, [self.last]):
                return RejectReason.STOP_PRICE_REACHED
        elif order.post_only and self.meets_any(order):
            return RejectReason.POST_ONLY_WOULD_TRADE
        return None

    def meets_any(self, order: Order) -> bool:
        """Whether a post-only order would take; a plain one must not even meet anybody."""
        if order.choosy or order.extras != OrderInstructions():
            return self.would_trade(order, order.price)
        anybody = deepcopy(order)
        anybody.asked, anybody.mode = 10**9, SelfTrade.NONE
        return self.would_trade(anybody, order.price)

    def reached(self, order: Order, prices: list[int | None]) -> bool:
        assert order.stop is not None
        return any(
            price is not None and (price >= order.stop if order.buys else price <= order.stop)
            for price in prices
        )

    def start(self, order: Order, told: list[Told]) -> None:
        """Bring an order into the market."""
        if order.kind in STOPS:
            order.kind = OrdType.MARKET if order.kind is OrdType.STOP else OrdType.LIMIT
            order.arrived = self.arrive()
            told.append(order.tell(ExecType.TRIGGERED))
        if order.tif is TimeInForce.FOK and not self.would_fill(order, order.price):
            told.append(self.stop(order))
            return
        at_once = order.tif in {TimeInForce.IOC, TimeInForce.FOK}
        rests = order.kind is OrdType.LIMIT and not at_once
        self.work(order, order.price, told, rests=rests)

    def elect(self, told: list[Told]) -> bool:
        prices, self.unseen = self.unseen, []
        chosen = [o for o in self.open if o.waits and self.reached(o, list(prices))]
        chosen.sort(key=lambda order: order.arrived)
        if self.settings.stop_election == "furthest":
            chosen.sort(key=lambda order: -abs((order.stop or 0) - (self.last or 0)))
        for order in chosen:
            if order in self.open:
                self.open.remove(order)
                order.waits = False
                self.start(order, told)
        return bool(chosen)

    def wake(self, told: list[Told]) -> bool:
        for order in sorted(self.open, key=lambda order: order.arrived):
            if order.choosy and not order.waits:
                limit = self.trades_at(order)
                if self.would_trade(order, limit):
                    self.open.remove(order)
                    order.arrived = self.arrive()
                    self.work(order, limit, told, rests=True)
                    return True
        return False

    # ------------------------------------------------------------ requests

    def cancel(self, msg: OrderCancelRequest) -> list[Told]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        self.end(order)
        return [order.tell(ExecType.CANCELED, msg.cl_ord_id, of=order.name)]

    def reduce(self, msg: OrderReduceRequest) -> list[Told]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        if msg.reduce_qty <= 0:
            return [self.refuse(msg, order, CxlRejReason.INCORRECT_QUANTITY)]
        if msg.reduce_qty >= order.left:
            self.end(order)
            return [order.tell(ExecType.CANCELED, msg.cl_ord_id, of=order.name)]
        self.cut(order, msg.reduce_qty)
        return [order.tell(ExecType.REPLACED, msg.cl_ord_id, of=order.name)]

    def replace(self, msg: OrderCancelReplaceRequest) -> list[Told]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        reason = self.change_fault(msg, order)
        if reason is not None:
            return [self.refuse(msg, order, reason)]
        old, order.name = order.name, msg.cl_ord_id
        told = []
        if msg.order_qty <= order.filled:
            order.asked = order.filled
            self.end(order)
            return [order.tell(ExecType.REPLACED, of=old)]
        iceberg = order.extras.display_qty is not None and not order.waits
        grows = msg.order_qty > order.asked
        enough = order.shown >= max(1, order.extras.min_display_qty)
        stays = iceberg and enough and self.settings.iceberg_size_up == "keeps_priority"
        new_stop = order.stop if msg.stop_px is None else msg.stop_px
        if msg.price == order.price and new_stop == order.stop and (stays or not grows):
            if grows:
                order.asked = msg.order_qty
            else:
                self.cut(order, order.asked - msg.order_qty)
            if msg.min_qty is not None:
                order.min_qty = msg.min_qty
            return [order.tell(ExecType.REPLACED, of=old)]
        self.open.remove(order)
        waited, order.waits, order.shown = order.waits, False, 0
        order.asked, order.price, order.stop = msg.order_qty, msg.price, new_stop
        if msg.min_qty is not None:
            order.min_qty = msg.min_qty
        told.append(order.tell(ExecType.REPLACED, of=old))
        order.arrived = self.arrive()
        if not waited:
            self.work(order, order.price, told, rests=True)
        elif self.reached(order, [self.last]):
            self.start(order, told)
        else:
            order.waits = True
            self.open.append(order)
        return told

    def change_fault(self, msg: OrderCancelReplaceRequest, order: Order) -> CxlRejReason | None:
        least = order.min_qty if msg.min_qty is None else msg.min_qty
        special = order.choosy or order.waits or order.extras != OrderInstructions()
        if msg.order_qty <= 0 or (special and least > msg.order_qty):
            return CxlRejReason.INCORRECT_QUANTITY
        unpriced = order.kind is OrdType.STOP
        if msg.price is None and not unpriced:
            return CxlRejReason.INVALID_PRICE_INCREMENT
        if self.find(msg.cl_ord_id) and not special:
            return CxlRejReason.DUPLICATE_ID
        picky = order.extras.all_or_none or order.extras.display_qty is not None
        if (
            (msg.price is not None and unpriced)
            or (msg.stop_px is not None and not order.waits)
            or (least > 0 and (picky or not special))
        ):
            return CxlRejReason.UNSUPPORTED_CHANGE
        if self.find(msg.cl_ord_id):
            return CxlRejReason.DUPLICATE_ID
        if order.waits and self.settings.stop_on_entry == "reject":
            wanted = deepcopy(order)
            wanted.stop = order.stop if msg.stop_px is None else msg.stop_px
            if self.reached(wanted, [self.last]):
                return CxlRejReason.STOP_PRICE_REACHED
        if order.post_only and msg.order_qty > order.filled:
            wanted = deepcopy(order)
            wanted.price = msg.price
            if self.meets_any(wanted):
                return CxlRejReason.POST_ONLY_WOULD_TRADE
        return None

    # ------------------------------------------------------------ trading

    def would_fill(self, order: Order, limit: int | None) -> bool:
        """By trying it on a copy."""
        book, trial = deepcopy(self), deepcopy(order)
        if order.mode is not SelfTrade.CANCEL_RESTING and order.mode is not SelfTrade.NONE:
            # Any other mode stops or shortens the order at the first of its own.
            trial.mode = SelfTrade.CANCEL_INCOMING
        trial.extras = OrderInstructions()
        book.work(trial, limit, [], rests=False)
        return trial.filled == order.asked

    def would_trade(self, order: Order, limit: int | None) -> bool:
        if order.extras.all_or_none:
            return self.would_fill(order, limit)
        for maker in self.makers(order, limit):
            if not self.same(order, maker):
                if self.fit(order, maker):
                    return True
            elif order.mode is not SelfTrade.CANCEL_RESTING:
                return False
        return False

    def makers(self, order: Order, limit: int | None) -> list[Order]:
        queue = self.queue(buys=not order.buys)
        if limit is None:
            return queue
        return [
            o
            for o in queue
            if (self.trades_at(o) <= limit if order.buys else self.trades_at(o) >= limit)
        ]

    @staticmethod
    def same(order: Order, maker: Order) -> bool:
        same = bool(order.account) and maker.account == order.account
        return same and order.mode is not SelfTrade.NONE

    @staticmethod
    def fit(order: Order, maker: Order) -> int:
        """Lots of an execution of these two; 0: none."""
        lots = min(order.left, maker.shown)
        return lots if lots >= max(min(order.min_qty, order.left), maker.least) else 0

    def work(self, order: Order, limit: int | None, told: list[Told], *, rests: bool) -> None:
        """Trade an order that is in no list, then let it rest or end it."""
        passed: list[Order] = []
        before, stopped = order.filled, False
        idle = order.extras.all_or_none and not self.would_fill(order, limit)
        while order.left and not stopped and not idle:
            makers = [m for m in self.makers(order, limit) if m not in passed]
            if not makers:
                break
            maker = makers[0]
            if self.same(order, maker):
                stopped = self.prevent(order, maker, told)
                continue
            lots = self.fit(order, maker)
            if lots:
                self.trade(order, maker, lots, told)
            else:
                passed.append(maker)
        if not order.left:
            if not order.ended:
                self.end(order)
        elif not rests or stopped or (order.filled > before and self.too_few(order)):
            told.append(self.stop(order))
        else:
            peak: int | None = order.extras.display_qty
            if peak is not None and self.settings.iceberg_residual == "slice":
                of_slice = peak - (order.filled - before) % peak
                peak = of_slice if of_slice >= order.extras.min_display_qty else peak
            order.shown = order.left if peak is None else min(peak, order.left)
            self.open.append(order)

    def trade(self, order: Order, maker: Order, lots: int, told: list[Told]) -> None:
        price = self.trades_at(maker)
        order.filled += lots
        maker.filled += lots
        maker.shown -= lots
        self.prints.append((price, lots))
        self.unseen.append(price)
        self.last = price
        for side in (order, maker):
            about = side.tell(ExecType.TRADE)
            told.append(about._replace(price=price, lots=lots, is_maker=side is maker))
        peak = maker.extras.display_qty
        if not maker.left:
            self.end(maker)
        elif self.too_few(maker):
            told.append(self.stop(maker))
        elif peak is not None and maker.shown < min(
            maker.left, max(1, maker.extras.min_display_qty)
        ):
            maker.shown = min(peak, maker.left)
            maker.arrived = self.arrive()

    def too_few(self, order: Order) -> bool:
        return order.extras.hidden and order.left < self.settings.hidden_min_remainder

    def prevent(self, order: Order, maker: Order, told: list[Told]) -> bool:
        """Self-trade prevention; True if the order ends here."""
        if order.mode is SelfTrade.CANCEL_INCOMING:
            return True
        if order.mode is not SelfTrade.DECREMENT:
            told.append(self.stop(maker))
            return order.mode is SelfTrade.CANCEL_BOTH
        lots = min(order.left, maker.left)
        if lots == maker.left:
            told.append(self.stop(maker))
        else:
            self.cut(maker, lots)
            told.append(maker.tell(ExecType.REPLACED))
        if lots == order.left:
            return True
        order.asked -= lots
        told.append(order.tell(ExecType.REPLACED))
        return False

    def cut(self, order: Order, lots: int) -> None:
        """Take lots off an order in its place; what an iceberg keeps back goes first."""
        order.asked -= lots
        order.shown = min(order.shown, order.left)

    def stop(self, order: Order) -> Told:
        self.end(order)
        return order.tell(ExecType.CANCELED)

    def end(self, order: Order) -> None:
        order.ended = True
        if order in self.open:
            self.open.remove(order)
        self.ended.append(order)

    # ------------------------------------------------------------ who is who

    def arrive(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def find(self, name: str) -> Order | None:
        return next((order for order in self.open if order.name == name), None)

    def owned(self, msg: Request) -> Order | None:
        order = self.find(msg.orig_cl_ord_id)
        return order if order is not None and order.account == msg.account else None

    def no_such(self, msg: Request) -> Told:
        done = [order for order in self.ended if order.name == msg.orig_cl_ord_id]
        if self.find(msg.orig_cl_ord_id) or not done or done[-1].account != msg.account:
            return self.refuse(msg, None, CxlRejReason.UNKNOWN_ORDER)
        return self.refuse(msg, done[-1], CxlRejReason.TOO_LATE)

    def refuse(self, msg: Request, order: Order | None, reason: CxlRejReason) -> Told:
        status = OrdStatus.REJECTED if order is None else order.status
        return Told(reason, status, msg.cl_ord_id, msg.account, of=msg.orig_cl_ord_id)
