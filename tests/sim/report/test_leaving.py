"""The sending of children in words: departures, turns, protection, minimum quantities, drops."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.report.explain import explain
from sim.scenario.load import load_scenario
from sim.world import run_world

Run = Callable[..., Path]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def one(name: str, *sets: str) -> Path:
        run_world(load_scenario(name, sets=sets), folder=tmp_path)
        return tmp_path

    return one


def text(found: dict[str, Any]) -> str:
    lines = [line for one in found["sections"] for line in one["says"]]
    return "\n".join(lines)


FIRST = "parents=[{id: P1, side: buy, qty: 10000, at: 1s}]"
SHORT = "duration=2s"


def test_who_waits_for_whom_is_told(run: Run) -> None:
    folder = run("equalised", FIRST, SHORT)
    told = text(explain(folder, "D1"))
    assert "NEAR: 4,200 at 100.00; ranked first of 3; leaves 3 ms later, as its way" in told
    assert "FAR: 1,900 at 100.00; ranked third of 3; leaves at once, as its way" in told
    near = explain(folder, "P1.NEAR.1")
    assert near["facts"]["decision"]["decision_id"] == 1
    assert "so as to arrive together with what goes to FAR" in text(near)
    assert "It left at 1.003 s and met the book of NEAR" in text(near)


def test_whose_turn_comes_later_is_told(run: Run) -> None:
    folder = run("equalised", FIRST, SHORT, "router.sending.mode=sequential")
    told = text(explain(folder, "D1"))
    assert "The other 5,800 wait until that child has ended." in told
    assert "MIDWAY and FAR: each has its turn once the child before it has ended" in told
    assert "because the child before it had ended." in text(explain(folder, "D2"))


def test_lots_held_back_for_what_they_would_show_did_not_lack_a_venue(run: Run) -> None:
    leakage = "router.leakage={alpha: '0.0001', max_detect: '0.3'}"
    told = text(explain(run("equalised", FIRST, SHORT, leakage), "D1"))
    assert "would have shown too much, or nobody had them; they wait." in told
    assert "No venue had" not in told


def test_what_code_of_the_users_does_not_send_is_said_to_be_its_choice(tmp_path: Path) -> None:
    lines = [
        "from router.own import Send, WakeAt",
        "class Own:",
        "    def decide(self, view, state):",
        "        if state.orders or state.filled_qty:",
        "            return []",
        "        return [Send('NEAR', 5, state.limit_px), WakeAt(view.now_ns + 7_000_000)]",
    ]
    (tmp_path / "own.py").write_text("\n".join(lines))
    parent = 'parents=[{id: P1, side: buy, qty: 10000, at: 1s, limit: "100.10"}]'
    sets = ("plugins=['own.py:Own']", "router={strategy: {kind: own, plugin: Own}}", parent, SHORT)
    loaded = load_scenario("equalised", sets=sets, data=tmp_path, allow_code=True)
    run_world(loaded, folder=tmp_path)
    told = text(explain(tmp_path, "D1"))
    assert "Your own code sent nothing for the other 9,995." in told
    assert "It asked to be called again at 1.007 s." in told


def test_what_was_moved_for_a_better_quote_is_told(run: Run) -> None:
    sets = ("router.sending.protect=true", "router.strategy={kind: single_venue, venue: FAR}")
    folder = run("equalised", FIRST, SHORT, *sets)
    told = text(explain(folder, "D1"))
    moved = "3,900 were moved there at 100.00, from the worst of the split, so that its quote was"
    assert f"MIDWAY displays 3,900 at 100.00. {moved} not passed by." in told
    assert moved in text(explain(folder, "P1.MIDWAY.1"))


def test_a_minimum_quantity_is_told(run: Run) -> None:
    folder = run("equalised", FIRST, SHORT, "router.sending.min_qty={lit: 100}")
    assert "It asked for at least 100 in each execution." in text(explain(folder, "P1.FAR.1"))


def test_a_child_that_never_left_is_told(run: Run) -> None:
    halt = "venues[NEAR].trading={halts: [{at: 1001ms, until: 1500ms}]}"
    folder = run("equalised", FIRST, SHORT, halt)
    found = explain(folder, "D1")
    assert "P1.NEAR.1: 4,200 never left: halted" in text(found)
    assert found["facts"]["dropped"][0]["order_qty"] == 4200
