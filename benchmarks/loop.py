"""``loop_deliveries``: messages between 16 asyncio tasks in virtual time, a delay on each link.

Every task hands each message on to one of four others in turn; each of the 64 links draws its
delays from its own sampler of one lognormal law (median 1 ms, sigma 0.5), and 64 messages are under
way at any time. The counts use up the blocks in which samplers draw. The peers do the same work
with the same samplers:

* ``asyncio``: ``asyncio.Queue`` on the stock loop. Its clock is a number, and its selector jumps
  there instead of waiting, without a system call.
* ``simpy``: one process and one ``Store`` per node, and one process per delivery that waits for a
  ``Timeout`` and puts the message, as SimPy's documentation models latency.
* ``simpy_callbacks``: as before without the process per delivery; the ``Timeout``'s callback puts
  the message. We know of no shorter way in SimPy.

Unlike ours, the peers let messages overtake each other and keep no stamps: that is in their favour.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from typing import Any, Final

import simpy

from benchmarks.measure import compare, rate
from sim.kernel.inbox import Inbox
from sim.kernel.latency.base import LatencySampler
from sim.kernel.latency.lognormal import LognormalLatency
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority

NODES: Final = 16
HOPS: Final = (1, 3, 6, 11)
# Just below 64 links times 64 + 256 + 1024 (+ 4096) draws: whole blocks, hardly a draw wasted.
COUNT: Final = 340_000
QUICK_COUNT: Final = 84_000


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer deliveries and rounds."""
    count = QUICK_COUNT if quick else COUNT
    peers: dict[str, Callable[[], float]] = {
        "asyncio": lambda: _asyncio_rate(count),
        "simpy": lambda: _simpy_rate(_process_delivery, count),
        "simpy_callbacks": lambda: _simpy_rate(_callback_delivery, count),
    }
    return [
        compare(
            "loop_deliveries",
            "deliveries/s",
            lambda: _our_rate(count),
            peers,
            rounds=3 if quick else 5,
            ratio_min={"asyncio": 4.0, "simpy": 4.0},
            aim=800_000,
        )
    ]


def _samplers() -> list[list[LatencySampler]]:
    """Row i holds the delays of the links from node i, one for each of ``HOPS``."""
    law = LognormalLatency.model_validate({"model": "lognormal", "median": "1ms", "sigma": 0.5})
    streams = Streams(1)
    return [
        [law.sampler(streams.get(str(i), str(hop)), _no_file) for hop in HOPS] for i in range(NODES)
    ]


def _targets(i: int) -> list[int]:
    """Where the links of node i lead to."""
    return [(i + hop) % NODES for hop in HOPS]


def _no_file(name: str) -> Any:
    raise ValueError(f"this law reads no file, was asked for {name}")


def _our_rate(count: int) -> float:
    """Deliveries per second of CPU time on ``SimLoop``."""
    loop = SimLoop()
    inboxes: list[Inbox[Event]] = [Inbox(loop, f"node-{i}") for i in range(NODES)]
    links = [
        [
            make_link(loop, sampler, inboxes[j].deliver, Priority.ORDER)
            for j, sampler in zip(_targets(i), row, strict=True)
        ]
        for i, row in enumerate(_samplers())
    ]
    left = count

    async def node(i: int, done: asyncio.Future[None]) -> None:
        nonlocal left
        inbox, out, k = inboxes[i], links[i], 0
        items = inbox.items
        while True:
            await inbox
            while items:
                event = items.popleft()
                left -= 1
                if left <= 0:
                    if not done.done():
                        done.set_result(None)
                    return
                k = (k + 1) & 3
                out[k].send(event.msg)

    def start() -> None:
        for row in links:
            for m, link in enumerate(row):
                link.send(m)

    return _timed(loop, node, start, count)


class JumpSelector(selectors.SelectSelector):
    """Waits for nothing: it moves the loop's clock on by the time it should have waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """No file is ever ready."""
        if timeout:
            self.now += timeout
        return []


class JumpLoop(asyncio.SelectorEventLoop):
    """The stock loop with a clock that is a number."""

    def __init__(self) -> None:
        self._jump = JumpSelector()
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._jump.now


def _asyncio_rate(count: int) -> float:
    """Deliveries per second of CPU time through ``asyncio.Queue`` and ``call_later``."""
    loop = JumpLoop()
    queues: list[asyncio.Queue[int]] = [asyncio.Queue() for _ in range(NODES)]
    samplers = _samplers()
    left = count

    async def node(i: int, done: asyncio.Future[None]) -> None:
        nonlocal left
        get, out, k = queues[i].get, samplers[i], 0
        put = [queues[j].put_nowait for j in _targets(i)]
        call_later = loop.call_later
        while True:
            msg = await get()
            left -= 1
            if left <= 0:
                if not done.done():
                    done.set_result(None)
                return
            k = (k + 1) & 3
            sampler = out[k]
            if not sampler.buffer:
                sampler.refill()
            call_later(sampler.buffer.pop() * 1e-9, put[k], msg)

    def start() -> None:
        for i, row in enumerate(samplers):
            for m, j in enumerate(_targets(i)):
                loop.call_later(row[m].draw() * 1e-9, queues[j].put_nowait, m)

    return _timed(loop, node, start, count)


def _timed(
    loop: asyncio.AbstractEventLoop,
    node: Callable[[int, "asyncio.Future[None]"], Any],
    start: Callable[[], None],
    count: int,
) -> float:
    """Run the nodes until one says that all is done; set-up and ending are not measured."""

    async def main() -> float:
        done: asyncio.Future[None] = loop.create_future()
        tasks = [loop.create_task(node(i, done)) for i in range(NODES)]
        await asyncio.sleep(0)  # every node now waits
        start()
        before = time.process_time_ns()
        await done
        spent_ns = time.process_time_ns() - before
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return count / (spent_ns / 1e9)

    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


Deliver = Callable[[int, int], None]
"""Lets a message arrive after a delay in ns: ``deliver(delay_ns, msg)``."""


def _process_delivery(env: simpy.Environment, store: simpy.Store) -> Deliver:
    def cable(delay_ns: int, msg: int) -> Any:
        yield env.timeout(delay_ns)
        store.put(msg)

    def deliver(delay_ns: int, msg: int) -> None:
        env.process(cable(delay_ns, msg))

    return deliver


def _callback_delivery(env: simpy.Environment, store: simpy.Store) -> Deliver:
    timeout = env.timeout

    def arrive(event: Any) -> None:
        store.put(event._value)

    def deliver(delay_ns: int, msg: int) -> None:
        timeout(delay_ns, msg).callbacks.append(arrive)

    return deliver


def _simpy_rate(delivery: Callable[[simpy.Environment, simpy.Store], Deliver], count: int) -> float:
    """Deliveries per second of CPU time between SimPy processes."""
    env = simpy.Environment()
    stores = [simpy.Store(env) for _ in range(NODES)]
    deliver = [delivery(env, store) for store in stores]
    samplers = _samplers()
    done = env.event()
    left = count

    def node(i: int) -> Any:
        nonlocal left
        get, out, k = stores[i].get, samplers[i], 0
        send = [deliver[j] for j in _targets(i)]
        while True:
            msg = yield get()
            left -= 1
            if left <= 0:
                if not done.triggered:
                    done.succeed()
                return
            k = (k + 1) & 3
            sampler = out[k]
            if not sampler.buffer:
                sampler.refill()
            send[k](sampler.buffer.pop(), msg)

    for i, row in enumerate(samplers):
        env.process(node(i))
        for m, j in enumerate(_targets(i)):
            deliver[j](row[m].draw(), m)
    return rate(count, lambda: env.run(until=done))
