"""Links deliver one way, in order, and keep both parts of each delay apart."""

from collections.abc import Callable, Iterator
from itertools import chain, count, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import Link, VirtualLink, make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import Source
from sim.protocol.enums import Priority

MakeLatency = Callable[..., LatencySampler]
ORDER = int(Priority.ORDER)


def scripted(delays: Iterator[int]) -> LatencySampler:
    """A sampler that gives these delays, three at a time."""
    return LatencySampler(lambda: [next(delays) for _ in range(3)], nominal_ns=0)


def send_at(loop: SimLoop, link: Link, times: list[int]) -> None:
    """Send message i at ``times[i]``; the times must rise."""
    for i, t_ns in enumerate(times):
        loop.call_at_ns(t_ns, link.send, i)


plans = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", [VirtualLink, Link])
@given(plan=plans)
def test_no_message_overtakes_another(kind: type[Link], plan: list[tuple[int, int]]) -> None:
    """``plan`` holds for each message the pause before it and its drawn delay."""
    loop, got = SimLoop(), list[Event]()
    sent = [sum(pause for pause, _ in plan[: i + 1]) for i in range(len(plan))]
    drawn = [delay for _, delay in plan]
    link = kind(loop, scripted(chain(drawn, repeat(0))), got.append, ORDER)
    send_at(loop, link, sent)
    loop.run_forever()

    assert [event.msg for event in got] == list(range(len(plan)))
    assert [event.sent_ns for event in got] == sent
    assert [event.drawn_ns for event in got] == drawn
    arrived = 0
    for event in got:
        arrived = max(arrived, event.sent_ns + event.drawn_ns)
        assert event.t_ns == arrived
        assert event.held_ns >= 0
        assert event.drawn_ns + event.held_ns == event.t_ns - event.sent_ns


@pytest.mark.parametrize(
    "model",
    [
        {"model": "lognormal", "median": "5ms", "sigma": 1.0},
        {"model": "shifted_exponential", "shift": "1us", "mean": "5ms"},
    ],
    ids=["lognormal", "shifted_exponential"],
)
def test_load_holds_messages_back_but_changes_no_draw(
    make_latency: MakeLatency, model: dict[str, Any]
) -> None:
    """10,000 messages, 10 us apart, over a link of some 5 ms: most wait for the one before."""
    loop, got = SimLoop(), list[Event]()
    send_at(
        loop, make_link(loop, make_latency(model), got.append, ORDER), [*range(0, 10**8, 10**4)]
    )
    loop.run_forever()
    same_draws = make_latency(model)
    assert [event.drawn_ns for event in got] == [same_draws.draw() for _ in range(10_000)]
    assert [event.msg for event in got] == list(range(10_000))
    assert sum(event.held_ns > 0 for event in got) > 5_000


def test_without_load_nothing_is_held() -> None:
    loop, got = SimLoop(), list[Event]()
    send_at(loop, make_link(loop, scripted(repeat(5)), got.append, ORDER), [0, 1, 1, 10])
    loop.run_forever()
    assert [(event.t_ns, event.held_ns) for event in got] == [(5, 0), (6, 0), (6, 0), (15, 0)]


def test_a_slow_link_delays_no_other() -> None:
    loop, got = SimLoop(), list[Any]()
    slow = make_link(loop, scripted(repeat(100)), lambda event: got.append("slow"), ORDER)
    fast = make_link(loop, scripted(repeat(1)), lambda event: got.append("fast"), ORDER)
    slow.send(None)
    fast.send(None)
    loop.run_forever()
    assert got == ["fast", "slow"]


def test_at_one_instant_orders_come_before_reports_before_the_feed() -> None:
    loop, got = SimLoop(), list[Any]()
    for priority in (Priority.FEED, Priority.REPORT, Priority.ORDER):
        make_link(loop, scripted(repeat(7)), got.append, priority).send(priority.name)
    loop.run_forever()
    assert [event.msg for event in got] == ["ORDER", "REPORT", "FEED"]


def test_a_link_delivers_into_an_inbox() -> None:
    loop = SimLoop()
    inbox: Inbox[Event] = Inbox(loop)
    link = make_link(loop, scripted(count(10)), inbox.deliver, ORDER)

    async def main() -> list[tuple[int, str]]:
        link.send("first")
        link.send("second")
        events = [await inbox.get(), await inbox.get()]
        return [(event.t_ns, event.msg) for event in events]

    assert loop.run_until_complete(main()) == [(10, "first"), (11, "second")]


def test_the_link_suits_the_clock() -> None:
    class OtherClock:
        now_ns = 3

        def __init__(self) -> None:
            self.scheduled: list[tuple[Any, ...]] = []

        def schedule(self, *what: Any) -> None:
            self.scheduled.append(what)

    def deliver(event: Event) -> None:
        raise AssertionError(event)

    clock: Any = OtherClock()
    in_real_time = make_link(clock, scripted(repeat(5)), deliver, ORDER)
    in_real_time.send("msg")
    assert clock.scheduled == [(8, ORDER, deliver, "msg", 3, 5)]
    assert type(make_link(SimLoop(), scripted(repeat(5)), deliver, ORDER)) is VirtualLink


def test_links_draw_from_their_own_streams(make_latency: MakeLatency) -> None:
    """Traffic on one link changes no delay of another."""

    def delays(chatter: int) -> list[int]:
        loop, got = SimLoop(), list[Event]()
        model = {"model": "lognormal", "median": "5ms", "sigma": 0.5}
        other = make_link(loop, make_latency(model, name="other"), lambda event: None, ORDER)
        link = make_link(loop, make_latency(model, name="mine"), got.append, ORDER)
        for i in range(100):
            for _ in range(chatter):
                other.send(None)
            link.send(i)
        loop.run_forever()
        return [event.drawn_ns for event in got]

    assert delays(chatter=0) == delays(chatter=3)


class TestSource:
    def test_delivers_in_order_and_takes_one_ahead(self) -> None:
        loop, got = SimLoop(), list[tuple[int, int, int]]()
        taken = 0

        def messages() -> Iterator[tuple[int, int]]:
            nonlocal taken
            for i in range(6):
                taken += 1
                yield i // 2 * 10, i

        def receive(event: Event) -> None:
            got.append((event.t_ns, event.msg, taken))

        clock: Clock = loop
        Source(clock, messages(), receive, Priority.FLOW).start()
        loop.run_forever()
        expected = [(0, 0), (0, 1), (10, 2), (10, 3), (20, 4), (20, 5)]
        assert [(t_ns, i) for t_ns, i, _ in got] == expected
        assert all(ahead <= i + 2 for _, i, ahead in got)

    def test_refuses_times_that_go_back(self) -> None:
        loop = SimLoop()
        Source(loop, iter([(10, "a"), (9, "b")]), lambda event: None, Priority.FLOW).start()
        with pytest.raises(ValueError, match="t_ns must be >= 10"):
            loop.run_forever()

    def test_of_nothing_does_nothing(self) -> None:
        loop = SimLoop()
        Source(loop, iter([]), print, Priority.FLOW).start()
        loop.run_forever()
        assert loop.events_run == 0

    def test_hands_its_errors_to_whoever_asked_for_them(self) -> None:
        loop, got, errors = SimLoop(), list[str](), list[str]()

        def messages() -> Iterator[tuple[int, str]]:
            yield 1, "a"
            raise OSError("torn")

        source = Source(
            loop,
            messages(),
            lambda event: got.append(event.msg),
            Priority.FLOW,
            on_error=lambda error: errors.append(str(error)),
        )
        source.start()
        loop.run_forever()
        assert (got, errors) == (["a"], ["torn"])

    def test_delivers_nothing_after_its_stop(self) -> None:
        loop, got = SimLoop(), list[int]()
        source = Source(
            loop, ((t, t) for t in range(1, 9)), lambda e: got.append(e.msg), Priority.FLOW
        )
        source.start()
        loop.call_at_ns(3, source.stop)
        loop.run_forever()
        assert got == [1, 2, 3]
        assert loop.now_ns == 4


# ------------------------------------------------------------ speed bumps


def test_a_speed_bump_is_held_and_not_drawn() -> None:
    """Drawn 5 and 2 ns, sent at 0 and 1, a bump of 100: the second waits for the first as well."""
    loop = SimLoop()
    seen: list[tuple[int, int, int, int]] = []

    def look(event: Event) -> None:
        seen.append((event.t_ns, event.sent_ns, event.drawn_ns, event.held_ns))

    link = make_link(loop, LatencySampler(lambda: [5, 2], 3), look, Priority.ORDER, 100)
    link.send("a")
    loop.call_at_ns(1, link.send, "b")
    loop.run_forever()
    assert seen == [(105, 0, 5, 100), (105, 1, 2, 102)]


def test_a_bump_changes_no_draw() -> None:
    def delivered(bump_ns: int) -> list[Event]:
        loop = SimLoop()
        seen: list[Event] = []
        sampler = LatencySampler(lambda: [5, 2, 9], 5)
        link = make_link(loop, sampler, seen.append, Priority.ORDER, bump_ns)
        for _ in range(5):
            link.send("x")
        loop.run_forever()
        return seen

    plain, bumped = delivered(0), delivered(7)
    assert [event.drawn_ns for event in plain] == [event.drawn_ns for event in bumped]
    assert [event.t_ns + 7 for event in plain] == [event.t_ns for event in bumped]
