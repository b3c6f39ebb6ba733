"""What the market offers before trading, against numbers worked out by hand."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sim.protocol.enums import Side
from sim.scenario.load import load_scenario
from sim.study.liquidity import Cost, Liquidity, VenueLiquidity, liquidity
from sim.world import run_world

Market = Callable[..., dict[str, Any]]
Load = Callable[..., Any]
MS = 1_000_000


def of(found: Liquidity, venue_id: str) -> VenueLiquidity:
    (venue,) = [venue for venue in found.venues if venue.venue_id == venue_id]
    return venue


@pytest.fixture(scope="module")
def fragmented() -> Liquidity:
    return liquidity(load_scenario("fragmented"), Side.BUY, 100_000)


def test_total_and_levels_are_those_of_the_books(fragmented: Liquidity) -> None:
    """35,000 + 90,000 + 45,000 + 50,000 + 25,000 shares."""
    assert fragmented.total_available == 245_000
    levels = [(one.price, one.qty, one.cum_qty) for one in of(fragmented, "NYSE").levels]
    assert levels == [
        ("100.02", 40_000, 40_000),
        ("100.03", 30_000, 70_000),
        ("100.04", 20_000, 90_000),
    ]


def test_each_venue_alone_costs_its_own_average(fragmented: Liquidity) -> None:
    """NYSE (4 * .02 + 3 * .03 + 2 * .04) / 9, NASDAQ 20 / 45 * .01, MM all at one price."""
    alone = {venue.venue_id: (venue.alone.qty, venue.alone.avg_px) for venue in fragmented.venues}
    assert alone == {
        "NYSE": (90_000, "100.02777778"),
        "NASDAQ": (45_000, "100.00444444"),
        "DARK_A": (35_000, "100.01428571"),
        "DARK_B": (25_000, "99.99400000"),
        "MM": (50_000, "100.05000000"),
    }
    assert fragmented.best_single is not None
    assert fragmented.best_single.venue_id == "NYSE"
    assert fragmented.best_single.cost == Cost(90_000, "100.02777778", "100.02777778", "0")


def test_venues_say_how_visible_and_how_fast_they_are(fragmented: Liquidity) -> None:
    assert {(one.venue_id, one.visibility, one.shows) for one in fragmented.venues} == {
        ("NYSE", "lit", "quotes"),
        ("NASDAQ", "lit", "quotes"),
        ("MM", "maker", "quotes"),
        ("DARK_A", "dark", "indications"),
        ("DARK_B", "dark", "indications"),
    }
    ways = {one.venue_id: (one.order_latency_ns, one.round_trip_ns) for one in fragmented.venues}
    assert ways["NYSE"] == (5 * MS, 10 * MS)
    assert ways["DARK_B"] == (45 * MS, 90 * MS)


def test_split_and_ranking_are_the_routers_own(fragmented: Liquidity) -> None:
    """The golden split by full depth: 100,000 at 100.0045 on average."""
    split = fragmented.split
    assert (split.strategy, split.cost.avg_px, split.unplaced_qty) == ("greedy", "100.00450000", 0)
    assert [(part.venue_id, part.price, part.cost.qty) for part in split.parts] == [
        ("DARK_B", "100.00", 25_000),
        ("NASDAQ", "100.01", 45_000),
        ("DARK_A", "100.01", 20_000),
        ("NYSE", "100.02", 10_000),
    ]
    assert [(one.venue_id, one.rank) for one in fragmented.venues] == [
        ("DARK_B", 1),
        ("NASDAQ", 2),
        ("DARK_A", 3),
        ("NYSE", 4),
        ("MM", 5),
    ]
    assert of(fragmented, "MM").refused == "ranked_behind"


def test_another_strategy_splits_otherwise() -> None:
    found = liquidity(
        load_scenario("fragmented", sets=["router.strategy.kind=top_of_book"]), Side.BUY, 100_000
    )
    assert found.split.cost.avg_px == "100.00850000"


def test_fees_raise_a_buyers_price_and_lower_a_sellers(
    market: Market, lit: Callable[..., dict[str, Any]], load_data: Load
) -> None:
    """0.003 a share; 10 bps of 100.10 are 0.1001. The fee makes B the dearer venue."""
    book = {"asks": [["100.00", 60]], "bids": [["99.00", 10]]}
    venues = [
        lit("A", fees={"taker": "0.003"}) | {"book": {"asks": [["100.10", 40]], "bids": []}},
        lit("B", ms=2, fees={"taker": "10", "unit": "bps"}) | {"book": book},
    ]
    buy = liquidity(load_data(market(venues)), Side.BUY, 50)
    assert of(buy, "A").alone == Cost(40, "100.10000000", "100.10300000", "0.12")
    assert of(buy, "B").alone == Cost(50, "100.00000000", "100.10000000", "5")
    assert buy.best_single is not None
    assert buy.best_single.venue_id == "B"
    sell = liquidity(load_data(market(venues)), Side.SELL, 50)
    assert sell.total_available == 10
    assert of(sell, "B").alone == Cost(10, "99.00000000", "98.90100000", "0.99")
    assert (sell.split.cost.qty, sell.split.unplaced_qty) == (10, 40)
    assert of(sell, "A").alone == Cost(0, None, None, "0")
    assert (of(sell, "A").rank, of(sell, "A").refused) == (None, "nothing_available")


def test_a_dark_venue_without_indications_shows_nothing() -> None:
    sets = ["venues[DARK_A].indications=false"]
    found = liquidity(load_scenario("fragmented", sets=sets), Side.BUY, 100_000)
    assert (of(found, "DARK_A").available_qty, of(found, "DARK_A").shows) == (0, "nothing")
    assert found.total_available == 210_000


def test_a_blind_order_is_part_of_the_split_and_marked() -> None:
    """A tenth of 100,000 goes to the silent pool first, at the best lit price."""
    sets = ["venues[DARK_A].indications=false", 'router.blind={fraction: "0.1"}']
    split = liquidity(load_scenario("fragmented", sets=sets), Side.BUY, 100_000).split
    marked = {part.venue_id: (part.cost.qty, part.price) for part in split.parts if part.blind}
    assert marked == {"DARK_A": (10_000, "100.00")}
    assert split.cost.qty == 100_000


def test_risk_is_said_and_weighed_by_the_routers_strategy() -> None:
    """The golden split with the customer's risks: best levels only, 100.0255 on average."""
    risks = {"NYSE": ".001", "NASDAQ": ".002", "MM": ".01", "DARK_A": ".1", "DARK_B": ".1"}
    sets = [f'venues[{name}].fill_risk="0{risk}"' for name, risk in risks.items()]
    sets.append("router.strategy={kind: min_risk, depth: top}")
    found = liquidity(load_scenario("fragmented", sets=sets), Side.BUY, 100_000)
    assert {one.venue_id: float(one.fill_risk) for one in found.venues} == {
        name: float(risk) for name, risk in risks.items()
    }
    assert found.split.cost.avg_px == "100.02550000"
    assert [one.venue_id for one in found.venues][:3] == ["NYSE", "NASDAQ", "MM"]


def test_a_round_trip_holds_all_that_the_venue_adds(
    market: Market, lit: Callable[..., dict[str, Any]], load_data: Load
) -> None:
    """5 ms each way, 350 us of a bump each way, and 100 us of work."""
    bumps = {"order": "350us", "report": "350us"}
    work = {"time": {"model": "fixed", "delay": "100us"}}
    venue = lit("A", [["100.00", 5]], speed_bump=bumps, processing=work)
    found = liquidity(load_data(market([venue])), Side.BUY, 5)
    assert found.venues[0].order_latency_ns == 5_450_000
    assert found.venues[0].round_trip_ns == 10_800_000


def test_a_halted_venue_offers_nothing_and_the_tape_best_levels_only() -> None:
    halt = ["venues[NYSE].trading={halts: [{at: 10ms, until: 1s}]}"]
    found = liquidity(load_scenario("fragmented", sets=halt), Side.BUY, 100_000, 50 * MS)
    assert (of(found, "NYSE").available_qty, of(found, "NYSE").refused) == (0, "halted")
    leg = "{model: fixed, delay: 1ms}"
    tape = [f"tape={{inbound: {leg}, outbound: {leg}}}", "router.market_data=tape"]
    found = liquidity(load_scenario("fragmented", sets=tape), Side.BUY, 100_000, 50 * MS)
    assert [(one.price, one.qty) for one in of(found, "NYSE").levels] == [("100.02", 40_000)]
    assert len(of(found, "DARK_B").levels) == 2


def test_quantities_keep_to_the_venues_lot(
    market: Market, lit: Callable[..., dict[str, Any]], load_data: Load
) -> None:
    loaded = load_data(market([lit("A", [["100.00", 500]], lot_size=100)]))
    found = liquidity(loaded, Side.BUY, 250)
    assert (of(found, "A").alone.qty, found.split.cost.qty, found.split.unplaced_qty) == (
        200,
        200,
        50,
    )


def test_the_market_is_known_as_it_was_received(
    market: Market, lit: Callable[..., dict[str, Any]], load_data: Load
) -> None:
    """An offer that rests at 100 ms is known 5 ms later, within that instant and not before it."""
    order = {"at": "100ms", "id": "X", "side": "sell", "qty": 7, "price": "100.00"}
    flow = [{"kind": "scripted", "orders": [order]}]
    loaded = load_data(market([lit("A", [["100.01", 10]], flow=flow)]))

    def known(at_ns: int) -> tuple[int, int | None]:
        found = liquidity(loaded, Side.BUY, 100, at_ns)
        return found.total_available, found.venues[0].quote_age_ns

    assert known(0) == (10, 0)
    assert known(105 * MS - 1) == (10, 105 * MS - 1)
    assert known(105 * MS) == (17, 5 * MS)
    assert known(10_000 * MS) == (17, 9_900 * MS)


@pytest.mark.slow
def test_real_books_offer_what_the_run_then_decides_on() -> None:
    """At 1 s of ``three_real_books``: the same quotes, ranking and split as the run's first."""
    sets = ["parents[SELL_20].at=1s", "parents[SELL_20].deadline=1001ms"]
    loaded = load_scenario("three_real_books", sets=sets)
    found = liquidity(loaded, Side.SELL, 2_000_000, 1_000 * MS)
    result = run_world(loaded)
    assert result.log is not None
    lines = [line for line in result.log.splitlines() if b'"kind":"decision"' in line]
    first = msgspec.json.decode(lines[0])
    assert [part["qty"] for part in first["split"]]
    sent: dict[str, int] = {}
    for part in first["split"]:
        sent[part["venue_id"]] = sent.get(part["venue_id"], 0) + part["qty"]
    assert {part.venue_id: part.cost.qty for part in found.split.parts} == sent
    assert [one.venue_id for one in found.venues] == first["ranking"]
    for quote in first["quotes"]:
        venue = of(found, quote["venue_id"])
        assert venue.quote_age_ns == quote["age_ns"] > 0
        assert [one.qty for one in venue.levels] == [qty for _, qty in quote["levels"]]
    assert found.total_available == sum(one.available_qty for one in found.venues)


@pytest.mark.parametrize(("qty", "at_ns"), [(0, 0), (-1, 0), (1, -1), (1, 2_000 * MS + 1)])
def test_what_is_out_of_range_is_refused(qty: int, at_ns: int) -> None:
    with pytest.raises(ValueError, match=r"must be (> 0|from 0)"):
        liquidity(load_scenario("fragmented"), Side.BUY, qty, at_ns)
