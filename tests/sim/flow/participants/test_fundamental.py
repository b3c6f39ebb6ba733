"""The fundamental: a martingale, the same path for everyone who asks."""

from statistics import fmean, stdev

import pytest

from sim.flow.participants.fundamental import Fundamental
from sim.kernel.streams import Streams

SECOND = 10**9


def made(seed: int, start: int = 10_000, jump: int = 5, rate: float = 10.0) -> Fundamental:
    return Fundamental(start, jump, rate, Streams(seed).get("fundamental"))


def test_the_path_does_not_depend_on_who_asks_for_what() -> None:
    forward, late = made(1), made(1)
    times = [n * SECOND // 7 for n in range(30)]
    values = [forward.value(t_ns) for t_ns in times]
    assert [late.value(t_ns) for t_ns in reversed(times)] == values[::-1]
    assert late.value(-1) == 10_000


def test_jumps_and_values_agree() -> None:
    path = made(2)
    jumps = list(path.jumps(3 * SECOND))
    assert jumps
    before = 10_000
    for n, (t_ns, value) in enumerate(jumps, 1):
        assert path.jump(n, 3 * SECOND) == (t_ns, value)
        assert path.value(t_ns - 1) == before
        assert path.value(t_ns) == value
        assert abs(value - before) == 5
        before = value
    assert path.jump(len(jumps) + 1, 3 * SECOND) is None
    with pytest.raises(ValueError, match="n must be >= 1"):
        path.jump(0, SECOND)


def test_it_is_a_martingale_with_the_stated_rate() -> None:
    """Mean change 0 and mean count 20 in two seconds, within four standard errors of 400 paths."""
    paths = [made(seed) for seed in range(400)]
    changes = [path.value(2 * SECOND) - 10_000 for path in paths]
    assert abs(fmean(changes)) <= 4 * stdev(changes) / 400**0.5
    counts = [len(list(path.jumps(2 * SECOND))) for path in paths]
    assert abs(fmean(counts) - 20) <= 4 * (20 / 400) ** 0.5


def test_it_stops_before_zero_and_never_turns_back() -> None:
    """A martingale that were thrown back at zero would be none."""
    ends = [made(seed, start=10, jump=5, rate=100.0) for seed in range(20)]
    values = [path.value(4 * SECOND) for path in ends]
    assert min(values) == 5
    stopped = [path for path in ends if path.value(4 * SECOND) == 5]
    assert all(path.value(6 * SECOND) == 5 for path in stopped)
