"""The figure is drawn whatever a sweep lacks; warnings of the library are errors here."""

from pathlib import Path

import pytest

from sim.study.sweep.api import sweep
from sim.study.sweep.draw import draw
from sim.study.sweep.result import Sweep

ALONG = (
    "study.sweep={seeds: 1, along: {label: 'delay $x_1$ & <b>', values: [1ms, 5ms], "
    "scale: log, lines: [{name: A, paths: ['venues[NYSE].latency.order.delay']}]}}"
)


def png(found: Sweep, folder: Path) -> bytes:
    draw(found, folder / "x.png")
    drawn = (folder / "x.png").read_bytes()
    draw(found, folder / "again.png")
    assert drawn == (folder / "again.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3])
def test_points_with_and_without_intervals(tmp_path: Path, seeds: int) -> None:
    grid = {"router.strategy": ["{kind: greedy}", "{kind: single_venue, venue: NYSE}"]}
    for scenario in ("fragmented", "slow_venue"):
        used = (
            grid if scenario == "fragmented" else {"router.strategy.kind": ["greedy", "pro_rata"]}
        )
        png(sweep(scenario, grid=used, seeds=seeds, jobs=1).result, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("values", ["[1ms, 5ms]", "[5ms, 1ms]", '["0ns", 5ms]'])
def test_along_an_axis_without_mids_to_scale_or_not(tmp_path: Path, values: str) -> None:
    sets = (ALONG, f"study.sweep.along.values={values}")
    png(sweep("fragmented", sets=sets, jobs=1).result, tmp_path)


@pytest.mark.slow
def test_more_points_than_a_figure_holds(tmp_path: Path) -> None:
    grid = {"router.max_attempts": list(range(5, 40))}
    png(sweep("slow_venue", grid=grid, seeds=1, jobs=1).result, tmp_path)
