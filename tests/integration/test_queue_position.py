"""Passive orders in the lines of replayed books, through the loop, the router and the log."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks.made_orders import LOT, TICK, write
from benchmarks.order_tape import Row, order_rows, tape_block
from sim.audit.records import ChildSent, Fill, QueuePosition, Record
from sim.audit.verify import verify
from sim.data.neutral import event_writer
from sim.protocol.enums import Side
from sim.protocol.market_data import RecordedRows
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from sim.report.explain import explain
from sim.scenario.load import LoadedScenario, load_scenario
from sim.scenario.shipped import shipped_folder, shipped_scenario
from sim.study.diff import diff
from sim.world import run_world
from venues.core.recorded_orders import RecordedOrderBook

Make = Callable[..., dict[str, Any]]
ReadRecords = Callable[[bytes], tuple[Record, ...]]

# ------------------------------------------------------------ the shipped scenario


def run_shipped(folder: Path, *sets: str) -> Path:
    folder.mkdir()
    path = shipped_scenario("queue_position")
    assert path is not None
    assert run_world(load_scenario(path, sets=sets), folder=folder).exit_code == 0
    return folder / "audit.jsonl"


def places(records: tuple[Record, ...], child: str) -> list[QueuePosition]:
    return [r for r in records if isinstance(r, QueuePosition) and r.cl_ord_id == child]


def test_the_shipped_orders_are_those_that_the_tape_makes(tmp_path: Path) -> None:
    shipped = shipped_folder() / "data" / "made_orders" / "orders.events.csv.gz"
    again = tmp_path / shipped.name
    write(again)
    assert again.read_bytes() == shipped.read_bytes()


def test_a_passive_child_is_seen_to_wait_to_move_forward_and_to_fill(
    tmp_path: Path, read_records: ReadRecords
) -> None:
    log = run_shipped(tmp_path / "run")
    assert verify(log).ok
    records = read_records(log.read_bytes())
    told = places(records, "P.LIT.1")
    assert told[0].reason == "joined"
    assert told[0].ahead_qty > 0
    waited = [one for one in told if one.reason in {"traded", "canceled"}]
    assert len(waited) >= 3
    assert all(later.ahead_qty < one.ahead_qty for one, later in pairwise([told[0], *waited]))
    hits = [one for one in told if one.reason == "filled"]
    fills = [r for r in records if isinstance(r, Fill) and r.cl_ord_id == "P.LIT.1"]
    assert hits[-1].leaves_qty == 0
    assert [one.t_ns for one in hits] == sorted({fill.processed_ns for fill in fills})
    assert all(fill.is_maker for fill in fills)
    assert all(fill.last_px == told[0].price for fill in fills)


def test_explain_tells_the_wait_in_words(tmp_path: Path) -> None:
    log = run_shipped(tmp_path / "run")
    document = explain(log, "P.LIT.1")
    (says,) = [one["says"] for one in document["sections"] if one["heading"] == "In the queue"]
    assert says[0] == "Its venue knew its place exactly."
    assert "joined the line at 99.99" in says[1]
    assert says[1].endswith(" ahead")
    assert any("moved forward in the line" in line for line in says)
    assert "was hit" in says[-3]
    assert says[-1].startswith("It was first hit")
    assert document["facts"]["places"][0]["reason"] == "joined"


LEVELS = """\
t_ns,event,side,price,qty
0,level,bid,100.00,20
0,level,ask,100.05,20
20000000,level,bid,100.00,40
30000000,level,bid,100.00,30
40000000,trade,sell,100.00,18
"""


def test_diff_traces_another_place_to_the_queue_model(
    tmp_path: Path, lit: Make, market: Make, load_data: Callable[..., LoadedScenario]
) -> None:
    """By the optimistic model the trade reaches ours, by the risk-averse one it does not."""
    (tmp_path / "a.l2.csv").write_text(LEVELS, encoding="utf-8")
    venue = {**lit("A"), "kind": "replayed", "file": "a.l2.csv"}
    del venue["book"]
    router = {"strategy": {"kind": "greedy"}, "rest": {}}
    data = market([venue], router=router, qty=5, limit="100.00", deadline="1s")
    logs = []
    for model in ("risk_averse", "optimistic"):
        venue["queue"] = {"model": model}
        folder = tmp_path / model
        folder.mkdir()
        loaded = load_data({**data, "venues": [venue]}, beside=tmp_path)
        run_world(loaded, folder=folder)
        logs.append(folder / "audit.jsonl")
    found = diff(*logs)
    assert found.first is not None
    assert "the line at 100.00" in (found.first.new or "")
    assert "another queue model" in str(found.first.chain)
    filled = [read_summary(log)["parents"][0]["filled_qty"] for log in logs]
    assert filled == [0, 5]


def read_summary(log: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((log.parent / "summary.json").read_bytes())
    return document


# ------------------------------------------------------------ fill probability and slippage

HORIZON_NS = 100_000_000


def tape(count: int = 60_000) -> list[Row]:
    return list(order_rows(count, seed=5))


def outcomes(rows: list[Row], behind: int) -> list[tuple[int, bool]]:
    """Orders that join a bid line now and then: lots ahead as they came, and whether they filled.

    Args:
        rows: The market.
        behind: How many levels behind the best the line is.
    """
    book = RecordedOrderBook()
    found: list[tuple[int, bool]] = []
    name, ahead, until = "", 0, 0
    for n, (t_ns, *row) in enumerate(rows):
        event, side, price, lots, order_id = row
        message = RecordedRows(TimeNs(t_ns), ((event, side, price, lots, order_id),))
        reports = book.handle(message, TimeNs(t_ns))
        if name and any(isinstance(r, ExecutionReport) for r in reports):
            found.append((ahead, True))
            book.handle(OrderCancelRequest("c", name), TimeNs(t_ns))
            name = ""
        elif name and t_ns >= until:
            found.append((ahead, False))
            book.handle(OrderCancelRequest("c", name), TimeNs(t_ns))
            name = ""
        if not name and n > 200 and n % 20 == 0:
            name, until = f"o{n}", t_ns + HORIZON_NS
            limit = book.published(behind + 1)[0][behind][0]
            order = NewOrderSingle(name, Side.BUY, QtyLots(100), PriceTicks(limit))
            book.handle(order, TimeNs(t_ns))
            ahead = book.lots_ahead(name) or 0
    book.check()
    return found


def share(found: list[tuple[int, bool]]) -> float:
    return sum(filled for _, filled in found) / len(found)


def test_orders_deeper_in_the_line_fill_less_often() -> None:
    """At the best bid, a third each by lots ahead; the bound is 4 sigma of the difference."""
    found = sorted(outcomes(tape(), 0))
    third = len(found) // 3
    parts = [found[:third], found[third : 2 * third], found[2 * third :]]
    assert len(found) > 300
    near, middle, far = map(share, parts)
    sigma = (0.5 / third) ** 0.5
    assert near - far > 4 * sigma, (near, middle, far)
    assert near >= middle >= far


def test_orders_at_worse_prices_fill_less_often() -> None:
    rows = tape()
    best, behind = (share(outcomes(rows, levels)) for levels in (0, 2))
    assert best > behind + 0.1


@pytest.fixture
def market_of_orders(tmp_path: Path, lit: Make, market: Make) -> Callable[[int], dict[str, Any]]:
    """A replayed venue, so many milliseconds away, and 40 buyers of what is shown best."""

    def make(ms: int) -> dict[str, Any]:
        with event_writer(tmp_path / "tape.events.csv") as writer:
            writer.write(tape_block(tape(6_000), TICK, LOT), ("MADE",))
        venue = lit("A", ms=ms)
        venue |= {"kind": "replayed", "file": "tape.events.csv"}
        del venue["book"]
        parents = [
            {"id": f"P{n}", "side": "buy", "qty": 300, "at": f"{100 * (n + 1)}ms"}
            for n in range(40)
        ]
        return {**market([venue]), "parents": parents}

    return make


def slips(records: tuple[Record, ...]) -> list[int]:
    """Ticks by which each fill is worse than what was shown as its child was sent."""
    shown = {r.cl_ord_id: r.shown_px for r in records if isinstance(r, ChildSent)}
    return [
        r.last_px - (shown[r.cl_ord_id] or 0)
        for r in records
        if isinstance(r, Fill) and not r.is_maker
    ]


def test_aggressive_orders_slip_by_what_moves_in_between(
    market_of_orders: Callable[[int], dict[str, Any]], run_data: Callable[..., Any], tmp_path: Path
) -> None:
    """A market order pays what is there on arrival; without a way there is nothing in between."""
    near = run_data(market_of_orders(0), beside=tmp_path)
    far = run_data(market_of_orders(50), beside=tmp_path)
    assert len(slips(near.records)) >= 40
    first = {n: min(slips(ran.records)) for n, ran in enumerate((near, far))}
    assert first[0] >= 0, "nobody improves on what is shown at the same instant"
    moved = [slip for slip in slips(far.records) if slip]
    assert len(moved) > len([slip for slip in slips(near.records) if slip])
    assert first[1] < 0 < max(slips(far.records)), "moves go both ways"
