"""What studies return shows itself in a notebook."""

from pathlib import Path

import msgspec

import sim
from sim.study.sweep.run import Swept


def test_a_sweep_shows_its_points_and_notes() -> None:
    grid = {"router.strategy.kind": ["greedy", "top_of_book"]}
    swept = sim.sweep("fragmented", grid=grid, seeds=2, jobs=1)
    html = swept._repr_html_()
    assert "<b>fragmented: 2 points, 2 seeds</b>" in html
    assert "<td>kind=top_of_book</td><td>2 of 2 runs</td>" in html
    assert "<td>kind=greedy</td><td>0.399982</td>" in html
    assert "chance plays no part" in html
    evil = msgspec.structs.replace(swept.result, scenario="<script>")
    assert "<script>" not in Swept(evil, swept.runs)._repr_html_()


def test_a_what_if_shows_what_differs_and_the_cost(tmp_path: Path) -> None:
    sim.run("two_parents", out=tmp_path / "run")
    html = sim.whatif(tmp_path / "run", ["venues[NYSE].latency.order.delay=40ms"])._repr_html_()
    assert "<b>33 differences</b>" in html
    assert "venues[NYSE].latency.order.delay: 5ms -&gt; 40ms" in html
    assert "<td>spread</td><td>0.852984</td><td>1.058876</td><td>0.205893</td>" in html
    same = sim.whatif(tmp_path / "run")._repr_html_()
    assert "<b>0 differences</b>" in same
    assert "First difference" not in same
