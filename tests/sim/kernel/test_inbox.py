"""Inboxes: FIFO, one reader, and the same life for the reader as on any asyncio loop."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.inbox import Inbox
from sim.kernel.loop import DeadWaitError, SimLoop
from sim.kernel.tasks import SimTask
from sim.protocol.enums import Priority

ORDER = int(Priority.ORDER)
Main = Callable[[], Coroutine[Any, Any, Any]]


def run(main: Main) -> Any:
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(main())


def sim_loop() -> SimLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    return loop


def deliver_at(t_ns: int, inbox: Inbox[Any], msg: Any) -> None:
    """As links do it, but the message alone arrives, without its envelope."""
    sim_loop().schedule(t_ns, ORDER, lambda event: inbox.deliver(event.msg), msg)


async def start(coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that has run up to its first wait."""
    task = asyncio.create_task(coro, name="reader")
    await asyncio.sleep(0)
    return task


class TestMessages:
    def test_come_in_order_at_their_times(self) -> None:
        async def main() -> list[tuple[int, int]]:
            inbox: Inbox[int] = Inbox(sim_loop())
            for i in range(50):
                deliver_at(i // 5 * 10, inbox, i)
            got = []
            for _ in range(50):
                msg = await inbox.get()
                got.append((sim_loop().now_ns, msg))
            return got

        assert run(main) == [(i // 5 * 10, i) for i in range(50)]

    def test_wait_while_the_reader_is_busy(self) -> None:
        async def main() -> list[tuple[int, int]]:
            inbox: Inbox[int] = Inbox(sim_loop())
            for i in range(4):
                deliver_at(i, inbox, i)
            got = []
            for _ in range(4):
                msg = await inbox.get()
                await asyncio.sleep(100e-9)
                got.append((sim_loop().now_ns, msg))
            return got

        assert run(main) == [(100, 0), (200, 1), (300, 2), (400, 3)]

    def test_put_from_a_task_resumes_the_reader_after_that_task_pauses(self) -> None:
        async def main() -> list[str]:
            inbox: Inbox[str] = Inbox(sim_loop())
            log = []

            async def read() -> None:
                log.append(await inbox.get())
                log.append(await inbox.get())

            reader = await start(read())
            inbox.put("first")
            inbox.put("second")
            log.append("put")
            await reader
            return log

        assert run(main) == ["put", "first", "second"]

    def test_put_before_anyone_waits_is_kept(self) -> None:
        async def main() -> str:
            inbox: Inbox[str] = Inbox(sim_loop())
            inbox.put("kept")
            return await inbox.get()

        assert run(main) == "kept"

    def test_a_second_reader_is_refused_by_the_name_of_the_inbox(self) -> None:
        async def main() -> None:
            inbox: Inbox[int] = Inbox(sim_loop(), "NYSE")
            await start(inbox.get())
            await inbox.get()

        with pytest.raises(RuntimeError, match="NYSE has a waiting reader already"):
            run(main)

    def test_a_reader_may_follow_another(self) -> None:
        async def main() -> list[int]:
            inbox: Inbox[int] = Inbox(sim_loop())
            deliver_at(10, inbox, 1)
            deliver_at(20, inbox, 2)
            return [await asyncio.create_task(inbox.get()) for _ in range(2)]

        assert run(main) == [1, 2]

    def test_nobody_sends_is_a_dead_wait_that_names_the_reader(self) -> None:
        async def main() -> None:
            await (await start(Inbox[int](sim_loop()).get()))

        with pytest.raises(DeadWaitError, match=r"t=0 ns.*: reader, "):
            run(main)

    @pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, SimLoop])
    def test_work_on_any_asyncio_loop(self, loop_factory: Any) -> None:
        async def main() -> list[int]:
            loop = asyncio.get_running_loop()
            inbox: Inbox[int] = Inbox(loop)
            for i in range(3):
                loop.call_later(i / 1000, inbox.deliver, i)
            loop.call_later(0.01, inbox.put, 3)
            return [await inbox.get() for _ in range(4)]

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            assert runner.run(main()) == [0, 1, 2, 3]


class TestReader:
    """A reader that a delivery resumed directly can do all that a task can."""

    async def _resumed(
        self, then: Callable[[Inbox[Any]], Awaitable[Any]]
    ) -> tuple[asyncio.Task[Any], Inbox[Any]]:
        """A reader that does ``then`` after a delivery at 5 ns, run up to its next wait."""
        inbox: Inbox[Any] = Inbox(sim_loop())

        async def read() -> Any:
            await inbox.get()
            return await then(inbox)

        reader = await start(read())
        deliver_at(5, inbox, None)
        await asyncio.sleep(5e-9)
        return reader, inbox

    def test_is_the_current_task(self) -> None:
        async def main() -> bool:
            async def then(inbox: Inbox[Any]) -> Any:
                return asyncio.current_task()

            reader, _ = await self._resumed(then)
            return await reader is reader

        assert run(main)

    def test_keeps_its_context(self) -> None:
        variable = contextvars.ContextVar[str]("variable")

        async def main() -> list[str]:
            seen = []

            async def read() -> None:
                variable.set("reader")
                for _ in range(3):
                    seen.append(f"{await inbox.get()} {variable.get()}")

            variable.set("main")
            inbox: Inbox[str] = Inbox(sim_loop())
            reader = await start(read())
            deliver_at(5, inbox, "delivered")
            await asyncio.sleep(1e-6)
            inbox.put("put")
            await asyncio.sleep(1e-6)
            deliver_at(sim_loop().now_ns, inbox, "delivered")
            await reader
            return [*seen, variable.get()]

        assert run(main) == ["delivered reader", "put reader", "delivered reader", "main"]

    def test_pauses_in_sleep_zero(self) -> None:
        async def main() -> list[str]:
            log: list[str] = []

            async def then(inbox: Inbox[Any]) -> None:
                asyncio.get_running_loop().call_soon(log.append, "others")
                await asyncio.sleep(0)
                log.append("reader")

            await (await self._resumed(then))[0]
            return log

        assert run(main) == ["others", "reader"]

    def test_may_wait_for_other_things_and_come_back(self) -> None:
        async def main() -> list[int]:
            async def then(inbox: Inbox[Any]) -> list[int]:
                times = []
                await asyncio.sleep(10e-9)
                times.append(sim_loop().now_ns)
                deliver_at(30, inbox, None)
                await inbox.get()
                times.append(sim_loop().now_ns)
                return times

            return await (await self._resumed(then))[0]  # type: ignore[no-any-return]

        assert run(main) == [15, 30]

    def test_passes_on_what_it_returns_and_raises(self) -> None:
        async def main() -> Any:
            async def fail(inbox: Inbox[Any]) -> None:
                raise LookupError("no such order")

            async def answer(inbox: Inbox[Any]) -> int:
                return 42

            failed, _ = await self._resumed(fail)
            answered, _ = await self._resumed(answer)
            return await asyncio.gather(failed, answered, return_exceptions=True)

        failure, answer = run(main)
        assert isinstance(failure, LookupError)
        assert answer == 42

    @pytest.mark.parametrize("leave", [KeyboardInterrupt, SystemExit])
    def test_lets_the_process_be_interrupted(self, leave: type[BaseException]) -> None:
        async def main() -> None:
            async def then(inbox: Inbox[Any]) -> None:
                raise leave

            await (await self._resumed(then))[0]

        with pytest.raises(leave):
            run(main)


class TestCanceledReader:
    def test_is_woken_and_loses_no_message(self) -> None:
        async def main() -> list[int]:
            inbox: Inbox[int] = Inbox(sim_loop())
            reader = await start(inbox.get())
            reader.cancel()
            inbox.put(1)
            deliver_at(0, inbox, 2)
            with pytest.raises(asyncio.CancelledError):
                await reader
            return [await inbox.get(), await inbox.get()]

        assert run(main) == [1, 2]

    def test_is_woken_although_a_message_was_put_before(self) -> None:
        async def main() -> int:
            inbox: Inbox[int] = Inbox(sim_loop())
            reader = await start(inbox.get())
            inbox.put(1)
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader
            return await inbox.get()

        assert run(main) == 1

    def test_hears_the_reason(self) -> None:
        async def main() -> Any:
            async def read() -> Any:
                try:
                    await Inbox[int](sim_loop()).get()
                except asyncio.CancelledError as error:
                    return error.args

            reader = await start(read())
            reader.cancel("session over")
            return await reader

        assert run(main) == ("session over",)

    def test_may_go_on_reading(self) -> None:
        async def main() -> int:
            inbox: Inbox[int] = Inbox(sim_loop())

            async def read() -> int:
                try:
                    await inbox.get()
                except asyncio.CancelledError:
                    return await inbox.get()
                raise AssertionError

            reader = await start(read())
            reader.cancel()
            deliver_at(10, inbox, 7)
            return await reader  # type: ignore[no-any-return]

        assert run(main) == 7

    def test_times_out_and_reads_later(self) -> None:
        async def main() -> tuple[int, int]:
            inbox: Inbox[int] = Inbox(sim_loop())
            deliver_at(2_000, inbox, 7)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1e-6):
                    await inbox.get()
            return sim_loop().now_ns, await inbox.get()

        assert run(main) == (1_000, 7)


# A reader resumed directly by a delivery must live exactly as one that asyncio alone resumes.

WORKERS = 3
_op = st.one_of(
    st.tuples(st.sampled_from(["get", "try_get"]), st.integers(0, WORKERS - 1)),
    st.tuples(st.just("sleep"), st.sampled_from([0, 0, 1, 7])),
    st.tuples(st.sampled_from(["put", "cancel", "join"]), st.integers(0, WORKERS - 1)),
    st.tuples(st.just("send"), st.integers(0, WORKERS - 1)),
    st.tuples(st.sampled_from(["gather", "group", "shield", "event", "fail"]), st.just(0)),
)
_script = st.tuples(st.booleans(), st.lists(_op, max_size=8))
Script = tuple[bool, list[tuple[str, int]]]


class PlainTasks:
    """Tasks with our repeatable hashes but without the driver that inboxes resume directly."""

    def __init__(self) -> None:
        self.count = 0

    def make(self, loop: SimLoop, coro: Coroutine[Any, Any, Any], **kw: Any) -> asyncio.Task[Any]:
        self.count += 1
        task: SimTask[Any] = SimTask.__new__(SimTask)
        task._number = self.count
        SimTask.__init__(task, coro, loop=loop, **kw)
        return task


async def _step(world: Any, me: int, op: str, arg: int) -> Any:
    inboxes, tasks, event, log = world
    own = inboxes[me]
    match op:
        case "get":
            async with asyncio.timeout(20e-9):
                return await own.get()
        case "try_get":  # another's inbox: refused while its reader waits there
            async with asyncio.timeout(3e-9):
                return await inboxes[arg].get()
        case "sleep":
            await asyncio.sleep(arg * 1e-9)
        case "put":
            inboxes[arg].put(f"put by {me}")
        case "send":
            deliver_at(sim_loop().now_ns + 2 + arg, inboxes[arg], f"sent by {me}")
        case "cancel":
            tasks[arg].cancel()
        case "join" if arg != me:
            await asyncio.wait([tasks[arg]], timeout=9e-9)
        case "gather":
            await asyncio.gather(_child(log, me, 3), _child(log, me, 4))
        case "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(_child(log, me, 2))
                group.create_task(own.get())
                deliver_at(sim_loop().now_ns + 6, own, "for the group")
        case "shield":
            await asyncio.shield(_child(log, me, 5))
        case "event":
            event.set()
            event.clear()
            async with asyncio.timeout(4e-9):
                await event.wait()
        case "fail":
            raise LookupError(me)
    return None


async def _child(log: list[Any], me: int, delay_ns: int) -> None:
    try:
        await asyncio.sleep(delay_ns * 1e-9)
    finally:
        log.append((sim_loop().now_ns, me, "child ends"))


async def _work(world: Any, me: int, script: Script) -> None:
    catches, ops = script
    log = world[3]
    for op, arg in ops:
        try:
            result: Any = await _step(world, me, op, arg)
        except (Exception, asyncio.CancelledError) as error:
            log.append((sim_loop().now_ns, me, op, repr(error)))
            if not catches:
                raise
        else:
            log.append((sim_loop().now_ns, me, op, result))


def trace(scripts: list[Script], *, direct: bool) -> list[Any]:
    """What happened when, with our tasks or with asyncio's own on the same loop."""
    log: list[Any] = []

    async def main() -> None:
        loop = sim_loop()
        if not direct:
            loop.set_task_factory(PlainTasks().make)
        inboxes = [Inbox[str](loop, f"inbox {i}") for i in range(WORKERS)]
        tasks: list[asyncio.Task[None]] = []
        world = inboxes, tasks, asyncio.Event(), log
        tasks += [asyncio.create_task(_work(world, i, s)) for i, s in enumerate(scripts)]
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        log.append((loop.now_ns, [repr(end) for end in ends], [[*i.items] for i in inboxes]))

    run(main)
    return log


@pytest.mark.parametrize(
    "scripts",
    [
        [(True, [("get", 0), ("cancel", 0), ("get", 0)]), (True, [("send", 0)]), (True, [])],
        [(False, [("get", 0), ("cancel", 0)]), (True, [("send", 0)]), (True, [])],
        [(True, [("get", 0), ("sleep", 0)]), (True, [("send", 0), ("sleep", 7)]), (True, [])],
        [(False, [("try_get", 1)]), (False, [("cancel", 0), ("get", 0)]), (False, [])],
        [
            (False, [("send", 1)]),
            (False, [("get", 0), ("put", 2), ("cancel", 1), ("get", 0)]),
            (False, [("get", 0)]),
        ],
    ],
    ids=["cancels itself", "cancels itself and ends", "pauses", "canceled for another", "in turn"],
)
def test_a_reader_resumed_directly_lives_as_any_task(scripts: list[Script]) -> None:
    assert trace(scripts, direct=True) == trace(scripts, direct=False)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(_script, min_size=WORKERS, max_size=WORKERS))
def test_any_readers_resumed_directly_live_as_any_tasks(scripts: list[Script]) -> None:
    assert trace(scripts, direct=True) == trace(scripts, direct=False)
