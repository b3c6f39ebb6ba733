"""What is made of a log in which things went wrong: reports hold, and their causes add up."""

from collections.abc import Callable
from typing import Any, Final, get_args

import pytest

from sim.faults import FAULTS
from sim.faults.base import MessageFault
from sim.report.attribution.attribute import Attribution, attribute
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import LoadedScenario
from sim.world import run_world

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
NAMES: Final = [
    str(get_args(kind.model_fields["kind"].annotation)[0])
    for kind in FAULTS
    if issubclass(kind, MessageFault)
]


def attribution_of(loaded: LoadedScenario) -> Attribution:
    """The causes of a run, whose sums are checked."""
    builder = TrailBuilder()
    run_world(loaded, watch=[builder])
    found = attribute(builder.trail())
    for child in found.children.values():
        assert sum(child.causes.values()) == child.short_qty, child.child.sent
        assert sum(child.worse.causes.values()) == child.worse.qty, child.child.sent
        assert min([*child.causes.values(), *child.worse.causes.values(), 1]) > 0
    for parent in found.parents.values():
        row = parent.row()
        assert row["short_shares"] == sum(row["causes"].values())
    return found


def test_causes_add_up_under_all_faults_at_once(fault: Make, busy: Make, load_data: Load) -> None:
    attribution_of(load_data(busy(*(fault(name, id=name, share=0.05) for name in NAMES))))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_causes_add_up_under_each_fault(
    name: str, fault: Make, busy: Make, load_data: Load
) -> None:
    attribution_of(load_data(busy(fault(name, share=0.3))))


def causes_of(found: Attribution, child: str) -> dict[str, int]:
    return {cause.value: qty for cause, qty in found.children[child].causes.items()}


@pytest.mark.parametrize(
    ("struck", "child", "causes"),
    [
        (
            {"kind": "message_loss", "leg": "order", "messages": "new", "at": "0s"},
            "P.A.1",
            {"fault": 60},
        ),
        ({"kind": "fill_outside_limit", "at": "0s"}, "P.A.1", {"fault": 60}),
        ({"kind": "venue_crash", "at": "1ms"}, "P.A.1", {"fault": 60}),
        ({"kind": "message_duplication", "leg": "report", "share": 1.0}, "P.A.1", {}),
    ],
)
def test_what_a_fault_has_struck_is_put_down_to_it(
    struck: Data, child: str, causes: Data, market: Make, lit: Make, load_data: Load
) -> None:
    venues = [lit("A", [["100.00", 60]]), lit("B", [["100.05", 500]])]
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "50ms"}
    data = market(venues, router=router, faults=[{"venue": "A", **struck}], duration="2s")
    assert causes_of(attribution_of(load_data(data)), child) == causes


def test_without_a_fault_the_same_end_has_its_usual_cause(
    market: Make, lit: Make, load_data: Load
) -> None:
    """The router's silence rule alone: the venue is slower than the router waits."""
    slow = {"order": "1ms", "report": "500ms", "feed": "1ms"}
    a = lit("A", [["99.00", 10]])
    a["latency"] = {leg: {"model": "fixed", "delay": delay} for leg, delay in slow.items()}
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "50ms"}
    found = attribution_of(load_data(market([a], router=router, qty=10, duration="200ms")))
    assert causes_of(found, "P.A.1") == {"not_answered": 10}
