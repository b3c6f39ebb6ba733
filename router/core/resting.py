"""Lots that nobody offers rest in a lit book: where, at which price, and when to move them.

What a decision leaves over is posted as a limit order at one venue. Two things move it later, each
no more often than the settings say: the market on its own side moves away, then it follows with a
replace; or somebody shows lots that the parent may take, then as many are taken out of the book,
and sent there once the venue has confirmed. So no lot is counted twice. Decides; sends nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from router.config import RestConfig
from router.core.doubts import Doubts
from router.core.orders import Child, Parent, bound_elsewhere
from router.core.view import MarketView, VenueView
from sim.audit.records import ChildSent, Decision, KnownQuote, Refused, Slice
from sim.protocol.enums import DecisionReason, OrdStatus, Side, TimeInForce
from sim.protocol.market_data import Levels

NAME: Final = "rest"
"""The strategy by which such decisions are recorded."""

_OPEN: Final = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})


@dataclass(slots=True)
class Move:
    """What to do with a resting child: ask for this total and price, or to be looked at later.

    ``total`` is what is filled already where it shall be canceled as a whole.
    """

    child: Child
    total: int
    price: int
    reason: str
    not_before_ns: int


class Resting:
    """Posts and moves.

    Args:
        view: The market.
        out: Venues that get nothing at present, and why.
        rule: The settings.
        doubts: What is doubted of quotes; None: nothing is.
    """

    def __init__(
        self,
        view: MarketView,
        out: dict[str, str],
        rule: RestConfig,
        doubts: Doubts | None = None,
    ) -> None:
        self.children: dict[str, Child] = {}
        self._view = view
        self._out = out
        self._doubts = doubts
        self._rule = rule
        profiles = [venue.profile for venue in view.venues.values() if venue.profile.takes_resting]
        lit = [one for one in profiles if one.visibility == "lit"]
        named = [one for one in profiles if one.venue_id == rule.venue]
        nearest = sorted(lit, key=lambda one: (one.latency_ns, one.venue_id))
        self._order = [one.venue_id for one in (named if rule.venue is not None else nearest)]

    # Posting

    def post(
        self, parent: Parent, reason: DecisionReason, next_id: Callable[[], int], now_ns: int
    ) -> tuple[Decision, ChildSent, Child] | None:
        """A decision that posts the free lots, and the child; None where there is no place."""
        if self._doubts is not None:
            self._doubts.look(now_ns)  # a venue may have been silent for too long since the last
        refused = [Refused(v, why) for v in self._order if (why := self._left_out(parent, v))]
        places = [v for v in self._order if self._left_out(parent, v) is None]
        for venue_id in places:
            venue = self._view.venues[venue_id]
            price = self.price(parent, venue)
            qty = parent.free_qty - parent.free_qty % venue.profile.lot
            if price is None or not qty:
                continue
            decision_id = next_id()
            count = parent.children_at[venue_id] = parent.children_at.get(venue_id, 0) + 1
            child = Child(
                f"{parent.parent_id}.{venue_id}.{count}",
                parent,
                venue_id,
                parent.side,
                qty,
                price,
                decision_id,
                qty,
                self._view.best_against(parent.side),
                TimeInForce(self._rule.tif),
            )
            child.posted_px = price
            parent.attempts += 1
            parent.waiting = False
            self.children[child.cl_ord_id] = child
            decision = Decision(
                t_ns=now_ns,
                decision_id=decision_id,
                parent_id=parent.parent_id,
                reason=reason,
                strategy=NAME,
                unreserved_qty=parent.free_qty,
                depth="top",
                effective_scale=1,
                quotes=self._known(parent, places, now_ns),
                ranking=tuple(places),
                split=(Slice(venue_id, price, qty),),
                refused=tuple(refused),
            )
            return decision, self._sent(child, now_ns), child
        return None

    def _left_out(self, parent: Parent, venue_id: str) -> str | None:
        why = self._out.get(venue_id) or parent.excluded.get(venue_id)
        if why is None and self._doubts is not None:
            why = self._doubts.why(parent.side, venue_id)
        return why or parent.barred.get(venue_id) or bound_elsewhere(parent, venue_id, self._out)

    @property
    def first(self) -> bool:
        """Whether lots are posted before any are taken."""
        return self._rule.first

    @property
    def take_after_ns(self) -> int | None:
        """How long after its first post a parent only takes."""
        return self._rule.take_after

    def price(self, parent: Parent, venue: VenueView) -> int | None:
        """Where the parent's lots would rest: within its limit, and on the venue's grid.

        That is the best price of the own side as received, or as far behind it as the settings say.
        """
        buys, limit = parent.side is Side.BUY, parent.limit_px
        price: int | None = None
        if self._rule.price == "touch":
            price = self._view.best_bid() if buys else self._view.best_ask()
            if price is not None:
                price -= self._rule.offset if buys else -self._rule.offset
        if price is None:
            price = limit
        elif limit is not None:
            price = min(price, limit) if buys else max(price, limit)
        if price is None:
            return None
        against = self._view.best_against(parent.side) if self._rule.first else None
        if against is not None:  # what is posted although lots are offered must not take them
            price = min(price, against - 1) if buys else max(price, against + 1)
        price = venue.profile.down(price) if buys else venue.profile.up(price)
        return price if price > 0 else None

    def _known(self, parent: Parent, places: list[str], now_ns: int) -> tuple[KnownQuote, ...]:
        """The best level of the own side at each place, which the price rests on."""
        known = []
        for venue_id in places:
            venue = self._view.venues[venue_id]
            if venue.quote is not None:
                known.append(
                    KnownQuote(
                        venue_id,
                        venue.quote.venue_seq,
                        now_ns - venue.quote.published_ns,
                        venue.profile.latency_ns,
                        _own_side(venue, parent.side)[:1],
                        1,
                        0,
                    )
                )
        return tuple(known)

    def _sent(self, child: Child, now_ns: int) -> ChildSent:
        venue = self._view.venues[child.venue_id]
        shown = venue.shown(child.side)
        return ChildSent(
            t_ns=now_ns,
            cl_ord_id=child.cl_ord_id,
            parent_id=child.parent.parent_id,
            decision_id=child.decision_id,
            venue_id=child.venue_id,
            side=child.side,
            order_qty=child.order_qty,
            price=child.price,
            time_in_force=child.time_in_force,
            shown_px=shown[0][0] if shown else None,
            quote_seq=None if venue.quote is None else venue.quote.venue_seq,
        )

    # Moving

    def moves(self) -> list[Move]:
        """What the market as it is known now asks of the children that rest, oldest first."""
        found: list[Move] = []
        claimed: set[str] = set()  # one child of a parent is taken from at a time
        for child in list(self.children.values()):
            parent = child.parent
            if not child.leaves_qty or parent.end_reason is not None:
                del self.children[child.cl_ord_id]
                continue
            if child.request is not None:
                claimed.add(parent.parent_id)
            elif child.status in _OPEN and parent.stopped is None and not child.unanswered:
                move = self._move(child, may_take=parent.parent_id not in claimed)
                if move is not None:
                    claimed.add(parent.parent_id)
                    found.append(move)
        return found

    def _move(self, child: Child, *, may_take: bool) -> Move | None:
        parent, rule = child.parent, self._rule
        if child.replaces >= rule.max_moves or child.venue_id in self._out:
            return None
        if child.venue_id in parent.barred:
            return None
        due_ns = max(child.sent_ns, child.replaced_at_ns) + rule.move_after
        waits = rule.first and parent.may_post  # it does not take before its time is over
        if may_take and not waits and parent.free_qty == 0:
            lots = min(self._takeable(parent), child.leaves_qty)
            if lots < child.leaves_qty:
                lots -= lots % self._view.venues[child.venue_id].profile.lot
            if lots:
                total = child.order_qty - lots
                return Move(child, total, child.booked_px, "quote_change", due_ns)
        price = self._followed(child)
        better = price is not None and (
            price > child.booked_px if child.side is Side.BUY else price < child.booked_px
        )
        if price is None or not better:
            return None
        return Move(child, child.order_qty, price, "market_moved", due_ns)

    def _followed(self, child: Child) -> int | None:
        """Where a child would rest now, no further from its first price than it may follow."""
        venue, most = self._view.venues[child.venue_id], self._rule.chase_max
        price = self.price(child.parent, venue)
        if price is None or most is None:
            return price
        if child.side is Side.BUY:
            return venue.profile.down(min(price, child.posted_px + most))
        return venue.profile.up(max(price, child.posted_px - most))

    def _takeable(self, parent: Parent) -> int:
        """Lots that are shown anywhere within the parent's limit, less what is ours already."""
        buys, limit = parent.side is Side.BUY, parent.limit_px
        lots = 0
        for venue_id, venue in self._view.venues.items():
            shown = venue.shown(parent.side)
            if not shown or (
                limit is not None and (shown[0][0] > limit if buys else shown[0][0] < limit)
            ):
                continue  # as most: what is ours of it need not be looked up
            if self._left_out(parent, venue_id) is not None:
                continue
            for price, qty in venue.available(parent.side):
                if limit is not None and (price > limit if buys else price < limit):
                    break
                lots += qty - qty % venue.profile.lot
        return lots


def _own_side(venue: VenueView, side: Side) -> Levels:
    if venue.quote is None:
        return ()
    return venue.quote.bids if side is Side.BUY else venue.quote.asks
