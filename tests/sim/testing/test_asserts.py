"""The assertions: what they find, and what they say of it."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import pytest

import sim
from sim.kernel.loop import SimLoop
from sim.testing import (
    AuditTrail,
    Market,
    assert_best_execution,
    assert_filled,
    assert_log_valid,
    assert_no_overfill,
    scenario,
    venue,
)


@pytest.fixture
def market() -> Iterator[Market]:
    one = Market(
        scenario(
            venue("NYSE", asks=[("100.02", 400), ("100.04", 400)], latency="5ms"),
            venue("NASDAQ", asks=[("100.01", 200)]),
        ),
        SimLoop(),
    )
    yield one
    one.close()
    one.loop.close()


@pytest.fixture(scope="module")
def result() -> sim.RunResult:
    return sim.run("fragmented")


def test_a_filled_order_passes_every_assertion(market: Market) -> None:
    parent = market.parent("P1", "buy", 200)
    market.buy("NASDAQ", 200, "100.01")
    market.clock.idle()
    assert_filled(market)
    assert_filled(market, parent)
    assert_filled(market, "P1", qty=200)
    assert_no_overfill(market, parent, committed=True)
    assert_best_execution(market, parent)
    assert_best_execution(market, parent, against="known")
    assert_log_valid(market)
    market.finish()
    assert_log_valid(market)


def test_what_is_not_filled_is_told_child_by_child(market: Market) -> None:
    market.parent("P1", "buy", 300)
    market.buy("NASDAQ", 250, "100.01")
    market.clock.idle()
    with pytest.raises(AssertionError) as caught:
        assert_filled(market, "P1")
    assert str(caught.value).splitlines() == [
        "parent P1: 200 of 300 lots are filled",
        "  O1 at NASDAQ: buy 250 at 100.01, canceled: 200 filled, 0 open, 50 canceled; sent at 0 s",
    ]
    with pytest.raises(AssertionError, match="200 of 300 lots are filled, not 100"):
        assert_filled(market, "P1", qty=100)
    assert_filled(market, "P1", qty=200)


def test_too_much_is_found_and_luck_too(market: Market) -> None:
    market.parent("LUCKY", "buy", 250)
    market.buy("NASDAQ", 250, "100.01")
    market.buy("NYSE", 50, "100.01")
    market.clock.idle()
    assert_no_overfill(market, "LUCKY")
    with pytest.raises(AssertionError, match="at 0 s 300 lots were filled or open, 250 are ord"):
        assert_no_overfill(market, "LUCKY", committed=True)
    market.buy("NYSE", 60, "100.02", parent="LUCKY")
    market.clock.idle()
    with pytest.raises(AssertionError, match="260 lots are filled, 10 more than were ordered"):
        assert_no_overfill(market)
    assert_log_valid(market)  # what the router did wrong is no fault of the log


def test_a_worse_price_than_was_to_be_had_is_found(market: Market) -> None:
    market.parent("P1", "buy", 500)
    market.buy("NYSE", 500, "100.04")
    market.clock.idle()
    with pytest.raises(AssertionError) as caught:
        assert_best_execution(market)
    assert str(caught.value).splitlines() == [
        "2 fills are worse than the best true price by more than 0.00",
        "  O1 at NYSE: 100 at 100.04, 0.03 worse than 100.01, filled at 5 ms",
        "  O1 at NYSE: 400 at 100.02, 0.01 worse than 100.01, filled at 5 ms",
    ]
    with pytest.raises(AssertionError, match="1 fills are worse than the best known price"):
        assert_best_execution(market, tolerance="0.01", against="known")
    assert_best_execution(market, tolerance="0.03")


def test_true_and_known_prices_differ_by_what_was_on_its_way(market: Market) -> None:
    market.buy("NASDAQ", 200, "100.01")
    market.clock.advance("1ms")  # it is gone, and its quote is still on the way
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    assert_best_execution(market, "O2", against="true")
    with pytest.raises(AssertionError, match="best known price"):
        assert_best_execution(market, "O2", against="known")


def test_they_read_the_result_of_a_run_too(result: sim.RunResult) -> None:
    assert_filled(result, "P1", qty=100_000)
    assert_no_overfill(result, committed=True)
    assert_log_valid(result)
    assert_best_execution(result, tolerance="0.05")
    with pytest.raises(AssertionError) as caught:
        assert_best_execution(result)
    assert str(caught.value).endswith("again: sorsim run fragmented --seed 1")


def test_no_command_is_claimed_that_would_not_run_it_again() -> None:
    changed = sim.run("fragmented", sets=["parents[P1].qty=95000"])
    with pytest.raises(AssertionError) as caught:
        assert_filled(changed, qty=1)
    assert "again" not in str(caught.value)


def test_a_log_that_was_changed_is_not_valid(result: sim.RunResult) -> None:
    assert result.log is not None
    bad = result.log.replace(b'"last_qty":', b'"last_qty":1', 1)
    with pytest.raises(AssertionError, match="the log is broken: "):
        assert_log_valid(msgspec.structs.replace(result, log=bad))
    cut = b"".join(result.log.splitlines(keepends=True)[:-1])
    with pytest.raises(AssertionError, match="the log is broken: "):
        assert_log_valid(msgspec.structs.replace(result, log=cut))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: assert_filled(m, "P9"), "no parent P9 has come; there are: none"),
        (assert_filled, "no parent has come"),
        (
            lambda m: assert_best_execution(m, against=cast("Any", "best")),
            "against must be true or known",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    market: Market, call: Callable[[Any], object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        call(market)


def test_names_are_escaped(market: Market) -> None:
    market.parent("\x1b[2J", "buy", 100)
    with pytest.raises(AssertionError) as caught:
        assert_filled(market)
    assert "\x1b" not in str(caught.value)
    assert r"\x1b[2J" in str(caught.value)


class TestTrail:
    def test_it_finds_by_kind_and_fields(self, result: sim.RunResult) -> None:
        trail = AuditTrail.of(result)
        assert len(trail) == result.records
        assert trail.log == result.log
        fills = trail.filter("fill", venue_id="NYSE")
        assert fills == [one for one in trail.filter("fill") if one.venue_id == "NYSE"]
        assert trail.find("fill") == trail.filter("fill")[0]

    def test_it_says_what_there_is(self, result: sim.RunResult) -> None:
        trail = AuditTrail.of(result)
        with pytest.raises(LookupError, match=r"no fill record with venue_id='LSE'; \d+ with oth"):
            trail.find("fill", venue_id="LSE")
        with pytest.raises(LookupError, match="no bust record; there are book_at_arrival"):
            trail.find("bust")
        with pytest.raises(ValueError, match="no audit record is a 'fills'; there are "):
            trail.filter("fills")
        with pytest.raises(ValueError, match="fill has no field 'venue'; it has t_ns"):
            trail.filter("fill", venue="NYSE")


def test_what_is_sent_after_a_parent_was_done_is_too_much_for_it(market: Market) -> None:
    """A router that sends the same once more, too late: the order is nobody else's."""
    market.sell("NYSE", 10, "100.00")
    market.parent("P1", "buy", 100)
    market.buy("NASDAQ", 100, "100.01")
    market.clock.idle()
    assert_no_overfill(market)
    market.buy("NASDAQ", 60, "100.00")  # fills nothing
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    market.parent("P2", "buy", 50)
    for who in ("P1", None):
        with pytest.raises(AssertionError) as caught:
            assert_no_overfill(market, who)
        assert str(caught.value).splitlines() == [
            "parent P1: 100 lots are filled after it was done",
            "  O2 at NASDAQ: buy 100 at 100.01, filled: 100 filled, 0 open, 0 canceled; "
            "sent at 0 s",
            "  it ended at 2 ms: filled",
            "  O4 at NYSE: buy 100 at 100.02, filled: 100 filled, 0 open, 0 canceled; "
            "sent at 10 ms",
            "  it ended at 20 ms: filled",
        ]
    assert_no_overfill(market, "P2")
    assert_no_overfill(market, "O4")


def test_more_open_than_ordered_as_the_run_ends_is_no_fault_of_the_log(market: Market) -> None:
    """The test's end may come while a router has sent twice, and nothing is filled."""
    market.parent("P1", "buy", 100)
    market.buy("NASDAQ", 100, "100.00", "DAY")
    market.buy("NYSE", 100, "100.00", "DAY")
    market.clock.idle()
    with pytest.raises(AssertionError, match="200 lots were filled or open, 100 are ordered"):
        assert_no_overfill(market, "P1", committed=True)
    market.finish()
    assert_log_valid(market)
