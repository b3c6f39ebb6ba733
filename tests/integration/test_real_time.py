"""Real time decides as virtual time does where nothing races, and its lag has a bound."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from sim.audit.records import (
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ParentReceived,
    Record,
    RunFinished,
    RunStarted,
)
from sim.kernel.clock import LAG_NS_MAX, machine_ns
from sim.protocol.enums import Outcome
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import RunResult, run_world

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
Read = Callable[[bytes], tuple[Record, ...]]
MS = 1_000_000
DECIDED = (ParentReceived, Decision, ChildSent, Fill, ChildCanceled, ParentDone)
HOPS = 8
"""So many lags may add up from one event to the next that could race with it."""


@pytest.fixture
def apart(market: Make, lit: Make) -> Data:
    """Legs of 20 and 50 ms: what happens, at two venues and in two rounds, is 10 ms apart."""
    venues = [
        lit("A", [["100.00", 60], ["100.03", 50]], ms=20),
        lit("B", [["100.01", 20], ["100.02", 10]], ms=50),
    ]
    taker = {"at": "10ms", "id": "o", "side": "buy", "qty": 40}
    venues[0]["flow"] = [{"kind": "scripted", "orders": [taker]}]
    return market(venues, qty=100, deadline="400ms", duration="1s")


def decided(records: tuple[Record, ...]) -> list[Any]:
    """What was decided and what came of it, in order, without the times of it."""
    return [
        (type(record).__name__, timeless(msgspec.to_builtins(record)))
        for record in records
        if isinstance(record, DECIDED)
    ]


def timeless(value: Any) -> Any:
    match value:
        case dict():
            return {k: timeless(v) for k, v in value.items() if not k.endswith("_ns")}
        case list() | tuple():
            return [timeless(one) for one in value]
        case _:
            return value


def least_gap_ns(records: tuple[Record, ...]) -> int:
    """Between two instants at which something happened."""
    ends = (RunStarted, RunFinished)
    times = sorted({record.t_ns for record in records if not isinstance(record, ends)})
    return min(later - earlier for earlier, later in pairwise(times))


def check_equal(loaded: LoadedScenario, read: Read) -> None:
    """Slow real time down until nothing races on this machine; then decisions must be equal."""
    virtual = run_world(loaded)
    assert virtual.log is not None
    records = read(virtual.log)
    gap_ns = least_gap_ns(records)
    late = []
    for wall_ns in (20 * MS, 100 * MS, 500 * MS):
        wall = run_world(loaded, clock="wall", speed=min(1.0, gap_ns / wall_ns))
        assert wall.lag is not None
        late.append(wall.lag.max_ns)
        if wall.lag.max_ns * HOPS < wall_ns:
            assert wall.log is not None
            assert decided(read(wall.log)) == decided(records) != []
            assert wall.outcome is virtual.outcome
            return
    pytest.skip(f"this machine was too busy: events were late by up to {late} ns")


def test_decisions_are_those_of_virtual_time_where_nothing_races(
    apart: Data, load_data: Load, read_records: Read
) -> None:
    check_equal(load_data(apart), read_records)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fragmented", "slow_venue", "two_parents"])
def test_shipped_scenarios_decide_in_real_time_as_in_virtual_time(
    name: str, read_records: Read
) -> None:
    check_equal(load_scenario(name), read_records)


# ------------------------------------------------------------ the bound


def busy_for(wall_ns: int) -> Callable[[int, int], None]:
    """Take the machine's time at 50 ms of the run, once: what is due meanwhile is late."""
    left = [wall_ns]

    def compute(now_ns: int, end_ns: int) -> None:
        if now_ns >= 50 * MS and left:
            until_ns = machine_ns() + left.pop()
            while machine_ns() < until_ns:
                pass

    return compute


@pytest.fixture
def far(market: Make, lit: Make) -> Data:
    """Orders that are away for 100 ms each way."""
    parents = [{"id": f"P{n}", "side": "buy", "qty": 10, "at": f"{n * 90}ms"} for n in range(3)]
    return market([lit("A", [["100.00", 60]], ms=100)], duration="2s", parents=parents)


def test_I17_a_run_that_lags_too_far_behind_stops_in_good_order(
    far: Data, load_data: Load, read_records: Read
) -> None:
    """No further child, a cancel for what is open, and its answers: as at an interrupt."""
    result = run_world(
        load_data(far), clock="wall", lag_ns_max=60 * MS, on_progress=busy_for(120 * MS)
    )
    assert (result.outcome, result.exit_code) == (Outcome.ABORTED, 1)
    assert result.lag is not None
    assert (result.lag.limit_ns, result.lag.exceeded) == (60 * MS, True)
    assert result.lag.max_ns > 60 * MS
    assert result.log is not None
    records = read_records(result.log)
    assert isinstance(records[-1], RunFinished)
    assert records[-1].outcome is Outcome.ABORTED
    received = [one.parent_id for one in records if isinstance(one, ParentReceived)]
    assert received == [one.parent_id for one in records if isinstance(one, ParentDone)]
    assert "P2" not in received


def run_late(loaded: LoadedScenario, lag_ns_max: int | None) -> RunResult:
    return run_world(loaded, clock="wall", lag_ns_max=lag_ns_max, on_progress=busy_for(30 * MS))


def test_any_lag_is_allowed_if_so_asked(far: Data, load_data: Load) -> None:
    result = run_late(load_data(far), None)
    assert (result.outcome, result.exit_code) == (Outcome.COMPLETE, 0)
    assert result.lag is not None
    assert (result.lag.limit_ns, result.lag.exceeded) == (None, False)
    assert result.lag.max_ns >= 15 * MS


def test_a_bound_that_is_kept_changes_nothing(far: Data, load_data: Load) -> None:
    result = run_late(load_data(far), LAG_NS_MAX)
    assert (result.outcome, result.exit_code) == (Outcome.COMPLETE, 0)
    assert result.lag is not None
    assert (result.lag.limit_ns, result.lag.exceeded) == (LAG_NS_MAX, False)


def test_virtual_time_is_never_late(far: Data, load_data: Load) -> None:
    result = run_world(load_data(far), lag_ns_max=1, on_progress=busy_for(5 * MS))
    assert (result.outcome, result.lag) == (Outcome.COMPLETE, None)


@pytest.mark.parametrize("lag_ns_max", [0, -1])
def test_a_bound_that_is_none_is_refused(far: Data, load_data: Load, lag_ns_max: int) -> None:
    with pytest.raises(ValueError, match="bound on lag must be above 0 ns"):
        run_world(load_data(far), clock="wall", lag_ns_max=lag_ns_max)
