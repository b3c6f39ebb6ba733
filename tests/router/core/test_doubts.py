"""Which quotes the router doubts: old ones, mad ones, and those that meet each other."""

from fractions import Fraction
from typing import Any

import pytest

from router.core.doubts import Doubts
from router.core.profile import VenueProfile
from router.core.view import MarketView
from router.settings.market import MarketConfig
from sim.audit.records import Doubt
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.units import TimeNs

FREE = (Fraction(1), Fraction(0))
MS = 1_000_000


class Market:
    """Two lit venues and a silent dark one, and what is doubted of them."""

    def __init__(self, **config: Any) -> None:
        self.profiles = (
            VenueProfile("A", "lit", MS, 1, 1, FREE, FREE),
            VenueProfile("B", "lit", MS, 1, 1, FREE, FREE),
            VenueProfile("DARK", "dark", MS, 1, 1, FREE, FREE, silent=True),
        )
        self.view = MarketView(self.profiles)
        made = MarketConfig.model_validate(config)
        self.doubts = Doubts(self.view, self.profiles, made)
        self.seq = 0

    def shows(self, venue: str, bid: int | None, ask: int | None, **more: Any) -> bool:
        """Let a quote come; whether it is believed."""
        now = more.pop("now", 0)
        self.seq += 1
        quote = BookSnapshot(
            venue,
            more.pop("seq", self.seq),
            TimeNs(more.pop("published", now)),
            () if bid is None else ((bid, 100),),
            () if ask is None else ((ask, 100),),
        )
        believed = self.doubts.believes(quote, now)
        if believed:
            self.view.venues[venue].on_quote(quote)
        self.doubts.look(now)
        return believed

    def why(self, side: Side = Side.BUY) -> dict[str, str]:
        return self.doubts.out[side is Side.BUY]


@pytest.mark.parametrize("policy", ["take", "skip"])
@pytest.mark.parametrize(("ask", "how"), [(99, "crossed"), (100, "locked")])
def test_D01_quotes_that_meet_are_noted_and_left_out_if_so_asked(
    policy: str, ask: int, how: str
) -> None:
    market = Market(crossed=policy)
    market.shows("A", 100, 102)
    market.shows("B", 98, ask)
    assert market.doubts.told() == (Doubt("A", how, bid_px=100), Doubt("B", how, ask_px=ask))
    assert market.why(Side.BUY) == ({"B": how} if policy == "skip" else {})
    assert market.why(Side.SELL) == ({"A": how} if policy == "skip" else {})


def test_D01_a_venue_whose_own_sides_meet_is_left_out_for_both() -> None:
    market = Market(crossed="skip")
    market.shows("A", 105, 101)
    market.shows("B", 100, 106)
    assert market.doubts.told() == (Doubt("A", "crossed", 105, 101),)
    assert market.why(Side.BUY) == market.why(Side.SELL) == {"A": "crossed"}


def test_D01_who_was_left_out_may_be_used_as_soon_as_another_moves_away() -> None:
    market = Market(crossed="skip")
    market.shows("A", 100, 102)
    market.shows("B", 98, 99)
    away = BookSnapshot("A", 9, TimeNs(5), ((97, 100),), ((102, 100),))
    market.view.venues["A"].on_quote(away)
    assert market.doubts.look(5)
    assert not market.doubts.look(6)
    assert market.why() == {}


def test_D02_age_counts_from_the_last_new_book_state_by_the_routers_clock() -> None:
    market = Market(max_age="10ms")
    market.shows("A", 99, 101, now=5 * MS, seq=7)
    market.shows("B", 99, 101, now=5 * MS)
    market.shows("A", 99, 101, now=14 * MS, seq=7)  # an old state once more is no news
    market.doubts.look(15 * MS)
    assert market.why() == {}
    market.doubts.look(15 * MS + 1)
    assert market.why() == market.why(Side.SELL) == {"A": "stale", "B": "stale"}
    assert market.doubts.told()[0] == Doubt("A", "stale", silent_ns=10 * MS + 1)
    market.shows("A", 99, 101, now=16 * MS, seq=8)
    assert market.why() == {"B": "stale"}


def test_D02_a_venue_may_have_a_limit_of_its_own_and_a_silent_one_has_none() -> None:
    market = Market(max_age="10ms", venues=[{"venue": "B", "max_age": "1s"}])
    market.doubts.look(500 * MS)
    assert market.why() == {"A": "stale"}


def test_D02_a_stale_quote_makes_no_market_crossed() -> None:
    market = Market(max_age="10ms", crossed="skip")
    market.shows("A", 100, 102)
    market.shows("B", 98, 99, now=12 * MS)
    assert [(one.venue_id, one.reason) for one in market.doubts.told()] == [("A", "stale")]
    assert market.why() == {"A": "stale"}


def test_D08_a_quote_that_jumps_is_not_believed_and_the_last_good_one_stands() -> None:
    market = Market(max_jump="10")
    assert market.shows("A", 100, 102)
    assert not market.shows("A", 100_000, 102_000)
    quote = market.view.venues["A"].quote
    assert quote is not None
    assert quote.bids == ((100, 100),)
    assert market.doubts.told() == (Doubt("A", "jumped", 100_000, 102_000),)
    assert not market.shows("A", 9, 102)
    assert market.shows("A", 1_000, 1_020)  # ten times: not more than that
    assert market.doubts.told() == ()


def test_D08_an_empty_side_is_no_jump_and_is_compared_with_what_was_last_there() -> None:
    market = Market(max_jump="10")
    assert market.shows("A", 100, 102)
    assert market.shows("A", None, 103)
    assert not market.shows("A", 5_000, 103)
    assert market.shows("A", 101, 103)


def test_D09_a_label_of_the_venues_clock_makes_nothing_old_or_new() -> None:
    market = Market(max_age="10ms")
    day = 86_400_000 * MS
    for published in (-day, day, 0):
        market.shows("A", 99, 101, now=50 * MS, published=published)
        market.doubts.look(60 * MS)
        assert "A" not in market.why()
        market.doubts.look(60 * MS + 1)
        assert market.why()["A"] == "stale"
