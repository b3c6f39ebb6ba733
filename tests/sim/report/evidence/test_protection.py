"""Trade-throughs: which quote was passed by, and why; one scripted run for each reason."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import KnownQuote, Refused, Slice
from sim.protocol.enums import Side, TimeInForce
from sim.report.evidence.protection import (
    ProtectionCheck,
    Reason,
    TradeThrough,
    protection_section,
)
from sim.report.evidence.receipts import Touches

if TYPE_CHECKING:
    from sim.report.trail.build import Trail
    from tests.sim.report.evidence.conftest import Story

Made = Callable[..., "Story"]
Known = Callable[..., KnownQuote]
MS = 1_000_000
BID, ASK = 9_998, 10_002
SPLIT: dict[str, Any] = {"split": (Slice("A", ASK, 100),)}


def found(run: "Story") -> list[TradeThrough]:
    trail = run.trail()
    return list(ProtectionCheck(trail, Touches(trail)).found())


def passes(
    story: Made, *quotes: KnownQuote, refused: tuple[Refused, ...] = (), **more: Any
) -> "Story":
    """B offers 80 a tick better since time 0; A's offer is taken at 5 ms."""
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK - 1, 80).parent()
    run.decision(0, quotes, refused, **(SPLIT | more))
    return run.child("c", "A", 0, ASK)


def executed(run: "Story") -> "Story":
    return run.arrives("c", 5).fill("c", 5, ASK, 100)


def only(run: "Story") -> TradeThrough:
    (one,) = found(run)
    return one


def test_a_passed_quote_is_named_with_price_and_size(story: Made, known: Known) -> None:
    one = only(executed(passes(story, known("A", 1, ASK), known("B", 1, ASK - 1))))
    assert (one.venue_id, one.price, one.qty) == ("B", ASK - 1, 80)
    assert one.reason is Reason.STRATEGY
    assert one.exceptions == ()  # it stood since the start


def test_a_quote_that_stood_for_a_second_does_not_flicker(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1))
    one = only(run.arrives("c", 2_000).fill("c", 2_000, ASK, 100))
    assert one.exceptions == ()
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK).quote(500, "B", BID, ASK - 1)
    run.parent().decision(0, **SPLIT).child("c", "A", 0, ASK)
    one = only(run.arrives("c", 1_200).fill("c", 1_200, ASK, 100))
    assert one.exceptions == ("flickering",)


@pytest.mark.parametrize(
    ("qty", "limit", "reason", "exceptions"),
    [
        (80, ASK - 1, Reason.SWEPT_AT_ONCE, ("intermarket_sweep",)),
        (79, ASK - 1, Reason.SWEPT_IN_PART, ()),
        (80, ASK - 2, Reason.STRATEGY, ()),  # it could not reach that quote
    ],
)
def test_a_sibling_that_goes_for_the_quote_makes_it_a_sweep(
    story: Made,
    known: Known,
    qty: int,
    limit: int,
    reason: Reason,
    exceptions: tuple[str, ...],
) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1)).child("b", "B", 0, limit, qty)
    one = only(executed(run).arrives("b", 5))
    assert (one.reason, one.exceptions) == (reason, exceptions)


def test_an_own_order_may_be_on_its_way_there(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1)).decision(1, **SPLIT)
    run.child("b", "B", 1, ASK, decision_id=2)
    run = executed(run).arrives("b", 6)
    assert only(run).reason is Reason.OWN_ORDER_ON_ITS_WAY


def test_an_own_order_that_has_arrived_is_not_on_its_way(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1)).decision(1, **SPLIT)
    run.child("b", "B", 1, ASK, decision_id=2).arrives("b", 3)
    assert only(executed(run)).reason is Reason.STRATEGY


def test_without_the_decision_the_reason_is_not_known(story: Made) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK - 1).parent()
    run.child("c", "A", 0, ASK)
    assert only(executed(run)).reason is Reason.NOT_RECORDED


def test_a_venue_that_was_left_out_says_why(story: Made, known: Known) -> None:
    left_out = (Refused("B", "no_answer", 1, 0),)
    one = only(executed(passes(story, known("A", 1, ASK), refused=left_out)))
    assert (one.reason, one.detail) == (Reason.VENUE_LEFT_OUT, "no_answer")
    assert "self_help" in one.exceptions
    halted = (Refused("B", "halted", 1, 0),)
    one = only(executed(passes(story, known("A", 1, ASK), refused=halted)))
    assert (one.detail, "self_help" in one.exceptions) == ("halted", False)


def test_what_came_after_the_decision_was_not_known(story: Made, known: Known) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK + 1).parent()
    run.decision(0, (known("A", 1, ASK), known("B", 1, ASK + 1)), **SPLIT)
    run.child("c", "A", 0, ASK).quote(3, "B", BID, ASK - 1)
    assert only(executed(run)).reason is Reason.NOT_KNOWN_YET


def test_a_venue_never_heard_of_is_not_known_yet(story: Made, known: Known) -> None:
    no_quote = (Refused("B", "no_quote"),)
    run = passes(story, known("A", 1, ASK), refused=no_quote)
    assert only(executed(run)).reason is Reason.NOT_KNOWN_YET
    assert only(executed(passes(story, known("A", 1, ASK)))).reason is Reason.NOT_KNOWN_YET


def test_lots_that_own_orders_may_take_are_held_to_be_gone(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK + 3))
    assert only(executed(run)).reason is Reason.HELD_TO_BE_GONE
    empty = (Refused("B", "nothing_available", 1, 0),)
    run = passes(story, known("A", 1, ASK), refused=empty)
    assert only(executed(run)).reason is Reason.HELD_TO_BE_GONE


def test_a_fee_may_make_a_better_price_worse(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1, intercept=2))
    assert only(executed(run)).reason is Reason.FEES


def test_a_sale_is_the_mirror_image(story: Made, known: Known) -> None:
    run = story(Side.SELL).quote(0, "A", BID, ASK).quote(0, "B", BID + 1, ASK, 80).parent()
    run.decision(0, (known("A", 1, BID), known("B", 1, BID + 1)), split=(Slice("A", BID, 100),))
    run.child("c", "A", 0, BID).arrives("c", 5).fill("c", 5, BID, 100)
    one = only(run)
    assert (one.venue_id, one.price, one.reason) == ("B", BID + 1, Reason.STRATEGY)


def test_nothing_is_passed_by_at_the_best_price_or_by_who_rests(story: Made) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK).parent()
    run.child("c", "A", 0, ASK).arrives("c", 5).fill("c", 5, ASK, 100)
    run.child("m", "B", 0, ASK + 5, tif=TimeInForce.DAY).arrives("m", 6)
    assert not found(run.fill("m", 9, ASK + 5, 100, maker=True))


def test_a_venues_own_better_price_protects_nothing(story: Made) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "B", BID, ASK + 9).parent()
    run.child("c", "A", 0, ASK + 2).arrives("c", 5)
    assert not found(run.fill("c", 5, ASK, 60).fill("c", 5, ASK + 2, 40))


def test_dark_quotes_protect_nothing_but_dark_fills_are_looked_at(story: Made) -> None:
    run = story().quote(0, "A", BID, ASK).quote(0, "D", BID, ASK - 3).parent()
    run.child("c", "A", 0, ASK).arrives("c", 5).fill("c", 5, ASK, 100)
    assert not found(run)
    run.child("d", "D", 6, ASK + 1).arrives("d", 7).fill("d", 7, ASK + 1, 100)
    assert [one.venue_id for one in found(run)] == ["A"]


def test_crossed_quotes_are_an_exception(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1))
    one = only(executed(run.quote(1, "A", ASK + 5, ASK + 6)))
    assert "crossed_market" in one.exceptions


def section(trail: "Trail", most: int = 10) -> dict[str, Any]:
    return protection_section(trail, Touches(trail), most)


def test_the_section_counts_each_execution_once(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1))
    run.arrives("c", 5).fill("c", 5, ASK, 60).fill("c", 5, ASK + 1, 40)
    rows = section(run.trail())
    assert (rows["executions"], rows["executed_qty"]) == (2, 100)
    # A's own offer at ASK is the one that the second fill came from: it passes B alone.
    assert (rows["passed_executions"], rows["passed_qty"], rows["count"]) == (2, 100, 2)
    # 60 lots a tick, 40 lots two ticks
    assert rows["cost"] == rows["cost_not_swept"] == "1.4"
    assert rows["by_reason"] == [{"reason": "strategy", "count": 2, "qty": 100}]
    assert rows["rows"][0]["passed_px"] == "100.01"
    assert len(section(run.trail(), most=1)["rows"]) == 1


def test_what_was_swept_costs_nothing_that_could_be_had(story: Made, known: Known) -> None:
    run = passes(story, known("A", 1, ASK), known("B", 1, ASK - 1))
    run = executed(run.child("b", "B", 0, ASK - 1, 80).arrives("b", 5))
    rows = section(run.trail())
    assert (rows["cost"], rows["cost_not_swept"]) == ("0.8", "0")


def test_without_trade_throughs_the_section_says_so(story: Made) -> None:
    rows = section(story().trail())
    assert (rows["executions"], rows["passed_qty"], rows["cost"]) == (0, 0, "0")
    assert rows["rows"] == rows["by_reason"] == []
