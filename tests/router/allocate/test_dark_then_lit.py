"""What a dark pool did not fill: better pools first, then lit, then makers, then other pools."""

from router.allocate.base import USUAL_TIE, Allocation, AllocationRequest, Depth, Offer
from router.allocate.dark_then_lit import dark_then_lit
from router.core.profile import Visibility
from sim.protocol.enums import Side


def offer(venue_id: str, kind: Visibility, *levels: tuple[int, int], fee: int = 0) -> Offer:
    return Offer(venue_id, kind, 1, 1, levels, 1, fee)


def split(
    qty: int,
    *offers: Offer,
    short: set[str],
    side: Side = Side.BUY,
    depth: Depth = "full",
) -> Allocation:
    return dark_then_lit(AllocationRequest(side, qty, offers, depth, USUAL_TIE), short)


LIT = offer("LIT", "lit", (100, 10), (101, 90))
SHORT = offer("SHORT", "dark", (98, 10))


def test_another_pool_with_a_better_price_comes_first() -> None:
    pool = offer("POOL", "dark", (99, 10))
    assert split(15, LIT, SHORT, pool, short={"SHORT"}).slices == (
        ("POOL", 99, 10),
        ("LIT", 100, 5),
    )


def test_a_pool_that_is_no_better_is_passed_over_for_lit() -> None:
    pool = offer("POOL", "dark", (100, 50))
    assert split(15, LIT, SHORT, pool, short={"SHORT"}).slices == (
        ("LIT", 100, 10),
        ("LIT", 101, 5),
    )


def test_only_the_levels_that_are_better_come_before_lit() -> None:
    pool = offer("POOL", "dark", (99, 10), (101, 50))
    assert split(15, LIT, pool, short=set()).slices == (("POOL", 99, 10), ("LIT", 100, 5))


def test_better_means_after_fees() -> None:
    pool = offer("POOL", "dark", (99, 50), fee=1)
    assert split(5, LIT, pool, short=set()).slices == (("LIT", 100, 5),)


def test_a_seller_looks_for_higher_bids() -> None:
    bids = offer("LIT", "lit", (100, 10)), offer("POOL", "dark", (101, 4))
    found = split(15, *bids, short=set(), side=Side.SELL)
    assert found.slices == (("POOL", 101, 4), ("LIT", 100, 10))


def test_makers_and_then_the_other_pools_come_after_lit() -> None:
    maker, dear = offer("MAKER", "maker", (99, 10)), offer("DEAR", "dark", (105, 10))
    found = split(130, dear, SHORT, maker, LIT, short={"SHORT"})
    assert found.slices == (
        ("LIT", 100, 10),
        ("LIT", 101, 90),
        ("MAKER", 99, 10),
        ("SHORT", 98, 10),
        ("DEAR", 105, 10),
    )


def test_without_a_lit_price_every_other_pool_is_better() -> None:
    found = split(15, SHORT, offer("POOL", "dark", (120, 10)), short={"SHORT"})
    assert found.slices == (("POOL", 120, 10), ("SHORT", 98, 5))


def test_top_uses_the_best_level_of_each_only() -> None:
    found = split(99, LIT, offer("POOL", "dark", (98, 5), (99, 5)), short=set(), depth="top")
    assert found.slices == (("POOL", 98, 5), ("LIT", 100, 10))
