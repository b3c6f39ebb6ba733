"""A router's state from its own records: after any prefix of a log it is what it was (row P06)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from router.core.events import Stamps
from router.core.router import RouterCore
from sim.audit.records import CancelSent, Decision, ParentReceived, Record, ReportIgnored
from sim.audit.state import LogState
from sim.kernel.loop import SimLoop
from sim.kernel.streams import Streams
from sim.protocol.enums import ExecType, OrdStatus
from sim.protocol.orders import ExecutionReport
from sim.protocol.session import FromVenue, SessionStatus
from sim.protocol.units import QtyLots, TimeNs
from sim.scenario.load import LoadedScenario, load_scenario
from sim.wiring import Wiring
from sim.world import run_world

SCENARIOS = (
    "fragmented",
    "partial_fill",
    "two_parents",
    "placement",
    "rejects_and_timeouts",
    "controls",
    "halt",
    "scheduled",
    "venue_kinds",
    "leakage_sliced",
)


def fresh(loaded: LoadedScenario) -> tuple[RouterCore, Callable[[str], Any]]:
    """A router on which nothing has happened, and the schedules of its parents."""
    loop = SimLoop()
    wiring = Wiring(
        loaded,
        Streams(loaded.scenario.seed),
        loop,
        clock=loop,
        emit=lambda record: None,
        on_error=lambda *args: None,
    )
    loop.close()
    schedules = wiring.schedules()
    return wiring.router.core, schedules.get


def check(core: RouterCore, records: Sequence[Record]) -> None:
    """The restored router says what the log says."""
    said = LogState()
    said.take(records)
    assert list(core.parents) == list(said.parents)
    for name, parent in core.parents.items():
        told = said.parents[name]
        assert parent.filled_qty == told.filled_qty
        assert parent.end_reason is told.end_reason
        if parent.end_reason is None:
            assert parent.reserved_qty == told.working_qty
            if told.step is not None:
                assert parent.released_qty == told.step.released_qty
        assert {
            child.cl_ord_id: (child.cum_qty, child.leaves_qty, child.price)
            for child in core.children.values()
            if child.parent is parent
        } == {
            child.cl_ord_id: (
                child.cum_qty,
                child.leaves_qty if child.is_open else 0,
                child.price,
            )
            for child in told.children
        }


@pytest.mark.parametrize(
    "name",
    [*SCENARIOS[:3], *[pytest.param(name, marks=pytest.mark.slow) for name in SCENARIOS[3:]]],
)
def test_P06_after_any_prefix_of_a_log_the_router_is_what_the_log_says(
    name: str, read_records: Callable[[bytes], tuple[Record, ...]]
) -> None:
    loaded = load_scenario(name)
    result = run_world(loaded)
    assert result.log is not None
    records = read_records(result.log)
    first = next(n for n, record in enumerate(records) if isinstance(record, ParentReceived))
    step = max(1, (len(records) - first) // 12)
    for cut in range(first, len(records) - 1, step):
        core, schedules = fresh(loaded)
        core.restore(records[:cut], schedules, records[cut - 1].t_ns)
        check(core, records[:cut])
        made = [r.decision_id for r in records[:cut] if isinstance(r, Decision)]
        assert core._desk._decider.next_id() == max(made, default=0) + 1


def test_P06_F22_no_cancel_leaves_for_a_child_whose_parent_had_ended_before_the_crash(
    read_records: Callable[[bytes], tuple[Record, ...]],
) -> None:
    fault = "{kind: message_loss, venue: NYSE, leg: report, at: 0s, lasts: 1s}"
    loaded = load_scenario("fragmented", sets=["router.ack_timeout=20ms", f"faults=[{fault}]"])
    result = run_world(loaded)
    assert result.log is not None
    records = read_records(result.log)
    canceled = next(
        r.orig_cl_ord_id for r in records if isinstance(r, CancelSent) and r.venue_id == "NYSE"
    )
    core, schedules = fresh(loaded)
    end_ns = records[-2].t_ns
    core.restore(records[:-1], schedules, end_ns)
    child = core.children[canceled]
    assert child.leaves_qty
    assert child.parent.end_reason is not None
    core.on_session(SessionStatus("NYSE", 1, is_up=True), end_ns)
    late = ExecutionReport(
        ExecType.NEW,
        OrdStatus.NEW,
        canceled,
        "SOR",
        1,
        1,
        child.side,
        QtyLots(child.order_qty),
        QtyLots(0),
        QtyLots(child.order_qty),
        TimeNs(end_ns),
        1,
    )
    (told,) = core.on_numbered(FromVenue("NYSE", late, 1, 1), Stamps(end_ns, 0, 0), end_ns)
    assert isinstance(told, ReportIgnored)
    assert told.reason == "parent_done"
