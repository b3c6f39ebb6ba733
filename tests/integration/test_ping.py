"""Ping before commit: a small blind order asks first, and what follows its answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ChildSent, Decision
from sim.protocol.enums import DecisionReason

if TYPE_CHECKING:
    from tests.conftest import Ran

Make = Callable[..., dict[str, Any]]
Run = Callable[..., "Ran"]


@pytest.fixture
def asked(market: Make, lit: Make, run_data: Run) -> Callable[..., "Ran"]:
    """``asked(near, far, **blind)``: 1,000 to buy, two silent pools with so many at 100.00."""

    def leg(ms: int) -> dict[str, Any]:
        one = {"model": "fixed", "delay": f"{ms}ms"}
        return {"order": one, "report": one, "feed": one}

    def run(near: int, far: int, **blind: Any) -> "Ran":
        pools = [
            {"id": "NEAR", "kind": "dark", "latency": leg(1), "book": {"asks": [["100.00", near]]}},
            {"id": "FAR", "kind": "dark", "latency": leg(2), "book": {"asks": [["100.00", far]]}},
        ]
        shown = {**lit("LIT"), "latency": leg(1), "book": {"asks": [["100.02", 5_000]]}}
        router = {"strategy": {"kind": "greedy"}, "blind": {"ping": {"lots": 50}, **blind}}
        parents = [{"id": "P", "side": "buy", "qty": 1_000, "at": "0s"}]
        return run_data(market([shown, *pools], router=router, parents=parents))

    return run


def sent(ran: "Ran") -> list[tuple[str, int]]:
    return [(one.venue_id, one.order_qty) for one in ran.of(ChildSent)]


def stages(ran: "Ran") -> list[list[tuple[str, str]]]:
    return [[(one.venue_id, one.stage) for one in d.blind] for d in ran.of(Decision)]


def refusals(decision: Decision) -> dict[str, str]:
    return {one.venue_id: one.reason for one in decision.refused}


def test_the_part_follows_a_ping_that_is_filled_whole(asked: Callable[..., "Ran"]) -> None:
    ran = asked(700, 500)
    # 50 at NEAR are had, so all the rest goes there; it has 650, and FAR is asked for what is left.
    assert sent(ran) == [("NEAR", 50), ("NEAR", 950), ("FAR", 50), ("FAR", 250)]
    assert stages(ran) == [
        [("NEAR", "ping")],
        [("NEAR", "after_ping")],
        [("FAR", "ping")],
        [("FAR", "after_ping")],
    ]
    reasons = [one.reason for one in ran.of(Decision)]
    asks, partial = DecisionReason.ANSWERED, DecisionReason.PARTIAL_FILL
    assert reasons == [DecisionReason.INITIAL, asks, partial, asks]
    assert ran.parent["filled_qty"] == 1_000


def test_a_venue_that_does_not_fill_the_ping_gets_no_more(asked: Callable[..., "Ran"]) -> None:
    ran = asked(30, 20)
    assert sent(ran) == [("NEAR", 50), ("FAR", 50), ("LIT", 950)]
    last = ran.of(Decision)[-1]
    assert refusals(last) == {"NEAR": "ping_short", "FAR": "ping_short"}
    assert last.reason is DecisionReason.PARTIAL_FILL


def test_pings_go_out_together_and_all_lots_wait_for_the_last(asked: Callable[..., "Ran"]) -> None:
    """Half of what is left is meant for each: 500, then 250; the strategy has 250 at once."""
    ran = asked(2_000, 10, fraction="0.5")
    assert sent(ran)[:3] == [("NEAR", 50), ("FAR", 50), ("LIT", 250)]
    second = ran.of(Decision)[1]
    assert second.t_ns == 4_000_000, "as FAR has answered, not as NEAR had, nor as LIT"
    # 690 are left by then, and half of them is NEAR's part now.
    assert sent(ran)[3:] == [("NEAR", 345), ("LIT", 345)]
    assert refusals(second) == {"FAR": "ping_short"}


def test_a_part_no_larger_than_the_ping_goes_at_once(asked: Callable[..., "Ran"]) -> None:
    ran = asked(2_000, 10, ping={"lots": 1_000})
    assert sent(ran) == [("NEAR", 1_000)]
    assert stages(ran) == [[("NEAR", "")]]
    plain = asked(2_000, 10, ping=None)
    assert sent(plain) == sent(ran)
    assert plain.result.log is not None
    assert b'"stage"' not in plain.result.log
