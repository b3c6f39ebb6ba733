from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from router.core.view import MarketView, VenueView
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs

FREE = (Fraction(1), Fraction(0))


def profile(venue_id: str = "V", visibility: str = "lit") -> VenueProfile:
    return VenueProfile(venue_id, visibility, 1, 1, 1, FREE, FREE)  # type: ignore[arg-type]


def quote(seq: int, asks: Levels, bids: Levels = (), venue_id: str = "V") -> BookSnapshot:
    return BookSnapshot(venue_id, seq, TimeNs(0), bids, asks)


def child(qty: int, price: int, name: str = "c", side: Side = Side.BUY) -> Child:
    parent = Parent("P", side, 1000)
    return Child(name, parent, "V", side, qty, price, 1, qty)


@pytest.fixture
def view() -> VenueView:
    view = VenueView(profile())
    view.on_quote(quote(5, ((100, 10), (101, 20))))
    return view


def test_without_own_orders_everything_shown_is_available(view: VenueView) -> None:
    assert view.available(Side.BUY) == ((100, 10), (101, 20))
    assert view.available(Side.SELL) == ()


def test_what_an_open_child_may_take_is_not_available(view: VenueView) -> None:
    view.on_sent(child(15, 101))
    assert view.available(Side.BUY) == ((101, 15),)


def test_an_open_child_takes_nothing_beyond_its_limit(view: VenueView) -> None:
    view.on_sent(child(15, 100))
    assert view.available(Side.BUY) == ((101, 20),)


def test_a_child_on_the_other_side_takes_nothing(view: VenueView) -> None:
    view.on_sent(child(15, 101, side=Side.SELL))
    assert view.available(Side.BUY) == ((100, 10), (101, 20))


def test_a_fill_is_subtracted_until_a_quote_holds_it(view: VenueView) -> None:
    view.on_fill(Side.BUY, 100, 4, venue_seq=7)
    assert view.available(Side.BUY) == ((100, 6), (101, 20))
    view.on_quote(quote(6, ((100, 10), (101, 20))))
    assert view.available(Side.BUY) == ((100, 6), (101, 20))
    view.on_quote(quote(7, ((100, 6), (101, 20))))
    assert view.available(Side.BUY) == ((100, 6), (101, 20))


def test_a_fill_that_the_quote_holds_already_is_not_subtracted_again(view: VenueView) -> None:
    view.on_fill(Side.BUY, 100, 4, venue_seq=5)
    assert view.available(Side.BUY) == ((100, 10), (101, 20))


def test_a_level_that_filled_short_is_not_used_on_the_old_quote(view: VenueView) -> None:
    view.on_short(Side.BUY, 100, venue_seq=5)
    assert view.available(Side.BUY) == ((101, 20),)
    view.on_quote(quote(5, ((100, 10), (101, 20))))
    assert view.available(Side.BUY) == ((101, 20),)
    view.on_quote(quote(6, ((100, 10), (101, 20))))
    assert view.available(Side.BUY) == ((100, 10), (101, 20))


def test_two_short_fills_leave_out_what_either_reached(view: VenueView) -> None:
    view.on_short(Side.BUY, 101, venue_seq=5)
    view.on_short(Side.BUY, 100, venue_seq=6)
    assert view.available(Side.BUY) == ()


def test_each_short_fill_is_forgotten_with_its_own_book_state(view: VenueView) -> None:
    """An old mark must not live on in a newer one with a tighter limit."""
    view.on_short(Side.BUY, 105, venue_seq=5)
    view.on_short(Side.BUY, 100, venue_seq=6)
    view.on_quote(quote(6, ((103, 30),)))
    assert view.available(Side.BUY) == ((103, 30),)


def test_children_with_the_tightest_limit_take_first(view: VenueView) -> None:
    view.on_sent(child(10, 101, "wide"))
    view.on_sent(child(10, 100, "tight"))
    assert view.available(Side.BUY) == ((101, 10),)


def test_a_child_that_is_done_takes_nothing_any_more(view: VenueView) -> None:
    one = child(15, 101)
    view.on_sent(one)
    one.leaves_qty = 0
    view.on_less(one, 15)
    assert view.available(Side.BUY) == ((100, 10), (101, 20))
    assert not view.flying


def test_an_older_quote_is_not_taken(view: VenueView) -> None:
    assert not view.on_quote(quote(4, ((99, 1),)))
    assert view.available(Side.BUY) == ((100, 10), (101, 20))


def test_only_displayed_lit_quotes_make_the_best_prices() -> None:
    market = MarketView((profile("LIT"), profile("DARK", "dark"), profile("MM", "maker")))
    for venue_id, bid, ask in (("LIT", 98, 102), ("DARK", 99, 101), ("MM", 100, 101)):
        market.venues[venue_id].on_quote(quote(1, ((ask, 1),), ((bid, 1),), venue_id=venue_id))
    assert (market.best_bid(), market.best_ask()) == (98, 102)
    assert market.best_against(Side.BUY) == 102
    assert market.best_against(Side.SELL) == 98


def test_D03_an_empty_side_has_no_best_price() -> None:
    market = MarketView((profile("LIT"),))
    assert market.best_bid() is None
    assert market.best_ask() is None


levels = st.lists(st.tuples(st.integers(95, 105), st.just(1)), max_size=1).map(tuple)
changes = st.lists(
    st.tuples(st.sampled_from("ABC"), levels, levels, st.booleans(), st.booleans()), max_size=20
)


@given(changes)
def test_the_best_prices_are_those_of_the_newest_quotes_however_often_one_asks(
    drawn: list[tuple[str, Levels, Levels, bool, bool]],
) -> None:
    market = MarketView(tuple([profile(name) for name in "ABC"]))
    for seq, (name, bids, asks, drops, asks_now) in enumerate(drawn):
        venue = market.venues[name]
        venue.on_quote(quote(seq, asks, bids, name))
        if drops:
            venue.drop_quote()
        if asks_now or seq == len(drawn) - 1:
            known = [v.quote for v in market.venues.values() if v.quote is not None]
            bid = max([q.bids[0][0] for q in known if q.bids], default=None)
            ask = min([q.asks[0][0] for q in known if q.asks], default=None)
            assert (market.best_bid(), market.best_ask()) == (bid, ask)


def test_a_quote_that_is_dropped_shows_nothing_until_a_newer_one(view: VenueView) -> None:
    view.drop_quote()
    assert view.available(Side.BUY) == ()
    view.on_quote(quote(6, ((99, 1),)))
    assert view.available(Side.BUY) == ((99, 1),)


def test_what_is_available_is_worked_out_again_when_something_of_ours_changes(
    view: VenueView,
) -> None:
    one = child(15, 101)
    view.on_sent(one)
    assert view.available(Side.BUY) is view.available(Side.BUY), "nothing changed: kept"
    view.on_less(one, 5)
    assert view.available(Side.BUY) == ((101, 20),)
    view.on_fill(Side.BUY, 101, 3, venue_seq=6)
    assert view.available(Side.BUY) == ((101, 17),)
    view.on_short(Side.BUY, 101, venue_seq=6)
    assert view.available(Side.BUY) == ()
    view.on_quote(quote(7, ((102, 9),)))
    assert view.available(Side.BUY) == ((102, 9),)
