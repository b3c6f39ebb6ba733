"""Maximum likelihood of a Hawkes process with an exponential kernel, from the times of its events.

Intensity ``mu + sum(alpha * exp(-beta * (t - t_i)))`` over earlier events. The likelihood is
maximised over ``log mu``, the logit of the branching ratio ``n = alpha / beta`` and ``log beta`` by
the simplex method, from several starts; standard errors come from the curvature at the maximum.

Source: Ozaki, "Maximum likelihood estimation of Hawkes' self-exciting point processes", Annals of
the Institute of Statistical Mathematics 31, 1979, for the recursion; Nelder and Mead, Computer
Journal 7, 1965, for the search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import exp, inf, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Point = tuple[float, float, float]
LEAST_EVENTS: Final = 50
_STEPS: Final = 200
_TOLERANCE: Final = 1e-7


@dataclass(frozen=True, slots=True)
class HawkesFit:
    """Rates per second; ``se`` are standard errors of mu, alpha and beta, ``ratio_se`` of n."""

    mu: float
    alpha: float
    beta: float
    se: tuple[float, float, float]
    ratio_se: float
    log_likelihood: float


def fit_hawkes(times_s: Sequence[float], end_s: float) -> HawkesFit:
    """Fit a process that was watched from 0 to ``end_s``.

    Args:
        times_s: Times of its events, rising, seconds.
        end_s: End of the watch, seconds.

    Raises:
        ValueError: If there are fewer than ``LEAST_EVENTS`` events.
    """
    if len(times_s) < LEAST_EVENTS:
        raise ValueError(f"a Hawkes fit needs at least {LEAST_EVENTS} events, got {len(times_s)}")
    rate = len(times_s) / end_s
    gaps = [b - a for a, b in pairwise(times_s)]
    left = [end_s - t for t in times_s]

    def loss(x: Point) -> float:
        return -_log_likelihood(_parameters(x), gaps, left, end_s)

    best: tuple[float, Point] = (inf, (0.0, 0.0, 0.0))
    for ratio, speed in ((0.3, 1.0), (0.6, 10.0), (0.8, 0.2)):
        start = (log(rate * (1 - ratio)), log(ratio / (1 - ratio)), log(rate * speed))
        best = min(best, _simplex(loss, start))
    value, x = best
    mu, alpha, beta = _parameters(x)
    errors = _errors(loss, x)
    return HawkesFit(mu, alpha, beta, errors[:3], errors[3], -value)


def _parameters(x: Point) -> tuple[float, float, float]:
    """Mu, alpha and beta; the exponents are bounded, so that no step overflows."""
    a, b, c = (max(-40.0, min(40.0, one)) for one in x)
    ratio, beta = 1 / (1 + exp(-b)), exp(c)
    return exp(a), ratio * beta, beta


def _log_likelihood(
    parameters: tuple[float, float, float],
    gaps: Sequence[float],
    left: Sequence[float],
    end_s: float,
) -> float:
    mu, alpha, beta = parameters
    excited, total = 0.0, log(mu)
    for gap in gaps:
        excited = exp(-beta * gap) * (1.0 + excited)
        total += log(mu + alpha * excited)
    faded = float(np.sum(1.0 - np.exp(-beta * np.asarray(left))))
    return total - mu * end_s - alpha / beta * faded


def _simplex(loss: Callable[[Point], float], start: Point) -> tuple[float, Point]:
    """Nelder-Mead with the usual coefficients."""
    points = [start] + [
        tuple(v + (0.5 if i == k else 0.0) for i, v in enumerate(start)) for k in range(3)
    ]
    ranked = sorted((loss(_point(p)), _point(p)) for p in points)
    for _ in range(_STEPS):
        if ranked[-1][0] - ranked[0][0] < _TOLERANCE * (1 + abs(ranked[0][0])):
            break
        worst = np.array(ranked[-1][1])
        centre: Vector = np.mean([np.array(p) for _, p in ranked[:-1]], axis=0)
        at = partial(_at, loss, centre, centre - worst)
        tried = at(1.0)
        if tried[0] < ranked[0][0]:
            tried = min(tried, at(2.0))
        elif tried[0] >= ranked[-2][0]:
            tried = at(0.5) if tried[0] < ranked[-1][0] else at(-0.5)
            if tried[0] >= ranked[-1][0]:
                base = np.array(ranked[0][1])
                shrunk = [_point(((np.array(p) + base) / 2).tolist()) for _, p in ranked[1:]]
                ranked = sorted([ranked[0], *((loss(p), p) for p in shrunk)])
                continue
        ranked[-1] = tried
        ranked.sort()
    return ranked[0]


def _at(
    loss: Callable[[Point], float], centre: Vector, way: Vector, step: float
) -> tuple[float, Point]:
    point = _point((centre + step * way).tolist())
    return loss(point), point


def _point(values: Sequence[float]) -> Point:
    a, b, c = values
    return a, b, c


def _errors(loss: Callable[[Point], float], x: Point) -> tuple[float, float, float, float]:
    """Standard errors of mu, alpha, beta and n, by the delta method from the numeric Hessian."""
    step = 1e-3
    unit = np.eye(3) * step
    here = np.array(x)

    def f(point: Vector) -> float:
        return loss(_point(point.tolist()))

    hessian = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            a, b = unit[i], unit[j]
            hessian[i, j] = (
                f(here + a + b) - f(here + a - b) - f(here - a + b) + f(here - a - b)
            ) / (4 * step * step)
    try:
        covariance = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return inf, inf, inf, inf
    mu, alpha, beta = _parameters(x)
    ratio = alpha / beta
    slope = ratio * (1 - ratio)
    gradients = np.array([[mu, 0, 0], [0, slope * beta, alpha], [0, 0, beta], [0, slope, 0]])
    variances = np.einsum("ij,jk,ik->i", gradients, covariance, gradients)
    errors = [float(v) ** 0.5 if v > 0 else inf for v in variances]
    return errors[0], errors[1], errors[2], errors[3]
