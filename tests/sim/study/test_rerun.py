"""The scenario inside a log runs again, as it was or with one change."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.cli import main
from sim.protocol.errors import DataFormatError, ScenarioError
from sim.report.trail.build import TrailBuilder, read_trail
from sim.scenario.load import load_scenario, scenario_from_data
from sim.scenario.shipped import shipped_folder, shipped_names
from sim.study.check import check
from sim.study.rerun import load_again, rerun
from sim.world import run_world


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fragmented")
    run_world(load_scenario("fragmented"), folder=folder)
    return folder / "audit.jsonl"


@pytest.mark.parametrize("name", shipped_names())
def test_what_is_not_default_makes_the_same_scenario(name: str) -> None:
    loaded = load_scenario(name)
    seed = loaded.scenario.seed
    again = scenario_from_data(loaded.resolved(), "a log", loaded.folder, seed=seed)
    assert msgspec.json.encode(again.resolved()) == msgspec.json.encode(loaded.resolved())


@pytest.mark.parametrize(
    ("sets", "seed"),
    [
        (["venues[NYSE].latency.order.delay=20ms"], None),
        (["router.strategy.kind=top_of_book"], None),
        (["venues[1].fees.taker='0.5'", "duration=90ms"], None),
        (["venues[DARK_A].latency.report={model: shifted_exponential, shift: 0s, mean: 3ms}"], 9),
        (["audit.market_data=none"], 2),
    ],
)
def test_overrides_of_a_log_are_those_of_its_file(
    log: Path, sets: list[str], seed: int | None
) -> None:
    """Another strategy brings its own defaults, as if the file had been run with it."""
    file = load_scenario("fragmented", sets=sets, seed=seed)
    assert load_again(log, sets, seed).loaded.resolved() == file.resolved()
    assert rerun(log, sets, seed).log == run_world(file).log


WRONG = [
    "venues[NYSX].latency.order.delay=20ms",
    "venues[NYSE].latency.order.delay=20",
    "venues[NYSE].latency.order.dilay=20ms",
    "venues.NYSE.latency=1",
    "venues[NYSE]",
    "router.strategy.kind=greedi",
    "nonsense=1",
    "\x1b[31m=1",
    "seed=a",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_override_is_told_as_run_tells_it(log: Path, text: str) -> None:
    with pytest.raises(ScenarioError) as of_run:
        load_scenario("fragmented", sets=[text])
    with pytest.raises(ScenarioError) as of_log:
        load_again(log, [text])
    assert _worded(of_log) == _worded(of_run)


def _worded(error: pytest.ExceptionInfo[ScenarioError]) -> list[tuple[str, str]]:
    return [(one.path, one.message) for one in error.value.problems]


def test_the_new_records_are_watched(log: Path, tmp_path: Path) -> None:
    builder = TrailBuilder()
    result = rerun(log, ["venues[NYSE].latency.order.delay=20ms"], folder=tmp_path, watch=[builder])
    assert result.log is None
    trail = read_trail(tmp_path)
    assert builder.trail(trail.head, trail.fault) == trail
    assert trail.children["P1.NYSE.1"].executions[0].done_ns == 20_000_000


def test_data_files_are_found_where_the_command_line_had_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    delays = shipped_folder() / "data" / "order_latency" / "gate_io_tokyo.csv"
    shutil.copy(delays, home / "delays.csv")
    (home / "other.csv").write_bytes(delays.read_bytes() + delays.read_bytes().splitlines(True)[-1])
    text = (shipped_folder() / "fragmented.yaml").read_text(encoding="utf-8")
    law = "order: {model: empirical, file: delays.csv, fraction: 0.5}"
    (home / "s.yaml").write_text(text.replace("order: {model: fixed, delay: 5ms}", law))
    monkeypatch.setattr("sys.argv", ["sorsim", "run", "home/s.yaml", "--out", "out", "--quiet"])
    assert main(["run", "home/s.yaml", "--out", "out", "--quiet"]) == 0
    assert check("out").verdict == "equal"
    # A file that only the override names lies beside the others, and needs no hash.
    sets = ["venues[NYSE].latency.order.file=other.csv"]
    assert list(load_again("out", sets).loaded.file_hashes()) == ["other.csv"]
    (home / "delays.csv").write_bytes(b"")
    with pytest.raises(DataFormatError) as caught:
        load_again("out", sets)
    assert "delays.csv: not in out, the one in home is another" in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[" * 100_000, b'{"argv": 1}', b'{"argv": ["a", "b", 1, "\\u0000"]}']
)
def test_a_manifest_may_hold_anything(log: Path, tmp_path: Path, content: bytes) -> None:
    shutil.copy(log, tmp_path)
    (tmp_path / "manifest.json").write_bytes(content)
    again: Any = load_again(tmp_path)
    assert again.notes == []
    assert again.loaded.scenario.name == "fragmented"
