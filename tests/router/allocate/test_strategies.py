"""What each strategy takes, leaves, ranks and refuses; rules R1 to R5 of the design notes."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from router.allocate import StrategyConfig
from router.allocate.base import (
    LEAST_SEEN_FIRST,
    USUAL_TIE,
    Allocation,
    AllocationRequest,
    Depth,
    Offer,
    Strategy,
    TieRule,
    walk,
)
from router.config import RouterConfig
from router.core.profile import Visibility
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels

_ADAPTER: TypeAdapter[Any] = TypeAdapter(StrategyConfig)
_ALL_RULES: tuple[TieRule, ...] = ("price", "visibility", "latency", "id")
_ORDERS: list[tuple[TieRule, ...]] = [*permutations(USUAL_TIE), *permutations(_ALL_RULES)]

WALKERS = [
    {"kind": "greedy"},
    {"kind": "top_of_book"},
    {"kind": "min_impact"},
    {"kind": "min_impact", "depth": "top"},
    {"kind": "min_risk"},
    {"kind": "min_risk", "depth": "top"},
    {"kind": "single_venue", "venue": "B"},
    {"kind": "single_venue", "venue": "B", "depth": "top"},
]
"""Strategies that walk all levels in one order."""
ALL = [
    *WALKERS,
    {"kind": "pro_rata"},
    {"kind": "pro_rata", "depth": "top"},
    {"kind": "split_evenly"},
    {"kind": "split_evenly", "depth": "top"},
]
each_strategy = pytest.mark.parametrize("config", ALL, ids=lambda c: "-".join(c.values()))


def strategy(**config: str) -> Strategy:
    built: Strategy = _ADAPTER.validate_python(config).build()
    return built


def offer(
    venue_id: str,
    *levels: tuple[int, int],
    kind: Visibility = "lit",
    ms: int = 1,
    lot: int = 1,
    line: tuple[int, int] = (1, 0),
) -> Offer:
    return Offer(venue_id, kind, ms, lot, levels, *line)


def split(
    chosen: Strategy,
    qty: int,
    *offers: Offer,
    side: Side = Side.BUY,
    depth: Depth | None = None,
    tie: tuple[TieRule, ...] = USUAL_TIE,
) -> Allocation:
    return chosen.allocate(AllocationRequest(side, qty, offers, depth or chosen.depth, tie))


# ------------------------------------------------------------ prices and ties


def test_greedy_walks_all_levels_by_price() -> None:
    found = split(
        strategy(kind="greedy"), 25, offer("A", (100, 10), (103, 50)), offer("B", (101, 5))
    )
    assert found.slices == (("A", 100, 10), ("B", 101, 5), ("A", 103, 10))
    assert found.ranking == ("A", "B")
    assert found.refused == ()


def test_top_of_book_takes_the_best_level_of_each_and_leaves_the_rest() -> None:
    offers = offer("A", (100, 10), (101, 50)), offer("B", (102, 5))
    assert split(strategy(kind="top_of_book"), 100, *offers).slices == (
        ("A", 100, 10),
        ("B", 102, 5),
    )


@pytest.mark.parametrize("side", [Side.SELL, Side.SELL_SHORT])
def test_sellers_take_the_highest_bids_first(side: Side) -> None:
    offers = offer("A", (100, 10), (98, 10)), offer("B", (99, 10))
    found = split(strategy(kind="greedy"), 25, *offers, side=side)
    assert found.slices == (("A", 100, 10), ("B", 99, 10), ("A", 98, 5))


def test_ties_go_to_the_nearer_venue_then_by_name() -> None:
    offers = offer("b", (100, 1), ms=2), offer("a", (100, 1), ms=2), offer("z", (100, 1), ms=1)
    assert split(strategy(kind="greedy"), 3, *offers).ranking == ("z", "a", "b")
    assert split(strategy(kind="greedy"), 3, offer("a", (1, 1)), offer("B", (1, 1))).ranking == (
        "B",
        "a",
    ), "names compare as bytes: capitals first"


@pytest.mark.parametrize(
    ("tie", "ranking"),
    [
        (("price", "latency", "id"), ("C", "B", "A")),
        (("price", "id", "latency"), ("B", "C", "A")),
        (("latency", "price", "id"), ("A", "C", "B")),
        (("id", "price", "latency"), ("A", "B", "C")),
    ],
)
def test_another_order_of_the_rules_can_be_set(
    tie: tuple[TieRule, ...], ranking: tuple[str, ...]
) -> None:
    offers = offer("A", (101, 1), ms=1), offer("B", (100, 1), ms=9), offer("C", (100, 1), ms=2)
    assert split(strategy(kind="greedy"), 3, *offers, tie=tie).ranking == ranking


def test_at_an_equal_price_what_shows_least_may_go_first() -> None:
    offers = (
        offer("LIT", (100, 1), kind="lit", ms=1),
        offer("POOL", (100, 1), kind="dark", ms=50),
        offer("MAKER", (100, 1), kind="maker", ms=9),
        offer("BETTER", (99, 1), kind="lit", ms=99),
    )
    found = split(strategy(kind="greedy"), 4, *offers, tie=("price", "visibility", "latency", "id"))
    assert found.ranking == ("BETTER", "POOL", "MAKER", "LIT")
    assert split(strategy(kind="greedy"), 4, *offers).ranking == (
        "BETTER",
        "LIT",
        "MAKER",
        "POOL",
    ), "unless asked for, the delay decides"


@pytest.mark.parametrize(
    ("tie", "says"),
    [
        (["price"], "latency is missing, id is missing"),
        (["price", "price", "id"], "latency is missing, price stands there twice"),
        (["price", "visibility", "id"], "latency is missing"),
        (["price", "visibility", "latency", "visibility", "id"], "visibility stands there twice"),
        (["price", "latency", "id", "size"], "size"),
    ],
)
def test_the_rules_of_a_tie_are_three_once_each_and_visibility_at_most_once(
    tie: list[str], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        RouterConfig.model_validate({"strategy": {"kind": "greedy"}, "tie": tie})


def test_visibility_is_a_rule_that_may_be_left_out() -> None:
    for tie in (["price", "latency", "id"], ["price", "visibility", "latency", "id"]):
        config = RouterConfig.model_validate({"strategy": {"kind": "greedy"}, "tie": tie})
        assert list(config.tie) == tie


def test_the_fee_of_a_venue_is_part_of_its_price() -> None:
    dear = offer("A", (100, 10), line=(10, 15))  # a tick and a half on top, in tenths of a tick
    free = offer("B", (101, 10), line=(10, 0))
    assert split(strategy(kind="greedy"), 15, dear, free).slices == (("B", 101, 10), ("A", 100, 5))
    dear, free = offer("A", (101, 10), line=(10, -15)), offer("B", (100, 10), line=(10, 0))
    found = split(strategy(kind="greedy"), 15, dear, free, side=Side.SELL)
    assert found.slices == (("B", 100, 10), ("A", 101, 5)), "a seller receives that much less"


# ------------------------------------------------------------ lots and classes


def test_each_level_is_rounded_down_to_the_venues_lot() -> None:
    """R2: what does not fit is left on the level, and later levels go on with the rest."""
    round_lots = offer("A", (100, 150), (101, 200), lot=100)
    assert split(strategy(kind="greedy"), 350, round_lots, offer("B", (101, 80), ms=2)).slices == (
        ("A", 100, 100),
        ("A", 101, 200),
        ("B", 101, 50),
    )


def test_min_impact_takes_dark_then_makers_then_lit() -> None:
    offers = (
        offer("LIT", (100, 10)),
        offer("MAKER", (103, 10), kind="maker"),
        offer("POOL", (102, 10), (105, 10), kind="dark"),
        offer("POND", (104, 10), kind="dark"),
    )
    found = split(strategy(kind="min_impact"), 45, *offers)
    assert found.slices == (
        ("POOL", 102, 10),
        ("POND", 104, 10),
        ("POOL", 105, 10),
        ("MAKER", 103, 10),
        ("LIT", 100, 5),
    )
    assert found.ranking == ("POOL", "POND", "MAKER", "LIT")
    assert split(strategy(kind="min_impact", depth="top"), 45, *offers).slices == (
        ("POOL", 102, 10),
        ("POND", 104, 10),
        ("MAKER", 103, 10),
        ("LIT", 100, 10),
    )


def test_single_venue_refuses_the_others_by_name() -> None:
    offers = offer("A", (100, 10)), offer("B", (101, 5), (102, 5)), offer("C", (1, 1))
    found = split(strategy(kind="single_venue", venue="B"), 20, *offers)
    assert found.slices == (("B", 101, 5), ("B", 102, 5))
    assert found.refused == (("A", "other_venue"), ("C", "other_venue"))
    assert split(strategy(kind="single_venue", venue="X"), 20, *offers).slices == ()


def test_venues_that_were_not_reached_are_refused_as_ranked_behind() -> None:
    found = split(strategy(kind="greedy"), 10, offer("A", (101, 10)), offer("B", (100, 10)))
    assert found.slices == (("B", 100, 10),)
    assert found.refused == (("A", "ranked_behind"),)


@each_strategy
def test_nothing_offered_means_nothing_chosen(config: dict[str, str]) -> None:
    assert split(strategy(**config), 10).slices == ()
    assert split(strategy(**config), 10, offer("B")).slices == ()


@each_strategy
def test_depth_of_a_later_decision_is_the_requests(config: dict[str, str]) -> None:
    """The strategy's own depth is for its first split; the re-route policy sets the others."""
    chosen, both = strategy(**config), offer("B", (100, 1), (101, 1))
    assert len(split(chosen, 2, both, depth="top").slices) == 1
    assert len(split(chosen, 2, both, depth="full").slices) == 2


# ------------------------------------------------------------ against the rules, written naively

levels = st.lists(
    st.tuples(st.integers(95, 105), st.integers(1, 30)),
    max_size=4,
    unique_by=lambda level: level[0],
)
offers_of = st.lists(
    st.builds(
        lambda found, kind, ms, lot, fee: (found, kind, ms, lot, (1000, fee)),
        levels,
        st.sampled_from(["lit", "dark", "maker"]),
        st.integers(1, 3),
        st.sampled_from([1, 1, 5]),
        st.integers(-1500, 1500),
    ),
    min_size=1,
    max_size=5,
)


def naive(request: AllocationRequest, rank_class: Callable[[Offer], int]) -> list[Any]:
    """R1 to R5 as they are written: sort all usable levels, then walk them once."""
    sign = 1 if request.side is Side.BUY else -1
    usable = []
    for one in request.offers:
        for n, (price, qty) in enumerate(one.levels):
            if n and request.depth == "top":
                break
            part: dict[str, Any] = {
                "price": sign * (one.slope * price + one.intercept),
                "visibility": LEAST_SEEN_FIRST.index(one.visibility),
                "latency": one.latency_ns,
                "id": one.venue_id,
            }
            key = (rank_class(one), *(part[rule] for rule in request.tie), n)
            usable.append((key, one, price, qty))
    left, found = request.qty, []
    for _, one, price, qty in sorted(usable, key=lambda level: level[0]):
        taken = min(left, qty) // one.lot * one.lot
        if taken:
            found.append((one.venue_id, price, taken))
            left -= taken
    return found


@settings(max_examples=50)
@given(
    offers_of,
    st.integers(1, 120),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(WALKERS),
    st.sampled_from(_ORDERS),
)
def test_every_strategy_follows_the_rules(
    drawn: list[Any], qty: int, side_name: str, config: dict[str, str], tie: tuple[TieRule, ...]
) -> None:
    side, chosen = Side(side_name), strategy(**config)
    offers = tuple(
        [
            offer("ABCDE"[n], *best_first(found, side), kind=kind, ms=ms, lot=lot, line=line)
            for n, (found, kind, ms, lot, line) in enumerate(drawn)
        ]
    )
    request = AllocationRequest(side, qty, offers, chosen.depth, tie)
    found = chosen.allocate(request)
    classes = {"dark": 0, "maker": 1, "lit": 2} if config["kind"] == "min_impact" else {}
    if config["kind"] == "single_venue":
        only = tuple([o for o in offers if o.venue_id == "B"])
        request = AllocationRequest(side, qty, only, chosen.depth, tie)
    if tie[0] == "price":  # else a level may rank before a better one of its own venue
        assert list(found.slices) == naive(request, lambda o: classes.get(o.visibility, 0))
    check_sound(request, found)


def best_first(found: list[tuple[int, int]], side: Side) -> Levels:
    return tuple(sorted(found, reverse=side is not Side.BUY))


def check_sound(request: AllocationRequest, found: Allocation) -> None:
    """D12: never more than asked or offered, in whole lots, and every venue is accounted for."""
    by_id = {one.venue_id: one for one in request.offers}
    assert sum(qty for _, _, qty in found.slices) <= request.qty
    for venue_id, price, qty in found.slices:
        assert 0 < qty <= dict(by_id[venue_id].levels)[price]
        assert qty % by_id[venue_id].lot == 0
    used = {venue_id for venue_id, _, _ in found.slices}
    refused = {venue_id for venue_id, _ in found.refused}
    assert not used & refused
    assert {v for v, one in by_id.items() if one.levels} <= used | refused


# ------------------------------------------------------------ what a walk says of itself


@each_strategy
def test_a_strategy_has_the_name_and_the_depth_of_its_settings(config: dict[str, str]) -> None:
    built = strategy(**config)
    usual = "top" if config["kind"] == "top_of_book" else "full"
    assert built.name == config["kind"]
    assert built.depth == config.get("depth", usual)


def test_a_lot_of_two_takes_two_of_three() -> None:
    found = split(strategy(kind="greedy"), 9, offer("A", (100, 3), lot=2), offer("B", (101, 1)))
    assert found.slices == (("A", 100, 2), ("B", 101, 1))


def test_a_fee_counts_at_every_level() -> None:
    """The second level of A is dearer with its fee than B, and is cheaper without."""
    offers = offer("A", (100, 1), (102, 1), line=(1, 2)), offer("B", (103, 1))
    assert split(strategy(kind="greedy"), 2, *offers).slices == (("A", 100, 1), ("B", 103, 1))
    rebate = offer("A", (100, 1), (104, 1), line=(1, -2)), offer("B", (103, 1))
    assert split(strategy(kind="greedy"), 2, *rebate).slices == (("A", 100, 1), ("A", 104, 1))


def test_who_is_left_out_is_named_behind_who_had_no_turn() -> None:
    offers = offer("A", (100, 5)), offer("B", (101, 5))
    request = AllocationRequest(Side.BUY, 1, offers, "full", USUAL_TIE)
    found = walk(request, (offers,), {"Z": "why", "Y": "excluded"})
    assert found.refused == (("B", "ranked_behind"), ("Y", "excluded"), ("Z", "why"))
