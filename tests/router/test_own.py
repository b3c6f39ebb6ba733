"""What a user's own router sees: helpers that answer in the venue's grid and the parent's limit."""

from fractions import Fraction
from typing import Any

import pytest

from router.core.profile import VenueProfile
from router.own import Known, State, View
from sim.protocol.enums import DecisionReason, Side

ASKS = ((1001, 30), (1003, 45), (1006, 50))


def known(**changes: Any) -> Known:
    fee = (Fraction(1), Fraction(1, 2)), (Fraction(1), Fraction(-1, 2))
    profile = VenueProfile("A", "lit", 5, 2, 10, *fee)
    given = {"bids": (), "asks": ASKS, "available": ASKS, "held": None} | changes
    return Known(
        venue_id="A",
        kind="lit",
        latency_ns=5,
        tick=2,
        lot=10,
        age_ns=0,
        silent=False,
        takes_resting=True,
        profile=profile,
        **given,
    )


def state(limit: int | None = None, side: Side = Side.BUY) -> State:
    return State(
        DecisionReason.INITIAL,
        "P",
        side,
        200,
        0,
        200,
        limit,
        None,
        over=False,
        orders=(),
        events=(),
    )


@pytest.mark.parametrize(
    ("limit", "most", "own", "expected"),
    [
        (None, 200, None, (120, 1006)),  # 125 in lots of 10
        (None, 40, None, (40, 1004)),  # off the grid: the next price of it
        (None, 200, 1004, (70, 1004)),
        (1003, 200, None, (30, 1002)),  # 1003 could be reached at 1004 only
        (1000, 200, None, (0, 0)),
        (None, 9, None, (0, 0)),
    ],
)
def test_reach_is_in_lots_on_the_grid_and_within_both_limits(
    limit: int | None, most: int, own: int | None, expected: tuple[int, int]
) -> None:
    assert known().reach(state(limit), most, own) == expected


def test_a_venue_that_is_held_reaches_nothing() -> None:
    assert known(held="halted").reach(state(), 200) == (0, 0)


def test_a_sale_reaches_downwards() -> None:
    bids = ((1001, 30), (999, 20))
    assert known(available=bids).reach(state(999, Side.SELL), 50) == (30, 1000)


def test_cost_has_the_fee_of_the_side() -> None:
    assert known().cost(Side.BUY, 1000) == Fraction(2001, 2)
    assert known().cost(Side.SELL, 1000) == Fraction(1999, 2)


def test_a_view_knows_its_venues_by_name() -> None:
    view = View(0, (known(),), None, None)
    assert view.venue("A").venue_id == "A"
    with pytest.raises(KeyError):
        view.venue("B")
