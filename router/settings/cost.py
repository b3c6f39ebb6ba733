"""What the router counts as the cost of a venue, and where it takes its estimates from."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.config import DecimalText, ScenarioModel


class CostConfig(ScenarioModel):
    """The terms of what a venue costs: ``C = price * qty + impact + latency and fill risk``.

    Each decision's record has the terms of each venue that was chosen, whatever the strategy, and
    ``min_risk`` ranks by them. Without this key they are those that the venues' own keys state.

    Source: the customer's routing formula; the design notes on models, section 5.4, for the delay.
    """

    risk: Literal["stated", "learnt"] = "stated"
    """Where fill risk and delay come from: from the venue's own keys, or from those and what the
    router's own orders met there so far."""
    prior_weight: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    """What is stated of fill risk counts as much as this many children (``learnt``)."""
    variant: Literal["literal", "chase"] = "literal"
    """What a lot that is not had costs: as the customer's formula says, ``1 / (1 - fill_risk)``
    tries for each lot; or what it costs more to buy it at the best of the other venues."""
    volatility_ticks: Annotated[DecimalText, Field(ge=0, le=1_000_000, decimal_places=8)] = Decimal(
        0
    )
    """Standard deviation of the price after one second, in ticks of the instrument: by that much,
    times the root of the time in seconds, a price is worse that was published some time ago and
    that an order takes some time to reach."""
