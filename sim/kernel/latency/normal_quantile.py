"""The inverse distribution function of the standard normal law, for blocks of uniforms.

The middle 85 % needs only a rational function, which arrays evaluate with correctly rounded
operations, alike on every CPU; the tails need a logarithm and go through the scalar function of
the standard library, which rests on the same source.

Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
Statistics 37 (1988), routine PPND16; relative error about 1e-16.
"""

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIDDLE: Final = 0.425
_MIDDLE_SQUARED: Final = 0.180625
_NUMERATOR: Final = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
_DENOMINATOR: Final = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_inverse: Final = NormalDist().inv_cdf


def normal_quantiles(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal quantiles of the probabilities ``p``, each in the open interval (0, 1)."""
    q = p - 0.5
    r = _MIDDLE_SQUARED - q * q
    z = q * _polynomial(_NUMERATOR, r) / _polynomial(_DENOMINATOR, r)
    tails = np.flatnonzero(np.abs(q) > _MIDDLE)
    z[tails] = [_inverse(x) for x in p[tails].tolist()]
    return z


def _polynomial(coefficients: tuple[float, ...], r: NDArray[np.float64]) -> NDArray[np.float64]:
    value = np.full_like(r, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= r
        value += coefficient
    return value
