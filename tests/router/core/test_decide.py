"""One decision by itself: blind orders, what is refused, and what the record says."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from router.config import RouterConfig
from router.core.decide import Decider
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile, Visibility
from router.core.view import MarketView
from sim.audit.records import BlindOrder, ChildSent, Decision, Refused, Slice
from sim.protocol.enums import DecisionReason, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs

FREE = (Fraction(1), Fraction(0))


class Desk:
    """A decider over some venues, and the last decision it made."""

    def __init__(self, *profiles: VenueProfile, **config: Any) -> None:
        self.view = MarketView(profiles)
        settings = {"strategy": {"kind": "greedy"}, **config}
        self.decider = Decider(
            self.view,
            profiles,
            RouterConfig.model_validate_json(msgspec.json.encode(settings)),
            {},
        )

    def quote(
        self, venue_id: str, asks: Levels = (), bids: Levels = (), *, seq: int = 1, at: int = 0
    ) -> None:
        self.view.venues[venue_id].on_quote(BookSnapshot(venue_id, seq, TimeNs(at), bids, asks))

    def decide(self, parent: Parent, now: int = 0) -> tuple[Decision, list[ChildSent]]:
        """The decision's record and those of the children, which are sent."""
        found = self.decider.decide(parent, DecisionReason.INITIAL, now)
        decision = found[0][0]
        assert isinstance(decision, Decision)
        for _, child in found[1:]:
            assert child is not None
            self.view.venues[child.venue_id].on_sent(child)
            parent.reserved_qty += child.order_qty
        return decision, [record for record, _ in found if isinstance(record, ChildSent)]

    def back(self, parent: Parent, venue_id: str) -> None:
        """All of the parent's lots at a venue come back unfilled."""
        view = self.view.venues[venue_id]
        for child in list(view.flying.values()):
            lots, child.leaves_qty = child.leaves_qty, 0
            view.on_less(child, lots)
            parent.reserved_qty -= lots
        parent.short_filled.add(venue_id)


def venue(
    venue_id: str,
    kind: Visibility = "lit",
    *,
    ms: int = 1,
    tick: int = 1,
    lot: int = 1,
    **more: Any,
) -> VenueProfile:
    return VenueProfile(venue_id, kind, ms, tick, lot, FREE, FREE, **more)


def pool(venue_id: str, **more: Any) -> VenueProfile:
    return venue(venue_id, "dark", silent=True, **more)


def buy(qty: int = 100, limit: int | None = None) -> Parent:
    return Parent("P", Side.BUY, qty, limit)


def sent(children: list[ChildSent]) -> list[tuple[str, int, int]]:
    return [(one.venue_id, one.order_qty, one.price) for one in children]


# ------------------------------------------------------------ blind orders


def test_without_the_setting_a_silent_pool_gets_nothing() -> None:
    desk = Desk(venue("LIT"), pool("POOL"))
    desk.quote("LIT", ((100, 500),))
    desk.quote("POOL")
    decision, children = desk.decide(buy())
    assert sent(children) == [("LIT", 100, 100)]
    assert decision.refused == (Refused("POOL", "nothing_available", 1, 0),)
    assert decision.blind == ()


def test_the_nearest_silent_pool_gets_all_at_the_far_side_then_the_next_then_lit() -> None:
    desk = Desk(venue("LIT"), pool("FAR", ms=50), pool("NEAR", ms=20), blind={})
    desk.quote("LIT", ((100, 500),), ((98, 500),))
    desk.quote("NEAR")
    parent = buy()
    decision, children = desk.decide(parent, now=7)
    assert sent(children) == [("NEAR", 100, 100)]
    assert children[0].time_in_force is TimeInForce.IOC
    assert (children[0].shown_px, children[0].quote_seq) == (None, 1), "no price was shown"
    assert decision.blind == (BlindOrder("NEAR", 20, 100, 100),)
    assert decision.split == (Slice("NEAR", 100, 100),)
    assert [quote.venue_id for quote in decision.quotes] == ["LIT"], "no quote is made up"
    assert decision.refused[0] == Refused("FAR", "ranked_behind"), "nothing was left for it"

    desk.back(parent, "NEAR")
    decision, children = desk.decide(parent)
    assert sent(children) == [("FAR", 100, 100)]
    assert (children[0].shown_px, children[0].quote_seq) == (None, None), "it never quoted"
    assert Refused("NEAR", "tried_blind", 1, 0) in decision.refused

    desk.back(parent, "FAR")
    decision, children = desk.decide(parent)
    assert sent(children) == [("LIT", 100, 100)]
    assert decision.blind == ()


def test_a_fraction_leaves_the_rest_to_the_next_pools_and_to_the_strategy() -> None:
    desk = Desk(venue("LIT"), pool("A", ms=1), pool("B", ms=2, lot=10), blind={"fraction": "0.5"})
    desk.quote("LIT", ((100, 500),))
    decision, children = desk.decide(buy(101))
    assert sent(children) == [("A", 50, 100), ("B", 20, 100), ("LIT", 31, 100)]
    assert sum(part.qty for part in decision.split) == 101


def test_only_the_named_silent_venues_get_a_blind_order_and_may_be_dearer() -> None:
    blind = {"venues": ["BROKER"], "slack_bps": "150"}
    desk = Desk(venue("LIT"), pool("POOL", ms=1), pool("BROKER", ms=2), blind=blind)
    desk.quote("LIT", ((200, 500),))
    decision, children = desk.decide(buy())
    assert sent(children) == [("BROKER", 100, 203)]
    assert decision.blind == (BlindOrder("BROKER", 2, 200, 203),)
    decision, children = desk.decide(buy(limit=201))
    assert sent(children) == [("BROKER", 100, 201)], "the parent's own limit holds"


@pytest.mark.parametrize(
    ("side", "limit", "expected"),
    [
        (Side.BUY, None, 102),
        (Side.BUY, 101, 100),
        (Side.BUY, 110, 102),
        (Side.SELL, None, 98),
        (Side.SELL, 99, 100),
        (Side.SELL, 90, 98),
    ],
)
def test_the_limit_is_the_far_side_or_the_parents_if_tighter_on_the_pools_grid(
    side: Side, limit: int | None, expected: int
) -> None:
    desk = Desk(venue("LIT"), pool("POOL", tick=2), blind={})
    desk.quote("LIT", ((102, 5),), ((98, 5),))
    decision, children = desk.decide(Parent("P", side, 10, limit))
    assert children[0].price == expected
    assert decision.blind[0].best_px == (102 if side is Side.BUY else 98)


def test_without_any_price_to_hold_to_nothing_is_sent_blind() -> None:
    desk = Desk(venue("LIT"), pool("POOL"), blind={})
    decision, children = desk.decide(buy())
    assert children == []
    assert decision.refused == (Refused("LIT", "no_quote"), Refused("POOL", "no_reference"))
    decision, children = desk.decide(buy(limit=90))
    assert sent(children) == [("POOL", 100, 90)], "a limit of the parent's own is enough"
    assert decision.blind == (BlindOrder("POOL", 1, None, 90),)


def test_a_part_below_the_pools_lot_is_not_sent() -> None:
    desk = Desk(venue("LIT"), pool("POOL", lot=100), blind={"fraction": "0.9"})
    desk.quote("LIT", ((100, 500),))
    decision, children = desk.decide(buy(110))
    assert sent(children) == [("LIT", 110, 100)]
    assert decision.refused == (Refused("POOL", "too_small"),)


def test_a_venue_that_indicates_is_never_sent_a_blind_order() -> None:
    desk = Desk(venue("LIT"), venue("SHOWS", "dark"), blind={})
    desk.quote("LIT", ((100, 500),))
    desk.quote("SHOWS")
    _, children = desk.decide(buy())
    assert sent(children) == [("LIT", 100, 100)]


def test_a_pool_that_is_left_out_gets_no_blind_order() -> None:
    desk = Desk(venue("LIT"), pool("POOL"), blind={})
    desk.quote("LIT", ((100, 500),))
    parent = buy()
    parent.excluded["POOL"] = "rejected_venue_down"
    decision, children = desk.decide(parent)
    assert sent(children) == [("LIT", 100, 100)]
    assert decision.refused == (Refused("POOL", "rejected_venue_down"),)


def test_single_venue_goes_blind_to_its_own_pool_only() -> None:
    venues = venue("LIT"), pool("A"), pool("B")
    for only, expected in (("B", [("B", 100, 100)]), ("LIT", [("LIT", 100, 100)])):
        desk = Desk(*venues, strategy={"kind": "single_venue", "venue": only}, blind={})
        desk.quote("LIT", ((100, 500),))
        assert sent(desk.decide(buy())[1]) == expected


def test_the_first_split_follows_the_strategy_even_after_a_blind_order() -> None:
    """``reroute.levels`` is for later splits, and a blind order is none."""
    desk = Desk(venue("LIT"), pool("POOL"), blind={}, reroute={"levels": "top"})
    desk.quote("LIT", ((100, 50), (101, 50)))
    parent = buy()
    desk.decide(parent)
    desk.back(parent, "POOL")
    decision, children = desk.decide(parent)
    assert decision.depth == "full"
    assert sent(children) == [("LIT", 100, 101)]
    assert (parent.attempts, parent.splits) == (2, 1)


def test_quotes_of_the_first_split_are_kept_and_blind_orders_do_not_need_them() -> None:
    desk = Desk(venue("LIT"), pool("POOL"), blind={}, reroute={"fresh_quote": False})
    desk.quote("LIT", ((100, 60), (101, 60)))
    parent = buy()
    desk.decide(parent)
    desk.back(parent, "POOL")
    desk.quote("LIT", ((100, 70), (101, 70)), seq=2)
    assert desk.decide(parent)[0].split == (Slice("LIT", 100, 70), Slice("LIT", 101, 30))
    desk.back(parent, "LIT")
    desk.quote("LIT", ((90, 500),), seq=3)
    decision, _ = desk.decide(parent)
    assert decision.quotes[0].venue_seq == 2
    assert decision.split == (Slice("LIT", 101, 40),)


# ------------------------------------------------------------ what a dark pool did not fill


def test_what_a_dark_pool_did_not_fill_prefers_other_pools_that_are_better() -> None:
    venues = venue("LIT"), venue("D1", "dark"), venue("D2", "dark"), venue("MM", "maker")
    desk = Desk(*venues, reroute={"prefer": "dark"})
    desk.quote("LIT", ((100, 500),))
    desk.quote("D1", ((98, 30),))
    desk.quote("D2", ((101, 500),))
    desk.quote("MM", ((99, 500),))
    parent = buy(30)
    decision, children = desk.decide(parent)
    assert decision.strategy == "greedy"
    assert sent(children) == [("D1", 30, 98)]
    desk.back(parent, "D1")
    decision, children = desk.decide(parent)
    assert decision.strategy == "dark_then_lit"
    assert sent(children) == [("LIT", 30, 100)], "the other pool is no better: lit, not the maker"
    desk.quote("D2", ((99, 10), (101, 500)), seq=2)
    desk.back(parent, "LIT")
    assert sent(desk.decide(parent)[1]) == [("D2", 10, 99), ("LIT", 20, 100)]


def test_what_a_lit_venue_did_not_fill_goes_by_the_strategy() -> None:
    desk = Desk(venue("LIT"), venue("D1", "dark"), reroute={"prefer": "dark"})
    desk.quote("LIT", ((100, 30),))
    parent = buy(30)
    desk.decide(parent)
    desk.back(parent, "LIT")
    assert desk.decide(parent)[0].strategy == "greedy"


# ------------------------------------------------------------ the record


def test_I14_a_refused_venue_names_the_quote_that_was_at_hand_and_its_age() -> None:
    desk = Desk(venue("A"), venue("B"), venue("C"), venue("D"))
    desk.quote("A", ((100, 500),), seq=3, at=10)
    desk.quote("B", (), ((90, 1),), seq=4, at=20)
    desk.quote("D", ((105, 10),), seq=5, at=30)
    parent = buy()
    parent.excluded["D"] = "rejected_venue_down"
    decision, _ = desk.decide(parent, now=50)
    assert decision.refused == (
        Refused("B", "nothing_available", 4, 30),
        Refused("C", "no_quote"),
        Refused("D", "rejected_venue_down", 5, 20),
    )
    line = msgspec.json.encode(decision)
    assert b'{"venue_id":"C","reason":"no_quote"}' in line, "what there is not takes no room"
    assert msgspec.json.encode(msgspec.json.decode(line, type=Decision)) == line


def test_I14_min_risk_records_what_it_ranked_by_and_other_strategies_what_they_chose() -> None:
    risky = venue("A", fill_risk=Fraction(1, 8), impact=Fraction(1, 2))
    fee = Fraction(1), Fraction(1, 4)
    priced = VenueProfile("B", "lit", 1, 1, 1, fee, fee)
    for kind, terms in (("min_risk", [(2, "0.125"), (0, "0")]), ("greedy", [(None, None)] * 2)):
        desk = Desk(risky, priced, strategy={"kind": kind})
        desk.quote("A", ((100, 5),))
        desk.quote("B", ((100, 5),))
        decision, _ = desk.decide(buy(5))
        assert decision.effective_scale == 4, "whole numbers for fees and impacts"
        assert [(q.impact, q.fill_risk) for q in decision.quotes] == terms
        assert [(q.slope, q.intercept) for q in decision.quotes] == [(4, 0), (4, 1)]
        assert decision.ranking == (("B", "A") if kind == "min_risk" else ("A", "B"))
        assert (b"fill_risk" in msgspec.json.encode(decision.quotes)) == (kind == "min_risk")
        assert [cost.venue_id for cost in decision.costs] == [decision.ranking[0]]


def test_a_parent_that_finds_nothing_is_recorded_once() -> None:
    desk = Desk(venue("A"))
    parent = buy()
    assert desk.decide(parent)[0].split == ()
    assert desk.decider.decide(parent, DecisionReason.QUOTE_CHANGE, 1) == []


def test_a_child_stands_at_the_worst_level_wanted_on_its_venues_grid() -> None:
    for side, levels, expected in (
        (Side.BUY, ((101, 5), (103, 5)), 104),
        (Side.SELL, ((103, 5), (101, 5)), 100),
    ):
        desk = Desk(venue("A", tick=2))
        desk.quote("A", levels, levels)
        found = desk.decider.decide(Parent("P", side, 10), DecisionReason.INITIAL, 0)
        child = found[1][1]
        assert isinstance(child, Child)
        assert (child.price, child.order_qty, child.leaves_qty) == (expected, 10, 10)
