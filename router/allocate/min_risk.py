"""``min_risk``: levels by price, own impact, delay, and the chance that the lots are not had there.

With p the effective price of a level, delta the venue's ``impact``, w its ``latency_cost`` and
lambda its ``fill_risk``, the literal formula takes

- a buyer's levels in the order of ``(p + delta + w) / (1 - lambda)``, lowest first;
- a seller's levels in the order of ``(p - delta - w) * (1 - lambda)``, highest first.

Both are what a share really had would come to if each try there succeeded with probability
``1 - lambda``; the variant ``chase`` prices what is not had at the best of the other venues. Prices
above the impact are assumed, as everywhere where a share has a value; below it a seller's order
turns round. All is exact, in whole numbers over a common denominator (``router.core.cost``).

Source: design notes on models, section 2, and the customer's routing formula.
"""

from typing import Literal

import msgspec

from router.allocate.base import Allocation, AllocationRequest, Depth, Offer, Strategy, walk
from router.core.cost import Terms, Variant, rank_lines
from sim.protocol.config import ScenarioModel
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels


class MinRisk(Strategy):
    """Walks levels by what a share that is really had would cost or bring there."""

    name = "min_risk"
    weighs_risk = True

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by risk-weighted price, then the other tie rules."""
        offers = request.offers
        if request.depth == "top":
            offers = tuple([msgspec.structs.replace(o, levels=o.levels[:1]) for o in offers])
        offers = risk_weighted(offers, request.side, self.variant)
        found = walk(msgspec.structs.replace(request, offers=offers), (offers,), {})
        if len(set(found.ranking)) == len(found.ranking):
            return found
        # A venue may stand there twice: with levels better and worse than what is chased.
        used = {part[0] for part in found.slices}
        refused = dict([one for one in reversed(found.refused) if one[0] not in used])
        ranking = tuple(dict.fromkeys(found.ranking))
        return Allocation(
            found.slices, ranking, tuple([(v, refused[v]) for v in ranking if v in refused])
        )


def risk_weighted(
    offers: tuple[Offer, ...], side: Side, variant: Variant = "literal"
) -> tuple[Offer, ...]:
    """The same offers with lines that give the risk-weighted price in place of the price with fee.

    The unit is that of the offers, divided by a whole number that is the same for all of them. With
    ``chase`` a venue whose levels have two lines becomes two offers, the better levels first.

    Raises:
        ValueError: If a fill risk is not >= 0 and < 1.
    """
    buys = side is Side.BUY
    all_terms = [terms_of(offer) for offer in offers]
    lines, _ = rank_lines(all_terms, variant, buys=buys)
    found: list[Offer] = []
    for offer, terms, line in zip(offers, all_terms, lines, strict=True):
        count = len(offer.levels)
        if line.until is not None:
            until = line.until if buys else -line.until
            sign = 1 if buys else -1
            count = sum(sign * terms.sure(px, buys=buys) < until for px, _ in offer.levels)
        slope, intercept = line.slope, line.intercept
        if count or line.until is None:
            found.append(_with_line(offer, offer.levels[:count], (slope, intercept)))
        if count < len(offer.levels):
            found.append(_with_line(offer, offer.levels[count:], line.beyond))
    return tuple(found)


def terms_of(offer: Offer) -> Terms:
    """The terms of an offer's cost, for the cost model."""
    return Terms(
        offer.slope,
        offer.intercept,
        offer.impact,
        offer.latency_cost,
        offer.fill_risk,
        offer.levels[0][0] if offer.levels else None,
    )


def _with_line(offer: Offer, levels: Levels, line: tuple[int, int]) -> Offer:
    return msgspec.structs.replace(offer, levels=levels, slope=line[0], intercept=line[1])


class MinRiskConfig(ScenarioModel):
    """Best price first, weighed with own impact and the chance that the lots are not had there.

    A buyer's levels rank by ``(price + impact) / (1 - fill_risk)``, lowest first, a seller's by
    ``(price - impact) * (1 - fill_risk)``, highest first. ``router.cost`` adds what delay costs,
    learns the risk from what orders met, or prices what is not had at the best other venue.

    Source: The customer's routing formula.
    """

    kind: Literal["min_risk"]
    depth: Depth = "full"
    """What the first split may use of each venue."""

    def build(self) -> MinRisk:
        """The strategy."""
        return MinRisk(self.depth)
