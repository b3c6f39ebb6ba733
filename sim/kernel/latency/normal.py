"""A normal law without its negative part."""

from math import exp, pi, sqrt
from statistics import NormalDist
from typing import Literal, Self

from pydantic import model_validator

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
from sim.kernel.streams import BLOCK
from sim.protocol.config import Duration


class NormalLatency(LatencyConfig):
    """Normal with ``mean`` and ``sd``, given that it is not negative (truncated at 0, not clipped).

    Where ``mean`` is several ``sd`` the truncation changes nothing; where it is not, the mean of
    the delays is larger than ``mean``: ``mean + sd * pdf(a) / (1 - cdf(a))``, a = -mean / sd.

    Source: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, volume 1
    (1994), chapter 13.
    """

    model: Literal["normal"]
    mean: Duration
    """Mean before truncation."""
    sd: Duration
    """Standard deviation before truncation; 0 makes every delay ``mean``."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        check_largest(self.mean + self.sd * NormalDist().inv_cdf(U_MAX))
        return self

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        if self.sd == 0:
            return LatencySampler(lambda: [self.mean] * BLOCK, self.mean)
        mean, sd = float(self.mean), float(self.sd)
        a = -mean / sd
        kept = 1.0 - NormalDist().cdf(a)

        def next_block() -> list[int]:
            # By the upper tail, so that no probability rounds to 1: x has (1 - u) * kept above it.
            above = normal_quantiles((1.0 - stream.block()) * kept)
            return whole_ns((mean - sd * above).clip(min=0.0))

        mean_after = mean + sd * exp(-a * a / 2.0) / sqrt(2.0 * pi) / kept
        return LatencySampler(next_block, round(mean_after))
