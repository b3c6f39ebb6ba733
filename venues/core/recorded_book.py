"""A book that follows recorded level-2 data, and that orders may take from.

The rule is *what we took stays taken*. A recording knows nothing of us, so lots that an order of
ours took are still recorded. Therefore, per side and raw price, ``taken`` counts them, and only
``recorded - taken`` is displayed and can be traded. When the recorded size of a level falls,
``taken`` is cut down to it and no further: the recording cannot say whose lots went, so they are
taken to be lots that we had left there. Lots that are added later are new. So the same
displayed lot is never filled twice, and what we fill at a price never exceeds what was newly
displayed there. A level that goes to 0 and comes back at a later instant is new.

Raw prices identify levels: a shift moves what is displayed (raw price + shift of the side) and
forgets nothing. Rows of one instant apply together, so that a full re-snapshot (clear, then levels)
forgets only levels that are not in it. The recording is believed: if it shows a crossed book, this
book is crossed.

Orders may not rest: a fill of a resting one would need a model of its place in the queue. Pure, and
ignorant of files and time.
"""

from typing import Final

from sim.protocol.enums import (
    CxlRejReason,
    ExecType,
    OrdStatus,
    OrdType,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import AnchorShift, LevelChange, Levels, RecordedGroup, Trade
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import KEY_MAX
from venues.core.checked_book import is_special
from venues.core.lit import may_rest
from venues.core.order_book import MEMORY
from venues.core.recorded_side import RecordedSide
from venues.core.reports import make_report, refusal, rejection

_BUY: Final = Side.BUY
_FOK: Final = TimeInForce.FOK

_Request = OrderCancelRequest | OrderCancelReplaceRequest | OrderReduceRequest


class RecordedBook:
    """A venue's core over recorded data. Answers ``RecordedGroup`` and order messages.

    Reports of one order: NEW, a TRADE per level, CANCELED for a remainder; nobody is on the other
    side. ``trades`` holds our fills and, for a recorded group, its prints at displayed prices;
    both count in ``volume``.

    Args:
        tick: Price step of orders, in ticks of the instrument, > 0. Displayed prices follow the
            recording and its shifts, on this grid or not.
        lot: Quantity step, in lots of the instrument, > 0. What a level has beyond a whole
            multiple is not displayed.
        memory: A finished order is remembered for at least this many later orders, > 0.
    """

    def __init__(self, tick: int = 1, lot: int = 1, memory: int = MEMORY) -> None:
        for name, value in (("tick", tick), ("lot", lot), ("memory", memory)):
            if value <= 0:
                raise ValueError(f"{name} must be > 0, was {value}")
        self.venue_seq = 0
        self.last_px: PriceTicks | None = None
        self.last_qty = QtyLots(0)
        self.volume = QtyLots(0)
        self.trades: list[Trade] = []
        self._tick = tick
        self._lot = lot
        self._memory = memory
        self._bids = RecordedSide(-1, lot)
        self._asks = RecordedSide(1, lot)
        self._finished: dict[str, tuple[str, OrdStatus, int]] = {}
        self._finished_before: dict[str, tuple[str, OrdStatus, int]] = {}
        self._order_id = 0
        self._exec_id = 0

    def handle(
        self, msg: RecordedGroup | NewOrderSingle | _Request, now_ns: TimeNs
    ) -> list[VenueReport]:
        """Apply one message and return every report that it causes.

        ``venue_seq`` goes up by one with each recorded group and with each order that trades.
        """
        if isinstance(msg, RecordedGroup):
            self._play(msg)
            return []
        self.trades = []
        if isinstance(msg, NewOrderSingle):
            return self._on_new(msg, now_ns)
        return [self._refused(msg, now_ns)]

    def published(self, depth: int) -> tuple[Levels, Levels]:
        """Bids and asks, at most ``depth`` levels each."""
        return self._bids.view(depth), self._asks.view(depth)

    def reachable(self, side: Side, limit: int | None, depth: int) -> Levels:
        """What an order on ``side`` with this limit could take of the ``depth`` best levels."""
        contra = self._asks if side is _BUY else self._bids
        return contra.reach(limit, depth)

    def reachable_by(self, msg: NewOrderSingle, depth: int) -> Levels:
        """What this order could take now, in the ``depth`` best levels."""
        return self.reachable(msg.side, msg.price, depth)

    def refuse_new(
        self, msg: NewOrderSingle, reason: RejectReason, now_ns: TimeNs
    ) -> ExecutionReport:
        """Refuse a new order for a reason that the book does not know."""
        self._exec_id += 1
        return rejection(msg, reason, self._exec_id, now_ns, self.venue_seq)

    def refuse_change(
        self, msg: _Request, reason: CxlRejReason, now_ns: TimeNs
    ) -> OrderCancelReject:
        """Refuse a request; whatever the reason, no order is open here that it could be for."""
        return self._refused(msg, now_ns)

    def check(self) -> None:
        """Walk every invariant of both sides.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        self._bids.check("bids")
        self._asks.check("asks")

    # ------------------------------------------------------------ the recording

    def _play(self, group: RecordedGroup) -> None:
        bids, asks = self._bids, self._asks
        self.trades = trades = []
        for event in group.events:
            if isinstance(event, LevelChange):
                (bids if event.side is _BUY else asks).record(event.price, event.qty)
            elif isinstance(event, AnchorShift):
                (bids if event.side is _BUY else asks).move(event.shift)
            elif isinstance(event, Trade):
                price = event.price + (asks if event.aggressor is _BUY else bids).shift
                if price > 0:
                    trades.append(Trade(PriceTicks(price), event.qty, event.aggressor))
            else:
                bids.clear()
                asks.clear()
        bids.settle()
        asks.settle()
        self.venue_seq += 1
        for trade in trades:
            self._print(trade)

    def _print(self, trade: Trade) -> None:
        self.last_px = trade.price
        self.last_qty = trade.qty
        self.volume = QtyLots(self.volume + trade.qty)

    # ------------------------------------------------------------ orders

    def _on_new(self, msg: NewOrderSingle, now_ns: TimeNs) -> list[VenueReport]:
        reason = self._refusal(msg)
        if reason is not None:
            return [self.refuse_new(msg, reason, now_ns)]
        contra = self._asks if msg.side is _BUY else self._bids
        qty = msg.order_qty
        left: int = qty
        fills = contra.fills(msg.price, qty)
        if msg.time_in_force is _FOK and sum(lots for _, _, lots in fills) < qty:
            fills = []
        if fills:
            self.venue_seq += 1
        self._order_id += 1
        new, partial = OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED
        out: list[VenueReport] = [self._report(msg, (ExecType.NEW, new), 0, qty, now_ns)]
        for key, price, lots in fills:
            contra.take(key, lots)
            left -= lots
            trade = Trade(PriceTicks(price), QtyLots(lots), msg.side)
            self.trades.append(trade)
            self._print(trade)
            status = partial if left else OrdStatus.FILLED
            out.append(self._report(msg, (ExecType.TRADE, status), qty - left, left, now_ns, trade))
        if left:
            canceled = (ExecType.CANCELED, OrdStatus.CANCELED)
            out.append(self._report(msg, canceled, qty - left, 0, now_ns))
        self._remember(msg, OrdStatus.CANCELED if left else OrdStatus.FILLED)
        return out

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        """Why an order cannot be accepted; None if it can."""
        qty, price = msg.order_qty, msg.price
        if not 0 < qty <= KEY_MAX or qty % self._lot:
            return RejectReason.INCORRECT_QUANTITY
        if is_special(msg):
            return RejectReason.UNSUPPORTED_ORDER
        if msg.ord_type is OrdType.LIMIT:
            if price is None or not 0 < price <= KEY_MAX or price % self._tick:
                return RejectReason.INVALID_PRICE_INCREMENT
        elif price is not None:
            return RejectReason.INVALID_PRICE_INCREMENT
        if msg.post_only or msg.min_qty or may_rest(msg):
            return RejectReason.UNSUPPORTED_ORDER
        return None

    def _report(  # noqa: PLR0917 - private, and by position like the report itself
        self,
        msg: NewOrderSingle,
        state: tuple[ExecType, OrdStatus],
        cum: int,
        leaves: int,
        now_ns: TimeNs,
        trade: Trade | None = None,
    ) -> ExecutionReport:
        self._exec_id += 1
        return make_report(
            *state,
            msg.cl_ord_id,
            msg.account,
            self._order_id,
            self._exec_id,
            msg.side,
            msg.order_qty,
            cum,
            leaves,
            now_ns,
            self.venue_seq,
            None if trade is None else trade.price,
            0 if trade is None else trade.qty,
        )

    def _refused(self, msg: _Request, now_ns: TimeNs) -> OrderCancelReject:
        """No order is ever open: it is too late for it, or it never was, or it is not theirs."""
        name = msg.orig_cl_ord_id
        order = self._finished.get(name) or self._finished_before.get(name)
        status, reason, order_id = OrdStatus.REJECTED, CxlRejReason.UNKNOWN_ORDER, 0
        if order is not None and order[0] == msg.account:
            status, reason, order_id = order[1], CxlRejReason.TOO_LATE, order[2]
        return refusal(msg, status, reason, now_ns, self.venue_seq, order_id=order_id)

    def _remember(self, msg: NewOrderSingle, status: OrdStatus) -> None:
        if len(self._finished) >= self._memory:
            self._finished_before = self._finished
            self._finished = {}
        self._finished[msg.cl_ord_id] = (msg.account, status, self._order_id)
