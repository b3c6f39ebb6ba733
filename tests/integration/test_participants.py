"""Participants in whole runs: what they know and when, whose orders are whose, and how runs end."""

import os
import signal
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    NbboChange,
    ParticipantEvent,
    Quote,
    TradePrint,
)
from sim.audit.state import LogState
from sim.audit.verify import verify
from sim.flow.participants.market_maker import MarketMakerCore
from sim.protocol.enums import Outcome, Side
from sim.protocol.units import Units
from sim.report.blotter import blotter
from sim.report.explain import explain
from sim.scenario.load import LoadedScenario
from sim.study.diff import diff
from sim.world import run_world

MS = 1_000_000
Load = Callable[..., LoadedScenario]


def leg(ms: float) -> dict[str, str]:
    return {"model": "fixed", "delay": f"{round(ms * 1000)}us"}


def legs(order: float, report: float, feed: float) -> dict[str, Any]:
    return {"order": leg(order), "report": leg(report), "feed": leg(feed)}


def scenario(**more: Any) -> dict[str, Any]:
    """Two venues, NEAR 1 ms and FAR 10 ms away, and a maker who alone shows the best price."""
    book = {"asks": [["100.05", 1000]], "bids": [["99.95", 1000]]}
    return {
        "schema_version": 1,
        "name": "s",
        "seed": 1,
        "duration": "1s",
        "instrument": {"symbol": "ACME", "tick_size": "0.01"},
        "venues": [
            {"id": "NEAR", "kind": "lit", "latency": legs(1, 1, 1), "book": book},
            {"id": "FAR", "kind": "lit", "latency": legs(10, 1, 1), "book": book},
        ],
        "router": {"strategy": {"kind": "greedy"}},
        "parents": [{"id": "P", "side": "buy", "qty": 200, "at": "100ms"}],
        "participants": [
            {
                "id": "MM",
                "kind": "market_maker",
                "latency": legs(1, 2, 2),
                "venues": [{"venue": "NEAR"}, {"venue": "FAR"}],
                "half_spread": "0.01",
                "qty": 100,
                "hold": "500ms",
            }
        ],
        **more,
    }


def test_phantom_liquidity_is_gone_when_the_further_child_arrives(run_data: Any) -> None:
    """Fill at 101 ms, told the maker at 103, its cancel at FAR at 104, our child there at 110."""
    ran = run_data(scenario())
    shown = [q for q in ran.of(Quote) if q.venue_id == "FAR" and q.t_ns <= 100 * MS]
    assert (shown[-1].ask_px, shown[-1].ask_qty) == (10001, 100)
    (faded,) = [one for one in ran.of(ParticipantEvent) if one.side is Side.SELL]
    assert (faded.t_ns, faded.event, faded.venue_id) == (103 * MS, "faded", "NEAR")
    gone = [q for q in ran.of(Quote) if q.venue_id == "FAR" and q.ask_px == 10005]
    assert gone[-1].t_ns == 104 * MS
    (late,) = [one for one in ran.of(BookAtArrival) if one.venue_id == "FAR"][:1]
    assert late.t_ns == 110 * MS
    assert late.levels == (), "nothing within its limit"
    assert ran.parent["filled_qty"] == 200


@pytest.mark.parametrize(("further", "found"), [("3ms", True), ("5ms", False)])
def test_who_is_quicker_than_the_maker_finds_all_of_it(
    run_data: Any, further: str, found: bool
) -> None:
    ran = run_data(scenario(), f"venues[FAR].latency.order.delay={further}")
    arrival = next(one for one in ran.of(BookAtArrival) if one.venue_id == "FAR")
    assert (arrival.levels == ((10001, 100),)) == found


def test_a_participant_sees_no_more_than_its_links_have_brought(
    run_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every book that reaches it is as old as the feed's delay, never younger."""
    heard: list[tuple[str, int]] = []
    plain = MarketMakerCore.on_market_data

    def spy(self: MarketMakerCore, venue_id: str, msg: Any, now_ns: int) -> Any:
        heard.append((venue_id, now_ns - msg.published_ns))
        return plain(self, venue_id, msg, now_ns)

    monkeypatch.setattr(MarketMakerCore, "on_market_data", spy)
    run_data(scenario())
    assert heard
    assert set(heard) <= {("NEAR", 2 * MS), ("FAR", 2 * MS)}


def test_a_link_brings_the_feed_with_its_own_delay(
    run_data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages: set[tuple[str, int]] = set()
    plain = MarketMakerCore.on_market_data

    def spy(self: MarketMakerCore, venue_id: str, msg: Any, now_ns: int) -> Any:
        ages.add((venue_id, now_ns - msg.published_ns))
        return plain(self, venue_id, msg, now_ns)

    monkeypatch.setattr(MarketMakerCore, "on_market_data", spy)
    data = scenario(
        links=[{"from": name, "to": "MM", "latency": leg(7)} for name in ("NEAR", "FAR")]
    )
    del data["participants"][0]["latency"]["feed"]
    ran = run_data(data)
    assert ages == {("NEAR", 7 * MS), ("FAR", 7 * MS)}
    assert not ran.of(NbboChange), "a link to a participant makes nobody else an observer"


def test_speed_bumps_hold_participants_too(run_data: Any) -> None:
    data = scenario()
    data["venues"][0]["speed_bump"] = {"order": "350us", "report": "350us", "feed": "350us"}
    first = next(q for q in run_data(data).of(Quote) if q.venue_id == "NEAR" and q.ask_px == 10001)
    assert first.t_ns == 1_350_000


def test_arrivals_are_recorded_of_our_orders_alone(run_data: Any) -> None:
    ran = run_data(scenario())
    assert ran.of(TradePrint)
    assert {one.cl_ord_id.partition(".")[0] for one in ran.of(BookAtArrival)} == {"P"}


def test_a_run_ends_with_its_parents_whatever_participants_do(run_data: Any) -> None:
    ran = run_data(scenario())
    assert ran.result.outcome is Outcome.COMPLETE
    assert ran.records[-1].t_ns < 500 * MS


def test_equal_bytes_and_a_log_that_verifies_and_rebuilds(load_data: Load, tmp_path: Path) -> None:
    loaded = load_data(scenario())
    logs = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        run_world(loaded, folder=folder)
        logs.append((folder / "audit.jsonl").read_bytes())
    assert logs[0] == logs[1]
    assert verify(tmp_path / "one" / "audit.jsonl").complete


def test_the_state_of_a_log_holds_each_participants_last_event(run_data: Any) -> None:
    ran = run_data(scenario())
    state = LogState()
    state.take(ran.records)
    events = ran.of(ParticipantEvent)
    assert state.participants == {"MM": events[-1]}
    row = blotter(state, Units(Decimal("0.01"), Decimal(1)))["participants"]
    assert row == {"MM": {"t_ns": events[-1].t_ns, "event": "faded", "venue_id": "NEAR"}}


def test_explain_tells_what_participants_did_while_a_child_was_on_its_way(
    load_data: Load, tmp_path: Path
) -> None:
    run_world(load_data(scenario()), folder=tmp_path)
    told = explain(tmp_path / "audit.jsonl", "P.FAR.1")
    (way,) = (one["says"] for one in told["sections"] if one["heading"] == "On the way")
    said = "Meanwhile, at 103 ms: MM faded sell 100 (NEAR): cancels its asks everywhere."
    assert said in way
    assert "Within its limit it found nothing." in way


def test_one_more_participant_changes_no_others_chance(run_data: Any) -> None:
    """Noise far off the market: its orders stay away from what the other one does."""
    noise = {
        "id": "N",
        "kind": "noise",
        "latency": legs(1, 1, 1),
        "venues": [{"venue": "NEAR"}],
        "rate": 50.0,
        "qty": 5,
    }
    alone, both = scenario(), scenario()
    alone["participants"] = [noise]
    both["participants"] = [{**deepcopy(noise), "id": "Z", "venues": [{"venue": "FAR"}]}, noise]

    def quotes(data: dict[str, Any]) -> list[Quote]:
        return [q for q in run_data(data).of(Quote) if q.venue_id == "NEAR" and q.t_ns < 100 * MS]

    def shape(found: list[Quote]) -> list[tuple[Any, ...]]:
        return [(q.t_ns, q.bid_px, q.bid_qty, q.ask_px, q.ask_qty) for q in found]

    assert len(shape(quotes(alone))) > 2
    assert shape(quotes(alone)) == shape(quotes(both))


def test_F01_a_participant_that_fails_is_out_and_the_run_goes_on_to_its_error(
    load_data: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_records: Any
) -> None:
    def broken(self: MarketMakerCore, *args: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(MarketMakerCore, "on_report", broken)
    with pytest.raises(RuntimeError, match="broken"):
        run_world(load_data(scenario()), folder=tmp_path)
    records = read_records((tmp_path / "audit.jsonl").read_bytes())
    (failed,) = [one for one in records if isinstance(one, ParticipantEvent)]
    assert (failed.participant_id, failed.event) == ("MM", "failed")
    assert failed.detail == "RuntimeError: broken"
    assert records[-1].outcome is Outcome.INCOMPLETE
    assert records[-1].t_ns > failed.t_ns


def test_P01_an_interrupted_run_with_participants_ends(load_data: Load) -> None:
    data = scenario(duration="10s", parents=[{"id": "P", "side": "buy", "qty": 5000}])

    def interrupt(now_ns: int, end_ns: int) -> None:
        if now_ns == 50 * MS:
            os.kill(os.getpid(), signal.SIGINT)

    result = run_world(load_data(data), on_progress=interrupt)
    assert (result.outcome, result.exit_code) == (Outcome.ABORTED, 130)


@pytest.mark.slow
def test_the_same_tasks_run_in_real_time(load_data: Load, read_records: Any) -> None:
    data = scenario(duration="300ms")
    result = run_world(load_data(data), clock="wall")
    assert result.outcome is Outcome.COMPLETE
    assert result.log is not None
    assert [one for one in read_records(result.log) if isinstance(one, ParticipantEvent)]


def test_a_diff_says_that_a_participant_acts_otherwise(load_data: Load, tmp_path: Path) -> None:
    paths = []
    for name, sets in (("old", ()), ("new", ("participants[MM].latency.report.delay=20ms",))):
        folder = tmp_path / name
        folder.mkdir()
        run_world(load_data(scenario(), *sets), folder=folder)
        paths.append(folder / "audit.jsonl")
    found = diff(*paths)
    assert found.verdict == "records"
    setting = "setting participants[MM].latency.report.delay: 2ms -> 20ms"
    for one in (found.first, found.result):
        assert one is not None
        assert one.chain.steps[-1] == setting
    assert found.first is not None
    assert found.first.what == "participant_event of MM"
