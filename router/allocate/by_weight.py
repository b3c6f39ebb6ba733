"""Splits that say how much goes to each venue, and not which levels: from weights to slices.

Shared by strategies that give each venue a part of the order.
"""

from collections.abc import Sequence

import msgspec

from router.allocate.base import Allocation, AllocationRequest, Offer, walk
from router.allocate.rounding import Weight, split_lots


def usable(offer: Offer, request: AllocationRequest) -> int:
    """The lots that one venue's levels can give: whole lots of the venue at each level."""
    levels = offer.levels if request.depth == "full" else offer.levels[:1]
    return sum(qty - qty % offer.lot for _, qty in levels)


def ranked(request: AllocationRequest) -> list[Offer]:
    """The offers that show something, by their best level and the tie rules, best first."""
    by_id = {offer.venue_id: offer for offer in request.offers}
    nothing = msgspec.structs.replace(request, qty=0)
    return [by_id[venue_id] for venue_id in walk(nothing, (request.offers,), {}).ranking]


def split_by_weight(
    request: AllocationRequest, offers: Sequence[Offer], weights: Sequence[Weight]
) -> Allocation:
    """Split the quantity in proportion to ``weights``, at most what each venue's levels can give.

    By largest remainder (``split_lots``); what a venue cannot give goes to the others. Inside a
    venue the best level goes first. A venue whose part comes to no lot is refused as ``too_small``.

    Args:
        request: What to split.
        offers: Those that may be used, in order of preference: it decides exact ties.
        weights: One per offer, >= 0.
    """
    lots = [offer.lot for offer in offers]
    caps = [usable(offer, request) for offer in offers]
    slices: list[tuple[str, int, int]] = []
    refused: list[tuple[str, str]] = []
    for offer, part in zip(offers, split_lots(weights, request.qty, lots, caps), strict=True):
        if not part:
            refused.append((offer.venue_id, "too_small"))
        left = part
        for price, qty in offer.levels:
            taken = min(left, qty - qty % offer.lot)
            if taken:
                slices.append((offer.venue_id, price, taken))
                left -= taken
            if not left:
                break
    return Allocation(tuple(slices), tuple([o.venue_id for o in offers]), tuple(refused))
