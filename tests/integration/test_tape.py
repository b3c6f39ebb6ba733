"""A router on the consolidated tape: it knows less, and later."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import BookAtArrival, Decision, Fill, NbboChange, ParentReceived, Quote
from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]
MS = 1_000_000
TAPE = {
    "inbound": {"model": "fixed", "delay": "3ms"},
    "outbound": {"model": "fixed", "delay": "4ms"},
}


@pytest.fixture
def two(market: Make, lit: Make) -> Data:
    """A has two levels and gets a better offer at 20 ms; B is dearer."""
    offer = {"at": "20ms", "id": "o1", "side": "sell", "qty": 40, "price": "99.90"}
    a = lit("A", [["100.00", 60], ["100.01", 60]], flow=[{"kind": "scripted", "orders": [offer]}])
    return market([a, lit("B", [["100.05", 500]], ms=9)], at="50ms", tape=TAPE)


def on_tape(data: Data) -> Data:
    return {**data, "router": {**data["router"], "market_data": "tape"}}


def test_the_router_knows_best_levels_only(two: Data, run_data: RunData) -> None:
    first = run_data(on_tape(two)).of(Decision)[0]
    assert {quote.venue_id: quote.levels for quote in first.quotes} == {
        "A": ((9_990, 40),),
        "B": ((10_005, 500),),
    }


def test_a_quote_takes_both_ways_and_is_as_old_as_that(two: Data, run_data: RunData) -> None:
    ran = run_data(on_tape(two))
    changes = [(c.t_ns, c.observer, c.bid_px, c.ask_px) for c in ran.of(NbboChange)]
    assert changes[:4] == [
        (0, "router", None, 10_000),
        (0, "tape", None, 10_000),
        (23 * MS, "tape", None, 9_990),
        (27 * MS, "router", None, 9_990),
    ]
    (received,) = ran.of(ParentReceived)
    assert received.ask_px == 9_990
    age = {quote.venue_id: quote.age_ns for quote in ran.of(Decision)[0].quotes}
    assert age["A"] == (50 - 20) * MS


def test_before_the_tape_has_told_the_router_decides_on_what_was(
    two: Data, run_data: RunData
) -> None:
    """At 26 ms the direct feed (5 ms) has brought the offer, the tape (7 ms) has not."""
    direct = run_data({**two, "tape": None}, "parents[P].at=26ms")
    late = run_data(on_tape(two), "parents[P].at=26ms")
    assert direct.of(ParentReceived)[0].ask_px == 9_990
    assert late.of(ParentReceived)[0].ask_px == 10_000
    assert late.of(Fill)[0].last_px == 9_990  # what is better on arrival is had all the same


def test_the_tape_changes_no_other_chance(market: Make, lit: Make, run_data: RunData) -> None:
    law = {"model": "lognormal", "median": "5ms", "sigma": 0.5}
    flow = [{"kind": "poisson", "rate": 500, "centre": "100.00"}]
    venues = [
        {**lit(name, flow=flow), "latency": {"order": law, "report": law, "feed": law}}
        for name in "AB"
    ]
    data = market(venues, qty=300, at="50ms", tape={"inbound": law, "outbound": law})
    direct, late = (run_data(one) for one in ({**data, "tape": None}, on_tape(data)))
    first = [ran.of(BookAtArrival)[0] for ran in (direct, late)]
    assert first[0].drawn_ns == first[1].drawn_ns
    before = [[q for q in ran.of(Quote) if q.t_ns < 50 * MS] for ran in (direct, late)]
    assert before[0] == before[1] != []


def test_without_market_data_nobodys_best_prices_are_recorded(two: Data, run_data: RunData) -> None:
    assert not run_data(on_tape(two), "audit.market_data=none").of(NbboChange)
    assert not run_data({**two, "tape": None}).of(NbboChange)


@pytest.mark.parametrize(
    ("tape", "router", "problem"),
    [
        (TAPE, "direct", r"tape: nobody hears it"),
        ({**TAPE, "to": ["A"]}, "tape", r"tape\.to\[0\]: A does not use the quotes of other"),
        ({**TAPE, "to": ["C"]}, "tape", r"tape\.to\[0\]: no venue has the id C; venues: A, B"),
        (None, "tape", r"router\.market_data: this scenario has no tape"),
    ],
)
def test_a_tape_that_does_nothing_is_refused(
    two: Data, load_data: Load, tape: Any, router: str, problem: str
) -> None:
    data = {**two, "tape": tape, "router": {**two["router"], "market_data": router}}
    with pytest.raises(ScenarioError, match=problem):
        load_data(data)


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ({"from": "A", "to": "B"}, r"links\[0\]\.to: B does not use the quotes of other venues"),
        ({"from": "A", "to": "A"}, r"links\[0\]\.to: must be another venue than from, was A"),
        ({"from": "X", "to": "B"}, r"links\[0\]\.from: no venue has the id X"),
        ({"to": "B"}, r"links\[0\]\.from: the key 'from' is missing"),
    ],
)
def test_a_link_that_does_nothing_is_refused(
    two: Data, load_data: Load, link: Data, problem: str
) -> None:
    leg = {"model": "fixed", "delay": "1ms"}
    with pytest.raises(ScenarioError, match=problem):
        load_data({**two, "tape": None, "links": [{**link, "latency": leg}]})
