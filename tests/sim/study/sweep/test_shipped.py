"""A sweep's figures of any shipped scenario add up exactly, whatever the scenario lacks."""

from fractions import Fraction
from typing import Final

import pytest

from sim.api import run
from sim.scenario.shipped import shipped_names
from sim.study.sweep.api import sweep

QUICK: Final = ("fragmented", "generated_books", "monte_carlo", "rejects_and_timeouts")


def names() -> list[object]:
    return [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in shipped_names()
    ]


@pytest.mark.parametrize("name", names())
def test_what_a_run_comes_to_adds_up_and_is_that_of_its_summary(name: str) -> None:
    swept = sweep(name, grid={"audit.sync": ["end"]}, seeds=1, jobs=1)
    (one,), (point,) = swept.runs[0], swept.result.points
    parents = run(name, sets=["audit.sync=end"]).summary["parents"]
    assert one.filled == sum(parent["filled_qty"] for parent in parents)
    assert one.ordered == sum(parent["order_qty"] for parent in parents)
    assert Fraction(one.fees) == sum(Fraction(parent["fees"]) for parent in parents)
    signs = [1 if parent["side"] == "buy" else -1 for parent in parents]
    pairs = list(zip(signs, parents, strict=True))
    cash = sum(sign * Fraction(parent["notional"]) for sign, parent in pairs)
    assert Fraction(one.loss) == cash + Fraction(one.fees)
    assert sum(one.causes.values()) == one.short == point.short_qty
    assert sum(venue.filled for venue in one.venues.values()) == one.filled
    assert sum(venue.requested for venue in one.venues.values()) == one.requested
    known = [part for part in one.parts.values() if part is not None]
    if one.shortfall is not None and len(known) == len(one.parts):
        assert sum(map(Fraction, known)) == Fraction(one.shortfall)
    if one.cost is not None:
        assert sum(Fraction(venue.cost or 0) for venue in one.venues.values()) == Fraction(one.cost)
    assert (point.cost_bps is None) == (not one.is_whole or one.cost is None)
