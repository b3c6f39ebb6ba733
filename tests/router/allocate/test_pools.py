"""Strategies over silent pools: what they send, what they learn, what becomes of the rest."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from router.allocate import StrategyConfig
from router.allocate.base import (
    USUAL_TIE,
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Offer,
    Pool,
    Strategy,
)
from sim.protocol.enums import Side

_ADAPTER: TypeAdapter[Any] = TypeAdapter(StrategyConfig)
KINDS = ["kaplan_meier", "exponentiated_gradient", "stochastic_split", "reinforcement"]
each_kind = pytest.mark.parametrize("kind", KINDS)
SHARES = KINDS[1:]
LIT = Offer("LIT", "lit", 1, 1, ((102, 400), (103, 10_000)), 1, 0)
Supply = dict[str, int]


def strategy(kind: str, **config: Any) -> Strategy:
    built: Strategy = _ADAPTER.validate_python({"kind": kind, **config}).build()
    return built


def pool(venue_id: str, lot: int = 1, ms: int = 1, had: int = 0) -> Pool:
    return Pool(venue_id, 101, lot, ms, had)


def request(
    qty: int,
    *pools: Pool,
    side: Side = Side.BUY,
    offers: tuple[Offer, ...] = (LIT,),
    name: str = "P",
) -> AllocationRequest:
    return AllocationRequest(side, qty, offers, "full", USUAL_TIE, pools=pools, parent_id=name)


def answer(
    chosen: Strategy,
    found: Allocation,
    there: Supply,
    *,
    side: Side = Side.BUY,
    name: str = "P",
    refused: Sequence[str] = (),
) -> int:
    """Let the venues answer a split; how much was filled."""
    total = 0
    for venue_id, price, qty in found.slices:
        got = 0 if venue_id in refused else min(qty, there.get(venue_id, 0))
        total += got
        chosen.learn(
            ChildOutcome(
                name,
                venue_id,
                "dark",
                side,
                price,
                qty,
                got,
                posted=False,
                rejected=venue_id in refused,
                sent_ns=0,
                ended_ns=1,
            )
        )
    return total


def lots(found: Allocation) -> dict[str, int]:
    return {venue_id: qty for venue_id, _, qty in found.slices}


# What is sent


@each_kind
def test_pools_come_first_and_what_is_shown_waits(kind: str) -> None:
    found = strategy(kind).allocate(request(300, pool("B"), pool("A")))
    assert set(lots(found)) == {"A", "B"}
    assert all(price == 101 for _, price, _ in found.slices)
    assert found.refused == (("LIT", "pools_first"),)
    assert [name.split()[1] for name, _ in found.notes] == ["A", "B"]


@each_kind
def test_without_pools_what_is_left_goes_by_price_or_waits(kind: str) -> None:
    assert lots(strategy(kind).allocate(request(300))) == {"LIT": 300}
    found = strategy(kind, rest="wait").allocate(request(300))
    assert found == Allocation((), (), (("LIT", "pools_only"),))


sizes = st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 400), min_size=1, max_size=5)


@each_kind
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_split_is_sound_whatever_was_learnt(kind: str, data: st.DataObject) -> None:
    """Never negative or too much, in whole lots, the same for any order of the pools and run."""
    rounds = data.draw(st.lists(st.tuples(sizes, st.integers(1, 900)), min_size=1, max_size=8))
    lot = data.draw(st.sampled_from([1, 1, 7]))
    one, other = (strategy(kind, **({"needed": 1} if kind == KINDS[0] else {})) for _ in range(2))
    for there, qty in rounds:
        pools = [pool(venue_id, lot, ord(venue_id)) for venue_id in there]
        found = one.allocate(request(qty, *pools, offers=()))
        assert found == other.allocate(request(qty, *reversed(pools), offers=()))
        assert all(n > 0 and n % lot == 0 for n in lots(found).values())
        assert len(found.slices) == len(lots(found))
        assert sum(lots(found).values()) <= qty
        if kind in SHARES:
            assert sum(lots(found).values()) > qty - lot, "as much as whole lots allow"
        used_or_refused = sorted([*lots(found), *(name for name, _ in found.refused)])
        assert used_or_refused == sorted(there)
        answer(one, found, there)
        answer(other, Allocation(found.slices[::-1], (), ()), there)


# What is learnt


@each_kind
def test_the_pool_that_gives_gets_more(kind: str) -> None:
    config = {"needed": 2, "step": 50} if kind == "kaplan_meier" else {}
    chosen = strategy(kind, **config)
    for _ in range(40):
        answer(chosen, chosen.allocate(request(300, pool("A"), pool("B"))), {"A": 2, "B": 1_000})
    found = lots(chosen.allocate(request(300, pool("A"), pool("B"))))
    assert found["B"] > 250, found


@each_kind
def test_sides_are_told_apart(kind: str) -> None:
    chosen, fresh = strategy(kind), strategy(kind)
    for _ in range(20):
        answer(chosen, chosen.allocate(request(300, pool("A"), pool("B"))), {"A": 0, "B": 999})
    sells = request(300, pool("A"), pool("B"), side=Side.SELL)
    assert chosen.allocate(sells) == fresh.allocate(sells)


@each_kind
def test_a_refusal_teaches_nothing(kind: str) -> None:
    chosen, fresh = strategy(kind), strategy(kind)
    wanted = request(300, pool("A"))
    answer(chosen, chosen.allocate(wanted), {}, refused=["A"])
    assert chosen.allocate(wanted) == fresh.allocate(wanted)


@each_kind
def test_answers_of_others_teach_nothing(kind: str) -> None:
    """What is sent to displayed venues is no round of pools, nor are children of other parents."""
    chosen, fresh = strategy(kind), strategy(kind)
    wanted = request(300, pool("A"), pool("B"))
    answer(chosen, chosen.allocate(request(300)), {"LIT": 10})
    answer(chosen, fresh.allocate(wanted), {"A": 10}, name="Q")
    assert chosen.allocate(wanted) == strategy(kind).allocate(wanted)


@pytest.mark.parametrize("kind", SHARES)
def test_answers_that_never_come_do_not_hold_up_the_others(kind: str) -> None:
    """C does not answer: what A and B said counts as the parent is split again."""
    chosen = strategy(kind)
    wanted = request(300, pool("A"), pool("B"), pool("C"))
    first = chosen.allocate(wanted)
    answer(chosen, Allocation(first.slices[:2], (), ()), {"A": 0, "B": 100})
    found = lots(chosen.allocate(wanted))
    assert found["A"] < lots(first)["A"] < found["B"], found


@pytest.mark.parametrize("kind", SHARES)
def test_a_pool_that_comes_later_begins_with_an_even_share(kind: str) -> None:
    chosen = strategy(kind)
    for _ in range(10):
        answer(chosen, chosen.allocate(request(300, pool("A"), pool("B"))), {"A": 999, "B": 0})
    found = lots(chosen.allocate(request(300, pool("A"), pool("B"), pool("C"))))
    assert 90 <= found["C"] <= 110, found


@pytest.mark.parametrize("kind", ["stochastic_split", "reinforcement"])
def test_a_lot_that_is_worth_more_draws_more(kind: str) -> None:
    chosen = strategy(kind, worth=[["A", "3"]])
    for _ in range(20):
        answer(chosen, chosen.allocate(request(300, pool("A"), pool("B"))), {"A": 200, "B": 200})
    found = lots(chosen.allocate(request(300, pool("A"), pool("B"))))
    assert found["A"] > found["B"], found


def test_kaplan_meier_counts_two_rounds_of_one_supply_once() -> None:
    """40 had and asked again: 25 of 60 more says 65, and stands in place of the first answer."""
    config = {"needed": 1, "step": 60, "rounds": 2}
    chosen, told = strategy("kaplan_meier", **config), strategy("kaplan_meier", **config)
    answer(chosen, chosen.allocate(request(40, pool("A"))), {"A": 40})
    answer(chosen, chosen.allocate(request(60, pool("A", had=40))), {"A": 25})
    answer(told, told.allocate(request(60, pool("A"))), {"A": 60})
    answer(told, told.allocate(request(40, pool("A", had=60))), {"A": 5})
    wanted = request(500, pool("A"), pool("B"))
    assert chosen.allocate(wanted) == told.allocate(wanted)


def test_kaplan_meier_bears_a_first_round_whose_answer_came_too_late() -> None:
    """It was never learnt from; the second one says 65 by itself."""
    chosen, told = (strategy("kaplan_meier", needed=1, step=100) for _ in range(2))
    answer(chosen, chosen.allocate(request(60, pool("A", had=40))), {"A": 25})
    answer(told, told.allocate(request(60, pool("A"))), {"A": 60})
    answer(told, told.allocate(request(40, pool("A", had=60))), {"A": 5})
    wanted = request(500, pool("A"), pool("B"))
    assert chosen.allocate(wanted) == told.allocate(wanted)


def test_kaplan_meier_asks_for_no_more_than_may_be_there() -> None:
    chosen = strategy("kaplan_meier", needed=1, step=1)
    for _ in range(3):
        answer(chosen, chosen.allocate(request(10, pool("A"))), {"A": 0})
    found = chosen.allocate(request(10, pool("A")))
    assert lots(found) == {"LIT": 10}
    assert ("A", "ranked_behind") in found.refused


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("kaplan_meier", {"needed": 0}),
        ("kaplan_meier", {"step": 0}),
        ("kaplan_meier", {"rounds": 0}),
        ("exponentiated_gradient", {"rate": "0"}),
        ("exponentiated_gradient", {"explore": "1"}),
        ("stochastic_split", {"power": "1.5"}),
        ("stochastic_split", {"gain": "0"}),
        ("reinforcement", {"rest": "never"}),
    ],
)
def test_settings_out_of_bounds_are_refused(kind: str, config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        strategy(kind, **config)
