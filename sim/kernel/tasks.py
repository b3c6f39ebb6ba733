"""Our tasks: asyncio's own, with a repeatable hash and a short way back from an inbox.

A task that only waits for its inbox pays most of its time to the protocol between
``asyncio.Task`` and the future it waits for. ``Driver`` stands between the task and its
coroutine. When the coroutine waits for an inbox and a message comes, the inbox resumes it
directly, with the task entered as the current one. If the coroutine then waits for an inbox
message again, the task never hears of it; if it does anything else (another future, return,
exception), the driver keeps that, and the task is woken and takes it from there.
"""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Final, TypeVar

from sim.kernel.inbox import Inbox

_T = TypeVar("_T")
_NOTHING: Final = object()  # None would not do: a coroutine yields it in ``asyncio.sleep(0)``


class SimTask(asyncio.Task[_T]):
    """A task whose hash is its number of creation on its loop.

    ``asyncio.TaskGroup`` keeps its tasks in a set and cancels them in set order; with address
    hashes that order differs from run to run.
    """

    _number: int

    def __hash__(self) -> int:
        return self._number


class Driver(Coroutine[Any, Any, _T]):
    """A coroutine around the task's real one, which inboxes may resume directly."""

    __slots__ = ("_stopped_at", "coro", "loop", "step", "task")

    def __init__(self, coro: Coroutine[Any, Any, _T], loop: asyncio.AbstractEventLoop) -> None:
        self.coro = coro
        self.loop = loop
        self.task: asyncio.Task[_T] | None = None
        self.step = coro.send
        self._stopped_at: Any = _NOTHING  # what a direct resumption yielded or raised

    def send(self, value: Any, /) -> Any:
        """The task's step: hand over what a direct resumption left, else resume the coroutine."""
        result, self._stopped_at = self._stopped_at, _NOTHING
        try:
            if result is _NOTHING:
                return self._marked(self.step(value))
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, Inbox) and not result.waiting:
                return self._marked(self.step(None))  # its message came before we could wait
        except BaseException:
            self.task = None  # it ends here: no cycle keeps it from being freed
            raise
        return self._marked(result)

    def throw(self, exc: BaseException, /) -> Any:  # type: ignore[override]
        """The task's step with an exception: it was canceled, or what it awaited failed.

        Where a direct resumption came between, the coroutine has got further than the task knows;
        what follows is what asyncio does with a task that is canceled while it runs.
        """
        result, self._stopped_at = self._stopped_at, _NOTHING
        try:
            if isinstance(result, StopIteration):
                raise exc  # returned before it could notice: canceled all the same
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, Inbox):
                result.stop_waiting()
            elif asyncio.isfuture(result) and result.cancel():
                return result  # the task waits until that is canceled
            return self._marked(self.coro.throw(exc))
        except BaseException:
            self.task = None
            raise

    def close(self) -> None:
        """Close the coroutine."""
        self.coro.close()

    def __await__(self) -> Generator[Any, Any, _T]:
        return self.coro.__await__()

    # Look like the coroutine to whoever inspects the task; ``__getattr__`` would slow every access.

    @property
    def __name__(self) -> str:
        return str(getattr(self.coro, "__name__", "coroutine"))

    @property
    def cr_frame(self) -> Any:
        """The frame of the coroutine."""
        return getattr(self.coro, "cr_frame", None)

    @property
    def cr_code(self) -> Any:
        """The code of the coroutine."""
        return getattr(self.coro, "cr_code", None)

    @property
    def cr_running(self) -> bool:
        """Whether the coroutine runs now."""
        return bool(getattr(self.coro, "cr_running", False))

    def _marked(self, awaited: Any) -> Any:
        if isinstance(awaited, Inbox):  # it may come back to us directly
            awaited.reader = self
        return awaited

    def keep(self, inbox: Inbox[Any], result: Any) -> bool:
        """Take what a direct resumption yielded or raised; True if the task need not wake now."""
        self._stopped_at = result
        if inbox.canceled and (result is None or isinstance(result, Inbox)):
            inbox.wake_soon()  # as asyncio does with a task that waits: in its turn, not at once
            return True
        return False
