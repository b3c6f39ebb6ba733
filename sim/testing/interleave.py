"""``@pytest.mark.interleavings``: a test runs under many orders of its messages."""

import inspect
import shlex
from typing import Any

import pytest

from sim.testing.market import Market
from sim.testing.plugin import OURS
from sim.testing.searching import interleaved, play


def run_interleaved(item: pytest.Function, marker: pytest.Mark | None, number: int | None) -> None:
    """Run a test under the interleavings of its marker, or under one; the first failure counts.

    Raises:
        BaseException: What the test raised, with a note that names the interleaving.
    """
    _check(item)
    names = item._fixtureinfo.argnames
    args: dict[str, Any] = {name: item.funcargs[name] for name in names}
    found = [one for one in item.funcargs.values() if isinstance(one, Market)]
    market = found[0] if found else item._request.getfixturevalue("market")
    test = item.obj
    if not inspect.iscoroutinefunction(test):
        # pytest-asyncio has put a wrapper around it that runs it on its own loop.
        inner = getattr(test, "__wrapped__", test)
        test = inner if inspect.iscoroutinefunction(inner) else test
    count = _count(marker)
    seeds = [number] if number is not None else range(count)
    for seed in seeds:
        with interleaved(market, market.scenario, seed):
            try:
                play(test, market, **args)
                market.close()
            except BaseException as error:
                error.add_note(_note(item, seed, None if number is not None else count))
                raise


def _count(marker: pytest.Mark | None) -> int:
    if marker is None:
        return 0
    count = marker.args[0] if marker.args else marker.kwargs.get("count", 200)
    extra = len(marker.args) > 1 or set(marker.kwargs) - {"count"}
    if extra or isinstance(count, bool) or not isinstance(count, int) or count < 1:
        pytest.fail(
            "the marker is @pytest.mark.interleavings(count=200), with a whole number >= 1",
            pytrace=False,
        )
    return count


def _check(item: pytest.Function) -> None:
    """Fixtures are made once for all interleavings: what stands on a market would be stale."""
    table = item._fixtureinfo.name2fixturedefs

    def stands_on_it(name: str) -> bool:
        defs = table.get(name)
        return name in OURS or (defs is not None and any(map(stands_on_it, defs[-1].argnames)))

    stale = [name for name in item._fixtureinfo.argnames if name not in OURS and stands_on_it(name)]
    if stale:
        pytest.fail(
            f"the fixture {stale[0]} uses the market, and would be the same for every "
            "interleaving: make what it makes inside the test",
            pytrace=False,
        )


def _note(item: pytest.Function, seed: int, count: int | None) -> str:
    again = f"pytest {shlex.quote(item.nodeid)} --interleaving {seed}"
    if count is None:
        return f"under interleaving {seed}"
    before = {0: "", 1: ", 0 passes"}.get(seed, f", 0 to {seed - 1} pass")
    return f"interleaving {seed} of {count} fails{before}; again: {again}"
