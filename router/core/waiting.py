"""The parents that have lots to place, and whose turn it is as lots to take appear.

The rule is *order of arrival*: at each instant the parents whose turn it is decide one after the
other as they reached the router, each on what those before it have left. Parents with lots to place
wait in queues by side and limit. A change of the market gives a turn only to those whose limit
allows something that is there, and the turns end once nothing is left; so thousands may wait under
a busy feed at little cost.
"""

from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Final

from sortedcontainers import SortedDict

from router.config import RouterConfig
from router.core.orders import Child, Parent
from router.core.view import MarketView, VenueView
from sim.protocol.enums import DecisionReason, Side

_ANY: Final = 1 << 62
"""The key of a parent without a limit."""

_Turn = tuple[Parent, DecisionReason]


class Waiting:
    """Queues of parents with free lots, and the turns of this instant.

    Keys of a side count so that a higher one is the more willing: the limit of a buyer, the
    negative limit of a seller. What a venue shows has the key of the limit that reaches it, negated
    likewise; a parent may take what is there if its key is not below that.

    Attributes:
        short: The active parents with free lots.
    """

    def __init__(self, view: MarketView, out: dict[str, str], config: RouterConfig) -> None:
        self.short: dict[str, Parent] = {}
        self._venues = view.venues
        self._out = out
        self._sequential = config.sending.mode == "sequential"
        self._fresh_quote = config.reroute.fresh_quote
        self._by_quote = config.reroute.on.quote_change == "reallocate"
        self._asleep: dict[str, Parent] = {}
        self._due: dict[int, _Turn] = {}
        self._queues: dict[bool, SortedDict[int, SortedDict[int, Parent]]] = {
            True: SortedDict(),
            False: SortedDict(),
        }
        self._place: dict[str, tuple[bool, int]] = {}
        self._woken: set[bool] = set()
        self._tops: dict[tuple[bool, str], int | None] = {}

    def all(self) -> list[Parent]:
        """The parents with free lots, in the order of their arrival."""
        return sorted(self.short.values(), key=lambda parent: parent.number)

    def add_due(self, parent: Parent, reason: DecisionReason) -> None:
        """Give a parent a turn at this instant; the first reason stands, but a quote's least."""
        known = self._due.get(parent.number)
        if known is None or known[1] is DecisionReason.QUOTE_CHANGE:
            self._due[parent.number] = parent, reason

    def note(self, parent: Parent) -> None:
        """File a parent by whether it has free lots, and whether new quotes matter to it."""
        name = parent.parent_id
        ended = parent.stopped is not None or parent.end_reason is not None
        # Sequential sending: nothing can be placed while a child is out.
        busy = self._sequential and parent.is_busy
        if ended or busy or parent.held or parent.free_qty <= 0:
            self._asleep.pop(name, None)
            if self.short.pop(name, None) is not None:
                self._leave(name, parent)
            return
        self.short[name] = parent
        if parent.waits:
            self._asleep[name] = parent
            self._leave(name, parent)
            return
        self._asleep.pop(name, None)
        if (not self._fresh_quote and parent.splits) or not (self._by_quote or not parent.attempts):
            self._leave(name, parent)
        elif name not in self._place:
            buys = parent.side is Side.BUY
            key = _willing(parent, buys)
            queue = self._queues[buys].setdefault(key, SortedDict())
            queue[parent.number] = parent
            self._place[name] = buys, key

    def _leave(self, name: str, parent: Parent) -> None:
        place = self._place.pop(name, None)
        if place is not None:
            buys, key = place
            queue = self._queues[buys][key]
            del queue[parent.number]
            if not queue:
                del self._queues[buys][key]

    # What may give a turn

    def on_quote(self, venue: VenueView) -> bool:
        """A venue shows a new book; whether that gives somebody a turn."""
        if self._asleep:
            self._awake(venue)
        for buys, side in ((True, Side.BUY), (False, Side.SELL)):
            queues = self._queues[buys]
            if queues:
                shown = venue.shown(side)
                if shown and queues.peekitem()[0] >= (shown[0][0] if buys else -shown[0][0]):
                    self._woken.add(buys)
        return bool(self._woken or self._due)

    def _awake(self, venue: VenueView) -> None:
        """Give a turn to those who wait for a new book, where this one is in their limit."""
        for parent in list(self._asleep.values()):
            shown = venue.shown(parent.side)
            buys = parent.side is Side.BUY
            if shown and _willing(parent, buys) >= (shown[0][0] if buys else -shown[0][0]):
                parent.waits = False
                self.note(parent)
                self.add_due(parent, DecisionReason.QUOTE_CHANGE)

    def on_freed(self) -> bool:
        """Lots that were counted as ours may be free; whether that gives somebody a turn."""
        self._woken.update(buys for buys, queues in self._queues.items() if queues)
        return bool(self._woken)

    def on_price(self) -> bool:
        """A price to rest at may have come; whether that gives somebody a turn."""
        for parent in self.short.values():
            if not parent.waits and (self._by_quote or not parent.attempts):
                self.add_due(parent, DecisionReason.QUOTE_CHANGE)
        return bool(self._due)

    def on_venue(self) -> bool:
        """A venue may be used again; whether that gives somebody a turn."""
        for parent in self.short.values():
            if not parent.waits:
                self.add_due(parent, DecisionReason.QUOTE_CHANGE)
        return bool(self._due)

    # Turns

    def take_due(self) -> tuple[list[_Turn], bool]:
        """What is due by itself, by arrival, and whether lots may have come into view for others.

        For who gives turns by a rule of his own.
        """
        due, self._due = self._due, {}
        woken, self._woken = bool(self._woken), set()
        return [due[number] for number in sorted(due)], woken

    def turns(self) -> Iterator[_Turn]:
        """The parents whose turn it is now, by arrival; each is to be decided, and then noted.

        What is there only shrinks from turn to turn, so a queue whose limit it does not meet any
        more is done, and what one parent could not use serves no other that asks for the same.
        """
        due, self._due = self._due, {}
        woken, self._woken = sorted(self._woken), set()
        self._tops = {}
        # (number, whether from a queue, side, key): what is due by itself comes first.
        heap = [(number, False, False, 0) for number in sorted(due)]
        for buys in woken:
            least = self._least(buys)
            if least is not None:
                queues = self._queues[buys]
                for key in queues.irange(minimum=least):
                    heappush(heap, (queues[key].peekitem(0)[0], True, buys, key))
        in_vain: set[Hashable] = set()
        last = -1
        while heap:
            number, queued, buys, key = heappop(heap)
            if not queued:
                last = number
                yield due[number]
                continue
            least = self._least(buys)
            if least is None or key < least:
                continue
            queue = self._queues[buys].get(key)
            if queue is None:
                continue
            parent = queue.get(number)
            if parent is not None and number != last:
                wish = _wish(parent, buys)
                if wish not in in_vain:
                    before = parent.free_qty
                    yield parent, DecisionReason.QUOTE_CHANGE
                    if parent.free_qty == before:
                        in_vain.add(wish)
            queue = self._queues[buys].get(key)
            if queue is not None and (n := queue.bisect_right(number)) < len(queue):
                heappush(heap, (queue.peekitem(n)[0], True, buys, key))

    def _least(self, buys: bool) -> int | None:
        """The key of the best that is there for a side; None if there is nothing."""
        tops = self._tops
        best: int | None = None
        for venue_id, venue in self._venues.items():
            if venue_id in self._out:
                continue
            where = buys, venue_id
            if where in tops:
                top = tops[where]
            else:
                top = tops[where] = _top(venue, buys)
            if top is not None and (best is None or top < best):
                best = top
        return best

    def on_sent(self, child: Child) -> None:
        """A child left: less is there at its venue."""
        self._tops.pop((child.side is Side.BUY, child.venue_id), None)


def _top(venue: VenueView, buys: bool) -> int | None:
    """The key of the best level from which a venue's lot could be taken."""
    lot = venue.profile.lot
    for price, qty in venue.available(Side.BUY if buys else Side.SELL):
        if qty >= lot:
            return price if buys else -price
    return None


def _wish(parent: Parent, buys: bool) -> Hashable:
    """All that tells one parent's decision from another's at the same instant."""
    return (
        buys,
        parent.limit_px,
        parent.free_qty,
        parent.splits > 0,
        parent.may_post,
        parent.crossing,
        parent.bound,
        # What is out or was tried tells it from all others.
        parent.number if parent.open or parent.leaving or parent.pings or parent.pools else -1,
        frozenset(parent.barred),
        frozenset([venue_id for venue_id in parent.children_at if parent.tries(venue_id)]),
        frozenset(parent.excluded),
        frozenset(parent.short_filled),
    )


def _willing(parent: Parent, buys: bool) -> int:
    limit = parent.limit_px
    if limit is None:
        return _ANY
    return limit if buys else -limit
