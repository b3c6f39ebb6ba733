"""What others may see of an order, and how much of it they may."""

from typing import Annotated

from pydantic import Field

from sim.protocol.config import DecimalText, ScenarioModel


class LeakageConfig(ScenarioModel):
    """How likely a parent is to be noticed from what its children show at lit venues at once.

    Each decision's record has the figures of its parent then; the summary has the highest.

    Source: the customer's document; the design notes on models, section 7.
    """

    alpha: Annotated[DecimalText, Field(gt=0, le=1_000, decimal_places=12)]
    """Detectability per share: q visible shares are noticed with probability
    `1 - exp(-alpha * q)`."""
    max_detect: Annotated[DecimalText, Field(gt=0, lt=1, decimal_places=8)] | None = None
    """What a parent shows at once is cut so that it is noticed with at most this probability; the
    rest goes to venues that show nothing, or waits. Without it the figures are only worked out."""
