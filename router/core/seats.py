"""The seats of a router: per side one for each venue, with what a decision needs of it at hand.

Decides nothing.
"""

from dataclasses import dataclass

from router.allocate.base import Offer
from router.core.profile import EffectivePrices, VenueProfile
from router.core.view import MarketView, VenueView
from sim.audit.records import Refused
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Levels


@dataclass(slots=True)
class Seat:
    """One venue for one side. ``offer`` is the last one made; it serves while levels stay."""

    venue: VenueView
    venue_id: str
    latency_ns: int
    slope: int
    intercept: int
    is_lit: bool
    offer: Offer


def seats_of(
    view: MarketView, profiles: tuple[VenueProfile, ...], effective: EffectivePrices, side: Side
) -> tuple[Seat, ...]:
    """A seat for each venue, as one who trades on ``side`` sees it."""
    found: list[Seat] = []
    for profile in profiles:
        venue_id = profile.venue_id
        slope, intercept = effective.line(venue_id, side)
        is_lit = profile.visibility == "lit"
        impact, risk = effective.impact(venue_id), profile.fill_risk
        nothing = Offer(
            venue_id,
            profile.visibility,
            profile.latency_ns,
            profile.lot,
            (),
            slope,
            intercept,
            impact,
            risk,
        )
        found.append(
            Seat(
                view.venues[venue_id],
                venue_id,
                profile.latency_ns,
                slope,
                intercept,
                is_lit,
                nothing,
            )
        )
    return tuple(found)


def refused_as(venue_id: str, why: str | None, quote: BookSnapshot | None, now_ns: int) -> Refused:
    """A venue that shows nothing usable, or is left out for the reason ``why``."""
    if quote is None:
        return Refused(venue_id, why or "no_quote")
    age_ns = now_ns - quote.published_ns
    return Refused(venue_id, why or "nothing_available", quote.venue_seq, age_ns)


def within(levels: Levels, limit: int, profile: VenueProfile, side: Side) -> Levels:
    """The levels that an order within ``limit`` can reach.

    A venue shows prices off its own grid where recorded data have them; an order for such a level
    stands at the next price of the grid, and that must be within the limit.
    """
    if side is Side.BUY:
        most = profile.down(limit)
        if levels and levels[-1][0] <= most:
            return levels
        return tuple([level for level in levels if level[0] <= most])
    least = profile.up(limit)
    if levels and levels[-1][0] >= least:
        return levels
    return tuple([level for level in levels if level[0] >= least])
