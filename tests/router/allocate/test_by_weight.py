"""``pro_rata`` and ``split_evenly``: how much each venue gets, and from which of its levels."""

from router.allocate.base import USUAL_TIE, Allocation, AllocationRequest, Depth, Offer
from router.allocate.pro_rata import ProRata
from router.allocate.split_evenly import SplitEvenly
from sim.protocol.enums import Side


def offer(venue_id: str, *levels: tuple[int, int], lot: int = 1) -> Offer:
    return Offer(venue_id, "lit", 1, lot, levels, 1, 0)


def split(
    chosen: type[ProRata | SplitEvenly], qty: int, *offers: Offer, depth: Depth = "full"
) -> Allocation:
    request = AllocationRequest(Side.BUY, qty, offers, depth, USUAL_TIE)
    return chosen(depth).allocate(request)


SHOWN = offer("A", (102, 600)), offer("B", (100, 100), (101, 200)), offer("C", (101, 100))


def test_pro_rata_splits_by_what_is_shown_whatever_the_price() -> None:
    found = split(ProRata, 500, *SHOWN)
    assert found.slices == (("B", 100, 100), ("B", 101, 50), ("C", 101, 50), ("A", 102, 300))
    assert found.ranking == ("B", "C", "A"), "named by their best level all the same"
    assert found.refused == ()


def test_pro_rata_by_best_levels_counts_these_alone() -> None:
    found = split(ProRata, 80, *SHOWN, depth="top")
    assert found.slices == (("B", 100, 10), ("C", 101, 10), ("A", 102, 60))


def test_an_even_split_goes_on_where_a_venue_shows_less_than_its_part() -> None:
    found = split(SplitEvenly, 500, *SHOWN)
    assert found.slices == (("B", 100, 100), ("B", 101, 100), ("C", 101, 100), ("A", 102, 200))


def test_an_odd_lot_goes_to_the_better_price() -> None:
    assert split(SplitEvenly, 4, *SHOWN).slices == (("B", 100, 2), ("C", 101, 1), ("A", 102, 1))


def test_a_part_that_comes_to_no_lot_is_refused_as_too_small() -> None:
    offers = offer("A", (100, 300), lot=100), offer("B", (101, 900))
    found = split(ProRata, 90, *offers)
    assert found.slices == (("B", 101, 90),)
    assert found.refused == (("A", "too_small"),)


def test_more_than_is_shown_takes_all_that_is_shown() -> None:
    for chosen in (ProRata, SplitEvenly):
        found = split(chosen, 5_000, *SHOWN)
        assert sum(qty for _, _, qty in found.slices) == 1_000


def test_odd_lots_of_a_level_are_left_to_others() -> None:
    offers = offer("A", (100, 250), (101, 370), lot=100), offer("B", (102, 900))
    found = split(ProRata, 1_000, *offers)
    assert found.slices == (("A", 100, 200), ("A", 101, 100), ("B", 102, 700))
    whole = split(SplitEvenly, 1_300, *offers)
    assert whole.slices == (("A", 100, 200), ("A", 101, 300), ("B", 102, 800))
