"""Makers and the flow around a fundamental: where they quote, and when they give way."""

from typing import TYPE_CHECKING, Any

import pytest

from sim.flow.participants.base import SendTo
from sim.flow.participants.fundamental import Fundamental
from sim.flow.participants.fundamental_flow import FundamentalFlowParticipant
from sim.flow.participants.market_maker import MarketMakerParticipant
from sim.protocol.enums import ExecType, Side

if TYPE_CHECKING:
    from tests.sim.flow.participants.conftest import Answer, Books, Sent, Settings

LEG = {"model": "fixed", "delay": "1ms"}
LEGS = {"order": LEG, "report": LEG, "feed": LEG}
MAKER: dict[str, Any] = {
    "id": "X",
    "kind": "market_maker",
    "latency": LEGS,
    "venues": [{"venue": "A"}, {"venue": "B"}],
    "half_spread": "0.02",
    "qty": 10,
    "start": "100.00",
    "hold": "1us",
}
QUOTES = [("A", "buy", 10, 9998), ("A", "sell", 10, 10002)]
QUOTES += [("B", side, qty, price) for _, side, qty, price in QUOTES]


def maker(**more: Any) -> MarketMakerParticipant:
    return MarketMakerParticipant.model_validate({**MAKER, **more})


def orders(actions: Any) -> list[SendTo]:
    return [one for one in actions if isinstance(one, SendTo)]


def test_it_quotes_both_sides_everywhere(setting: "Settings", sent: "Sent") -> None:
    assert sent(maker().build(setting()).on_start(0)) == QUOTES


def test_without_a_view_it_waits_for_others(
    setting: "Settings", book: "Books", sent: "Sent"
) -> None:
    core = maker(start=None).build(setting())
    assert core.on_start(0) == []
    assert not sent(core.on_market_data("A", book("A", ((9990, 5),), ()), 1))
    found = sent(core.on_market_data("B", book("B", (), ((10000, 5),)), 2))
    assert found[:2] == [("A", "buy", 10, 9993), ("A", "sell", 10, 9997)]


def test_a_mid_between_two_ticks_is_rounded_away(setting: "Settings", book: "Books") -> None:
    core = maker(start=None).build(setting())
    found = orders(core.on_market_data("A", book("A", ((9990, 5),), ((9991, 5),)), 1))
    assert [one.msg.price for one in found[:2]] == [9988, 9993]  # type: ignore[union-attr]


def test_a_fill_has_it_cancel_that_side_at_all_venues_and_come_back(
    setting: "Settings", sent: "Sent", answer: "Answer"
) -> None:
    core = maker().build(setting())
    quotes = orders(core.on_start(0))
    for one in quotes:
        core.on_report(one.venue_id, answer(one), 1)
    found = sent(core.on_report("A", answer(quotes[1], ExecType.TRADE, 4, 10002), 5))
    assert found == [
        ("wake", 1005),
        ("faded", "A", Side.SELL, 4),
        ("A", "cancel", "X.2"),
        ("B", "cancel", "X.4"),
    ]
    assert sent(core.on_timer("again", 1004)) == []
    assert sent(core.on_timer("again", 1005)) == [QUOTES[1], QUOTES[3]]


def test_a_fade_by_shift_moves_both_sides_away(
    setting: "Settings", sent: "Sent", answer: "Answer"
) -> None:
    core = maker(fade="shift", shift="0.03").build(setting())
    quotes = orders(core.on_start(0))
    found = sent(core.on_report("A", answer(quotes[1], ExecType.TRADE, 10, 10002), 5))
    prices = {(one[0], one[1]): one[3] for one in found if one[1] in {"buy", "sell"}}
    assert prices == {
        ("A", "buy"): 10001,
        ("A", "sell"): 10005,
        ("B", "buy"): 10001,
        ("B", "sell"): 10005,
    }
    back = sent(core.on_timer("again", 1005))
    assert [one for one in back if one[1] != "cancel"] == QUOTES


def test_without_a_fade_it_only_leaves_out_what_was_filled(
    setting: "Settings", sent: "Sent", answer: "Answer"
) -> None:
    core = maker(fade="none").build(setting())
    quotes = orders(core.on_start(0))
    assert sent(core.on_report("A", answer(quotes[1], ExecType.TRADE, 10, 10002), 5)) == [
        ("wake", 1005)
    ]
    assert sent(core.on_timer("again", 1005)) == [QUOTES[1]]


@pytest.mark.parametrize(("learns", "fades"), [("trades", True), ("fills", False)])
def test_prints_in_the_feed_count_if_it_reads_them(
    setting: "Settings", book: "Books", sent: "Sent", learns: str, fades: bool
) -> None:
    core = maker(learns=learns).build(setting())
    core.on_start(0)
    core.on_market_data("B", book("B", ((9998, 9),), ((10002, 9),)), 1)
    found = sent(core.on_market_data("B", book("B", ((9998, 9),), ((10002, 4),), (10002, 5)), 2))
    assert (("faded", "B", Side.SELL, 5) in found) == fades


def test_it_does_not_chase_its_own_quotes(
    setting: "Settings", book: "Books", sent: "Sent", answer: "Answer"
) -> None:
    """Own lots are no view of the market, whether their acknowledgement has come or not."""
    core = maker().build(setting("A"))
    own = book("A", ((9998, 10), (9990, 5)), ((10002, 10), (10050, 5)))
    quotes = orders(core.on_start(0))
    assert not sent(core.on_market_data("A", own, 1))
    found = [sent(core.on_report("A", answer(one, seq=own.venue_seq), 2)) for one in quotes][-1]
    # All of it is acknowledged, so the rest is of others: their middle is 100.20.
    assert [one for one in found if one[1] != "cancel"] == [
        ("A", "buy", 10, 10018),
        ("A", "sell", 10, 10022),
    ]


FLOW: dict[str, Any] = {
    "id": "X",
    "kind": "fundamental_flow",
    "latency": {"order": LEG, "report": LEG},
    "venues": [{"venue": "A", "share": "0.7"}, {"venue": "B", "share": "0.3", "lag": "5ms"}],
    "half_spread": "0.01",
    "qty": 10,
    "levels": 2,
}


def flow(**more: Any) -> FundamentalFlowParticipant:
    return FundamentalFlowParticipant.model_validate({**FLOW, **more})


def test_the_ladders_stand_by_share_and_move_with_their_lags(
    setting: "Settings", sent: "Sent", path: Fundamental
) -> None:
    core = flow().build(setting(path=path))
    found = sent(core.on_start(0))
    (t_ns, value) = next(path.jumps(10**9))
    assert found[:4] == [
        ("A", "buy", 7, 9999),
        ("A", "sell", 7, 10001),
        ("A", "buy", 7, 9998),
        ("A", "sell", 7, 10002),
    ]
    assert found[4] == ("wake", t_ns)
    assert found[5] == ("B", "buy", 3, 9999)
    assert found[-1] == ("wake", t_ns + 5_000_000)
    moved = sent(core.on_timer("jump A 1", t_ns))
    assert [one[1] for one in moved[:4]] == ["cancel"] * 4, "what goes leaves before what comes"
    assert moved[4] == ("A", "buy", 7, value - 1)
    late = sent(core.on_timer("jump B 1", t_ns + 5_000_000))
    assert late[4] == ("B", "buy", 3, value - 1)


def test_a_fill_is_mended_after_the_refill_once(
    setting: "Settings", sent: "Sent", answer: "Answer", path: Fundamental
) -> None:
    core = flow(refill="1ms").build(setting(path=path))
    first = orders(core.on_start(0))[0]
    assert sent(core.on_report("A", answer(first, ExecType.TRADE, 3, 9999), 7)) == [
        ("wake", 1_000_007)
    ]
    assert not core.on_report("A", answer(first, ExecType.TRADE, 1, 9999), 8)
    assert sent(core.on_timer("refill A", 1_000_007)) == [
        ("A", "cancel", "X.1"),
        ("A", "buy", 7, 9999),
    ]


def test_takers_come_by_share_and_have_sizes_in_bounds(
    setting: "Settings", sent: "Sent", path: Fundamental
) -> None:
    core = flow(takers={"rate": 100.0, "qty": 5}).build(setting(path=path))
    (wake,) = [one for one in core.on_start(0) if getattr(one, "tag", "") == "take"]
    assert wake.t_ns > 0  # type: ignore[union-attr]
    taken = [sent(core.on_timer("take", n))[1] for n in range(1, 401)]
    assert {one[2] for one in taken} == {1, 2, 3, 4, 5}
    at_a = sum(one[0] == "A" for one in taken)
    assert abs(at_a - 280) <= 4 * (400 * 0.7 * 0.3) ** 0.5


def test_D12_lots_by_share_sum_to_the_whole(setting: "Settings") -> None:
    thirds = [
        {"venue": name, "share": share}
        for name, share in zip("ABC", ("0.333", "0.333", "0.334"), strict=True)
    ]
    grids = setting("ABC").grids
    assert flow(venues=thirds, qty=11).split(grids) == {"A": 4, "B": 3, "C": 4}
    assert flow(venues=thirds, qty=1).split(grids) == {"A": 0, "B": 0, "C": 1}
    lots = flow(venues=thirds, qty=110).split(setting("ABC", lot=10).grids)
    assert sum(lots.values()) == 110
    assert all(one % 10 == 0 for one in lots.values())
