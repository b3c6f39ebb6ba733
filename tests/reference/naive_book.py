"""A price-time book that is slow and obviously right, to hold the fast one against.

All resting orders stand in one list. Whoever is next is found by looking at all of them; whether a
fill-or-kill order can be filled is found by trying it on a copy.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

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
    OrderMessage,
    OrderReduceRequest,
)

Request = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest


class Said(NamedTuple):
    """What a report says, without ids and times."""

    what: ExecType | CxlRejReason
    status: OrdStatus
    name: str
    account: str
    asked: int = 0
    filled: int = 0
    still_open: int = 0
    price: int | None = None
    lots: int = 0
    is_maker: bool = False
    reason: RejectReason | None = None
    of: str | None = None


@dataclass
class Order:
    """An order with open lots, or what became of it."""

    name: str
    account: str
    buys: bool
    price: int | None
    asked: int
    mode: SelfTrade
    post_only: bool
    arrived: int
    filled: int = 0
    ended: bool = False

    @property
    def left(self) -> int:
        """Open lots."""
        return 0 if self.ended else self.asked - self.filled

    @property
    def status(self) -> OrdStatus:
        """State after what has happened to it."""
        if self.filled == self.asked:
            return OrdStatus.FILLED
        if self.ended:
            return OrdStatus.CANCELED
        return OrdStatus.PARTIALLY_FILLED if self.filled else OrdStatus.NEW

    def say(self, what: ExecType, name: str | None = None, of: str | None = None) -> Said:
        """Tell its owner."""
        return Said(
            what,
            self.status,
            name or self.name,
            self.account,
            self.asked,
            self.filled,
            self.left,
            of=of,
        )


class NaiveBook:
    """The rules, one after the other."""

    def __init__(self, tick: int, lot: int) -> None:
        self.tick = tick
        self.lot = lot
        self.resting: list[Order] = []
        self.ended: list[Order] = []
        self.arrivals = 0
        self.seq = 0
        self.prints: list[tuple[int, int]] = []
        self.volume = 0

    def handle(self, msg: OrderMessage) -> list[Said]:
        """What everybody is told."""
        before, self.prints = self.picture(), []
        if isinstance(msg, NewOrderSingle):
            said = self.new(msg)
        elif isinstance(msg, OrderCancelRequest):
            said = self.cancel(msg)
        elif isinstance(msg, OrderCancelReplaceRequest):
            said = self.replace(msg)
        else:
            said = self.reduce(msg)
        if self.prints or self.picture() != before:
            self.seq += 1
        self.volume += sum(lots for _, lots in self.prints)
        return said

    def picture(self) -> list[tuple[bool, int | None, int, int]]:
        """Everything about the book but the orders' names."""
        return [(order.buys, order.price, order.left, order.arrived) for order in self.resting]

    def queue(self, side: Side) -> list[Order]:
        """Orders of one side, the next to trade first."""
        buys = side is Side.BUY
        mine = [order for order in self.resting if order.buys == buys]
        sign = -1 if buys else 1
        return sorted(mine, key=lambda order: (sign * (order.price or 0), order.arrived))

    def levels(self, side: Side) -> Levels:
        """Prices and lots of one side, best first."""
        lots: dict[int, int] = {}
        for order in self.queue(side):
            assert order.price is not None
            lots[order.price] = lots.get(order.price, 0) + order.left
        return tuple(lots.items())

    # ------------------------------------------------------------ messages

    def new(self, msg: NewOrderSingle) -> list[Said]:
        reason = self.fault(msg)
        if reason is not None:
            status = OrdStatus.REJECTED
            refusal = Said(ExecType.REJECTED, status, msg.cl_ord_id, msg.account, msg.order_qty)
            return [refusal._replace(reason=reason)]
        order = Order(
            msg.cl_ord_id,
            msg.account,
            msg.side is Side.BUY,
            msg.price,
            msg.order_qty,
            msg.self_trade,
            msg.post_only,
            self.arrive(),
        )
        said = [order.say(ExecType.NEW)]
        rests = msg.ord_type is OrdType.LIMIT
        match msg.time_in_force:
            case TimeInForce.FOK:
                rests = False
                if not self.would_fill(order):
                    self.end(order)
                    return [*said, order.say(ExecType.CANCELED)]
            case TimeInForce.IOC:
                rests = False
        return said + self.work(order, rests=rests)

    def fault(self, msg: NewOrderSingle) -> RejectReason | None:
        limit = msg.ord_type is OrdType.LIMIT
        if msg.order_qty <= 0 or msg.order_qty % self.lot:
            return RejectReason.INCORRECT_QUANTITY
        if limit != (msg.price is not None):
            return RejectReason.INVALID_PRICE_INCREMENT
        if msg.price is not None and (msg.price <= 0 or msg.price % self.tick):
            return RejectReason.INVALID_PRICE_INCREMENT
        if self.find(msg.cl_ord_id):
            return RejectReason.DUPLICATE_ORDER
        if msg.post_only:
            if not limit or msg.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
                return RejectReason.UNSUPPORTED_ORDER
            if any(self.meets(msg.side is Side.BUY, msg.price, order) for order in self.resting):
                return RejectReason.POST_ONLY_WOULD_TRADE
        return None

    def cancel(self, msg: OrderCancelRequest) -> list[Said]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        self.end(order)
        return [order.say(ExecType.CANCELED, msg.cl_ord_id, of=order.name)]

    def reduce(self, msg: OrderReduceRequest) -> list[Said]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        if msg.reduce_qty <= 0 or msg.reduce_qty % self.lot:
            return [self.refuse(msg, order, CxlRejReason.INCORRECT_QUANTITY)]
        if msg.reduce_qty >= order.left:
            self.end(order)
            return [order.say(ExecType.CANCELED, msg.cl_ord_id, of=order.name)]
        order.asked -= msg.reduce_qty
        return [order.say(ExecType.REPLACED, msg.cl_ord_id, of=order.name)]

    def replace(self, msg: OrderCancelReplaceRequest) -> list[Said]:
        order = self.owned(msg)
        if order is None:
            return [self.no_such(msg)]
        if msg.order_qty <= 0 or msg.order_qty % self.lot:
            return [self.refuse(msg, order, CxlRejReason.INCORRECT_QUANTITY)]
        if msg.price is None or msg.price <= 0 or msg.price % self.tick:
            return [self.refuse(msg, order, CxlRejReason.INVALID_PRICE_INCREMENT)]
        if self.find(msg.cl_ord_id):
            return [self.refuse(msg, order, CxlRejReason.DUPLICATE_ID)]
        closes = msg.order_qty <= order.filled
        crosses = any(self.meets(order.buys, msg.price, other) for other in self.resting)
        if order.post_only and crosses and not closes:
            return [self.refuse(msg, order, CxlRejReason.POST_ONLY_WOULD_TRADE)]
        old, more = order.name, msg.order_qty > order.asked
        order.name = msg.cl_ord_id
        if closes:
            order.asked = order.filled
            self.end(order)
            return [order.say(ExecType.REPLACED, of=old)]
        order.asked = msg.order_qty
        if not more and msg.price == order.price:
            return [order.say(ExecType.REPLACED, of=old)]
        self.resting.remove(order)
        order.price = msg.price
        order.arrived = self.arrive()
        return [order.say(ExecType.REPLACED, of=old), *self.work(order, rests=True)]

    # ------------------------------------------------------------ trading

    def meets(self, buys: bool, limit: int | None, other: Order) -> bool:
        """Whether an order with this limit may trade with a resting one."""
        if other.buys == buys:
            return False
        assert other.price is not None
        return limit is None or (other.price <= limit if buys else other.price >= limit)

    def would_fill(self, order: Order) -> bool:
        book, trial = deepcopy(self), deepcopy(order)
        book.work(trial, rests=False)
        return trial.filled == order.asked

    def work(self, order: Order, *, rests: bool) -> list[Said]:
        said: list[Said] = []
        while order.left:
            queue = self.queue(Side.SELL if order.buys else Side.BUY)
            makers = [other for other in queue if self.meets(order.buys, order.price, other)]
            if not makers:
                break
            maker = makers[0]
            lots = min(order.left, maker.left)
            if order.account and maker.account == order.account and order.mode != SelfTrade.NONE:
                match order.mode:
                    case SelfTrade.CANCEL_INCOMING:
                        rests = False
                        break
                    case SelfTrade.CANCEL_RESTING:
                        said.append(self.stop(maker))
                    case SelfTrade.CANCEL_BOTH:
                        said.append(self.stop(maker))
                        rests = False
                        break
                    case SelfTrade.DECREMENT:
                        said.append(self.shorten(maker, lots))
                        if lots == order.left:
                            rests = False
                            break
                        said.append(self.shorten(order, lots))
                continue
            assert maker.price is not None
            order.filled += lots
            maker.filled += lots
            self.prints.append((maker.price, lots))
            for side in (order, maker):
                told = side.say(ExecType.TRADE)
                said.append(told._replace(price=maker.price, lots=lots, is_maker=side is maker))
            if not maker.left:
                self.end(maker)
        if order.left and rests:
            self.resting.append(order)
        elif order.left:
            said.append(self.stop(order))
        else:
            self.end(order)
        return said

    def stop(self, order: Order) -> Said:
        self.end(order)
        return order.say(ExecType.CANCELED)

    def shorten(self, order: Order, lots: int) -> Said:
        if lots == order.left:
            return self.stop(order)
        order.asked -= lots
        return order.say(ExecType.REPLACED)

    def end(self, order: Order) -> None:
        order.ended = True
        if order in self.resting:
            self.resting.remove(order)
        self.ended.append(order)

    # ------------------------------------------------------------ who is who

    def arrive(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def find(self, name: str) -> Order | None:
        return next((order for order in self.resting if order.name == name), None)

    def owned(self, msg: Request) -> Order | None:
        order = self.find(msg.orig_cl_ord_id)
        return order if order is not None and order.account == msg.account else None

    def no_such(self, msg: Request) -> Said:
        done = [order for order in self.ended if order.name == msg.orig_cl_ord_id]
        if self.find(msg.orig_cl_ord_id) or not done or done[-1].account != msg.account:
            return self.refuse(msg, None, CxlRejReason.UNKNOWN_ORDER)
        return self.refuse(msg, done[-1], CxlRejReason.TOO_LATE)

    def refuse(self, msg: Request, order: Order | None, reason: CxlRejReason) -> Said:
        status = OrdStatus.REJECTED if order is None else order.status
        return Said(reason, status, msg.cl_ord_id, msg.account, of=msg.orig_cl_ord_id)
