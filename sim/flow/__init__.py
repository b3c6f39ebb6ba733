"""Background order flow, one kind per file.

To add one, write its file and put its config into ``AnyFlow``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from sim.flow.base import FlowEntry
from sim.flow.cont_stoikov_talreja import ContStoikovTalrejaFlow
from sim.flow.fresh_supply import FreshSupply
from sim.flow.hawkes import HawkesFlow
from sim.flow.poisson import PoissonFlow
from sim.flow.queue_reactive import QueueReactiveFlow
from sim.flow.scripted import ScriptedFlow
from sim.flow.zero_intelligence import ZeroIntelligenceFlow

AnyFlow = (
    ScriptedFlow
    | PoissonFlow
    | ZeroIntelligenceFlow
    | ContStoikovTalrejaFlow
    | QueueReactiveFlow
    | HawkesFlow
    | FreshSupply
)

Flow = Annotated[AnyFlow, Field(discriminator="kind")]
"""A flow as a scenario writes it; ``kind`` says which."""

FLOWS: Final[tuple[type[FlowEntry], ...]] = get_args(AnyFlow)
"""The table of kinds."""
