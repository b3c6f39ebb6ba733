"""Bursts: the single delay keeps its law, and neighbours are as alike as they should be."""

from collections.abc import Callable
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.kernel.latency import LatencyConfig, LatencySampler
from sim.kernel.latency.autocorrelated import CorrelatedUniforms
from sim.kernel.streams import Streams

MakeLatency = Callable[..., LatencySampler]
Parse = Callable[[dict[str, Any]], LatencyConfig]

SEED = 20261121
COUNT = 40_000
MS = 1_000_000
LOGNORMAL = {"model": "lognormal", "median": "5ms", "sigma": 0.5}
BASES: list[dict[str, Any]] = [
    LOGNORMAL,
    {"model": "normal", "mean": "5ms", "sd": "3ms"},
    {"model": "shifted_exponential", "shift": "1ms", "mean": "2ms"},
]


def bursty(base: dict[str, Any], rho: float) -> dict[str, Any]:
    return {"model": "autocorrelated", "base": base, "rho": rho}


def take(sampler: LatencySampler, n: int = COUNT) -> list[int]:
    return [sampler.draw() for _ in range(n)]


@pytest.mark.parametrize("base", BASES, ids=lambda base: str(base["model"]))
@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_the_single_delay_keeps_its_law(
    make_latency: MakeLatency, base: dict[str, Any], rho: float
) -> None:
    """Shares below quantiles of the law, within 4 sigma.

    An indicator of a normal score is at most as correlated as the score itself, so the variance of
    a share is at most ``(1 + rho) / (1 - rho)`` times that of independent draws.
    """
    draws = np.array(take(make_latency(bursty(base, rho), SEED)))
    law = np.sort(take(make_latency(base, SEED + 1), 200_000))
    for share in (0.1, 0.5, 0.9, 0.99):
        bound = law[int(share * len(law))]
        sigma = sqrt(share * (1 - share) / COUNT * (1 + rho) / (1 - rho))
        assert abs((draws < bound).mean() - share) < 4 * sigma + 4 * sqrt(0.25 / len(law))


@pytest.mark.parametrize("rho", [0.2, 0.9, 0.99])
@pytest.mark.parametrize("lag", [1, 3])
def test_scores_are_correlated_as_the_autoregression_says(
    make_latency: MakeLatency, rho: float, lag: int
) -> None:
    """Bartlett's standard error of an autocorrelation, 4 of them."""
    delays = take(make_latency(bursty(LOGNORMAL, rho), SEED))
    scores = [log(delay / (5 * MS)) for delay in delays]
    found = np.corrcoef(scores[:-lag], scores[lag:])[0, 1]
    spread = (1 + rho**2) * (1 - rho ** (2 * lag)) / (1 - rho**2) - 2 * lag * rho ** (2 * lag)
    assert abs(found - rho**lag) < 4 * sqrt(spread / COUNT) + (1 + rho) / (1 - rho) / COUNT


def test_delays_of_a_lognormal_law_are_correlated_as_theory_says(
    make_latency: MakeLatency,
) -> None:
    delays = take(make_latency(bursty(LOGNORMAL, 0.8), SEED))
    theory = (exp(0.25 * 0.8) - 1) / (exp(0.25) - 1)
    assert np.corrcoef(delays[:-1], delays[1:])[0, 1] == pytest.approx(theory, abs=0.02)


def test_slow_messages_come_in_stretches(make_latency: MakeLatency) -> None:
    def longest_stretch(settings: dict[str, Any]) -> int:
        longest = now = 0
        for delay in take(make_latency(settings, SEED)):
            now = now + 1 if delay > 8 * MS else 0
            longest = max(longest, now)
        return longest

    assert longest_stretch(bursty(LOGNORMAL, 0.98)) > 5 * longest_stretch(LOGNORMAL)


def test_two_runs_draw_the_same_and_the_first_draw_is_that_of_the_law(
    make_latency: MakeLatency,
) -> None:
    one = take(make_latency(bursty(LOGNORMAL, 0.9), SEED), 10_000)
    assert take(make_latency(bursty(LOGNORMAL, 0.9), SEED), 10_000) == one
    assert abs(one[0] - make_latency(LOGNORMAL, SEED).draw()) <= 1


def test_each_delay_takes_one_draw_and_rises_with_it(make_latency: MakeLatency) -> None:
    """So two runs that differ in the law or in rho share their chance."""
    slow = {"model": "shifted_exponential", "shift": "9ms", "mean": "3ms"}
    fast, slower = (take(make_latency(bursty(base, 0.9)), 5_000) for base in (LOGNORMAL, slow))
    by_fast = [x for _, x in sorted(zip(fast, slower, strict=True))]
    assert by_fast == sorted(by_fast)


def test_uniforms_stay_inside_the_open_interval() -> None:
    class Extreme:
        def block(self) -> Any:
            return np.array([1 - 2.0**-53] * 2_000 + [2.0**-53] * 4_000)

    draws = CorrelatedUniforms(Extreme(), 0.999).block()
    assert 0 < draws.min() < draws.max() < 1


def test_no_correlation_is_the_source_itself_but_for_rounding() -> None:
    draws = CorrelatedUniforms(Streams(SEED).get("a"), 0.0).block()
    assert np.abs(draws - Streams(SEED).get("a").block()).max() < 1e-15


@pytest.mark.parametrize(
    "settings",
    [
        bursty(LOGNORMAL, 0.0),
        bursty(LOGNORMAL, 1.0),
        bursty(LOGNORMAL, -0.5),
        bursty(LOGNORMAL, float("nan")),
        bursty(LOGNORMAL, float("inf")),
        {"model": "autocorrelated", "base": LOGNORMAL},
        {"model": "autocorrelated", "rho": 0.5},
        bursty({"model": "fixed", "delay": "5ms"}, 0.5),
        bursty(bursty(LOGNORMAL, 0.5), 0.5),
        bursty({"model": "lognormal", "median": "5ms", "sigma": -1.0}, 0.5),
    ],
    ids=str,
)
def test_D11_bad_parameters_are_refused(latency_config: Parse, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        latency_config(settings)


def test_files_of_the_base_are_named(latency_config: Parse) -> None:
    base = {"model": "empirical", "file": "rt.csv", "fraction": 1}
    assert latency_config(bursty(base, 0.5)).files() == ("rt.csv",)
