"""A small scenario for each cause, in which it can be no other.

Unless a test says otherwise, P wants 100 at 20 ms, and every way takes 5 ms: what happens at A
before 15 ms is known as P is decided, before 20 ms it is not, and before 25 ms it happens while the
child is on its way.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.report.attribution.attribute import ChildShort

if TYPE_CHECKING:
    from tests.sim.report.attribution.conftest import Attribute

Data = dict[str, Any]
Make = Callable[..., Data]
Told = Callable[..., ChildShort]
BLIND = {"strategy": {"kind": "greedy"}, "blind": {}}


def sell(at: str, name: str, qty: int, price: str = "100.00", **more: Any) -> Data:
    return {"at": at, "id": name, "side": "sell", "qty": qty, "price": price, **more}


def buy(at: str, name: str, qty: int, price: str = "100.00") -> Data:
    return {"at": at, "id": name, "side": "buy", "qty": qty, "price": price, "tif": "IOC"}


def script(*orders: Data) -> Data:
    return {"flow": [{"kind": "scripted", "orders": list(orders)}]}


def cancel(at: str, name: str) -> Data:
    return {"at": at, "cancel": name}


def leg(ms: int) -> Data:
    one = {"model": "fixed", "delay": f"{ms}ms"}
    return {"order": one, "report": one, "feed": one}


def pool(venue_id: str = "POOL", *asks: list[Any], ms: int = 5, **more: Any) -> Data:
    book = {"asks": [list(one) for one in asks]}
    return {"id": venue_id, "kind": "dark", "latency": leg(ms), "book": book, **more}


@pytest.fixture
def told(market: Make, attributed: "Attribute") -> Told:
    """``told(*venues, name=..., **scenario)``: what is said of one child, the first at A."""

    def run(*venues: Data, name: str = "P.A.1", **more: Any) -> ChildShort:
        found = attributed(market(list(venues), **{"at": "20ms", "duration": "1s", **more}))
        for parent in found.parents.values():
            row = parent.row()
            assert sum(row["causes"].values()) == row["short_shares"]
        return found.children[name]

    return run


def causes(found: ChildShort) -> dict[str, int]:
    causes = found.row()["causes"]
    assert sum(causes.values()) == found.short_qty
    assert isinstance(causes, dict)
    return causes


# ------------------------------------------------------------ between the quote and the arrival


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        (cancel("19ms", "X"), "stale_quote"),
        (buy("19ms", "B", 70), "stale_quote"),
        (cancel("20ms", "X"), "stale_quote"),
        (cancel("21ms", "X"), "gone_before_arrival"),
        (buy("21ms", "B", 70), "taken_by_others"),
        (buy("25ms", "B", 70), "taken_by_others"),
    ],
)
def test_when_and_how_lots_went_is_the_cause(told: Told, lit: Make, what: Data, cause: str) -> None:
    venue = lit("A", [["100.00", 30]], **script(sell("1ms", "X", 70), what))
    found = told(venue)
    assert causes(found) == {cause: 70}
    (loss,) = found.row()["losses"]
    assert f"{loss['t_ns'] // 1_000_000}ms" == what["at"]
    assert found.row()["quote"] == {
        "venue_seq": 2,
        "age_ns": 19_000_000,
        "shown_px": "100.00",
        "within_limit_qty": 100,
        "levels": [["100.00", 100]],
    }
    assert found.age_on_arrival_ns == 24_000_000
    assert found.row()["arrival"]["levels"] == [["100.00", 30]]


def test_several_things_happen_and_what_nobody_needed_harms_nobody(told: Told, lit: Make) -> None:
    """150 are shown. The first 50 to go were a reserve; of the next 80 each has its cause."""
    does = script(
        sell("1ms", "X", 80),
        sell("2ms", "Y", 10),
        sell("3ms", "Z", 10),
        cancel("16ms", "X"),
        buy("21ms", "B", 40),
        cancel("22ms", "Y"),
    )
    found = told(lit("A", [["100.00", 50]], **does))
    assert causes(found) == {"stale_quote": 30, "gone_before_arrival": 10, "taken_by_others": 40}


def test_lots_that_come_back_make_up_for_the_last_that_went(told: Told, lit: Make) -> None:
    does = script(buy("18ms", "B", 30), buy("21ms", "C", 30), sell("22ms", "X", 35))
    found = told(lit("A", [["100.00", 100]], **does))
    assert causes(found) == {"stale_quote": 25}


def test_a_seller_reads_the_other_side(told: Told, lit: Make) -> None:
    hit = {"at": "21ms", "id": "S", "side": "sell", "qty": 60, "price": "99.99", "tif": "IOC"}
    more = {"at": "21ms", "id": "B", "side": "buy", "qty": 10, "price": "100.00", "tif": "IOC"}
    venue = lit("A", [["100.00", 10]], **script(more, hit))
    venue["book"]["bids"] = [["99.99", 100]]
    assert causes(told(venue, side="sell")) == {"taken_by_others": 60}


def test_deeper_lots_that_are_missing_on_arrival_were_withdrawn(told: Told, lit: Make) -> None:
    does = script(sell("1ms", "X", 70, "100.01"), cancel("21ms", "X"))
    assert causes(told(lit("A", [["100.00", 30]], **does))) == {"gone_before_arrival": 70}


def test_with_whole_books_deeper_lots_are_known_to_be_stale(told: Told, lit: Make) -> None:
    does = script(sell("1ms", "X", 70, "100.01"), cancel("19ms", "X"))
    venue = lit("A", [["100.00", 30]], **does)
    assert causes(told(venue)) == {"gone_before_arrival": 70}, "the touch does not tell when"
    found = told(venue, audit={"market_data": "full"})
    assert causes(found) == {"stale_quote": 70}


# ------------------------------------------------------------ makers and siblings


def maker(**more: Any) -> Data:
    legs = {leg: {"model": "fixed", "delay": "100us"} for leg in ("order", "report", "feed")}
    return {
        "id": "MAKER",
        "kind": "market_maker",
        "latency": legs,
        "venues": [{"venue": "NEAR"}, {"venue": "A"}],
        "half_spread": "0.01",
        "start": "100.00",
        "qty": 60,
        "fade": "cancel",
        **more,
    }


@pytest.mark.parametrize("learns", ["fills", "trades"])
def test_a_maker_that_gives_way_after_our_fill_elsewhere_has_faded(
    told: Told, lit: Make, learns: str
) -> None:
    venues = lit("NEAR", ms=1), lit("A", ms=5)
    found = told(*venues, participants=[maker(learns=learns)], qty=120)
    assert causes(found) == {"faded": 60}
    (loss,) = found.losses
    assert (loss.who, loss.t_ns) == ("MAKER", 21_200_000), "our fill, 0.1 ms, 0.1 ms"


def test_a_maker_that_gives_way_after_a_fill_of_others_is_gone_and_no_more(
    told: Told, lit: Make
) -> None:
    near = lit("NEAR", ms=1, **script(buy("20500us", "B", 60, "100.01")))
    found = told(near, lit("A", ms=5), participants=[maker()], qty=120)
    assert causes(found) == {"gone_before_arrival": 60}


def test_a_fill_of_others_long_after_ours_is_theirs(told: Told, lit: Make) -> None:
    """We take NEXT's 60 at NEAR; at 300 ms others take the maker's 60, and it leaves A, too."""
    next_to = script(sell("1ms", "NEXT", 60, "100.00"), buy("300ms", "B", 60, "100.01"))
    parents = [
        {"id": "Q", "side": "buy", "qty": 60, "at": "20ms", "limit": "100.00"},
        {"id": "P", "side": "buy", "qty": 120, "at": "296ms"},
    ]
    venues = lit("NEAR", ms=5, **next_to), lit("A", ms=5)
    found = told(*venues, participants=[maker()], parents=parents)
    assert causes(found) == {"gone_before_arrival": 60}


def test_of_several_makers_the_one_is_named_whose_cancel_comes_then(told: Told, lit: Make) -> None:
    """100 of 120 are wanted at A: of QUICK's 60 the first 20 are a reserve, MAKER's go later."""
    quick = {**maker(), "id": "QUICK"}
    slow = {leg: {"model": "fixed", "delay": "300us"} for leg in ("order", "report", "feed")}
    venues = lit("NEAR", ms=1), lit("A", ms=5)
    router = {"strategy": {"kind": "pro_rata"}}
    more = {"participants": [quick, {**maker(), "latency": slow}], "router": router}
    found = told(*venues, **more, qty=200)
    assert [(one.cause.value, one.who, one.qty, one.t_ns) for one in found.losses] == [
        ("faded", "QUICK", 40, 21_200_000),
        ("faded", "MAKER", 60, 21_600_000),
    ]


def test_others_who_took_are_named_where_their_own_record_tells(told: Told, lit: Make) -> None:
    """A still shows 100.00 when MOVED bids 100.05, and an arbitrageur takes of it before us."""
    legs = {leg: {"model": "fixed", "delay": "500us"} for leg in ("order", "report", "feed")}
    quick = {
        "id": "QUICK",
        "kind": "latency_arbitrageur",
        "latency": legs,
        "venues": [{"venue": "MOVED"}, {"venue": "A"}],
        "edge": "0.01",
        "qty": 100,
        "hedge": False,
    }
    bid = {"at": "21ms", "id": "B", "side": "buy", "qty": 500, "price": "100.05"}
    venues = lit("MOVED", [["100.09", 10]], **script(bid)), lit("A", [["100.00", 100]])
    found = told(*venues, participants=[quick])
    assert causes(found) == {"taken_by_others": 100}
    assert [(one.who, one.t_ns) for one in found.losses] == [("QUICK", 22_000_000)]


def test_who_else_withdraws_more_than_the_maker_shows_has_not_faded(told: Told, lit: Make) -> None:
    does = script(sell("1ms", "X", 25, "100.01"), cancel("22ms", "X"))
    found = told(lit("NEAR", ms=1), lit("A", **does), participants=[maker()], qty=145)
    assert causes(found) == {"gone_before_arrival": 25, "faded": 60}


def test_a_sibling_that_took_first_is_named(told: Told, lit: Make) -> None:
    """Both parents ask a pool that shows nothing, the second for what the first has taken."""
    parents = [
        {"id": "P", "side": "buy", "qty": 70, "at": "20ms"},
        {"id": "Q", "side": "buy", "qty": 70, "at": "21ms"},
    ]
    venues = lit("LIT", [["100.02", 500]]), pool("POOL", ["100.00", 100])
    found = told(*venues, router=BLIND, parents=parents, name="Q.POOL.1")
    assert causes(found) == {"own_sibling": 40}
    assert [one.who for one in found.losses] == ["P.POOL.1"]


def test_lots_that_a_sibling_on_the_way_may_take_are_nobodys_loss(told: Told, lit: Make) -> None:
    """P is on its way to 60 of 100; others take 20: that is what Q, who comes for 40, lacks."""
    parents = [
        {"id": "Q", "side": "buy", "qty": 60, "at": "20ms"},
        {"id": "P", "side": "buy", "qty": 40, "at": "21ms"},
    ]
    venue = lit("A", [["100.00", 100]], **script(buy("22ms", "B", 20)))
    assert causes(told(venue, parents=parents)) == {"taken_by_others": 20}


# ------------------------------------------------------------ rules of venues


@pytest.mark.parametrize(
    ("sending", "order"),
    [({"min_qty": {"dark": 50}}, {}), ({}, {"min_qty": 150})],
)
def test_what_a_pool_indicates_and_may_not_trade_is_a_minimum_quantity(
    told: Told, sending: Data, order: Data
) -> None:
    """Either the child asks for no less than 50 at a time, or the order there for 150."""
    first = sell("1ms", "X", 180 if order else 40, **order)
    venue = pool("A", ["100.01", 60], indications=True, **script(first))
    router = {"strategy": {"kind": "greedy"}, "sending": sending}
    lost = 100 if order else 40
    assert causes(told(venue, router=router)) == {"min_qty": lost}


def test_an_order_below_the_minimum_is_refused_for_it(told: Told) -> None:
    venue = pool("A", ["100.00", 200], indications=True, min_qty=150)
    found = told(venue)
    assert causes(found) == {"min_qty": 100}
    assert found.row()["reject_reason"] == "incorrect_quantity"


def test_a_silent_pool_whose_own_lots_are_too_few_for_the_minimum(told: Told, lit: Make) -> None:
    venues = lit("LIT", [["100.02", 500]]), pool("A", ["100.00", 30])
    router = {**BLIND, "sending": {"min_qty": {"dark": 50}}}
    assert causes(told(*venues, router=router)) == {"min_qty": 30, "not_shown": 70}


def test_a_displayed_order_that_trades_whole_or_not_at_all(told: Told, lit: Make) -> None:
    venue = lit("A", **script(sell("1ms", "X", 150, all_or_none=True)))
    assert causes(told(venue)) == {"min_qty": 100}


def test_a_minimum_of_our_own_keeps_small_orders_away(told: Told, lit: Make) -> None:
    venue = lit("A", **script(*[sell("1ms", f"X{n}", 25) for n in range(4)]))
    router = {"strategy": {"kind": "greedy"}, "sending": {"min_qty": {"lit": 50}}}
    assert causes(told(venue, router=router)) == {"min_qty": 100}


def test_a_venue_that_is_halted_on_arrival(told: Told, lit: Make) -> None:
    venue = lit("A", [["100.00", 100]], trading={"halts": [{"at": "22ms", "until": "400ms"}]})
    found = told(venue)
    assert causes(found) == {"halt": 100}
    assert found.row()["reject_reason"] == "exchange_closed"


def test_a_halt_that_is_over_on_arrival_costs_nothing(told: Told, lit: Make) -> None:
    venue = lit("A", [["100.00", 100]], trading={"halts": [{"at": "21ms", "until": "24ms"}]})
    assert causes(told(venue)) == {}


def test_a_price_band_keeps_an_order_out(told: Told, lit: Make) -> None:
    venue = lit("A", [["100.00", 50], ["100.10", 50]], price_band="0.05")
    found = told(venue)
    assert causes(found) == {"price_limit": 100}
    assert found.row()["reject_reason"] == "price_exceeds_band"


def test_an_order_too_large_for_the_venue_is_refused(told: Told, lit: Make) -> None:
    found = told(lit("A", [["100.00", 100]], max_order_qty=50))
    assert causes(found) == {"rejected": 100}
    assert found.row()["reject_reason"] == "order_exceeds_limit"


# ------------------------------------------------------------ pools and dealers


@pytest.mark.parametrize(
    "fill",
    [
        {"model": "scripted", "at": [["100.00", 60]]},
        {"model": "fraction", "share": "0.6"},
    ],
)
def test_an_indication_that_is_not_true(told: Told, fill: Data) -> None:
    venue = pool("A", ["100.00", 100], indications=True, fill=fill)
    assert causes(told(venue)) == {"untrue_indication": 40}


def test_a_deeper_indication_that_is_not_true_was_not_withdrawn(told: Told) -> None:
    """The pool published nothing between the quote and the arrival."""
    fill = {"model": "fraction", "share": "0.5"}
    venue = pool("A", ["100.00", 40], ["100.01", 60], indications=True, fill=fill)
    assert causes(told(venue)) == {"untrue_indication": 50}


def test_what_a_pool_that_shows_nothing_does_not_have(told: Told, lit: Make) -> None:
    venues = lit("LIT", [["100.02", 500]]), pool("A", ["100.00", 30])
    found = told(*venues, router=BLIND)
    assert causes(found) == {"not_shown": 70}
    row = found.row()
    assert (row["how"], row["quote"], found.age_ns) == ("blind", None, None)


def test_others_who_took_at_a_pool_just_before(told: Told, lit: Make) -> None:
    venues = (
        lit("LIT", [["100.02", 500]]),
        pool("A", ["100.00", 100], **script(buy("21ms", "B", 45))),
    )
    assert causes(told(*venues, router=BLIND)) == {"taken_by_others": 45}


def midpoint(lit: Make, bid: str, *orders: Data) -> tuple[list[Data], list[Data]]:
    book = {"asks": [["100.02", 500]], "bids": [[bid, 10]]}
    venue = {**lit("LIT", ms=1), "book": book, **(script(*orders) if orders else {})}
    links = [{"from": "LIT", "to": "A", "latency": {"model": "fixed", "delay": "1ms"}}]
    return [venue, pool("A", ["99.00", 500], pricing="midpoint")], links


def test_a_middle_beyond_the_limit(told: Told, lit: Make) -> None:
    venues, links = midpoint(lit, "99.90")
    found = told(*venues, links=links, router=BLIND, limit="99.95")
    assert causes(found) == {"price_limit": 100}, "the middle is 99.96"


def test_a_pool_without_a_middle(told: Told, lit: Make) -> None:
    hit = {"at": "18ms", "id": "S", "side": "sell", "qty": 10, "price": "99.90", "tif": "IOC"}
    venues, links = midpoint(lit, "99.90", hit)
    assert causes(told(*venues, links=links, router=BLIND)) == {"no_reference": 100}


def dealer(lit: Make, *orders: Data, **more: Any) -> tuple[list[Data], list[Data]]:
    book = {"asks": [["100.02", 500], ["100.10", 5000]], "bids": [["99.98", 500]]}
    venue = {**lit("LIT", ms=1), "book": book, **(script(*orders) if orders else {})}
    own = {**lit("A", ms=1), **more}
    own.pop("book")
    links = [{"from": "LIT", "to": "A", "latency": {"model": "fixed", "delay": "1ms"}}]
    return [venue, own], links


RFQ = {"kind": "rfq", "spread": {"half": "0.01"}, "sizes": [100]}


def test_a_dealer_that_looks_again(told: Told, lit: Make) -> None:
    look = {"last_look": {"hold": "20ms"}}
    venues, links = dealer(lit, buy("22ms", "T", 500, "100.02"), **RFQ, **look)
    assert causes(told(*venues, links=links)) == {"last_look": 100}


def test_a_dealer_that_holds_too_long_is_left(told: Told, lit: Make) -> None:
    router = {"strategy": {"kind": "greedy"}, "ack_timeout": "10ms"}
    venues, links = dealer(lit, **RFQ, last_look={"hold": "50ms"})
    assert causes(told(*venues, links=links, router=router)) == {"canceled_by_router": 100}


@pytest.mark.parametrize("mode", ["touch", "none"])
def test_a_dealer_whose_price_the_limit_does_not_allow(told: Told, lit: Make, mode: str) -> None:
    venues, links = dealer(lit, kind="broker", spread={"half": "0.05"}, delay="1ms")
    found = told(*venues, links=links, router=BLIND, audit={"market_data": mode})
    assert causes(found) == {"price_limit": 100}


@pytest.mark.parametrize(
    ("price", "said"), [("100.01", {"price_limit": 100}), ("99.99", {"not_shown": 60})]
)
def test_an_auction_at_a_price_beyond_the_limit_or_with_too_few_lots(
    told: Told, lit: Make, price: str, said: dict[str, int]
) -> None:
    """The first is between others; in the second 40 are there for us."""
    others = [buy("1ms", "B", 50, "100.01")] if price == "100.01" else []
    own = {**lit("A", [[price, 50 if others else 40]]), "kind": "auction", "every": "50ms"}
    orders = [{**one, "tif": "GTC"} for one in others]
    own |= script(*orders) if orders else {}
    shown = lit("LIT", [["100.00", 500]])
    found = told(shown, own, router={"strategy": {"kind": "greedy"}, "blind": {}})
    assert causes(found) == said


# ------------------------------------------------------------ lots that rest


def resting(lit: Make, *orders: Data, bids: int = 50, **more: Any) -> Data:
    venue = lit("A", [["100.05", 100]], **(script(*orders) if orders else {}), **more)
    venue["book"]["bids"] = [["99.99", bids]]
    return venue


REST = {"strategy": {"kind": "greedy"}, "rest": {"price": "touch", "first": True}}


def rests(**more: Any) -> Data:
    return {"router": REST, "limit": "100.00", "deadline": "200ms", **more}


def test_an_order_whose_turn_did_not_come(told: Told, lit: Make) -> None:
    hit = {"at": "60ms", "id": "S", "side": "sell", "qty": 80, "price": "99.99", "tif": "IOC"}
    router = {**REST, "rest": {"price": "touch", "first": True, "max_moves": 0}}
    found = told(resting(lit, hit), **rests(router=router, limit="99.99"))
    assert causes(found) == {"queue": 70}
    assert found.row()["how"] == "rests"


def test_a_market_that_moved_away_from_an_order(told: Told, lit: Make) -> None:
    bid = {"at": "60ms", "id": "B", "side": "buy", "qty": 10, "price": "100.02"}
    found = told(resting(lit, bid), **rests(limit="99.99"))
    assert causes(found) == {"price_limit": 100}


def test_a_halt_that_cancels_what_rests(told: Told, lit: Make) -> None:
    trading = {"halts": [{"at": "60ms", "until": "400ms"}], "on_halt": "cancel"}
    found = told(resting(lit, trading=trading), **rests(limit="99.99"))
    assert causes(found) == {"halt": 100}


def test_an_order_that_is_open_as_the_run_ends(told: Told, lit: Make) -> None:
    found = told(resting(lit), router=REST, limit="99.99", duration="100ms")
    assert causes(found) == {"still_open": 100}


def test_an_order_on_its_way_as_the_run_ends(told: Told, lit: Make) -> None:
    assert causes(told(lit("A", [["100.00", 100]]), duration="22ms")) == {"still_open": 100}


# ------------------------------------------------------------ afterwards, and without market data


def test_a_fill_that_was_taken_back(told: Told, lit: Make) -> None:
    busts = {"listed": [{"at": "50ms", "order": "P.A.1", "fill": 1}]}
    venue = lit("A", [["100.00", 60], ["100.01", 40]], busts=busts)
    assert causes(told(venue, duration="100ms")) == {"busted": 60}


@pytest.mark.parametrize(("does", "cause"), [(cancel("21ms", "X"), "not_recorded"), (None, None)])
def test_without_market_data_the_log_cannot_tell(
    told: Told, lit: Make, does: Data | None, cause: str | None
) -> None:
    orders = [sell("1ms", "X", 70), *([does] if does else [])]
    venue = lit("A", [["100.00", 30]], **script(*orders))
    found = told(venue, audit={"market_data": "none"})
    assert causes(found) == ({cause: 70} if cause else {})
    assert found.row()["arrival"] is None


def test_without_market_data_refusals_and_halts_are_told_all_the_same(
    told: Told, lit: Make
) -> None:
    venue = lit("A", [["100.00", 100]], trading={"halts": [{"at": "22ms", "until": "400ms"}]})
    assert causes(told(venue, audit={"market_data": "none"})) == {"halt": 100}
