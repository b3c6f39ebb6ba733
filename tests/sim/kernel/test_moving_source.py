"""A source that is asked for each message at its instant, on the virtual and on any other clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import MovingSource, VirtualMovingSource, make_moving_source
from sim.protocol.enums import Priority

KINDS = [MovingSource, VirtualMovingSource]


class Bench:
    """A loop, and what a source does on it."""

    def __init__(self) -> None:
        self.loop = SimLoop()
        self.looked: list[int] = []
        self.delivered: list[tuple[int, Any]] = []

    def run(
        self, kind: type[MovingSource], moves: Iterator[tuple[int, Any]], **more: Any
    ) -> MovingSource:
        first_ns = next(moves)[0]
        source = kind(
            self.loop,
            first_ns,
            moves,
            self._deliver,
            Priority.FLOW,
            **{"end_ns": 1_000} | more,
        )
        source.start()
        return source

    def _deliver(self, event: Event) -> None:
        self.delivered.append((event.t_ns, event.msg))


def moves_of(bench: Bench, items: list[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    for t_ns, msg in items:
        bench.looked.append(bench.loop.now_ns)
        yield t_ns, msg


@pytest.mark.parametrize("kind", KINDS)
def test_each_message_is_made_at_its_instant(kind: type[MovingSource]) -> None:
    bench = Bench()
    items = [(5, None), (7, "a"), (7, None), (20, "b"), (30, "c")]
    bench.run(kind, moves_of(bench, items))
    bench.loop.run_forever()
    assert bench.looked == [0, 5, 7, 7, 20]
    assert bench.delivered == [(5, "a"), (7, "b"), (20, "c")]
    bench.loop.close()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_made_after_the_end(kind: type[MovingSource]) -> None:
    bench = Bench()
    bench.run(kind, moves_of(bench, [(5, None), (7, "a"), (8, "b")]), end_ns=7)
    bench.loop.run_forever()
    assert bench.delivered == [(5, "a"), (7, "b")]
    bench.loop.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_source_is_silent(kind: type[MovingSource]) -> None:
    bench = Bench()
    source = bench.run(kind, moves_of(bench, [(5, None), (7, "a")]))
    source.stop()
    bench.loop.run_forever()
    assert bench.delivered == []
    bench.loop.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_goes_to_who_asked_for_it(kind: type[MovingSource]) -> None:
    def moves() -> Iterator[tuple[int, Any]]:
        yield 5, None
        raise RuntimeError("broken")

    bench = Bench()
    errors: list[Exception] = []
    bench.run(kind, moves(), on_error=errors.append)
    bench.loop.run_forever()
    assert [str(error) for error in errors] == ["broken"]
    bench.loop.close()


def test_the_clock_decides_the_kind() -> None:
    bench = Bench()
    source = make_moving_source(
        bench.loop, 0, iter(()), lambda event: None, Priority.FLOW, end_ns=1
    )
    assert type(source) is VirtualMovingSource
    bench.loop.close()
