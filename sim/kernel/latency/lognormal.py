"""A skewed law with a heavy right tail, as measured network delays have it."""

from math import exp
from statistics import NormalDist
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sim.kernel.latency.base import (
    U_MAX,
    LatencyConfig,
    LatencySampler,
    Resolve,
    Uniforms,
    check_largest,
    whole_ns,
)
from sim.kernel.latency.normal_quantile import normal_quantiles
from sim.protocol.config import Duration

SIGMA_MAX: Final = 4.0


class LognormalLatency(LatencyConfig):
    """Delay = ``floor`` + ``median`` * exp(``sigma`` * z), z standard normal.

    Its mean is ``floor + median * exp(sigma**2 / 2)``.

    Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, volume 1
    (1994), chapter 14.
    """

    model: Literal["lognormal"]
    median: Annotated[Duration, Field(gt=0)]
    """Median of the part above ``floor``."""
    sigma: Annotated[float, Field(ge=0, le=SIGMA_MAX)]
    """Standard deviation of the logarithm of that part."""
    floor: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """The smallest delay."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        check_largest(self.floor + self.median * exp(self.sigma * NormalDist().inv_cdf(U_MAX)))
        return self

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        floor, median, sigma = float(self.floor), float(self.median), self.sigma

        def next_block() -> list[int]:
            logs = (sigma * normal_quantiles(stream.block())).tolist()
            return whole_ns(floor + median * np.fromiter(map(exp, logs), float, len(logs)))

        return LatencySampler(next_block, round(floor + median * exp(sigma * sigma / 2.0)))
