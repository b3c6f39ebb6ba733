"""Virtual and real time behind one interface."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from sim.kernel.clock import (
    Clock,
    WallClock,
    check_speed,
    clock_of,
    new_loop,
    patience_ns,
    start_clock,
)
from sim.kernel.conflate import ConflatingLink
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import make_source
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
    assert clock.now_ns == 0
    start_clock(clock)
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


# ------------------------------------------------------------ speed and the start


def test_a_wall_clock_stands_still_until_it_is_started(wall: WallClock) -> None:
    late = clock_of(wall.loop)
    late.schedule(0, Priority.TIMER, lambda event: None)
    assert late.now_ns == 0
    start_clock(late)
    spin_until(late, 1_000)


def test_at_speed_a_thousand_a_second_of_the_run_takes_a_millisecond(wall: WallClock) -> None:
    clock = clock_of(wall.loop, speed=1_000)
    seen = wall.loop.create_future()
    clock.schedule(1_000_000_000, Priority.TIMER, lambda event: seen.set_result(clock.now_ns))
    start_clock(clock)
    before = wall.now_ns
    assert wall.loop.run_until_complete(asyncio.wait_for(seen, 5)) >= 1_000_000_000
    assert wall.now_ns - before >= 1_000_000
    assert isinstance(clock, WallClock)
    assert clock.lag.report(clock.speed).events == 1


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf"), 1e-7, 1e7])
def test_D11_speeds_that_no_clock_runs_at_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be from"):
        check_speed(speed)


def test_patience_is_counted_on_the_wall_in_real_time_and_in_the_run_else(wall: WallClock) -> None:
    assert patience_ns(wall, 2) == 2_000_000_000
    assert patience_ns(clock_of(wall.loop, speed=10), 2) == 20_000_000_000
    assert patience_ns(SimLoop(), 2) == 2_000_000_000


# ------------------------------------------------------------ falling behind


def test_P09_a_flood_that_is_behind_gets_one_message_a_turn_and_holds_up_no_report(
    wall: WallClock,
) -> None:
    """Both flows have everything due; a report falls due while 1,000 of the flood wait."""
    got: list[str] = []
    done = wall.loop.create_future()

    def deliver(event: Event) -> None:
        got.append(event.msg)
        if len(got) == 1_011:
            done.set_result(None)

    for name, count in (("flood", 1_000), ("quiet", 10)):
        messages = iter([(n, name) for n in range(count)])
        make_source(wall, messages, deliver, Priority.FLOW).start()
    wall.schedule(wall.now_ns, Priority.REPORT, deliver, "report")
    wall.loop.run_until_complete(asyncio.wait_for(done, 5))
    assert "report" in got[:4]
    assert got.index("quiet") < 4
    last_quiet = max(n for n, name in enumerate(got) if name == "quiet")
    assert last_quiet < 25  # one each a turn


def test_P08_of_quotes_that_are_due_together_only_the_newest_is_delivered(wall: WallClock) -> None:
    """A quote is text here; what is not of that type is never left out, and keeps its place."""
    inbox: list[Any] = []
    delays = LatencySampler(lambda: [0], 0)
    link = ConflatingLink(wall, delays, lambda event: inbox.append(event.msg), Priority.FEED, str)
    for n in range(1_000):
        link.send(f"quote {n}")
    link.send(1)  # a halt
    link.send("quote after it")
    spin_until(wall, wall.now_ns + 1_000)
    wall.loop.run_until_complete(asyncio.sleep(0.005))
    assert inbox == ["quote 999", 1, "quote after it"]
    assert wall.lag.conflated == 999


def test_P08_a_reader_in_time_gets_every_quote(wall: WallClock) -> None:
    inbox: Inbox[Event] = Inbox(wall.loop)
    delays = LatencySampler(lambda: [0], 0)
    link = ConflatingLink(wall, delays, inbox.deliver, Priority.FEED, str)

    async def main() -> list[str]:
        got = []
        for n in range(20):
            link.send(f"quote {n}")
            got.append((await inbox.get()).msg)
        return got

    got = wall.loop.run_until_complete(asyncio.wait_for(main(), 5))
    assert got == [f"quote {n}" for n in range(20)]
    assert wall.lag.conflated == 0


def test_P08_what_is_under_way_is_bounded_although_the_flow_is_more_than_can_be_done(
    wall: WallClock,
) -> None:
    """A flow of 10^9 messages a second, each published to a reader that is 1 ms away.

    A backlog of the flow waits at its source, not here; of what was published at most one
    millisecond's worth is under way.
    """
    handled = largest = 0
    quotes: list[Any] = []
    delays = LatencySampler(lambda: [1_000_000], 0)
    link = ConflatingLink(wall, delays, quotes.append, Priority.FEED, str)

    def venue(event: Event) -> None:
        nonlocal handled, largest
        handled += 1
        largest = max(largest, len(wall._heap))
        link.send("quote")

    source = make_source(wall, ((n, "order") for n in range(20_000_000)), venue, Priority.FLOW)
    source.start()
    wall.loop.run_until_complete(asyncio.sleep(0.05))
    source.stop()
    assert quotes, "the reader starves"
    assert handled > 100
    assert largest < handled / 5


def test_where_uvloop_is_missing_the_stock_loop_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_loop("wall")
    assert type(loop).__module__.startswith("asyncio.")
    loop.close()
