"""What Python users call: a scenario in, a result out. The facade ``sim`` names these functions.

Nothing is written unless a folder is named: then the run leaves there what ``sorsim run`` leaves.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sim.kernel.clock import LAG_NS_MAX
from sim.kernel.loop import SimLoop
from sim.manifest import (
    FolderError,
    clock_facts,
    command_line,
    given_run_folder,
    now,
    write_manifest,
)
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import RunResult, arun_world, run_world


def run(
    scenario: str | Path | LoadedScenario,
    *,
    sets: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    clock: str = "virtual",
    speed: float = 1.0,
    lag_ns_max: int | None = LAG_NS_MAX,
    allow_code: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    check_every: int | None = None,
) -> RunResult:
    """Run a scenario to its end.

    Args:
        scenario: A file, the bare name of a shipped scenario, or what ``load_scenario`` returned.
        sets: Overrides, ``PATH=VALUE`` each, as on the command line.
        seed: Replaces the scenario's seed.
        out: Folder for the run's files, made if absent; None writes nothing and keeps the audit
            log in memory, and empty text is no folder.
        clock: ``virtual`` or ``wall``.
        speed: With ``wall``: simulated seconds per second of the wall.
        lag_ns_max: With ``wall``: how late an event may be, in nanoseconds of the wall; if one is
            later the run ends as an interrupted one does. None allows any lag.
        allow_code: Whether code that the scenario names in ``plugins`` may run.
        on_progress: Called now and then with the time of the run and its longest duration, ns.
        check_every: Walk over all books after so many records, and at the end, to find a fault of
            sorsim's own; None: only what each record touches is checked.

    Raises:
        ScenarioError: If the scenario or an override is wrong; it carries every problem.
        PluginError: If the scenario's own code failed; the run has stopped.
        FolderError: If ``out`` holds a run already, or cannot be written.
        AuditWriteError: If the audit log cannot be written; the run has stopped.
        InvariantError: If a rule of sorsim's own is broken; the run has stopped.
        ValueError: If a scenario that was loaded already comes with overrides, a seed or
            ``allow_code``, speed or lag are out of bounds, or the speed is not 1 in virtual time.
    """
    loaded = _loaded(scenario, sets, seed, allow_code=allow_code)
    if out is None:
        return run_world(
            loaded,
            clock=clock,
            speed=speed,
            lag_ns_max=lag_ns_max,
            on_progress=on_progress,
            check_every=check_every,
        )
    folder = given_run_folder(_named(out))
    started = now()
    result = run_world(
        loaded,
        folder=folder,
        clock=clock,
        speed=speed,
        lag_ns_max=lag_ns_max,
        on_progress=on_progress,
        check_every=check_every,
    )
    _note(result, folder, started)
    return result


async def arun(
    scenario: str | Path | LoadedScenario,
    *,
    sets: Sequence[str] = (),
    seed: int | None = None,
    out: str | Path | None = None,
    allow_code: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
    check_every: int | None = None,
) -> RunResult:
    """Run a scenario on the loop that runs now: ``SimLoop`` gives virtual time, others real time.

    Arguments and errors are those of ``run``; runs may share a loop.

    Raises:
        ValueError: If time has passed on the ``SimLoop`` already: a run begins at 0.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, SimLoop) and loop.now_ns:
        raise ValueError(f"a run needs a SimLoop at time 0, this one is at {loop.now_ns} ns")
    loaded = _loaded(scenario, sets, seed, allow_code=allow_code)
    if out is None:
        return await arun_world(loaded, on_progress=on_progress, check_every=check_every)
    folder = given_run_folder(_named(out))
    started = now()
    result = await arun_world(
        loaded, folder=folder, on_progress=on_progress, check_every=check_every
    )
    _note(result, folder, started)
    return result


def _named(out: str | Path) -> Path:
    """A folder that was named: empty text would mean the current one."""
    if not str(out):
        raise FolderError("out must not be empty: the current folder is '.'")
    return Path(out)


def _note(result: RunResult, folder: Path, started: datetime) -> None:
    write_manifest(
        folder,
        started=started,
        exit_code=result.exit_code,
        argv=command_line(),
        clock=None if result.lag is None else clock_facts("wall", result.lag),
    )


def _loaded(
    scenario: str | Path | LoadedScenario,
    sets: Sequence[str],
    seed: int | None,
    *,
    allow_code: bool,
) -> LoadedScenario:
    if not isinstance(scenario, LoadedScenario):
        return load_scenario(scenario, sets=sets, seed=seed, allow_code=allow_code)
    if sets or seed is not None or allow_code:
        raise ValueError(
            "sets, seed and allow_code belong to load_scenario when the scenario is loaded before"
        )
    return scenario
