"""One server, first in first out: the recursion of waits, its room, and its place in an instant."""

from math import log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.server import Served, Server
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority


class Counter:
    """Messages with given arrivals and service times, and what became of them."""

    def __init__(self, gaps: list[int], services: list[int], room: int = 10**9) -> None:
        self.loop = SimLoop()
        self.done: list[tuple[int, Any]] = []
        self.served: list[Served] = []
        self.turned_away: list[tuple[int, Any]] = []
        draws = iter(services)
        sampler = LatencySampler(lambda: [next(draws)], 0)
        server = Server(self.loop, sampler, room, self._take, self._refuse, priority=Priority.ORDER)
        t_ns = 0
        for n, gap in enumerate(gaps):
            t_ns += gap
            self.loop.schedule(t_ns, Priority.FLOW, server.deliver, n, t_ns)
        self.loop.run_forever()

    def _take(self, event: Event) -> None:
        assert isinstance(event, Served)
        self.served.append(event)
        self.done.append((self.loop.now_ns, event.msg))

    def _refuse(self, event: Event) -> None:
        self.turned_away.append((self.loop.now_ns, event.msg))


times = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=60)


@given(times)
def test_waits_follow_the_lindley_recursion_message_by_message(
    messages: list[tuple[int, int]],
) -> None:
    gaps, services = [gap for gap, _ in messages], [service for _, service in messages]
    counter = Counter(gaps, services)
    wait = before = t_ns = 0
    for n, (gap, service) in enumerate(messages):
        wait = max(0, wait + before - gap) if n else 0
        t_ns += gap
        served = counter.served[n]
        assert (served.msg, served.queued_ns, served.processing_ns) == (n, wait, service)
        assert counter.done[n] == (t_ns + wait + service, n)
        assert served.held_ns == 0
        before = service
    assert counter.turned_away == []


@given(times, st.integers(0, 4))
def test_no_more_than_the_room_ever_waits_and_everyone_is_served_or_turned_away(
    messages: list[tuple[int, int]], room: int
) -> None:
    """Compared with a naive walk over all messages in the system."""
    gaps, services = [gap for gap, _ in messages], [service for _, service in messages]
    counter = Counter(gaps, services, room)
    starts: list[int] = []
    refused: list[int] = []
    free = t_ns = 0
    for n, (gap, service) in enumerate(messages):
        t_ns += gap
        start = max(t_ns, free)
        if start > t_ns and sum(one > t_ns for one in starts) >= room:
            refused.append(n)
            continue
        starts.append(start)
        free = start + service
    assert [msg for _, msg in counter.turned_away] == refused
    assert [msg for _, msg in counter.done] == [n for n in range(len(messages)) if n not in refused]


def test_a_message_without_room_is_told_at_its_arrival() -> None:
    counter = Counter([0, 1, 1], [10, 10, 10], room=1)
    assert counter.turned_away == [(2, 2)]
    assert counter.done == [(10, 0), (20, 1)]


def test_with_no_room_at_all_an_idle_server_still_serves() -> None:
    counter = Counter([0, 5, 5], [10, 10, 10], room=0)
    assert counter.turned_away == [(5, 1)]
    assert counter.done == [(10, 0), (20, 2)]


@pytest.mark.slow
def test_the_mean_wait_of_poisson_arrivals_is_that_of_m_d_1() -> None:
    """``rho / (2 * (1 - rho))`` services (Pollaczek-Khinchine), by the means of 50 batches."""
    rho, service, batches, size = 0.7, 1_000, 50, 2_000
    stream = Streams(20261121).get("arrivals")
    gaps = [round(-log(stream.uniform()) * service / rho) for _ in range(batches * size)]
    waits = [one.queued_ns for one in Counter(gaps, [service] * len(gaps)).served]
    means = [sum(waits[n : n + size]) / size for n in range(0, len(waits), size)]
    mean = sum(means) / batches
    sd = sqrt(sum((one - mean) ** 2 for one in means) / (batches - 1))
    assert abs(mean - service * rho / (2 * (1 - rho))) < 4 * sd / sqrt(batches)


def test_stamps_of_the_link_are_kept_apart_from_those_of_the_queue() -> None:
    """Drawn 5 and 2 ns; the second is held for 3, waits 10 and takes 10."""
    loop = SimLoop()
    seen: list[Any] = []

    def refuse(event: Event) -> None:
        raise AssertionError(event)

    server = Server(
        loop,
        LatencySampler(lambda: [10], 10),
        9,
        seen.append,
        refuse,
        priority=Priority.ORDER,
    )
    link = make_link(loop, LatencySampler(lambda: [5, 2], 3), server.deliver, Priority.ORDER)
    link.send("a")
    link.send("b")
    loop.run_forever()
    assert [(one.t_ns, one.drawn_ns, one.held_ns) for one in seen] == [(15, 5, 0), (25, 2, 3)]
    assert [(one.queued_ns, one.processing_ns) for one in seen] == [(0, 10), (10, 10)]
