"""A book in which the others come from a recording, and our own orders stand in the same lines.

The others are *strangers*: resting orders without a name, which the recording puts, shrinks and
takes off. They are in no index, nobody is told of them, and only the recording ends them. All other
orders are *ours*, whoever owns them: they trade with strangers and with each other by the rules of
``venues.core.matching``.

A recording knows nothing of us. What that means is settled by these rules:

1. *What we took stays taken.* Lots that our orders took of strangers are still recorded; they are
   had only once. ``venues.core.recorded_book`` and ``venues.core.recorded_orders`` say how.
2. *We wait our turn.* Our order is behind every stranger that was at its price when it came, and
   before every later one. A stranger's cancel ahead of us moves us forward, one behind us moves
   nothing.
3. *We are hit as the recording was.* Of lots that traded against a resting order, ours that stand
   before it (better price, or same price and older) get theirs first, at their own limit: so a
   trade at a worse price than our limit fills us (trade-through). Never more than what traded.
4. *Who comes to our price trades with us.* A stranger that comes to rest where ours would trade
   with it fills ours, at our limit; what it has given is taken of it by rule 1.
5. The recording is believed in all else: the stranger that was hit in it loses its lots, also those
   that went to us. If it shows a crossed book, this book is crossed.

Orders with special instructions are refused as unsupported. Pure, and ignorant of files.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Final, Protocol, cast

from sim.protocol.enums import ExecType, RejectReason, SelfTrade, Side
from sim.protocol.market_data import Trade
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import BookSide, PriceLevel, RestingOrder
from venues.core.check import check_finished, check_index_of, check_side
from venues.core.checked_book import is_special
from venues.core.lit import LitCore
from venues.core.order_book import MEMORY
from venues.core.reports import make_report, status_open

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_TRADE: Final = ExecType.TRADE
_NONE: Final = SelfTrade.NONE

NO_PRINTS: Final[list[Trade]] = []
"""What a recorded message without a trade prints; nobody adds to it."""

NO_REPORTS: Final[list[VenueReport]] = []
"""What most recorded messages bring us; nobody adds to it."""

STRANGER: Final = ""
"""The name of each order that the recording put."""


class ReplayingCore(LitCore):
    """What both cores over recordings share; subclasses play the recording.

    Reports of one call: as ``MatchingCore`` says for our orders; nobody reports for a stranger.
    ``trades`` holds our fills and what the recording prints; both count in ``volume``.

    Args:
        tick: Price step of our orders, in ticks of the instrument, > 0. Displayed prices follow the
            recording, on this grid or not.
        lot: Quantity step, in lots of the instrument, > 0.
        memory: A finished order is remembered for at least this many later ones, > 0.
    """

    takes_special: ClassVar[bool] = False
    place: str = "exact"
    """How it knows the place of an order of ours: ``exact``, or the estimator's name."""

    def __init__(self, tick: int = 1, lot: int = 1, memory: int = MEMORY) -> None:
        super().__init__(tick, lot, memory)
        self._prints: list[Trade] | None = None  # of a recorded message; None: of an order's

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply an order message and return every report to an owner that it causes.

        Raises:
            TypeError: If ``msg`` is none.
        """
        self._prints = None
        reports = super().handle(msg, now_ns)
        if len(reports) > 1:
            reports = [one for one in reports if one.cl_ord_id]
        return reports

    def displace(self, ticks: int, now_ns: int) -> list[VenueReport]:
        """Show all that is recorded so many ticks above where it was recorded, from now on.

        To orders of ours it is as if the others had moved away and come anew, and who comes to
        their price trades with them.
        """
        out: list[VenueReport] = []
        if self._prints is None or self._prints is NO_PRINTS:
            self._prints = list(self.trades)
        self.venue_seq += 1
        self.unseen = True
        self._displace(ticks)
        if self._orders:
            self._meet(now_ns, out)
        return out

    def _displace(self, ticks: int) -> None:
        raise NotImplementedError

    @property
    def trades(self) -> list[Trade]:
        """The prints of the last ``handle`` call."""
        return super().trades if self._prints is None else self._prints

    def check(self) -> None:
        """Walk every invariant; recorded sides may be crossed, with ours they are not.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        check_side("bids", self._bids)
        check_side("asks", self._asks)
        ours = [o for side in (self._bids, self._asks) for o in side.living() if o.cl_ord_id]
        check_index_of(self._orders, ours)
        check_finished(self._finished, self._finished_before, self._memory)

    # ------------------------------------------------------------ strangers

    def _stranger(self, side: BookSide, key: int, lots: int) -> RestingOrder:
        """An order of the recording, about to rest behind what is there."""
        self._serial = serial = self._serial + 1
        of = _SELL if side.sign > 0 else _BUY
        return RestingOrder(STRANGER, "", of, serial, serial, key, lots, lots, False, _NONE)

    def _finish(self, order: RestingOrder) -> None:
        if order.cl_ord_id:
            super()._finish(order)

    def reopen(self, order: RestingOrder, lots: int) -> bool:
        """Never: a recording says nothing of lots that come back."""
        return False

    def _refusal(self, msg: NewOrderSingle) -> RejectReason | None:
        if is_special(msg):
            return RejectReason.UNSUPPORTED_ORDER
        if not msg.cl_ord_id:
            return RejectReason.UNSUPPORTED_ORDER  # it would be taken for a stranger
        return super()._refusal(msg)

    def _remove(self, side: BookSide, blocks: list[RestingOrder], lots: int) -> None:
        """Take lots off these blocks, the first one first."""
        for block in blocks:
            if not lots:
                break
            part = min(lots, block.leaves_qty)
            lots -= part
            if part == block.leaves_qty:
                side.leave(block)
                block.leaves_qty = 0
            else:
                side.shrink(block, part)

    # ------------------------------------------------------------ fills by strangers

    def _meet(self, now_ns: int, out: list[VenueReport]) -> None:
        """Strangers that the instant left at prices of ours trade with ours, at our limits."""
        for own, strangers in ((self._asks, self._bids), (self._bids, self._asks)):
            if own.best > -strangers.best:
                continue
            for order in self._ours(own, -strangers.best):
                while order.leaves_qty and strangers.best <= -order.key:
                    key = strangers.best
                    blocks = strangers_in(strangers.level_at[key])
                    lots = min(order.leaves_qty, sum(one.leaves_qty for one in blocks))
                    if not lots:
                        break
                    self._remove(strangers, blocks, lots)
                    self._took(strangers, key, lots)
                    self._hit(own, [order], lots, now_ns, out)

    def _took(self, side: BookSide, key: int, lots: int) -> None:
        """Strangers of a side gave us lots at a key; for who counts them apart."""

    def _ours(self, side: BookSide, worst: int) -> list[RestingOrder]:
        """Our resting orders of a side at keys up to ``worst``, in the order of their turn."""
        found = [o for o in self._orders.values() if o.key * side.sign > 0 and o.key <= worst]
        found.sort(key=lambda order: (order.key, order.rank))
        return found

    def _hit(
        self,
        side: BookSide,
        orders: Iterable[RestingOrder],
        lots: int,
        now_ns: int,
        out: list[VenueReport],
    ) -> int:
        """A stranger trades up to ``lots`` with these orders of ours; returns what it has left."""
        for order in orders:
            if not lots:
                break
            given = min(lots, order.leaves_qty)
            lots -= given
            price = abs(order.key)
            if given == order.leaves_qty:
                side.leave(order)
                order.leaves_qty = 0
                self._finish(order)
            else:
                side.shrink(order, given)
            self._serial = exec_id = self._serial + 1
            out.append(
                make_report(
                    _TRADE,
                    status_open(order),
                    order.cl_ord_id,
                    order.account,
                    order.order_id,
                    exec_id,
                    order.side,
                    order.order_qty,
                    order.order_qty - order.leaves_qty,
                    order.leaves_qty,
                    now_ns,
                    self.venue_seq,
                    price,
                    given,
                    None,
                    True,
                )
            )
            self._print(price, given, _SELL if order.side is _BUY else _BUY)
        return lots

    def _print(self, price: int, lots: int, aggressor: Side) -> None:
        assert self._prints is not None
        if self._prints is NO_PRINTS:  # everybody's, and for ever empty
            self._prints = []
        self._prints.append(make_trade(price, lots, aggressor))
        # As in ``venues.task``, ``PriceTicks()`` and its like would only please the type checker.
        self.last_px, self.last_qty = price, lots  # type: ignore[assignment]
        self.volume += lots  # type: ignore[assignment]
        self.unseen = True


class TradeMaker(Protocol):
    """``Trade`` of plain integers."""

    def __call__(self, price: int, qty: int, aggressor: Side, /) -> Trade:
        """Make one."""


make_trade: Final = cast("TradeMaker", Trade)


def strangers_in(level: PriceLevel) -> list[RestingOrder]:
    """The orders that the recording put at a level, oldest first."""
    return [one for one in level.queue.values() if not one.cl_ord_id]
