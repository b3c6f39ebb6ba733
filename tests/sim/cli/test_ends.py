"""Where output goes to a place that is narrow, closed, or gone."""

import subprocess
import sys
from pathlib import Path

import pytest

MAIN = [sys.executable, "-m", "sim.cli"]


@pytest.mark.parametrize("columns", ["1", "40", "60"])
def test_a_narrow_terminal_gets_whole_numbers(columns: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [*MAIN, "run", "fragmented", "--out", str(tmp_path / "run")],
        env={"COLUMNS": columns, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "NASDAQ   45,000   45,000   100.004444" in done.stdout


def test_a_closed_stdout_does_no_harm(tmp_path: Path) -> None:
    command = " ".join([*MAIN, "run", "fragmented", "--out", str(tmp_path / "run"), ">&-"])
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0


def test_a_reader_that_left_is_no_answer_of_the_run(tmp_path: Path) -> None:
    """Exit code 1 would say that the run failed its expectations."""
    run = subprocess.Popen(
        [*MAIN, "run", "fragmented", "--out", str(tmp_path / "run")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert run.stdout is not None
    run.stdout.close()
    _, err = run.communicate()
    assert (run.returncode, err) == (141, b"")


def test_convert_replaces_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("Timestamp,Order_ID,Status\n")
    for out in (log, tmp_path):
        done = subprocess.run(
            [*MAIN, "convert", "order_latency", "-o", "source=x", str(log), str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "is there already" in done.stderr
    assert log.read_text() == "Timestamp,Order_ID,Status\n"
