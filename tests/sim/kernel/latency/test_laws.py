"""Each latency model draws from the law that it says."""

from collections.abc import Callable
from math import erf, exp, log, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from sim.kernel.latency import LatencySampler
from sim.kernel.latency.normal_quantile import normal_quantiles

MakeLatency = Callable[..., LatencySampler]
Cdf = Callable[[float], float]

SEED = 20261121
COUNT = 40_000
MS = 1_000_000
KS_BOUND = 1.95 / sqrt(COUNT)


def phi(z: float) -> float:
    """Distribution function of the standard normal law, apart from the code under test."""
    return (1.0 + erf(z / sqrt(2.0))) / 2.0


def normal_cdf(mean: float, sd: float) -> Cdf:
    below_zero = phi(-mean / sd)
    return lambda x: (phi((x - mean) / sd) - below_zero) / (1.0 - below_zero) if x >= 0 else 0.0


def lognormal_cdf(floor: float, median: float, sigma: float) -> Cdf:
    return lambda x: phi(log((x - floor) / median) / sigma) if x > floor else 0.0


def shifted_exponential_cdf(shift: float, mean: float) -> Cdf:
    return lambda x: 1.0 - exp(-(x - shift) / mean) if x > shift else 0.0


LAWS: list[tuple[dict[str, Any], Cdf]] = [
    ({"model": "normal", "mean": "5ms", "sd": "1ms"}, normal_cdf(5 * MS, 1 * MS)),
    ({"model": "normal", "mean": "5ms", "sd": "1us"}, normal_cdf(5 * MS, 1_000)),
    ({"model": "normal", "mean": "1ms", "sd": "2ms"}, normal_cdf(1 * MS, 2 * MS)),
    ({"model": "normal", "mean": "0ms", "sd": "2ms"}, normal_cdf(0, 2 * MS)),
    ({"model": "lognormal", "median": "5ms", "sigma": 0.3}, lognormal_cdf(0, 5 * MS, 0.3)),
    (
        {"model": "lognormal", "median": "2ms", "sigma": 1.5, "floor": "40ms"},
        lognormal_cdf(40 * MS, 2 * MS, 1.5),
    ),
    (
        {"model": "shifted_exponential", "shift": "3ms", "mean": "2ms"},
        shifted_exponential_cdf(3 * MS, 2 * MS),
    ),
    (
        {"model": "shifted_exponential", "shift": "0ms", "mean": "1s"},
        shifted_exponential_cdf(0, 1000 * MS),
    ),
]
IDS = ["-".join(map(str, settings.values())) for settings, _ in LAWS]


def take(sampler: LatencySampler, n: int) -> list[int]:
    return [sampler.draw() for _ in range(n)]


def ks_distance(draws: list[int], cdf: Cdf) -> float:
    """Largest distance between the draws' empirical distribution function and ``cdf``."""
    n = len(draws)
    probabilities = [cdf(x) for x in sorted(draws)]
    return max(max((i + 1) / n - p, p - i / n) for i, p in enumerate(probabilities))


@pytest.mark.parametrize(("settings", "cdf"), LAWS, ids=IDS)
def test_draws_follow_their_law(make_latency: MakeLatency, settings: Any, cdf: Cdf) -> None:
    draws = take(make_latency(settings, SEED), COUNT)
    assert min(draws) >= 0
    assert ks_distance(draws, cdf) < KS_BOUND


@pytest.mark.parametrize(("settings", "cdf"), LAWS, ids=IDS)
def test_a_law_with_other_parameters_is_told_apart(
    make_latency: MakeLatency, settings: Any, cdf: Cdf
) -> None:
    """The distance has teeth: stretched by 5 %, the same draws fail (a narrow law moves far)."""
    draws = take(make_latency(settings, SEED), COUNT)
    if settings["model"] == "lognormal" and settings["sigma"] > 1:
        stretched = [x + x // 5 for x in draws]
    else:
        stretched = [x + x // 20 for x in draws]
    assert ks_distance(stretched, cdf) > KS_BOUND


@pytest.mark.parametrize(("settings", "_cdf"), LAWS, ids=IDS)
def test_nominal_is_the_mean_of_the_law(
    make_latency: MakeLatency, settings: Any, _cdf: Cdf
) -> None:
    sampler = make_latency(settings, SEED)
    draws = np.array(take(sampler, COUNT), dtype=float)
    assert abs(draws.mean() - sampler.nominal_ns) < 4 * draws.std() / sqrt(COUNT) + 1


@pytest.mark.parametrize(("settings", "_cdf"), LAWS, ids=IDS)
def test_successive_draws_are_uncorrelated(
    make_latency: MakeLatency, settings: Any, _cdf: Cdf
) -> None:
    draws = take(make_latency(settings, SEED), COUNT)
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 4 / sqrt(COUNT)


def test_fixed_is_the_same_for_every_message(make_latency: MakeLatency) -> None:
    sampler = make_latency({"model": "fixed", "delay": "5ms"})
    assert set(take(sampler, 10_000)) == {5 * MS}
    assert sampler.nominal_ns == 5 * MS


def test_normal_without_spread_is_its_mean(make_latency: MakeLatency) -> None:
    sampler = make_latency({"model": "normal", "mean": "5ms", "sd": "0ms"})
    assert set(take(sampler, 100)) == {5 * MS}
    assert sampler.nominal_ns == 5 * MS


def test_lognormal_without_spread_is_its_median(make_latency: MakeLatency) -> None:
    settings = {"model": "lognormal", "median": "5ms", "sigma": 0.0, "floor": "1ms"}
    assert set(take(make_latency(settings), 100)) == {6 * MS}


def test_a_slower_model_shares_the_chance_of_the_faster(make_latency: MakeLatency) -> None:
    """Common random numbers: with the same seed and name, draw n of both has the same rank."""
    fast = make_latency({"model": "lognormal", "median": "5ms", "sigma": 0.5})
    slow = make_latency({"model": "shifted_exponential", "shift": "9ms", "mean": "3ms"})
    by_fast = [x for _, x in sorted(zip(take(fast, 5_000), take(slow, 5_000), strict=True))]
    assert by_fast == sorted(by_fast)


def test_normal_quantiles_equal_the_scalar_function() -> None:
    tiny = [2.0**-53, 1e-300, 0.074999, 0.075, 0.075001, 0.5, 0.924999, 0.925, 1 - 2.0**-53]
    p = np.array([*tiny, *np.linspace(0.001, 0.999, 999)])
    expected = np.array([NormalDist().inv_cdf(x) for x in p.tolist()])
    assert np.abs(normal_quantiles(p) - expected).max() < 1e-14
