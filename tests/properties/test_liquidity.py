"""In any world the answer before trading is what the run then does."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.records import ChildSent, Decision
from sim.protocol.enums import Side
from sim.protocol.units import parse_duration
from sim.scenario.load import LoadedScenario
from sim.study.liquidity import liquidity

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("liquidity")


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.data())
def test_the_first_decision_of_a_run_is_what_liquidity_said(
    data: st.DataObject,
    any_world: st.SearchStrategy[Data],
    load_data: Callable[..., LoadedScenario],
    run_data: Callable[..., "Ran"],
    folder: Path,
) -> None:
    """One parent without a limit: the question knows of none."""
    world = data.draw(any_world)
    for name, text in world["recordings"].items():
        (folder / name).write_text(text, encoding="utf-8")
    parent = {key: world["scenario"]["parents"][0][key] for key in ("id", "side", "qty", "at")}
    scenario = world["scenario"] | {"parents": [parent]}
    loaded = load_data(scenario, beside=folder)
    side, at_ns = Side(parent["side"]), parse_duration(parent["at"])

    found = liquidity(loaded, side, int(parent["qty"]), at_ns)
    ran = run_data(scenario, beside=folder)

    first = ran.of(Decision)[0]
    assert first.t_ns == at_ns
    assert [one.venue_id for one in found.venues if one.rank] == list(first.ranking)
    assert {one.venue_id: one.refused for one in found.venues if one.refused} == {
        one.venue_id: one.reason for one in first.refused
    }
    wanted: dict[str, int] = {}
    for part in first.split:
        wanted[part.venue_id] = wanted.get(part.venue_id, 0) + part.qty
    assert [(one.venue_id, one.cost.qty) for one in found.split.parts] == list(wanted.items())
    # A child that waits to leave may be dropped as its venue halts.
    number = first.decision_id
    went = {one.venue_id: one.order_qty for one in ran.of(ChildSent) if one.decision_id == number}
    assert went.items() <= wanted.items()
    assert found.split.cost.qty + found.split.unplaced_qty == first.unreserved_qty
    assert found.total_available == sum(one.available_qty for one in found.venues)
    for venue in found.venues:
        assert venue.alone.qty <= min(venue.available_qty, first.unreserved_qty)
        assert [one.cum_qty for one in venue.levels[-1:]] in ([], [venue.available_qty])
    if found.best_single is not None:
        assert found.best_single.cost.qty == max(one.alone.qty for one in found.venues)
