"""Limits of the host: files, memory. A clear error, and a log that says how far it got (P10)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.audit.verify import verify

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits are set as Linux has them"),
]

SCRIPT = Path(sys.executable).with_name("sorsim")
Limited = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def limited(tmp_path: Path) -> Limited:
    """``limited(resource, limit, *args)``: ``sorsim run`` under a limit, into the folder a."""

    def run(what: int, limit: int, *args: str) -> subprocess.CompletedProcess[str]:
        def set_limit() -> None:
            import resource

            resource.setrlimit(what, (limit, limit))

        return subprocess.run(
            [SCRIPT, "run", *args, "--out", "a", "--quiet"],
            cwd=tmp_path,
            text=True,
            capture_output=True,
            timeout=100,
            check=False,
            preexec_fn=set_limit,
        )

    return run


def log_is_sound(folder: Path) -> bool:
    """Whole and sealed, or a valid prefix whose end is known."""
    found = verify(folder / "a" / "audit.jsonl")
    return found.ok or (found.first_bad is not None and found.first_bad.seq == found.records)


@pytest.mark.parametrize("clock", ["virtual", "wall"])
@pytest.mark.parametrize("handles", [5, 7, 10])
def test_P10_too_few_file_handles_are_a_clear_error(
    limited: Limited, tmp_path: Path, handles: int, clock: str
) -> None:
    """Which of them is refused, a library, a data file or the log, is up to the number."""
    import resource

    done = limited(resource.RLIMIT_NOFILE, handles, "three_real_books", "--clock", clock)
    if done.returncode == 0:
        assert log_is_sound(tmp_path)
        return
    assert done.returncode == 2, done.stderr
    assert "Too many open files" in done.stderr
    assert "Traceback" not in done.stderr
    if (tmp_path / "a" / "audit.jsonl").exists():
        assert log_is_sound(tmp_path)


def test_P10_too_little_memory_is_a_clear_error_and_the_log_is_finished(
    limited: Limited, tmp_path: Path
) -> None:
    """Background orders that rest for ever fill the memory, several hundred bytes each."""
    import resource

    flow = "{kind: poisson, rate: 1000000, centre: '100.00', take: 0.0, cancel: 0.0, levels: 50}"
    sets: list[Any] = [
        *("--set", "duration=1min", "--set", "parents[0].at=1min"),
        *("--set", f"venues[NYSE].flow=[{flow}]", "--set", "audit.market_data=none"),
    ]
    done = limited(resource.RLIMIT_AS, 300 << 20, "fragmented", *sets)
    assert done.returncode == 2, done.stderr
    assert "out of memory" in done.stderr
    assert "Traceback" not in done.stderr
    assert log_is_sound(tmp_path)
