"""How a market looks into its loop."""

import asyncio
from asyncio import tasks
from collections.abc import Sequence

from router.core.events import ACCOUNT
from sim.kernel.loop import Event, SimLoop
from sim.protocol.session import FromVenue
from sim.testing.scripted import Later
from sim.testing.streams import MarketError


def step_in(loop: SimLoop, count: int) -> None:
    """Let tasks that were just made take their first step: venues show their books at once.

    Else what a test sends as it begins would stand in the log before the books that it rests on.
    """
    task = asyncio.current_task(loop) if loop.is_running() else None
    if task is None:
        loop.run_until_complete(asyncio.sleep(0))
        return
    fresh = [loop._ready.pop() for _ in range(count)][::-1]
    tasks._leave_task(loop, task)
    try:
        for handle in fresh:
            handle._context.run(handle._callback, *handle._args)
    finally:
        tasks._enter_task(loop, task)


def is_ours(event: Event) -> bool:
    """Whether an event brings a message of the test's own, or an answer to one, late or not."""
    msg = event.msg
    if isinstance(msg, Event):  # in the queue of a venue
        msg = msg.msg
    return isinstance(msg, FromVenue | Later) or getattr(msg, "account", None) == ACCOUNT


def running_of(loops: Sequence[SimLoop]) -> SimLoop | None:
    """The one of them that runs; None: none does."""
    return next((one for one in loops if one.is_running()), None)


def check_loop(own: SimLoop) -> None:
    """Refuse to work for code on another loop.

    Raises:
        MarketError: If such code runs.
    """
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        return
    if running is not own:
        raise MarketError(
            "the market runs in virtual time on a loop of its own, and another loop "
            f"({type(running).__name__}) runs here: use it in the test itself, or in an async "
            'fixture of the same test; with pytest-asyncio the test has loop_scope="function"'
        )
