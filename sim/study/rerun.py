"""Runs the scenario inside a log again: as it is, with another seed, or with settings changed.

All chance that the change does not ask for is the same: draws come from streams that are named, not
shared. `sorsim replay --check`, what-if and the context of a report stand on this.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sim.audit.read import log_file
from sim.audit.records import RunStarted
from sim.on_guard import Watcher
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditWriteError
from sim.scenario.load import LoadedScenario
from sim.study.header import paced_by_wall, read_header, scenario_of, version_note
from sim.world import RunResult, run_world

OnProgress = Callable[[int, int], None]


class Again(NamedTuple):
    """A log's scenario, ready to run again.

    Attributes:
        log: The log.
        started: Its first record.
        loaded: The scenario, with overrides.
        notes: Why the run may differ though nothing was changed, one line each.
    """

    log: Path
    started: RunStarted
    loaded: LoadedScenario
    notes: list[str]


def load_again(
    log: str | Path,
    sets: Sequence[str] = (),
    seed: int | None = None,
    *,
    data: Sequence[str | Path] = (),
    allow_code: bool = False,
) -> Again:
    """The scenario inside a log, with overrides.

    Args:
        log: The log, or the folder of a run.
        sets: Overrides, ``PATH=VALUE`` each, as ``sorsim run --set`` takes them.
        seed: Replaces the seed.
        data: Folders where its data files may lie, beside the places that are known
            (`sim.study.header.scenario_of`).
        allow_code: Whether code that it names in ``plugins`` may run.

    Raises:
        AuditFormatError: If the log's first record cannot be read, or is of another version.
        ScenarioError: If this version does not take its scenario, or an override is wrong.
        DataFormatError: If a data file is missing or another one.
    """
    path = log_file(log)
    started = read_header(path)
    loaded = scenario_of(
        started, path, list(map(Path, data)), sets=sets, seed=seed, allow_code=allow_code
    )
    notes = [version_note(started)]
    if paced_by_wall(path):
        notes.append("the log's run was paced by the wall clock, which no other run repeats")
    return Again(path, started, loaded, [note for note in notes if note])


def rerun(
    log: str | Path,
    sets: Sequence[str] = (),
    seed: int | None = None,
    *,
    data: Sequence[str | Path] = (),
    allow_code: bool = False,
    folder: Path | None = None,
    watch: Sequence[Watcher] = (),
    on_progress: OnProgress | None = None,
) -> RunResult:
    """Run the scenario inside a log again, in virtual time, with overrides.

    Args:
        log: The log, or the folder of a run.
        sets: Overrides, ``PATH=VALUE`` each.
        seed: Replaces the seed.
        data: Folders where its data files may lie.
        allow_code: Whether code that it names in ``plugins`` may run.
        folder: Where the new run's files go; it must exist. None keeps its log in memory.
        watch: Get the new run's records as they are written, as a `TrailBuilder` does.
        on_progress: Called now and then with the time of the run and its longest duration, ns.

    Raises:
        AuditFormatError: As ``load_again`` does; so do ScenarioError and DataFormatError.
        AuditWriteError: If the new log cannot be written.
        KeyboardInterrupt: If the new run was interrupted.
        SorsimError: What ended the new run too early, if anything did.
    """
    again = load_again(log, sets, seed, data=data, allow_code=allow_code)
    return run_again(again.loaded, folder=folder, watch=watch, on_progress=on_progress)


def run_again(
    loaded: LoadedScenario,
    *,
    folder: Path | None = None,
    watch: Sequence[Watcher] = (),
    on_progress: OnProgress | None = None,
) -> RunResult:
    """``rerun`` of what is loaded already; the same arguments and errors."""
    result = run_world(loaded, folder=folder, watch=watch, on_progress=on_progress)
    if result.outcome is Outcome.ABORTED:
        raise KeyboardInterrupt
    return result


def ended_early(error: Exception) -> str:
    """What to say of an error that ended a run again, as it may have ended the first run.

    Raises:
        AuditWriteError: If it is that: then nothing can be said of the run.
    """
    if isinstance(error, AuditWriteError):
        raise error
    return f"{type(error).__name__}: {error}"
