"""Rounds of silent pools in whole runs, and what the oracle is told of venues of every kind."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import BlindOrder, ChildSent, Decision, ParentDone
from sim.protocol.enums import DecisionReason, EndReason

if TYPE_CHECKING:
    from tests.conftest import Ran

Make = Callable[..., dict[str, Any]]
Run = Callable[..., "Ran"]
EVEN = {"kind": "exponentiated_gradient", "rate": "0.000001"}
"""An even split that learns next to nothing."""


def leg(ms: int) -> dict[str, Any]:
    one = {"model": "fixed", "delay": f"{ms}ms"}
    return {"order": one, "report": one, "feed": one}


def dark(venue_id: str, lots: int, ms: int, **more: Any) -> dict[str, Any]:
    book = {"asks": [["100.00", lots]]} if lots else {}
    return {"id": venue_id, "kind": "dark", "latency": leg(ms), "book": book, **more}


@pytest.fixture
def bought(market: Make, lit: Make, run_data: Run) -> Callable[..., "Ran"]:
    """``bought(strategy, *pools, ...)``: 1,000 to buy; 5,000 are displayed at 100.02."""

    def run(strategy: dict[str, Any], *pools: dict[str, Any], **more: Any) -> "Ran":
        shown = {**lit("LIT"), "latency": leg(1), "book": {"asks": [["100.02", 5_000]]}}
        parents = [{"id": "P", "side": "buy", "qty": 1_000, "at": "0s", **more.pop("parent", {})}]
        router = {"strategy": strategy, **more.pop("router", {})}
        return run_data(market([shown, *pools], router=router, parents=parents, **more))

    return run


def sent(ran: "Ran") -> list[tuple[str, int]]:
    return [(one.venue_id, one.order_qty) for one in ran.of(ChildSent)]


def refusals(decision: Decision) -> dict[str, str]:
    return {one.venue_id: one.reason for one in decision.refused}


# Rounds


def test_a_round_waits_for_all_answers_and_asks_again_who_gave_all(
    bought: Callable[..., "Ran"],
) -> None:
    ran = bought({**EVEN, "rounds": 3}, dark("A", 900, 1), dark("B", 100, 4))
    # B gives 100 of 500; A gives 500, and 400 of the 400 that are left then.
    assert sent(ran) == [("A", 500), ("B", 500), ("A", 400)]
    first, second = ran.of(Decision)
    assert (second.t_ns, second.reason) == (8_000_000, DecisionReason.PARTIAL_FILL)
    assert refusals(second) == {"B": "filled_short", "LIT": "pools_first"}
    assert first.blind == (
        BlindOrder("A", 1_000_000, 10_002, 10_002),
        BlindOrder("B", 4_000_000, 10_002, 10_002),
    )
    assert [(one.name, one.value) for one in first.notes] == [
        ("share A", "0.5000"),
        ("share B", "0.5000"),
    ]


def test_the_last_answer_gives_the_rest_its_turn_even_if_it_is_a_full_fill(
    bought: Callable[..., "Ran"],
) -> None:
    """A comes back short first; nothing but B's fill, which frees no lot, ends the round."""
    ran = bought(EVEN, dark("A", 100, 1), dark("B", 500, 4))
    assert sent(ran) == [("A", 500), ("B", 500), ("LIT", 400)]
    last = ran.of(Decision)[-1]
    assert (last.t_ns, last.reason) == (8_000_000, DecisionReason.ANSWERED)
    assert refusals(last) == {"A": "filled_short", "B": "rounds_over"}


def test_rounds_end_when_one_brings_nothing(bought: Callable[..., "Ran"]) -> None:
    ran = bought({**EVEN, "rounds": 9}, dark("A", 0, 1), dark("B", 0, 2))
    assert sent(ran) == [("A", 500), ("B", 500), ("LIT", 1_000)]
    assert ran.parent["filled_qty"] == 1_000


def test_what_is_to_wait_waits_until_the_deadline(bought: Callable[..., "Ran"]) -> None:
    ran = bought(
        {**EVEN, "rest": "wait"}, dark("A", 100, 1), parent={"deadline": "50ms"}, expect={}
    )
    assert sent(ran) == [("A", 1_000)]
    (done,) = ran.of(ParentDone)
    assert (done.filled_qty, done.end_reason) == (100, EndReason.DEADLINE)


def test_a_pool_that_never_answers_is_given_up_and_the_rest_goes_on(
    bought: Callable[..., "Ran"],
) -> None:
    mute = dark("B", 500, 2)
    mute["latency"] = {**leg(2), "report": {"model": "fixed", "delay": "1min"}}
    ran = bought(
        EVEN,
        dark("A", 100, 1),
        mute,
        router={"ack_timeout": "10ms", "cancel_resends": 1},
        parent={"deadline": "500ms"},
    )
    assert sent(ran)[-1] == ("LIT", 400), "the 500 at B stay reserved"


# The oracle


def test_the_oracle_takes_what_is_there_hidden_or_not(bought: Callable[..., "Ran"]) -> None:
    maker = {"id": "MM", "kind": "maker", "latency": leg(1), "quote": {"ask": ["100.01", 200]}}
    lies = dark(
        "LIES",
        400,
        1,
        indications=True,
        fill={"model": "scripted", "at": [["100.00", 150]]},
    )
    ran = bought({"kind": "oracle"}, dark("A", 300, 1), lies, maker)
    assert sorted(sent(ran)) == [("A", 300), ("LIES", 150), ("LIT", 350), ("MM", 200)]
    (decision,) = ran.of(Decision)
    assert [one.venue_id for one in decision.blind] == ["A"], "the only one without a quote"
    assert ran.parent["filled_qty"] == 1_000
    assert all(row["routed_qty"] == row["filled_qty"] for row in ran.parent["venues"].values())


def test_the_oracle_knows_the_share_that_each_order_will_have(
    bought: Callable[..., "Ran"],
) -> None:
    """It belongs to the order's name, which the oracle asks by."""
    pools = [dark(name, 900, 1, fill={"model": "random"}) for name in ("A", "B", "C")]
    ran = bought({"kind": "oracle"}, *pools)
    assert ran.parent["filled_qty"] == 1_000
    assert len(ran.of(Decision)) == 1, "nothing came back"


def test_the_oracle_keeps_to_the_limit_and_to_closed_doors(bought: Callable[..., "Ran"]) -> None:
    closed = dark("B", 500, 1, trading={"open": "1s"})
    limit = {"limit": "100.01", "deadline": "100ms"}
    ran = bought({"kind": "oracle"}, dark("A", 300, 1), closed, parent=limit)
    assert sent(ran) == [("A", 300)]
    assert refusals(ran.of(Decision)[0])["B"] == "pre_open"
