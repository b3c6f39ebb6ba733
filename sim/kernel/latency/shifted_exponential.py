"""A smallest possible delay plus an exponential wait: memoryless jitter over a physical minimum."""

from math import log
from typing import Annotated, Literal, Self

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
from sim.protocol.config import Duration


class ShiftedExponentialLatency(LatencyConfig):
    """Delay = ``shift`` + an exponential with mean ``mean``; its mean is the sum of both.

    Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, volume 1
    (1994), chapter 19.
    """

    model: Literal["shifted_exponential"]
    shift: Duration
    """The smallest delay."""
    mean: Annotated[Duration, Field(gt=0)]
    """Mean of the exponential part."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        check_largest(self.shift - self.mean * log(1.0 - U_MAX))
        return self

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        shift, mean = float(self.shift), float(self.mean)

        def next_block() -> list[int]:
            # 1 - u is exact for each u that a stream gives, and never 0.
            survival = (1.0 - stream.block()).tolist()
            return whole_ns(shift - mean * np.fromiter(map(log, survival), float, len(survival)))

        return LatencySampler(next_block, self.shift + self.mean)
