"""Ctrl-C and `kill` as an event of the loop, not as an exception in the middle of something.

Python raises ``KeyboardInterrupt`` between any two instructions: between taking an event off the
heap and handing it over, or inside a core that is half-way through its change. What is left then
cannot be ended in good order. So the first signal asks the loop to stop between two callbacks, and
only a second one strikes at once.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # its import takes long, and `sorsim --help` needs none of it
    import asyncio


_AGAIN_SECONDS: Final = 0.01


class _Heard:
    """Whether a signal came to ``always_heard``: a fact of the process, as its handlers are."""

    yet = False


def _strike(signum: int, frame: FrameType | None) -> None:
    _Heard.yet = True
    raise KeyboardInterrupt


# Signals with the handlers that we may stand in for; whoever set another one wants it.
_DEFAULTS: Final = {
    signal.SIGINT: (signal.default_int_handler, _strike),
    signal.SIGTERM: (signal.SIG_DFL, _strike),
}


@contextmanager
def always_heard() -> Iterator[None]:
    """While inside, SIGINT and SIGTERM raise ``KeyboardInterrupt``, and are not forgotten.

    Much swallows an exception that strikes within it: callbacks of the import system (Python says
    so, and then the signal is sent again), extension modules that look whether something is there.
    So who begins something long calls ``stop_if_interrupted`` first. In other threads than the main
    one nothing changes.
    """
    ours = _ours()
    _Heard.yet = False
    before = {number: signal.signal(number, _strike) for number in ours}
    say_ignored = sys.unraisablehook
    sent_again: list[threading.Timer] = []

    def send_again(ignored: "sys.UnraisableHookArgs") -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt) or not ours:
            say_ignored(ignored)
            return
        # Not from here: it would be swallowed in its turn.
        main = threading.main_thread().ident or 0
        again = threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (main, signal.SIGINT))
        sent_again.append(again)
        again.start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = say_ignored
        for again in sent_again:  # who acted upon it meanwhile shall not be struck as Python ends
            again.cancel()
            again.join()
        for number, handler in before.items():
            signal.signal(number, handler)
        _Heard.yet = False


def interrupted() -> bool:
    """Whether a signal came to ``always_heard`` already.

    What fails after it may fail of it: extension modules wrap the exception in one of their own.
    """
    return _Heard.yet and threading.current_thread() is threading.main_thread()


def stop_if_interrupted() -> None:
    """Raise ``KeyboardInterrupt`` if a signal came to ``always_heard`` already, else do nothing."""
    if interrupted():
        raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[None]:
    """While inside, SIGINT and SIGTERM wait; as we leave they strike as they would have.

    For what must not be left half-done and takes a moment, such as the start of a process: one that
    is left half-started finds nobody to tell it what to do. Processes that are started inside do
    not hear SIGINT until they open their ears themselves, since it is blocked for them as well. In
    other threads than the main one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        came.append(signum)

    # Who ignores one goes on ignoring it, and a handler that is not Python's cannot be put back.
    numbers = [n for n in _DEFAULTS if signal.getsignal(n) not in {signal.SIG_IGN, None}]
    before = {number: signal.signal(number, note) for number in numbers}
    can_block = hasattr(signal, "pthread_sigmask")  # not everywhere
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else set()
    try:
        yield
    finally:
        if can_block:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        for signum in dict.fromkeys(came):
            signal.raise_signal(signum)


@contextmanager
def interrupts(loop: "asyncio.AbstractEventLoop", stop: Callable[[], object]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM has ``loop`` call ``stop()`` as soon as it can.

    A second one raises ``KeyboardInterrupt`` where it strikes. So does the first, as we leave, if
    the loop ran no more when it came. In threads other than the main one, where Python allows no
    handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop_if_interrupted()
    seen = told = False

    def tell() -> None:
        nonlocal told
        told = True
        stop()

    def handle(signum: int, frame: FrameType | None) -> None:
        nonlocal seen, told
        if seen:
            told = True
            raise KeyboardInterrupt
        seen = True
        loop.call_soon_threadsafe(
            tell
        )  # wakes a loop that waits, and is safe within any other step

    before = {number: signal.signal(number, handle) for number in _ours()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if seen and not told:
        raise KeyboardInterrupt


def _ours() -> list[signal.Signals]:
    """The signals that nobody else takes care of; none in threads, which may set no handler."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [n for n, defaults in _DEFAULTS.items() if signal.getsignal(n) in defaults]
