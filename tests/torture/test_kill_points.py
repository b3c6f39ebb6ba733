"""P02, P03: runs that die at any point leave a log that is told rightly and completed."""

import json
import os
import subprocess
import sys
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
