"""I13 on any world: the log alone rebuilds what the run came to."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.state import LogState

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]


def test_I13_the_state_of_any_log_is_its_summary(
    any_world: st.SearchStrategy[Data], run_checked: Callable[[Data], "Ran"]
) -> None:
    @settings(max_examples=25)
    @given(any_world, st.data())
    def check(world: Data, data: st.DataObject) -> None:
        ran = run_checked(world)
        cut = data.draw(st.integers(0, len(ran.records)))
        state = LogState()
        state.take(ran.records[:cut])
        for parent in state.parents.values():
            open_qty = sum(child.leaves_qty for child in parent.children)
            assert parent.working_qty == open_qty
            assert parent.filled_qty == sum(child.cum_qty for child in parent.children)
            assert parent.free_qty >= 0
        state.take(ran.records[cut:])
        for row in ran.result.summary["parents"]:
            parent = state.parents[row["parent_id"]]
            assert row["filled_qty"] == parent.filled_qty
            assert row["canceled_qty"] == parent.canceled_qty
            assert row["leaves_qty"] == parent.leaves_qty
            assert Decimal(row["fees"]) == parent.fees
            assert row["children"] == len(parent.children)
            assert row["reallocations"] == parent.reallocations
        assert state.outcome is ran.result.outcome

    check()
