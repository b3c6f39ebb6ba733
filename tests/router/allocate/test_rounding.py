"""D12: where an allocation rounds, its sum is exact, and what is over is nobody's but the parent's.

Every strategy walks levels; each slice is rounded down to whole lots of its venue, and what that
leaves goes on to the next level. So the slices and the rest are the quantity, to the lot.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from router.allocate import STRATEGIES, StrategyConfig
from router.allocate.base import USUAL_TIE, Allocation, AllocationRequest, Offer
from sim.protocol.config import ScenarioModel
from sim.protocol.enums import Side


def _is_needed(kind: type[ScenarioModel], key: str) -> bool:
    return key in kind.model_fields and kind.model_fields[key].is_required()


_ADAPTER: TypeAdapter[Any] = TypeAdapter(StrategyConfig)
NEEDED: dict[str, Any] = {
    "venue": "V0",
    "horizon": "1s",
    "outflow": {"law": "poisson", "mean": 10},
    "lambda_under": "0.05",
    "lambda_over": "0.05",
}
"""Keys without a default."""
CONFIGS: list[dict[str, Any]] = [
    {"kind": kind.model_fields["kind"].annotation.__args__[0]}  # type: ignore[union-attr]
    | {key: value for key, value in NEEDED.items() if _is_needed(kind, key)}
    for kind in STRATEGIES
]


def allocate(config: dict[str, Any], qty: int, offers: tuple[Offer, ...]) -> Allocation:
    chosen = _ADAPTER.validate_python(config).build()
    found: Allocation = chosen.allocate(
        AllocationRequest(Side.BUY, qty, offers, chosen.depth, USUAL_TIE)
    )
    return found


def offers(*venues: tuple[int, tuple[tuple[int, int], ...]]) -> tuple[Offer, ...]:
    """An offer per (lot, levels)."""
    return tuple(
        [Offer(f"V{n}", "lit", n, lot, levels, 1, 0) for n, (lot, levels) in enumerate(venues)]
    )


levels = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 50)), max_size=4, unique_by=lambda level: level[0]
).map(lambda found: tuple(sorted(found)))
venues = st.lists(st.tuples(st.sampled_from([1, 2, 3, 5, 7, 100]), levels), max_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config["kind"])
@given(qty=st.integers(1, 200), made=venues)
def test_D12_slices_and_rest_are_the_quantity_and_no_lot_that_fits_is_left(
    config: dict[str, Any], qty: int, made: list[tuple[int, tuple[tuple[int, int], ...]]]
) -> None:
    given_offers = offers(*made)
    found = allocate(config, qty, given_offers)
    taken = {(venue_id, price): lots for venue_id, price, lots in found.slices}
    assert len(taken) == len(found.slices), "a level is named once"
    rest = qty - sum(taken.values())
    assert rest >= 0
    usable = {venue_id for venue_id, _, _ in found.slices} | set(found.ranking)
    full = _ADAPTER.validate_python(config).build().depth == "full"
    for offer in given_offers:
        assert all(
            taken.get((offer.venue_id, price), 0) % offer.lot == 0 for price, _ in offer.levels
        )
        if offer.venue_id in usable:
            for price, size in offer.levels if full else offer.levels[:1]:
                left_there = size - taken.get((offer.venue_id, price), 0)
                assert left_there >= 0
                assert rest < offer.lot or left_there < offer.lot


@pytest.mark.parametrize(
    ("qty", "lots", "sizes", "split", "refused"),
    [
        # fewer lots than venues
        (2, (1, 1, 1), (1, 1, 1), {"V0": 1, "V1": 1}, {"V2": "ranked_behind"}),
        # one lot
        (1, (1, 1), (9, 9), {"V0": 1}, {"V1": "ranked_behind"}),
        (1, (5, 1), (10, 10), {"V1": 1}, {"V0": "too_small"}),
        # what one lot leaves goes to the next
        (7, (5, 1), (10, 10), {"V0": 5, "V1": 2}, {}),
        (13, (5, 3, 2), (10, 10, 10), {"V0": 10, "V1": 3}, {"V2": "ranked_behind"}),
        # an odd lot that nobody takes stays with the parent
        (7, (5, 5), (10, 10), {"V0": 5}, {"V1": "too_small"}),
        (4, (5, 5), (10, 10), {}, {"V0": "too_small", "V1": "too_small"}),
        # less there than one lot
        (10, (5, 1), (3, 10), {"V1": 10}, {"V0": "too_small"}),
    ],
)
def test_D12_odd_lots(
    qty: int,
    lots: tuple[int, ...],
    sizes: tuple[int, ...],
    split: dict[str, int],
    refused: dict[str, str],
) -> None:
    made = offers(*[(lot, ((100, size),)) for lot, size in zip(lots, sizes, strict=True)])
    found = allocate({"kind": "greedy"}, qty, made)
    assert {venue_id: taken for venue_id, _, taken in found.slices} == split
    assert dict(found.refused) == refused
