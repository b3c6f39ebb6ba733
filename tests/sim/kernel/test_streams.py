"""Named chance: repeatable, independent by name, uniform."""

import os
import subprocess
import sys
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.streams import BLOCK, SEED_MAX, Stream, Streams

SEED = 20261121


def take(stream: Stream, n: int) -> list[float]:
    return [stream.uniform() for _ in range(n)]


def ks_of_uniform(draws: list[float]) -> float:
    """Largest distance between the draws' empirical distribution function and that of U(0, 1)."""
    n = len(draws)
    return max(max((i + 1) / n - u, u - i / n) for i, u in enumerate(sorted(draws)))


def correlation(xs: list[float], ys: list[float]) -> float:
    return float(np.corrcoef(xs, ys)[0, 1])


def test_same_seed_and_name_give_the_same_draws() -> None:
    assert take(Streams(7).get("a", "b"), 9000) == take(Streams(7).get("a", "b"), 9000)


def test_draws_are_pinned() -> None:
    """A change of these numbers changes every log: it needs a new schema version."""
    stream = Streams(1).get("venue", "NYSE", "latency", "order")
    keyed = Streams(1).keyed("fills")
    assert [u.hex() for u in take(stream, 2)] == [
        "0x1.5995aeecdf4f8p-4",
        "0x1.77fc5504ed1adp-1",
    ]
    assert keyed.uniform("P1", "NYSE", 3).hex() == "0x1.b134ea358dd5ap-2"


def test_draw_n_is_the_nth_word_of_philox_whatever_the_blocks() -> None:
    stream = Streams(SEED).get("x")
    words = np.random.Philox(key=stream._key).random_raw(10_000)
    expected = [((int(word) >> 12) + 0.5) / 2**52 for word in words]
    assert take(stream, 10_000) == expected


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 63, 64, 319, 320, 4095, 4096, 9999])
def test_random_access_equals_the_nth_draw(n: int) -> None:
    stream = Streams(SEED).get("x")
    at_n = stream.at(n)
    assert take(stream, n + 1)[n] == at_n


def test_random_access_refuses_a_negative_index() -> None:
    with pytest.raises(ValueError, match="n must be >= 0, was -1"):
        Streams(SEED).get("x").at(-1)


@given(st.lists(st.one_of(st.none(), st.integers(1, 100)), max_size=30))
def test_single_draws_and_blocks_mix_in_order(steps: list[int | None]) -> None:
    """``None`` takes a block, a number takes as many single draws."""
    stream, reference = Streams(SEED).get("x"), Streams(SEED).get("x")
    taken: list[float] = []
    for step in steps:
        taken += stream.block().tolist() if step is None else take(stream, step)
    assert taken == take(reference, len(taken))


def test_a_block_has_one_to_4096_draws() -> None:
    stream = Streams(SEED).get("x")
    sizes = [len(stream.block()) for _ in range(10)]
    assert min(sizes) >= 1
    assert sizes[-1] == max(sizes) == BLOCK


def test_draws_lie_in_the_open_interval() -> None:
    """All words of a block at either end of their range still give neither 0 nor 1."""
    from sim.kernel.streams import _uniforms

    ends = _uniforms(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert ends.tolist() == [2.0**-53, 1 - 2.0**-53]


def test_draws_are_uniform_and_uncorrelated() -> None:
    n = 20_000
    draws = take(Streams(SEED).get("x"), n)
    assert ks_of_uniform(draws) < 1.95 / sqrt(n)
    assert abs(correlation(draws[:-1], draws[1:])) < 4 / sqrt(n)


def test_other_names_and_seeds_give_unrelated_draws() -> None:
    n = 5_000
    streams = [
        Streams(SEED).get("venue", "A"),
        Streams(SEED).get("venue", "B"),
        Streams(SEED).get("venueA"),
        Streams(SEED + 1).get("venue", "A"),
    ]
    draws = [take(stream, n) for stream in streams]
    for i, xs in enumerate(draws):
        for ys in draws[:i]:
            assert abs(correlation(xs, ys)) < 4 / sqrt(n)


def test_names_do_not_run_together() -> None:
    streams = Streams(SEED)
    names = [("ab", "c"), ("a", "bc"), ("abc",), ("", "abc"), ("abc", "")]
    assert len({streams.get(*name).uniform() for name in names}) == len(names)


def test_asking_for_another_name_changes_no_draw() -> None:
    alone, crowded = Streams(SEED), Streams(SEED)
    crowded.get("venue", "NEW").uniform()
    crowded.keyed("venue", "NEW").uniform(1)
    assert take(alone.get("venue", "A"), 100) == take(crowded.get("venue", "A"), 100)


def test_a_stream_has_one_owner() -> None:
    streams = Streams(SEED)
    streams.get("venue", "A")
    with pytest.raises(ValueError, match="the stream venue/A has an owner already"):
        streams.get("venue", "A")


def test_a_name_is_needed() -> None:
    with pytest.raises(ValueError, match="a stream needs a name"):
        Streams(SEED).get()
    with pytest.raises(ValueError, match="a stream needs a name"):
        Streams(SEED).keyed()


@pytest.mark.parametrize("seed", [-1, SEED_MAX + 1])
def test_seed_out_of_bounds_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must be from 0 to"):
        Streams(seed)


def test_ordinal_and_keyed_draws_of_one_name_are_unrelated() -> None:
    streams = Streams(SEED)
    keyed = streams.keyed("x")
    n = 5_000
    pairs = take(streams.get("x"), n), [keyed.uniform(i) for i in range(n)]
    assert abs(correlation(*pairs)) < 4 / sqrt(n)


def test_keyed_draws_know_no_order() -> None:
    keyed, again = Streams(SEED).keyed("fills"), Streams(SEED).keyed("fills")
    forward = {i: keyed.uniform("P1", "NYSE", i) for i in range(100)}
    backward = {i: again.uniform("P1", "NYSE", i) for i in reversed(range(100))}
    assert forward == backward


def test_keyed_draws_are_uniform_over_a_grid_of_meanings() -> None:
    keyed = Streams(SEED).keyed("fills")
    grid = [
        [keyed.uniform(f"P{parent}", venue, k) for k in range(200)]
        for parent in range(20)
        for venue in ("NYSE", "NASDAQ", "MM", "DARK_A", "DARK_B")
    ]
    flat = [u for row in grid for u in row]
    assert all(0 < u < 1 for u in flat)
    assert ks_of_uniform(flat) < 1.95 / sqrt(len(flat))
    assert all(abs(correlation(xs, ys)) < 5 / sqrt(200) for xs, ys in pairwise(grid))
    assert abs(correlation(flat[:-1], flat[1:])) < 4 / sqrt(len(flat))


def test_meanings_are_told_apart() -> None:
    keyed = Streams(SEED).keyed("fills")
    meanings: list[tuple[int | str, ...]] = [
        (1, 2), (2, 1), (12,), ("1", 2), (1, "2"), ("12",), ("1", "2"), (-1, 2), (2**64 + 1, 2),
        (1, 2, 0), (), ("é",), ("e",), ("1, 2",), ("'1', 2",),
    ]  # fmt: skip
    assert len({keyed.uniform(*meaning) for meaning in meanings}) == len(meanings)


HASH_SEED_PROGRAM = """
from sim.kernel.streams import Streams
streams = Streams(3)
stream, keyed = streams.get("venue", "NYSE"), streams.keyed("fills")
print([stream.uniform() for _ in range(100)], [keyed.uniform("P1", k) for k in range(100)])
"""


@pytest.mark.slow
def test_draws_do_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", HASH_SEED_PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "12345")
    }
    assert len(outputs) == 1
