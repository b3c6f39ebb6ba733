"""Order protection of one split: by hand, and against its definition by brute force."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from router.allocate.base import Offer
from router.core.profile import Visibility
from router.core.protection import Part, protect
from sim.audit.records import Protected
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels


def offer(venue_id: str, *levels: tuple[int, int], kind: Visibility = "lit", lot: int = 1) -> Offer:
    return Offer(venue_id, kind, 0, lot, levels, 1, 0, 0, Fraction(0))


def test_a_split_that_passes_nothing_by_stays_as_it_is() -> None:
    offers = [offer("A", (100, 50)), offer("B", (101, 50))]
    parts = (("A", 100, 50), ("B", 101, 10))
    assert protect(Side.BUY, parts, offers) == (parts, ())


def test_lots_move_from_the_worst_part_to_the_better_quote() -> None:
    offers = [offer("A", (100, 50), (103, 50)), offer("B", (101, 30))]
    parts = (("A", 100, 50), ("A", 103, 40))
    after, notes = protect(Side.BUY, parts, offers)
    assert after == (("A", 100, 50), ("A", 103, 10), ("B", 101, 30))
    assert notes == (Protected("B", 101, 30, 30),)


def test_a_seller_is_protected_the_other_way_round() -> None:
    offers = [offer("A", (100, 50), (97, 50)), offer("B", (99, 30))]
    after, notes = protect(Side.SELL, (("A", 100, 50), ("A", 97, 20)), offers)
    assert after == (("A", 100, 50), ("B", 99, 20))
    assert notes == (Protected("B", 99, 30, 20),), "no part is left that passes it by"


def test_the_best_price_of_a_venue_alone_is_protected() -> None:
    offers = [offer("A", (103, 90)), offer("B", (100, 10), (101, 50))]
    after, _ = protect(Side.BUY, (("A", 103, 60),), offers)
    assert after == (("A", 103, 50), ("B", 100, 10))


def test_deeper_lots_at_the_same_venue_count_since_its_best_ones_go_first() -> None:
    offers = [offer("A", (103, 90)), offer("B", (100, 10), (101, 50))]
    parts = (("A", 103, 60), ("B", 101, 10))
    assert protect(Side.BUY, parts, offers) == (parts, ())


def test_quotes_of_makers_and_dark_pools_protect_nobody_but_their_parts_may_pass_by() -> None:
    offers = [offer("A", (103, 90)), offer("M", (100, 10), kind="maker")]
    assert protect(Side.BUY, (("A", 103, 60),), offers) == ((("A", 103, 60),), ())
    offers = [offer("D", (103, 90), kind="dark"), offer("L", (102, 10))]
    assert protect(Side.BUY, (("D", 103, 60),), offers)[0] == (("D", 103, 50), ("L", 102, 10))


def test_lots_move_in_steps_that_both_venues_take() -> None:
    offers = [offer("A", (103, 90), lot=10), offer("B", (100, 29), lot=4)]
    after, notes = protect(Side.BUY, (("A", 103, 60),), offers)
    assert after == (("A", 103, 40), ("B", 100, 20))
    assert notes == (Protected("B", 100, 29, 20, "too_small"),)


def test_an_odd_lot_is_an_exception_that_the_record_names() -> None:
    offers = [offer("A", (103, 900), lot=100), offer("B", (100, 29), lot=100)]
    parts = (("A", 103, 600),)
    assert protect(Side.BUY, parts, offers) == (parts, (Protected("B", 100, 29, 0, "too_small"),))


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Side, tuple[Part, ...], list[Offer]]:
    """Any split over any venues: of a strategy that cares for no price."""
    side = draw(st.sampled_from([Side.BUY, Side.SELL]))
    offers, parts = [], []
    for venue_id in "ABCD"[: draw(st.integers(1, 4))]:
        lot = draw(st.sampled_from([1, 1, 2, 5]))
        best = draw(st.integers(95, 105))
        sizes = draw(st.lists(st.integers(1, 30), min_size=1, max_size=3))
        sign = 1 if side is Side.BUY else -1
        levels: Levels = tuple([(best + sign * n, qty) for n, qty in enumerate(sizes)])
        kind: Visibility = draw(st.sampled_from(["lit", "lit", "maker", "dark"]))
        offers.append(offer(venue_id, *levels, kind=kind, lot=lot))
        for price, _ in levels:
            if qty := lot * draw(st.integers(0, 8)):
                parts.append((venue_id, price, qty))
    return side, tuple(parts), offers


def _passed_by(side: Side, parts: tuple[Part, ...], venue_id: str, price: int) -> list[Part]:
    sign = 1 if side is Side.BUY else -1
    return [part for part in parts if part[0] != venue_id and sign * (part[1] - price) > 0]


def _at(parts: tuple[Part, ...], venue_id: str) -> int:
    return sum(part[2] for part in parts if part[0] == venue_id)


@given(_cases())
def test_no_split_passes_a_displayed_lit_quote_by(
    case: tuple[Side, tuple[Part, ...], list[Offer]],
) -> None:
    side, parts, offers = case
    after, notes = protect(side, parts, offers)
    lots = {one.venue_id: one.lot for one in offers}
    assert sum(part[2] for part in after) == sum(part[2] for part in parts), "the sum stays"
    assert all(qty > 0 for _, _, qty in after)
    assert all(_at(after, venue_id) % lot == 0 for venue_id, lot in lots.items())
    assert len({part[:2] for part in after}) == len(after)
    noted = {one.venue_id: one for one in notes}
    for one in offers:
        if one.visibility != "lit":
            assert one.venue_id not in noted
            assert _at(after, one.venue_id) <= _at(parts, one.venue_id)
            continue
        price, shown = one.levels[0]
        passing = _passed_by(side, after, one.venue_id, price)
        has = _at(after, one.venue_id)
        note = noted.get(one.venue_id)
        if passing and has < shown:  # the definition: nothing but what lots forbid is left to move
            assert note is not None
            assert note.exception == "too_small"
            lacks = shown - shown % one.lot - has
            for venue_id, _, qty in passing:
                steps = {n * one.lot for n in range(1, 40)}
                steps &= {n * lots[venue_id] for n in range(1, 40)}
                assert not any(step <= min(lacks, qty) for step in steps)
        else:
            assert note is None or note.exception is None
        if note is not None and note.moved_qty:
            assert has <= max(shown, _at(parts, one.venue_id))


@given(_cases())
def test_protection_does_not_depend_on_the_order_of_venues(
    case: tuple[Side, tuple[Part, ...], list[Offer]],
) -> None:
    side, parts, offers = case
    assert protect(side, parts, offers[::-1]) == protect(side, parts, offers)
