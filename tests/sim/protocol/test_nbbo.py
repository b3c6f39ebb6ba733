"""The best prices over venues, as one observer has received them."""

from hypothesis import given
from hypothesis import strategies as st

from sim.protocol.nbbo import Nbbo


def test_best_prices_follow_each_venue_up_and_down() -> None:
    nbbo = Nbbo()
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (None, None, None)
    nbbo.on_touch("A", 100, 103)
    nbbo.on_touch("B", 101, 104)
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (101, 103, 204)
    nbbo.on_touch("B", 99, None)
    assert (nbbo.bid, nbbo.ask) == (100, 103)
    nbbo.on_touch("A", None, 105)
    assert (nbbo.bid, nbbo.ask) == (99, 105)


def test_quotes_that_cross_are_shown_as_they_came() -> None:
    nbbo = Nbbo()
    nbbo.on_touch("A", 105, 106)
    nbbo.on_touch("B", 99, 101)
    assert (nbbo.bid, nbbo.ask, nbbo.mid_half_ticks) == (105, 101, 206)


touches = st.lists(
    st.tuples(
        st.sampled_from("ABCD"),
        st.none() | st.integers(95, 101),
        st.none() | st.integers(99, 105),
    ),
    max_size=60,
)


@given(touches)
def test_the_best_prices_are_those_of_a_look_at_all_venues(
    drawn: list[tuple[str, int | None, int | None]],
) -> None:
    nbbo = Nbbo()
    shown: dict[str, tuple[int | None, int | None]] = {}
    for venue_id, bid, ask in drawn:
        nbbo.on_touch(venue_id, bid, ask)
        shown[venue_id] = bid, ask
        bids = [one for one, _ in shown.values() if one is not None]
        asks = [one for _, one in shown.values() if one is not None]
        assert nbbo.bid == max(bids, default=None)
        assert nbbo.ask == min(asks, default=None)


def test_of_two_venues_at_the_best_price_either_may_leave() -> None:
    for first in "AB":
        nbbo = Nbbo()
        nbbo.on_touch("A", 100, 102)
        nbbo.on_touch("B", 100, 102)
        nbbo.on_touch(first, None, None)
        assert (nbbo.bid, nbbo.ask) == (100, 102)
        nbbo.on_touch("B" if first == "A" else "A", None, None)
        assert (nbbo.bid, nbbo.ask) == (None, None)


@given(touches, touches)
def test_touches_that_come_together_are_those_that_come_one_by_one(
    first: list[tuple[str, int | None, int | None]],
    then: list[tuple[str, int | None, int | None]],
) -> None:
    together, one_by_one = Nbbo(), Nbbo()
    for nbbo in (together, one_by_one):
        for touch in first:
            nbbo.on_touch(*touch)
    for touch in then:
        one_by_one.on_touch(*touch)
    if then:
        together.on_touches(then)
    assert (together.bid, together.ask) == (one_by_one.bid, one_by_one.ask)
    for nbbo in (together, one_by_one):  # and both go on alike
        nbbo.on_touch("A", None, None)
    assert (together.bid, together.ask) == (one_by_one.bid, one_by_one.ask)
