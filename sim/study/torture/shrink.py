"""Makes a failing case small: whatever can be left out of it is, as long as it fails alike."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from sim.protocol.errors import ScenarioError
from sim.study.torture.case import Case
from sim.study.torture.trial import Failure, try_case

TRIALS_MAX: Final = 400
"""How many smaller cases are tried at most."""
_TRIGGERS: Final = frozenset({"at", "on", "rate", "share"})

FailsAs = Callable[[Case], Failure | None]


def fails_as(case: Case) -> Failure | None:
    """How a case fails under every check there is; None if it does not, or cannot be run."""
    try:
        return try_case(case, thorough=True).failure
    except ScenarioError:
        return None


def shrink(
    case: Case, failure: Failure, *, judge: FailsAs = fails_as, trials: int = TRIALS_MAX
) -> tuple[Case, Failure]:
    """The smallest case found that breaks the same rule, and how it fails.

    Args:
        case: A case that fails.
        failure: How it fails.
        judge: How a case fails.
        trials: How many cases may be tried.
    """
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _smaller(case):
            if trials == 0:
                return case, failure
            trials -= 1
            found = judge(smaller)
            if found is not None and found.rule == failure.rule:
                case, failure, is_smaller = smaller, found, True
                break
    return case, failure


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one thing less, the largest steps first."""
    faults, sets = case.faults, case.sets
    if len(faults) > 1:
        half = len(faults) // 2
        yield replace(case, faults=faults[:half])
        yield replace(case, faults=faults[half:])
    for n in range(len(faults)):
        yield replace(case, faults=(*faults[:n], *faults[n + 1 :]))
    if case.ties is not None:
        yield replace(case, ties=None)
    for n, text in enumerate(sets):
        if ".deadline=" not in text and not text.startswith("duration="):
            yield replace(case, sets=(*sets[:n], *sets[n + 1 :]))
    for n, fault in enumerate(faults):
        for simpler in _simpler(fault):
            yield replace(case, faults=(*faults[:n], simpler, *faults[n + 1 :]))


def _simpler(fault: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same fault with a key less, or with a number nearer to nothing."""
    for key, value in fault.items():
        if key not in _TRIGGERS and key != "kind":
            yield {name: fault[name] for name in fault if name != key}
        if key == "count" and value > 1:
            yield fault | {"count": value // 2}
        if key == "on":
            yield from _simpler_condition(fault, value)


def _simpler_condition(fault: dict[str, Any], on: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if on.get("nth", 1) > 1:
        yield fault | {"on": on | {"nth": on["nth"] // 2}}
    if "venue" in on:
        yield fault | {"on": {key: value for key, value in on.items() if key != "venue"}}
