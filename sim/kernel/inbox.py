"""Where messages wait for the one task that reads them.

An inbox is a FIFO with a single reader, and it is its own awaitable: waiting for it makes no
future, and a delivery from the loop resumes the reader at once. It works on any asyncio loop; on
``SimLoop``, whose tasks have a driver, the way back into the reader is several times shorter. The
inbox itself sets no bound: senders are bounded by what they may have open.
"""

import asyncio
import contextvars
from asyncio import tasks
from collections import deque
from collections.abc import Callable, Generator
from itertools import repeat
from typing import Any, Generic, Protocol, TypeVar

_T = TypeVar("_T")
_enter_task = tasks._enter_task
_leave_task = tasks._leave_task


class Reader(Protocol):
    """A task's coroutine that an inbox may resume directly (``sim.kernel.tasks.Driver``)."""

    loop: asyncio.AbstractEventLoop
    task: Any
    step: Callable[[None], Any]
    """The coroutine's ``send``."""

    def keep(self, inbox: "Inbox[Any]", result: Any) -> bool:
        """Take what a step yielded or raised; True if the task need not be woken for it now."""


class Inbox(Generic[_T]):
    """FIFO of messages for one reading task.

    ``deliver`` may be called only by the loop (a timer or a link delivery); code inside a task
    uses ``put``.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_context",
        "_error",
        "_loop",
        "_once",
        "_wakeup",
        "_waking",
        "canceled",
        "get_loop",
        "items",
        "name",
        "reader",
        "waiting",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str = "inbox") -> None:
        self.items: deque[_T] = deque()
        self.name = name
        self.reader: Reader | None = None
        self.get_loop = repeat(loop).__next__  # asked by asyncio.Task, once per wait: in C
        self._loop = loop
        self._wakeup: Callable[[Any], object] | None = None
        self._context: contextvars.Context = contextvars.Context()
        self.waiting = False  # a reader waits, and nothing has come yet
        self._waking = False  # its wake-up is under way
        self.canceled = False  # the reader's task was, and its next wake-up must go through it
        self._error: asyncio.CancelledError | None = None
        self._asyncio_future_blocking = False
        self._once = (self,)

    def deliver(self, item: _T) -> None:
        """Add ``item`` and resume the reader if it waits."""
        self.items.append(item)
        if self.waiting:
            # ``_step`` written out: each call counts here, at every message of a run.
            self.waiting = False
            reader = self.reader
            if reader is None:
                self._wake_task()
                return
            loop, task = reader.loop, reader.task
            _enter_task(loop, task)
            try:
                result = self._context.run(reader.step, None)
            except BaseException as exc:
                result = exc
            _leave_task(loop, task)
            if (result is not self or self.canceled) and not reader.keep(self, result):
                self._wake_task()

    def put(self, item: _T) -> None:
        """Add ``item``; a waiting reader resumes after the running task has paused."""
        self.items.append(item)
        if self.waiting:
            self.waiting = False
            self._waking = True
            self._loop.call_soon(self._resume)

    def shut(self) -> None:
        """Nobody reads here any more: what comes from now on is dropped."""
        self.items = deque(maxlen=0)
        self.waiting = False

    async def get(self) -> _T:
        """The oldest message, waiting for one if there is none."""
        while not self.items:
            await self
        return self.items.popleft()

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until a message is there.

        Raises:
            RuntimeError: If another task waits, or is about to wake up from its wait.
        """
        if self.items:
            return iter(())  # type: ignore[return-value]
        if self.waiting or self._waking:
            raise RuntimeError(f"{self.name} has a waiting reader already")
        self.waiting = self._asyncio_future_blocking = True
        return iter(self._once)  # type: ignore[return-value]  # in C, unlike a generator

    def stop_waiting(self) -> None:
        """Called when a reader whose task never knew of its wait is thrown out of it."""
        if self._wakeup is None:
            self.waiting = self._asyncio_future_blocking = False

    def wake_soon(self) -> None:
        """Wake the task that waits, or stopped at something else after it was canceled."""
        self.waiting = False
        self._waking = True
        self._loop.call_soon(self._wake_task)

    def _resume(self) -> None:
        self._waking = False
        reader = self.reader
        if self.canceled or reader is None or not self._step(reader):
            self._wake_task()

    def _step(self, reader: Reader) -> bool:
        """Resume the reader, as its task; True if the task need not be woken."""
        loop, task = reader.loop, reader.task
        _enter_task(loop, task)
        try:
            result = self._context.run(reader.step, None)
        except BaseException as exc:  # the task will raise it in its own step
            result = exc
        _leave_task(loop, task)
        return (result is self and not self.canceled) or reader.keep(self, result)

    def _wake_task(self) -> None:
        self.reader = None
        self.canceled = self._waking = False
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            self._context.run(wakeup, self)

    # What asyncio.Task asks of an awaited object.

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context
    ) -> None:
        """Called by the waiting task with its own wake-up."""
        self._wakeup = callback
        self._context = context

    def result(self) -> None:
        """Called by the task as it wakes up; raises if it was canceled while it waited."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def cancel(self, msg: object = None) -> bool:
        """Called when the task that waits here is canceled; False if the task must see to it.

        That is so when a message has come already: then the wake-up under way, or the end of the
        direct resumption that is running, goes through the task, which knows of its cancellation.
        """
        if self._wakeup is None:
            return False
        self.canceled = True
        if not self.waiting:
            return False
        self._error = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self.wake_soon()
        return True
