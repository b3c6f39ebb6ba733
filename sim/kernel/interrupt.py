"""Ctrl-C and `kill` as an event of the loop, not as an exception in the middle of something.

Python raises ``KeyboardInterrupt`` between any two instructions: between taking an event off the
heap and handing it over, or inside a core that is half-way through its change. What is left then
cannot be ended in good order. So the first signal asks the loop to stop between two callbacks, and
only a second one strikes at once.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# Signals with the handlers that we may stand in for; whoever set another one wants it.
_DEFAULTS: Final = ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL))


@contextmanager
def interrupts(loop: asyncio.AbstractEventLoop, stop: Callable[[], object]) -> Iterator[None]:
    """While inside, the first SIGINT or SIGTERM has ``loop`` call ``stop()`` as soon as it can.

    A second one raises ``KeyboardInterrupt`` where it strikes. In threads other than the main one,
    where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = False

    def handle(signum: int, frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            raise KeyboardInterrupt
        seen = True
        loop.call_soon_threadsafe(
            stop
        )  # wakes a loop that waits, and is safe within any other step

    ours = [number for number, default in _DEFAULTS if signal.getsignal(number) is default]
    before = {number: signal.signal(number, handle) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
