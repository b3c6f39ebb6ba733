"""P03, P04, P05, P10: what the system may refuse while a run is logged, and what is left then."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.audit.target import FileTarget
from sim.audit.verify import verify
from sim.cli import main
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditWriteError
from sim.scenario.load import LoadedScenario
from sim.world import run_world

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
Fails = Callable[[str, int, int], None]

SYNCS = ["end", "interval", "each"]


@pytest.fixture
def small(market: Make, lit: Make) -> Data:
    return market([lit("A", [["100.00", 50]]), lit("B", [["100.01", 50]])], qty=80)


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Fails:
    """``fails("write", 3, errno.EIO)``: the third call of that method of the log's file fails."""

    def install(method: str, number: int, code: int) -> None:
        call, calls = getattr(FileTarget, method), [0]

        def failing(*args: Any) -> Any:
            calls[0] += 1
            if calls[0] == number:
                raise OSError(code, os.strerror(code))
            assert calls[0] < number, "P04: after a failure nothing is tried again"
            return call(*args)

        monkeypatch.setattr(FileTarget, method, failing)

    return install


CODES = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG, errno.EMFILE]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("number", [1, 2, 5])
def test_P03_P10_a_write_that_fails_stops_the_run_with_a_valid_prefix(
    small: Data, load_data: Load, fails: Fails, tmp_path: Path, code: int, number: int
) -> None:
    fails("write", number, code)
    with pytest.raises(AuditWriteError, match=os.strerror(code)):
        run_world(load_data(small, "audit.sync=each"), folder=tmp_path)
    found = verify(tmp_path / "audit.jsonl")
    assert (found.records, found.complete) == (number - 1, False)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("sync", SYNCS)
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_P04_a_sync_that_fails_stops_the_run_and_is_not_tried_again(
    small: Data, load_data: Load, fails: Fails, tmp_path: Path, sync: str, code: int
) -> None:
    fails("confirm", 1, code)
    with pytest.raises(AuditWriteError, match=os.strerror(code)):
        run_world(load_data(small, f"audit.sync={sync}"), folder=tmp_path)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("method", ["write", "confirm"])
def test_P03_P04_the_command_line_says_it_and_ends_with_2(
    fails: Fails,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    fails(method, 1, errno.EIO)
    assert main(["run", "fragmented", "--out", "a", "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["kind"] == "audit_write"
    assert "Input/output error" in err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "a" / "manifest.json").read_bytes())["exit_code"] == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_P05_a_folder_that_may_not_be_written_fails_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    assert main(["run", "fragmented", "--out", str(tmp_path / "a")]) == 2
    assert "cannot hold a run" in capsys.readouterr().err
    tmp_path.chmod(0o700)


_LIMITED = """
import resource, sys
import sim.cli.app, sim.cli.errors, sim.cli.output, sim.cli.run, sim.world
from sim.cli import main
limit = int(sys.argv[2])
resource.setrlimit(getattr(resource, sys.argv[1]), (limit, limit))
sys.exit(main(["run", "three_real_books", "--out", sys.argv[3], "--json"]))
"""


def run_limited(what: str, limit: int, folder: Path) -> "subprocess.CompletedProcess[str]":
    """A run in a process with a limit; all it needs is imported before."""
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, what, str(limit), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_P10_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    """Python ignores SIGXFSZ, so that the write itself fails."""
    done = run_limited("RLIMIT_FSIZE", 100_000, tmp_path / "a")
    assert done.returncode == 2
    assert "File too large" in json.loads(done.stdout)["error"]["message"]
    found = verify(tmp_path / "a" / "audit.jsonl")
    assert found.records > 0
    assert not found.complete


@pytest.mark.slow
@pytest.mark.parametrize("handles", [6, 8, 12, 100])
def test_P10_too_few_file_handles_are_an_error_that_says_so(tmp_path: Path, handles: int) -> None:
    done = run_limited("RLIMIT_NOFILE", handles, tmp_path / "a")
    assert done.returncode in {0, 2}, done.stderr
    assert done.returncode == (0 if handles == 100 else done.returncode)
    assert "Traceback" not in done.stderr
    log = tmp_path / "a" / "audit.jsonl"
    if done.returncode:
        assert "Too many open files" in json.loads(done.stdout)["error"]["message"]
        assert not log.exists() or verify(log).outcome is not Outcome.COMPLETE
    else:
        assert verify(log).ok


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("no right to mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("sync", SYNCS)
def test_P03_P02_what_a_full_disk_took_is_valid_and_completed_elsewhere(
    small_disk: Path, tmp_path: Path, sync: str, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = ["generated_books", "--set", "duration=30s", "--set", f"audit.sync={sync}"]
    busy += ["--set", "parents[0].at=20s", "--set", "expect={}"]
    assert main(["run", *busy, "--out", str(tmp_path / "whole"), "--quiet"]) == 0
    assert main(["run", *busy, "--out", str(small_disk / "a"), "--quiet"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    log = small_disk / "a" / "audit.jsonl"
    found = verify(log)
    assert found.state == "cut"
    assert found.records > 10
    again = tmp_path / "again"
    assert main(["run", "--resume-from", str(log), "--out", str(again), "--quiet"]) == 0
    whole = (tmp_path / "whole" / "audit.jsonl").read_bytes()
    assert (again / "audit.jsonl").read_bytes() == whole
