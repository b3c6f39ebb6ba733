"""From a scenario to a result: what is written, what it says, what ends it."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sim.audit.records import (
    BookAtArrival,
    CancelSent,
    ChildSent,
    Decision,
    Depth,
    Fill,
    ParentDone,
    ParentReceived,
    Quote,
    Record,
    ReportIgnored,
    RunStarted,
    TradePrint,
)
from sim.audit.verify import verify
from sim.kernel.loop import SimLoop
from sim.protocol.enums import DecisionReason, EndReason, Outcome
from sim.protocol.errors import AuditWriteError
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import arun_world, run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]
MS = 1_000_000


@pytest.fixture
def two(market: Make, lit: Make) -> Data:
    """A sees the first 60 of 100 shares 5 ms away, B the rest 9 ms away."""
    return market([lit("A", [["100.00", 60]]), lit("B", [["100.01", 50]], ms=9)])


# ------------------------------------------------------------ results


def test_a_run_in_memory_holds_its_log_and_writes_nothing(
    two: Data, load_data: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_world(load_data(two))
    assert (result.outcome, result.exit_code, result.folder) == (Outcome.COMPLETE, 0, None)
    assert result.log is not None
    assert result.records == result.log.count(b"\n")
    assert list(tmp_path.iterdir()) == []


def test_a_run_in_a_folder_leaves_four_files_that_agree(
    two: Data, load_data: Load, tmp_path: Path
) -> None:
    loaded = load_data(two, "parents[P].qty=90")
    result = run_world(loaded, folder=tmp_path)
    assert (result.folder, result.log) == (tmp_path, None)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "audit.jsonl",
        "resolved.yaml",
        "scenario.yaml",
        "summary.json",
    ]
    assert (tmp_path / "scenario.yaml").read_bytes() == loaded.text
    resolved = yaml.safe_load((tmp_path / "resolved.yaml").read_bytes())
    assert resolved == loaded.resolved()
    assert resolved["parents"][0]["qty"] == "90"
    assert json.loads((tmp_path / "summary.json").read_bytes()) == result.summary
    found = verify(tmp_path / "audit.jsonl", result.summary["audit_head"])
    assert (found.ok, found.records) == (True, result.records)
    memory = run_world(loaded)
    assert memory.log == (tmp_path / "audit.jsonl").read_bytes()
    assert memory.summary == result.summary


def test_the_first_record_is_enough_to_run_it_again(
    two: Data, load_data: Load, run_data: RunData
) -> None:
    ran = run_data(two)
    (started,) = ran.of(RunStarted)
    again = run_data(started.scenario)
    assert again.result.log == ran.result.log


def test_a_log_that_is_there_is_never_overwritten(
    two: Data, load_data: Load, tmp_path: Path
) -> None:
    loaded = load_data(two)
    run_world(loaded, folder=tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(AuditWriteError, match="it holds an earlier log"):
        run_world(load_data(two, "seed=9"), folder=tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ({"fill_rate": "== 1"}, 0),
        ({"fill_rate": "== 1", "avg_px": "< 100"}, 1),
        ({"shortfall_bps": "< 1000"}, 1),
    ],
    ids=["met", "one unmet", "undefined"],
)
def test_an_unmet_expectation_is_exit_1_of_a_complete_run(
    two: Data, load_data: Load, expect: dict[str, str], code: int
) -> None:
    result = run_world(load_data({**two, "expect": expect}))
    assert (result.outcome, result.exit_code) == (Outcome.COMPLETE, code)


# ------------------------------------------------------------ what happens, and when


def test_messages_take_the_way_that_the_scenario_says(two: Data, run_data: RunData) -> None:
    two["venues"][0]["latency"] = {
        leg: {"model": "fixed", "delay": delay}
        for leg, delay in (("order", "3ms"), ("report", "20ms"), ("feed", "400ms"))
    }
    ran = run_data(two, "parents[P].at=100ms")
    arrival, fill = ran.of(BookAtArrival)[0], ran.of(Fill)[-1]
    assert (arrival.venue_id, arrival.sent_ns, arrival.t_ns) == ("A", 100 * MS, 103 * MS)
    assert (fill.venue_id, fill.processed_ns, fill.t_ns) == ("A", 103 * MS, 123 * MS)
    assert (fill.drawn_ns, fill.held_ns) == (20 * MS, 0)


def test_a_speed_bump_slows_one_leg_and_is_no_part_of_what_was_drawn(
    two: Data, run_data: RunData
) -> None:
    two["venues"][0]["speed_bump"] = {"order": "350us", "report": "1ms", "feed": "2ms"}
    ran = run_data(two)
    arrival, fill = ran.of(BookAtArrival)[0], ran.of(Fill)[0]
    assert (arrival.t_ns, arrival.drawn_ns, arrival.held_ns) == (5_350_000, 5 * MS, 350_000)
    assert (fill.t_ns, fill.drawn_ns, fill.held_ns) == (11_350_000, 5 * MS, MS)
    known = {quote.venue_id: quote.latency_ns for quote in ran.of(Decision)[0].quotes}
    assert known["A"] == 5_350_000


def test_the_opening_books_are_known_at_once_and_changes_only_after_their_way(
    market: Make, lit: Make, run_data: RunData
) -> None:
    offer = {"at": "10ms", "id": "o1", "side": "sell", "qty": 40, "price": "99.90"}
    venue = lit("A", [["100.00", 60]], ms=7, flow=[{"kind": "scripted", "orders": [offer]}])
    ran = run_data(market([venue]))
    first, second = (d for d in ran.of(Decision) if d.split)
    assert (first.t_ns, first.quotes[0].age_ns) == (0, 0)
    assert [(q.levels, q.age_ns) for q in second.quotes] == [(((9_990, 40),), 7 * MS)]
    assert (second.t_ns, second.reason) == (17 * MS, DecisionReason.QUOTE_CHANGE)


def test_the_run_ends_with_its_last_parent_and_no_later(two: Data, run_data: RunData) -> None:
    second = {"id": "Q", "side": "buy", "qty": 10, "at": "3s"}
    two["parents"].append(second)
    ran = run_data(two)
    assert [(d.parent_id, d.end_reason) for d in ran.of(ParentDone)] == [
        ("P", EndReason.FILLED),
        ("Q", EndReason.FILLED),
    ]
    assert ran.records[-1].t_ns == 3_000 * MS + 18 * MS


def test_parents_of_one_instant_do_not_get_the_same_lots(
    market: Make, lit: Make, run_data: RunData
) -> None:
    data = market([lit("A", [["100.00", 60]]), lit("B", [["100.01", 50]])], qty=50)
    data["parents"].append({"id": "Q", "side": "buy", "qty": 50, "at": "0s"})
    ran = run_data(data)
    assert [(c.parent_id, c.venue_id, c.order_qty) for c in ran.of(ChildSent)] == [
        ("P", "A", 50),
        ("Q", "A", 10),
        ("Q", "B", 40),
    ]
    assert ran.result.outcome is Outcome.COMPLETE


def test_a_limit_price_waits_for_a_better_market(
    market: Make, lit: Make, run_data: RunData
) -> None:
    offer = {"at": "50ms", "id": "o1", "side": "sell", "qty": 100, "price": "99.99"}
    venue = lit("A", [["100.00", 100]], flow=[{"kind": "scripted", "orders": [offer]}])
    ran = run_data(market([venue], limit="99.99"))
    (child,) = ran.of(ChildSent)
    assert (child.t_ns, child.price) == (55 * MS, 9_999)
    assert [fill.last_px for fill in ran.of(Fill)] == [9_999]


@pytest.mark.parametrize("side", ["sell", "sell_short"])
def test_selling_takes_bids(market: Make, lit: Make, run_data: RunData, side: str) -> None:
    book = {"bids": [["99.98", 60], ["99.97", 60]], "asks": [["100.02", 10]]}
    ran = run_data(market([lit("A", book=book)], side=side))
    assert [(f.last_px, f.last_qty) for f in ran.of(Fill)] == [(9_998, 60), (9_997, 40)]
    assert ran.parent["arrival_mid"] == "100"
    assert ran.parent["shortfall_bps"] == "2.400000"


def test_fees_are_charged_and_choose_the_venue(market: Make, lit: Make, run_data: RunData) -> None:
    dear = lit("A", [["100.00", 100]], fees={"taker": "0.02", "unit": "per_share"})
    cheap = lit("B", [["100.01", 100]], ms=50, fees={"taker": "-0.1", "unit": "bps"})
    ran = run_data(market([dear, cheap]))
    assert ran.parent["venues"].keys() == {"B"}
    assert Decimal(ran.parent["fees"]) == Decimal("-0.1") / 10_000 * Decimal("100.01") * 100


@pytest.mark.parametrize(
    ("market_data", "has", "lacks"),
    [
        ("none", (), (Quote, Depth, TradePrint, BookAtArrival)),
        ("touch", (Quote, TradePrint, BookAtArrival), (Depth,)),
        ("full", (Depth, TradePrint, BookAtArrival), (Quote,)),
    ],
)
def test_what_the_log_holds_of_the_market_is_a_setting_and_changes_nothing_else(
    two: Data, run_data: RunData, market_data: str, has: tuple[Any, ...], lacks: tuple[Any, ...]
) -> None:
    ran = run_data(two, f"audit.market_data={market_data}")
    assert all(ran.of(kind) for kind in has)
    assert not any(ran.of(kind) for kind in lacks)
    usual = run_data(two).parent
    assert {key: ran.parent[key] for key in usual} == usual


@pytest.mark.parametrize("sync", ["end", "interval", "each"])
def test_when_the_log_is_flushed_changes_only_its_own_name(
    two: Data, run_data: RunData, sync: str
) -> None:
    usual, ran = run_data(two), run_data(two, f"audit.sync={sync}")
    assert ran.records[1:] == usual.records[1:]
    assert ran.of(RunStarted)[0].sync == sync


def test_I14_every_decision_names_what_it_knew_and_refused(two: Data, run_data: RunData) -> None:
    ran = run_data(two, 'parents[P].limit="100.00"')
    first = ran.of(Decision)[0]
    assert [(q.venue_id, q.latency_ns, q.levels) for q in first.quotes] == [
        ("A", 5 * MS, ((10_000, 60),))
    ]
    assert [(r.venue_id, r.reason) for r in first.refused] == [("B", "nothing_available")]
    received = ran.of(ParentReceived)[0]
    assert (received.bid_px, received.ask_px, received.limit_px) == (None, 10_000, 10_000)


# ------------------------------------------------------------ loops, clocks, progress


def test_progress_rises_until_the_end_of_the_run(two: Data, load_data: Load) -> None:
    seen: list[tuple[int, int]] = []
    loaded = load_data(two, "parents[P].qty=1000", "duration=1s")
    result = run_world(loaded, on_progress=lambda now, end: seen.append((now, end)))
    assert result.outcome is Outcome.INCOMPLETE
    assert seen == [(n * 5 * MS, 1_000 * MS) for n in range(200)]
    assert result.log == run_world(loaded).log


def test_a_duration_shorter_than_the_steps_of_progress_is_fine(two: Data, load_data: Load) -> None:
    seen: list[int] = []
    run_world(load_data(two, "duration=3ns"), on_progress=lambda now, end: seen.append(now))
    assert seen == [0, 1, 2]


async def test_arun_gives_real_time_on_a_stock_loop(two: Data, load_data: Load) -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    result = await arun_world(load_data(two))
    assert not isinstance(loop, SimLoop)
    assert 0.018 <= loop.time() - start < 5
    assert (result.outcome, result.summary["parents"][0]["avg_px"]) == (
        Outcome.COMPLETE,
        "100.00400000",
    )


def test_the_wall_clock_comes_to_the_same_fills(two: Data, load_data: Load) -> None:
    loaded = load_data(two)
    virtual, wall = run_world(loaded), run_world(loaded, clock="wall")
    keys = ("filled_qty", "avg_px", "notional", "fees", "children", "end_reason")
    (one,), (other,) = virtual.summary["parents"], wall.summary["parents"]
    assert {key: one[key] for key in keys} == {key: other[key] for key in keys}
    assert wall.outcome is Outcome.COMPLETE


def test_on_a_machine_that_lags_the_router_does_nothing_behind_the_end(
    two: Data, load_data: Load, read_records: Callable[[bytes], tuple[Record, ...]]
) -> None:
    """Far too fast for any machine: as the run ends, its whole life is due at once."""
    data = load_data(two, "duration=30ms", "router.ack_timeout=1ms")
    log = run_world(data, clock="wall", speed=1e6).log
    assert log is not None
    records = read_records(log)
    ended = [n for n, record in enumerate(records) if isinstance(record, ParentDone)]
    own = ChildSent | CancelSent | Fill | ReportIgnored
    assert not [record for record in records[max(ended, default=0) :] if isinstance(record, own)]


def test_an_hour_with_little_to_do_is_over_at_once(
    market: Make, lit: Make, load_data: Load
) -> None:
    """3,600 quotes a venue, and an order that waits for its price until its deadline."""
    flow = [{"kind": "poisson", "rate": 1, "centre": "100.00"}]
    data = market(
        [lit("A", flow=flow), lit("B", ms=9, flow=flow)],
        limit="90.00",
        deadline="60min",
        duration="61min",
    )
    result = run_world(load_data(data, "audit.market_data=none"))
    assert result.outcome is Outcome.COMPLETE
    assert result.summary["parents"][0]["end_reason"] == "deadline"


def test_the_customers_order_costs_what_it_must() -> None:
    result = run_world(load_scenario("fragmented"))
    (row,) = result.summary["parents"]
    assert (row["avg_px"], row["filled_qty"]) == ("100.00450000", 100_000)


@pytest.mark.parametrize(
    ("sets", "avg_px"),
    [
        ([], "100.00900000"),
        (["router.reroute.venues=others"], "100.00950000"),
        (["router.reroute={levels: top, fresh_quote: false}"], "100.01150000"),
        (["router.strategy.kind=greedy"], "100.00600000"),
    ],
)
def test_the_prices_that_the_partial_fill_scenario_promises(sets: list[str], avg_px: str) -> None:
    result = run_world(load_scenario("partial_fill", sets=sets))
    assert result.summary["parents"][0]["avg_px"] == avg_px
    assert result.exit_code == 0
