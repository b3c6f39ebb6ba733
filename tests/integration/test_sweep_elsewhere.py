"""A sweep that was stopped, moved to a cluster or lost workers gives what it would have given."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SWEEP = [
    "sweep",
    "fragmented",
    "--grid",
    "router.strategy.kind=greedy,top_of_book",
    "--seeds",
    "40",
    "--quiet",
]
FILES = ("journal.jsonl", "runs.parquet", "sweep.json")
CLUSTER = """
import os, sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        for line in sys.stdin:
            print(*[one.pid for one in cluster.workers.values()], flush=True)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that says the address of its scheduler, and for each line the workers it has."""
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,  # workers find no file of ours by its relative name
    )
    yield process
    process.communicate(timeout=60)  # it ends with its input


def start(out: Path, *more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sim.cli", *SWEEP, "--out", str(out), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for(journal: Path, lines: int) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if journal.exists() and journal.read_bytes().count(b"\n") > lines:
            return
        time.sleep(0.01)
    raise AssertionError(f"{journal} has no {lines} lines after a minute")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the sweep as one process gives them."""
    out = tmp_path_factory.mktemp("whole") / "sweep"
    assert end(start(out, "--jobs", "1")) == (0, "", "")
    return {name: (out / name).read_bytes() for name in FILES}


def test_a_sweep_that_was_stopped_says_how_to_go_on_and_does(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    stopped = start(out, "--jobs", "2")
    wait_for(out / "journal.jsonl", 10)
    os.kill(stopped.pid, signal.SIGINT)
    code, _, err = end(stopped)
    assert code == 130
    assert " of 80 runs were done and are kept in " in err
    assert f"--out {out} --resume" in err
    assert not (out / "sweep.json").exists()
    kept = (out / "journal.jsonl").read_bytes().count(b"\n") - 1
    assert 10 <= kept < 80
    assert end(start(out, "--jobs", "2", "--resume")) == (0, "", "")
    assert {name: (out / name).read_bytes() for name in FILES} == whole


def test_a_sweep_that_was_killed_goes_on(whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    killed = start(out, "--jobs", "2")
    wait_for(out / "journal.jsonl", 10)
    killed.kill()
    assert end(killed)[0] == -9
    assert end(start(out, "--jobs", "1", "--resume")) == (0, "", "")
    assert {name: (out / name).read_bytes() for name in FILES} == whole


def test_two_dask_workers_one_of_which_is_killed_equal_the_pool(
    whole: dict[str, bytes], cluster: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()
    out = tmp_path / "sweep"
    sweep = start(out, "--cluster", address)
    try:
        wait_for(out / "journal.jsonl", 3)
        cluster.stdin.write("who?\n")
        cluster.stdin.flush()
        os.kill(int(cluster.stdout.readline().split()[-1]), signal.SIGKILL)
        assert end(sweep) == (0, "", "")
    finally:
        sweep.kill()
    assert {name: (out / name).read_bytes() for name in FILES} == whole


def test_a_cluster_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    code, _, err = end(start(out, "--cluster", "here:1"))
    assert (code, out.exists()) == (2, False)
    assert err.startswith("sorsim: found 'here:1' as the address of a cluster; allowed: tcp://")
