"""The contenders of the matching benchmark do the same work; not how fast they do it."""

from collections import Counter
from typing import Any

import pytest

from benchmarks import matching
from benchmarks.matching import Message, light_calls, make_tape, play_light
from benchmarks.reference_book import ReferenceBook
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelReject
from sim.protocol.units import TimeNs
from venues.core.matching import MatchingCore


@pytest.fixture(scope="module")
def tape() -> list[Message]:
    return make_tape(4_000)


@pytest.fixture(scope="module")
def ours(tape: list[Message]) -> MatchingCore:
    """Our core behind the tape; none of its cancels was refused."""
    core = MatchingCore()
    for msg in tape:
        answer = core.handle(msg, TimeNs(0))[0]
        assert not isinstance(answer, OrderCancelReject)
    core.check()
    return core


def test_the_tape_is_the_same_every_time(tape: list[Message]) -> None:
    assert make_tape(4_000) == tape


def test_the_tape_has_the_mix_that_it_states(tape: list[Message], ours: MatchingCore) -> None:
    kinds = Counter(
        msg.time_in_force if isinstance(msg, NewOrderSingle) else "cancel" for msg in tape
    )
    assert 0.08 < kinds[TimeInForce.IOC] / len(tape) < 0.12
    open_orders = sum(1 for side in (Side.BUY, Side.SELL) for _ in ours.resting(side))
    assert kinds[TimeInForce.GTC] - kinds["cancel"] > open_orders  # the others were filled
    assert 700 < open_orders < 1_100
    for side in (Side.BUY, Side.SELL):
        assert 80 < len(ours.levels(side, 1_000)) < 160


def test_the_reference_book_ends_with_the_same_book(
    tape: list[Message], ours: MatchingCore
) -> None:
    book, volume = ReferenceBook(), 0
    for msg in tape:
        if isinstance(msg, NewOrderSingle):
            volume += sum(lots for _, _, _, lots in book.add(msg))
        else:
            assert book.cancel(msg)
    assert volume == ours.volume
    for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
        assert [tuple(order[:2]) for queue in levels.values() for order in queue] == [
            (order.cl_ord_id, order.leaves_qty) for order in ours.resting(side)
        ]


def test_the_peer_ends_with_the_same_book(tape: list[Message], ours: MatchingCore) -> None:
    pytest.importorskip("lightmatchingengine")
    make_engine = matching._light_engine()
    assert make_engine is not None
    engine = make_engine()
    play_light(engine, light_calls(tape))
    book = engine.order_books["X"]
    for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
        theirs = {
            price: sum(order.leaves_qty for order in level) for price, level in levels.items()
        }
        assert theirs == dict(ours.levels(side, 1_000))


@pytest.mark.slow
def test_a_row_names_its_peers_and_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "QUICK_COUNT", 500)
    (row,) = matching.run(quick=True)
    assert (row["name"], row["unit"]) == ("matching", "messages/s")
    assert set(row["ratio"]) == set(row["target"]["ratio"]) >= {"reference_book"}


@pytest.mark.slow
def test_without_the_peer_its_target_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    absent: Any = None
    monkeypatch.setattr(matching, "QUICK_COUNT", 500)
    monkeypatch.setattr(matching, "_light_engine", lambda: absent)
    (row,) = matching.run(quick=True)
    assert set(row["peers"]) == {"reference_book"}
    assert not row["met"]
    assert "not installed" in row["note"]
