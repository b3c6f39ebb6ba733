"""Baselines by name, as overrides of a scenario: what routing is compared with.

A baseline changes how the scenario's own orders are worked and nothing else: the market, its chance
and the orders stay. Names are those of the customer's documents.
"""

from collections.abc import Callable
from typing import Final

from sim.scenario.model import Scenario


class BaselineError(ValueError):
    """A scenario has not what a baseline needs."""


def usual(scenario: Scenario) -> list[str]:
    """The baselines that a tuning has if none are named."""
    return ["best_ask"]


def baseline_sets(name: str, scenario: Scenario) -> tuple[str, ...]:
    """The overrides that make a scenario the baseline.

    Raises:
        BaselineError: If there is no such baseline, or the scenario lacks the venues that it needs.
    """
    if name not in BASELINES:
        raise BaselineError(f"found the baseline {name!r}; allowed: {', '.join(BASELINES)}")
    return (*_PLAIN, *BASELINES[name](scenario))


def _best_ask(scenario: Scenario) -> tuple[str, ...]:
    return ("router.strategy={kind: greedy}",)


_PLAIN: Final = ("router.rest=null",)
BASELINES: Final[dict[str, Callable[[Scenario], tuple[str, ...]]]] = {"best_ask": _best_ask}
