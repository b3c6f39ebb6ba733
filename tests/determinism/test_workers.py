"""I12, P11: any number of workers, in any surroundings, gives the same bytes; faults included."""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from sim.manifest import NAME as MANIFEST

SURROUNDINGS = (
    ("1", {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"}),
    ("2", {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8"}),
    ("3", {"PYTHONHASHSEED": "3141592653", "TZ": "America/New_York", "LC_ALL": "C.UTF-8"}),
)
"""Workers, and what surrounds them."""
FAULTS = (
    "faults=[{kind: message_loss, share: 0.2, leg: report, venue: NYSE, messages: any},"
    " {kind: message_duplication, share: 0.3, leg: report, venue: NASDAQ, messages: any}]"
)
MAIN = "import sys; from sim.cli import main; sys.exit(main())"


def files(folder: Path) -> dict[str, str]:
    found = {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    assert found
    return found


@pytest.mark.slow
def test_I12_P11_a_sweep_with_faults_gives_the_same_bytes_with_any_number_of_workers(
    tmp_path: Path, project_root: Path
) -> None:
    grid = ["--grid", "router.max_attempts=2,5", "--seeds", "4", "--set", FAULTS]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                MAIN,
                "sweep",
                "fragmented",
                *grid,
                "--jobs",
                jobs,
                "--out",
                jobs,
            ],
            env={**os.environ, "PYTHONPATH": str(project_root), **surroundings},
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for jobs, surroundings in SURROUNDINGS
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode in {0, 1}, errors.decode()
    first, *others = [files(tmp_path / jobs) for jobs, _ in SURROUNDINGS]
    assert others == [first, first]


@pytest.mark.slow
def test_I12_P11_P02_a_run_with_faults_is_resumed_in_other_surroundings(
    tmp_path: Path, project_root: Path
) -> None:
    """Begun under one hash seed, locale and zone, and completed under two others."""

    def run(surroundings: dict[str, str], *args: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "run", *args, "--quiet"],
            env={**os.environ, "PYTHONPATH": str(project_root), **surroundings},
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        assert b"DIFFERS" not in done.stderr
        return (tmp_path / args[-1] / "audit.jsonl").read_bytes()

    (_, one), (_, two), (_, three) = SURROUNDINGS
    whole = run(one, "fragmented", "--set", FAULTS, "--out", "whole")
    for name, surroundings, left in (("b", two, 2), ("c", three, 3)):
        (tmp_path / "cut").write_bytes(whole[: len(whole) * left // 4])
        assert run(surroundings, "--resume-from", "cut", "--out", name) == whole
