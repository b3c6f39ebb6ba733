"""A book that follows recorded level-2 data, with ours in lines whose order is estimated.

The strangers at a price are blocks of lots: those ahead of an order of ours, those between two of
ours, those behind. Rules 1 to 5 of ``venues.core.replaying`` for levels:

*What we took stays taken.* Per side and raw price, ``taken`` counts the lots that orders of ours
took and that are still recorded; only ``recorded - taken`` is displayed and can be traded. When the
recorded size of a level falls, ``taken`` is cut down to it and no further: the recording cannot say
whose lots went, so they are taken to be lots that we had left there. Lots that are added later are
new. So the same displayed lot is never filled twice, and what we fill at a price never exceeds what
was newly displayed there. A level that goes to 0 and comes back at a later instant is new.

*We wait our turn.* Lots that are added join behind us. A recorded trade at our price advances the
line from the front, and what it has left when nobody is ahead of us is ours. A fall that trades at
this price since the level's last change do not explain is a cancel; ``venues.core.queue_models``
says how many of its lots were ahead of us.

Raw prices identify levels: a shift moves what is displayed (raw price + shift of the side) and
forgets nothing; to an order of ours it is as if the others had moved away, and as if those who come
to its price came behind it. Rows of one instant apply together, trades first, so that a full
re-snapshot (clear, then levels) forgets only levels that are not in it.
"""

from collections.abc import Iterable
from typing import Any, Final

from sim.protocol.enums import Side
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import AnchorShift, LevelChange, RecordedEvent, RecordedGroup, Trade
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import BookSide, PriceLevel, RestingOrder
from venues.core.order_book import MEMORY
from venues.core.queue_models import QueueModel, Split, risk_averse
from venues.core.recorded_side import RecordedSide
from venues.core.replaying import NO_PRINTS, NO_REPORTS, ReplayingCore, strangers_in

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL


class RecordedBook(ReplayingCore):
    """A venue's core over recorded levels. Answers ``RecordedGroup`` and order messages.

    Args:
        tick: As ``ReplayingCore`` says.
        lot: Quantity step; what a level has beyond a whole multiple is not displayed.
        memory: As ``ReplayingCore`` says.
        model: Says which share of a cancel was ahead of an order of ours.
    """

    def __init__(
        self,
        tick: int = 1,
        lot: int = 1,
        memory: int = MEMORY,
        model: QueueModel = risk_averse,
    ) -> None:
        super().__init__(tick, lot, memory)
        self._model = model
        self._recorded_bids = RecordedSide(-1, lot)
        self._recorded_asks = RecordedSide(1, lot)
        self._splits: dict[int, Split] = {}  # by order id
        self._traded: dict[int, tuple[int, int]] = {}
        """By displayed key: lots traded since its last change, and how many were taken off for."""

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message; ``venue_seq`` goes up by one with each recorded one."""
        if type(msg) is not RecordedGroup:
            return self._on_order(msg, now_ns)
        self.venue_seq += 1
        self._prints, self._reports = NO_PRINTS, NO_REPORTS
        rest: list[RecordedEvent] | None = None
        for event in msg.events:
            if rest is not None:
                rest.append(event)
                continue
            if type(event) is not LevelChange:
                if not self._is_passed_by(event, msg.events):
                    rest = [event]
                continue
            # Most changes are of lots at a level that nothing of ours depends on; they need not
            # wait for the rest of their instant.
            if event.side is _BUY:
                recorded, side, raw = self._recorded_bids, self._bids, -event.price
            else:
                recorded, side, raw = self._recorded_asks, self._asks, event.price
            lots = event.qty
            alone = recorded.alone.get(raw)
            if alone is None or lots < self._lot or lots % self._lot:
                if not self._apply(recorded, side, raw, lots):
                    rest = [event]
                continue
            level, block = alone
            recorded.recorded[raw] = block.leaves_qty = block.order_qty = level.qty = lots
            if block.key <= side.kept_to:
                side.touched.add(block.key)
                if block.key <= side.shown_to:
                    self.unseen = True
        if rest is not None:
            return self._play_rest(rest, now_ns, is_silent=msg.is_silent)
        if not self._orders or self._bids.best + self._asks.best > 0 or msg.is_silent:
            return NO_REPORTS  # nobody of ours, or nobody meets
        out: list[VenueReport] = []
        self._meet(now_ns, out)
        return out

    def _on_order(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        self._forget()
        reports = super().handle(msg, now_ns)
        if len(self._reports) > 1:
            self._note_taken(self._reports)
        return reports

    def check(self) -> None:
        """Walk every invariant, also that strangers hold what is recorded and not taken.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        super().check()
        self._recorded_bids.check("bids")
        self._recorded_asks.check("asks")
        for name, recorded, side in self._sides():
            true = dict(recorded.displayed())
            for key, level in side.level_at.items():
                lots = sum(one.leaves_qty for one in level.queue.values() if not one.cl_ord_id)
                gone, _ = self._traded.get(key, (0, 0))
                if not true.get(key, 0) - gone <= lots <= true.get(key, 0):
                    raise InvariantError(
                        f"{name} at {abs(key)}: strangers hold {lots} lots, there are "
                        f"{true.get(key, 0)} to take"
                    )
            for raw, (level, block) in recorded.alone.items():
                there = side.level_at.get(raw + recorded.offset)
                if level is not there or list(level.queue.values()) != [block]:
                    raise InvariantError(f"{name} at raw {abs(raw)}: {block} is not alone there")
                if raw in recorded.taken or block.cl_ord_id:
                    raise InvariantError(f"{name} at raw {abs(raw)}: not free of ours")
            missing = [key for key in true if key not in side.level_at]
            if missing and not self._traded:
                raise InvariantError(f"{name}: levels at {missing} do not show")

    def _sides(self) -> Iterable[tuple[str, RecordedSide, BookSide]]:
        yield "bids", self._recorded_bids, self._bids
        yield "asks", self._recorded_asks, self._asks

    # ------------------------------------------------------------ the recording

    def _is_passed_by(self, event: RecordedEvent, events: tuple[RecordedEvent, ...]) -> bool:
        """Print a trade that reaches none of ours; else False."""
        if type(event) is not Trade:
            return False
        if event.aggressor is _BUY:
            sign, shift = 1, self._recorded_asks.shift
        else:
            sign, shift = -1, self._recorded_bids.shift
        price: int = event.price + shift
        key = sign * price
        for order in self._orders.values():
            if order.key <= key and order.key * sign > 0:
                return False
        if shift:
            return False  # it is printed at another price than the recorded one
        for other in events:
            if type(other) is AnchorShift:
                return False
        if self._prints is NO_PRINTS:
            self._prints = []
        self._prints.append(event)  # type: ignore[union-attr]
        self.last_px, self.last_qty = event.price, event.qty
        self.volume += event.qty  # type: ignore[assignment]
        self.unseen = True
        return True

    def _apply(self, recorded: RecordedSide, side: BookSide, raw: int, lots: int) -> bool:
        """Apply a level change at once, if nothing of ours depends on it; else False."""
        key = raw + recorded.offset
        if raw in recorded.taken or key in self._traded or recorded.sign * key <= 0:
            return False
        shown = lots - lots % self._lot
        level = side.level_at.get(key)
        if level is None or not level.qty:
            if shown:
                block = self._stranger(side, key, shown)
                side.join(block)
                recorded.alone[raw] = side.level_at[key], block
        elif len(level.queue) != 1:
            return False
        else:
            (block,) = level.queue.values()
            if block.cl_ord_id:
                return False
            if shown:
                side.shrink(block, block.leaves_qty - shown)
                block.order_qty = shown
                recorded.alone[raw] = level, block
            else:
                side.leave(block)
                recorded.alone.pop(raw, None)
        if lots:
            recorded.recorded[raw] = lots
        else:
            recorded.recorded.pop(raw, None)
        return True

    def _forget(self) -> None:
        """What was known of levels without ours is known no more: something may take from them."""
        self._recorded_bids.alone.clear()
        self._recorded_asks.alone.clear()

    def _play_rest(
        self, events: list[RecordedEvent], now_ns: int, *, is_silent: bool
    ) -> list[VenueReport]:
        bids, asks = self._recorded_bids, self._recorded_asks
        out: list[VenueReport] = []
        trades: list[Trade] = []
        shifts: list[AnchorShift] = []
        if self._prints is NO_PRINTS:
            self._prints = []
        for event in events:
            if isinstance(event, LevelChange):
                (bids if event.side is _BUY else asks).record(event.price, event.qty)
            elif isinstance(event, Trade):
                trades.append(event)
            elif isinstance(event, AnchorShift):
                shifts.append(event)
            else:
                bids.clear()
                asks.clear()
                self._forget()
        # A trade was at the price at which its level is shown now, after a shift of its instant.
        for shift in shifts:
            self._move(shift)
        for trade in trades:
            self._on_print(trade, now_ns, out)
        self._settle(bids, self._bids)
        self._settle(asks, self._asks)
        if self._orders and not is_silent:
            self._meet(now_ns, out)
        return out

    def _settle(self, recorded: RecordedSide, side: BookSide) -> None:
        """Bring the strangers of a side to what the recording has left of them."""
        changed = recorded.settle()
        if not changed:
            return
        sign, offset, left = recorded.sign, recorded.offset, recorded.left
        for raw in changed:
            key = raw + offset
            if sign * key > 0:
                lots = left(raw)
                if not lots:
                    recorded.alone.pop(raw, None)
                self._set_level(side, key, lots)
            else:
                recorded.hidden = True

    def _set_level(self, side: BookSide, key: int, lots: int) -> None:
        """Strangers at a key shall have ``lots`` from now on."""
        traded, off = self._traded.pop(key, (0, 0)) if self._traded else (0, 0)
        level = side.level_at.get(key)
        if level is None or not level.qty:
            if lots:
                side.join(self._stranger(side, key, lots))
            return
        queue = level.queue
        if len(queue) == 1:
            (block,) = queue.values()
            if not block.cl_ord_id:
                if not lots:
                    side.leave(block)
                elif lots != block.leaves_qty:
                    side.shrink(block, block.leaves_qty - lots)
                    block.order_qty = lots
                return
        there = sum(one.leaves_qty for one in queue.values() if not one.cl_ord_id)
        if lots >= there:
            if lots > there:
                self._add(side, key, level, lots - there)
            return
        explained = min(there - lots, traded - off)
        if explained:
            self._remove(side, strangers_in(level), explained)
        if there - lots > explained:
            self._cancel(side, level, there - lots - explained)

    def _add(self, side: BookSide, key: int, level: PriceLevel, lots: int) -> None:
        """Lots join behind everybody: the last block grows, or there is a new one."""
        last = next(reversed(level.queue.values()))
        if last.cl_ord_id:
            side.join(self._stranger(side, key, lots))
        else:
            side.shrink(last, -lots)
            last.order_qty = last.leaves_qty

    def _cancel(self, side: BookSide, level: PriceLevel, lots: int) -> None:
        """Strangers at a level cancel ``lots`` in all: from behind our last order, or from ahead.

        What was ahead of our last order is split in the same way before the one before it.
        """
        ours: list[RestingOrder] = []
        parts: list[list[RestingOrder]] = [[]]
        for one in level.queue.values():
            if one.cl_ord_id:
                ours.append(one)
                parts.append([])
            else:
                parts[-1].append(one)
        sizes = [sum(one.leaves_qty for one in part) for part in parts]
        for n in range(len(ours) - 1, -1, -1):
            split = self._splits.get(ours[n].order_id)
            if split is None:
                split = self._splits[ours[n].order_id] = Split(self._model, self._lot)
            ahead = split.ahead_of(lots, sum(sizes[: n + 1]), sizes[n + 1])
            self._remove(side, parts[n + 1], lots - ahead)
            lots = ahead
        self._remove(side, parts[0], lots)

    def _finish(self, order: RestingOrder) -> None:
        self._splits.pop(order.order_id, None)
        super()._finish(order)

    # ------------------------------------------------------------ shifts

    def _move(self, shift: AnchorShift) -> None:
        """The recording shows a side at other prices."""
        if shift.side is _BUY:
            self._recorded_bids.anchor = shift.shift
            self._show_anew(self._recorded_bids, self._bids)
        else:
            self._recorded_asks.anchor = shift.shift
            self._show_anew(self._recorded_asks, self._asks)

    def _displace(self, ticks: int) -> None:
        for _, recorded, side in self._sides():
            recorded.moved = ticks
            self._show_anew(recorded, side)
            self._settle(recorded, side)

    def _show_anew(self, recorded: RecordedSide, side: BookSide) -> None:
        """The strangers leave their prices and come to the new ones; complete after a settle."""
        step = recorded.sign * (recorded.anchor + recorded.moved - recorded.shift)
        if not step:
            return
        if not (self._orders or self._traded) and _may_slide(recorded, side, step):
            # Among strangers alone nobody's place changes; most shifts are of such.
            recorded.follow()
            side.slide(step)
            return
        self._forget()
        for block in [one for one in side.living() if not one.cl_ord_id]:
            side.leave(block)
        # The other side stays where it is, and what is known of its trades stays with it.
        for key in [key for key in self._traded if key * recorded.sign > 0]:
            del self._traded[key]
        recorded.follow()
        recorded.changed.update(dict.fromkeys(recorded.recorded))

    # ------------------------------------------------------------ trades

    def _on_print(self, trade: Trade, now_ns: int, out: list[VenueReport]) -> None:
        """A recorded trade: ours at better prices, then the line at its price, from the front."""
        buys = trade.aggressor is _BUY
        side, recorded = self._asks, self._recorded_asks
        if not buys:
            side, recorded = self._bids, self._recorded_bids
        price = trade.price + recorded.shift
        if price <= 0:
            return
        left: int = trade.qty
        if self._orders:
            key = side.sign * price
            ours = self._ours(side, key)
            left = self._hit(side, [one for one in ours if one.key < key], left, now_ns, out)
            if left and ours and ours[-1].key == key:
                left = self._advance(side, key, left, now_ns, out)
        if left:
            self._print(price, left, _BUY if buys else _SELL)

    def _advance(
        self, side: BookSide, key: int, lots: int, now_ns: int, out: list[VenueReport]
    ) -> int:
        """Trade lots from the front of a line in which we stand; returns those not ours."""
        left, others = lots, 0
        for one in list(side.level_at[key].queue.values()):
            if not left:
                break
            part = min(left, one.leaves_qty)
            left -= part
            if one.cl_ord_id:
                self._hit(side, [one], part, now_ns, out)
            else:
                others += part
                self._remove(side, [one], part)
        # The recording will show the level without all of them, also without those that we got.
        traded, off = self._traded.get(key, (0, 0))
        self._traded[key] = traded + lots, off + others
        return left + others

    # ------------------------------------------------------------ what we take

    def _took(self, side: BookSide, key: int, lots: int) -> None:
        self._forget()
        recorded = self._recorded_bids if side.sign < 0 else self._recorded_asks
        recorded.take(key - recorded.offset, lots)

    def _note_taken(self, reports: list[VenueReport]) -> None:
        """What an order of ours took of strangers stays taken."""
        for report in reports:
            if report.cl_ord_id or not isinstance(report, ExecutionReport):
                continue
            side = self._bids if report.side is _BUY else self._asks
            self._took(side, side.sign * (report.last_px or 0), report.last_qty)


def _may_slide(recorded: RecordedSide, side: BookSide, step: int) -> bool:
    """Whether every level has a displayed price, before and after a step."""
    ends = (side.keys[0], side.keys[-1]) if side.keys else (0,)
    return not recorded.hidden and all(recorded.sign * (key + step) > 0 for key in ends)
