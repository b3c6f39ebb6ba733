"""What counts as lost speed."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.calibration import reference_loop, reference_rate
from benchmarks.gate import FIGURES, losses, read_figures, write_figures
from benchmarks.run import MODULES


def row(name: str, **ratio: float) -> dict[str, Any]:
    return {"name": name, "value": 1, "ratio": ratio}


@pytest.mark.parametrize(("now", "lost"), [(4.0, False), (3.41, False), (3.39, True), (5.0, False)])
def test_a_loss_is_more_than_15_percent_of_a_ratio(now: float, lost: bool) -> None:
    found = losses([row("loop", simpy=now)], [row("loop", simpy=4.0)])
    assert found == ([{"name": "loop", "peer": "simpy", "was": 4.0, "now": now}] if lost else [])


def test_each_peer_is_judged_alone() -> None:
    found = losses([row("a", x=1.0, y=1.0), row("b", x=1.0)], [row("a", x=1.0, y=2.0)])
    assert [(loss["name"], loss["peer"]) for loss in found] == [("a", "y")]


def test_what_is_measured_no_more_is_lost() -> None:
    found = losses([row("a")], [row("a", x=1.0), row("b", y=2.0)])
    assert [(loss["name"], loss["peer"], loss["now"]) for loss in found] == [
        ("a", "x", None),
        ("b", "y", None),
    ]


def test_what_is_new_is_no_loss() -> None:
    assert losses([row("a", x=1.0), row("b", y=0.1)], [row("a")]) == []
    assert losses([row("a", x=1.0)], []) == []


def test_figures_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    assert read_figures(path) == []
    write_figures([row("a", x=1.0)], path)
    assert read_figures(path) == [row("a", x=1.0)]
    assert set(json.loads(path.read_text())["machine"]) == {"processors", "architecture", "python"}


def test_committed_figures_are_of_benchmarks_that_exist() -> None:
    assert MODULES
    for committed in read_figures(FIGURES):
        assert committed["ratio"], f"{committed['name']} has nothing that could be compared"


def test_the_reference_loop_does_the_same_work_always() -> None:
    assert reference_loop(2_000) == 2_932_811
    assert reference_rate() > 0
