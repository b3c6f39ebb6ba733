"""Venues that hear other venues: each from its own place, each as late as its link is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import Fill, NbboChange, Quote
from sim.protocol.errors import ScenarioError
from sim.scenario.load import LoadedScenario

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
Load = Callable[..., LoadedScenario]
RunData = Callable[..., "Ran"]
MS = 1_000_000


def fixed(ms: int) -> Data:
    return {"model": "fixed", "delay": f"{ms}ms"}


def link(sender: str, to: str, ms: int) -> Data:
    return {"from": sender, "to": to, "latency": fixed(ms)}


@pytest.fixture
def floor(market: Make, lit: Make) -> Data:
    """A moves up by ten ticks at 20 ms; two midpoint pools hear it after 2 and after 30 ms.

    Each pool sells 100 shares at the middle; the parent's 200 come at 30 ms and take them at once.
    """
    moves = [
        {"at": "20ms", "id": "b1", "side": "buy", "qty": 70, "price": "100.10"},
        {"at": "20ms", "id": "s1", "side": "sell", "qty": 10, "price": "100.20"},
    ]
    book = {"bids": [["100.00", 50]], "asks": [["100.10", 50]]}
    a = lit("A", book=book, flow=[{"kind": "scripted", "orders": moves}])
    pools = [
        {
            **{key: value for key, value in lit(name).items() if key != "book"},
            "kind": "dark",
            "pricing": "midpoint",
            "indications": True,
            "book": {"asks": [["99.00", 100]]},
        }
        for name in ("NEAR", "FAR")
    ]
    links = [link("A", "NEAR", 2), link("A", "FAR", 30)]
    return market([a, *pools], qty=200, at="30ms", links=links, limit="100.15")


def prices(ran: "Ran", observer: str) -> list[tuple[int, int | None, int | None]]:
    changes = [record for record in ran.of(NbboChange) if record.observer == observer]
    return [(one.t_ns, one.bid_px, one.ask_px) for one in changes]


def test_each_observer_has_the_best_prices_that_have_reached_it(
    floor: Data, run_data: RunData
) -> None:
    floor["parents"].append({"id": "LATE", "side": "buy", "qty": 1, "at": "60ms"})
    ran = run_data(floor)
    first, after = (10_000, 10_010), (10_010, 10_020)
    between = (10_010, None)  # the buyer has taken the offer, the seller is not there yet
    true = [(one.t_ns, one.bid_px, one.ask_px) for one in ran.of(Quote) if one.venue_id == "A"]
    assert true[:3] == [(0, *first), (20 * MS, *between), (20 * MS, *after)]
    for observer, delay in (("venue:NEAR", 2), ("venue:FAR", 30), ("router", 5)):
        at = (20 + delay) * MS
        assert prices(ran, observer)[:3] == [(0, *first), (at, *between), (at, *after)]


def test_a_midpoint_is_that_of_the_reference_as_the_venue_has_received_it(
    floor: Data, run_data: RunData
) -> None:
    """At 35 ms the near pool trades at the new middle, the far one still at the old."""
    fills = {fill.venue_id: fill for fill in run_data(floor).of(Fill)}
    assert {name: fill.processed_ns for name, fill in fills.items()} == {
        "NEAR": 35 * MS,
        "FAR": 35 * MS,
    }
    assert (fills["FAR"].last_px, fills["NEAR"].last_px) == (10_005, 10_015)


def test_links_are_streams_of_their_own(floor: Data, run_data: RunData) -> None:
    """Slowing one link changes neither what is drawn elsewhere nor who else hears what."""
    usual = run_data(floor)
    floor["links"][1]["latency"] = {"model": "lognormal", "median": "3ms", "sigma": 0.5}
    other = run_data(floor)
    assert prices(usual, "venue:NEAR") == prices(other, "venue:NEAR")
    assert prices(usual, "venue:FAR") != prices(other, "venue:FAR")


def test_a_links_messages_wait_for_the_bump_of_the_senders_feed(
    floor: Data, run_data: RunData
) -> None:
    floor["venues"][0]["speed_bump"] = {"feed": "1ms"}
    assert prices(run_data(floor), "venue:NEAR")[1][0] == (20 + 2 + 1) * MS


def test_the_tape_brings_a_reference_as_well(floor: Data, run_data: RunData) -> None:
    tape = {"inbound": fixed(1), "outbound": fixed(1), "to": ["NEAR", "FAR"]}
    ran = run_data({**floor, "links": [], "tape": tape})
    assert prices(ran, "tape")[1][0] == 21 * MS
    assert prices(ran, "venue:NEAR") == prices(ran, "venue:FAR")
    assert {fill.last_px for fill in ran.of(Fill)} == {10_015}


@pytest.mark.parametrize(
    ("links", "tape", "problem"),
    [
        ([link("A", "NEAR", 1)], None, r"venues\[FAR\]: uses the quotes of other venues"),
        (
            [link("A", "NEAR", 1), link("A", "FAR", 1), link("A", "NEAR", 2)],
            None,
            r"links\[2\]: links\[0\] goes from A to NEAR already",
        ),
        (
            [link("A", "NEAR", 1), link("NEAR", "FAR", 1)],
            None,
            r"links\[1\]\.from: NEAR is a dark venue: only displayed quotes of lit venues count",
        ),
        (
            [link("A", "NEAR", 1)],
            {"inbound": fixed(1), "outbound": fixed(1), "to": ["NEAR", "FAR"]},
            r"links\[0\]\.to: NEAR hears the tape already",
        ),
        (
            [link("A", "NEAR", 1), link("A", "FRA", 1)],
            None,
            r"links\[1\]\.to: no venue has the id FRA; did you mean 'FAR'\?",
        ),
        (
            [],
            {"inbound": fixed(1), "outbound": fixed(1), "to": ["FAR", "FAR", "NEAR"]},
            r"tape\.to\[1\]: FAR is to\[0\] already",
        ),
    ],
)
def test_who_hears_whom_must_make_sense(
    floor: Data, load_data: Load, links: Any, tape: Any, problem: str
) -> None:
    with pytest.raises(ScenarioError, match=problem):
        load_data({**floor, "links": links, "tape": tape})


def test_what_is_resolved_loads_again(floor: Data, run_data: RunData) -> None:
    """``from`` is a word of Python, and must come back as it was written."""
    ran = run_data(floor)
    again = run_data(ran.records[0].scenario)  # type: ignore[attr-defined]
    assert again.result.log == ran.result.log
