"""What a watcher records, what a tape passes on, and who gets what of a feed."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import NbboChange
from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import TradingState
from sim.protocol.market_data import BookSnapshot, Levels, TradingStatus
from sim.protocol.units import QtyLots, TimeNs
from sim.topology import Tape, Watcher, fan_out, touch_of

Book = Callable[..., BookSnapshot]
STATUS = TradingStatus("A", TimeNs(1), TradingState.HALTED)


def book(venue: str, bids: Levels = (), asks: Levels = (), volume: int = 0) -> BookSnapshot:
    return BookSnapshot(venue, 1, TimeNs(0), bids, asks, volume=QtyLots(volume))


def event(msg: Any) -> Event:
    return Event(0, 0, 0, lambda _: None, msg)


class Watched:
    """A watcher of A and B, what it recorded and what it passed on."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.passed: list[Any] = []
        self.watcher = Watcher(
            "router",
            frozenset({"A", "B"}),
            lambda one: self.passed.append(one.msg),
            clock=SimLoop(),
            emit=self.records.append,
        )

    @property
    def prices(self) -> list[tuple[int | None, int | None]]:
        return [(record.bid_px, record.ask_px) for record in self.records]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_best_prices_are_recorded_as_they_change_and_before_the_observer_acts(
    watched: Watched,
) -> None:
    both: list[Any] = []
    watched.watcher = Watcher(
        "venue:D", frozenset({"A"}), both.append, clock=SimLoop(), emit=both.append
    )
    quote = event(book("A", ((99, 1),)))
    watched.watcher.deliver(quote)
    assert both == [NbboChange(t_ns=0, observer="venue:D", bid_px=99, ask_px=None), quote]


def test_only_a_change_of_the_best_is_recorded_and_everything_is_passed_on(
    watched: Watched,
) -> None:
    quotes = [
        book("A", ((99, 1),), ((101, 1),)),
        book("A", ((99, 7),), ((101, 7),)),  # other sizes
        book("B", ((98, 1),), ((102, 1),)),  # worse
        book("DARK", ((100, 1),), ((100, 1),)),  # no displayed lit quote
        book("B", ((100, 1),), ()),  # a better bid
        book("B"),  # gone again
    ]
    for quote in [*quotes, STATUS]:
        watched.watcher.deliver(event(quote))
    assert watched.prices == [(99, 101), (100, 101), (99, 101)]
    assert watched.passed == [*quotes, STATUS]


def test_opening_books_are_one_picture(watched: Watched) -> None:
    watched.watcher.open([book("A", ((99, 1),)), book("B", ((98, 1),), ((100, 1),))])
    assert watched.prices == [(99, 100)]


def test_empty_books_are_no_picture(watched: Watched) -> None:
    watched.watcher.open([book("A"), book("B")])
    assert watched.records == []


def test_locked_and_crossed_prices_are_what_they_are(watched: Watched) -> None:
    watched.watcher.deliver(event(book("A", ((101, 1),))))
    watched.watcher.deliver(event(book("B", (), ((100, 1),))))
    assert watched.prices == [(101, None), (101, 100)]


def test_the_tape_carries_touches_and_prints_alone() -> None:
    prices: list[Any] = []
    states: list[Any] = []
    tape = Tape([prices.append], [states.append])
    deep = book("A", ((99, 1), (98, 5)), ((101, 1),))
    for msg in [
        deep,
        book("A", ((99, 1), (98, 6)), ((101, 1),)),  # below the best levels
        book("A", ((99, 1), (98, 6)), ((101, 1),), volume=4),  # a print
        book("A", ((99, 2),), ((101, 1),), volume=4),  # another size
        STATUS,
    ]:
        tape.deliver(event(msg))
    assert prices[0] == touch_of(deep) == book("A", ((99, 1),), ((101, 1),))
    assert [(one.bids, one.volume) for one in prices] == [
        (((99, 1),), 0),
        (((99, 1),), 4),
        (((99, 2),), 4),
    ]
    assert states == [STATUS]


def test_the_tape_does_not_repeat_the_opening() -> None:
    heard: list[Any] = []
    tape = Tape([heard.append], [])
    tape.open([book("A", ((99, 1), (98, 5)))])
    tape.deliver(event(book("A", ((99, 1), (98, 6)))))
    assert heard == []
    tape.deliver(event(book("B", ((99, 1),))))
    assert len(heard) == 1


def test_a_single_subscriber_is_called_directly() -> None:
    def only(msg: object) -> None:
        raise AssertionError

    assert fan_out([only], []) is only
    assert fan_out([], []) is None


def test_several_subscribers_hear_in_order_and_states_go_to_those_who_act_on_them() -> None:
    heard: list[tuple[str, object]] = []
    send = fan_out(
        [lambda msg: heard.append(("router", msg))], [lambda msg: heard.append(("D", msg))]
    )
    assert send is not None
    quote = book("A")
    send(quote)
    send(STATUS)
    assert heard == [("router", quote), ("D", quote), ("router", STATUS)]
