"""P02, P03: runs that die at any point leave a log that is told rightly and completed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_points.py")
POINTS = int(os.environ.get("KILL_POINTS", "50"))
SECONDS_A_POINT = 10


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks, limits and signals as Linux has them")
def test_P02_P03_L01_runs_that_were_killed_are_completed(project_root: Path) -> None:
    """In a process of its own, since it forks: this one may have threads."""
    env = {**os.environ, "PYTHONPATH": str(project_root)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--points", str(POINTS), "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=120 + SECONDS_A_POINT * POINTS,
    )
    assert done.returncode in {0, 1}, done.stderr
    document = json.loads(done.stdout)
    assert document["failures"] == []
    assert document["points"] == POINTS
    assert document["left"]["cut"] > POINTS / 3  # else it would have tried too little


@pytest.mark.slow
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_P02_a_killed_process_leaves_word_of_its_clock(
    tmp_path: Path, project_root: Path, clock: str
) -> None:
    """What real time paced is not repeatable, and is refused for that; other runs are completed."""
    far = ["--set", "duration=60min", "--set", "venues[NYSE].flow=[{kind: poisson, rate: 2000, "]
    far[-1] += "centre: '100.00'}]"
    far += ["--set", "parents[0].at=30min", "--set", "audit.sync=each"]
    main = "import sys; from sim.cli import main; sys.exit(main())"
    env = {**os.environ, "PYTHONPATH": str(project_root)}

    def command(*args: str) -> list[str]:
        return [sys.executable, "-c", main, "run", *args]

    log = tmp_path / "a" / "audit.jsonl"
    with subprocess.Popen(
        command("fragmented", *far, "--clock", clock, "--out", "a"),
        cwd=tmp_path,
        env=env,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not log.exists() or log.stat().st_size < 20_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_bytes())
    assert (manifest["exit_code"], manifest["clock"]) == (None, {"kind": clock})
    done = subprocess.run(
        command("--resume-from", "a", "--out", "b", "--seed", "1"),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, (tmp_path / "b").exists()) == (2, False)
    cut = subprocess.run(
        [sys.executable, "-c", LOAD, "a"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("real time paced its run" in cut.stderr) == (clock == "wall")
    assert (cut.returncode == 0) == (clock == "virtual"), cut.stderr


LOAD = """
import sys
from sim.study.resume import load_cut
from sim.protocol.errors import AuditFormatError
try:
    cut, loaded = load_cut(sys.argv[1])
except AuditFormatError as error:
    sys.exit(str(error))
assert cut.records > 10
"""
