"""Those who take: the informed, the arbitrageur, the predator and noise."""

from typing import TYPE_CHECKING, Any

import pytest

from sim.flow.participants.base import SendTo
from sim.flow.participants.fundamental import Fundamental
from sim.flow.participants.informed import InformedParticipant
from sim.flow.participants.latency_arbitrageur import LatencyArbitrageurParticipant
from sim.flow.participants.noise import NoiseParticipant
from sim.flow.participants.predator import PredatorParticipant
from sim.flow.participants.prints import aggressor_of
from sim.flow.participants.taking import sweep
from sim.protocol.enums import ExecType, Side, TradingState
from sim.protocol.market_data import TradingStatus
from sim.protocol.units import TimeNs

if TYPE_CHECKING:
    from tests.sim.flow.participants.conftest import Answer, Books, Sent, Settings

LEG = {"model": "fixed", "delay": "1ms"}
COMMON: dict[str, Any] = {
    "id": "X",
    "latency": {"order": LEG, "report": LEG, "feed": LEG},
    "venues": [{"venue": "A"}, {"venue": "B"}],
    "qty": 10,
}


def orders(actions: Any) -> list[SendTo]:
    return [one for one in actions if isinstance(one, SendTo)]


def test_a_sweep_goes_by_price_then_by_venue_and_keeps_to_its_limits(
    setting: "Settings", book: "Books"
) -> None:
    books = {
        "A": book("A", (), ((101, 5), (103, 5))),
        "B": book("B", (), ((101, 4), (102, 5), (110, 5))),
    }
    grids = setting().grids
    assert sweep(books, "AB", Side.BUY, worst=105, qty=16, grids=grids) == [
        ("A", 7, 103),
        ("B", 9, 102),
    ]
    assert sweep(books, "BA", Side.BUY, worst=101, qty=6, grids=grids) == [
        ("B", 4, 101),
        ("A", 2, 101),
    ]
    assert sweep(books, "AB", Side.SELL, worst=1, qty=6, grids=grids) == []
    lots = setting(lot=3).grids
    assert sweep(books, "AB", Side.BUY, worst=101, qty=7, grids=lots) == [
        ("A", 3, 101),
        ("B", 3, 101),
    ]


def test_the_quote_rule(book: "Books") -> None:
    before = book("A", ((98, 5),), ((102, 5),))
    after = [book("A", ((98, 5),), ((102, 5),), (price, 3)) for price in (102, 98, 100)]
    assert [aggressor_of(one, before) for one in after] == [Side.BUY, Side.SELL, None]
    assert aggressor_of(before, before) is None
    assert aggressor_of(before, None) is None
    pool = [book("P"), book("P", (), (), (101, 4))]
    assert aggressor_of(pool[1], pool[0]) is None
    assert aggressor_of(pool[1], pool[0], 201) is Side.BUY


# ------------------------------------------------------------ informed


def informed(**more: Any) -> InformedParticipant:
    return InformedParticipant.model_validate(
        {**COMMON, "kind": "informed", "ahead": "5ms", **more}
    )


def test_it_takes_ahead_of_a_jump_what_the_jump_makes_good(
    setting: "Settings", book: "Books", sent: "Sent", path: Fundamental
) -> None:
    t_ns, value = next(path.jumps(10**9))
    core = informed().build(setting(path=path))
    levels = ((9999, 4), (9998, 4)), ((10001, 4), (10002, 4))
    core.open([book("A", *levels), book("B", *levels)], ())
    assert sent(core.on_start(0)) == [("wake", max(0, t_ns - 5_000_000))] or t_ns < 5_000_000
    found = sent(core.on_timer("1", t_ns - 5_000_000))
    rises = value > 10_000
    side, first = ("buy", 10002) if rises else ("sell", 9998)
    told = Side.BUY if rises else Side.SELL
    # Ten of the sixteen lots, all better than the new value: the best prices of both first.
    assert found[1:] == [
        ("traded_ahead", "A", told, 6),
        ("A", side, 6, first),
        ("traded_ahead", "B", told, 4),
        ("B", side, 4, 10001 if rises else 9999),
    ]


def test_it_leaves_what_is_not_good_enough_and_what_it_has_not_seen(
    setting: "Settings", book: "Books", sent: "Sent", path: Fundamental
) -> None:
    core = informed(edge="0.05").build(setting(path=path))
    core.open([book("A", ((9999, 4),), ((10001, 4),))], ())
    assert [one[0] for one in sent(core.on_timer("1", 0))] == ["wake"]
    unseen = informed().build(setting(path=path))
    assert [one[0] for one in sent(unseen.on_timer("1", 0))] == ["wake"]


def test_the_share_of_moves_that_it_knows(
    setting: "Settings", book: "Books", sent: "Sent", path: Fundamental
) -> None:
    """Keyed by the move: the same ones whatever else happens."""
    knows = []
    jumps = len(list(path.jumps(10**9)))
    for chance in (0.0, 0.5, 1.0):
        core = informed(chance=chance).build(setting(path=path))
        core.open([book("A", ((20_000, 4),), ((1, 4),))], ())
        knows.append({n for n in range(1, jumps) if len(sent(core.on_timer(str(n), 0))) > 1})
    assert knows[0] < knows[1] < knows[2]
    assert len(knows[2]) == jumps - 1


# ------------------------------------------------------------ latency arbitrageur


def arbitrageur(**more: Any) -> LatencyArbitrageurParticipant:
    return LatencyArbitrageurParticipant.model_validate(
        {**COMMON, "kind": "latency_arbitrageur", "edge": "0.02", **more}
    )


def test_it_takes_what_is_left_behind_once_and_closes_at_the_news(
    setting: "Settings", book: "Books", sent: "Sent", answer: "Answer"
) -> None:
    core = arbitrageur().build(setting())
    stale = book("B", ((9999, 7),), ((10001, 7),))
    core.open([book("A", ((9999, 7),), ((10001, 7),)), stale], ())
    assert not core.on_market_data("A", book("A", ((10002, 5),), ((10004, 5),)), 1)
    actions = core.on_market_data("A", book("A", ((10003, 5),), ((10005, 5),)), 2)
    assert sent(actions) == [("took_stale", "B", Side.BUY, 7), ("B", "buy", 7, 10001)]
    again = core.on_market_data("A", book("A", ((10004, 5),), ((10006, 5),)), 3)
    assert not again, "the quote at B may be gone: it has shot at it"
    (order,) = orders(actions)
    closes = core.on_report("B", answer(order, ExecType.TRADE, 4, 10001), 4)
    assert sent(closes) == [("A", "sell", 4, 10003)]


def test_falling_news_has_it_sell_and_without_hedge_it_keeps_what_it_has(
    setting: "Settings", book: "Books", sent: "Sent", answer: "Answer"
) -> None:
    core = arbitrageur(hedge=False).build(setting())
    core.open([book("B", ((9999, 7),), ((10001, 7),))], ())
    actions = core.on_market_data("A", book("A", ((9990, 5),), ((9995, 5),)), 2)
    assert sent(actions) == [("took_stale", "B", Side.SELL, 7), ("B", "sell", 7, 9999)]
    (order,) = orders(actions)
    assert not core.on_report("B", answer(order, ExecType.TRADE, 7, 9999), 4)


def test_what_is_halted_is_left_alone(setting: "Settings", book: "Books") -> None:
    core = arbitrageur().build(setting())
    core.open([book("B", ((9999, 7),), ((10001, 7),))], ())
    core.on_market_data("B", TradingStatus("B", TimeNs(0), TradingState.HALTED), 1)
    assert not core.on_market_data("A", book("A", ((10050, 5),), ((10060, 5),)), 2)


# ------------------------------------------------------------ predator


def predator(**more: Any) -> PredatorParticipant:
    return PredatorParticipant.model_validate(
        {
            **COMMON,
            "kind": "predator",
            "alpha": 1000.0,
            "reach": "0.01",
            "markup": "0.03",
            "hold": "1us",
            **more,
        }
    )


def test_a_hunt_from_the_print_to_the_end(
    setting: "Settings", book: "Books", sent: "Sent", answer: "Answer"
) -> None:
    core = predator().build(setting())
    quiet = ((9999, 20),), ((10001, 6), (10002, 6), (10009, 6))
    core.open([book("A", *quiet), book("B", ((9998, 5),), ())], ())
    actions = core.on_market_data("A", book("A", *quiet, (10001, 50)), 5)
    assert sent(actions) == [
        ("detected", "A", Side.BUY, 50),
        ("ran_ahead", None, Side.BUY, 10),
        ("A", "buy", 10, 10002),
        ("wake", 1005),
    ]
    (order,) = orders(actions)
    assert not core.on_market_data("A", book("A", *quiet, (10001, 60)), 6), "one hunt at a time"
    (offer,) = orders(core.on_report("A", answer(order, ExecType.TRADE, 6, 10001), 7))
    assert sent([offer]) == [("A", "sell", 6, 10004)]
    (rest,) = orders(core.on_report("A", answer(order, ExecType.TRADE, 4, 10002), 8))
    assert sent([rest]) == [("A", "sell", 4, 10005)]
    assert not core.on_report("A", answer(offer, ExecType.TRADE, 6, 10004), 9)
    assert sent(core.on_timer("over 1", 1005)) == [("A", "cancel", "X.3")]
    leaving = core.on_report("A", answer(rest, ExecType.CANCELED), 1006)
    assert sent(leaving) == [("A", "sell", 4, 9999), ("wake", 2006)]
    done = core.on_report("A", answer(orders(leaving)[0], ExecType.TRADE, 4, 9999), 1007)
    assert sent(done) == [("sold_back", None, Side.SELL, 10)]
    assert done[0].detail == "made 0.06"  # type: ignore[union-attr]
    assert not core.on_timer("over 1", 2006)


@pytest.mark.parametrize(("price", "side"), [(10001, "buy"), (9999, "sell")])
def test_the_side_is_read_off_the_price(
    setting: "Settings", book: "Books", sent: "Sent", price: int, side: str
) -> None:
    core = predator().build(setting())
    quiet = ((9999, 20),), ((10001, 20),)
    core.open([book("A", *quiet)], ())
    found = sent(core.on_market_data("A", book("A", *quiet, (price, 50)), 5))
    assert found[2] == ("A", side, 10, price)


def test_a_print_in_the_middle_is_a_guess(setting: "Settings", book: "Books") -> None:
    """Of a pool that shows nothing it hears prints alone; half of its guesses are wrong."""
    sides = []
    for seed in range(1, 61):
        core = predator().build(setting("A", seed=seed))
        core.open([book("A", ((9999, 20),), ((10001, 20),)), book("POOL")], ())
        (found, *_) = core.on_market_data("POOL", book("POOL", (), (), (10000, 50)), 5)
        sides.append(found.side)  # type: ignore[union-attr]
    assert abs(sides.count(Side.BUY) - 30) <= 4 * (60 / 4) ** 0.5


def test_it_notices_as_often_as_the_formula_says(setting: "Settings", book: "Books") -> None:
    """P = 1 - exp(-0.01 * 50) = 0.3935, within four standard errors over 400 prints."""
    core = predator(alpha=0.01).build(setting("A"))
    core.open([book("POOL")], ())
    noticed = 0
    for n in range(1, 401):
        found = core.on_market_data("POOL", book("POOL", (), (), (10001, 50 * n)), n)
        noticed += len(found)
    assert abs(noticed / 400 - 0.393469) <= 4 * (0.3935 * 0.6065 / 400) ** 0.5


def test_D11_alpha_of_zero_never_notices(setting: "Settings", book: "Books") -> None:
    core = predator(alpha=0.0, watches="both").build(setting("A"))
    core.open([book("A", ((9999, 20),), ((10001, 20),))], ())
    for n in range(1, 50):
        assert not core.on_market_data("A", book("A", ((9999, 20 + n),), (), (10001, n)), n)


def test_newly_displayed_lots_count_if_it_watches_them(
    setting: "Settings", book: "Books", sent: "Sent"
) -> None:
    core = predator(watches="displayed").build(setting("A"))
    core.open([book("A", ((9999, 20),), ((10001, 20),))], ())
    assert not core.on_market_data("A", book("A", ((9998, 90),), ((10001, 20),), (9999, 20)), 1)
    found = sent(core.on_market_data("A", book("A", ((9998, 95),), ((10001, 20),)), 2))
    assert found[0] == ("detected", "A", Side.BUY, 5)


# ------------------------------------------------------------ noise


def test_noise_takes_and_rests_around_what_it_knows_and_cancels(
    setting: "Settings", book: "Books", sent: "Sent"
) -> None:
    config = NoiseParticipant.model_validate(
        {**COMMON, "kind": "noise", "rate": 1000.0, "take": 0.5, "levels": 3, "lifetime": "1ms"}
    )
    core = config.build(setting("A"))
    core.open([book("A", ((9999, 20),), ((10001, 20),))], ())
    core.on_start(0)
    found = [sent(core.on_timer("next", n)) for n in range(1, 301)]
    placed = [one[1] for one in found]
    takes = [one for one in placed if (one[1], one[3]) in {("buy", 10001), ("sell", 9999)}]
    assert abs(len(takes) - 150) <= 4 * (300 / 4) ** 0.5
    assert {one[3] for one in placed} == {9997, 9998, 9999, 10001, 10002, 10003}
    assert {one[2] for one in placed} == set(range(1, 11))
    rests = [one for one in found if len(one) == 3]
    assert len(rests) + len(takes) == 300
    assert sent(core.on_timer("X.999", 1)) == []


def test_noise_knows_nothing_of_a_venue_that_it_has_not_heard(
    setting: "Settings", sent: "Sent"
) -> None:
    config = NoiseParticipant.model_validate({**COMMON, "kind": "noise", "rate": 1000.0})
    core = config.build(setting("A"))
    assert [one[0] for one in sent(core.on_timer("next", 1))] == ["wake"]
