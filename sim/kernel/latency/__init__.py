"""Latency models, one per file, each tested against its law.

To add one, write its file and put its config into ``AnyLatency``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from sim.kernel.latency.autocorrelated import AutocorrelatedLatency
from sim.kernel.latency.base import LatencyConfig, LatencySampler, Resolve
from sim.kernel.latency.by_message import ByMessageLatency
from sim.kernel.latency.empirical import EmpiricalLatency
from sim.kernel.latency.fixed import FixedLatency
from sim.kernel.latency.lognormal import LognormalLatency
from sim.kernel.latency.normal import NormalLatency
from sim.kernel.latency.shifted_exponential import ShiftedExponentialLatency

__all__ = [
    "LATENCY_MODELS",
    "LatencyConfig",
    "LatencyModel",
    "LatencySampler",
    "OrderLatencyModel",
    "Resolve",
]

AnyLatency = (
    FixedLatency
    | NormalLatency
    | LognormalLatency
    | ShiftedExponentialLatency
    | EmpiricalLatency
    | AutocorrelatedLatency
)

LatencyModel = Annotated[AnyLatency, Field(discriminator="model")]
"""The latency of one leg as a scenario writes it; ``model`` says which."""

OrderLatencyModel = Annotated[AnyLatency | ByMessageLatency, Field(discriminator="model")]
"""The same for a leg of orders or reports, which carries messages of different kinds."""

LATENCY_MODELS: Final[dict[str, type[LatencyConfig]]] = {
    get_args(kind.model_fields["model"].annotation)[0]: kind
    for kind in (*get_args(AnyLatency), ByMessageLatency)
}
"""The table of models by the name that scenarios use."""
