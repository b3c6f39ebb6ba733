"""Fixtures and settings that every test may use."""

import asyncio
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings

from sim.audit.read import LINE_FORM
from sim.audit.records import AnyRecord, Record
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import RunResult, run_world

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# `ci` draws the same examples on every run, so that a red build can be repeated at a desk;
# `dev` looks for new ones. Neither has a deadline: wall time says nothing about correctness.
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    deadline=None,
    print_blob=True,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--cases PATH``: here and not in its folder, since pytest asks only the topmost conftest."""
    parser.addoption(
        "--cases",
        type=Path,
        metavar="PATH",
        help="conformance cases to run instead of the project's own (tests/conformance)",
    )


def pytest_sessionstart() -> None:
    """Plugins ask asyncio for the loop of before; without this it makes one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The shared data folder; a test that asks for it is skipped where the folder is absent."""
    named = os.environ.get("SORSIM_SHARED", "../shared")
    folder = (PROJECT_ROOT / named).resolve()
    if not folder.is_dir():
        pytest.skip(f"no shared data at {named!r} (SORSIM_SHARED names the folder)")
    return folder


@pytest.fixture(scope="session")
def shared_file(shared_dir: Path) -> Callable[[str], Path]:
    """A data file of the shared folder that is the one its README describes, by its SHA-256.

    A test of what we make of a recording says nothing if the recording is another one: it is
    skipped then, with that as the reason.
    """
    readme = (shared_dir / "data" / "README.md").read_text(encoding="utf-8")

    def find(name: str) -> Path:
        path = shared_dir / "data" / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest not in readme:
            pytest.skip(f"data/{name} has SHA-256 {digest}, which its README does not name")
        return path

    return find


R = TypeVar("R", bound=Record)
_decode = msgspec.json.Decoder(AnyRecord).decode


@dataclass(frozen=True)
class Ran:
    """A run that was kept in memory, and the records of its log."""

    result: RunResult
    records: tuple[Record, ...]

    def of(self, kind: type[R]) -> list[R]:
        """The records of this type, in their order."""
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def parent(self) -> dict[str, Any]:
        """The summary's row of the only parent."""
        (row,) = self.result.summary["parents"]
        assert isinstance(row, dict)
        return row


def records_of(log: bytes) -> tuple[Record, ...]:
    """The records of a log's lines, without checking its chain."""
    lines = [LINE_FORM.fullmatch(line) for line in log.splitlines()]
    return tuple([_decode(b"{%b}" % line[2]) for line in lines if line is not None])


@pytest.fixture(scope="session")
def read_records() -> Callable[[bytes], tuple[Record, ...]]:
    """``read_records(log)``: the records of a log's bytes."""
    return records_of


@pytest.fixture(scope="session")
def load_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LoadedScenario]:
    """``load_data(data, *sets)``: plain data as a scenario file, loaded as users' files are."""
    folder = tmp_path_factory.mktemp("scenarios")
    numbers = count(1)

    def load(data: Mapping[str, Any], *sets: str, beside: Path | None = None) -> LoadedScenario:
        path = (beside or folder) / f"s{next(numbers)}.yaml"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data)))  # JSON is YAML too
        return load_scenario(path, sets=sets)

    return load


@pytest.fixture(scope="session")
def run_data(load_data: Callable[..., LoadedScenario]) -> Callable[..., Ran]:
    """``run_data(data, *sets)``: run a scenario in memory; the log must hold all of its lines."""

    def run(data: Mapping[str, Any], *sets: str, beside: Path | None = None) -> Ran:
        result = run_world(load_data(data, *sets, beside=beside))
        assert result.log is not None
        records = records_of(result.log)
        assert len(records) == result.records
        return Ran(result, records)

    return run


@pytest.fixture(scope="session")
def market() -> Callable[..., dict[str, Any]]:
    """``market([venue, ...], parent_key=..., top_key={...})``: a small scenario as plain data.

    Keys of a parent (``qty``, ``side``, ``limit``, ``deadline``, ``at``) belong to parent P; all
    others replace top-level keys.
    """

    def make(venues: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
        parent = {"id": "P", "side": "buy", "qty": 100, "at": "0s"}
        parent |= {
            key: more.pop(key) for key in ("qty", "side", "limit", "deadline", "at") if key in more
        }
        return {
            "schema_version": 1,
            "name": "test",
            "seed": 1,
            "duration": "10s",
            "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
            "venues": list(venues),
            "router": {"strategy": {"kind": "greedy"}},
            "parents": [parent],
            **more,
        }

    return make


@pytest.fixture(scope="session")
def lit() -> Callable[..., dict[str, Any]]:
    """``lit("A", [["100.00", 10]], ms=5)``: a lit venue with these asks, each way takes 5 ms."""

    def make(
        venue_id: str, asks: Sequence[Sequence[Any]] = (), *, ms: int = 5, **more: Any
    ) -> dict[str, Any]:
        leg = {"model": "fixed", "delay": f"{ms}ms"}
        book = {"asks": [list(level) for level in asks]}
        latency = {"order": leg, "report": leg, "feed": leg}
        return {"id": venue_id, "kind": "lit", "latency": latency, "book": book, **more}

    return make
