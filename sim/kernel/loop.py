"""The virtual-time event loop: real asyncio tasks, integer nanoseconds, one order of events.

Everything that waits lies in a heap ordered by ``(t_ns, priority, seq)``; everything that can run
now lies in a FIFO deque. Time advances only when nothing can run now, and then it jumps to the
next event. Nothing here knows threads, sockets, signals or wall time (``unsupported.py``). A wait
that can never end raises ``DeadWaitError`` with the names of the waiting tasks.

Why not a stock loop with another clock: it keeps time in float seconds, breaks ties between equal
timers arbitrarily, and is several times slower (docs/benchmarks.md).
"""

import asyncio
import contextvars
import logging
import sys
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import msgspec

from sim.kernel.tasks import Driver, SimTask
from sim.kernel.unsupported import VirtualTimeOnly
from sim.protocol.enums import Priority
from sim.protocol.errors import SorsimError

_T = TypeVar("_T")
_TIMER: Final = int(Priority.TIMER)
_COMPACT_AT: Final = 256
_log = logging.getLogger(__name__)


class Event(msgspec.Struct, order=True, gc=False):
    """One entry of the heap. What a link delivers is the event itself, so it is the envelope too.

    ``t_ns`` is the instant of arrival; ``sent_ns`` and ``drawn_ns`` are set by links. Events are
    ordered by their first three fields, which no two share.
    """

    t_ns: int
    priority: int
    seq: int
    callback: Callable[["Event"], object]
    msg: Any
    sent_ns: int = 0
    drawn_ns: int = 0

    @property
    def held_ns(self) -> int:
        """How long FIFO order held the message back beyond its drawn delay."""
        return self.t_ns - self.sent_ns - self.drawn_ns


class DeadWaitError(SorsimError):
    """Nothing is scheduled any more, but tasks still wait: they would wait for ever.

    Attributes:
        waits: Where each of them does: its function, file and line.
    """

    waits: tuple[str, ...] = ()


class SimHandle(asyncio.TimerHandle):
    """A cancellable callback; asyncio's own handle without its debugging work."""

    __slots__ = ()

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "SimLoop",
        context: contextvars.Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._cancelled = False
        self._when = when
        self._scheduled = False
        self._repr = None
        self._source_traceback = None


class SimLoop(VirtualTimeOnly):
    """An asyncio event loop in virtual time.

    Attributes:
        now_ns: Time since the start of the run, whole nanoseconds.
        events_run: Heap events handled so far.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self.events_run = 0
        self._ready: deque[SimHandle] = deque()
        self.heap: list[Event] = []
        self.seq = 0
        self._task_count = 0
        self._asyncgen_count = 0
        self._cancelled_timers = 0
        self._running = False
        self._stopping = False
        self._closed = False
        self._debug = False
        self._failure: BaseException | None = None
        # In order of their start, so that they are closed in a repeatable order.
        self._asyncgens: WeakValueDictionary[int, AsyncGenerator[Any, Any]] = WeakValueDictionary()
        self._task_factory: Any = None
        self._exception_handler: Any = None

    # Time and timers

    def time(self) -> float:
        """Seconds since the start, for asyncio's own use; decisions use ``now_ns``."""
        return self.now_ns / 1e9

    def schedule(  # noqa: PLR0917 - the hot path: keywords would cost at every message
        self,
        t_ns: int,
        priority: int,
        callback: Callable[[Event], object],
        msg: Any = None,
        sent_ns: int = 0,
        drawn_ns: int = 0,
    ) -> None:
        """Call ``callback(event)`` at ``t_ns``: the fast path of links; cannot be cancelled.

        Raises:
            ValueError: If ``t_ns`` lies in the past.
        """
        if t_ns < self.now_ns:
            raise ValueError(f"t_ns must be >= {self.now_ns} (now), was {t_ns}")
        self.seq = seq = self.seq + 1
        heappush(self.heap, Event(t_ns, priority, seq, callback, msg, sent_ns, drawn_ns))

    def call_at_ns(
        self,
        t_ns: int,
        callback: Callable[..., object],
        *args: Any,
        priority: int = _TIMER,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        """Call ``callback(*args)`` at ``t_ns`` unless the returned handle is cancelled before.

        Raises:
            ValueError: If ``t_ns`` lies in the past.
        """
        self._check_open()
        handle = SimHandle(t_ns / 1e9, callback, args, self, context)
        handle._scheduled = True
        self.schedule(t_ns, priority, self._run_timer, handle)
        return handle

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        """Asyncio's timer; times in the past mean now, infinity means never."""
        if when == inf:
            return SimHandle(when, callback, args, self, context)
        t_ns = max(self.now_ns, round(when * 1e9))
        return self.call_at_ns(t_ns, callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        """Asyncio's relative timer, exact in nanoseconds whatever the time is; see ``call_at``."""
        if delay == inf:
            return SimHandle(delay, callback, args, self, context)
        t_ns = self.now_ns + max(0, round(delay * 1e9))
        return self.call_at_ns(t_ns, callback, *args, context=context)

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> SimHandle:
        """Call at this instant, after what is already ready."""
        self._check_open()
        handle = SimHandle(0.0, callback, args, self, context)
        self._ready.append(handle)
        return handle

    # One thread only; asyncio.Runner's interrupt handler uses this name.
    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def _timer_handle_cancelled(self, handle: SimHandle) -> None:
        if not handle._scheduled:  # not in the heap: ready, run already, or never due
            return
        self._cancelled_timers += 1
        heap = self.heap
        if self._cancelled_timers > _COMPACT_AT and self._cancelled_timers * 2 > len(heap):
            # In place: the running loop holds this list.
            run_timer = self._run_timer
            heap[:] = [e for e in heap if e.callback != run_timer or not e.msg._cancelled]
            heapify(heap)
            self._cancelled_timers = 1  # this one, which counts as cancelled only hereafter

    def _run_timer(self, event: Event) -> None:
        handle: SimHandle = event.msg
        if handle._cancelled:
            self._cancelled_timers -= 1
            return
        handle._scheduled = False
        handle._context.run(handle._callback, *handle._args)

    # Running

    def run_forever(self) -> None:
        """Run until ``stop``; a dead wait of any task raises."""
        self._run(None)

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until ``future`` is done and return its result.

        Raises:
            DeadWaitError: If nothing is scheduled any more and the future is not done.
        """
        self._check_open()
        self._check_idle()
        new_task = not asyncio.isfuture(future)
        main: asyncio.Future[_T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        main.add_done_callback(self._stop_at)
        try:
            self._run(main)
        except BaseException:
            if new_task and main.done() and not main.cancelled():
                main.exception()  # the exception on its way out is this one: mark it as seen
            raise
        finally:
            main.remove_done_callback(self._stop_at)
        return main.result()

    def _stop_at(self, future: asyncio.Future[Any]) -> None:
        self.stop()

    def _run(self, main: asyncio.Future[Any] | None) -> None:
        self._check_open()
        self._check_idle()
        self._running = True
        self._stopping = False
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._asyncgen_started, self._asyncgen_dropped)
        events._set_running_loop(self)
        try:
            self._turn(main)
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
            self._running = False

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Event loop is closed")

    def _check_idle(self) -> None:
        if self._running:
            raise RuntimeError("This event loop is already running")
        if events._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    def _turn(self, main: asyncio.Future[Any] | None) -> None:
        """The loop itself: drain what is ready, then handle one event of the heap, and so on."""
        ready, heap = self._ready, self.heap
        count = 0
        source: Any = None
        try:
            while True:
                try:
                    # No condition in the loop's head: CPython 3.11 adapts code to its types only
                    # where it jumps back without one.
                    while True:
                        if self._stopping:
                            return
                        if ready:
                            source = ready.popleft()
                            if not source._cancelled:
                                source._context.run(source._callback, *source._args)
                            continue
                        if not heap:
                            self._nothing_left(main)
                            return
                        source = event = heappop(heap)
                        self.now_ns = event.t_ns
                        count += 1
                        callback = event.callback
                        callback(event)
                except DeadWaitError:
                    raise
                except Exception as exc:
                    self._callback_failed(exc, source)
        finally:
            self.events_run += count
            failure, self._failure = self._failure, None
            if failure is not None:
                raise failure

    def _nothing_left(self, main: asyncio.Future[Any] | None) -> None:
        tasks = sorted(
            (t for t in asyncio.all_tasks(self) if not t.done()), key=asyncio.Task.get_name
        )
        if main is not None or tasks:
            waiting = ", ".join(t.get_name() for t in tasks) or repr(main)
            error = DeadWaitError(
                f"nothing is scheduled after t={self.now_ns} ns, yet these still wait: {waiting}"
            )
            error.waits = tuple(
                f"{task.get_name()} waits in {frame.f_code.co_qualname}, "
                f"{frame.f_code.co_filename}:{frame.f_lineno}"
                for task in tasks
                for frame in task.get_stack(limit=1)
            )
            raise error

    def _callback_failed(self, exc: Exception, source: object) -> None:
        self.call_exception_handler(
            {"message": f"callback failed: {source!r}", "exception": exc, "handle": source}
        )

    def stop(self) -> None:
        """Leave ``run_forever`` after the callback that is running."""
        self._stopping = True

    def is_running(self) -> bool:
        """Whether the loop runs now."""
        return self._running

    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def close(self) -> None:
        """Forget everything that is scheduled.

        Raises:
            RuntimeError: If the loop is running.
        """
        if self._running:
            raise RuntimeError("Cannot close a running event loop")
        self._closed = True
        self._ready.clear()
        self.heap.clear()

    def _asyncgen_started(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._asyncgen_count += 1
        self._asyncgens[self._asyncgen_count] = generator

    def _asyncgen_dropped(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._closed:
            self.call_soon(self.create_task, generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close the asynchronous generators that were left unfinished."""
        generators = [*self._asyncgens.values()]
        self._asyncgens.clear()
        closing = (generator.aclose() for generator in generators)
        results = await asyncio.gather(*closing, return_exceptions=True)
        for generator, result in zip(generators, results, strict=True):
            if isinstance(result, Exception):
                message = f"{generator!r} failed while it was closed"
                self.call_exception_handler({"message": message, "exception": result})

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Nothing to do: there are no threads."""

    # Futures and tasks

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, _T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[_T]:
        """A task with a sequential hash, or what the task factory makes.

        Raises:
            TypeError: If ``coro`` is not a coroutine.
        """
        self._check_open()
        if not asyncio.iscoroutine(coro):
            raise TypeError(f"a coroutine was expected, got {coro!r}")
        self._task_count = number = self._task_count + 1
        if self._task_factory is not None:
            kwargs = {} if context is None else {"context": context}
            task: asyncio.Task[_T] = self._task_factory(self, coro, **kwargs)
            if name is not None:
                task.set_name(name)
            return task
        driver = Driver(coro, self)
        # The task registers itself, by its hash, while it is being initialised.
        new: SimTask[_T] = SimTask.__new__(SimTask)
        new._number = number
        name = name or f"task-{number}"
        SimTask.__init__(new, driver, loop=self, name=name, context=context)
        driver.task = new
        return new

    def set_task_factory(self, factory: Any) -> None:
        """Let ``factory(loop, coro)`` make tasks; None restores our own."""
        self._task_factory = factory

    def get_task_factory(self) -> Any:
        """The task factory in use, or None."""
        return self._task_factory

    # Errors and debugging

    def set_exception_handler(self, handler: Any) -> None:
        """Let ``handler(loop, context)`` see errors; None restores the default."""
        self._exception_handler = handler

    def get_exception_handler(self) -> Any:
        """The exception handler in use, or None."""
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """A failed callback stops the run; an error found by garbage collection is logged."""
        exc = context.get("exception")
        if "handle" in context and exc is not None and self._running:
            self._failure = self._failure or exc
            self._stopping = True
        else:
            _log.error("%s", context.get("message"), exc_info=exc)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Hand an error to the handler in use."""
        if self._exception_handler is None:
            self.default_exception_handler(context)
        else:
            self._exception_handler(self, context)

    def get_debug(self) -> bool:
        """Whether asyncio's debug mode is on."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Switch asyncio's debug mode."""
        self._debug = enabled
