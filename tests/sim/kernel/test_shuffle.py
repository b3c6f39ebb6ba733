"""Ties in an order of chance: what may change places, and what may not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import Link, VirtualLink, make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.server import Server
from sim.kernel.shuffle import ShuffledLoop, one_source, shuffled_loop
from sim.kernel.source import make_source

SEEDS = range(12)


def fixed(ns: int) -> LatencySampler:
    return LatencySampler(lambda: [ns] * 64, ns)


def run(loop: SimLoop, end_ns: int = 1_000) -> None:
    loop.run_until_complete(asyncio.sleep(end_ns / 1e9))
    loop.close()


def through_links(loop: SimLoop) -> list[str]:
    """Three links bring three messages each to one place, all at one instant."""
    got: list[str] = []

    def deliver(event: Event) -> None:
        got.append(event.msg)

    links = [make_link(loop, fixed(50), deliver, 3) for _ in range(3)]
    for n in range(3):
        for name, link in zip("abc", links, strict=True):
            link.send(f"{name}{n}")
    run(loop)
    return got


def test_messages_of_different_links_change_places_and_those_of_one_do_not() -> None:
    plain = through_links(SimLoop())
    assert plain == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]
    orders = [through_links(ShuffledLoop(seed)) for seed in SEEDS]
    for got in orders:
        assert sorted(got) == sorted(plain)
        for name in "abc":
            assert [msg for msg in got if msg[0] == name] == [f"{name}{n}" for n in range(3)]
    assert len({tuple(got) for got in orders}) > 3


def test_I12_the_same_seed_gives_the_same_order() -> None:
    for seed in SEEDS:
        assert through_links(ShuffledLoop(seed)) == through_links(ShuffledLoop(seed))


def test_the_order_is_drawn_anew_at_each_instant_and_priority() -> None:
    loop = ShuffledLoop(1)
    got: dict[tuple[int, int], list[str]] = {}

    def deliver(event: Event) -> None:
        got.setdefault((event.t_ns, event.priority), []).append(event.msg)

    clocks = {name: one_source(loop) for name in "abcd"}
    for t_ns in (10, 20, 30):
        for priority in (1, 2):
            for name, clock in clocks.items():
                clock.schedule(t_ns, priority, deliver, name)
    run(loop)
    assert all(sorted(names) == list("abcd") for names in got.values())
    assert len({tuple(names) for names in got.values()}) > 2


def test_I11_time_and_priority_stay_what_they_are() -> None:
    for seed in SEEDS:
        loop = ShuffledLoop(seed)
        seen: list[Event] = []
        for t_ns, priority in [(20, 5), (20, 0), (10, 3), (20, 3), (10, 0)]:
            one_source(loop).schedule(t_ns, priority, seen.append)
        run(loop)
        order = [(event.t_ns, event.priority) for event in seen]
        assert order == [(10, 0), (10, 3), (20, 0), (20, 3), (20, 5)]


def test_flows_and_servers_keep_their_order_too() -> None:
    for seed in SEEDS:
        loop = ShuffledLoop(seed)
        got: list[Any] = []

        def take(event: Event, got: list[Any] = got) -> None:
            got.append(event.msg)

        server = Server(loop, fixed(0), 100, take, take, priority=2)
        for name in "ab":
            messages: Iterator[tuple[int, Any]] = iter([(10, f"{name}{n}") for n in range(4)])
            make_source(loop, messages, server.deliver, 1).start()
        run(loop)
        assert [m for m in got if m[0] == "a"] == ["a0", "a1", "a2", "a3"]
        assert [m for m in got if m[0] == "b"] == ["b0", "b1", "b2", "b3"]


def test_timers_of_one_inbox_keep_their_order() -> None:
    for seed in SEEDS:
        loop = ShuffledLoop(seed)
        inbox: Inbox[Event] = Inbox(loop)
        for n in range(5):
            loop.schedule(10, 5, inbox.deliver, n)
        run(loop)
        assert [event.msg for event in inbox.items] == [0, 1, 2, 3, 4]


def starts(loop: SimLoop) -> list[str]:
    """Which of four tasks that are made together begins first, and so on."""
    begun: list[str] = []

    async def begin(name: str) -> None:
        begun.append(name)
        await asyncio.sleep(0)
        begun.append(name.upper())

    async def main() -> None:
        await asyncio.gather(*(loop.create_task(begin(name)) for name in "abcd"))

    loop.run_until_complete(main())
    loop.close()
    return begun


def test_tasks_that_start_together_begin_in_any_order() -> None:
    assert starts(SimLoop()) == list("abcdABCD")
    orders = [starts(ShuffledLoop(seed)) for seed in SEEDS]
    for begun in orders:
        assert sorted(begun[:4]) == list("abcd")
        assert begun[4:] == [name.upper() for name in begun[:4]]  # the rest of the loop is a queue
    assert len({tuple(begun) for begun in orders}) > 3


def test_a_task_does_not_pass_what_was_ready_before_it() -> None:
    for seed in SEEDS:
        loop = ShuffledLoop(seed)
        seen: list[str] = []

        async def note(name: str, seen: list[str] = seen) -> None:
            seen.append(name)

        async def main(loop: SimLoop = loop, seen: list[str] = seen) -> None:
            first = loop.create_task(note("first"))
            loop.call_soon(seen.append, "between")
            await asyncio.gather(first, loop.create_task(note("last")))

        loop.run_until_complete(main())
        loop.close()
        assert seen == ["first", "between", "last"]


def test_asyncio_works_on_it_as_on_any_loop() -> None:
    async def program() -> float:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(2))
            group.create_task(asyncio.sleep(1))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    loop = ShuffledLoop(3)
    assert loop.run_until_complete(program()) == 3.0
    loop.close()


def test_the_plain_loop_keeps_its_fast_paths() -> None:
    loop = SimLoop()
    assert one_source(loop) is loop
    assert type(make_link(loop, fixed(1), print, 1)) is VirtualLink
    shuffled = ShuffledLoop(0)
    assert type(make_link(shuffled, fixed(1), print, 1)) is Link
    loop.close()
    shuffled.close()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="ties must be >= 0, was -1"):
        ShuffledLoop(-1)
    with pytest.raises(ValueError, match="ties are for virtual time, the clock was wall"):
        shuffled_loop("wall", 1)
    loop = ShuffledLoop(0)
    loop.now_ns = 5
    with pytest.raises(ValueError, match=r"t_ns must be >= 5 \(now\), was 4"):
        one_source(loop).schedule(4, 1, print)
    loop.close()
