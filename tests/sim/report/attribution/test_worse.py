"""Lots that filled worse than the quote acted upon had shown, their cost and their causes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sim.report.attribution.conftest import Attribute

Data = dict[str, Any]
Make = Callable[..., Data]
Row = Callable[..., Data]

TAKES = {"at": "21ms", "id": "B", "side": "buy", "qty": 40, "price": "100.00", "tif": "IOC"}
STALE = {**TAKES, "at": "19ms"}


def sells(name: str, qty: int, price: str) -> Data:
    return {"at": "1ms", "id": name, "side": "sell", "qty": qty, "price": price}


def script(*orders: Data) -> Data:
    return {"flow": [{"kind": "scripted", "orders": list(orders)}]}


@pytest.fixture
def worse(market: Make, attributed: "Attribute") -> Row:
    """``worse(venue, ...)``: what is said of a buy of 100 at A, sent at 20 ms, there at 25 ms."""

    def run(venue: Data, **more: Any) -> Data:
        found = attributed(market([venue], **{"at": "20ms", "duration": "1s", **more}))
        parent = found.parents["P"].row()["worse"]
        child = found.children["P.A.1"].row()["worse"]
        assert all(parent[key] >= child[key] for key in ("qty", "unquoted_qty"))
        assert sum(child["causes"].values()) == child["qty"]
        assert isinstance(child, dict)
        return child

    return run


@pytest.mark.parametrize(("what", "cause"), [(TAKES, "taken_by_others"), (STALE, "stale_quote")])
def test_lots_that_others_took_are_bought_deeper(
    worse: Row, lit: Make, what: Data, cause: str
) -> None:
    """60 were shown at 100.00 and 40 wanted of 100.02; it fills 20 and 80."""
    venue = lit("A", [["100.00", 60], ["100.02", 100]], **script(what))
    assert worse(venue) == {"qty": 40, "cost": "0.8", "unquoted_qty": 0, "causes": {cause: 40}}


def test_each_lot_is_told_by_the_price_that_was_shown_for_it(worse: Row, lit: Make) -> None:
    """Of 50 at 100.00 others take 40; of 30 at 100.01, 20 are withdrawn; there is enough deeper."""
    does = script(
        sells("X", 20, "100.01"),
        sells("Y", 200, "100.03"),
        {**TAKES, "qty": 40},
        {"at": "22ms", "cancel": "X"},
    )
    venue = lit("A", [["100.00", 50], ["100.01", 10]], **does)
    found = worse(venue)
    assert found["causes"] == {"gone_before_arrival": 20, "taken_by_others": 50}
    # Of 50 shown at 100.00 it fills 10 there, 10 at 100.01 and 30 at 100.03, where it fills all 30
    # that were shown at 100.01: 10 of them since what was taken had it go deeper.
    cost = 10 * 1 + 30 * 3 + 30 * 2
    assert (found["qty"], found["cost"]) == (70, f"{cost / 100:g}")


def test_as_good_as_shown_or_better_is_not_worse(worse: Row, lit: Make) -> None:
    venue = lit("A", [["100.02", 100]], **script({**sells("X", 60, "100.01"), "at": "21ms"}))
    assert worse(venue) == {"qty": 0, "cost": "0", "unquoted_qty": 0, "causes": {}}


def test_a_seller_gets_less_where_a_buyer_pays_more(worse: Row, lit: Make) -> None:
    hit = {"at": "21ms", "id": "S", "side": "sell", "qty": 40, "price": "100.00", "tif": "IOC"}
    venue = lit("A", **script(hit))
    venue["book"] = {"bids": [["100.00", 60], ["99.98", 100]]}
    found = worse(venue, side="sell")
    assert (found["qty"], found["cost"], found["causes"]) == (40, "0.8", {"taken_by_others": 40})


def test_without_market_data_the_cost_is_told_and_the_cause_is_not(worse: Row, lit: Make) -> None:
    venue = lit("A", [["100.00", 60], ["100.02", 100]], **script(TAKES))
    found = worse(venue, audit={"market_data": "none"})
    assert (found["qty"], found["cost"], found["causes"]) == (40, "0.8", {"not_recorded": 40})


def test_what_rests_on_no_quote_has_nothing_to_be_compared_with(
    market: Make, lit: Make, attributed: "Attribute"
) -> None:
    book = {"asks": [["100.00", 100]]}
    pool = {**lit("A"), "kind": "dark", "book": book}
    router = {"strategy": {"kind": "greedy"}, "blind": {}}
    found = attributed(market([lit("LIT", [["100.02", 500]]), pool], router=router))
    row = found.children["P.A.1"].row()["worse"]
    assert row == {"qty": 0, "cost": "0", "unquoted_qty": 100, "causes": {}}
