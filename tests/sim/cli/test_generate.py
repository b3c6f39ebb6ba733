"""``sorsim generate``: a market written as events."""

import json
from pathlib import Path
from typing import Any

Invoke = Any  # see conftest


def test_it_writes_a_file_that_inspect_takes(invoke: Invoke, tmp_path: Path) -> None:
    flow = '{kind: zero_intelligence, per: 1ms, centre: "100.00", limit: 1, market: 1, cancel: 1, '
    sets = f"venues[NYSE].flow=[{flow} levels: 5}}]"
    code, out, err = invoke("generate", "fragmented", "m.events.csv", "--set", sets)
    assert code == 0
    assert "NYSE: " in out
    assert "m.events.csv" in err
    document = json.loads(invoke("inspect", "m.events.csv", "--json").out)
    assert document["rows"] > 100
    assert document["problems"] == []


def test_json_says_what_was_written(invoke: Invoke, tmp_path: Path) -> None:
    code, out, _ = invoke("generate", "fragmented", "m.events.csv", "--seed", "7", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["rows"] == sum(document["venues"].values())
    assert (tmp_path / "m.events.csv").read_bytes().count(b"\n") == document["rows"] + 1


def test_other_names_and_files_that_are_there_are_refused(invoke: Invoke, tmp_path: Path) -> None:
    code, _, err = invoke("generate", "fragmented", "m.csv")
    assert code == 2
    assert ".events.csv" in err
    (tmp_path / "m.events.csv").write_text("mine")
    code, _, err = invoke("generate", "fragmented", "m.events.csv")
    assert code == 2
    assert "is there already" in err
    assert (tmp_path / "m.events.csv").read_text() == "mine"


def test_a_wrong_scenario_leaves_no_file(invoke: Invoke, tmp_path: Path) -> None:
    code, _, err = invoke("generate", "no_such", "m.events.csv")
    assert code == 2
    assert "no_such" in err
    assert not list(tmp_path.iterdir())
