"""The comparison that a scenario may ask for, after its run: into the folder of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sim.cli.errors import classify
from sim.cli.output import count_bar
from sim.manifest import command_line, now, write_manifest
from sim.protocol.errors import AuditWriteError
from sim.scenario.load import LoadedScenario
from sim.study.comparison import Comparison, compare
from sim.study.pool import cores
from sim.study.runs import Source

DOCUMENT = "comparison.json"


def run_comparison(
    source: Source,
    loaded: LoadedScenario,
    folder: Path,
    exit_code: int,
    facts: Mapping[str, Any],
    *,
    quiet: bool,
) -> Comparison:
    """Compare, write ``comparison.json``, and renew the manifest, which hashes it too.

    Args:
        source: The scenario as it was named.
        loaded: The scenario that ran.
        folder: The folder of its run.
        exit_code: That of the run.
        facts: What its manifest says besides (``write_manifest``).
        quiet: No progress.

    Raises:
        AuditWriteError: If the disk refuses the file.
    """
    started, code = now(), exit_code
    try:
        with count_bar("compare", quiet=quiet) as on_done:
            found = compare(source, seed=loaded.scenario.seed, jobs_n=cores(), on_done=on_done)
        text = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
        _write(folder / DOCUMENT, text)
    except BaseException as error:
        code, _ = classify(error)
        raise
    finally:
        write_manifest(folder, started=started, exit_code=code, argv=command_line(), **facts)
    return found


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise AuditWriteError(f"{path}: cannot be written: {error.strerror}") from error
