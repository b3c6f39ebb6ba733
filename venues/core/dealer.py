"""What dealers have in common: one party that answers each order for its whole size, or refuses it.

There is no queue and nothing shows of what others ask. A dealer prices by the best bid and offer of
lit venues as they have reached it. It takes orders that may not rest (IOC, FOK, market) and fills
them whole at one price or not at all. While it works on an order, the order is open: its owner may
cancel it, but not change it. Its own side of a trade is an order of nobody (account ``""``).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    Priority,
    RejectReason,
    SelfTrade,
    Side,
    TradingState,
)
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.nbbo import Nbbo
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import (
    DealerNote,
    DealerOutcome,
    Heard,
    Note,
    TradeLater,
    TradingChange,
    WakeAt,
)
from venues.core.book import KEY_MAX, RestingOrder
from venues.core.check import check_finished, check_index, check_side
from venues.core.checked_book import is_special
from venues.core.lit import may_rest
from venues.core.matching import MatchingCore
from venues.core.reports import acknowledgement, cancellation, make_report

_BUY: Final = Side.BUY
_NOTHING: Final[tuple[Levels, Levels]] = ((), ())


class Work(NamedTuple):
    """What a dealer knows of an order that it works on; ``middle`` in half ticks, as it came."""

    msg: NewOrderSingle
    price: int | None
    middle: int | None
    asked_ns: int


class DealerCore(MatchingCore):
    """Base of the dealers; a subclass says what becomes of an order that is well-formed.

    The orders that it works on lie in the two sides of the book, by their limits; nobody sees them
    and they never meet each other.

    Args:
        tick: Step of limits and prices here, in ticks of the instrument, > 0.
        lot: Quantity step, in lots of the instrument, > 0.

    Attributes:
        reference: The market as this dealer has received it.
        wakes: Wake-ups asked for.
        changes: None: a dealer itself has no hours.
        state: Always open.
        notes: What became of orders that it worked on.
    """

    def __init__(self, tick: int = 1, lot: int = 1) -> None:
        super().__init__(tick, lot)
        self.reference = Nbbo()
        self.wakes: list[WakeAt] = []
        self.changes: list[TradingChange] = []
        self.state = TradingState.OPEN
        self.notes: list[Note] = []
        self._work: dict[int, Work] = {}  # by order id

    def handle(
        self, msg: OrderMessage | BookSnapshot | Heard | TradeLater, now_ns: TimeNs
    ) -> list[VenueReport]:
        """Apply one message and return every report that it causes.

        Raises:
            TypeError: If ``msg`` is none of an order message, a book of another venue and a
                wake-up that it asked for.
        """
        if isinstance(msg, BookSnapshot | Heard):
            self._reports = []
            self._hear((msg,) if isinstance(msg, BookSnapshot) else msg.snapshots)
        elif isinstance(msg, TradeLater):
            order = self._orders.get(msg.name)
            waits = order is not None and order.order_id == msg.order_id
            self._reports = self._on_due(order, now_ns) if order is not None and waits else []
        else:
            super().handle(msg, now_ns)
        return self._reports

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Nothing, unless a subclass quotes."""
        return _NOTHING

    def check(self) -> None:
        """Walk every invariant of the orders that it works on.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        check_side("bids", self._bids)
        check_side("asks", self._asks)
        check_index(self._orders, self._bids, self._asks)
        check_finished(self._finished, self._finished_before, self._memory)
        partly = [order for order in self._orders.values() if order.cum_qty]
        if self._work.keys() != {order.order_id for order in self._orders.values()}:
            raise InvariantError(f"I17: works on {list(self._work)}, holds {list(self._orders)}")
        if partly:
            raise InvariantError(f"a dealer fills whole or not at all: {partly[0]}")

    # ------------------------------------------------------------ what a subclass says

    def _answer(
        self, msg: NewOrderSingle, order: RestingOrder, now_ns: TimeNs
    ) -> list[VenueReport]:
        """What becomes of an order; ``key`` is its limit, or that of a market order."""
        raise NotImplementedError

    def _on_due(self, order: RestingOrder, now_ns: TimeNs) -> list[VenueReport]:
        """The time of an order that it works on has come; never, where it works on none."""
        raise NotImplementedError

    def _unpriced(self, msg: NewOrderSingle) -> RejectReason | None:
        """Why there is no price for an order at all; None if there is one."""
        raise NotImplementedError

    def _moved(self) -> bool:
        """The market has moved; whether that is another state of what it publishes."""
        return False

    # ------------------------------------------------------------ messages

    def _middle(self) -> int | None:
        """The middle of the market in half ticks; None without a bid below an offer."""
        bid, ask = self.reference.bid, self.reference.ask
        return bid + ask if bid is not None and ask is not None and bid < ask else None

    def _hear(self, snapshots: Iterable[BookSnapshot]) -> None:
        reference = self.reference
        before = reference.bid, reference.ask
        for book in snapshots:
            bid, ask = (side[0][0] if side else None for side in (book.bids, book.asks))
            reference.on_touch(book.venue_id, bid, ask)
        if (reference.bid, reference.ask) != before and self._moved():
            self.venue_seq += 1

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        reason = super()._refusal(msg)
        if reason is None and (is_special(msg) or may_rest(msg) or msg.post_only):
            return RejectReason.UNSUPPORTED_ORDER
        return reason

    def _on_new(self, msg: NewOrderSingle, now_ns: TimeNs) -> list[VenueReport]:
        reason = self._refusal(msg) or self._unpriced(msg)
        if reason is not None:
            return [self.refuse_new(msg, reason, now_ns)]
        # A market order is a limit order that any price suits.
        price = msg.price if msg.price is not None else KEY_MAX if msg.side is _BUY else 1
        self._serial = serial = self._serial + 1
        order = RestingOrder(
            msg.cl_ord_id,
            msg.account,
            msg.side,
            serial,
            serial,
            -price if msg.side is _BUY else price,
            msg.order_qty,
            msg.order_qty,
            False,
            SelfTrade.NONE,
        )
        return self._answer(msg, order, now_ns)

    def _on_replace(self, msg: OrderCancelReplaceRequest, now_ns: TimeNs) -> list[VenueReport]:
        return [self.refuse_change(msg, CxlRejReason.TOO_LATE, now_ns)]

    def _on_reduce(self, msg: OrderReduceRequest, now_ns: TimeNs) -> list[VenueReport]:
        return [self.refuse_change(msg, CxlRejReason.TOO_LATE, now_ns)]

    # ------------------------------------------------------------ orders that it works on

    def _work_on(self, order: RestingOrder, work: Work, due_ns: int) -> None:
        """Keep an order until ``due_ns``."""
        self._orders[order.cl_ord_id] = order
        self._work[order.order_id] = work
        (self._bids if order.key < 0 else self._asks).join(order)
        due = TradeLater(due_ns, order.cl_ord_id, order.order_id)
        self.wakes.append(WakeAt(due_ns, Priority.FLOW, due))

    def _let_go(self, order: RestingOrder) -> Work:
        """Take an order that it worked on off the desk; whoever calls says how it ends."""
        (self._bids if order.key < 0 else self._asks).leave(order)
        del self._orders[order.cl_ord_id]
        return self._work.pop(order.order_id)

    def _on_cancel(self, msg: OrderCancelRequest, now_ns: TimeNs) -> list[VenueReport]:
        order = self._orders.get(msg.orig_cl_ord_id)
        reports = super()._on_cancel(msg, now_ns)
        if order is not None and msg.orig_cl_ord_id not in self._orders:
            work = self._work.pop(order.order_id)
            self._note(order, work.price, work, "canceled")
        return reports

    def _note(
        self, order: RestingOrder, price: int | None, work: Work, outcome: DealerOutcome
    ) -> None:
        """Say for the records what became of an order."""
        middle = self._middle()
        moved = None if middle is None or work.middle is None else middle - work.middle
        self.notes.append(
            DealerNote(
                order.cl_ord_id,
                order.side,
                order.order_qty,
                price,
                work.asked_ns,
                moved,
                outcome,
            )
        )

    # ------------------------------------------------------------ reports

    def _acknowledge(self, order: RestingOrder, now_ns: TimeNs) -> VenueReport:
        return acknowledgement(order, now_ns, self.venue_seq)

    def _deal(self, order: RestingOrder, price: int, now_ns: TimeNs) -> list[VenueReport]:
        """Acknowledge an order that is not in the book, and fill it."""
        fills = self._fill(order, price, now_ns)
        return [self._acknowledge(order, now_ns), *fills]

    def _pass(self, order: RestingOrder, now_ns: TimeNs) -> list[VenueReport]:
        """Acknowledge an order that is not in the book, and cancel it."""
        return [self._acknowledge(order, now_ns), self._give_up(order, now_ns)]

    def _give_up(self, order: RestingOrder, now_ns: TimeNs) -> VenueReport:
        """Cancel an order that is not in the book, whole and without a request."""
        self._remember(order)
        self._serial = exec_id = self._serial + 1
        return cancellation(order, exec_id, now_ns, self.venue_seq)

    def _fill(self, order: RestingOrder, price: int, now_ns: TimeNs) -> list[VenueReport]:
        """Trade an order that is not in the book, whole: its report, then the dealer's own."""
        self.venue_seq = seq = self.venue_seq + 1
        lots, side = order.leaves_qty, order.side
        order.leaves_qty = 0
        self._remember(order)
        house = self._serial + 1
        self._serial = house + 2
        self.last_px, self.last_qty = PriceTicks(price), QtyLots(lots)
        self.volume = QtyLots(self.volume + lots)
        # fmt: off
        return [
            make_report(
                ExecType.TRADE, OrdStatus.FILLED, order.cl_ord_id, order.account, order.order_id,
                house + 1, side, order.order_qty, order.order_qty, 0, now_ns, seq, price, lots,
                house,
            ),
            make_report(
                ExecType.TRADE, OrdStatus.FILLED, f"~{house}", "", house, house + 2,
                Side.SELL if side is _BUY else _BUY, lots, lots, 0, now_ns, seq, price, lots,
                order.order_id, True,
            ),
        ]
        # fmt: on


def suits(order: RestingOrder, price: int) -> bool:
    """Whether an order's limit allows a price."""
    return price <= -order.key if order.side is _BUY else price >= order.key


def whole(msg: NewOrderSingle, price: int | None) -> Levels:
    """All of an order at one price, as what it can reach; nothing if its limit forbids that."""
    if price is None or msg.order_qty <= 0:
        return ()
    limit = msg.price
    if limit is not None and (price > limit if msg.side is _BUY else price < limit):
        return ()
    return ((price, msg.order_qty),)
