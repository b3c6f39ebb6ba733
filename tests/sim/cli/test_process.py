"""The command line as a process of its own: start-up, signals, pipes, a user's own modules."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(sys.executable).with_name("sorsim")
HELP_SECONDS = 0.150

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(tmp_path: Path) -> Run:
    """Run a command in an empty folder."""

    def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.run(command, cwd=tmp_path, text=True, timeout=60, check=False, **streams)

    return run


def test_help_is_quick(call: Run) -> None:
    """The bare interpreter's time on this machine at this moment is the yardstick under load."""

    def seconds(*command: str) -> float:
        times = []
        for _ in range(7):
            before = time.perf_counter()
            assert call(*command).returncode == 0
            times.append(time.perf_counter() - before)
        return median(times)

    bare = seconds(sys.executable, "-c", "pass")
    slowness = max(1.0, bare / 0.020)
    assert seconds(str(SCRIPT), "--help") < HELP_SECONDS * slowness


def test_help_imports_nothing_heavy(call: Run) -> None:
    code = (
        "import sys\nfrom sim.cli import main\nmain(['--help'])\n"
        "print(sorted({'pydantic', 'numpy', 'rich', 'msgspec', 'yaml'} & set(sys.modules)))"
    )
    assert call(sys.executable, "-c", code).stdout.endswith("[]\n")


def test_users_own_modules_do_not_stand_in_for_ours(call: Run, tmp_path: Path) -> None:
    for name in ("router", "venues", "click", "benchmarks"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    for command in ([str(SCRIPT)], [sys.executable, "-m", "sim.cli"]):
        result = call(*command, "run", "fragmented", "--quiet")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_users_sim_module_does_not_stand_in_for_ours(call: Run, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text("raise SystemExit('the wrong module')\n")
    assert call(str(SCRIPT), "run", "fragmented", "--quiet").returncode == 0


def test_a_users_module_is_named_whichever_way_we_are_called(call: Run, tmp_path: Path) -> None:
    """``python -m sim.cli`` begins with this folder on its path; ours are used all the same."""
    (tmp_path / "router.py").write_text("raise SystemExit('the wrong module')\n")
    for command in ([str(SCRIPT)], [sys.executable, "-m", "sim.cli"]):
        result = call(*command, "run", "fragmented", "--json")
        assert result.returncode == 0
        assert json.loads(result.stdout)["outcome"] == "complete"
        assert "note: in this folder router.py has the name" in result.stderr
        assert call(*command, "doctor").returncode == 1


def test_a_module_on_the_path_that_stands_in_for_ours_is_one_clear_message(
    call: Run, tmp_path: Path
) -> None:
    """The folder of a user's ``router.py`` in PYTHONPATH comes before an installation of ours."""
    (tmp_path / "router.py").write_text("raise SystemExit('the wrong module')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = call(str(SCRIPT), "run", "fragmented", env={**os.environ, "PYTHONPATH": path})
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"sorsim: {tmp_path / 'router.py'} stands in for our package")
    assert len(result.stderr.splitlines()) == 1


def test_help_into_a_closed_pipe_is_no_error(call: Run) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        result = call(str(SCRIPT), "list", "metrics", stdout=closed)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_behind_stdout_is_exit_2(call: Run) -> None:
    with Path("/dev/full").open("w") as full:
        for args in (["run", "fragmented"], ["run", "fragmented", "--json"], ["schema"]):
            result = call(str(SCRIPT), *args, stdout=full)
            assert result.returncode == 2
            assert result.stderr == "sorsim: cannot read or write: No space left on device\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_disk_that_fills_up_stops_the_run(call: Run, tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the log does not get past it."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))

    result = call(str(SCRIPT), "run", "fragmented", "--out", "a", preexec_fn=limit)
    assert (result.returncode, result.stdout) == (2, "")
    assert "no decision may go unrecorded" in result.stderr
    assert "Traceback" not in result.stderr
    verified = call(str(SCRIPT), "verify", "a")
    assert verified.returncode == 1
    assert "complete up to record" in verified.stdout
    assert not (tmp_path / "a" / "summary.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_P01_interrupted_run_is_saved_and_marked(
    call: Run, tmp_path: Path, number: int, clock: str
) -> None:
    """The wall run waits for an order that takes a minute; the virtual one computes for long."""
    scenario = ["run", "fragmented", "--clock", clock, "--out", "a", "--json"]
    busy = '[{kind: poisson, rate: 10000, centre: "100.00"}]'
    sets = {
        "wall": [
            "router.strategy={kind: single_venue, venue: NYSE}",
            "router.ack_timeout=10min",
            "venues[NYSE].latency.order.delay=1min",
        ],
        "virtual": ["parents[0].at=290s", f"venues[NYSE].flow={busy}"],
    }[clock]
    for text in ["duration=5min", *sets]:
        scenario += ["--set", text]
    process = subprocess.Popen(
        [SCRIPT, *scenario],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "a" / "resolved.yaml").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err.startswith("sorsim: interrupted; what was done until then lies in a, marked aborted")
    assert json.loads(out)["outcome"] == "aborted"
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["exit_code"] == 130
    verified = call(str(SCRIPT), "verify", "a")
    assert verified.returncode == 0
    assert "aborted" in verified.stdout
