"""Background order flow, one kind per file; this table is all that knows them by name."""

from typing import Annotated, Final

from pydantic import Field

from sim.flow.poisson import PoissonFlow
from sim.flow.scripted import ScriptedFlow

FLOWS: Final = (ScriptedFlow, PoissonFlow)
Flow = Annotated[ScriptedFlow | PoissonFlow, Field(discriminator="kind")]
