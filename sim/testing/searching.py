"""A search over interleavings: the same test again and again, with messages in other orders."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from sim.kernel.loop import SimLoop
from sim.kernel.shuffle import ShuffledLoop
from sim.scenario.load import LoadedScenario
from sim.testing.builders import loaded_scenario
from sim.testing.interleaving import Interleaving
from sim.testing.market import Market

Test = Callable[[Market], Awaitable[Any] | Any]


class Finding(msgspec.Struct, frozen=True):
    """An interleaving under which a test fails: the first one that was tried.

    ``audit`` are the last lines of its audit log.
    """

    seed: int
    error: BaseException
    tried: int
    audit: tuple[str, ...]

    def __str__(self) -> str:
        what = f"{type(self.error).__name__}: {self.error}".splitlines()[0]
        return f"interleaving {self.seed} fails ({self.tried} tried): {what}"


def search(
    test: Test, scenario: str | Path | LoadedScenario, seeds: int | Iterable[int] = 200
) -> Finding | None:
    """Run a test under one interleaving after the other until it fails; None: it never does.

    With a number of seeds, they are tried from 0 on, so that the one found is the smallest.

    Args:
        test: Called with a fresh market each time; async or not. It fails by raising.
        scenario: As ``sim.run`` takes it.
        seeds: How many interleavings, or which; 0 is the run as the scenario has it.

    Raises:
        ScenarioError: If the scenario is wrong.
        ValueError: If a seed is negative.
    """
    loaded = loaded_scenario(scenario)
    market: Market | None = None
    for tried, seed in enumerate(range(seeds) if isinstance(seeds, int) else seeds, start=1):
        with interleaved(market, loaded, seed) as market:
            try:
                play(test, market, market)
                market.close()
            except Exception as error:
                return Finding(seed, error, tried, tuple(market.audit.last()))
    return None


@contextmanager
def interleaved(market: Market | None, loaded: LoadedScenario, seed: int) -> Iterator[Market]:
    """A market under one interleaving, on a loop of its own: a new one, or this one anew.

    Raises:
        ValueError: If the seed is negative.
    """
    if seed < 0:
        raise ValueError(f"an interleaving has a number >= 0, was {seed}")
    loop, how = SimLoop(), None
    if seed:
        loop, how = ShuffledLoop(seed), Interleaving(seed)
    if market is None:
        market = Market(loaded, loop, how)
    else:
        market.restart(loop, how)
    try:
        yield market
    finally:
        if not loop.is_closed():
            end_loop(market, loop)


def play(test: Callable[..., Any], market: Market, /, *args: Any, **kwargs: Any) -> None:
    """Call a test; one that is async runs on the market's loop."""
    found = test(*args, **kwargs)
    if inspect.isawaitable(found):
        market.loop.run_until_complete(found)


def end_loop(market: Market, loop: SimLoop) -> None:
    """End all that is left on a loop, and close it."""
    try:
        if not market.broken:
            market.close()
        loop.run_until_complete(_cancel_all(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _cancel_all(tasks: set[asyncio.Task[Any]]) -> None:
    """Those that the test has left."""
    ordered = sorted(tasks, key=hash)  # ours have their number as hash
    for task in ordered:
        task.cancel()
    await asyncio.gather(*ordered, return_exceptions=True)
