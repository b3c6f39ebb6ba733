"""Signals as events of the loop."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from sim.kernel.clock import machine_ns, new_loop
from sim.kernel.interrupt import always_heard, held_back, interrupts, stop_if_interrupted
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


# ------------------------------------------------------------ signals that nobody acted upon


@both_signals
def test_P01_a_signal_that_comes_when_the_loop_is_done_is_not_forgotten(number: int) -> None:
    """As while the files of a run are written: who called may have more to do."""
    loop = SimLoop()
    calls: list[str] = []
    leave = interrupts(loop, lambda: calls.append("stop"))
    leave.__enter__()
    kill_self(number)
    calls.append("files written")
    with pytest.raises(KeyboardInterrupt):
        leave.__exit__(None, None, None)
    loop.close()
    assert calls == ["files written"]


def test_P01_a_signal_that_was_acted_upon_is_not_raised_again() -> None:
    loop = SimLoop()
    calls: list[str] = []
    with interrupts(loop, lambda: calls.append("stop")):
        kill_self(signal.SIGINT)
        loop.call_later(1, loop.stop)
        loop.run_forever()
    loop.close()
    assert calls == ["stop"]


def test_P01_an_error_on_its_way_is_not_hidden_by_a_signal() -> None:
    loop = SimLoop()

    def fail() -> None:
        with interrupts(loop, lambda: None):
            kill_self(signal.SIGINT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    loop.close()


@both_signals
def test_P01_an_interrupt_that_something_swallowed_comes_before_the_next_run(number: int) -> None:
    """So callbacks of the import system do with Ctrl-C in the first moments of a command."""
    begun: list[str] = []
    with always_heard():
        stop_if_interrupted()
        with suppress(BaseException):
            kill_self(number)
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()
        with pytest.raises(KeyboardInterrupt), interrupts(SimLoop(), lambda: None):
            begun.append("run")
    assert not begun
    stop_if_interrupted()  # it is over with the command


class Finalized:
    """Struck as it goes: Python cannot raise there, says so and goes on."""

    def __del__(self) -> None:
        kill_self(signal.SIGINT)


def test_P01_an_interrupt_that_python_ignores_is_sent_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hook = sys.unraisablehook
    with always_heard():
        one = Finalized()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - when it comes, nobody knows
            del one
            spin_for_a_second()
    assert sys.unraisablehook is hook
    assert capsys.readouterr().err == ""


def spin_for_a_second() -> None:
    until_ns = machine_ns() + 1_000_000_000
    while machine_ns() < until_ns:
        pass


def test_handlers_of_always_heard_are_restored_and_foreign_ones_respected() -> None:
    def foreign(number: int, frame: object) -> None:
        return

    before: Callable[..., object] | int | None = signal.signal(signal.SIGTERM, foreign)
    try:
        with always_heard():
            assert signal.getsignal(signal.SIGTERM) is foreign
            with pytest.raises(KeyboardInterrupt):
                kill_self(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_P01_an_interrupt_that_is_sent_again_does_not_outlive_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would strike as Python ends, which kills the process in place of its exit code."""
    one = Finalized()
    with always_heard(), suppress(KeyboardInterrupt):
        del one
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    assert capsys.readouterr().err == ""


@both_signals
def test_P01_an_interrupt_that_is_held_back_strikes_as_its_time_has_come(number: int) -> None:
    seen: list[str] = []
    before = signal.getsignal(number)

    def work() -> None:
        with held_back():
            kill_self(number)
            seen.append("done")

    with always_heard(), pytest.raises(KeyboardInterrupt):
        work()
    assert seen == ["done"]
    assert signal.getsignal(number) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_P01_who_ignores_an_interrupt_ignores_it_when_it_is_held_back() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back():
            kill_self(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_P01_an_error_within_what_is_held_back_gives_way_to_the_interrupt() -> None:
    def fail() -> None:
        with held_back():
            kill_self(signal.SIGINT)
            raise ZeroDivisionError

    with pytest.raises(KeyboardInterrupt) as caught:
        fail()
    assert isinstance(caught.value.__context__, ZeroDivisionError)
