"""Two worlds in one process do not notice each other, and chance belongs to names."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import sim.topology
import sim.wiring
from sim.audit.records import BookAtArrival, Depth, Record, TradePrint
from sim.kernel.clock import Clock
from sim.kernel.latency import LatencySampler
from sim.kernel.link import Link, make_link
from sim.kernel.loop import Event, SimLoop
from sim.scenario.load import LoadedScenario, load_scenario
from sim.world import arun_world, run_world

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
MakeMarket = Callable[..., Data]
Draws = dict[tuple[str, str], list[int]]
"""Venue and leg -> drawn delays in the order of sending."""


@pytest.fixture
def noisy(market: MakeMarket, lit: MakeMarket) -> Data:
    """Three venues with background flow and random delays; an order that takes several rounds."""
    legs = {
        leg: {"model": "lognormal", "median": median, "sigma": 0.5}
        for leg, median in (("order", "3ms"), ("report", "4ms"), ("feed", "5ms"))
    }
    flow = {"kind": "poisson", "rate": 400, "centre": "100.00", "lots": 50, "take": 0.3}
    venues = [lit(v, latency=legs, flow=[flow]) for v in ("A", "B", "C")]
    return market(venues, qty=2000, at="100ms", deadline="900ms", duration="1s")


# ------------------------------------------------------------ worlds side by side


def test_worlds_in_two_threads_write_what_they_write_alone() -> None:
    """Both run in turns of about a two-hundredth of their time."""
    loaded = [load_scenario("fragmented"), load_scenario("fragmented", seed=2)]
    alone = [run_world(one).log for one in loaded]
    turn = threading.Barrier(len(loaded))

    def work(one: LoadedScenario) -> bytes | None:
        def step(now_ns: int, end_ns: int) -> None:
            with suppress(threading.BrokenBarrierError):  # the other one has ended
                turn.wait(timeout=10)

        try:
            return run_world(one, on_progress=step).log
        finally:
            turn.abort()

    with ThreadPoolExecutor(len(loaded)) as pool:
        assert list(pool.map(work, loaded)) == alone


def test_worlds_on_one_loop_write_what_they_write_alone(
    noisy: Data, load_data: Callable[..., LoadedScenario]
) -> None:
    loaded = [load_data(noisy), load_data(noisy, "seed=2"), load_scenario("partial_fill")]
    alone = [run_world(one).log for one in loaded]

    async def together() -> list[bytes | None]:
        results = await asyncio.gather(*map(arun_world, loaded))
        return [result.log for result in results]

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        assert runner.run(together()) == alone


def test_a_world_that_starts_later_on_a_loop_writes_the_same(
    noisy: Data, load_data: Callable[..., LoadedScenario]
) -> None:
    """A run's time begins with the run, not with the loop."""
    loaded = load_data(noisy)

    async def twice() -> list[bytes | None]:
        first = await arun_world(loaded)
        await asyncio.sleep(3600)
        return [first.log, (await arun_world(loaded)).log]

    with asyncio.Runner(loop_factory=SimLoop) as runner:
        assert runner.run(twice()) == [run_world(loaded).log] * 2


# ------------------------------------------------------------ common random numbers


@pytest.fixture
def draws_of(
    load_data: Callable[..., LoadedScenario], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Draws]:
    """``draws_of(data, *sets)``: run it, and return what each link drew."""

    def run(data: Data, *sets: str) -> Draws:
        drawn: dict[tuple[str, str], list[tuple[int, int]]] = {}

        def spying_link(
            clock: Clock,
            latency: LatencySampler,
            deliver: Callable[[Event], object],
            priority: int,
            bump_ns: int,
        ) -> Link:
            def spy(event: Event) -> None:
                # Of one link's events each is delivered in the order in which it was sent.
                venue = getattr(event.msg, "venue_id", None) or event.msg.cl_ord_id.split(".")[1]
                leg = {2: "order", 3: "report", 4: "feed"}[priority]
                drawn.setdefault((venue, leg), []).append((event.seq, event.drawn_ns))
                deliver(event)

            return make_link(clock, latency, spy, priority, bump_ns)

        monkeypatch.setattr(sim.wiring, "make_link", spying_link)
        monkeypatch.setattr(sim.topology, "make_link", spying_link)
        run_world(load_data(data, *sets))
        return {link: [ns for _, ns in found] for link, found in drawn.items()}

    return run


def common(one: Draws, other: Draws, venues: str, legs: tuple[str, ...]) -> Iterator[bool]:
    """For each link whether its n-th draws agree, as far as both runs have drawn."""
    for link in [(venue, leg) for venue in venues for leg in legs]:
        n = min(len(one[link]), len(other[link]))
        assert n > 5, f"{link} drew too seldom to compare"
        yield one[link][:n] == other[link][:n]


def test_a_slower_venue_changes_no_other_delay(noisy: Data, draws_of: Callable[..., Draws]) -> None:
    usual = draws_of(noisy)
    slow = draws_of(noisy, "venues[A].latency.order={model: lognormal, median: 9ms, sigma: 1.0}")
    assert all(common(usual, slow, "BC", ("order", "report", "feed")))
    assert all(common(usual, slow, "A", ("report", "feed")))
    assert not any(common(usual, slow, "A", ("order",)))


def test_a_further_venue_changes_no_other_delay(
    noisy: Data, draws_of: Callable[..., Draws]
) -> None:
    usual = draws_of(noisy)
    first = {**noisy["venues"][0], "id": "NEW"}
    more = draws_of({**noisy, "venues": [first, *noisy["venues"]]})
    assert all(common(usual, more, "ABC", ("order", "report", "feed")))


def test_another_seed_changes_every_delay(noisy: Data, draws_of: Callable[..., Draws]) -> None:
    usual, other = draws_of(noisy), draws_of(noisy, "seed=2")
    assert not any(common(usual, other, "ABC", ("order", "report", "feed")))


@pytest.mark.parametrize(
    "change",
    [
        "venues[A].latency.order={model: fixed, delay: 50ms}",
        "venues[A].flow=[]",
        "parents[P].qty=100",
        "router.strategy.depth=top",
    ],
)
def test_what_happens_at_one_venue_does_not_reach_the_flow_of_another(
    noisy: Data, run_data: Callable[..., "Ran"], change: str
) -> None:
    """Our order goes to A alone: B and C then live the same life, quote by quote."""
    alone = {**noisy, "router": {"strategy": {"kind": "single_venue", "venue": "A"}}}
    alone["audit"] = {"market_data": "full"}
    usual, changed = run_data(alone, "parents[P].qty=1000000"), run_data(alone, change)
    for venue in "BC":
        n = min(len(life(usual, venue)), len(life(changed, venue)))
        assert n > 50  # enough to mean something
        assert life(usual, venue)[:n] == life(changed, venue)[:n]


def life(ran: "Ran", venue: str) -> list[Record]:
    """All that a venue published and printed."""
    return [r for r in ran.records if isinstance(r, Depth | TradePrint) and r.venue_id == venue]


def test_common_chance_shows_in_the_log(noisy: Data, run_data: Callable[..., "Ran"]) -> None:
    """The n-th order to a venue has the same delay whatever the others do."""
    usual, other = run_data(noisy), run_data(noisy, "venues[A].latency.order.median=20ms")

    def delays(ran: "Ran", venue: str) -> list[int]:
        return [r.drawn_ns for r in ran.of(BookAtArrival) if r.venue_id == venue]

    for venue in "BC":
        n = min(len(delays(usual, venue)), len(delays(other, venue)))
        assert n > 5
        assert delays(usual, venue)[:n] == delays(other, venue)[:n]
