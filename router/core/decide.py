"""One decision: what may be used, how it is split, and the record of all that.

Blind orders come first, where the scenario has them. The strategy splits the rest over what is
shown, or the policy for what a dark pool did not fill does.
"""

from decimal import Decimal
from typing import Final

import msgspec

from router.allocate.base import (
    Allocation,
    AllocationRequest,
    Depth,
    Offer,
)
from router.allocate.dark_then_lit import NAME as DARK_THEN_LIT
from router.allocate.dark_then_lit import dark_then_lit
from router.config import RouterConfig
from router.core.blind import BlindOrders, BlindSplit, Part
from router.core.costing import costing_of, finer_for
from router.core.doubts import Doubts
from router.core.experience import Experience
from router.core.leakage import Leakage
from router.core.making import Made, by_venue, make_children, outcome_of, plan_leaves
from router.core.orders import Child, Parent, bound_elsewhere
from router.core.places import NOWHERE as _NOWHERE
from router.core.places import Found, Places
from router.core.profile import EffectivePrices, VenueProfile
from router.core.seats import refused_as, seats_of, within
from router.core.sending import Sending, first_venue, protected
from router.core.strategy import built
from router.core.truth import Truth, true_offers
from router.core.truth import unquoted as of_truth
from router.core.view import MarketView, VenueView
from sim.audit.records import (
    Decision,
    Exposure,
    KnownQuote,
    Note,
    PlannedLeave,
    Protected,
    Record,
    Refused,
    Slice,
)
from sim.protocol.enums import DecisionReason, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import Units

_NOT_BLIND: Final = BlindSplit((), (), {})


class _Choice(msgspec.Struct, frozen=True, gc=False):
    """What was chosen of a request, and how it is sent."""

    allocation: Allocation
    blind: BlindSplit
    protected: tuple[Protected, ...] = ()
    leaves: tuple[PlannedLeave, ...] = ()


class Decider:
    """Makes decisions for parents from the market view; changes only the parent it decides for."""

    def __init__(
        self,
        view: MarketView,
        profiles: tuple[VenueProfile, ...],
        config: RouterConfig,
        out: dict[str, str],
        experience: Experience | None = None,
        *,
        units: Units | None = None,
        doubts: Doubts | None = None,
    ) -> None:
        self._view = view
        self._doubts = doubts
        self._out = out  # venues that get nothing at present, and why
        self._reroute = config.reroute
        self._tie = config.tie
        self._strategy = built(config)
        self._strategy.units = units
        effective = EffectivePrices(profiles, finer_for(config.cost))
        self._scale = self._strategy.scale = effective.scale
        self._weighs = config.cost is not None or self._strategy.weighs_risk
        self._costing = costing_of(config.cost, self._strategy, profiles, effective, experience)
        self._buy_seats = seats_of(view, profiles, effective, Side.BUY)
        self._sell_seats = seats_of(view, profiles, effective, Side.SELL)
        only = self._strategy.only
        silent = tuple([p for p in profiles if p.silent and only in {None, p.venue_id}])
        self._places: Places | None = None
        if self._strategy.posts or self._strategy.pools:
            chosen = getattr(config.strategy, "venues", ()) or [p.venue_id for p in silent]
            pools = tuple([p for p in silent if self._strategy.pools and p.venue_id in chosen])
            self._places = Places(
                view,
                profiles,
                pools,
                posts=self._strategy.posts,
                rounds=self._strategy.rounds,
            )
        self._silent = frozenset([p.venue_id for p in profiles if p.silent])
        self._truth: Truth | None = None
        self._blind: BlindOrders | None = None
        self._pings = config.blind is not None and config.blind.ping is not None
        if config.blind is not None and silent:
            self._blind = BlindOrders(view, silent, config.blind)
        self._sending: Sending | None = None
        if config.sending.mode != "parallel" or config.sending.protect:
            measured = config.sending.estimate == "measured"
            learnt = experience if measured and experience is not None else Experience(profiles)
            self._sending = Sending(config.sending, learnt.order_delay_ns)
        self._leakage: Leakage | None = None
        if config.leakage is not None:
            lot_size = Decimal(1) if units is None else units.lot_size
            self._leakage = Leakage(config.leakage, profiles, lot_size)
        self._shapes = self._sending is not None or self._leakage is not None
        self._special = self._shapes or self._places is not None
        self._reaches_hidden = self._blind is not None or self._places is not None
        self._decisions = 0

    def number_from(self, decision_id: int) -> None:
        """Numbers up to this one were given before the router came back."""
        self._decisions = max(self._decisions, decision_id)

    def next_id(self) -> int:
        """The number of a decision that is made elsewhere."""
        self._decisions += 1
        return self._decisions

    def decide(
        self, parent: Parent, reason: DecisionReason, now_ns: int
    ) -> list[tuple[Record, Child | None]]:
        """The decision's record, then a record with each child to send.

        A parent that finds nothing to use gets one record of that, not one at each quote.
        """
        hidden, blind, free_qty = _NOWHERE, _NOT_BLIND, parent.free_qty
        if self._doubts is not None:
            self._doubts.look(now_ns)
        if self._reaches_hidden:
            hidden, blind = self._hidden(parent, now_ns)
        offers, quotes, refused, best_px = self._look(parent, blind, now_ns)
        if self._truth is not None:
            offers, refused = self._told(parent, self._truth, refused)
        left = free_qty - blind.kept_qty if blind is not _NOT_BLIND else free_qty
        request = AllocationRequest(parent.side, left, offers, self._depth(parent), self._tie)
        if self._places is not None:
            request = self._places.completed(request, parent, hidden, now_ns)
        name, allocation = self._allocate(parent, request)
        choice: _Choice | None = None
        if self._shapes:
            choice = self._shaped(parent, request, _Choice(allocation, blind), refused, now_ns)
            allocation, blind = choice.allocation, choice.blind
        parts, posts = (*blind.parts, *allocation.slices), allocation.posts
        if (nothing := not (parts or posts)) and parent.waiting:
            return []
        parent.waiting = nothing
        refused += [Refused(venue_id, why) for venue_id, why in allocation.refused]
        if self._reaches_hidden:
            blind = self._on_split(parent, blind, allocation, offers, best_px)
        wanted = by_venue(parts, parent.side)
        self._decisions = number = self._decisions + 1
        # At most 15 keywords: beyond that CPython packs them into a dict first, which takes long.
        decision = Decision(
            t_ns=now_ns,
            decision_id=number,
            parent_id=parent.parent_id,
            reason=reason,
            strategy=name,
            unreserved_qty=free_qty,
            depth=request.depth,
            effective_scale=self._scale,
            quotes=quotes,
            ranking=allocation.ranking,
            split=tuple([Slice(v, price, qty) for v, price, qty in parts]),
            refused=tuple(refused),
            blind=blind.orders,
            costs=self._costing.costs(parent.side, parts, offers, wanted),
            rule=parent.rule,
        )
        if self._special or posts or allocation.notes:
            how = choice or _Choice(allocation, blind)
            decision = self._with_more(decision, parent, how, hidden)
        if self._doubts is not None:
            decision = msgspec.structs.replace(decision, doubts=self._doubts.told())
        parent.rule = "cross" if parent.crossing else ""
        if nothing:
            return [(decision, None)]
        self._note_split(parent, offers, allocation)
        made = make_children(self._view, parent, wanted, number, best_px, now_ns)
        if self._shapes or posts:
            made = self._with_rest(made, decision, parent, best_px)
        return [(decision, None), *made]

    def _with_rest(
        self, made: list[Made], decision: Decision, parent: Parent, best_px: int | None
    ) -> list[Made]:
        """The children that take, leaving as planned, and those that rest."""
        now_ns, number = decision.t_ns, decision.decision_id
        if decision.leaves:
            plan_leaves(made, decision.leaves, now_ns)
        posts = tuple([(post.venue_id, post.price, post.qty) for post in decision.posts])
        resting, tif = by_venue(posts, parent.side), TimeInForce.DAY
        return made + make_children(self._view, parent, resting, number, best_px, now_ns, tif)

    def _hidden(self, parent: Parent, now_ns: int) -> tuple[Found, BlindSplit]:
        """Where it could post or try silent venues, and what goes out blind."""
        hidden, blind = _NOWHERE, _NOT_BLIND
        if self._blind is not None:
            blind = self._blind.split(parent, self.left_out)
        if self._places is not None:
            hidden = self._places.of(parent, self.left_out, now_ns)
            blind = hidden.blind if self._blind is None else blind
        return hidden, blind

    def _on_split(
        self,
        parent: Parent,
        blind: BlindSplit,
        allocation: Allocation,
        offers: tuple[Offer, ...],
        best_px: int | None,
    ) -> BlindSplit:
        """A split that reaches what is hidden goes out: note it; what of it rests on no quote."""
        BlindOrders.on_split(parent, blind)
        if self._places is not None:
            self._places.on_split(parent, allocation.slices)
        elif self._truth is not None:
            told = of_truth(allocation.slices, offers, self._silent, best_px)
            return msgspec.structs.replace(blind, orders=blind.orders + told)
        return blind

    def _with_more(
        self, decision: Decision, parent: Parent, choice: _Choice, hidden: Found
    ) -> Decision:
        """The record with what most decisions have not."""
        allocation = choice.allocation
        parts = (*choice.blind.parts, *allocation.slices)
        return msgspec.structs.replace(
            decision,
            blind=decision.blind + hidden.used(parts),
            queues=hidden.queues,
            posts=tuple([Slice(*post) for post in allocation.posts]),
            leakage=self.exposure(parent, (*parts, *allocation.posts)),
            notes=tuple([Note(*note) for note in allocation.notes]),
            protected=choice.protected,
            leaves=choice.leaves,
        )

    def exposure(self, parent: Parent, parts: tuple[Part, ...]) -> Exposure | None:
        """What a parent shows once these parts are there, where that is followed."""
        return None if self._leakage is None else self._leakage.exposure(parent, parts)

    def over(self, child: Child, now_ns: int) -> bool:
        """A child has ended: let the strategy learn from it; whether others waited for its end."""
        if self._strategy.learns:
            self._strategy.learn(outcome_of(child, self._view, now_ns))
        if child.parent.pings and BlindOrders.on_over(child):
            return True
        return self._places is not None and self._places.on_over(child)

    @property
    def asks(self) -> bool:
        """Whether free lots may have to wait for answers."""
        return self._strategy.pools or self._pings

    def holds_back(self, parent: Parent) -> bool:
        """Whether free lots of a parent wait for answers."""
        if self._places is not None and self._places.busy(parent):
            return True
        return self._pings and BlindOrders.busy(parent)

    def tell(self, truth: Truth) -> None:
        """Let the strategy know what is truly there, if it is one that is told."""
        if self._strategy.needs_truth:
            self._truth = truth
            self._reaches_hidden = True

    def _told(
        self, parent: Parent, truth: Truth, refused: list[Refused]
    ) -> tuple[tuple[Offer, ...], list[Refused]]:
        """What is truly there, and who is left out then."""
        offers = true_offers(parent, self._seat_offers(parent), truth, self.left_out)
        if parent.limit_px is not None:
            offers = tuple([self._reachable(one, parent.limit_px, parent.side) for one in offers])
            offers = tuple([one for one in offers if one.levels])
        told = {offer.venue_id for offer in offers}
        return offers, [one for one in refused if one.venue_id not in told]

    def _reachable(self, offer: Offer, limit: int, side: Side) -> Offer:
        """An offer with the levels that an order on the venue's grid reaches within a limit."""
        profile = self._view.venues[offer.venue_id].profile
        levels = within(offer.levels, limit, profile, side)
        return msgspec.structs.replace(offer, levels=levels)

    def _seat_offers(self, parent: Parent) -> list[Offer]:
        seats = self._buy_seats if parent.side is Side.BUY else self._sell_seats
        return [seat.offer for seat in seats]

    @property
    def post_for_ns(self) -> int | None:
        """How long what the strategy posts may rest."""
        return self._strategy.post_for_ns

    # What may be used

    def _look(
        self, parent: Parent, blind: BlindSplit, now_ns: int
    ) -> tuple[tuple[Offer, ...], tuple[KnownQuote, ...], list[Refused], int | None]:
        """What each venue shows for the parent, with the quotes it rests on, or why it is out.

        And the best displayed lit price that the parent could trade at: all quotes pass by here.
        """
        side, buys = parent.side, parent.side is Side.BUY
        costing = self._costing if self._weighs else None
        # Asked once for all venues: most of the time nothing is in the way.
        out_for_it = parent.excluded or parent.short_filled or parent.barred
        doubted = self._doubts is not None and self._doubts.out[buys]
        in_the_way = blind.silent or self._out or out_for_it or parent.bound or doubted
        plain_case = not in_the_way and parent.limit_px is None and self._is_fresh(parent)
        best_px: int | None = None
        offers: list[Offer] = []
        quotes: list[KnownQuote] = []
        refused: list[Refused] = []
        for seat in self._buy_seats if buys else self._sell_seats:
            venue, venue_id = seat.venue, seat.venue_id
            quote = venue.quote
            levels: Levels = ()
            if quote is not None:
                levels = quote.asks if buys else quote.bids
                if levels and seat.is_lit:
                    price = levels[0][0]
                    if best_px is None or (price < best_px if buys else price > best_px):
                        best_px = price
            why: str | None = None
            if plain_case:
                if venue.less:
                    levels = venue.available(side)
            elif venue_id in blind.silent and blind.silent[venue_id] is None:
                continue
            else:
                why, levels, quote = self._usable(parent, venue, blind)
            if quote is None or not levels:
                refused.append(refused_as(venue_id, why, quote, now_ns))
                continue
            offer, latency_ns = seat.offer, seat.latency_ns
            slope, intercept = seat.slope, seat.intercept
            if offer.levels is not levels:
                offer = seat.offer = Offer(
                    venue_id,
                    offer.visibility,
                    latency_ns,
                    offer.lot,
                    levels,
                    slope,
                    intercept,
                    offer.impact,
                    offer.fill_risk,
                )
            age_ns = now_ns - quote.published_ns
            known = KnownQuote(
                venue_id, quote.venue_seq, age_ns, latency_ns, levels, slope, intercept
            )
            if costing is not None:
                # A venue's clock may be wrong: nothing is from the future or older than the run.
                offer = costing.priced(offer, min(max(0, age_ns), now_ns))
                known = costing.known(known, offer)
            offers.append(offer)
            quotes.append(known)
        return tuple(offers), tuple(quotes), refused, best_px

    def _usable(
        self, parent: Parent, venue: VenueView, blind: BlindSplit
    ) -> tuple[str | None, Levels, BookSnapshot | None]:
        """Why a venue is left out, else the levels that the parent may use and their quote."""
        venue_id, quote = venue.profile.venue_id, venue.quote
        why = blind.silent.get(venue_id) or self.left_out(parent, venue_id)
        if why is not None:
            return why, (), quote
        if self._is_fresh(parent):
            levels = venue.available(parent.side)
        else:
            levels, quote = self._rest_of_first(parent, venue)
        if parent.limit_px is not None:
            levels = within(levels, parent.limit_px, venue.profile, parent.side)
        return None, levels, quote

    def left_out(self, parent: Parent, venue_id: str) -> str | None:
        """Why the parent may not use a venue now, whatever it shows; None if it may."""
        if parent.held:
            return "held"
        if venue_id in self._out:
            return self._out[venue_id]
        if venue_id in parent.excluded:
            return parent.excluded[venue_id]
        if self._reroute.venues == "others" and venue_id in parent.short_filled:
            return "filled_short"
        if venue_id in parent.barred:
            return parent.barred[venue_id]
        if self._doubts is not None and (why := self._doubts.why(parent.side, venue_id)):
            return why
        short = parent.short_filled if self._reroute.venues == "others" else ()
        return bound_elsewhere(parent, venue_id, self._out, short=short)

    def _rest_of_first(
        self, parent: Parent, venue: VenueView
    ) -> tuple[Levels, BookSnapshot | None]:
        """What the parent has not used of the quote of its first split, and that quote."""
        venue_id = venue.profile.venue_id
        if venue_id not in parent.first:
            return (), venue.quote
        first, quote = parent.first[venue_id]
        if self._reroute.levels == "top":
            first = first[:1]
        rest = [(px, qty - parent.used.get((venue_id, px), 0)) for px, qty in first]
        return tuple([level for level in rest if level[1] > 0]), quote

    # The split

    def _depth(self, parent: Parent) -> Depth:
        if parent.crossing:
            assert self._reroute.cross is not None  # who else would have had it cross?
            return "full" if self._reroute.cross.limit == "parent" else "top"
        if not parent.splits:
            return self._strategy.depth
        return "top" if self._reroute.levels == "top" else "full"

    def _allocate(self, parent: Parent, request: AllocationRequest) -> tuple[str, Allocation]:
        """The split of what is shown, and the name of what made it."""
        if self._reroute.prefer == "dark" and self._dark_fell_short(parent):
            return DARK_THEN_LIT, dark_then_lit(request, parent.short_filled)
        return self._strategy.name, self._strategy.allocate(request)

    def _shaped(
        self,
        parent: Parent,
        request: AllocationRequest,
        choice: _Choice,
        refused: list[Refused],
        now_ns: int,
    ) -> _Choice:
        """What is left of a split by what may show and by how it is sent, and how that is."""
        allocation, blind = choice.allocation, choice.blind
        if self._leakage is not None:
            allocation = self._leakage.cut(parent, allocation)
        sending = self._sending
        if sending is None:
            return _Choice(allocation, blind)
        kept: tuple[Protected, ...] = ()
        if sending.sequential:
            first, allocation = first_venue(blind.parts, allocation)
            to = {part[0] for part in first}
            orders = tuple([order for order in blind.orders if order.venue_id in to])
            blind = msgspec.structs.replace(blind, orders=orders, parts=first)
        elif sending.protects:
            shown = {one.venue_id: self._displayed(one.venue_id, parent.side) for one in refused}
            allocation, kept = protected(parent.side, allocation, request.offers, refused, shown)
        left_ns = None if parent.deadline_ns is None else parent.deadline_ns - now_ns
        leaves = sending.leaves((*blind.parts, *allocation.slices), left_ns)
        return _Choice(allocation, blind, kept, leaves)

    def _displayed(self, venue_id: str, side: Side) -> Levels:
        """What a lit venue displays of the side that an order of ``side`` trades against."""
        venue = self._view.venues[venue_id]
        return venue.shown(side) if venue.profile.visibility == "lit" else ()

    def _dark_fell_short(self, parent: Parent) -> bool:
        venues = self._view.venues
        return any(venues[v].profile.visibility == "dark" for v in parent.short_filled)

    def _is_fresh(self, parent: Parent) -> bool:
        """Whether a decision now rests on the newest quotes; else on those of the first split."""
        return not parent.splits or self._reroute.fresh_quote

    def _note_split(
        self, parent: Parent, offers: tuple[Offer, ...], allocation: Allocation
    ) -> None:
        parent.attempts += 1
        if not allocation.slices:
            return
        parent.splits += 1
        if self._reroute.fresh_quote or self._truth is not None:
            return  # who is told what is there needs no quote
        if parent.splits == 1:
            for offer in offers:
                quote = self._view.venues[offer.venue_id].quote
                assert quote is not None  # an offer comes from a quote
                parent.first[offer.venue_id] = offer.levels, quote
        for venue_id, price, qty in allocation.slices:
            key = (venue_id, price)
            parent.used[key] = parent.used.get(key, 0) + qty

    # Children
