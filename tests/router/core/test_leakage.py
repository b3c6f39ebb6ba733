"""What a parent shows, how likely that is noticed, and that it shows no more than it may."""

from decimal import Decimal
from fractions import Fraction
from math import exp
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.config import RouterConfig
from router.core.decide import Decider
from router.core.leakage import visible_cap
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile, Visibility
from router.core.view import MarketView
from sim.audit.records import Decision, Exposure, Refused
from sim.protocol.detection import detect_prob
from sim.protocol.enums import DecisionReason, Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs, Units

FREE = (Fraction(1), Fraction(0))

# ------------------------------------------------------------ the cap


@pytest.mark.parametrize(
    ("alpha", "max_detect", "cap"),
    [(1e-5, 0.09516258196404048, 10_000), (1e-5, 0.5, 69_314), (1.0, 0.5, 0), (0.001, 0.99, 4_605)],
)
def test_the_cap_is_the_formula_solved_for_the_quantity(
    alpha: float, max_detect: float, cap: int
) -> None:
    assert visible_cap(alpha, max_detect) == cap


@given(st.floats(1e-7, 2), st.floats(1e-6, 0.999999))
def test_one_lot_more_than_the_cap_would_be_noticed_too_likely(
    alpha: float, max_detect: float
) -> None:
    cap = visible_cap(alpha, max_detect)
    assert cap >= 0
    assert detect_prob(cap, alpha) <= max_detect < detect_prob(cap + 1, alpha)


@pytest.mark.parametrize(
    ("alpha", "max_detect", "what"),
    [
        (0.0, 0.5, "alpha must be finite and > 0, was 0"),
        (float("inf"), 0.5, "alpha must be finite and > 0, was inf"),
        (1.0, 0.0, "max_detect must be > 0 and < 1, was 0"),
        (1.0, 1.0, "max_detect must be > 0 and < 1, was 1"),
    ],
)
def test_D11_what_is_out_of_range_is_refused(alpha: float, max_detect: float, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        visible_cap(alpha, max_detect)


# ------------------------------------------------------------ decisions


def venue(venue_id: str, kind: Visibility = "lit", lot: int = 1) -> VenueProfile:
    return VenueProfile(venue_id, kind, 1, 1, lot, FREE, FREE)


class Desk:
    def __init__(self, *profiles: VenueProfile, lot_size: str = "1", **config: Any) -> None:
        self.view = MarketView(profiles)
        settings = RouterConfig.model_validate_json(msgspec.json.encode(config))
        units = Units(Decimal("0.01"), Decimal(lot_size))
        self.decider = Decider(self.view, profiles, settings, {}, units=units)

    def quote(self, venue_id: str, asks: Levels) -> None:
        self.view.venues[venue_id].on_quote(BookSnapshot(venue_id, 1, TimeNs(0), (), asks))

    def decide(self, parent: Parent) -> Decision:
        found = self.decider.decide(parent, DecisionReason.INITIAL, 0)
        for _, child in found[1:]:
            assert child is not None
            self.view.venues[child.venue_id].on_sent(child)
            parent.open[child.cl_ord_id] = child
            parent.reserved_qty += child.order_qty
        decision = found[0][0]
        assert isinstance(decision, Decision)
        return decision


def back(desk: Desk, parent: Parent, child: Child, filled: int) -> None:
    """A child has ended."""
    lots, child.leaves_qty = child.leaves_qty, 0
    desk.view.venues[child.venue_id].on_less(child, lots)
    del parent.open[child.cl_ord_id]
    parent.reserved_qty -= child.order_qty
    parent.filled_qty += filled


THREE = (venue("POOL", "dark"), venue("MAKER", "maker"), venue("A"), venue("B"))


def three(strategy: str = "greedy", **leakage: str) -> Desk:
    settings = {"alpha": "0.001", **leakage}
    desk = Desk(*THREE, strategy={"kind": strategy}, leakage=settings)
    for venue_id, price in (("A", 100), ("POOL", 101), ("B", 102), ("MAKER", 103)):
        desk.quote(venue_id, ((price, 300),))
    return desk


def test_lit_children_show_and_others_do_not() -> None:
    decision = three().decide(Parent("P", Side.BUY, 1_000))
    assert sum(part.qty for part in decision.split) == 1_000
    both, each = 1 - exp(-0.6), 1 - exp(-0.3)
    assert decision.leakage == Exposure(600, 2, f"{both:.8f}", f"{both:.8f}", f"{1 - each**2:.8f}")


def test_what_is_open_already_counts_and_the_highest_is_kept() -> None:
    desk, parent = three(), Parent("P", Side.BUY, 500)
    parent.released_qty = 200
    first = desk.decide(parent).leakage
    assert first is not None
    assert (first.visible_qty, first.children) == (200, 1)
    parent.released_qty = 300
    second = desk.decide(parent).leakage
    assert second is not None
    assert (second.visible_qty, second.children) == (300, 1), "200 there, and 100 more"
    for child in list(parent.open.values()):
        back(desk, parent, child, child.order_qty)
    parent.released_qty = 310
    third = desk.decide(parent).leakage
    assert third is not None
    assert third.visible_qty == 10
    assert third.detect_prob_max == second.detect_prob > third.detect_prob


def test_nothing_shown_has_no_reduction() -> None:
    desk = Desk(venue("POOL", "dark"), strategy={"kind": "greedy"}, leakage={"alpha": "0.001"})
    desk.quote("POOL", ((100, 300),))
    decision = desk.decide(Parent("P", Side.BUY, 100))
    assert decision.leakage == Exposure(0, 0, "0.00000000", "0.00000000")
    assert b"reduction" not in msgspec.json.encode(decision)


def test_without_the_key_the_record_says_nothing_of_it() -> None:
    desk = Desk(venue("A"), strategy={"kind": "greedy"})
    desk.quote("A", ((100, 300),))
    assert b"leakage" not in msgspec.json.encode(desk.decide(Parent("P", Side.BUY, 100)))


def test_alpha_is_per_share_whatever_a_lot_is() -> None:
    desk = Desk(
        venue("A"), lot_size="100", strategy={"kind": "greedy"}, leakage={"alpha": "0.00001"}
    )
    desk.quote("A", ((100, 300),))
    found = desk.decide(Parent("P", Side.BUY, 100)).leakage
    assert found is not None
    assert found.detect_prob == "0.09516258", "10,000 shares"


# ------------------------------------------------------------ the bound


def test_min_impact_goes_dark_first_and_shows_no_more_than_it_may() -> None:
    """At most 0.1 to be noticed is 105 lots at once; the rest waits."""
    decision = three("min_impact", max_detect="0.1").decide(Parent("P", Side.BUY, 1_000))
    split = {part.venue_id: part.qty for part in decision.split}
    assert split == {"POOL": 300, "MAKER": 300, "A": 105}
    assert Refused("B", "would_show") in decision.refused
    assert decision.leakage is not None
    assert float(decision.leakage.detect_prob) <= 0.1


def test_what_is_open_leaves_less_room_and_what_has_ended_gives_it_back() -> None:
    desk, parent = three("min_impact", max_detect="0.1"), Parent("P", Side.BUY, 1_000)
    desk.decide(parent)
    assert desk.decide(parent).split == (), "it shows what it may"
    (lit,) = [child for child in parent.open.values() if child.venue_id == "A"]
    back(desk, parent, lit, 100)
    again = desk.decide(parent)
    assert [(part.venue_id, part.qty) for part in again.split] == [("A", 105)]


@pytest.mark.parametrize("kind", ["greedy", "top_of_book", "min_risk", "pro_rata", "split_evenly"])
def test_any_strategy_keeps_the_bound(kind: str) -> None:
    decision = three(kind, max_detect="0.1").decide(Parent("P", Side.BUY, 1_000))
    shown = sum(part.qty for part in decision.split if part.venue_id in {"A", "B"})
    assert shown == 105


def test_whole_lots_of_the_venue_are_kept() -> None:
    desk = Desk(
        venue("A", lot=50),
        strategy={"kind": "greedy"},
        leakage={"alpha": "0.001", "max_detect": "0.1"},
    )
    desk.quote("A", ((100, 300),))
    assert [part.qty for part in desk.decide(Parent("P", Side.BUY, 200)).split] == [100]


@pytest.mark.parametrize(
    ("more", "name"), [({"rest": {}}, "rest"), ({"sending": {"protect": True}}, "sending.protect")]
)
def test_what_would_show_more_is_refused_beside_it(more: dict[str, Any], name: str) -> None:
    settings = {"strategy": {"kind": "greedy"}, **more}
    RouterConfig.model_validate({**settings, "leakage": {"alpha": "0.1"}})
    with pytest.raises(ValidationError, match=f"leakage.max_detect and {name}: one would have"):
        RouterConfig.model_validate({**settings, "leakage": {"alpha": "0.1", "max_detect": "0.5"}})
