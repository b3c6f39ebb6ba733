"""Order events in CAT terms."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import CancelSent, ChildReplaced, ReplaceSent
from sim.protocol.enums import Side, TimeInForce
from sim.report.evidence.cat import FIELDS, cat_csv
from sim.report.trail.build import Trail, TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.sim.report.evidence.conftest import Story

BID, ASK = 9_998, 10_002


def events(trail: Trail) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(cat_csv(trail))))


def trail_of(name: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(name, sets=sets), watch=[builder])
    return builder.trail()


def test_a_route_is_told_from_both_ends(story: Callable[..., "Story"]) -> None:
    run = story(Side.SELL_SHORT).parent(qty=100).child("c", "A", 1, BID)
    run.arrives("c", 5).fill("c", 5, BID, 60).canceled("c", 5, 40)
    rows = events(run.trail())
    kinds = [(row["eventType"], row["reporter"], row["eventTimestamp"]) for row in rows]
    assert kinds == [
        ("MENO", "ROUTER", "0.000000000"),
        ("MEOR", "ROUTER", "0.001000000"),
        ("MEOA", "A", "0.005000000"),
        ("MEOT", "A", "0.005000000"),
        ("MEOC", "A", "0.005000000"),
    ]
    order, route, _, trade, cancel = rows
    assert (order["side"], order["orderType"], order["quantity"]) == ("SS", "MKT", "100")
    assert (route["price"], route["timeInForce"]) == ("99.98", "IOC")
    assert (route["routeRejectedFlag"], route["isoInd"]) == ("false", "NA")
    assert (trade["tradePrice"], trade["tradeQuantity"], trade["leavesQty"]) == (
        "99.98",
        "60",
        "40",
    )
    assert (cancel["cancelQty"], cancel["leavesQty"]) == ("40", "0")
    keys = {(r["senderIMID"], r["destination"], r["routedOrderID"], r["session"]) for r in rows[1:]}
    assert keys == {("ROUTER", "A", "c", "1")}
    assert [row["eventNumber"] for row in rows] == ["1", "2", "3", "4", "5"]


def test_a_refused_route_has_its_flag_and_reason(story: Callable[..., "Story"]) -> None:
    rows = events(story().parent().child("c", "A", 0, ASK).rejected("c", 5).trail())
    assert [row["eventType"] for row in rows] == ["MENO", "MEOR"]
    assert (rows[1]["routeRejectedFlag"], rows[1]["reason"]) == ("true", "throttled")


@pytest.mark.parametrize("name", ["partial_fill", "rejects_and_timeouts", "two_parents"])
def test_sums_are_those_of_the_run(name: str) -> None:
    trail = trail_of(name)
    rows = events(trail)
    traded = Counter[str]()
    for row in rows:
        if row["eventType"] == "MEOT":
            traded[row["orderID"]] += int(Decimal(row["tradeQuantity"]) / trail.units.lot_size)
    assert traded == Counter({one.parent_id: one.filled_qty for one in trail.parents.values()})
    count = Counter(row["eventType"] for row in rows)
    children = list(trail.children.values())
    assert count["MENO"] == len(trail.parents)
    assert count["MEOR"] == len(children)
    assert count["MEOA"] == sum(child.acked is not None for child in children)
    assert count["MECR"] + count["MEMR"] == sum(len(child.requests) for child in children)
    stamps = [Decimal(row["eventTimestamp"]) for row in rows]
    assert stamps == sorted(stamps)


def test_requests_are_told_as_changes_of_the_route(story: Callable[..., "Story"]) -> None:
    run = story().parent().child("c", "A", 0, BID, tif=TimeInForce.DAY).arrives("c", 1)
    request: dict[str, Any] = {"orig_cl_ord_id": "c", "venue_id": "A"}
    change: dict[str, Any] = {"order_qty": 80, "price": BID + 1, "reason": "market_moved"}
    run.add(ReplaceSent(t_ns=2_000_000, cl_ord_id="c.r1", **request, **change))
    done: dict[str, Any] = {
        "processed_ns": 3_000_000,
        "sent_ns": 3_000_000,
        "drawn_ns": 0,
        "held_ns": 0,
    }
    now: dict[str, Any] = {"order_qty": 80, "price": BID + 1, "cum_qty": 0, "leaves_qty": 80}
    run.add(ChildReplaced(t_ns=3_000_000, cl_ord_id="c.r1", **request, **now, **done))
    run.fill("c", 4, BID + 1, 30, maker=True)
    run.add(CancelSent(t_ns=9_000_000, cl_ord_id="c.x1", **request, reason="parent_stopped"))
    rows = events(run.trail())
    kinds = [row["eventType"] for row in rows]
    assert kinds == ["MENO", "MEOR", "MEOA", "MEMR", "MEOM", "MEOT", "MECR"]
    replace, modified, trade, cancel = rows[3:]
    assert (modified["reporter"], modified["quantity"], modified["leavesQty"]) == ("A", "80", "80")
    assert (trade["tradeQuantity"], trade["leavesQty"], trade["reason"]) == ("30", "50", "maker")
    assert (replace["routedOrderID"], replace["priorRoutedOrderID"]) == ("c.r1", "c")
    assert (replace["price"], replace["quantity"], replace["reason"]) == (
        "99.99",
        "80",
        "market_moved",
    )
    assert (cancel["routedOrderID"], cancel["reason"]) == ("c", "parent_stopped")


def test_a_sweep_that_protects_quotes_is_marked() -> None:
    split = ["router.sending.protect=true", "router.strategy.kind=split_evenly"]
    rows = events(trail_of("fragmented", *split))
    assert {row["isoInd"] for row in rows if row["eventType"] == "MEOR"} == {"ISO"}


def test_text_of_a_log_is_no_formula(story: Callable[..., "Story"]) -> None:
    hostile = {"symbol": '=1+1,"x"', "tick_size": "0.01", "lot_size": 1}
    run = story(instrument=hostile).parent().child("@c\nd", "A", 0, ASK, tif=TimeInForce.DAY)
    rows = events(run.trail())
    assert {row["symbol"] for row in rows} == {'\'=1+1,"x"'}
    assert rows[1]["routedOrderID"] == "'@c\nd"
    assert list(rows[0]) == list(FIELDS)


def test_a_run_without_parents_is_a_header(story: Callable[..., "Story"]) -> None:
    assert cat_csv(story().trail()) == ",".join(FIELDS) + "\n"
