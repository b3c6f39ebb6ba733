"""Tries many seeds on all cores, counts what struck, and makes what fails small."""

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from sim.scenario.load import load_scenario
from sim.study.pool import OnDone, run_many
from sim.study.torture.case import Case, draw_case
from sim.study.torture.shrink import shrink
from sim.study.torture.trial import Failure, Verdict, failure_of, try_case


class SeedJob(NamedTuple):
    """One seed to try."""

    scenarios: tuple[str, ...]
    seed: int


class Failed(msgspec.Struct, frozen=True):
    """A seed that failed: the case that was drawn, and the smallest one that fails alike."""

    seed: int
    failure: Failure
    drawn: Case
    smallest: Case
    again: str
    """What tries the seed again, with all that is looked at after a run, too."""

    def row(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "seed": self.seed,
            "rule": self.failure.rule,
            "message": self.failure.message,
            "scenario": self.smallest.scenario,
            "sets": list(self.smallest.sets),
            "faults": list(self.smallest.faults),
            "ties": self.smallest.ties,
            "command": self.smallest.command,
            "drawn": self.drawn.command,
            "again": self.again,
        }


class Tortured(msgspec.Struct, frozen=True):
    """What came of all seeds. ``events`` counts audit records, ``faults`` strikes by kind."""

    seeds: int
    events: int
    faults: dict[str, int]
    failures: tuple[Failed, ...]

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "seeds": self.seeds,
            "events": self.events,
            "faults": self.faults,
            "failures": [failed.row() for failed in self.failures],
        }


def torture(
    scenarios: Sequence[str],
    *,
    seeds: int,
    base: int = 0,
    jobs_n: int = 1,
    on_done: OnDone | None = None,
) -> Tortured:
    """Try the cases of many seeds.

    Args:
        scenarios: Files or names of shipped scenarios; each case starts from one of them.
        seeds: How many.
        base: The first.
        jobs_n: Processes at work; the result is the same with any number.
        on_done: Called with how many are done, and of how many.

    Raises:
        ScenarioError: If one of the scenarios is wrong.
        JobError: If a case could not even be drawn.
    """
    for name in scenarios:
        load_scenario(name)
    jobs = [SeedJob(tuple(scenarios), seed) for seed in range(base, base + seeds)]
    found = run_many(
        jobs, try_seed, jobs_n=jobs_n, on_done=on_done, name=lambda job: f"seed {job.seed}"
    )
    faults: Counter[str] = Counter()
    for verdict, _ in found:
        faults.update(verdict.faults)
    return Tortured(
        seeds=seeds,
        events=sum(verdict.events for verdict, _ in found),
        faults=dict(sorted(faults.items())),
        failures=tuple([failed for _, failed in found if failed is not None]),
    )


def try_seed(job: SeedJob) -> tuple[Verdict, Failed | None]:
    """Draw the case of a seed, try it, and make it small if it fails."""
    case = draw_case(job.scenarios, job.seed)
    try:
        verdict = try_case(case)
    except Exception as error:  # a judge that fails is a failure, too
        verdict = Verdict(0, {}, failure_of(error))
    if verdict.failure is None:
        return verdict, None
    smallest, failure = shrink(case, verdict.failure)
    words = ["sorsim", "torture", *job.scenarios, "--seeds", "1", "--seed", str(job.seed)]
    return verdict, Failed(job.seed, failure, case, smallest, shlex.join(words))
