"""Ordinary asyncio programs do the same on ``SimLoop`` as on the stock loop in virtual time.

No two timers of a program fall due at one instant: there the loops differ by design, see
``test_loop.py``.
"""

import asyncio
import contextvars
import selectors
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from sim.kernel.loop import SimLoop

Log = list[Any]
Program = Callable[[Log], Coroutine[Any, Any, Any]]
PROGRAMS: dict[str, Program] = {}
MS = 1e-3


class VirtualSelector(selectors.SelectSelector):
    """Never waits: it turns each timeout into time that has passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0.0)


class StockLoop(asyncio.SelectorEventLoop):
    """The standard library's own loop; it breaks ties between timers arbitrarily."""

    def __init__(self) -> None:
        self.selector = VirtualSelector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function
    return function


def trace(function: Program, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> Log:
    log: Log = []

    async def main() -> None:
        log.append(("returned", await function(log)))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        try:
            runner.run(main())
        except BaseException as error:
            log.append(describe(error))
    return log


def describe(error: BaseException) -> Any:
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return type(error).__name__, str(error), [describe(part) for part in parts]


def note(log: Log, *what: object) -> None:
    """Write down the time and what happened, leaving out the future of a done callback."""
    seen = [x for x in what if not asyncio.isfuture(x)]
    log.append((round(asyncio.get_running_loop().time() * 1e9), *seen))


async def napper(log: Log, name: str, ms: float, fail: bool = False) -> str:
    try:
        await asyncio.sleep(ms * MS)
        if fail:
            raise LookupError(name)
    except asyncio.CancelledError:
        note(log, name, "canceled")
        raise
    note(log, name, "done")
    return name


@program
async def sleeps_end_in_order(log: Log) -> Any:
    return await asyncio.gather(*(napper(log, f"n{ms}", ms) for ms in (30, 10, 0, 20)))


@program
async def callbacks_run_in_order(log: Log) -> None:
    loop = asyncio.get_running_loop()
    loop.call_soon(note, log, "soon 1")
    loop.call_later(0.002, note, log, "later 2")
    loop.call_later(0.001, note, log, "later 1")
    loop.call_at(loop.time() + 0.003, note, log, "at 3")
    loop.call_later(0.0015, note, log, "never").cancel()
    loop.call_soon(note, log, "never").cancel()
    loop.call_soon(note, log, "soon 2")
    note(log, "main")
    await asyncio.sleep(0.01)


@program
async def timeouts_nest(log: Log) -> None:
    async with asyncio.timeout(0.05) as outer:
        for ms in (10, 30):
            try:
                async with asyncio.timeout(0.02):
                    await napper(log, f"n{ms}", ms)
            except TimeoutError:
                note(log, "inner timeout", outer.expired())
        await napper(log, "last", 100)


@program
async def timeout_at_and_reschedule(log: Log) -> None:
    async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.01) as timeout:
        timeout.reschedule(asyncio.get_running_loop().time() + 0.02)
        await napper(log, "first", 15)
        timeout.reschedule(None)
        await napper(log, "second", 50)


@program
async def wait_for_cancels_what_it_waited_for(log: Log) -> Any:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(napper(log, "slow", 20), 0.01)
    return await asyncio.wait_for(napper(log, "fast", 5), 0.01)


@program
async def wait_for_forever(log: Log) -> None:
    async with asyncio.timeout(1):
        await asyncio.sleep(float("inf"))


@program
async def a_task_group_aborts(log: Log) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(napper(log, "a", 30))
        group.create_task(napper(log, "b", 10, fail=True))
        group.create_task(napper(log, "c", 5))
        await napper(log, "body", 20)


@program
async def a_task_group_collects_two_failures(log: Log) -> None:
    async def fails_on_cancel() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            raise KeyError("while canceled")

    async with asyncio.TaskGroup() as group:
        group.create_task(fails_on_cancel())
        group.create_task(napper(log, "b", 10, fail=True))


@program
async def gather_returns_or_raises(log: Log) -> Any:
    both = await asyncio.gather(
        napper(log, "a", 20), napper(log, "b", 10, fail=True), return_exceptions=True
    )
    note(log, repr(both))
    await asyncio.gather(napper(log, "c", 20), napper(log, "d", 10, fail=True))


@program
async def shield_keeps_the_inner_task(log: Log) -> Any:
    inner = asyncio.ensure_future(napper(log, "inner", 20))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.shield(inner)
    note(log, "timed out")
    return await inner


@program
async def wait_for_the_first(log: Log) -> Any:
    tasks = {asyncio.create_task(napper(log, f"n{ms}", ms), name=f"{ms}") for ms in (30, 10, 20)}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    note(log, sorted(task.get_name() for task in done))
    for task in sorted(pending, key=asyncio.Task.get_name):
        task.cancel()
    done, pending = await asyncio.wait(pending)
    return sorted(task.get_name() for task in done), pending


@program
async def as_completed_gives_the_earliest(log: Log) -> Any:
    return [
        await earliest
        for earliest in asyncio.as_completed([napper(log, f"n{ms}", ms) for ms in (30, 10, 20)])
    ]


@program
async def a_bounded_queue_blocks_its_producer(log: Log) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)

    async def produce() -> None:
        for i in range(5):
            await queue.put(i)
            note(log, "put", i)

    async def consume() -> None:
        while True:
            await asyncio.sleep(0.01)
            note(log, "got", await queue.get())
            queue.task_done()

    consumer = asyncio.create_task(consume())
    await produce()
    await queue.join()
    consumer.cancel()
    note(log, "joined")


@program
async def queues_serve_getters_in_order(log: Log) -> None:
    queue: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()

    async def get(name: str) -> None:
        note(log, name, await queue.get())

    getters = [asyncio.create_task(get(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    getters[0].cancel()
    for i in (3, 2, 1):
        queue.put_nowait(i)
    await asyncio.gather(*getters, return_exceptions=True)
    note(log, queue.qsize())


@program
async def locks_and_semaphores_are_fair(log: Log) -> None:
    lock, semaphore = asyncio.Lock(), asyncio.Semaphore(2)

    async def use(name: str, thing: Any) -> None:
        async with thing:
            note(log, name, "in")
            await asyncio.sleep(0.01 + ord(name) * 1e-6)
        note(log, name, "out")

    await asyncio.gather(*(use(name, lock) for name in "abc"))
    await asyncio.gather(*(use(name, semaphore) for name in "abcde"))


@program
async def conditions_and_events_wake_their_waiters(log: Log) -> None:
    condition, event = asyncio.Condition(), asyncio.Event()

    async def wait(name: str) -> None:
        await event.wait()
        note(log, name, "event")
        async with condition:
            await condition.wait()
            note(log, name, "condition")

    waiters = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    event.set()
    await asyncio.sleep(0.01)
    for n in (1, 2):
        async with condition:
            condition.notify(n)
        await asyncio.sleep(0.01)
    await asyncio.gather(*waiters)


@program
async def a_barrier_lets_all_pass_at_once(log: Log) -> None:
    barrier = asyncio.Barrier(3)

    async def arrive(name: str, ms: int) -> None:
        await asyncio.sleep(ms * MS)
        await barrier.wait()
        note(log, name, "passed")

    await asyncio.gather(*(arrive(f"n{ms}", ms) for ms in (30, 10, 20)))


@program
async def cancellation_can_be_taken_back(log: Log) -> None:
    async def stubborn() -> str:
        for _ in range(2):
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                assert task
                note(log, "canceled", error.args, task.cancelling())
                task.uncancel()
        return "stayed"

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0.01)
    task.cancel("why")
    await asyncio.sleep(0.01)
    task.cancel()
    note(log, await task)


@program
async def a_task_canceled_before_its_start_never_runs(log: Log) -> None:
    task = asyncio.create_task(napper(log, "never", 1))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    note(log, task.cancelled())


@program
async def done_callbacks_run_in_order(log: Log) -> None:
    future = asyncio.get_running_loop().create_future()
    for name in "abc":
        future.add_done_callback(partial(note, log, name))
    future.set_result(None)
    note(log, "set")
    await future
    note(log, "awaited")


@program
async def context_follows_tasks_and_callbacks(log: Log) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def child() -> None:
        note(log, "child", variable.get())
        variable.set("child")
        asyncio.get_running_loop().call_later(0.001, lambda: note(log, "timer", variable.get()))
        await asyncio.sleep(0.002)
        note(log, "child", variable.get())

    variable.set("main")
    task = asyncio.create_task(child())
    other = contextvars.copy_context()
    other.run(variable.set, "other")
    asyncio.get_running_loop().call_soon(lambda: note(log, "soon", variable.get()), context=other)
    variable.set("main, later")
    await task
    note(log, variable.get())


@program
async def dropped_generators_are_closed(log: Log) -> None:
    async def numbers(name: str) -> AsyncGenerator[int, None]:
        try:
            for i in range(9):
                yield i
        finally:
            await asyncio.sleep(0.001)
            note(log, name, "closed")

    async for _ in numbers("dropped"):
        break
    await asyncio.sleep(0.01)
    kept = numbers("kept to the end")
    log.append(await anext(kept))
    await kept.aclose()


@program
async def what_the_main_task_leaves_is_canceled(log: Log) -> None:
    for ms in (10, 20):
        asyncio.create_task(napper(log, f"n{ms}", ms), name=f"{ms}")  # noqa: RUF006
    await asyncio.sleep(0.015)


@program
async def an_error_in_the_main_task_leaves_the_loop(log: Log) -> None:
    await napper(log, "main", 10, fail=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_does_the_same_as_on_the_stock_loop(name: str) -> None:
    assert trace(PROGRAMS[name], SimLoop) == trace(PROGRAMS[name], StockLoop)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_repeats_itself(name: str) -> None:
    assert trace(PROGRAMS[name], SimLoop) == trace(PROGRAMS[name], SimLoop)
