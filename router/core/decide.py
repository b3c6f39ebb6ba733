"""One decision: what may be used, how it is split, and the record of all that.

Blind orders come first, where the scenario has them: to dark venues that never show anything. The
strategy splits the rest over what is shown, or the policy for what a dark pool did not fill does.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from router.allocate.base import Allocation, AllocationRequest, Depth, Offer
from router.allocate.dark_then_lit import NAME as DARK_THEN_LIT
from router.allocate.dark_then_lit import dark_then_lit
from router.config import RouterConfig
from router.core.orders import Child, Parent
from router.core.profile import EffectivePrices, VenueProfile, Visibility
from router.core.view import MarketView, VenueView
from sim.audit.records import (
    BlindOrder,
    ChildSent,
    Decision,
    KnownQuote,
    Record,
    Refused,
    Slice,
)
from sim.protocol.enums import DecisionReason, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import plain

Part = tuple[str, int, int]
"""Of a split: venue, price, lots."""


@dataclass(slots=True)
class _Seat:
    """One venue for one side: its view, and what never changes about it."""

    venue: VenueView
    venue_id: str
    visibility: Visibility
    latency_ns: int
    tick: int
    lot: int
    slope: int
    intercept: int
    impact: int
    fill_risk: Fraction
    fill_risk_text: str


@dataclass(slots=True)
class _Known:
    """What one decision rests on, gathered venue by venue."""

    offers: list[Offer]
    quotes: list[KnownQuote]
    refused: list[Refused]
    blind: list[BlindOrder]
    parts: list[Part]  # of blind orders
    passed: dict[str, str]  # silent venues without one, and why
    left: int


class Decider:
    """Makes decisions for parents from the market view; changes only the parent it decides for."""

    def __init__(
        self, view: MarketView, profiles: tuple[VenueProfile, ...], config: RouterConfig
    ) -> None:
        self._view = view
        self._config = config
        self._strategy = config.strategy.build()
        self._weighs_risk = self._strategy.weighs_risk
        effective = EffectivePrices(profiles)
        self._scale = effective.scale
        self._buy_seats = _seats(view, profiles, effective, Side.BUY)
        self._sell_seats = _seats(view, profiles, effective, Side.SELL)
        nearest = sorted(profiles, key=lambda p: (p.latency_ns, p.venue_id))
        only, blind = self._strategy.only, config.blind
        self._part = Fraction(0) if blind is None else Fraction(blind.fraction)
        self._silent = (
            tuple([p.venue_id for p in nearest if p.silent and only in {None, p.venue_id}])
            if blind is not None
            else ()
        )
        self._decisions = 0

    def decide(
        self, parent: Parent, reason: DecisionReason, now_ns: int
    ) -> list[tuple[Record, Child | None]]:
        """The decision's record, then a record with each child to send.

        A parent that finds nothing to use gets one record of that, not one at each quote.
        """
        known = _Known([], [], [], [], [], {}, parent.free_qty)
        if self._silent:
            self._go_blind(parent, known)
        self._look(parent, known, now_ns)
        request = AllocationRequest(
            parent.side, known.left, tuple(known.offers), self._depth(parent), self._config.tie
        )
        name, allocation = self._allocate(parent, request)
        parts = (*known.parts, *allocation.slices)
        if not parts and parent.waiting:
            return []
        parent.waiting = not parts
        self._decisions += 1
        refused = known.refused
        refused += [Refused(venue_id, why) for venue_id, why in allocation.refused]
        decision = Decision(
            t_ns=now_ns,
            decision_id=self._decisions,
            parent_id=parent.parent_id,
            reason=reason,
            strategy=name,
            unreserved_qty=parent.free_qty,
            depth=request.depth,
            effective_scale=self._scale,
            quotes=tuple(known.quotes),
            ranking=allocation.ranking,
            split=tuple([Slice(*part) for part in parts]),
            refused=tuple(refused),
            blind=tuple(known.blind),
        )
        found: list[tuple[Record, Child | None]] = [(decision, None)]
        if parts:
            parent.attempts += 1
            self._note_split(parent, request.offers, allocation)
            self._add_children(parent, parts, now_ns, found)
        return found

    # What may be used

    def _look(self, parent: Parent, known: _Known, now_ns: int) -> None:
        """Gather what each venue shows for the parent, or why it is left out."""
        fresh = self._is_fresh(parent)
        side, limit = parent.side, parent.limit_px
        blind = [part[0] for part in known.parts]
        for seat in self._buy_seats if side is Side.BUY else self._sell_seats:
            venue_id, venue = seat.venue_id, seat.venue
            if venue_id in blind:
                continue
            why = known.passed.get(venue_id) or self._left_out(parent, venue_id)
            quote = venue.quote
            levels: Levels = ()
            if why is None:
                if fresh:
                    levels = venue.available(side)
                else:
                    levels, quote = self._rest_of_first(parent, venue_id)
                if limit is not None:
                    levels = _within(levels, limit, seat.tick, side)
                if not levels:
                    why = "no_quote" if quote is None else "nothing_available"
            if why is not None or quote is None:
                known.refused.append(_refused(venue_id, why or "no_quote", quote, now_ns))
                continue
            known.offers.append(
                Offer(
                    venue_id,
                    seat.visibility,
                    seat.latency_ns,
                    seat.lot,
                    levels,
                    seat.slope,
                    seat.intercept,
                    seat.impact,
                    seat.fill_risk,
                )
            )
            known.quotes.append(
                KnownQuote(
                    venue_id,
                    quote.venue_seq,
                    now_ns - quote.published_ns,
                    seat.latency_ns,
                    levels,
                    seat.slope,
                    seat.intercept,
                    seat.impact if self._weighs_risk else None,
                    seat.fill_risk_text if self._weighs_risk else None,
                )
            )

    def _left_out(self, parent: Parent, venue_id: str) -> str | None:
        """Why the parent may not use a venue now, whatever it shows; None if it may."""
        if venue_id in parent.excluded:
            return parent.excluded[venue_id]
        if self._config.reroute.venues == "others" and venue_id in parent.short_filled:
            return "filled_short"
        return None

    def _rest_of_first(self, parent: Parent, venue_id: str) -> tuple[Levels, BookSnapshot | None]:
        """What the parent has not used of the quote of its first split, and that quote."""
        if venue_id not in parent.first:
            return (), self._view.venues[venue_id].quote
        first, quote = parent.first[venue_id]
        if self._config.reroute.levels == "top":
            first = first[:1]
        rest = [(px, qty - parent.used.get((venue_id, px), 0)) for px, qty in first]
        return tuple([level for level in rest if level[1] > 0]), quote

    # Blind orders

    def _go_blind(self, parent: Parent, known: _Known) -> None:
        """Offer each silent venue that the parent has not tried its part of what is left."""
        best_px = self._view.best_against(parent.side)
        buys = parent.side is Side.BUY
        limits = [px for px in (best_px, parent.limit_px) if px is not None]
        for venue_id in self._silent:
            profile = self._view.venues[venue_id].profile
            why = self._left_out(parent, venue_id)
            if why is None and parent.children_at.get(venue_id):
                why = "tried_blind"
            elif why is None and not limits:
                why = "no_reference"
            elif why is None and not known.left:
                why = "ranked_behind"
            if why is not None:
                known.passed[venue_id] = why
                continue
            limit = min(limits) if buys else max(limits)
            # Rounded to the venue's grid so that it is no worse than the limit.
            price = limit - limit % profile.tick if buys else limit + -limit % profile.tick
            qty = known.left * self._part.numerator // self._part.denominator
            qty -= qty % profile.lot
            if not qty or price <= 0:
                known.passed[venue_id] = "too_small"
                continue
            known.blind.append(BlindOrder(venue_id, profile.latency_ns, best_px, price))
            known.parts.append((venue_id, price, qty))
            known.left -= qty

    # The split

    def _depth(self, parent: Parent) -> Depth:
        if not parent.splits:
            return self._strategy.depth
        return "top" if self._config.reroute.levels == "top" else "full"

    def _allocate(self, parent: Parent, request: AllocationRequest) -> tuple[str, Allocation]:
        """The split of what is shown, and the name of what made it."""
        if self._config.reroute.prefer == "dark" and self._dark_fell_short(parent):
            return DARK_THEN_LIT, dark_then_lit(request, parent.short_filled)
        return self._strategy.name, self._strategy.allocate(request)

    def _dark_fell_short(self, parent: Parent) -> bool:
        venues = self._view.venues
        return any(venues[v].profile.visibility == "dark" for v in parent.short_filled)

    def _is_fresh(self, parent: Parent) -> bool:
        """Whether a decision now rests on the newest quotes; else on those of the first split."""
        return not parent.splits or self._config.reroute.fresh_quote

    def _note_split(
        self, parent: Parent, offers: tuple[Offer, ...], allocation: Allocation
    ) -> None:
        if not allocation.slices:
            return
        parent.splits += 1
        if self._config.reroute.fresh_quote:
            return
        if parent.splits == 1:
            for offer in offers:
                parent.first[offer.venue_id] = offer.levels, self._newest(offer.venue_id)
        for venue_id, price, qty in allocation.slices:
            key = (venue_id, price)
            parent.used[key] = parent.used.get(key, 0) + qty

    # Children

    def _add_children(
        self,
        parent: Parent,
        parts: tuple[Part, ...],
        now_ns: int,
        found: list[tuple[Record, Child | None]],
    ) -> None:
        """One IOC limit order per venue, at the worst level that is wanted there.

        Rounded to the venue's grid so that it still reaches that level.
        """
        wanted: dict[str, tuple[int, int]] = {}
        side = parent.side
        buys = side is Side.BUY
        for venue_id, price, qty in parts:
            old = wanted.get(venue_id)
            if old is None:
                wanted[venue_id] = price, qty
            else:
                worst = old[0] if (price < old[0]) is buys else price
                wanted[venue_id] = worst, qty + old[1]
        best_px = self._view.best_against(side)
        for venue_id, (worst, qty) in wanted.items():
            tick = self._view.venues[venue_id].profile.tick
            price = worst if tick == 1 else worst + (-worst % tick if buys else -(worst % tick))
            count = parent.children_at.get(venue_id, 0) + 1
            parent.children_at[venue_id] = count
            child = Child(
                f"{parent.parent_id}.{venue_id}.{count}",
                parent,
                venue_id,
                side,
                qty,
                price,
                self._decisions,
                qty,
                best_px,
            )
            found.append((self._sent(child, now_ns), child))

    def _sent(self, child: Child, now_ns: int) -> ChildSent:
        parent, side = child.parent, child.side
        quote = self._view.venues[child.venue_id].quote
        if parent.first and child.venue_id in parent.first:
            quote = parent.first[child.venue_id][1]
        shown: Levels = ()
        if quote is not None:
            shown = quote.asks if side is Side.BUY else quote.bids
        return ChildSent(
            t_ns=now_ns,
            cl_ord_id=child.cl_ord_id,
            parent_id=parent.parent_id,
            decision_id=child.decision_id,
            venue_id=child.venue_id,
            side=side,
            order_qty=child.order_qty,
            price=child.price,
            time_in_force=TimeInForce.IOC,
            shown_px=shown[0][0] if shown else None,
            quote_seq=None if quote is None else quote.venue_seq,
        )

    def _newest(self, venue_id: str) -> BookSnapshot:
        quote = self._view.venues[venue_id].quote
        assert quote is not None  # an offer comes from a quote
        return quote


def _seats(
    view: MarketView, profiles: tuple[VenueProfile, ...], effective: EffectivePrices, side: Side
) -> tuple[_Seat, ...]:
    return tuple(
        [
            _Seat(
                view.venues[p.venue_id],
                p.venue_id,
                p.visibility,
                p.latency_ns,
                p.tick,
                p.lot,
                *effective.line(p.venue_id, side),
                effective.impact(p.venue_id),
                p.fill_risk,
                _decimal_text(p.fill_risk),
            )
            for p in profiles
        ]
    )


def _decimal_text(value: Fraction) -> str:
    """A fraction that came from decimal text, as such text again."""
    return plain(Decimal(value.numerator) / Decimal(value.denominator))


def _refused(venue_id: str, why: str, quote: BookSnapshot | None, now_ns: int) -> Refused:
    if quote is None:
        return Refused(venue_id, why)
    return Refused(venue_id, why, quote.venue_seq, now_ns - quote.published_ns)


def _within(levels: Levels, limit: int, tick: int, side: Side) -> Levels:
    """The levels that an order within ``limit`` can reach.

    A venue shows prices off its own grid where recorded data have them; an order for such a level
    stands at the next price of the grid, and that must be within the limit.
    """
    if side is Side.BUY:
        most = limit - limit % tick
        return tuple([level for level in levels if level[0] <= most])
    least = limit + -limit % tick
    return tuple([level for level in levels if level[0] >= least])
