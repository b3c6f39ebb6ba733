"""What the report says in sentences: headline figures, what is missing, and what is assumed."""

from pathlib import Path

import pytest

from sim.protocol.errors import AuditFormatError
from sim.report.document.assumptions import assumptions
from sim.report.document.build import report_document
from sim.report.document.headline import headline, money
from sim.report.trail.build import Trail, TrailBuilder, read_trail
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

ONE_VENUE = """
schema_version: 1
name: one_venue
seed: 1
duration: 1s
instrument: {symbol: ACME, tick_size: "0.01"}
venues:
  - id: ONLY
    kind: lit
    latency:
      order: {model: fixed, delay: 5ms}
      report: {model: fixed, delay: 5ms}
      feed: {model: fixed, delay: 5ms}
    book: BOOK
router: {strategy: {kind: greedy}}
parents: PARENTS
"""


def trail_of(ref: str, *sets: str) -> Trail:
    builder = TrailBuilder()
    run_world(load_scenario(ref, sets=sets), watch=[builder])
    return builder.trail()


def one_venue(tmp_path: Path, book: str, parents: str) -> Trail:
    path = tmp_path / "one.yaml"
    path.write_text(ONE_VENUE.replace("BOOK", book).replace("PARENTS", parents))
    return trail_of(str(path))


BOOK = '{asks: [["100.02", 500]], bids: [["100.00", 500]]}'


def test_one_parent_is_told_whole() -> None:
    document = report_document(trail_of("fragmented"))
    assert document["headline"][0] == (
        "P1: bought all 100,000 ACME at 100.0045 on average, at 4 venues with 4 child orders, the "
        "last fill 100 ms after the order came."
    )


def test_of_many_parents_the_sums_are_told() -> None:
    document = report_document(trail_of("controls"))
    assert document["headline"][0] == ("6 parent orders: 3 filled whole, 2 in part, 1 not at all.")
    assert document["headline"][1].startswith("Bought 21,000 of 25,000 ACME, worth 2,100,200.00")


def test_costs_are_told_by_size_and_benchmarks_with_their_sign() -> None:
    document = report_document(trail_of("two_parents"))
    document["parents"] = document["parents"][:1]
    document["parents"][0] |= {
        "shortfall": {
            "total": "12.345",
            "parts": {"delay": "0", "spread": "20.005", "impact": "-8", "fees": "0.34"},
            "total_bps": "1.234",
        },
        "benchmarks": [
            {"name": "arrival_mid", "cost_bps": "1.2", "price": "99.995"},
            {"name": "single_exchange", "cost_bps": "-3.456", "price": "100.0200"},
            {"name": "market_vwap", "cost_bps": "0.001", "price": "100.00"},
            {"name": "best_possible", "cost_bps": None, "price": None},
        ],
        "short_shares": 700,
        "causes": {"queue": 200, "gone_before_arrival": 500, "halt": 0},
    }
    said = headline(document)
    assert "it cost 12.34 in all, 1.23 bps of the order's value at arrival." in said[1]
    assert said[2] == (
        "That is made of spread +20.00, own impact -8.00 and fees +0.34 (a cost is positive)."
    )
    assert said[3] == (
        "Without fees its average price was 3.46 bps better than the best single exchange (100.02) "
        "and the same as the market's VWAP (100.00)."
    )
    assert "500 (gone before arrival) and 200 (queue)." in said[4]


def test_parts_that_are_not_known_are_not_passed_over() -> None:
    said = report_document(trail_of("two_parents", "audit.market_data=none"))["headline"]
    assert said[1].endswith("it cost 500.00 in all, 1.25 bps of the order's value at arrival.")
    assert said[2] == "What it is made of is not available."


def test_costs_of_many_parents_are_added_up() -> None:
    said = report_document(trail_of("controls"))["headline"]
    assert said[2] == ("Against the middle of the market at arrival, all together cost 3,330.00.")
    assert said[3].startswith("That is made of ")


def test_what_is_not_available_is_said_with_its_reason() -> None:
    document = report_document(trail_of("fragmented"))
    assert document["headline"][1] == (
        "What it cost against the arrival price is not available: there is no mid at arrival: the "
        "router knew of no displayed bid as the order came."
    )


def test_money_is_rounded_half_even_and_has_no_negative_nought() -> None:
    assert money("1234567.885") == "1,234,567.88"
    assert money("-0.004") == "0.00"


def test_a_parent_that_never_came_is_missed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run_world(load_scenario("two_parents"), folder=folder)
    log = folder / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if b'"parent_id":"THIRD"' in line)
    log.write_bytes(b"".join(lines[:cut]))
    said = report_document(read_trail(folder))["missing"]
    assert "The run ended before this parent order reached the router: THIRD." in said
    assert any(one.startswith("Not ended as the log ends: ") for one in said)


def test_one_venue_and_an_incomplete_run_are_said(tmp_path: Path) -> None:
    parents = "[{id: A, side: buy, qty: 900, at: 0s}]"
    said = report_document(one_venue(tmp_path, BOOK, parents))["missing"]
    assert "There is one venue only: nothing can be compared between venues." in said
    assert any(one.startswith("The run is incomplete") for one in said)


def test_empty_books_fill_nothing_and_the_report_says_so(tmp_path: Path) -> None:
    document = report_document(one_venue(tmp_path, "{}", "[{id: A, side: buy, qty: 900, at: 0s}]"))
    said = document["missing"]
    assert "Nothing was ever sent for A." in said
    assert any("no middle of the market as A arrived" in one for one in said)
    assert any("books of the lit venues were empty" in one or "no quote" in one for one in said)
    assert document["headline"][0].startswith("A: nothing of 900 ACME to buy was filled")


def test_a_book_of_one_side_has_no_middle() -> None:
    said = report_document(trail_of("fragmented"))["missing"]
    assert "No lit venue ever displayed a bid, so there was no middle of the market." in said


def test_without_market_data_the_report_says_what_it_lacks() -> None:
    said = report_document(trail_of("fragmented", "audit.market_data=none"))["missing"]
    assert any("audit.market_data: none" in one for one in said)


def test_a_log_that_is_cut_off_is_reported_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    run_world(load_scenario("fragmented"), folder=folder)
    log = folder / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    for count in (1, 2, 12, 20, 30, len(lines) - 1):
        log.write_bytes(b"".join(lines[:count]) + lines[count][:10])
        document = report_document(read_trail(folder))
        assert document["records"] == count
        assert document["missing"][0].startswith("The log could not be read to its end")
        assert document["headline"]
    log.write_bytes(lines[0].replace(b"sorsim-audit/1", b"sorsim-audit/9"))
    with pytest.raises(AuditFormatError, match="sorsim-audit/9"):
        read_trail(folder)


QUICK = ("fragmented", "latency_cost", "midpoint", "venue_kinds", "dark_first", "halt")


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in shipped_names()
    ],
)
def test_each_shipped_scenario_has_its_assumptions(name: str) -> None:
    said = assumptions(load_scenario(name).resolved(), "touch")
    assert len(said) == len(set(said))
    assert all(one.endswith(".") and "  " not in one and "None" not in one for one in said)


@pytest.mark.slow
def test_assumptions_name_what_is_drawn_and_who_reacts() -> None:
    said = " ".join(assumptions(load_scenario("latency_cost").resolved(), "touch"))
    assert "market maker" in said
    assert "Nobody reacts to our orders" not in said
    said = " ".join(assumptions(load_scenario("three_real_books").resolved(), "touch"))
    assert "follow a recording" in said
    assert "Fees and rebates are those of the scenario" in said
    assert "Delays of orders and reports, one way: empirical (file data/order_latency/" in said


def test_assumptions_of_anything_are_some() -> None:
    for odd in ({}, {"venues": 3, "router": []}, {"venues": [{"id": 5}, "x"], "participants": [1]}):
        assert assumptions(odd, "none")
