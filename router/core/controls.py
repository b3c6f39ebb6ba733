"""The controls between the router and its venues: what may leave, judged before it does.

Pure: asked with an order and the time, it says what is breached, the first of the controls in the
order of ``Control``. It keeps the sliding windows and the sums that this takes, and changes nothing
else. All is exact: a window is open at its old end, so what left at t counts until just before
t + ``within``; a price is compared as a whole number of ticks, rounded to the strict side.

Source: Commission Delegated Regulation (EU) 2017/589 (RTS 6), articles 12 and 15; SEC rule 15c3-5.
"""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Final

import msgspec

from router.core.orders import Parent
from router.core.view import MarketView
from router.settings.controls import ControlsConfig, PriceCollarConfig, VolumeLimitConfig
from sim.protocol.enums import Control, Side
from sim.protocol.units import Units

_NO_LIMIT: Final = 1 << 62
_ALL: Final = ""
"""The key of a window over all venues."""


class Leaving(msgspec.Struct, frozen=True, gc=False):
    """What is about to leave: a new order, or a replace, with the lots that it may still fill."""

    parent: Parent
    venue_id: str
    side: Side
    qty: int
    price: int
    lot: int
    replaces: bool = False


class Breach(msgspec.Struct, frozen=True, gc=False):
    """What is breached: what was found and the most that may be, in the unit of the control.

    ``allowed_qty`` are the lots that could leave instead; ``until_ns`` is when it is over, None
    where nobody can say.
    """

    control: Control
    found: int
    limit: int
    allowed_qty: int = 0
    until_ns: int | None = None


class Window:
    """At most ``most`` events within a time that slides along.

    Args:
        most: Events, >= 1.
        within: The time, ns; an event at t counts from t until just before ``t + within``.
    """

    __slots__ = ("_most", "_times", "_within")

    def __init__(self, most: int, within: int) -> None:
        self._most = most
        self._within = within
        self._times: deque[int] = deque()

    def add(self, now_ns: int) -> None:
        """Count an event now."""
        self._times.append(now_ns)

    def count(self, now_ns: int) -> int:
        """The events that count now."""
        times, least = self._times, now_ns - self._within
        while times and times[0] <= least:
            times.popleft()
        return len(times)

    def free_at(self, now_ns: int) -> int:
        """When one more is allowed: now, or as the event leaves the window that is in the way."""
        count = self.count(now_ns)
        if count < self._most:
            return now_ns
        return self._times[count - self._most] + self._within

    def clear(self) -> None:
        """Forget all events."""
        self._times.clear()


class Controls:
    """The configured controls, and what they count.

    Args:
        config: The settings.
        units: What its quantities and money are in.
        view: The market as the router knows it.
        parents: All parents of the run, for what is counted over all of them.
    """

    def __init__(
        self,
        config: ControlsConfig,
        units: Units,
        view: MarketView,
        parents: dict[str, Parent],
    ) -> None:
        self.config = config
        self.breaches = 0
        self._view = view
        self._parents = parents
        self._money = Fraction(units.tick_size) * Fraction(units.lot_size)
        self._max_qty = _lots(config.max_order_qty, units)
        worth = config.max_order_value
        self._max_value = None if worth is None else floor(Fraction(worth) / self._money)
        self._max_open = _limit(config.max_open, units)
        self._max_total = _limit(config.max_total, units)
        messages = config.messages
        self._windows: dict[str, Window] = {}
        if messages is not None:
            names = [_ALL] if messages.per == "all" else list(view.venues)
            self._windows = {name: Window(messages.most, messages.within) for name in names}
        self._per_venue = messages is not None and messages.per == "venue"
        self._fills: dict[str, Window] = {}
        kill = config.kill
        self._kill_qty = None if kill is None else _lots(kill.qty, units)
        loss = None if kill is None else kill.loss
        self._kill_loss = None if loss is None else Fraction(loss) / self._money  # tick-lots
        self._kill_breaches = None if kill is None else kill.breaches
        self._filled = 0  # lots
        self._position = 0  # lots held, negative: sold
        self._paid = Fraction(0)  # tick-lots, with fees

    # What is about to leave

    def check(self, order: Leaving, now_ns: int) -> Breach | None:
        """What an order would breach; None if it may leave."""
        found = self._collar(order) or self._size(order)
        if found is None and not order.replaces:  # a replace is of lots that are open already
            found = self._open(order) or self._total(order)
        return found or self._messages(order.venue_id, now_ns)

    def reference(self, side: Side) -> Fraction | None:
        """The price by which the collar goes, in ticks; None without one."""
        collar = self.config.price_collar
        if collar is None:
            return None
        if collar.reference == "touch":
            best = self._view.best_against(side)
            return None if best is None else Fraction(best)
        bid, ask = self._view.best_bid(), self._view.best_ask()
        return None if bid is None or ask is None else Fraction(bid + ask, 2)

    def _collar(self, order: Leaving) -> Breach | None:
        collar = self.config.price_collar
        if collar is None:
            return None
        reference = self.reference(order.side)
        if reference is None:
            if collar.without_reference == "pass":
                return None
            return Breach(Control.NO_REFERENCE, order.price, 0)
        worst = _worst(collar, reference, order.side)
        beyond = order.price > worst if order.side is Side.BUY else order.price < worst
        return Breach(Control.PRICE_COLLAR, order.price, worst) if beyond else None

    def _size(self, order: Leaving) -> Breach | None:
        most = self._max_qty
        if most is not None and order.qty > most:
            return Breach(Control.MAX_ORDER_QTY, order.qty, most, most - most % order.lot)
        worth = self._max_value
        if worth is not None and order.qty * order.price > worth:
            lots = worth // order.price
            found = order.qty * order.price
            return Breach(Control.MAX_ORDER_VALUE, found, worth, lots - lots % order.lot)
        return None

    def _open(self, order: Leaving) -> Breach | None:
        if self._max_open is None:
            return None
        most, parents = self._max_open[0], self._counted(self._max_open, order.parent)
        known = sum(parent.reserved_qty for parent in parents)
        return _beyond(Control.MAX_OPEN, known, most, order)

    def _total(self, order: Leaving) -> Breach | None:
        if self._max_total is None:
            return None
        most, parents = self._max_total[0], self._counted(self._max_total, order.parent)
        known = sum(parent.reserved_qty + parent.filled_qty for parent in parents)
        return _beyond(Control.MAX_TOTAL, known, most, order)

    def room(self, parent: Parent) -> int:
        """How many lots more may be open of a parent now; no limit counts as very many."""
        room = _NO_LIMIT
        if self._max_open is not None:
            parents = self._counted(self._max_open, parent)
            room = self._max_open[0] - sum(one.reserved_qty for one in parents)
        if self._max_total is not None:
            parents = self._counted(self._max_total, parent)
            known = sum(one.reserved_qty + one.filled_qty for one in parents)
            room = min(room, self._max_total[0] - known)
        return room

    def used_up(self, parent: Parent) -> bool:
        """Whether nothing of a parent may ever leave again, since so much is filled."""
        if self._max_total is None:
            return False
        parents = self._counted(self._max_total, parent)
        return sum(one.filled_qty for one in parents) >= self._max_total[0]

    def _counted(self, limit: tuple[int, bool], parent: Parent) -> Iterable[Parent]:
        return self._parents.values() if limit[1] else (parent,)

    def _messages(self, venue_id: str, now_ns: int) -> Breach | None:
        window, rule = self._window(venue_id), self.config.messages
        if window is None or rule is None:
            return None
        free_ns = window.free_at(now_ns)
        if free_ns <= now_ns:
            return None
        return Breach(Control.MESSAGES, window.count(now_ns) + 1, rule.most, until_ns=free_ns)

    def _window(self, venue_id: str) -> Window | None:
        return self._windows.get(venue_id if self._per_venue else _ALL)

    # What has happened

    def left(self, venue_id: str, now_ns: int) -> None:
        """A message has left for a venue."""
        window = self._window(venue_id)
        if window is not None:
            window.add(now_ns)

    def on_fill(self, parent: Parent, now_ns: int) -> Breach | None:
        """A fill of a parent became known; the breach if it is held now, whose count begins anew.

        ``until_ns`` of it is None where nobody lets the parent go on.
        """
        rule = self.config.executions
        if rule is None:
            return None
        window = self._fills.get(parent.parent_id)
        if window is None:
            window = self._fills[parent.parent_id] = Window(rule.most, rule.within)
        window.add(now_ns)
        count = window.count(now_ns)
        if count < rule.most:
            return None
        window.clear()
        until_ns = None if rule.release is None else now_ns + rule.release
        return Breach(Control.EXECUTIONS, count, rule.most, until_ns=until_ns)

    def book(self, side: Side, lots: int, tick_lots: int, fee: Decimal) -> None:
        """Count what was filled, or, with negative numbers, what was taken back of that."""
        sign = 1 if side is Side.BUY else -1
        self._filled += lots
        self._position += sign * lots
        if self._kill_loss is not None:
            self._paid += sign * tick_lots + Fraction(fee) / self._money

    def killed_by(self) -> Breach | None:
        """The limit at which all trading ends that has been reached; None if there is none."""
        if self._kill_breaches is not None and self.breaches >= self._kill_breaches:
            return Breach(Control.KILL_SWITCH, self.breaches, self._kill_breaches)
        if self._kill_qty is not None and self._filled >= self._kill_qty:
            return Breach(Control.KILL_SWITCH, self._filled, self._kill_qty)
        if self._kill_loss is not None:
            bid, ask = self._view.best_bid(), self._view.best_ask()
            if bid is not None and ask is not None:
                loss = self._paid - self._position * Fraction(bid + ask, 2)
                if loss >= self._kill_loss:
                    return Breach(Control.KILL_SWITCH, ceil(loss), ceil(self._kill_loss))
        return None


def _worst(collar: PriceCollarConfig, reference: Fraction, side: Side) -> int:
    """The worst limit that a collar allows, in whole ticks."""
    distance = max(reference * Fraction(collar.bps or 0) / 10_000, Fraction(collar.ticks or 0))
    return floor(reference + distance) if side is Side.BUY else ceil(reference - distance)


def _beyond(control: Control, known: int, most: int, order: Leaving) -> Breach | None:
    if known + order.qty <= most:
        return None
    lots = max(0, most - known)
    return Breach(control, known + order.qty, most, lots - lots % order.lot)


def _lots(qty: Decimal | None, units: Units) -> int | None:
    return None if qty is None else floor(Fraction(qty) / Fraction(units.lot_size))


def _limit(config: VolumeLimitConfig | None, units: Units) -> tuple[int, bool] | None:
    """Lots, and whether they are of the whole run."""
    if config is None:
        return None
    lots = _lots(config.qty, units)
    assert lots is not None
    return lots, config.per == "run"
