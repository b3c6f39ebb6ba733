"""A market with a test in the router's place: what it sends is answered and written down."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.audit.records import BookAtArrival, ChildSent, Fill
from sim.audit.verify import verify
from sim.kernel.loop import SimLoop
from sim.protocol.enums import EndReason, ExecType, OrdStatus, Outcome
from sim.protocol.orders import ExecutionReport, OrderCancelReject
from sim.scenario.load import LoadedScenario, load_scenario
from sim.study.check import check
from sim.testing import Market, MarketError, make_order, scenario, venue

Make = Callable[..., Market]


@pytest.fixture
def two_venues() -> LoadedScenario:
    return scenario(
        venue("NYSE", asks=[("100.02", 400)], bids=[("99.98", 100)], latency="5ms"),
        venue("NASDAQ", asks=[("100.01", 200)]),
    )


@pytest.fixture
def make(two_venues: LoadedScenario) -> Iterator[Make]:
    made: list[Market] = []

    def open_one(loaded: LoadedScenario | None = None) -> Market:
        made.append(Market(loaded or two_venues, SimLoop()))
        return made[-1]

    yield open_one
    for one in made:
        one.close()
        one.loop.close()


def test_an_order_travels_on_the_links_of_the_scenario_and_is_written_down(make: Make) -> None:
    market = make()
    order = market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    assert market.now_ns == 10_000_000
    sent = market.audit.find(ChildSent)
    assert (sent.cl_ord_id, sent.price, sent.shown_px, sent.t_ns) == ("O1", 10_002, 10_002, 0)
    assert market.audit.find(BookAtArrival).t_ns == 5_000_000
    fill = market.audit.find(Fill, cl_ord_id=order.cl_ord_id)
    assert (fill.last_px, fill.last_qty, fill.t_ns, fill.best_px) == (10_002, 100, 10**7, 10_001)


def test_a_session_hears_its_own_venue_alone_and_in_order(make: Make) -> None:
    market = make()
    nyse, nasdaq = market.connect("NYSE"), market.connect("NASDAQ")

    async def trade() -> list[Any]:
        await nyse.send(nyse.buy(500, "100.02"))
        await nasdaq.send(nasdaq.buy(200, "100.01"))
        heard = []
        async for report in nyse:
            heard.append(report)
            if isinstance(report, ExecutionReport) and report.leaves_qty == 0:
                return heard
        return []

    heard = market.run(trade())
    assert [one.exec_type for one in heard] == [ExecType.NEW, ExecType.TRADE, ExecType.CANCELED]
    assert [one.cl_ord_id for one in nasdaq.received] == ["O2", "O2"]


def test_the_books_are_those_that_have_arrived(make: Make) -> None:
    market = make()
    market.buy("NYSE", 400, "100.02")
    market.clock.advance("5ms")
    assert market.true_book("NYSE")[1] == ()
    book = market.book("NYSE")
    assert book is not None
    assert book.asks == ((10_002, 400),)  # its quote is still on the way
    market.clock.advance("5ms")
    book = market.book("NYSE")
    assert book is not None
    assert book.asks == ()
    assert (market.best_bid, market.best_ask) == (9_998, 10_001)


def test_quotes_come_one_after_the_other_to_each_reader(make: Make) -> None:
    market = make()
    reader = market.quotes()

    async def watch() -> list[int]:
        market.buy("NASDAQ", 50, "100.01")
        first = await market.next_quote()
        market.buy("NASDAQ", 50, "100.01")
        second = await market.next_quote()
        return [first.asks[0][1], second.asks[0][1]]

    assert market.run(watch()) == [150, 100]
    assert len(reader) == 2


def test_a_parent_gathers_its_children_and_ends_as_it_is_filled(make: Make) -> None:
    market = make()
    parent = market.parent("P1", "buy", 300, "100.05")
    market.buy("NASDAQ", 200, "100.01")
    market.buy("NYSE", 100, "100.02")
    assert (parent.open_qty, parent.leaves_qty) == (300, 300)
    market.clock.idle()
    assert (parent.filled_qty, parent.end_reason) == (300, EndReason.FILLED)
    result = market.finish()
    assert (result.outcome, result.exit_code) == (Outcome.COMPLETE, 0)
    (row,) = result.summary["parents"]
    assert (row["filled_qty"], row["avg_px"]) == (300, "100.01333333")


def test_what_is_too_much_is_booked_as_it_is(make: Make) -> None:
    """Nothing guards an outside router: its tests are to see what it does."""
    market = make()
    parent = market.parent("P1", "buy", 200)
    market.buy("NASDAQ", 200, "100.01")
    market.buy("NYSE", 200, "100.02")
    market.clock.idle()
    assert parent.filled_qty == 400
    assert market.audit.state.parents["P1"].filled_qty == 400


def test_an_order_without_a_parent_is_one_by_itself(make: Make) -> None:
    market = make()
    market.buy("NYSE", 500, "100.02")
    market.clock.idle()
    (parent,) = market.parents.values()
    assert (parent.id, parent.filled_qty, parent.end_reason) == ("O1", 400, EndReason.GIVEN_UP)


def test_with_two_parents_an_order_says_whose_it_is(make: Make) -> None:
    market = make()
    market.parent("P1", "buy", 100)
    second = market.parent("P2", "buy", 100)
    market.parent("P3", "sell", 100)
    with pytest.raises(MarketError, match="may be for any of P1, P2"):
        market.buy("NYSE", 100, "100.02")
    market.buy("NYSE", 100, "100.02", parent="P2")
    market.sell("NYSE", 100, "99.98")  # there is but one to sell
    assert [one.cl_ord_id for one in second.children] == ["O2"]
    assert len(market.parents["P3"].children) == 1


def test_a_cancel_and_a_replace_are_answered_and_recorded(make: Make) -> None:
    market = make()
    nyse = market.connect("NYSE")

    async def rest() -> list[Any]:
        order = nyse.buy(100, "100.00", "DAY")
        await nyse.send(order)
        change = nyse.replace(order, 60, "99.99")
        await nyse.send(change)
        await nyse.send(nyse.cancel(change.cl_ord_id))
        await nyse.send(nyse.cancel(order))
        await market.clock.idle()
        return nyse.received

    kinds = [
        one.exec_type if isinstance(one, ExecutionReport) else one.reason.value
        for one in market.run(rest())
    ]
    assert kinds == [ExecType.NEW, ExecType.REPLACED, ExecType.CANCELED, "unknown_order"]
    names = [type(one).__name__ for one in market.audit if "Child" in type(one).__name__]
    assert names == ["ChildSent", "ChildAcked", "ChildReplaced", "ChildCanceled"]
    assert market.audit.count("cancel_rejected") == 1
    assert isinstance(nyse.received[-1], OrderCancelReject)
    assert market.audit.state.children["O1"].canceled_qty == 60


def test_the_log_of_a_finished_market_verifies_and_ends(make: Make) -> None:
    market = make()
    market.parent("P1", "buy", 100)
    result = market.finish()
    assert result.outcome is Outcome.INCOMPLETE
    found = market.audit.verify()
    assert (found.ok, found.complete) == (True, True)
    assert result.log == market.audit.log
    with pytest.raises(MarketError, match="the run is over"):
        market.buy("NYSE", 100, "100.02")
    assert market.finish() is result


def test_the_same_test_writes_the_same_bytes(make: Make) -> None:
    logs = []
    for _ in range(2):
        market = make()
        market.buy("NYSE", 100, "100.02")
        market.clock.advance("30ms")
        market.finish()
        logs.append(market.audit.log)
    assert logs[0] == logs[1]


def test_readers_end_with_the_run(make: Make) -> None:
    market = make(scenario(venue("NYSE"), duration="20ms"))
    nyse = market.connect("NYSE")

    async def listen() -> int:
        async for _ in nyse:
            pass
        with pytest.raises(MarketError, match="nothing more comes from the session with NYSE"):
            await nyse.next_report()
        return market.now_ns

    assert market.run(listen()) == 20_000_000
    assert market.over


def test_waiting_can_be_bounded_in_virtual_time(make: Make) -> None:
    market = make()
    nyse = market.connect("NYSE")

    async def listen() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.25):
                await nyse.next_report()
        return market.now_ns

    assert market.run(listen()) == 250_000_000


def test_the_orders_of_the_scenario_come_to_who_asks_for_them(make: Make) -> None:
    parents = [
        {"id": "P1", "side": "buy", "qty": 100, "at": "0s"},
        {"id": "P2", "side": "sell", "qty": 50, "at": "2ms", "limit": "99.98"},
    ]
    market = make(scenario(venue("NYSE"), parents=parents))
    coming = market.client_orders()

    async def take() -> list[tuple[str, int, int | None]]:
        first = await coming.next()
        found = [(first.id, market.now_ns, first.limit)]
        second = await coming.next()
        return [*found, (second.id, market.now_ns, second.limit)]

    assert market.run(take()) == [("P1", 0, None), ("P2", 2_000_000, 9_998)]
    assert market.audit.count("parent_received") == 2


def test_orders_that_nobody_asks_for_are_not_in_the_log(make: Make) -> None:
    market = make(load_scenario("fragmented"))
    market.clock.advance("1ms")
    assert market.audit.count("parent_received") == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda m: m.connect("LSE"), "no venue 'LSE'; there are NYSE, NASDAQ"),
        (lambda m: m.buy("NYSE", 100, "100.005"), "price must be a whole multiple"),
        (lambda m: m.buy("NYSE", 100, 100.02), "price must be a whole number, decimal text"),
        (lambda m: m.buy("NYSE", 0, "100.02"), "must have at least 1 lot"),
        (lambda m: m.buy("NYSE", 1, "100.02", "GFD"), "tif must be one of DAY, GTC, IOC, FOK"),
        (lambda m: m.buy("NYSE", 1, "100.02", parent="P9"), "no parent 'P9' has come"),
        (lambda m: m.parent("P1", "hold", 1), "side must be one of buy, sell, sell_short"),
        (lambda m: m.send("NYSE", m.connect("NYSE").cancel("O9")), "no order 'O9' was sent"),
        (lambda m: m.send("NYSE", make_order(account="ME")), "for the account 'ME'"),
        (lambda m: m.clock.advance("5"), "must be a duration"),
        (lambda m: m.clock.advance(-1), "must be a duration"),
        (lambda m: m.script("NYSE"), "script\\(\\) wants a list"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(
    make: Make, wrong: Callable[[Market], object], says: str
) -> None:
    with pytest.raises((MarketError, ValueError), match=says):
        wrong(make())


def test_an_id_serves_one_message(make: Make) -> None:
    market = make()
    market.buy("NYSE", 1, "100.02")
    with pytest.raises(MarketError, match="the id 'O1' was used before"):
        market.buy("NASDAQ", 1, "100.02", cl_ord_id="O1")


def test_a_market_is_used_on_its_own_loop(make: Make) -> None:
    market = make()

    async def elsewhere() -> None:
        market.buy("NYSE", 1, "100.02")

    with pytest.raises(MarketError, match="on a loop of its own"):
        asyncio.run(elsewhere())


def test_status_of_reports_is_what_venues_say(make: Make) -> None:
    market = make()
    market.buy("NASDAQ", 200, "100.01")
    market.clock.idle()
    last = market.connect("NASDAQ").received[-1]
    assert last.ord_status is OrdStatus.FILLED


def test_the_commands_read_its_log_and_say_that_only_the_test_runs_it_again(
    make: Make, tmp_path: Path
) -> None:
    market = make()
    market.parent("P1", "buy", 100)
    market.buy("NYSE", 100, "100.02")
    market.clock.idle()
    market.finish()
    log = market.audit.save(tmp_path / "audit.jsonl")
    assert verify(log).ok
    decision = market.audit.find("decision")
    assert (decision.strategy, decision.ranking) == ("outside", ("NASDAQ", "NYSE"))
    found = check(log)
    assert not found.ok
    assert found.note == (
        "the router of this log was not ours: only the test that wrote it runs it again"
    )
