"""D03: where a side of the market is empty there is no mid: null, never 0 and never NaN."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ParentReceived, Quote
from sim.cli.output import UNDEFINED
from sim.cli.tables import summary_tables
from sim.protocol.enums import Side
from sim.report.expect import METRICS
from sim.scenario.load import LoadedScenario
from sim.study.liquidity import liquidity

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]

BOOKS: dict[str, Data] = {
    "asks only": {"asks": [["100.00", 50]], "bids": []},
    "bids only": {"asks": [], "bids": [["99.00", 50]]},
    "nothing": {"asks": [], "bids": []},
}
UNDEFINED_METRICS = ["shortfall_bps"]


@pytest.fixture(params=BOOKS)
def one_sided(request: pytest.FixtureRequest, market: Make, lit: Make) -> Data:
    """A market without a bid, without an ask, or without either."""
    venues = [{**lit(name), "book": BOOKS[request.param]} for name in ("A", "B")]
    expect = dict.fromkeys(METRICS, ">= -1000000")
    return market(venues, qty=20, deadline="1s", expect=expect)


@pytest.mark.parametrize("side", ["buy", "sell", "sell_short"])
@pytest.mark.parametrize("kind", ["greedy", "top_of_book", "min_impact", "min_risk"])
def test_D03_the_summary_says_null(
    one_sided: Data, run_data: Callable[..., "Ran"], side: str, kind: str
) -> None:
    one_sided["parents"][0]["side"] = side
    ran = run_data(one_sided, f"router.strategy.kind={kind}")
    row = ran.parent
    assert row["arrival_mid"] is None
    assert row["shortfall_bps"] is None
    assert (row["avg_px"] is None) == (row["filled_qty"] == 0)
    (received,) = ran.of(ParentReceived)
    assert None in {received.bid_px, received.ask_px}
    assert 0 not in {received.bid_px, received.ask_px}
    judged = {one["metric"]: one for one in ran.result.summary["expect"]}
    for metric in UNDEFINED_METRICS:
        assert (judged[metric]["value"], judged[metric]["met"]) == (None, False)
    assert all(one["value"] != "NaN" for one in judged.values())


def test_D03_no_record_and_no_document_holds_a_made_up_price(
    one_sided: Data, run_data: Callable[..., "Ran"]
) -> None:
    ran = run_data(one_sided)
    for quote in ran.of(Quote):
        for price, lots in ((quote.bid_px, quote.bid_qty), (quote.ask_px, quote.ask_qty)):
            assert (price is None) == (lots == 0)
            assert price is None or price > 0
    assert ran.result.log is not None
    for text in (ran.result.log.decode(), json.dumps(ran.result.summary)):
        assert not any(word in text for word in ("NaN", "Infinity", "Decimal", '"inf"'))


def test_D03_the_tables_show_a_dash(one_sided: Data, run_data: Callable[..., "Ran"]) -> None:
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    Console(file=out, width=200, color_system=None).print(
        summary_tables(run_data(one_sided).result.summary, 200)
    )
    (line,) = [line for line in out.getvalue().splitlines() if line.split()[:1] == ["P"]]
    assert UNDEFINED in line.split()
    assert "nan" not in out.getvalue().lower()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_D03_liquidity_of_an_empty_side_is_none(
    one_sided: Data, load_data: Callable[..., LoadedScenario], side: Side
) -> None:
    found = liquidity(load_data(one_sided), side, 10)
    there = bool(one_sided["venues"][0]["book"]["asks" if side is Side.BUY else "bids"])
    assert found.total_available == (100 if there else 0)
    assert (found.best_single is None) is not there
