"""Floods of quotes and cancels: everyone gets a turn, and the router hears fills first (P09)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from router.core.router import RouterCore
from sim.audit.records import Fill
from sim.protocol.enums import Outcome
from sim.scenario.load import LoadedScenario
from sim.world import run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]
MS = 1_000_000


def flood(count: int, at: str) -> list[Data]:
    """Offers and their cancels, all at one instant: two quotes each."""
    orders: list[Data] = []
    for n in range(count):
        orders.append({"at": at, "id": f"o{n}", "side": "sell", "qty": 1, "price": "100.04"})
        orders.append({"at": at, "cancel": f"o{n}"})
    return orders


def test_P09_the_router_hears_fills_before_the_quotes_of_their_instant(
    market: Make, lit: Make, run_data: RunData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 10 ms B's reports and 2,000 quotes of A reach the router; the quotes were sent first."""
    heard: list[tuple[int, str]] = []
    on_quote, on_report = RouterCore.on_quote, RouterCore.on_report

    def quote(self: RouterCore, msg: Any, now_ns: int) -> Any:
        heard.append((now_ns, f"quote {msg.venue_id}"))
        return on_quote(self, msg, now_ns)

    def report(self: RouterCore, venue_id: str, msg: Any, stamps: Any, now_ns: int) -> Any:
        heard.append((now_ns, f"report {venue_id}"))
        return on_report(self, venue_id, msg, stamps, now_ns)

    monkeypatch.setattr(RouterCore, "on_quote", quote)
    monkeypatch.setattr(RouterCore, "on_report", report)
    flow = [{"kind": "scripted", "orders": flood(1_000, "5ms")}]
    venues = [lit("A", [["100.05", 500]], flow=flow), lit("B", [["100.00", 40]])]
    run_data(market(venues, qty=41, limit="100.00", deadline="11ms"))
    at_10 = [what for now_ns, what in heard if now_ns == 10 * MS]
    reports = [n for n, what in enumerate(at_10) if what == "report B"]
    quotes = [n for n, what in enumerate(at_10) if what == "quote A"]
    assert len(quotes) == 2_000
    assert reports == [0, 1]  # accepted, and filled


def test_P09_a_venue_that_is_flooded_delays_no_other(
    market: Make, lit: Make, run_data: RunData
) -> None:
    def fills_of_b(flow: list[Data]) -> list[Fill]:
        venues = [lit("A", [["100.05", 500]], flow=flow), lit("B", [["100.00", 40]])]
        ran = run_data(market(venues, qty=100))
        return [one for one in ran.of(Fill) if one.venue_id == "B"]

    quiet = fills_of_b([])
    assert quiet == fills_of_b([{"kind": "scripted", "orders": flood(2_000, "5ms")}]) != []


@pytest.mark.slow
def test_P08_a_machine_that_cannot_keep_up_drops_no_order_and_no_fill(
    market: Make, lit: Make, load_data: Load
) -> None:
    """Half a million messages a second are more than can be done; ours come and go in time."""
    flow = [{"kind": "poisson", "rate": 500_000, "centre": "90.00", "take": 0.0}]
    venues = [
        lit("A", [["100.00", 60]], flow=flow),
        lit("B", [["100.01", 20], ["100.02", 20]], ms=20),
    ]
    data = market(venues, qty=100, limit="100.02", audit={"market_data": "none"})
    parents = data["parents"]
    parents += [{**parents[0], "id": f"P{n}", "at": f"{n}ms", "qty": 1} for n in range(1, 30)]
    result = run_world(load_data(data, "duration=3s"), clock="wall", lag_ns_max=None)
    assert result.lag is not None
    assert result.lag.max_ns > 0
    assert result.outcome is Outcome.COMPLETE
    assert [row["filled_qty"] for row in result.summary["parents"]] == [100, *[1] * 29]
    assert result.log is not None
    sent = result.log.count(b'"kind":"child_sent"')
    ended = result.log.count(b'"kind":"child_canceled"') + result.log.count(b'"leaves_qty":0,')
    assert ended == sent > 0
