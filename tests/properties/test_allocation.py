"""What every strategy of the table keeps, whatever is shown: a new one is tested the day it enters.

A strategy whose config needs more than its ``kind`` needs a line in ``SAMPLES``; one that by its
theory does something else where there is one venue only, a line in ``OWN_THEORY``.
"""

from fractions import Fraction
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from router.allocate import STRATEGIES, StrategyConfig
from router.allocate.base import (
    USUAL_TIE,
    Allocation,
    AllocationRequest,
    Depth,
    Join,
    Offer,
    Pool,
    Strategy,
)
from router.allocate.greedy import Greedy
from router.config import RouterConfig
from router.core.decide import Decider
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.view import MarketView
from sim.protocol.enums import DecisionReason, Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs

NAMES: Final = "ABCDE"
MID: Final = 100
SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "single_venue": {"venue": "A"},
    "cont_kukanov": {
        "horizon": "1s",
        "outflow": {"law": "poisson", "mean": 300},
        "lambda_under": 5,
        "lambda_over": 5,
    },
}
KINDS: Final = [kind.model_fields["kind"].annotation.__args__[0] for kind in STRATEGIES]  # type: ignore[union-attr]
OWN_THEORY: Final = {
    "trial_static": "takes all of the order at best levels in whole steps, or nothing",
    "cont_kukanov": "posts what it need not take, by the paper's closed form for one venue",
}
"""What one venue alone does not reduce to the children of ``greedy``, and why."""

every_strategy = pytest.mark.parametrize("kind", KINDS)


def config_of(kind: str) -> dict[str, Any]:
    return {"kind": kind, **SAMPLES.get(kind, {})}


def build(kind: str) -> Strategy:
    adapter: TypeAdapter[Any] = TypeAdapter(StrategyConfig)
    built: Strategy = adapter.validate_json(msgspec.json.encode(config_of(kind))).build()
    return built


# ------------------------------------------------------------ drawn requests

sides = st.sampled_from([Side.BUY, Side.SELL])
depths: st.SearchStrategy[Depth] = st.sampled_from(["top", "full"])
lots = st.sampled_from([1, 1, 1, 2, 5, 100])
steps = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 300)), max_size=4, unique_by=lambda level: level[0]
)
venues = st.lists(
    st.tuples(
        steps,
        st.sampled_from(["lit", "lit", "dark", "maker"]),
        st.integers(1, 9),  # delay
        lots,
        st.integers(-30, 30),  # fee
        st.integers(0, 5),  # impact
        st.integers(0, 9).map(lambda n: Fraction(n, 10)),
        st.integers(0, 400),  # queue
    ),
    min_size=1,
    max_size=5,
)


def request_of(
    drawn: list[Any], side: Side, qty: int, depth: Depth, chosen: Strategy
) -> AllocationRequest:
    """All that a strategy may ask for: offers, and joins and pools if it wants them."""
    sign = 1 if side is Side.BUY else -1
    offers: list[Offer] = []
    joins: list[Join] = []
    for n, (found, kind, ms, lot, fee, impact, risk, queue) in enumerate(drawn):
        levels = tuple([(MID + sign * step, size) for step, size in sorted(found)])
        name = NAMES[n]
        if levels:
            offers.append(Offer(name, kind, ms, lot, levels, 10, sign * fee, impact, risk))
        if kind == "lit" and chosen.posts:
            joins.append(Join(name, MID - sign, queue, lot, ms, Fraction(fee, 10)))
    pools = [Pool(f"P{n}", MID + sign, lot, n + 1) for n, lot in enumerate((1, 5))]
    return AllocationRequest(
        side,
        qty,
        tuple(offers),
        depth,
        USUAL_TIE,
        tuple(joins),
        tuple(pools) if chosen.pools else (),
        left_ns=1_000_000_000,
        mid2=2 * MID,
        parent_id="P",
    )


def split(kind: str, drawn: list[Any], side: Side, qty: int, depth: Depth = "full") -> Allocation:
    chosen = build(kind)
    return chosen.allocate(request_of(drawn, side, qty, depth, chosen))


# ------------------------------------------------------------ one allocation


@every_strategy
@settings(max_examples=12)
@given(drawn=venues, side=sides, qty=st.integers(1, 2_000), depth=depths)
def test_D12_an_allocation_is_whole_lots_of_what_is_there_and_never_too_much(
    kind: str, drawn: list[Any], side: Side, qty: int, depth: Depth
) -> None:
    chosen = build(kind)
    request = request_of(drawn, side, qty, depth, chosen)
    found = chosen.allocate(request)
    assert sum(part[2] for part in (*found.slices, *found.posts)) <= qty
    offers = {offer.venue_id: offer for offer in request.offers}
    pools = {pool.venue_id: pool for pool in request.pools}
    joins = {join.venue_id: join for join in request.joins}
    taken: dict[tuple[str, int], int] = {}
    for venue_id, price, lots_there in found.slices:
        assert lots_there > 0
        if venue_id in pools:
            assert price == pools[venue_id].price
            assert lots_there % pools[venue_id].lot == 0
            continue
        taken[venue_id, price] = taken.get((venue_id, price), 0) + lots_there
        assert taken[venue_id, price] <= dict(offers[venue_id].levels)[price]
        assert lots_there % offers[venue_id].lot == 0
    for venue_id, price, lots_there in found.posts:
        assert lots_there > 0
        assert price == joins[venue_id].price
        assert lots_there % joins[venue_id].lot == 0
    used = {part[0] for part in (*found.slices, *found.posts)}
    assert not used & {venue_id for venue_id, _ in found.refused}, "used and refused at once"


@every_strategy
@settings(max_examples=12)
@given(drawn=venues, side=sides, qty=st.integers(1, 2_000), draw=st.randoms(use_true_random=False))
def test_an_allocation_does_not_depend_on_the_order_of_venues(
    kind: str, drawn: list[Any], side: Side, qty: int, draw: Any
) -> None:
    chosen = build(kind)
    request = request_of(drawn, side, qty, "full", chosen)
    shuffled = {name: list(getattr(request, name)) for name in ("offers", "joins", "pools")}
    for places in shuffled.values():
        draw.shuffle(places)
    other = msgspec.structs.replace(
        request, **{name: tuple(places) for name, places in shuffled.items()}
    )
    found, again = chosen.allocate(request), build(kind).allocate(other)
    assert sorted(found.slices) == sorted(again.slices)
    assert sorted(found.posts) == sorted(again.posts)
    assert sorted(found.refused) == sorted(again.refused)


@settings(max_examples=50)
@given(
    drawn=venues,
    side=sides,
    qty=st.integers(1, 2_000),
    n=st.integers(0, 4),
    more=st.integers(1, 40),
)
def test_a_higher_fee_never_raises_a_venues_share_under_greedy(
    drawn: list[Any], side: Side, qty: int, n: int, more: int
) -> None:
    """In single lots: whole lots can leave a dearer venue what a cheaper one had no room for."""
    drawn = [(*one[:3], 1, *one[4:]) for one in drawn]
    place = n % len(drawn)
    dearer = [
        (*one[:4], one[4] + more, *one[5:]) if i == place else one for i, one in enumerate(drawn)
    ]

    def share(of: list[Any]) -> int:
        parts = split("greedy", of, side, qty).slices
        return sum(part[2] for part in parts if part[0] == NAMES[place])

    assert share(dearer) <= share(drawn)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OWN_THEORY])
@settings(max_examples=12)
@given(drawn=venues, side=sides, qty=st.integers(1, 2_000), depth=depths)
def test_with_one_venue_there_is_nothing_to_split(
    kind: str, drawn: list[Any], side: Side, qty: int, depth: Depth
) -> None:
    """The same children whatever the strategy, where it takes what is shown."""
    chosen = build(kind)
    request = request_of(drawn[:1], side, qty, depth, chosen)
    request = msgspec.structs.replace(request, pools=(), joins=())
    found = chosen.allocate(request)
    plain = Greedy("greedy", depth).allocate(request)
    assert found.slices == plain.slices
    assert found.posts == ()


def test_the_exceptions_are_strategies_of_the_table() -> None:
    assert set(OWN_THEORY) <= set(KINDS)
    assert set(SAMPLES) <= set(KINDS)


# ------------------------------------------------------------ one decision


def best_first(found: list[tuple[int, int]], sign: int) -> Levels:
    return tuple([(MID + sign * step, size) for step, size in sorted(found)])


@every_strategy
@settings(max_examples=12)
@given(drawn=venues, side=sides, qty=st.integers(1, 2_000), away=st.integers(-3, 9))
def test_no_child_exceeds_the_order_or_the_limit(
    kind: str, drawn: list[Any], side: Side, qty: int, away: int
) -> None:
    """Through the whole decision, with a silent pool and both sides of every book."""
    sign = 1 if side is Side.BUY else -1
    limit = MID + sign * away
    one, free = Fraction(1), (Fraction(1), Fraction(0))
    profiles = [
        VenueProfile(
            NAMES[n],
            visibility,
            ms,
            1,
            lot,
            (one, Fraction(fee, 10)),
            (one, Fraction(-fee, 10)),
            risk,
            Fraction(impact, 10),
            takes_resting=visibility == "lit",
        )
        for n, (_, visibility, ms, lot, fee, impact, risk, _) in enumerate(drawn)
    ]
    silent = VenueProfile("P", "dark", 5, 1, 1, free, free, silent=True)
    view = MarketView((*profiles, silent))
    for n, (found, *_) in enumerate(drawn):
        asks, bids = best_first(found, 1), best_first(found, -1)
        view.venues[NAMES[n]].on_quote(BookSnapshot(NAMES[n], 1, TimeNs(0), bids, asks))
    config = RouterConfig.model_validate_json(msgspec.json.encode({"strategy": config_of(kind)}))
    decider = Decider(view, (*profiles, silent), config, {})
    parent = Parent("P1", side, qty, limit, deadline_ns=1_000_000_000)
    found = decider.decide(parent, DecisionReason.INITIAL, 0)
    children = [child for _, child in found if child is not None]
    assert sum(child.order_qty for child in children) <= qty
    for child in children:
        assert child.order_qty > 0
        assert sign * child.price <= sign * limit
