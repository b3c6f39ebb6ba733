"""One decision: what may be used, how the strategy splits it, and the record of all that."""

from collections.abc import Iterator

from router.allocate.base import Allocation, AllocationRequest, Depth, Offer
from router.config import RouterConfig
from router.core.orders import Child, Parent
from router.core.profile import EffectivePrices, VenueProfile
from router.core.view import MarketView, VenueView
from sim.audit.records import ChildSent, Decision, KnownQuote, Record, Refused, Slice
from sim.protocol.enums import DecisionReason, Side
from sim.protocol.market_data import BookSnapshot, Levels


class Decider:
    """Makes decisions for parents from the market view; changes only the parent it decides for."""

    def __init__(
        self, view: MarketView, profiles: tuple[VenueProfile, ...], config: RouterConfig
    ) -> None:
        self._view = view
        self._config = config
        self._strategy = config.strategy.build()
        self._effective = EffectivePrices(profiles)
        self._decisions = 0

    def decide(
        self, parent: Parent, reason: DecisionReason, now_ns: int
    ) -> Iterator[tuple[Record, Child | None]]:
        """Yield the decision's record, then a record with each child to send.

        A parent that finds nothing to use gets one record of that, not one at each quote.
        """
        offers, refused = self._offers(parent)
        request = AllocationRequest(
            parent.side, parent.free_qty, offers, self._depth(parent), self._config.tie
        )
        allocation = self._strategy.allocate(request)
        if not allocation.slices and parent.waiting:
            return
        parent.waiting = not allocation.slices
        self._decisions += 1
        yield self._record(parent, reason, request, allocation, refused, now_ns), None
        if allocation.slices:
            self._note_used(parent, offers, allocation)
            for child in self._children(parent, allocation):
                yield self._sent(child, now_ns), child

    def _depth(self, parent: Parent) -> Depth:
        if not parent.attempts:
            return self._strategy.depth
        return "top" if self._config.reroute.levels == "top" else "full"

    def _offers(self, parent: Parent) -> tuple[tuple[Offer, ...], tuple[Refused, ...]]:
        offers: list[Offer] = []
        refused: list[Refused] = []
        for venue_id, venue in self._view.venues.items():
            why = self._left_out(parent, venue_id)
            levels: Levels = ()
            if why is None:
                levels = self._levels(parent, venue)
                if not levels:
                    why = "nothing_available" if venue.quote is not None else "no_quote"
            if why is not None:
                refused.append(Refused(venue_id, why))
                continue
            profile = venue.profile
            offers.append(
                Offer(
                    venue_id,
                    profile.visibility,
                    profile.latency_ns,
                    profile.lot,
                    levels,
                    *self._effective.line(venue_id, parent.side),
                )
            )
        return tuple(offers), tuple(refused)

    def _left_out(self, parent: Parent, venue_id: str) -> str | None:
        if venue_id in parent.excluded:
            return parent.excluded[venue_id]
        if self._config.reroute.venues == "others" and venue_id in parent.short_filled:
            return "filled_short"
        return None

    def _levels(self, parent: Parent, venue: VenueView) -> Levels:
        """Usable levels within the parent's limit, best first."""
        if self._is_fresh(parent):
            levels = venue.available(parent.side)
        else:
            venue_id = venue.profile.venue_id
            first = parent.first[venue_id][0] if venue_id in parent.first else ()
            if self._config.reroute.levels == "top":
                first = first[:1]
            rest = [(px, qty - parent.used.get((venue_id, px), 0)) for px, qty in first]
            levels = tuple([level for level in rest if level[1] > 0])
        limit = parent.limit_px
        if limit is None:
            return levels
        # A venue shows prices off its own grid where recorded data have them; an order for such a
        # level stands at the next price of the grid, and that must be within the limit.
        tick = venue.profile.tick
        if parent.side is Side.BUY:
            return tuple([level for level in levels if level[0] <= limit - limit % tick])
        return tuple([level for level in levels if level[0] >= limit + -limit % tick])

    def _is_fresh(self, parent: Parent) -> bool:
        """Whether a decision now rests on the newest quotes; else on those of the first one."""
        return not parent.attempts or self._config.reroute.fresh_quote

    def _note_used(self, parent: Parent, offers: tuple[Offer, ...], allocation: Allocation) -> None:
        parent.attempts += 1
        if self._config.reroute.fresh_quote:
            return
        if parent.attempts == 1:
            for offer in offers:
                parent.first[offer.venue_id] = offer.levels, self._newest(offer.venue_id)
        for venue_id, price, qty in allocation.slices:
            key = (venue_id, price)
            parent.used[key] = parent.used.get(key, 0) + qty

    def _children(self, parent: Parent, allocation: Allocation) -> Iterator[Child]:
        """One IOC limit order per venue, at the worst level that is wanted there.

        Rounded to the venue's grid so that it still reaches that level.
        """
        wanted: dict[str, tuple[int, int]] = {}
        best_px = self._view.best_against(parent.side)
        worse = max if parent.side is Side.BUY else min
        for venue_id, price, qty in allocation.slices:
            old = wanted.get(venue_id)
            wanted[venue_id] = (price, qty) if old is None else (worse(price, old[0]), qty + old[1])
        for venue_id, (worst, qty) in wanted.items():
            tick = self._view.venues[venue_id].profile.tick
            price = worst + -worst % tick if parent.side is Side.BUY else worst - worst % tick
            count = parent.children_at.get(venue_id, 0) + 1
            parent.children_at[venue_id] = count
            yield Child(
                cl_ord_id=f"{parent.parent_id}.{venue_id}.{count}",
                parent=parent,
                venue_id=venue_id,
                side=parent.side,
                order_qty=qty,
                price=price,
                decision_id=self._decisions,
                leaves_qty=qty,
                best_px=best_px,
            )

    def _sent(self, child: Child, now_ns: int) -> ChildSent:
        parent = child.parent
        fresh = self._config.reroute.fresh_quote
        quote = self._newest(child.venue_id) if fresh else parent.first[child.venue_id][1]
        shown = quote.asks if child.side is Side.BUY else quote.bids
        return ChildSent(
            t_ns=now_ns,
            cl_ord_id=child.cl_ord_id,
            parent_id=parent.parent_id,
            decision_id=child.decision_id,
            venue_id=child.venue_id,
            side=child.side,
            order_qty=child.order_qty,
            price=child.price,
            time_in_force=child.time_in_force,
            shown_px=shown[0][0] if shown else None,
            quote_seq=quote.venue_seq,
        )

    def _record(  # noqa: PLR0917 - the parts of one decision, used here only
        self,
        parent: Parent,
        reason: DecisionReason,
        request: AllocationRequest,
        allocation: Allocation,
        refused: tuple[Refused, ...],
        now_ns: int,
    ) -> Decision:
        quotes: list[KnownQuote] = []
        fresh = self._is_fresh(parent)
        for offer in request.offers:
            venue_id = offer.venue_id
            quote = self._newest(venue_id) if fresh else parent.first[venue_id][1]
            quotes.append(
                KnownQuote(
                    offer.venue_id,
                    quote.venue_seq,
                    now_ns - quote.published_ns,
                    offer.latency_ns,
                    offer.levels,
                    offer.slope,
                    offer.intercept,
                )
            )
        return Decision(
            t_ns=now_ns,
            decision_id=self._decisions,
            parent_id=parent.parent_id,
            reason=reason,
            strategy=self._strategy.name,
            unreserved_qty=request.qty,
            depth=request.depth,
            effective_scale=self._effective.scale,
            quotes=tuple(quotes),
            ranking=allocation.ranking,
            split=tuple([Slice(*part) for part in allocation.slices]),
            refused=(*refused, *[Refused(v, why) for v, why in allocation.refused]),
        )

    def _newest(self, venue_id: str) -> BookSnapshot:
        quote = self._view.venues[venue_id].quote
        assert quote is not None  # an offer comes from a quote
        return quote
