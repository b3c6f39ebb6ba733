"""The virtual-time loop: its order of events, its times, its errors and its ends."""

import asyncio
import gc
import logging
import os
import subprocess
import sys
import weakref
from collections.abc import Callable, Coroutine
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.loop import DeadWaitError, SimLoop
from sim.protocol.enums import Priority

HOUR_NS = 3_600 * 10**9
Main = Callable[[], Coroutine[Any, Any, Any]]


def run(main: Main) -> Any:
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(main())


def sim_loop() -> SimLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    return loop


async def wait_forever() -> None:
    await sim_loop().create_future()


class TestOrder:
    @given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Priority)), max_size=40))
    def test_ties_go_by_priority_then_by_order_of_scheduling(
        self, keys: list[tuple[int, Priority]]
    ) -> None:
        loop = SimLoop()
        ran: list[tuple[int, int, int]] = []
        for i, (t_ns, priority) in enumerate(keys):
            loop.schedule(t_ns, priority, lambda event: ran.append(event.msg), (t_ns, priority, i))
        loop.run_forever()
        assert ran == sorted(ran)
        assert len(ran) == loop.events_run == len(keys)

    def test_what_arrives_is_handled_before_timers_fire(self) -> None:
        loop, ran = SimLoop(), list[str]()
        loop.call_at_ns(5, ran.append, "timer")
        for priority in reversed(Priority):
            loop.schedule(5, priority, lambda event: ran.append(event.msg), priority.name)
        loop.run_forever()
        assert ran == ["FAULT", "FLOW", "ORDER", "REPORT", "FEED", "timer", "TIMER"]

    def test_an_event_and_all_that_follows_from_it_come_before_the_next_of_that_instant(
        self,
    ) -> None:
        """Unlike the stock loop, which makes all that is due ready at once."""
        loop, ran = SimLoop(), list[str]()
        loop.call_at_ns(5, loop.call_soon, loop.call_soon, ran.append, "consequence of the first")
        loop.call_at_ns(5, ran.append, "second")
        loop.run_forever()
        assert ran == ["consequence of the first", "second"]

    @given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=3), st.data())
    def test_time_never_goes_back(self, plan: list[list[int]], data: st.DataObject) -> None:
        """Callbacks schedule further ones, by every way there is."""
        loop, times = SimLoop(), list[int]()

        def act(depth: int) -> None:
            times.append(loop.now_ns)
            if depth < len(plan):
                for delay_ns in plan[depth]:
                    way = data.draw(st.integers(0, 3))
                    if way == 0:
                        loop.call_at_ns(loop.now_ns + delay_ns, act, depth + 1)
                    elif way == 1:
                        loop.call_later(delay_ns * 1e-9, act, depth + 1)
                    elif way == 2:
                        loop.call_at(loop.time() - 1e-9, act, depth + 1)
                    else:
                        loop.call_soon(act, depth + 1)

        loop.call_soon(act, 0)
        loop.run_forever()
        assert times == sorted(times)

    def test_the_past_cannot_be_scheduled(self) -> None:
        loop = SimLoop()
        loop.call_at_ns(10, int)
        loop.run_forever()
        with pytest.raises(ValueError, match=r"t_ns must be >= 10 \(now\), was 9"):
            loop.schedule(9, Priority.ORDER, print)
        with pytest.raises(ValueError, match=r"t_ns must be >= 10 \(now\), was 9"):
            loop.call_at_ns(9, int)


class TestTime:
    @given(st.integers(0, 30 * 24 * HOUR_NS), st.integers(0, 10**12))
    @settings(max_examples=50)
    def test_sleep_and_timeout_are_exact_in_nanoseconds(self, start: int, delay: int) -> None:
        """Asyncio counts in float seconds; over a month that still rounds to the right number."""

        async def main() -> tuple[int, int]:
            loop = sim_loop()
            moment = loop.create_future()
            loop.call_at_ns(start, moment.set_result, None)
            await moment
            await asyncio.sleep(delay / 1e9)
            slept = loop.now_ns
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(delay / 1e9):
                    await loop.create_future()
            return slept, loop.now_ns

        slept, timed_out = run(main)
        assert slept == start + delay
        assert abs(timed_out - slept - delay) <= (0 if start < 10**15 else 1)

    def test_an_hour_passes_in_milliseconds(self) -> None:
        async def main() -> int:
            for _ in range(3_600):
                await asyncio.sleep(1)
            return sim_loop().now_ns

        began = process_time()
        assert run(main) == HOUR_NS
        assert process_time() - began < 1.0  # about 20 ms on an idle machine of 2026

    def test_infinity_is_never(self) -> None:
        with pytest.raises(DeadWaitError):
            run(lambda: asyncio.sleep(float("inf")))

    def test_a_negative_delay_is_now(self) -> None:
        loop, times = SimLoop(), list[int]()
        loop.call_at_ns(7, lambda: loop.call_later(-1, lambda: times.append(loop.now_ns)))
        loop.run_forever()
        assert times == [7]


class TestCancelledTimers:
    @pytest.mark.slow
    def test_leave_memory_flat(self) -> None:
        """A timeout that does not fire leaves a cancelled timer far in the future."""

        async def main() -> tuple[int, int]:
            largest = 0
            for _ in range(100_000):
                sim_loop().call_later(3_600, int).cancel()
                largest = max(largest, len(sim_loop().heap))
            return largest, sim_loop().now_ns

        largest, now_ns = run(main)
        assert largest < 1_000
        assert now_ns == 0

    @given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=600))
    @settings(max_examples=20)
    def test_take_no_other_timer_with_them(self, timers: list[tuple[int, bool]]) -> None:
        loop, ran = SimLoop(), list[tuple[int, int]]()
        handles = [
            loop.call_at_ns(t_ns, lambda i=i: ran.append((loop.now_ns, i)))
            for i, (t_ns, _) in enumerate(timers)
        ]
        for handle, (_, cancelled) in zip(handles, timers, strict=True):
            if cancelled:
                handle.cancel()
                handle.cancel()
        loop.run_forever()
        assert ran == sorted((t, i) for i, (t, cancelled) in enumerate(timers) if not cancelled)

    def test_only_timers_in_the_heap_are_counted(self) -> None:
        loop = SimLoop()
        for _ in range(1_000):
            loop.call_soon(int).cancel()
        done = [loop.call_at_ns(i, int) for i in range(1_000)]
        loop.run_forever()
        for handle in done:
            handle.cancel()
        assert loop._cancelled_timers == 0


class TestErrors:
    @pytest.mark.parametrize("way", ["soon", "timer", "delivery"])
    def test_a_callback_that_fails_stops_the_run(self, way: str) -> None:
        def fail(*_: object) -> None:
            raise LookupError("broken venue")

        async def main() -> None:
            loop = sim_loop()
            if way == "soon":
                loop.call_soon(fail)
            elif way == "timer":
                loop.call_later(1, fail)
            else:
                loop.schedule(5, Priority.ORDER, fail)
            await asyncio.sleep(10)

        with pytest.raises(LookupError, match="broken venue"):
            run(main)

    def test_a_handler_of_ones_own_may_let_the_run_go_on(self) -> None:
        seen = []

        async def main() -> str:
            loop = sim_loop()
            loop.set_exception_handler(lambda loop, context: seen.append(context["exception"]))
            loop.call_later(1, {}.__getitem__, "NYSE")
            await asyncio.sleep(10)
            return "went on"

        assert run(main) == "went on"
        assert [type(error) for error in seen] == [KeyError]

    def test_the_error_of_a_task_nobody_awaits_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def fail() -> None:
            raise LookupError("unheard")

        async def main() -> None:
            task = asyncio.create_task(fail())
            await asyncio.sleep(1)
            del task

        with caplog.at_level(logging.ERROR):
            run(main)
        assert "never retrieved" in caplog.text
        assert "unheard" in caplog.text

    @pytest.mark.parametrize("leave", [KeyboardInterrupt, SystemExit])
    def test_the_process_can_be_interrupted(self, leave: type[BaseException]) -> None:
        def interrupt() -> None:
            raise leave

        async def main() -> None:
            sim_loop().call_later(1, interrupt)
            await wait_forever()

        with pytest.raises(leave):
            run(main)

    @pytest.mark.parametrize(
        "use",
        [
            lambda loop: asyncio.to_thread(print),
            lambda loop: loop.run_in_executor(None, print),
            lambda loop: asyncio.open_connection("localhost", 1),
            lambda loop: asyncio.create_subprocess_exec("true"),
            lambda loop: loop.add_signal_handler(2, print),
            lambda loop: loop.add_reader(0, print),
        ],
        ids=["to_thread", "executor", "connection", "subprocess", "signal", "reader"],
    )
    def test_what_needs_real_time_is_refused_with_a_reason(self, use: Any) -> None:
        async def main() -> None:
            await use(sim_loop())

        with pytest.raises(NotImplementedError, match="needs real time; SimLoop runs in virtual"):
            run(main)


class TestDeadWait:
    def test_names_every_task_that_waits(self) -> None:
        async def main() -> None:
            await asyncio.sleep(1)
            waits = wait_forever(), wait_forever()
            async with asyncio.TaskGroup() as group:
                for name, wait in zip(("router", "NYSE"), waits, strict=True):
                    group.create_task(wait, name=name)

        with pytest.raises(DeadWaitError, match=r"t=1000000000 ns.*wait: NYSE, router, task-1$"):
            run(main)

    def test_of_a_future_alone_names_the_future(self) -> None:
        loop = SimLoop()
        with pytest.raises(DeadWaitError, match="Future pending"):
            loop.run_until_complete(loop.create_future())

    def test_ends_run_forever_too(self) -> None:
        loop = SimLoop()
        task = loop.create_task(wait_forever(), name="router")
        with pytest.raises(DeadWaitError, match=r"wait: router$"):
            loop.run_forever()
        task.cancel()
        loop.run_forever()
        assert task.cancelled()

    def test_is_none_when_no_task_is_left(self) -> None:
        loop = SimLoop()
        loop.create_task(asyncio.sleep(1))
        loop.run_forever()
        assert loop.now_ns == 10**9


class TestLife:
    def test_stop_leaves_the_rest_for_the_next_run(self) -> None:
        loop, ran = SimLoop(), list[int]()
        for t_ns in (1, 2, 3):
            loop.call_at_ns(t_ns, ran.append, t_ns)
        loop.call_at_ns(2, loop.stop)
        loop.run_forever()
        assert (ran, loop.now_ns, loop.is_running()) == ([1, 2], 2, False)
        loop.run_forever()
        assert (ran, loop.now_ns) == ([1, 2, 3], 3)

    def test_a_closed_loop_takes_nothing(self) -> None:
        loop = SimLoop()
        loop.call_at_ns(1, int)
        loop.close()
        assert loop.is_closed()
        assert not loop.heap
        coro = asyncio.sleep(0)
        for use in (
            lambda: loop.call_soon(int),
            lambda: loop.call_later(1, int),
            lambda: loop.create_task(coro),
            lambda: loop.run_until_complete(coro),
            loop.run_forever,
        ):
            with pytest.raises(RuntimeError, match="Event loop is closed"):
                use()
        coro.close()

    def test_a_running_loop_cannot_be_run_or_closed(self) -> None:
        async def main() -> None:
            coro = asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="already running"):
                sim_loop().run_until_complete(coro)
            with pytest.raises(RuntimeError, match="while another loop is running"):
                SimLoop().run_until_complete(coro)
            with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
                sim_loop().close()
            coro.close()

        run(main)

    def test_what_is_not_a_coroutine_is_no_task(self) -> None:
        with pytest.raises(TypeError, match="a coroutine was expected, got 'x'"):
            SimLoop().create_task("x")  # type: ignore[arg-type]

    def test_debug_mode_works(self) -> None:
        async def main() -> str:
            sim_loop().set_debug(True)
            sim_loop().call_later(1, int).cancel()
            await asyncio.create_task(asyncio.sleep(1))
            return repr(asyncio.current_task())

        assert "running at" in run(main)

    def test_unfinished_generators_are_closed_in_the_order_of_their_start(self) -> None:
        closed = []

        async def numbers(name: str) -> Any:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                closed.append(name)

        async def main() -> list[Any]:
            generators = [numbers(name) for name in "abc"]
            for generator in generators:
                await anext(generator)
            return generators

        generators = run(main)
        assert closed == ["a", "b", "c"]
        assert len(generators) == 3


class TestTasks:
    def test_are_numbered_from_one_on_each_loop(self) -> None:
        async def main() -> list[tuple[str, int]]:
            tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(3)]
            tasks.append(asyncio.create_task(asyncio.sleep(0), name="mine"))
            await asyncio.gather(*tasks)
            return [(task.get_name(), hash(task)) for task in tasks]

        expected = [("task-2", 2), ("task-3", 3), ("task-4", 4), ("mine", 5)]
        assert run(main) == run(main) == expected

    def test_are_freed_when_done_without_garbage_collection(self) -> None:
        async def main() -> list[object]:
            async def end(how: type[BaseException] | None) -> None:
                await asyncio.sleep(0)
                if how:
                    raise how

            refs = []
            for how in (None, LookupError, asyncio.CancelledError):
                task = asyncio.create_task(end(how))
                await asyncio.wait([task])
                if not task.cancelled():
                    task.exception()
                refs.append(weakref.ref(task))
                del task
            await asyncio.sleep(0)
            return [ref() for ref in refs]

        gc.collect()
        gc.disable()
        try:
            assert run(main) == [None, None, None]
        finally:
            gc.enable()

    def test_a_factory_of_ones_own_may_make_them(self) -> None:
        async def main() -> str:
            loop = sim_loop()
            loop.set_task_factory(lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw))
            task = asyncio.create_task(asyncio.sleep(0, "made"), name="mine")
            assert type(task) is asyncio.Task
            assert task.get_name() == "mine"
            return await task

        assert run(main) == "made"


ABORT_PROGRAM = """
import asyncio
from sim.kernel.loop import SimLoop

log = []

async def child(i):
    if i == 13:
        await asyncio.sleep(1)
        raise LookupError
    try:
        await asyncio.sleep(9)
    finally:
        log.append(i)

async def main():
    garbage = [object() for _ in range(hash("x") % 997)]  # other addresses in each process
    try:
        async with asyncio.TaskGroup() as group:
            for i in range(40):
                group.create_task(child(i))
    except* LookupError:
        pass

with asyncio.Runner(loop_factory=SimLoop) as runner:
    runner.run(main())
print(log)
"""


@pytest.mark.slow
def test_a_task_group_aborts_in_one_order_whatever_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", ABORT_PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "12345")
    }
    assert len(outputs) == 1
    assert sorted(eval(outputs.pop())) == [i for i in range(40) if i != 13]
