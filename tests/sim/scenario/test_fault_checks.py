"""Faults that are wrong are refused with their place, and with what is allowed."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.load import LoadedScenario

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
LOSS = {"kind": "message_loss", "venue": "A", "leg": "report"}
GAP = {"kind": "feed_gap", "venue": "A"}


@pytest.fixture
def problems(market: Make, lit: Make, load_data: Load) -> Callable[..., list[Problem]]:
    """What is wrong with a scenario with these faults."""

    def find(*faults: Data, venues: tuple[Data, ...] = ()) -> list[Problem]:
        data = market([lit("A", [["100.00", 10]]), *venues], faults=list(faults))
        with pytest.raises(ScenarioError) as caught:
            load_data(data)
        return caught.value.problems

    return find


@pytest.mark.parametrize(
    ("fault", "path", "said"),
    [
        ({**LOSS, "kind": "mesage_loss", "at": "1s"}, "faults[0].kind", "message_loss"),
        (LOSS, "faults[0]", "must have one of at, on, rate, share, found none"),
        ({**LOSS, "at": "1s", "rate": 2.0}, "faults[0]", "found at and rate"),
        ({**LOSS, "at": "1s", "share": 0.5}, "faults[0]", "found at and share"),
        ({**LOSS, "share": 0.5, "count": 3}, "faults[0]", "found share and count"),
        ({**LOSS, "at": "1s", "count": 3, "lasts": "1s"}, "faults[0]", "found count and lasts"),
        ({**LOSS, "at": "1s", "venue": "B"}, "faults[0].venue", "no venue has the id B"),
        ({**LOSS, "at": "1s", "messages": "new"}, "faults[0]", "messages on leg report must be"),
        (
            {**LOSS, "at": "1s", "messages": "new"},
            "faults[0]",
            "cancel_reject, order_status, was new",
        ),
        ({**LOSS, "at": "1s", "start": "1ms"}, "faults[0]", "start and stop belong"),
        (
            {**LOSS, "rate": 1.0, "start": "2s", "stop": "1s"},
            "faults[0]",
            "stop must be later than start",
        ),
        ({**LOSS, "at": "10s"}, "faults[0].at", "before the end of the run (10s), was 10s"),
        ({**LOSS, "share": 0.1, "start": "11s"}, "faults[0].start", "was 11s"),
        ({**LOSS, "on": {"record": "run_started"}}, "faults[0].on.record", "must be a kind of"),
        ({**LOSS, "on": {"record": "fil"}}, "faults[0].on.record", "must be a kind of audit"),
        (
            {**LOSS, "on": {"record": "fill", "venue": "X"}},
            "faults[0].on.venue",
            "no venue has the id X",
        ),
        (
            {**LOSS, "on": {"record": "decision", "venue": "A"}},
            "faults[0].on",
            "a decision record is about no venue",
        ),
        ({**LOSS, "share": 1.5}, "faults[0].share", "1.5"),
        ({**LOSS, "rate": 0}, "faults[0].rate", "0"),
        ({**GAP, "at": "1s", "messages": "new"}, "faults[0].messages", "new"),
        (
            {"kind": "latency_burst", "venue": "A", "leg": "feed", "by": "1ms", "at": "1s"},
            "faults[0]",
            "must say how long it lasts",
        ),
        (
            {"kind": "clock_fault", "venue": "A", "leg": "feed", "clock": "still", "by": "1s"}
            | {"at": "1s"},
            "faults[0]",
            "what stands still has no distance",
        ),
        ({"kind": "wrong_cum_qty", "venue": "A", "lots": 0, "at": "1s"}, "faults[0].lots", "0"),
        (
            {"kind": "mad_quote", "venue": "A", "price_times": 1, "at": "1s"},
            "faults[0]",
            "nothing would be wrong",
        ),
    ],
)
def test_a_wrong_fault_is_refused_at_its_place(
    fault: Data, path: str, said: str, problems: Callable[..., list[Problem]]
) -> None:
    (problem,) = problems(fault)
    assert problem.path == path
    assert said in problem.message
    assert problem.line > 0


def test_a_name_stands_for_one_fault(problems: Callable[..., list[Problem]]) -> None:
    gap = {**GAP, "at": "1s"}
    (problem,) = problems(gap, {**gap, "id": "fault0"})
    assert problem.path == "faults[fault0].id"
    assert "fault0 is the name of faults[0] already" in problem.message


def test_a_fault_of_quotes_needs_a_venue_that_shows_some(
    lit: Make, problems: Callable[..., list[Problem]]
) -> None:
    silent = lit("D") | {"kind": "dark"}
    del silent["book"]
    (problem,) = problems({"kind": "crossed_quote", "venue": "D", "at": "1s"}, venues=(silent,))
    assert problem.path == "faults[0].venue"
    assert "D is a dark venue that never shows a quote" in problem.message


def test_the_resolved_scenario_loads_again(market: Make, lit: Make, load_data: Load) -> None:
    """Every default is written there: none of them may be taken for a second trigger."""
    faults = [
        {**LOSS, "share": 0.5, "id": "a"},
        {**LOSS, "at": "1s", "count": 2, "id": "b"},
        {**GAP, "rate": 1.0, "lasts": "10ms", "id": "c"},
    ]
    loaded = load_data(market([lit("A", [["100.00", 10]])], faults=faults))
    assert load_data(loaded.resolved()).scenario == loaded.scenario


def test_S04_faults_that_double_each_others_messages_are_few(
    problems: Callable[..., list[Problem]], market: Make, lit: Make, load_data: Load
) -> None:
    """A message that passes n of them arrives 2^n times: a bomb of a few lines."""
    twice = {"kind": "message_duplication", "venue": "A", "leg": "report", "share": 1.0}
    kinds = ("duplicate_exec_id", "duplicate_fill", "fill_after_cancel", "orphan_fill")
    fills = [{"kind": kind, "venue": "A", "at": "1ms"} for kind in kinds]
    most = [twice] * 4 + fills
    (found,) = problems(*most, twice)
    assert found.path == "faults[8].kind"
    assert found.message == "only 8 faults may double messages of one leg"
    other = {**twice, "leg": "feed"}
    load_data(market([lit("A", [["100.00", 10]])], faults=[*most, other]))
