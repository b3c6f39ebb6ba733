"""Lots that are posted: before any are taken, for a time, behind the touch, following it so far."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import CancelSent, ChildCanceled, ChildSent, Decision, Fill, ReplaceSent
from sim.protocol.enums import DecisionReason
from sim.protocol.errors import ScenarioError

Make = Callable[..., dict[str, Any]]
MS = 1_000_000


@pytest.fixture
def run_at_a(lit: Make, market: Make, run_data: Callable[..., Any]) -> Callable[..., Any]:
    """Run one parent at venue A, 5 ms away: ``bids``, what others ``do``, and how lots ``rest``."""

    def run(
        rest: dict[str, Any],
        do: list[dict[str, Any]],
        bids: list[list[Any]],
        reroute: dict[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        venue = lit("A", [["100.05", 100], ["100.06", 900]])
        venue["book"]["bids"] = bids
        orders = [
            {"id": f"O{n}", "tif": "IOC" if one["side"] == "sell" else "GTC", **one}
            for n, one in enumerate(do)
        ]
        venue["flow"] = [{"kind": "scripted", "orders": orders}] if orders else []
        router = {"strategy": {"kind": "greedy"}, "rest": rest, "reroute": reroute or {}}
        return run_data(market([venue], router=router, **more))

    return run


def of(ran: Any, kind: type[Any]) -> list[Any]:
    return [record for record in ran.records if isinstance(record, kind)]


def rising(*cents: int, step_ms: int = 20) -> list[dict[str, Any]]:
    """Others bid higher and higher: 100.0x at every step."""
    return [
        {"at": f"{step_ms * (n + 1)}ms", "side": "buy", "qty": 10, "price": f"100.{cent:02}"}
        for n, cent in enumerate(cents)
    ]


# ------------------------------------------------------------ first posted, then taken


def test_lots_are_posted_first_and_taken_once_their_time_is_over(
    run_at_a: Callable[..., Any],
) -> None:
    do = [{"at": "20ms", "side": "sell", "qty": 55, "price": "99.99"}]
    rest = {"first": True, "take_after": "50ms"}
    ran = run_at_a(rest, do, [["99.99", 50]], qty=30)
    posted, taken = of(ran, ChildSent)
    assert (posted.price, posted.order_qty, posted.time_in_force.value) == (9999, 30, "DAY")
    fills = [(one.t_ns // MS, one.last_px, one.last_qty, one.is_maker) for one in of(ran, Fill)]
    assert fills == [(25, 9999, 5, True), (70, 10005, 25, False)], "5 behind the 50 of others"
    (cancel,) = of(ran, CancelSent)
    assert (cancel.t_ns, cancel.reason) == (50 * MS, "post_over"), "counted from the first post"
    assert taken.t_ns == 60 * MS, "nothing is taken before the cancel is confirmed"
    reasons = [one.reason for one in of(ran, Decision)]
    assert reasons == [DecisionReason.INITIAL, DecisionReason.POST_OVER]


def test_F13_a_fill_that_crosses_the_cancel_is_not_bought_twice(
    run_at_a: Callable[..., Any],
) -> None:
    do = [{"at": "52ms", "side": "sell", "qty": 40, "price": "100.00"}]
    ran = run_at_a({"first": True, "take_after": "50ms"}, do, [["100.00", 30]], qty=30)
    (parent,) = ran.result.summary["parents"]
    assert (parent["filled_qty"], parent["children"]) == (30, 2)
    assert [(one.last_px, one.last_qty) for one in of(ran, Fill)] == [(10000, 10), (10005, 20)]


def test_a_decision_that_only_takes_rests_nothing_any_more(run_at_a: Callable[..., Any]) -> None:
    """Nobody offers within the limit, and its time to rest is over: it waits for quotes."""
    do = [{"at": "80ms", "side": "sell", "qty": 30, "price": "100.01", "tif": "GTC"}]
    rest = {"take_after": "20ms"}
    ran = run_at_a(rest, do, [["99.99", 50]], qty=30, limit="100.02")
    kinds = [(one.t_ns // MS, one.time_in_force.value) for one in of(ran, ChildSent)]
    assert kinds == [(0, "DAY"), (85, "IOC")]
    assert [(one.t_ns // MS, one.canceled_qty) for one in of(ran, ChildCanceled)] == [(30, 30)]


def test_near_its_deadline_a_parent_that_posts_first_takes(run_at_a: Callable[..., Any]) -> None:
    cross = {"cross": {"before": "50ms"}}
    ran = run_at_a({"first": True}, [], [["99.99", 50]], reroute=cross, qty=30, deadline="100ms")
    kinds = [(one.t_ns // MS, one.time_in_force.value) for one in of(ran, ChildSent)]
    assert kinds == [(0, "DAY"), (60, "IOC")], "and posts nothing again"
    assert ran.result.summary["parents"][0]["filled_qty"] == 30


def test_while_it_posts_first_nobodys_offer_moves_it(run_at_a: Callable[..., Any]) -> None:
    do = [{"at": "20ms", "side": "sell", "qty": 30, "price": "100.01", "tif": "GTC"}]
    ran = run_at_a({"first": True, "move_after": "0ns"}, do, [["99.99", 5]], qty=30, deadline="1s")
    assert len(of(ran, ChildSent)) == 1
    assert not of(ran, ReplaceSent)
    assert [one.reason for one in of(ran, CancelSent)] == ["parent_stopped"]


def test_what_is_posted_first_does_not_take(run_at_a: Callable[..., Any]) -> None:
    """A limit beyond the best offer: the order stands a tick below it."""
    ran = run_at_a(
        {"first": True, "price": "limit"}, [], [["99.99", 5]], qty=30, limit="100.06", deadline="1s"
    )
    (sent,) = of(ran, ChildSent)
    assert sent.price == 10004
    assert not of(ran, Fill)


def test_where_nothing_can_be_posted_lots_are_taken_at_once(run_at_a: Callable[..., Any]) -> None:
    """No bid and no limit: there is no price to post at."""
    ran = run_at_a({"first": True, "take_after": "1s"}, [], [], qty=30)
    (sent,) = of(ran, ChildSent)
    assert (sent.t_ns, sent.time_in_force.value, sent.price) == (0, "IOC", 10005)


# ------------------------------------------------------------ pegged so far behind, so far up


def test_an_order_rests_so_many_ticks_behind_the_touch_and_follows_it(
    run_at_a: Callable[..., Any],
) -> None:
    rest = {"offset": 2, "move_after": "0ns"}
    ran = run_at_a(rest, rising(1, 2), [["100.00", 50]], qty=30, limit="100.02", deadline="200ms")
    assert [one.price for one in of(ran, ChildSent)] == [9998]
    assert [one.price for one in of(ran, ReplaceSent)] == [9999, 10000]


def test_an_order_follows_no_further_than_it_may(run_at_a: Callable[..., Any]) -> None:
    rest = {"chase_max": 2, "move_after": "0ns"}
    do = rising(1, 2, 3, 4)
    ran = run_at_a(rest, do, [["100.00", 50]], qty=30, limit="100.04", deadline="200ms")
    assert [one.price for one in of(ran, ChildSent)] == [10000]
    assert [one.price for one in of(ran, ReplaceSent)] == [10001, 10002]


def test_an_order_that_may_not_chase_stays_where_it_was_posted(
    run_at_a: Callable[..., Any],
) -> None:
    rest = {"chase_max": 0, "move_after": "0ns"}
    ran = run_at_a(rest, rising(1, 2), [["100.00", 50]], qty=30, limit="100.04", deadline="99ms")
    assert not of(ran, ReplaceSent)


def test_moves_keep_their_distance_in_time_and_their_number(run_at_a: Callable[..., Any]) -> None:
    rest = {"offset": 1, "move_after": "30ms", "max_moves": 2}
    do = rising(1, 2, 3, 4)
    ran = run_at_a(rest, do, [["100.00", 50]], qty=30, limit="100.04", deadline="300ms")
    moved = [(one.t_ns // MS, one.price) for one in of(ran, ReplaceSent)]
    assert moved == [(30, 10000), (60, 10001)]


@pytest.mark.parametrize("key", ["offset", "chase_max"])
def test_a_limit_has_no_touch_to_stay_behind(run_at_a: Callable[..., Any], key: str) -> None:
    with pytest.raises(ScenarioError, match=f"{key} goes with price: touch"):
        run_at_a({"price": "limit", key: 2}, [], [], qty=30)
