"""Of every shipped scenario: each lot that was not filled has one cause, and they add up."""

from pathlib import Path

import pytest

from sim.report.attribution.attribute import Attribution, ChildShort, attribute
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

SCENARIOS = Path(__file__).resolve().parents[4] / "scenarios"
TOLD = {
    "halt": {"halt": 20_000},
    "latency_cost": {"faded": 17_090},
    "partial_fill": {"untrue_indication": 5_000},
    "rejects_and_timeouts": {"taken_by_others": 15_000, "halt": 30_000, "rejected": 105_000},
    "stale_quotes": {"taken_by_others": 32_000},
    "venue_kinds": {"last_look": 5_000, "not_shown": 6_000},
}
"""Lots by cause, as the stories of these scenarios have them."""


def attribution_of(name: str) -> Attribution:
    builder = TrailBuilder()
    run_world(load_scenario(SCENARIOS / f"{name}.yaml"), watch=[builder])
    return attribute(builder.trail())


def check_sums(found: Attribution) -> None:
    for child in found.children.values():
        assert sum(child.causes.values()) == child.short_qty, child.child.sent
        assert sum(child.worse.causes.values()) == child.worse.qty, child.child.sent
        assert min([*child.causes.values(), *child.worse.causes.values(), 1]) > 0
        assert child.row()["causes"].keys() == {one.value for one in child.causes}
    for parent in found.parents.values():
        row = parent.row()
        assert row["short_shares"] == sum(row["causes"].values())
        mine = [one for one in found.children.values() if _parent_of(one) == parent.parent_id]
        asked = sum(one.child.requested_qty for one in mine)
        assert row["short_shares"] == asked - sum(one.child.filled_qty for one in mine)


def _parent_of(one: ChildShort) -> str:
    return one.child.sent.parent_id


@pytest.mark.parametrize("name", sorted(TOLD))
def test_causes_are_those_of_the_story(name: str) -> None:
    found = attribution_of(name)
    check_sums(found)
    total: dict[str, int] = {}
    for parent in found.parents.values():
        for cause, qty in parent.row()["causes"].items():
            total[cause] = total.get(cause, 0) + qty
    assert total == TOLD[name]


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_causes_of_every_shipped_scenario_add_up(path: Path) -> None:
    check_sums(attribution_of(path.stem))
