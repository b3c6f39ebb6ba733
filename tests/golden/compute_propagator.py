"""Kind ``propagator``: flow with long memory through the kernel of ``venues.core.impact``."""

from collections.abc import Iterable, Mapping
from math import gamma, log2
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from venues.core.impact import Propagator, kernel

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools

SEED: Final = 2_004
POINTS: Final = 1 << 20
Floats = NDArray[np.float64]


def laws(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """What follows from the exponent alone; the kernel is the venue's."""
    inputs = golden.inputs
    d = (1.0 - inputs["sign_autocorrelation_exponent"]) / 2.0
    flow = memory(d, max(inputs["lags"]))
    yield {
        "beta_for_diffusive_price": d,
        "flow_autocorrelation_at_lags": [float(flow[lag]) for lag in inputs["lags"]],
        "exact_kernel_at_lags": [kernel(lag, d) for lag in inputs["lags"]],
        "price_increment_variance": gamma(1.0 - d) ** 2 / gamma(1.0 - 2.0 * d),
    }


def simulated(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """A flow of 2^20 Gaussian steps, and the price that the kernel makes of it."""
    d = (1.0 - golden.inputs["sign_autocorrelation_exponent"]) / 2.0
    chance = np.random.default_rng(SEED)
    steps = np.arange(1, POINTS)
    weights = np.cumprod(np.concatenate([[1.0], (steps - 1 + d) / steps]))
    flow = convolved(weights, chance.standard_normal(POINTS))
    flow *= gamma(1.0 - d) / gamma(1.0 - 2.0 * d) ** 0.5
    shape = np.cumprod(np.concatenate([[1.0], (steps - d) / steps]))
    price = convolved(shape, flow)
    law = Propagator(1.0, d, 1)
    for n, size in enumerate((1000 * flow[:200]).round().astype(int).tolist()):
        law.trade(n, size)
        expected = float(np.dot(shape[: n + 1][::-1], (1000 * flow[: n + 1]).round()))
        assert abs(law.ticks(n) - expected) <= 1e-9 * max(1.0, abs(expected))
    moves = np.diff(price)

    def found(value: float) -> object:
        return tools.estimate(value, POINTS, SEED)

    centred = moves - moves.mean()
    spread = float(np.dot(centred, centred))
    yield {
        "price_increment_autocorrelation_lag1_to_5": [
            found(float(np.dot(centred[lag:], centred[:-lag])) / spread) for lag in range(1, 6)
        ],
        "hurst_exponent": found(hurst(price)),
    }


def memory(d: float, most: int) -> Floats:
    """Autocorrelation of fractional noise at lags 0 to ``most``."""
    lags = np.arange(1, most + 1)
    found: Floats = np.cumprod(np.concatenate([[1.0], (lags - 1 + d) / (lags - d)]))
    return found


def convolved(weights: Floats, values: Floats) -> Floats:
    """Sums of weights times values, each with all values up to its own."""
    size = 2 * len(values)
    found: Floats = np.fft.irfft(np.fft.rfft(weights, size) * np.fft.rfft(values, size), size)
    return found[: len(values)]


def hurst(price: Floats) -> float:
    """Slope of the logarithm of the standard deviation of moves over 10 to 1000 steps."""
    lags = [10, 1000]
    spread = [float(np.std(price[lag:] - price[:-lag])) for lag in lags]
    return log2(spread[1] / spread[0]) / log2(lags[1] / lags[0])


def slow(compute: "Compute", golden: "Golden") -> bool:
    """See ``conftest``."""
    return compute is simulated


KINDS: Final[Mapping[str, tuple["Compute", ...]]] = {"propagator": (laws, simulated)}
CHECKS: Final = {
    laws: {
        "beta_for_diffusive_price",
        "flow_autocorrelation_at_lags",
        "exact_kernel_at_lags",
        "price_increment_variance",
    },
    simulated: {"price_increment_autocorrelation_lag1_to_5", "hurst_exponent"},
}
