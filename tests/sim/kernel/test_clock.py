"""Virtual and real time behind one interface."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from sim.kernel.clock import Clock, WallClock, clock_of, new_loop
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import Priority

WALL_LOOPS = [asyncio.new_event_loop, lambda: new_loop("wall")]


def spin_until(clock: Clock, t_ns: int) -> None:
    """Be busy, as a task that computes would be; microseconds only."""
    while clock.now_ns < t_ns:
        pass


@pytest.fixture(params=WALL_LOOPS, ids=["stock", "wall"])
def wall(request: pytest.FixtureRequest) -> Iterator[WallClock]:
    loop = request.param()
    clock = clock_of(loop)
    assert isinstance(clock, WallClock)
    yield clock
    loop.close()


def test_in_virtual_time_the_loop_is_the_clock() -> None:
    loop = new_loop("virtual")
    assert isinstance(loop, SimLoop)
    assert clock_of(loop) is loop


def test_a_run_that_starts_later_on_its_loop_counts_from_its_own_start() -> None:
    loop = SimLoop()
    seen: list[tuple[int, int, Any, int, int]] = []

    def look(event: Event) -> None:
        seen.append((clock.now_ns, event.t_ns, event.msg, event.sent_ns, event.held_ns))

    loop.run_until_complete(asyncio.sleep(1))
    clock = clock_of(loop)
    assert clock.now_ns == 0
    clock.schedule(20, Priority.TIMER, look, "timer")
    make_link(clock, LatencySampler(lambda: [20], 20), look, Priority.ORDER).send("order")
    loop.run_forever()
    assert seen == [(20, 20, "order", 0, 0), (20, 20, "timer", 0, 20)]
    with pytest.raises(ValueError, match="t_ns must be >="):
        clock.schedule(19, Priority.TIMER, look)
    loop.close()


def test_in_real_time_no_message_overtakes_another_and_none_is_early(wall: WallClock) -> None:
    """Also those that fall due while the loop is busy, before it looks at its timers."""
    inbox: Inbox[Event] = Inbox(wall.loop)
    delays_ns = [0, 100_000, 0, 30_000, 0, 1_000_000, 0, 0, 50_000, 0]
    delays = LatencySampler(lambda: delays_ns[:], nominal_ns=0)
    link = make_link(wall, delays, inbox.deliver, Priority.ORDER)
    seen = []

    async def main() -> list[int]:
        for i in range(10):
            link.send(i)
            spin_until(wall, wall.now_ns + 150_000)
        got = []
        for _ in range(10):
            event = await inbox.get()
            seen.append(wall.now_ns)
            assert wall.now_ns >= event.t_ns >= event.sent_ns + event.drawn_ns
            got.append(event.msg)
        return got

    assert wall.loop.run_until_complete(main()) == list(range(10))
    assert all(early <= late for early, late in pairwise(seen))


def test_in_real_time_what_is_due_together_goes_by_time_then_priority(wall: WallClock) -> None:
    got: list[Any] = []
    last = asyncio.Event()

    async def main() -> None:
        for t_ns in (200_000, 100_000):
            for priority in reversed(Priority):
                wall.schedule(
                    t_ns, priority, lambda event: got.append((event.t_ns, event.priority))
                )
        spin_until(wall, 250_000)
        wall.schedule(250_000, Priority.TIMER, lambda event: last.set())
        await last.wait()

    wall.loop.run_until_complete(main())
    assert got == sorted(got)


def test_in_real_time_a_callback_that_fails_leaves_the_others_scheduled(wall: WallClock) -> None:
    failures: list[Any] = []
    done = wall.loop.create_future()

    def fail(event: Event) -> None:
        raise LookupError

    wall.loop.set_exception_handler(lambda loop, context: failures.append(context["exception"]))
    wall.schedule(0, Priority.ORDER, fail)
    wall.schedule(1_000, Priority.ORDER, lambda event: done.set_result(event.msg), "went on")
    assert wall.loop.run_until_complete(asyncio.wait_for(done, 5)) == "went on"
    assert [type(failure) for failure in failures] == [LookupError]


def test_in_real_time_messages_without_delay_do_not_starve_tasks(wall: WallClock) -> None:
    """Two parties that answer each other at once still let a task run."""
    bounces = 0

    def bounce(event: Event) -> None:
        nonlocal bounces
        bounces += 1
        wall.schedule(wall.now_ns, Priority.ORDER, bounce)

    async def main() -> None:
        bounce(Event(0, 0, 0, bounce, None))
        for _ in range(10):
            await asyncio.sleep(0)

    wall.loop.run_until_complete(asyncio.wait_for(main(), 5))
    assert bounces >= 1
