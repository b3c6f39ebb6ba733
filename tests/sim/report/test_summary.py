"""The summary of a run, from its records."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sim.audit.records import ChildReplaced, Overfill, Record
from sim.protocol.enums import Side
from sim.report.summary import SummaryBuilder

Records = Callable[..., list[Record]]


def summary_of(records: list[Record]) -> dict[str, Any]:
    builder = SummaryBuilder()
    for record in records:
        builder.observe(record)
    return builder.summary("ab" * 32)


def test_head_line_names_the_run(run_records: Records) -> None:
    summary = summary_of(run_records())
    assert summary["schema"] == "sorsim-summary/1"
    assert (summary["scenario"], summary["seed"]) == ("small", 7)
    assert summary["outcome"] == "incomplete"
    assert summary["audit_head"] == "ab" * 32
    assert summary["instrument"] == {"symbol": "ACME", "tick_size": "0.01", "lot_size": "10"}
    assert summary["expect"] == []


def test_parent_holds_quantities_as_integers_and_money_as_text(run_records: Records) -> None:
    parent = summary_of(run_records())["parents"][0]
    venues = parent.pop("venues")
    assert parent == {
        "parent_id": "P1",
        "side": "buy",
        "order_qty": 100,
        "filled_qty": 75,
        "leaves_qty": 0,
        "canceled_qty": 25,
        "busted_qty": 0,
        "avg_px": "100.01666667",
        "notional": "75012.5",
        "fees": "0.1",
        "arrival_mid": "100.005",
        "shortfall_bps": "1.166608",
        "children": 3,
        "reallocations": 1,
        "end_reason": "deadline",
    }
    # In the order of the scenario, and only where something was sent.
    assert list(venues.items()) == [
        ("X", {"routed_qty": 40, "filled_qty": 0, "avg_px": None, "fees": "0"}),
        ("A", {"routed_qty": 110, "filled_qty": 75, "avg_px": "100.01666667", "fees": "0.1"}),
    ]


def test_what_is_undefined_is_none(run_records: Records) -> None:
    parent = summary_of(run_records())["parents"][1]
    assert parent["avg_px"] is None
    assert parent["arrival_mid"] is None
    assert parent["shortfall_bps"] is None
    assert parent["end_reason"] is None
    assert (parent["notional"], parent["fees"]) == ("0", "0")
    assert parent["leaves_qty"] == 40


def test_venue_sums_over_parents_and_measures_both_legs(run_records: Records) -> None:
    venues = summary_of(run_records())["venues"]
    assert list(venues) == ["X", "A", "IDLE"]
    assert venues["A"] == {
        "routed_qty": 110,
        "filled_qty": 75,
        "avg_px": "100.01666667",
        "fees": "0.1",
        "children": 2,
        "fills": 2,
        "rejects": 0,
        "busts": 0,
        "order_latency_ns_mean": 12,  # 12.5, half-even
        "order_latency_ns_max": 15,
        "report_latency_ns_mean": 30,
        "report_latency_ns_max": 35,
    }
    assert venues["X"]["rejects"] == 1
    assert venues["X"]["order_latency_ns_mean"] is None
    assert venues["IDLE"]["children"] == 0


def test_every_report_of_a_venue_is_measured_and_none_twice(run_records: Records) -> None:
    """A replace was reported, and so was a fill of which nothing could be booked."""
    *records, last = run_records()
    stamps: dict[str, Any] = {"t_ns": last.t_ns, "processed_ns": 0, "sent_ns": 0, "held_ns": 5}
    replaced = ChildReplaced(
        **stamps,
        cl_ord_id="R",
        orig_cl_ord_id="C1",
        venue_id="A",
        order_qty=1,
        price=1,
        cum_qty=0,
        leaves_qty=1,
        drawn_ns=95,
    )
    apart = Overfill(
        **stamps,
        cl_ord_id="C1",
        venue_id="A",
        exec_id=9,
        last_px=1,
        last_qty=5,
        booked_qty=0,
        excess_qty=5,
        leaves_qty=0,
        reason="after_end",
        drawn_ns=195,
    )
    in_part = msgspec.structs.replace(apart, booked_qty=2, drawn_ns=295)  # its fill is measured

    def longest(*more: Record) -> int:
        venue = summary_of([*records, *more, last])["venues"]["A"]
        assert isinstance(venue["report_latency_ns_max"], int)
        return venue["report_latency_ns_max"]

    assert (longest(), longest(replaced), longest(apart, in_part)) == (35, 100, 200)


def test_a_sell_that_gets_less_than_the_mid_has_a_positive_shortfall(run_records: Records) -> None:
    records = [
        msgspec.structs.replace(record, side=Side.SELL_SHORT, ask_px=10_009)
        if getattr(record, "parent_id", "") == "P1" and hasattr(record, "bid_px")
        else record
        for record in run_records()
    ]
    parent = summary_of(records)["parents"][0]
    assert parent["arrival_mid"] == "100.045"
    assert parent["shortfall_bps"] == "2.832059"


def test_tapping_the_writer_gives_the_same_as_reading_the_log(run_records: Records) -> None:
    tapped = SummaryBuilder()
    observers = tapped.observers()
    for record in run_records():
        if type(record) in observers:
            observers[type(record)](record)
    assert tapped.summary("0") == summary_of(run_records()) | {"audit_head": "0"}


def test_a_log_without_its_end_is_aborted(run_records: Records) -> None:
    assert summary_of(run_records()[:-2])["outcome"] == "aborted"
    assert summary_of(run_records()[:1])["parents"] == []


def test_records_without_run_started_are_refused() -> None:
    with pytest.raises(ValueError, match="run_started"):
        SummaryBuilder().summary("0")


def test_expectations_are_judged_in_their_order(run_records: Records) -> None:
    expect = {"fill_rate": ">= 0.5", "avg_px": "<= 100.01", "reallocations": "== 1"}
    assert summary_of(run_records(expect=expect))["expect"] == [
        {
            "metric": "fill_rate",
            "threshold": ">= 0.5",
            "value": "0.535714285714285714",
            "met": True,
        },
        {"metric": "avg_px", "threshold": "<= 100.01", "value": "100.01666667", "met": False},
        {"metric": "reallocations", "threshold": "== 1", "value": "1", "met": True},
    ]
