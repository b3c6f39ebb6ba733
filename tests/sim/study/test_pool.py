"""Work on several processes gives what it gives on one, in order, and ends when it is told to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from sim.protocol.errors import DataFormatError, Problem, ScenarioError
from sim.study.pool import JobError, cores, run_many

ROOT = Path(__file__).resolve().parents[3]


def test_one_worker_runs_here_and_keeps_the_order() -> None:
    done: list[tuple[int, int]] = []
    results = run_many([3, 1, 2], lambda n: n * n, jobs_n=1, on_done=lambda *now: done.append(now))
    assert results == [9, 1, 4]
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert run_many([], str, jobs_n=4) == []
    assert cores() >= 1


def test_an_error_names_its_job_and_keeps_its_cause() -> None:
    with pytest.raises(JobError, match=r"^job 0: ZeroDivisionError: division by zero$") as caught:
        run_many([1, 0], lambda n: 1 / n, jobs_n=1, name=lambda n: f"job {n}")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(ValueError, match="jobs_n must be >= 1, was 0"):
        run_many([1], str, jobs_n=0)


def test_our_errors_survive_the_way_between_processes() -> None:
    import pickle

    for error in (
        ScenarioError([Problem("a.yaml", 1, 2, "x", "wrong")]),
        DataFormatError("a.csv", 3, "bad row"),
        JobError("one: two"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


# Several processes: a script each, since a worker imports the module that its function is in.

SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from sim.study.pool import run_many, JobError, WorkerLostError

def work(n):
    if n == "exit":
        os._exit(3)
    if str(n).startswith("once ") and not os.path.exists(n[5:]):
        open(n[5:], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if str(n).startswith("politely "):
        if not os.path.exists(n[9:]):
            open(n[9:], "w").close()
            raise KeyboardInterrupt
    if n == "odd":
        raise Odd(1, 2)
    if n == "wait":
        print("waits", flush=True)
        time.sleep(60)
    if n == 13:
        raise OSError(2, "none", "x.csv")
    if isinstance(n, int):
        time.sleep(0.002 * (5 - n % 5))
    return n, os.getpid() == PARENT

class Odd(Exception):
    def __init__(self, a, b):
        super().__init__("odd")

PARENT = None
if __name__ == "__main__":
    {body}
"""


def start(tmp_path: Path, body: str) -> "subprocess.Popen[str]":
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(root=str(ROOT), body=body.replace("\n", "\n    ")))
    return subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_several_workers_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    body = "print(run_many(range(20), work, jobs_n=1) == run_many(range(20), work, jobs_n=3))"
    process = start(tmp_path, body.replace("20", "12"))
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("True\n", "", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("job", "error", "says"),
    [
        ("13", "JobError", "job 13: FileNotFoundError: [Errno 2] none: 'x.csv'"),
        ("'odd'", "JobError", "job odd: RuntimeError: Odd: odd"),
        (
            "'exit'",
            "WorkerLostError",
            "job exit: its worker process ended in the middle of it 3 times",
        ),
    ],
)
def test_what_goes_wrong_in_a_worker_is_told(
    tmp_path: Path, job: str, error: str, says: str
) -> None:
    body = (
        f"try:\n    run_many([1, 2, {job}, 3], work, jobs_n=2, name=lambda n: f'job {{n}}')\n"
        f"except {error} as error:\n    print(error)"
    )
    out, err = start(tmp_path, body).communicate(timeout=60)
    assert out.startswith(says)
    assert err == ""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["once", "politely"])
def test_a_killed_worker_loses_nothing(tmp_path: Path, how: str) -> None:
    job = f"{how} {tmp_path / 'marker'}"
    body = (
        f"jobs = [0, {job!r}, *range(1, 12)]\ndone = []\n"
        "found = run_many(jobs, work, jobs_n=2, on_result=lambda n, r: done.append(n))\n"
        "print(found == [(job, False) for job in jobs], sorted(done) == list(range(13)))"
    )
    out, err = start(tmp_path, body).communicate(timeout=60)
    assert (out, err) == ("True True\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "kill"])
def test_a_signal_stops_all_workers_at_once(tmp_path: Path, number: int) -> None:
    body = (
        "try:\n    run_many(['wait', 'wait'], work, jobs_n=2)\n"
        "except KeyboardInterrupt:\n    print('stopped', flush=True)"
    )
    process = start(tmp_path, body)
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["waits\n", "waits\n"]
    began = time.monotonic()
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("stopped\n", "", 0)
    while _left_of(process.pid) and time.monotonic() - began < 10:
        time.sleep(0.05)  # the server that they were forked from hears of our end a moment later
    assert time.monotonic() - began < 10
    assert _left_of(process.pid) == []


@pytest.mark.slow
@pytest.mark.parametrize("wait_ms", [0, 50, 150, 400])
def test_ctrl_c_is_no_matter_of_processes_that_are_only_starting(
    tmp_path: Path, wait_ms: int
) -> None:
    """A terminal sends it to all of them; none shall print where it was."""
    body = (
        "import signal\n"
        "from sim.study.pool import warm_up\n"
        "signal.signal(signal.SIGINT, lambda *_: print('heard', flush=True))\n"
        "warm_up('sim.study.pool')\n"
        f"time.sleep({wait_ms} / 1000)\n"
        "os.killpg(0, signal.SIGINT)\n"
        "print(run_many([1, 2, 3], abs, jobs_n=2))"
    )
    out, err = start(tmp_path, body).communicate(timeout=60)
    assert (out, err) == ("heard\n[1, 2, 3]\n", "")


HALF_STARTED = """
import signal
from multiprocessing import forkserver
from sim.study import pool
connect = forkserver.connect_to_new_process
def struck(fds):
    found = connect(fds)
    print("struck", flush=True)
    os.killpg(0, signal.SIGINT)
    time.sleep(0.5)
    return found
forkserver.connect_to_new_process = struck
try:
    run_many(['wait', 'wait'], work, jobs_n=2)
except KeyboardInterrupt:
    print('stopped', flush=True)
"""


@pytest.mark.slow
def test_P01_an_interrupt_while_a_worker_is_half_started_leaves_no_trace(tmp_path: Path) -> None:
    """Told nothing it would say so with a traceback, or be waited for with all of its work."""
    process = start(tmp_path, HALF_STARTED)
    assert process.stdout is not None
    assert process.stdout.readline() == "struck\n"
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert out.endswith("stopped\n")  # what the first worker had begun may stand before it
    assert (err, process.returncode) == ("", 0)
    assert time.monotonic() - began < 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_P01_an_early_interrupt_of_a_command_is_quiet_and_soon_over(seed: int) -> None:
    """At random moments while it loads, starts its workers and hands out the first work."""
    after_s = Random(seed).uniform(0.2, 2.0)
    process = subprocess.Popen(
        [sys.executable, "-c", EARLY, "torture", "fragmented", "--seeds", "500", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("", "sorsim: interrupted\n", 130)
    assert time.monotonic() - began < 4
    assert _left_of(process.pid) == []


EARLY = """
import signal, sys
# What a shell starts in the background ignores it, and all that is started there with it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from sim.cli import main
from sim.kernel.interrupt import always_heard
print("begins", flush=True)
sys.exit(main())
"""


@pytest.mark.slow
def test_workers_do_not_outlive_a_parent_that_was_killed(tmp_path: Path) -> None:
    process = start(tmp_path, "run_many(['wait', 'wait'], work, jobs_n=2)")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["waits\n", "waits\n"]
    process.kill()
    process.communicate(timeout=30)
    ends = time.monotonic() + 10
    while _left_of(process.pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert _left_of(process.pid) == []


@pytest.mark.slow
def test_P01_a_server_that_still_imports_does_not_outlive_its_parent(tmp_path: Path) -> None:
    """Else who reads what we print waits for its imports after we are gone."""
    (tmp_path / "takes_long.py").write_text("import time\ntime.sleep(30)\n")
    body = f"os.environ['PYTHONPATH'] = {str(tmp_path)!r}\n"
    body += "from sim.study.pool import warm_up; warm_up('takes_long'); print('leaves')"
    process = start(tmp_path, body)
    assert process.communicate(timeout=15) == ("leaves\n", "")
    assert process.returncode == 0
    ends = time.monotonic() + 5  # the tracker goes as the server's end of its pipe is closed
    while _left_of(process.pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert _left_of(process.pid) == []


def _left_of(session: int) -> list[str]:
    """Processes of a session that are still there; /proc is Linux's."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(stat.parent.name)
    return found
