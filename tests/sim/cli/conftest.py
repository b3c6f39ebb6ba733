"""The command line, called in this process, in an empty folder."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import sim.world  # noqa: F401 - its import takes long, and should count for no test
from sim.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Invoke = Callable[..., Outcome]


@pytest.fixture
def invoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Invoke:
    """``invoke("run", "fragmented")`` -> exit code, stdout and stderr; paths begin in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("SORSIM_DEBUG", raising=False)
    monkeypatch.setenv("TERM", "dumb")

    def run(*args: str) -> Outcome:
        capsys.readouterr()
        code = main(args)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run
