"""The shipped scenario ``slow_venue``: what each of a venue's three legs changes."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import BookAtArrival, Decision, Fill, Quote
from sim.protocol.enums import DecisionReason
from sim.scenario.load import load_scenario
from sim.world import run_world

if TYPE_CHECKING:
    from sim.audit.records import Record

MS = 1_000_000
SCENARIO = Path(__file__).parents[2] / "scenarios" / "slow_venue.yaml"


@pytest.fixture
def run(read_records: Callable[[bytes], tuple["Record", ...]]) -> Callable[..., Any]:
    """``run(leg)``: the average price, the log's records, with this leg at 50 ms."""

    def of(leg: str | None) -> tuple[str, tuple["Record", ...]]:
        sets = [] if leg is None else [f"venues[SLOW].latency.{leg}.delay=50ms"]
        result = run_world(load_scenario("slow_venue", sets=sets))
        assert (result.exit_code, result.log is None) == (0, False)
        assert result.log is not None
        return result.summary["parents"][0]["avg_px"], read_records(result.log)

    return of


@pytest.mark.parametrize(
    ("leg", "avg_px"),
    [
        (None, "100.00000000"),
        ("order", "100.03800000"),
        ("report", "100.00400000"),
        ("feed", "100.01000000"),
    ],
)
def test_each_leg_has_its_price_and_the_file_says_it(
    run: Any, leg: str | None, avg_px: str
) -> None:
    paid, _ = run(leg)
    assert paid == avg_px
    if leg is not None:
        line = f"venues[SLOW].latency.{leg}.delay=50ms'"
        said = next(one for one in SCENARIO.read_text().splitlines() if line in one)
        assert float(said.rpartition("# ")[2]) == float(avg_px)


def at_slow(records: Any) -> BookAtArrival:
    (found,) = (r for r in records if isinstance(r, BookAtArrival) and r.venue_id == "SLOW")
    return found


def reallocated(records: Any) -> int:
    return next(
        r.t_ns
        for r in records
        if isinstance(r, Decision) and r.reason is DecisionReason.PARTIAL_FILL
    )


def test_a_slow_order_leg_is_a_stale_arrival(run: Any) -> None:
    _, usual = run(None)
    _, slow = run("order")
    assert at_slow(usual).levels == ((9_998, 200), (10_000, 400))
    assert at_slow(slow).levels == ()
    assert not [r for r in slow if isinstance(r, Fill) and r.venue_id == "SLOW"]


def test_a_slow_report_leg_is_a_late_reallocation(run: Any) -> None:
    _, usual = run(None)
    _, slow = run("report")
    assert at_slow(usual) == at_slow(slow)
    assert (reallocated(usual), reallocated(slow)) == (20 * MS, 65 * MS)


def test_a_slow_feed_leg_is_an_old_quote(run: Any) -> None:
    _, usual = run(None)
    _, slow = run("feed")
    known = [next(r for r in records if isinstance(r, Decision)) for records in (usual, slow)]
    levels = [{q.venue_id: q.levels for q in one.quotes}["SLOW"] for one in known]
    assert levels == [((9_998, 300), (10_000, 400)), ((10_000, 400),)]
    quotes = [[r for r in records if isinstance(r, Quote)][:3] for records in (usual, slow)]
    assert quotes[0] == quotes[1]  # the venue itself showed the same
