"""``min_risk``: levels by price, own impact, and the chance that the lots are not had there.

With p the effective price of a level, delta the venue's ``impact`` and lambda its ``fill_risk``:

- a buyer takes levels in the order of ``(p + delta) / (1 - lambda)``, lowest first;
- a seller takes levels in the order of ``(p - delta) * (1 - lambda)``, highest first.

Both are what a share really had would come to if each try there succeeded with probability
``1 - lambda``. Prices above the impact are assumed, as everywhere where a share has a value; below
it a seller's order turns round. All is exact: for one side the rank is a line in the price, and the
lines of all offers are brought to whole numbers over a common denominator.

Source: design notes on models, section 2, and the customer's routing formula.
"""

from math import lcm
from typing import Literal

import msgspec

from router.allocate.base import Allocation, AllocationRequest, Depth, Offer, Strategy, walk
from sim.protocol.config import ScenarioModel
from sim.protocol.enums import Side


class MinRisk(Strategy):
    """Walks levels by what a share that is really had would cost or bring there."""

    name = "min_risk"
    weighs_risk = True

    def __init__(self, depth: Depth) -> None:
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by risk-weighted price, then the other tie rules."""
        offers = risk_weighted(request.offers, request.side)
        return walk(msgspec.structs.replace(request, offers=offers), (offers,), {})


def risk_weighted(offers: tuple[Offer, ...], side: Side) -> tuple[Offer, ...]:
    """The same offers with lines that give the risk-weighted price in place of the price with fee.

    The unit is that of the offers, divided by a whole number that is the same for all of them.

    Raises:
        ValueError: If a fill risk is not >= 0 and < 1.
    """
    buys = side is Side.BUY
    for offer in offers:
        if not 0 <= offer.fill_risk < 1:
            raise ValueError(f"fill_risk must be >= 0 and < 1, was {offer.fill_risk}")
    chances = [1 - offer.fill_risk for offer in offers]
    weights = [1 / chance if buys else chance for chance in chances]
    scale = lcm(*(weight.denominator for weight in weights))
    found: list[Offer] = []
    for offer, weight in zip(offers, weights, strict=True):
        factor = weight.numerator * (scale // weight.denominator)
        worse = offer.impact if buys else -offer.impact
        found.append(
            msgspec.structs.replace(
                offer, slope=offer.slope * factor, intercept=(offer.intercept + worse) * factor
            )
        )
    return tuple(found)


class MinRiskConfig(ScenarioModel):
    """Best price first, weighed with own impact and the chance that the lots are not had there.

    A buyer's levels rank by ``(price + impact) / (1 - fill_risk)``, lowest first, a seller's by
    ``(price - impact) * (1 - fill_risk)``, highest first.

    Source: The customer's routing formula.
    """

    kind: Literal["min_risk"]
    depth: Depth = "full"
    """What the first split may use of each venue."""

    def build(self) -> MinRisk:
        """The strategy."""
        return MinRisk(self.depth)
