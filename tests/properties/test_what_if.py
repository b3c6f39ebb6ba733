"""On any world: no change, no difference; one change, causes that end in it, costs that add up."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.report.tca.costs import PARTS
from sim.scenario.load import load_scenario
from sim.study.compare_runs import RunChange
from sim.study.diff import diff
from sim.study.whatif import whatif
from sim.world import run_world

Data = dict[str, Any]
CHANGES = (
    "seed=77",
    "venues[0].latency.order={model: fixed, delay: 9ms}",
    "venues[B].latency.report={model: fixed, delay: 11ms}",
    "venues[1].latency.feed={model: fixed, delay: 3ms}",
    "venues[A].fees={taker: '0.0077', unit: per_share}",
    "router.strategy={kind: top_of_book}",
    "router.reroute.levels=top",
    "router.max_attempts=2",
    "audit.market_data=touch",
    "parents[P0].qty=33",
)


@pytest.mark.parametrize("examples", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_a_what_if_of_any_world(
    any_world: st.SearchStrategy[Data], tmp_path_factory: pytest.TempPathFactory, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(any_world, st.sampled_from(CHANGES))
    def check(world: Data, change: str) -> None:
        check_world(world, change, tmp_path_factory.mktemp("world"))

    check()


def check_world(world: Data, change: str, home: Path) -> None:
    (home / "s.yaml").write_bytes(msgspec.json.encode(world["scenario"]))
    for name, text in world["recordings"].items():
        (home / name).write_text(text)
    folders = [home / "old", home / "new"]
    for folder, sets in zip(folders, ([], [change]), strict=True):
        folder.mkdir()
        run_world(load_scenario(home / "s.yaml", sets=sets), folder=folder)
    nothing = whatif(folders[0], data=[home])
    assert (nothing.differences, nothing.first, nothing.notes) == (0, None, [])
    check_costs(nothing)
    found, told = whatif(folders[0], [change], data=[home]), diff(*folders)
    check_costs(found)
    assert found.differences == told.differences
    assert found.outcome == told.outcome
    assert found.settings == told.settings
    assert (found.first is None) == (found.differences == 0)
    if found.first is not None:
        assert found.causes == found.first.chain.steps
        named = found.first.chain.settings
        assert named
        assert all(found.causes[-n - 1] == f"setting {one}" for n, one in enumerate(named[::-1]))
        assert set(named) <= set(map(str, found.settings))


def check_costs(found: RunChange) -> None:
    for one in [found.cost_bps, *(row.cost_bps for row in found.parents)]:
        money = {name: None if text is None else Decimal(text) for name, text in one.money.items()}
        parts = [money[name] for name in PARTS]
        if one.total is None:
            assert one.why_not_available
            assert set(one.parts.values()) == {None}
        elif None in parts:
            assert one.why_not_available
        else:
            assert sum(part for part in parts if part is not None) == money["total"]
            assert one.why_not_available is None
    total = found.cost_bps.money["total"]
    rows = [row for row in found.parents if row.parent_id not in found.left_out]
    if total is not None:
        assert sum(Decimal(row.cost_bps.money["total"] or "x") for row in rows) == Decimal(total)
