"""What a dark pool did not fill: other pools that are better than lit first, else lit venues.

This is no strategy of its own but a policy for what is left (``router.reroute.prefer: dark``).
Source: the customer's document, re-routing of a partial fill.
"""

from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from router.allocate.base import Allocation, AllocationRequest, Offer, walk
from sim.protocol.enums import Side

NAME: Final = "dark_then_lit"


def dark_then_lit(request: AllocationRequest, short: AbstractSet[str]) -> Allocation:
    """Split what is left in four steps, each by price and the tie rules.

    1. dark pools that did not fill short, as far as their levels are better than the best lit one;
    2. lit venues;
    3. makers;
    4. all other dark pools.

    A pool belongs to one step only: levels of step 1 that are no better than lit wait for a later
    decision. Prices compare with fees.

    Args:
        request: What to split.
        short: Venues that filled the parent short.
    """
    lit = tuple([offer for offer in request.offers if offer.visibility == "lit"])
    makers = tuple([offer for offer in request.offers if offer.visibility == "maker"])
    sign = 1 if request.side is Side.BUY else -1
    best_lit = min((sign * _effective(o, 0) for o in lit if o.levels), default=None)
    better: list[Offer] = []
    others: list[Offer] = []
    for offer in request.offers:
        if offer.visibility != "dark":
            continue
        levels = offer.levels
        if best_lit is not None:
            levels = tuple(
                [level for n, level in enumerate(levels) if sign * _effective(offer, n) < best_lit]
            )
        if levels and offer.venue_id not in short:
            better.append(msgspec.structs.replace(offer, levels=levels))
        else:
            others.append(offer)
    return walk(request, (tuple(better), lit, makers, tuple(others)), {})


def _effective(offer: Offer, n: int) -> int:
    return offer.slope * offer.levels[n][0] + offer.intercept
