"""Any law with bursts: a slow message makes slow ones after it likely, and the law stays the same.

Delays of a real network come in calm and busy stretches. Here the ranks of a link's delays follow
a first-order autoregression, ``x_n = rho * x_{n-1} + sqrt(1 - rho**2) * z_n`` with ``z_n`` standard
normal, one draw of the stream each, and ``x_0 = z_0``. So every ``x_n`` is standard normal itself,
``cdf(x_n)`` is uniform, and the quantile of another law at that uniform follows that law exactly.

Why this and not a chain of calm and busy states: the law of the single delay is the one that was
written, measured ones too, so that switching bursts on changes their order and nothing else; and
each delay still takes one draw, so that two runs share their chance. Persistence counts messages,
not time: on a link with few messages a busy stretch lasts longer.

Source: the autoregressive special case of "NORTA" processes, Cario and Nelson, "Autoregressive to
anything: time-series input processes for simulation", Operations Research Letters 19 (1996).
"""

from math import erfc, sqrt
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sim.kernel.latency.base import (
    U_MAX,
    LatencyConfig,
    LatencySampler,
    Resolve,
    Uniforms,
)
from sim.kernel.latency.empirical import EmpiricalLatency
from sim.kernel.latency.lognormal import LognormalLatency
from sim.kernel.latency.normal import NormalLatency
from sim.kernel.latency.normal_quantile import normal_quantiles
from sim.kernel.latency.shifted_exponential import ShiftedExponentialLatency

_U_MIN: Final = 2.0**-53
_SQRT_HALF: Final = sqrt(0.5)

BaseLaw = Annotated[
    NormalLatency | LognormalLatency | ShiftedExponentialLatency | EmpiricalLatency,
    Field(discriminator="model"),
]


class AutocorrelatedLatency(LatencyConfig):
    """Delays of the law ``base``, each like the one before it; in bursts, that is."""

    model: Literal["autocorrelated"]
    base: BaseLaw
    """Law of each single delay; any model that draws."""
    rho: Annotated[float, Field(gt=0, lt=1)]
    """Correlation of the normal scores of one delay and the next; a stretch of slow messages
    lasts about ``1 / (1 - rho)`` of them."""

    def files(self) -> tuple[str, ...]:
        """See the base."""
        return self.base.files()

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        return self.base.sampler(CorrelatedUniforms(stream, self.rho), resolve)


class CorrelatedUniforms:
    """Uniforms whose normal scores follow the autoregression; as many as ``source`` gives.

    Args:
        source: Independent uniforms, owned by this object from now on.
        rho: Correlation of neighbours, 0 <= rho < 1.
    """

    __slots__ = ("_fresh", "_rho", "_score", "_source")

    def __init__(self, source: Uniforms, rho: float) -> None:
        self._source = source
        self._rho = rho
        self._fresh = sqrt(1.0 - rho * rho)
        self._score: float | None = None

    def block(self) -> NDArray[np.float64]:
        """The next draws in order."""
        rho, fresh, score = self._rho, self._fresh, self._score
        uniforms = []
        for z in normal_quantiles(self._source.block()).tolist():
            score = z if score is None else rho * score + fresh * z
            uniforms.append(0.5 * erfc(-score * _SQRT_HALF))
        self._score = score
        # A score far out in a tail may round to 0 or 1, where no law has a quantile.
        return np.array(uniforms).clip(_U_MIN, U_MAX)
