"""The likelihood fit finds the parameters that made the events."""

from itertools import accumulate
from math import exp, log

import pytest

from sim.kernel.streams import Streams
from sim.study.hawkes_fit import fit_hawkes


def thinned(mu: float, alpha: float, beta: float, end: float, seed: int) -> list[float]:
    """A path by Ogata's thinning: other code than the flow's."""
    stream = Streams(seed).get("hawkes")
    t, excited, times = 0.0, 0.0, list[float]()
    while True:
        bound = mu + excited
        gap = -log(stream.uniform()) / bound
        t += gap
        if t > end:
            return times
        excited *= exp(-beta * gap)
        if stream.uniform() * bound <= mu + excited:
            times.append(t)
            excited += alpha


@pytest.mark.slow
@pytest.mark.parametrize(("mu", "ratio", "beta"), [(1.0, 0.5, 4.0), (0.5, 0.8, 20.0)])
def test_known_parameters_come_back_within_4_standard_errors(
    mu: float, ratio: float, beta: float
) -> None:
    end = 1500.0
    fit = fit_hawkes(thinned(mu, ratio * beta, beta, end, 20261121), end)
    assert abs(fit.mu - mu) < 4 * fit.se[0]
    assert abs(fit.alpha - ratio * beta) < 4 * fit.se[1]
    assert abs(fit.beta - beta) < 4 * fit.se[2]
    assert abs(fit.alpha / fit.beta - ratio) < 4 * fit.ratio_se
    assert max(fit.se[0] / mu, fit.se[2] / beta, fit.ratio_se / ratio) < 0.2


@pytest.mark.slow
def test_poisson_arrivals_excite_nothing() -> None:
    stream = Streams(3).get("poisson")
    times = list(accumulate(-log(stream.uniform()) for _ in range(2000)))
    fit = fit_hawkes(times, times[-1])
    assert fit.alpha / fit.beta < 0.1
    assert fit.mu / (1 - fit.alpha / fit.beta) == pytest.approx(2000 / times[-1], rel=0.01)


def test_too_few_events_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 50 events, got 3"):
        fit_hawkes([1.0, 2.0, 3.0], 4.0)
