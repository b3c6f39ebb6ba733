"""Parents with a schedule over the real loop: slices, market volume, limits, ends, and chance."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.allocate import STRATEGIES
from router.schedule import SCHEDULES
from sim.audit.records import (
    CancelSent,
    ChildSent,
    Decision,
    Fill,
    ParentDone,
    ScheduleStep,
    TradePrint,
)
from sim.audit.state import LogState
from sim.protocol.enums import DecisionReason, EndReason, Outcome, TimeInForce
from sim.protocol.errors import AuditFormatError, ScenarioError
from sim.report.explain import explain
from sim.scenario.load import LoadedScenario, load_scenario
from sim.scenario.shipped import shipped_folder
from sim.world import run_world

Data = dict[str, Any]
Make = Callable[..., Data]
MS = 1_000_000
TWAP = {"kind": "twap", "horizon": "600ms", "slices": 6}
FLOW = {"kind": "poisson", "rate": 400, "centre": "100.00", "levels": 3, "lots": 9, "take": 0.5}


@pytest.fixture
def scheduled(market: Make, lit: Make) -> Make:
    """``scheduled(schedule, qty=60)``: one parent at a venue that offers more than enough."""

    def make(schedule: Data, *, asks: Any = (("100.00", 9_000),), **more: Any) -> Data:
        data = market([lit("A", asks, ms=1)], **{"qty": 60, "at": "10ms", "duration": "2s", **more})
        data["parents"][0]["schedule"] = schedule
        return data

    return make


def sent(ran: Any) -> list[tuple[int, int]]:
    """When children left, in ms, and of how many lots."""
    return [(record.t_ns // MS, record.order_qty) for record in ran.of(ChildSent)]


def released(ran: Any) -> list[int]:
    return [step.released_qty for step in ran.of(ScheduleStep)]


def test_each_slice_is_sent_at_its_time(scheduled: Make, run_data: Any) -> None:
    ran = run_data(scheduled(TWAP))
    assert sent(ran) == [(10 + 100 * n, 10) for n in range(6)]
    reasons = [record.reason for record in ran.of(Decision)]
    assert reasons == [DecisionReason.INITIAL] + [DecisionReason.SCHEDULE] * 5
    steps = ran.of(ScheduleStep)
    assert [(step.slice, step.released_qty, step.filled_qty) for step in steps] == [
        (n + 1, 10 * (n + 1), 10 * n) for n in range(6)
    ]
    assert all(step.t_ns == step.due_ns and step.slices == 6 for step in steps)
    assert (ran.result.outcome, ran.parent["filled_qty"]) == (Outcome.COMPLETE, 60)
    assert ran.parent["end_reason"] == "filled"


def test_the_routers_schedule_is_for_parents_without_one(scheduled: Make, run_data: Any) -> None:
    data = scheduled(
        {"kind": "immediate"}, router={"strategy": {"kind": "greedy"}, "schedule": TWAP}
    )
    data["parents"].append({"id": "Q", "side": "buy", "qty": 12, "at": "10ms"})
    ran = run_data(data)
    assert [r.order_qty for r in ran.of(ChildSent) if r.parent_id == "P"] == [60]
    assert [r.order_qty for r in ran.of(ChildSent) if r.parent_id == "Q"] == [2] * 6


def test_a_deadline_inside_the_horizon_ends_the_parent(scheduled: Make, run_data: Any) -> None:
    ran = run_data(scheduled(TWAP, deadline="250ms"))
    (done,) = ran.of(ParentDone)
    assert (done.t_ns, done.end_reason) == (250 * MS, EndReason.DEADLINE)
    assert (done.filled_qty, done.canceled_qty) == (30, 30)
    assert released(ran) == [10, 20, 30]


def test_without_a_horizon_the_slices_reach_to_the_deadline(scheduled: Make, run_data: Any) -> None:
    ran = run_data(scheduled({"kind": "twap", "slices": 3}, deadline="310ms"))
    assert sent(ran) == [(10, 20), (110, 20), (210, 20)]


def test_slices_keep_to_the_parents_limit_and_wait_for_it(scheduled: Make, run_data: Any) -> None:
    """What nobody offers within the limit is carried on, and the end of the horizon cancels it."""
    asks = [["100.00", 25], ["100.01", 9_000]]
    ran = run_data(scheduled({**TWAP, "at_end": "cancel"}, asks=asks, limit="100.00"))
    assert sent(ran) == [(10, 10), (110, 10), (210, 5)]
    assert released(ran) == [10, 20, 30, 40, 50, 60, 60]
    (done,) = ran.of(ParentDone)
    assert (done.t_ns, done.end_reason) == (610 * MS, EndReason.HORIZON)
    assert (done.filled_qty, done.canceled_qty) == (25, 35)
    assert ran.of(ScheduleStep)[-1].at_end == "cancel"


@pytest.mark.parametrize(
    ("catch_up", "lots"),
    [("carry", [10, 20, 30, 40, 50, 60]), ("spread", [10, 12, 15, 20, 30, 60]), ("end", [10] * 6)],
)
def test_what_slices_did_not_fill_is_caught_up_by_rule(
    scheduled: Make, run_data: Any, catch_up: str, lots: list[int]
) -> None:
    schedule = {**TWAP, "catch_up": catch_up, "at_end": "cancel"}
    ran = run_data(scheduled(schedule, asks=[["100.01", 9_000]], limit="100.00"))
    assert released(ran)[:6] == lots
    assert not ran.of(ChildSent)
    assert ran.parent["end_reason"] == "horizon"


def test_a_cap_holds_lots_back_until_earlier_ones_fill(scheduled: Make, run_data: Any) -> None:
    schedule = {**TWAP, "max_slice": 4, "at_end": "wait"}
    ran = run_data(scheduled(schedule))
    assert {lots for _, lots in sent(ran)} == {4}
    assert sent(ran)[-1] == (10 + 100 * 14, 4)
    assert ran.parent["filled_qty"] == 60
    ran = run_data(scheduled({**schedule, "at_end": "take"}))
    assert sent(ran)[-1] == (610, 36)


def test_a_quiet_schedule_has_no_more_out_than_may_show(scheduled: Make, run_data: Any) -> None:
    """1 - exp(-0.1 x 6) is below 0.46, with 7 lots it is above."""
    data = scheduled({**TWAP, "quiet": True, "at_end": "wait"})
    data["router"]["leakage"] = {"alpha": "0.1", "max_detect": "0.46"}
    ran = run_data(data)
    assert {lots for _, lots in sent(ran)} == {6}
    assert ran.parent["filled_qty"] == 60


def test_as_the_horizon_ends_what_rests_is_taken(scheduled: Make, run_data: Any) -> None:
    data = scheduled(
        {**TWAP, "slices": 2},
        asks=[["100.05", 9_000]],
        limit="100.10",
        router={"strategy": {"kind": "greedy"}, "rest": {"price": "touch", "first": True}},
    )
    data["venues"][0]["book"]["bids"] = [["99.90", 5]]
    ran = run_data(data)
    posted = [r for r in ran.of(ChildSent) if r.time_in_force is TimeInForce.DAY]
    assert [(r.t_ns // MS, r.order_qty) for r in posted] == [(10, 30), (310, 30)]
    assert [r.reason for r in ran.of(CancelSent)] == ["schedule"] * 2
    taken = [r for r in ran.of(ChildSent) if r.time_in_force is TimeInForce.IOC]
    assert sum(r.order_qty for r in taken) == 60
    assert all(r.t_ns >= 610 * MS for r in taken)
    assert ran.parent["filled_qty"] == 60


# Volume


def others_volume(ran: Any, start_ns: int, end_ns: int) -> int:
    prints = sum(r.qty for r in ran.of(TradePrint) if start_ns <= r.t_ns <= end_ns)
    return int(
        prints - sum(r.last_qty for r in ran.of(Fill) if start_ns <= r.processed_ns <= end_ns)
    )


def test_pov_takes_its_share_of_what_others_trade_and_not_of_its_own(
    scheduled: Make, run_data: Any
) -> None:
    schedule = {"kind": "pov", "rate": "0.2", "horizon": "1500ms", "slices": 60, "at_end": "cancel"}
    data = scheduled(schedule, qty=5_000, duration="3s")
    data["venues"][0]["flow"] = [FLOW]
    ran = run_data(data)
    last = [step for step in ran.of(ScheduleStep) if step.at_end is None][-1]
    volume = others_volume(ran, 10 * MS, last.t_ns - MS)  # as far as heard by then
    assert volume > 500
    assert abs(last.released_qty - volume / 4) <= 10
    assert ran.parent["end_reason"] == "horizon"


def test_vwap_by_display_needs_no_profile(scheduled: Make, run_data: Any) -> None:
    data = scheduled({"kind": "vwap", "horizon": "1s", "slices": 8}, qty=100)
    data["venues"][0]["flow"] = [FLOW]
    ran = run_data(data)
    assert ran.parent["filled_qty"] == 100
    assert released(ran)[7] == 100


# Chance

JITTER = {"jitter": {"time": 0.5, "size": 0.5}}


def test_slices_at_random_share_their_chance_with_other_runs(
    scheduled: Make, run_data: Any
) -> None:
    def late(data: Data, *sets: str) -> list[int]:
        return [step.t_ns - step.due_ns for step in run_data(data, *sets).of(ScheduleStep)][:6]

    data = scheduled({**TWAP, **JITTER}, qty=600)
    usual = run_data(data)
    lots = [
        after - before
        for before, after in zip([0, *released(usual)], released(usual), strict=False)
    ]
    assert sum(lots) == 600
    assert len(set(lots[:6])) == 6
    assert late(data) == late(data, "router.strategy.kind=top_of_book", "parents[P].qty=900")
    assert late(data) != late(data, "seed=2")
    data["venues"][0]["flow"] = [FLOW]
    assert late(data) == [step.t_ns - step.due_ns for step in usual.of(ScheduleStep)][:6]


def test_an_interrupt_between_slices_ends_the_parent(
    scheduled: Make, load_data: Callable[..., LoadedScenario], read_records: Any
) -> None:
    loaded = load_data(scheduled(TWAP, duration="10s"))
    pid = os.getpid()

    def interrupt(now_ns: int, end_ns: int) -> None:
        if now_ns == 250 * MS:
            os.kill(pid, 2)

    result = run_world(loaded, on_progress=interrupt)
    records = read_records(result.log)
    (done,) = [record for record in records if isinstance(record, ParentDone)]
    assert (done.end_reason, done.filled_qty, done.canceled_qty) == (EndReason.ABORTED, 30, 30)


def test_a_decision_is_told_with_the_slice_that_it_works(
    scheduled: Make, load_data: Callable[..., LoadedScenario], tmp_path: Path
) -> None:
    data = scheduled({**TWAP, "jitter": {"time": 0.5}})
    run_world(load_data(data), folder=tmp_path)
    (_, says) = explain(tmp_path, "P.A.2")["sections"][0].values()
    assert says[0].startswith("At 153.182 ms the router decided for P (buy 60), because its")
    assert says[1] == (
        "By its schedule twap, slice 2 of 6: 20 released where 20 were planned, 10 filled, "
        "43.2 ms later than planned."
    )


def test_a_step_that_takes_lots_back_contradicts_the_log(scheduled: Make, run_data: Any) -> None:
    ran = run_data(scheduled(TWAP))
    state = LogState()
    state.take(ran.records)
    step = state.parents["P"].step
    assert step is not None
    assert (step.slice, step.released_qty) == (6, 60)
    for lots in (59, 61):
        with pytest.raises(AuditFormatError, match="released_qty must be >= 60"):
            state.take([msgspec.structs.replace(step, t_ns=state.t_ns, released_qty=lots)])


@pytest.mark.slow
def test_the_shipped_parents_work_side_by_side(read_records: Any) -> None:
    """Each fills, each in its own time, and none shares its slices with another."""
    loaded = load_scenario(shipped_folder() / "scheduled.yaml")
    result = run_world(loaded)
    assert (result.outcome, result.exit_code) == (Outcome.COMPLETE, 0)
    steps: dict[str, list[int]] = {}
    for record in read_records(result.log):
        if isinstance(record, ScheduleStep) and record.at_end is None:
            steps.setdefault(record.parent_id, []).append(record.released_qty)
    assert steps.pop("AT_ONCE") == [200_000]
    assert {name: lots[-1] for name, lots in steps.items()} == dict.fromkeys(steps, 200_000)
    assert len({tuple(lots) for lots in steps.values()}) == len(steps) == 6
    assert all(lots == sorted(lots) for lots in steps.values())


# Any schedule with any allocation

KEYS: dict[str, Data] = {
    "pov": {"rate": "0.3"},
    "almgren_chriss": {"sigma": 0.02, "eta": 1e-5, "risk_aversion": 0.1, "time_unit": "100ms"},
    "obizhaeva_wang": {"resilience": 5.0},
}
STRATEGY_KEYS: dict[str, Data] = {
    "single_venue": {"venue": "A"},
    "trial_static": {"step": 1},
    "cont_kukanov": {
        "horizon": "50ms",
        "outflow": {"law": "poisson", "mean": 20},
        "lambda_under": "0.05",
        "lambda_over": "0.05",
    },
}


def names(table: Any) -> list[str]:
    return [name for kind in table for name in kind.model_fields["kind"].annotation.__args__]


@pytest.mark.parametrize("schedule", names(SCHEDULES))
@pytest.mark.parametrize("strategy", names(STRATEGIES))
def test_any_schedule_combines_with_any_allocation(
    market: Make, lit: Make, run_data: Any, schedule: str, strategy: str
) -> None:
    flow = [{**FLOW, "lots": 400}]  # some strategies want all of a slice at the best levels
    venues = [lit("A", ms=1, flow=flow), lit("B", ms=2, flow=flow)]
    data = market(venues, qty=80, at="50ms", deadline="900ms", duration="1s")
    common = {} if schedule == "immediate" else {"horizon": "500ms", "slices": 5}
    data["parents"][0]["schedule"] = {"kind": schedule, **common, **KEYS.get(schedule, {})}
    data["router"]["strategy"] = {"kind": strategy, **STRATEGY_KEYS.get(strategy, {})}
    ran = run_data(data)
    assert ran.result.outcome is Outcome.COMPLETE
    lots = released(ran)
    assert lots == sorted(lots)
    assert lots[-1] <= 80
    assert all(step.filled_qty <= step.released_qty for step in ran.of(ScheduleStep))
    assert ran.of(ChildSent)
    assert 0 < ran.parent["filled_qty"] <= 80


# Bad input


@pytest.mark.parametrize(
    ("schedule", "more", "words"),
    [
        ({"kind": "twap"}, {}, "its schedule needs a horizon, or the parent a deadline"),
        ({**TWAP, "max_slice": "1.5"}, {}, "max_slice"),
        ({**TWAP, "quiet": True}, {}, "needs router.leakage.max_detect"),
        ({**TWAP, "horizon": "5us"}, {}, "6 slices over 5us would follow each other"),
        (
            {"kind": "almgren_chriss", "sigma": 1.0, "eta": 0.1, "gamma": 1.0, "z": 2.0},
            {"deadline": "9s", "duration": "10s"},
            "eta must be > gamma",
        ),
    ],
)
def test_schedules_that_cannot_be_are_refused_with_their_place(
    scheduled: Make, load_data: Any, schedule: Data, more: Data, words: str
) -> None:
    with pytest.raises(ScenarioError, match=words):
        load_data(scheduled(schedule, **more))


def test_the_routers_schedule_is_checked_for_each_parent_that_has_it(
    scheduled: Make, load_data: Any
) -> None:
    data = scheduled({"kind": "immediate"}, router={"strategy": {"kind": "greedy"}})
    data["router"]["schedule"] = {"kind": "twap"}
    load_data(data)
    data["parents"].append({"id": "Q", "side": "buy", "qty": 12})
    with pytest.raises(ScenarioError, match=r"parents\[Q\]: its schedule needs a horizon"):
        load_data(data)
