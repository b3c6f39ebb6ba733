"""One run of many: a variant of a scenario with a seed, as a job for another process.

A process keeps what it has loaded: a variant is read and checked once, and recorded data is parsed
once. What comes back is the run's summary and, where asked for, its fills.
"""

import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sim.audit.read import LINE_FORM
from sim.audit.records import AnyRecord, Fill
from sim.data.recorded import keep_recordings
from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.load import LoadedScenario, load_scenario
from sim.scenario.model import Scenario
from sim.world import run_world

_LOADED_MAX: Final = 64
_DECIMAL: Final = re.compile(r"-?[0-9]+\.[0-9]+")
_FILL: Final = b'"kind":"fill"'


class Source(NamedTuple):
    """A scenario as a command line names it: file or shipped name, ``--set``, ``--data``."""

    ref: str
    sets: tuple[str, ...] = ()
    data: Path | None = None
    allow_code: bool = False

    def load(self, more: tuple[tuple[str, str], ...] = ()) -> LoadedScenario:
        """The scenario with further overrides, each with what messages call its place.

        Raises:
            ScenarioError: With every problem.
        """
        return load_scenario(
            self.ref, sets=self.sets, data=self.data, more=more, allow_code=self.allow_code
        )


More = tuple[tuple[str, str], ...]
"""Overrides, each with what messages call its place."""


def check_sides(loaded: LoadedScenario, source: Source) -> None:
    """Costs are compared of orders of one side.

    Raises:
        ScenarioError: If there are orders to buy and to sell.
    """
    if all(_orders(loaded.scenario)):
        message = "orders to buy and to sell have no common cost; allowed: one side"
        raise ScenarioError([Problem(source.ref, 0, 0, "parents", message)])


def fitting(source: Source, base: LoadedScenario, more: More, exact: set[str]) -> More:
    """The overrides as they load: exact decimals are quoted where the plain number is refused.

    What runs side by side has one order and one chance, so neither the orders' sides and
    quantities nor the seed may be among what the overrides change.

    On the command line ``x=0.01`` is what everyone writes. Where a key takes decimals exactly it
    wants them as text, and here the text is known.

    Args:
        source: The scenario.
        base: The scenario as it loads without the overrides.
        more: The overrides.
        exact: Paths that are known to want text; what is found of them is added.

    Raises:
        ScenarioError: With every problem of the overrides as they were given.
    """
    return fitted(source, base, more, exact)[0]


def fitted(
    source: Source, base: LoadedScenario, more: More, exact: set[str]
) -> tuple[More, LoadedScenario]:
    """As ``fitting``, and the scenario that they make."""
    keep_recordings()  # each of many variants has the rows of its files checked
    known = _all_quoted(more, exact)
    try:
        loaded = source.load(known)
    except ScenarioError as error:
        wrong = {problem.path for problem in error.problems}
        again = _all_quoted(known, wrong)
        if again == known:
            raise
        try:
            loaded = source.load(again)
        except ScenarioError:
            raise error from None
        exact |= wrong
        known = again
    _check_equal_chance(base.scenario, loaded.scenario, more)
    return known, loaded


def _check_equal_chance(base: Scenario, changed: Scenario, more: More) -> None:
    if changed.seed != base.seed:
        message = "changes the seed, and all are run with the same ones; allowed: no seed"
        raise ScenarioError([Problem(_place(more, "seed"), 0, 0, "seed", message)])
    if _orders(changed) != _orders(base):
        message = "changes what is ordered, and only equal orders compare; allowed: how it is sent"
        raise ScenarioError([Problem(_place(more, "parents"), 0, 0, "parents", message)])


def _place(more: More, key: str) -> str:
    """What messages call the last override of a top-level key."""
    places = [f"{place} {text}" for place, text in more if re.match(rf"{key}\b", text)]
    return places[-1]


def _orders(scenario: Scenario) -> tuple[Decimal, Decimal]:
    """What is bought and what is sold, in all."""
    bought = sold = Decimal(0)
    for parent in scenario.parents:
        for order in parent.each():
            if order.side == "buy":
                bought += order.qty
            else:
                sold += order.qty
    return bought, sold


def _all_quoted(more: More, paths: set[str]) -> More:
    return tuple([(place, _quoted(text, paths)) for place, text in more])


def _quoted(text: str, wrong: set[str]) -> str:
    path, _, value = text.rpartition("=")
    return f'{path}="{value}"' if path in wrong and _DECIMAL.fullmatch(value) else text


class RunJob(NamedTuple):
    """One run: which variant, with which seed, and whether its fills are wanted."""

    source: Source
    more: More
    seed: int
    fills: bool = False

    def __str__(self) -> str:
        sets = ", ".join(text for _, text in self.more)
        return f"{self.source.ref} with seed {self.seed}{', ' if sets else ''}{sets}"


class OneFill(NamedTuple):
    """A fill as the router heard of it: ns, ticks, lots, money as decimal text."""

    t_ns: int
    px: int
    qty: int
    fee: str


class RunFigures(NamedTuple):
    """What a run came to: the content of ``summary.json``, and its fills if they were wanted."""

    summary: dict[str, Any]
    fills: tuple[OneFill, ...] = ()


def run_job(job: RunJob) -> RunFigures:
    """Run it, in memory.

    Raises:
        ScenarioError: If the variant is wrong.
        KeyboardInterrupt: If the run was interrupted.
    """
    keep_recordings()
    loaded = _loaded(job.source, job.more)
    scenario = loaded.scenario.model_copy(update={"seed": job.seed})
    result = run_world(replace(loaded, scenario=scenario))
    if result.exit_code == 130:
        raise KeyboardInterrupt
    return RunFigures(result.summary, _fills(result.log or b"") if job.fills else ())


@lru_cache(maxsize=_LOADED_MAX)
def _loaded(source: Source, more: More) -> LoadedScenario:
    return source.load(more)


def _fills(log: bytes) -> tuple[OneFill, ...]:
    decoder = msgspec.json.Decoder(AnyRecord)
    fills = []
    for line in log.split(b"\n"):
        if _FILL in line and (form := LINE_FORM.fullmatch(line)) is not None:
            record = decoder.decode(b"{%b}" % form[2])
            if isinstance(record, Fill):
                fills.append(OneFill(record.t_ns, record.last_px, record.last_qty, record.fee))
    return tuple(fills)
