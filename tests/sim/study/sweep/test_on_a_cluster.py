"""A sweep over two local Dask workers, one of which is killed, comes to what the pool comes to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sim.study.sweep.api import sweep

ROOT = Path(__file__).resolve().parents[4]
START = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        print(cluster.scheduler_address, *pids, flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[tuple[str, list[int]]]:
    """The address of a scheduler, and the processes of its workers."""
    script = tmp_path / "start.py"
    script.write_text(START)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert process.stdout is not None
    address, *pids = process.stdout.readline().split()
    yield address, list(map(int, pids))
    process.communicate(timeout=30)


@pytest.mark.slow
def test_a_sweep_survives_the_kill_of_a_worker_and_equals_the_pools(
    two_workers: tuple[str, list[int]], tmp_path: Path
) -> None:
    address, pids = two_workers
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done >= 4 and not killed:
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    there = sweep(
        "monte_carlo", seeds=8, cluster=address, journal=tmp_path / "there", on_done=kill_one
    )
    here = sweep("monte_carlo", seeds=8, jobs=2, journal=tmp_path / "here")
    assert killed
    assert msgspec.json.encode(there) == msgspec.json.encode(here)
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
