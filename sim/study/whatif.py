"""What would have been different: a log's run once more with one change, all other chance equal.

The first run is not run again: its log is read beside the new run. What differs, the chain of
causes and the difference in cost are those of `sim.study.compare_runs`.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sim.kernel.garbage import rare_collections
from sim.report.trail.build import TrailBuilder
from sim.study.compare_runs import Folded, RunChange, run_change
from sim.study.pairs import Beside
from sim.study.rerun import Again, OnProgress, ended_early, load_again, run_again

SIDES: Final = ("log", "new run")
IN_MEMORY_BYTES_MAX: Final = 16 << 20
"""The new run of a longer log goes to a file: it might be much longer still."""


def whatif(
    log: str | Path,
    sets: Sequence[str] = (),
    *,
    data: Sequence[str | Path] = (),
    allow_code: bool = False,
    out: Path | None = None,
    on_progress: OnProgress | None = None,
) -> RunChange:
    """Run a log's scenario once more with overrides, and compare.

    Args:
        log: The log, or the folder of its run.
        sets: Overrides, ``PATH=VALUE`` each, as ``sorsim run --set`` takes them. With none, a log
            that holds what the run must hold has no differences.
        data: Folders where the scenario's data files may lie.
        allow_code: Whether code that the scenario names in ``plugins`` may run.
        out: Folder for the new run's files; it must exist. None keeps nothing.
        on_progress: Called now and then with the time of the run and its longest duration, ns.

    Raises:
        AuditFormatError: If the log's first record cannot be read, or is of another version.
        ScenarioError: If this version does not take its scenario, or an override is wrong.
        DataFormatError: If a data file is missing or another one.
        KeyboardInterrupt: If the new run was interrupted.
        SorsimError: What ended the new run too early, unless nothing was changed: then the log's
            run must have ended so too, and the two are compared.
    """
    again = load_again(log, sets, data=data, allow_code=allow_code)
    return whatif_of(again, out, on_progress, is_changed=bool(sets))


def whatif_of(
    again: Again,
    out: Path | None = None,
    on_progress: OnProgress | None = None,
    *,
    is_changed: bool,
) -> RunChange:
    """``whatif`` of what is loaded already; ``is_changed``: with overrides. The same errors."""
    with rare_collections():
        if out is not None or again.log.stat().st_size <= IN_MEMORY_BYTES_MAX:
            return _whatif(again, out, on_progress, is_changed=is_changed)
        with tempfile.TemporaryDirectory(prefix="sorsim-") as folder:
            return _whatif(again, Path(folder), on_progress, is_changed=is_changed)


def _whatif(
    again: Again, folder: Path | None, on_progress: OnProgress | None, *, is_changed: bool
) -> RunChange:
    logged, new = Folded(str(again.log)), TrailBuilder()
    beside = Beside(again.log, Path(SIDES[1]), logged.take)
    error, summary = "", None
    try:
        result = run_again(
            again.loaded, folder=folder, watch=[beside, new], on_progress=on_progress
        )
        summary = result.summary
    except Exception as caught:
        if is_changed or not beside.records:
            raise
        error = ended_early(caught)
    pairs = beside.finish()
    trails = [logged.trail(pairs.old.fault), new.trail()]
    started = trails[1].started
    faults = [logged.fault] if logged.fault else []
    found = run_change(
        pairs, [again.started, started], trails, sides=SIDES, faults=faults, new_summary=summary
    )
    notes = [*again.notes, *found.notes]
    if error:
        notes.append(f"the new run ended with {error}")
    return msgspec.structs.replace(found, notes=notes)
