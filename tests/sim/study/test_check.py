"""A log is run again and compared byte by byte."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.protocol.errors import AuditFormatError, DataFormatError, ScenarioError
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_folder, shipped_names
from sim.study.check import check
from sim.world import World, run_world

if TYPE_CHECKING:
    from sim.scenario.load import LoadedScenario

Rewrite = Callable[[Callable[[dict[str, Any]], None]], Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a shipped scenario's run."""
    base = tmp_path_factory.mktemp("runs")

    def run(name: str) -> Path:
        folder = base / name
        if not folder.exists():
            folder.mkdir()
            run_world(load_scenario(name), folder=folder)
        return folder

    return run


@pytest.fixture
def log(folders: Callable[[str], Path]) -> Path:
    return folders("partial_fill") / "audit.jsonl"


def changed(log: Path, line: int, old: str, new: str, out: Path) -> Path:
    """The log with one text in one line replaced (lines count from 1)."""
    lines = log.read_bytes().splitlines(keepends=True)
    assert old.encode() in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old.encode(), new.encode(), 1)
    out.write_bytes(b"".join(lines))
    return out


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow)
        if name in {"scheduled", "three_real_books"}
        else name
        for name in shipped_names()
    ],
)
def test_I13_every_shipped_run_is_equal_when_run_again(
    name: str, folders: Callable[[str], Path]
) -> None:
    result = check(folders(name) / "audit.jsonl")
    assert (result.verdict, result.first, result.note, result.error) == ("equal", None, "", "")
    assert result.ok


def test_overrides_and_seed_are_in_the_log(tmp_path: Path) -> None:
    sets = ["venues[NYSE].latency.order.delay=17ms", "audit.market_data=none"]
    run_world(load_scenario("fragmented", sets=sets, seed=77), folder=tmp_path)
    assert check(tmp_path / "audit.jsonl").verdict == "equal"


def test_L02_the_first_record_that_was_changed_is_told_with_both_versions(
    log: Path, tmp_path: Path
) -> None:
    result = check(changed(log, 30, '"last_px":9999', '"last_px":9998', tmp_path / "x"))
    assert result.verdict == "differs"
    assert result.first is not None
    assert (result.first.seq, result.first.line, result.records) == (29, 30, 29)
    assert '"last_px":9998' in (result.first.logged or "")
    assert '"last_px":9999' in (result.first.again or "")
    assert [str(one) for one in result.first.fields] == ["last_px: 9998 -> 9999"]
    assert "record 29 (line 30) is the first that differs" in result.message


def test_L01_a_cut_log_is_equal_as_far_as_it_goes(log: Path, tmp_path: Path) -> None:
    data = log.read_bytes()
    torn = tmp_path / "torn"
    for size, why in ((len(data) - 40, "a torn tail"), (data.rindex(b"\n", 0, -1) + 1, "no run_")):
        torn.write_bytes(data[:size])
        result = check(torn)
        assert (result.verdict, result.ok) == ("cut", False)
        assert why in result.message
        assert result.first is not None
        assert "run_finished" in (result.first.again or "")


def test_L01_a_torn_tail_that_is_not_the_runs_differs(log: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.write_bytes(log.read_bytes()[:-40] + b"!")
    assert check(torn).verdict == "differs"


def test_L02_lines_behind_the_end_differ(log: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer"
    longer.write_bytes(log.read_bytes() + b"more\n")
    result = check(longer)
    assert result.verdict == "differs"
    assert "is in the log only" in result.message


def test_L05_another_version_of_the_log_is_refused(log: Path, tmp_path: Path) -> None:
    other = changed(log, 1, "sorsim-audit/1", "sorsim-audit/9", tmp_path / "x")
    with pytest.raises(AuditFormatError, match="the log has schema sorsim-audit/9"):
        check(other)


def test_L05_another_version_of_the_code_is_said_before(log: Path, tmp_path: Path) -> None:
    version = json.loads(log.read_bytes().splitlines()[0])["code_version"]
    other = changed(log, 1, f'"code_version":"{version}"', '"code_version":"0.0.9"', tmp_path / "x")
    result = check(other)
    assert "written by sorsim 0.0.9" in result.note
    assert result.first is not None
    assert [one.path for one in result.first.fields] == ["code_version"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", AuditFormatError),
        (b"\x00\n", AuditFormatError),
        (b"[" * 10_000 + b"\n", AuditFormatError),
    ],
)
def test_L06_what_is_no_log_is_refused(
    content: bytes, error: type[Exception], tmp_path: Path
) -> None:
    file = tmp_path / "no"
    file.write_bytes(content)
    with pytest.raises(error):
        check(file)


def test_L06_a_scenario_that_this_version_does_not_take_is_refused(
    log: Path, tmp_path: Path
) -> None:
    other = changed(log, 1, '"kind":"lit"', '"kind":"lot"', tmp_path / "x")
    with pytest.raises(ScenarioError, match="lot"):
        check(other)


# Data


@pytest.fixture
def with_data(tmp_path: Path) -> Path:
    """A log in a folder of its own whose scenario names a data file that lies elsewhere."""
    home = tmp_path / "home"
    home.mkdir()
    delays = shipped_folder() / "data" / "order_latency" / "gate_io_tokyo.csv"
    shutil.copy(delays, home / "delays.csv")
    text = (shipped_folder() / "fragmented.yaml").read_text(encoding="utf-8")
    law = "order: {model: empirical, file: delays.csv, fraction: 0.5}"
    text = text.replace("order: {model: fixed, delay: 5ms}", law)
    (home / "s.yaml").write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    run_world(load_scenario(home / "s.yaml"), folder=out)
    return out / "audit.jsonl"


def test_data_is_found_where_it_is_named(with_data: Path) -> None:
    home = with_data.parent.parent / "home"
    with pytest.raises(DataFormatError) as caught:
        check(with_data)
    assert "delays.csv: not in" in str(caught.value)
    assert check(with_data, [home]).verdict == "equal"
    shutil.copy(home / "delays.csv", with_data.parent)
    assert check(with_data).verdict == "equal"


def test_other_data_of_the_same_name_is_told_by_its_hash(with_data: Path) -> None:
    home = with_data.parent.parent / "home"
    (home / "delays.csv").write_bytes((home / "delays.csv").read_bytes() + b"\n")
    digest = hashlib.sha256((home / "delays.csv").read_bytes()).hexdigest()
    with pytest.raises(DataFormatError) as caught:
        check(with_data, [home])
    assert f"is another (SHA-256 {digest[:12]}..." in str(caught.value)


def test_a_resolved_scenario_runs_with_the_folder_of_its_data(with_data: Path) -> None:
    resolved = with_data.parent / "resolved.yaml"
    with pytest.raises(ScenarioError, match="no such file"):
        load_scenario(resolved)
    loaded = load_scenario(resolved, data=with_data.parent.parent / "home")
    assert run_world(loaded).log == with_data.read_bytes()


# Runs that did not end by themselves


def test_P01_an_interrupted_run_is_equal_up_to_the_interrupt(tmp_path: Path) -> None:
    interrupt_at(load_scenario("partial_fill"), 60_000_000, tmp_path)
    result = check(tmp_path / "audit.jsonl")
    assert (result.verdict, result.ok) == ("equal_until_interrupted", True)
    assert result.records > 20
    assert "where the run was interrupted" in result.message


def test_P01_an_interrupted_run_that_was_changed_differs(tmp_path: Path) -> None:
    interrupt_at(load_scenario("partial_fill"), 60_000_000, tmp_path)
    log = changed(tmp_path / "audit.jsonl", 9, '"price":9999', '"price":9998', tmp_path / "x")
    assert check(log).verdict == "differs"


def test_a_run_whose_venue_failed_fails_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from venues.core.matching import MatchingCore

    def fail(self: object, *args: object) -> None:
        raise ZeroDivisionError("broken book")

    monkeypatch.setattr(MatchingCore, "handle", fail)
    with pytest.raises(ZeroDivisionError):
        run_world(load_scenario("fragmented"), folder=tmp_path)
    result = check(tmp_path / "audit.jsonl")
    assert result.verdict == "equal"
    assert result.error == "ZeroDivisionError: broken book"


def interrupt_at(loaded: "LoadedScenario", t_ns: int, folder: Path) -> None:
    """Run, and interrupt as Ctrl-C does at an instant of the run."""
    with pytest.MonkeyPatch.context() as patch:
        start = World._start

        def start_then_stop(self: World, loop: Any, clock: Any) -> Any:
            clock.schedule(t_ns, 9, lambda event: self.interrupt())
            return start(self, loop, clock)

        patch.setattr(World, "_start", start_then_stop)
        run_world(loaded, folder=folder)
