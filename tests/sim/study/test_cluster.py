"""A Dask cluster gives what the pool gives, survives its workers, and says what is wrong with it.

Workers are real processes, on this machine alone; they end with the tests' own process.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sim.protocol.errors import ClusterError, MissingExtraError, WorkerLostError
from sim.scenario.load import load_scenario
from sim.study import cluster
from sim.study.cluster import check_address, machine_facts, run_on_cluster
from sim.study.journal import Journal, job_key
from sim.study.parcel import Parcel, pack
from sim.study.pool import JobError
from sim.study.spread import Cluster, Pool, spread

ROOT = Path(__file__).resolve().parents[3]

WORK = """
import os, signal, time
from typing import NamedTuple
from sim.study.parcel import Parcel, unpack
from sim.world import run_world

class Job(NamedTuple):
    parcel: Parcel
    seed: int

def run(job):
    result = run_world(unpack(job.parcel, job.seed))
    return result.summary["audit_head"], result.log

def wait(n):
    time.sleep(0.05)
    return n, os.getpid()

def odd(n):
    if n == 13:
        raise OSError(2, "none", "x.csv")
    if n == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    return n
"""
START = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(
        n_workers=int(sys.argv[1]),
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


class Processes:
    """A scheduler with its workers."""

    def __init__(self, folder: Path, workers_n: int, failures: int = 1) -> None:
        script = folder / "start.py"
        script.write_text(START)
        paths = os.pathsep.join([str(ROOT), str(folder)])
        environment = {
            **os.environ,
            "PYTHONPATH": paths,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures),
        }
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(workers_n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            cwd=folder,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module that the workers have too."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "cluster_work.py").write_text(WORK)
    sys.path.insert(0, str(folder))
    import cluster_work  # type: ignore[import-not-found]

    yield cluster_work
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def two(work: ModuleType) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    processes = Processes(Path(str(work.__file__)).parent, 2)
    yield processes.address
    processes.stop()


def on_cluster(jobs: list[Any], worker: Callable[[Any], Any], address: str, **more: Any) -> Any:
    found: dict[int, Any] = {}
    run_on_cluster(jobs, worker, address, on_result=found.__setitem__, **more)
    return [found[n] for n in range(len(jobs))]


@pytest.mark.parametrize(
    "address", ["", "8786", "host:8786", "tcp://host", "tcp://:1", "http://h:1", "tcp://h:99999"]
)
def test_what_is_no_address_is_refused_before_anything_is_tried(address: str) -> None:
    with pytest.raises(ClusterError, match="as the address of a cluster; allowed: tcp://HOST:PORT"):
        run_on_cluster([1], abs, address, on_result=print)


def test_addresses_of_schedulers_are_taken() -> None:
    for address in ("tcp://127.0.0.1:8786", "tls://a-b.c:1", "tcp://[::1]:65535"):
        check_address(address)


def test_a_cluster_that_cannot_be_reached_is_an_error_after_a_bounded_time(tmp_path: Path) -> None:
    """Whether nobody listens, or somebody who never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            ports = [silent.getsockname()[1], closed.getsockname()[1]]
        for port in ports:
            where = f"tcp://127.0.0.1:{port}"
            with pytest.raises(ClusterError, match=f"^{where}: no Dask scheduler .* within 0.2 s"):
                run_on_cluster([1], abs, where, on_result=print, connect_seconds=0.2)


def test_whoever_else_answers_there_is_no_scheduler() -> None:
    """A port of the web, say: its first bytes, read as a length, are more than any memory."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as caller:
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                caller.recv(1 << 16)

        thread = threading.Thread(target=answer)
        thread.start()
        where = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"^{where}: no Dask scheduler .*nothing was run"):
            run_on_cluster([1], abs, where, on_result=print, connect_seconds=5)
        thread.join()


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"--cluster needs .* pip install 'sorsim\[cluster"):
        run_on_cluster([1], abs, "tcp://127.0.0.1:1", on_result=print)


def test_a_worker_of_another_kind_is_named_with_what_differs() -> None:
    ours = machine_facts()
    cluster._compare("tcp://w:1", ours, ours)
    theirs = {**ours, "sorsim": "0.0.9"}
    del theirs["numpy"]
    says = rf"^tcp://w:1: found a worker with sorsim 0.0.9 \(here {ours['sorsim']}\), numpy none"
    with pytest.raises(ClusterError, match=says):
        cluster._compare("tcp://w:1", theirs, ours)


def test_jobs_go_to_a_scheduler_and_come_back_in_their_order() -> None:
    """Scheduler and workers in this process: the quick form of what follows."""
    from distributed import LocalCluster

    make: Any = LocalCluster  # its types are missing
    with make(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as local:
        jobs = list(range(-20, 0))
        found = spread(jobs, abs, where=Cluster(local.scheduler_address))
        assert found == spread(jobs, abs, where=Pool(1))

        def stop(n: int, result: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_on_cluster(jobs, abs, local.scheduler_address, on_result=stop)


@pytest.mark.slow
def test_the_cluster_gives_what_the_pool_gives_to_the_byte(
    work: ModuleType, two: str, tmp_path: Path
) -> None:
    parcels = [
        pack(load_scenario("fragmented", sets=(f"router.strategy.kind={kind}",)))
        for kind in ("greedy", "top_of_book")
    ]
    jobs = [work.Job(parcel, seed) for parcel in parcels for seed in range(1, 5)]
    told: list[tuple[int, int]] = []
    there = spread(jobs, work.run, where=Cluster(two), on_done=lambda *now: told.append(now))
    assert there == spread(jobs, work.run, where=Pool(1))
    assert told[-1] == (8, 8)


@pytest.mark.slow
def test_data_files_travel_to_workers_that_have_none(work: ModuleType, two: str) -> None:
    here = pack(load_scenario("three_real_books"))
    away = Parcel(here.scenario, here.files, "/nonexistent")
    with pytest.raises(JobError, match="found no such file; allowed: the study's, with SHA-256"):
        on_cluster([work.Job(away, 1)], work.run, two)
    there = on_cluster([work.Job(away, 2)], work.run, two, parcels=[here])
    assert there == [work.run(work.Job(here, 2))]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(work: ModuleType, two: str, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done == 5:
            killed.append(journal[job_key(work.wait, 0)][1])
            os.kill(killed[0], signal.SIGKILL)

    jobs = list(range(40))
    with Journal(tmp_path / "journal", tuple[int, int]) as journal:
        found = spread(jobs, work.wait, where=Cluster(two), journal=journal, on_done=kill_one)
    assert [n for n, _ in found] == jobs
    assert len(killed) == 1
    assert len({process for _, process in found}) >= 2


@pytest.mark.slow
def test_what_goes_wrong_on_a_worker_is_told(work: ModuleType, two: str) -> None:
    says = "job 13: FileNotFoundError: [Errno 2] none: 'x.csv'"
    with pytest.raises(JobError) as caught:
        on_cluster([1, 13, 2], work.odd, two, name=lambda n: f"job {n}")
    assert str(caught.value) == says
    assert isinstance(caught.value.__cause__, FileNotFoundError)

    def stop(n: int, result: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_on_cluster(list(range(50)), work.wait, two, on_result=stop)
    assert on_cluster([1], work.odd, two) == [1]


@pytest.mark.slow
def test_workers_with_other_code_are_refused(
    work: ModuleType, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with pytest.raises(ClusterError, match=r"found a worker with sorsim .* \(here 9\.9\); allowed"):
        on_cluster([1], work.odd, two)


@pytest.mark.slow
def test_a_cluster_that_goes_away_is_an_error(
    work: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(str(work.__file__)).parent
    empty = Processes(folder, 0)
    with pytest.raises(ClusterError, match=r"the scheduler has no workers, after 0.5 s; nothing"):
        on_cluster([1], work.odd, empty.address, connect_seconds=0.5)
    empty.stop()
    lost = Processes(folder, 1)
    found: dict[int, Any] = {}

    def stop(n: int, result: object) -> None:
        found[n] = result
        if len(found) == 3:
            lost.process.kill()
            lost.process.wait()

    with pytest.raises(ClusterError, match=r"the connection to the scheduler was lost$"):
        run_on_cluster(list(range(100)), work.wait, lost.address, on_result=stop)
    assert len(found) >= 3
    lost.stop()


@pytest.mark.slow
def test_a_job_that_ends_its_worker_is_given_up(work: ModuleType) -> None:
    processes = Processes(Path(str(work.__file__)).parent, 2, failures=0)
    says = r"^job 99: its worker ended in the middle of it 1 times; was memory short"
    with pytest.raises(WorkerLostError, match=says):
        on_cluster([1, 99, 2], work.odd, processes.address, name=lambda n: f"job {n}")
    processes.stop()
