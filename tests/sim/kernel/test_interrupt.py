"""Signals as events of the loop."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable

import pytest

from sim.kernel.clock import new_loop
from sim.kernel.interrupt import interrupts
from sim.kernel.loop import SimLoop

both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
both_clocks = pytest.mark.parametrize("clock", ["virtual", "wall"])


def kill_self(number: int) -> None:
    os.kill(os.getpid(), number)


@both_signals
@both_clocks
def test_first_signal_is_a_callback_that_comes_before_time_moves_on(
    number: int, clock: str
) -> None:
    loop = new_loop(clock)
    seen: list[str] = []

    async def run() -> None:
        stopped = loop.create_future()
        loop.call_later(10, seen.append, "time moved on")
        with interrupts(loop, lambda: stopped.set_result(None)):
            kill_self(number)
            seen.append("not in the middle of this step")
            await stopped

    loop.run_until_complete(run())
    loop.close()
    assert seen == ["not in the middle of this step"]


@both_signals
def test_second_signal_strikes_at_once(number: int) -> None:
    loop = SimLoop()
    calls: list[int] = []
    with interrupts(loop, lambda: calls.append(1)):
        kill_self(number)
        with pytest.raises(KeyboardInterrupt):
            kill_self(number)
    loop.run_forever()
    loop.close()
    assert calls == [1]


def test_handlers_are_restored_and_foreign_ones_respected() -> None:
    def foreign(number: int, frame: object) -> None:
        return

    before: Callable[..., object] | int | None = signal.signal(signal.SIGTERM, foreign)
    try:
        with interrupts(SimLoop(), lambda: None):
            assert signal.getsignal(signal.SIGTERM) is foreign
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_change_nothing() -> None:
    found = []

    def work() -> None:
        loop = asyncio.new_event_loop()
        with interrupts(loop, lambda: None):
            found.append(signal.getsignal(signal.SIGINT))
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
