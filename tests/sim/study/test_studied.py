"""Results of studies, read for a report of one of the scenario's runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from sim.study.studied import BYTES_MAX, StudyError, read_studied

SPREAD = {
    "n": 12, "mean": "-0.5", "sd": "1", "low": "-3.6", "high": "2.6", "min": "-12", "p05": "-9",
    "p25": "-2", "p50": "0.4", "p75": "2.2", "p95": "4.8", "max": "5.3",
}  # fmt: skip
SWEEP: dict[str, Any] = {
    "schema": "sorsim-sweep/1",
    "scenario": "fragmented",
    "confidence": 0.95,
    "points": [
        {"name": "kind=greedy", "cost_bps": SPREAD, "more": 1},
        {"name": "kind=own", "cost_bps": None},
    ],
    "notes": ["no winner"],
}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_a_sweep_gives_costs_with_their_spread_and_a_section(tmp_path: Path) -> None:
    write(tmp_path / "sweep.json", SWEEP)
    found = read_studied(tmp_path, "fragmented")
    (cost,) = found.costs
    assert (cost.name, cost.runs, cost.mean, cost.low, cost.high) == (
        "kind=greedy", 12, -0.5, -3.6, 2.6,
    )  # fmt: skip
    assert cost.quantiles == (-9.0, -2.0, 0.4, 2.2, 4.8)
    assert (cost.least, cost.most) == (-12.0, 5.3)
    assert found.section["title"] == "Sweep"
    assert found.section["text"][-1] == "no winner"
    rows = found.section["tables"][0]["rows"]
    assert [row["mean_bps"] for row in rows] == ["-0.5", None]


def test_one_seed_has_a_mean_alone(tmp_path: Path) -> None:
    one = {**SWEEP, "points": [{"name": "a", "cost_bps": {"n": 1, "mean": "2"}}]}
    (cost,) = read_studied(write(tmp_path / "s.json", one), "fragmented").costs
    assert (cost.low, cost.high, cost.quantiles) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({**SWEEP, "schema": "sorsim-sweep/2"}, "has schema 'sorsim-sweep/2'; allowed: sorsim-s"),
        ({**SWEEP, "points": 3}, "is no result of a study"),
        ({**SWEEP, "points": [{"name": "a", "cost_bps": {"n": 2, "mean": "x"}}]}, "is no result"),
        ([], "is no result of a study"),
        ({**SWEEP, "scenario": "halt"}, "is a study of 'halt', and the run is of 'fragmented'"),
    ],
)
def test_what_is_no_study_of_the_scenario_is_refused(
    tmp_path: Path, content: Any, said: str
) -> None:
    with pytest.raises(StudyError, match=r"s\.json: ") as caught:
        read_studied(write(tmp_path / "s.json", content), "fragmented")
    assert said in str(caught.value)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds neither sweep\.json"):
        read_studied(tmp_path, "fragmented")
    with pytest.raises(StudyError, match="cannot be read"):
        read_studied(tmp_path / "nowhere", "fragmented")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(BYTES_MAX + 1)
    with pytest.raises(StudyError, match="is larger than"):
        read_studied(tmp_path / "large", "fragmented")
