"""Venues and routers as plain asyncio tasks in virtual time, put together by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from router.config import RouterConfig
from router.core.events import ACCOUNT, FromVenue
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.task import RouterShell
from sim.audit.records import Record
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import Source
from sim.protocol.enums import Priority, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import OrderMessage, VenueReport
from sim.protocol.units import Units
from venues.config import VenueConfig
from venues.core.api import VenueCore
from venues.fees import Fees
from venues.kinds import Venue
from venues.task import VenuePorts, opening_snapshot, run_venue

Script = Callable[[Inbox[Event], Callable[[VenueReport], None]], Coroutine[Any, Any, None]]
_ADAPTER: TypeAdapter[VenueConfig] = TypeAdapter(Venue)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": SimLoop}


class Floor:
    """Venues on the running loop, each as far away as it was opened, and one trader's inbox.

    ``inbox`` gets books and reports as link events; ``send[venue]`` sends an order message;
    ``books`` holds the opening books; ``records`` all that venues and router wrote down.
    """

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.units = Units(Decimal("0.01"), Decimal(1))
        self.inbox: Inbox[Event] = Inbox(loop, "trader")
        self.send: dict[str, Callable[[OrderMessage], None]] = {}
        self.books: dict[str, BookSnapshot] = {}
        self.cores: dict[str, VenueCore] = {}
        self.records: list[Record] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._profiles: list[VenueProfile] = []
        self._inboxes: dict[str, Inbox[Event]] = {}

    def open(self, venue_id: str, kind: str = "lit", *, ms: int = 1, **settings: Any) -> None:
        """Open a venue, every way to and from which takes ``ms`` milliseconds."""
        leg = {"model": "fixed", "delay": f"{ms}ms"}
        latency = {"order": leg, "report": leg, "feed": leg}
        config = _ADAPTER.validate_python(
            {"id": venue_id, "kind": kind, "latency": latency, **settings}
        )
        fees = Fees(config.fees, self.units)
        core = self.cores[venue_id] = config.build(self.units, Path)
        self.books[venue_id] = opening_snapshot(venue_id, core, config.depth)
        inbox, ports = self._connect(venue_id, ms)
        self._profiles.append(
            VenueProfile(
                venue_id,
                config.visibility,
                ms * 1_000_000,
                1,
                1,
                fees.effective(Side.BUY),
                fees.effective(Side.SELL),
            )
        )
        coro = run_venue(
            venue_id,
            core,
            inbox,
            ports,
            fees=fees,
            depth=config.depth,
            market_data="touch",
            clock=self.loop,
        )
        self.tasks.append(self.loop.create_task(coro, name=f"venue {venue_id}"))

    def play(self, book: BookSnapshot, script: Script, *, ms: int = 1) -> None:
        """Open a venue that is a hand-written coroutine; ``book`` is all that it ever shows."""
        free = (Fraction(1), Fraction(0))
        inbox, ports = self._connect(book.venue_id, ms)
        self.books[book.venue_id] = book
        self._profiles.append(VenueProfile(book.venue_id, "lit", ms * 1_000_000, 1, 1, free, free))
        coro = script(inbox, ports.reports[ACCOUNT])
        self.tasks.append(self.loop.create_task(coro, name=f"venue {book.venue_id}"))

    def feed(self, venue_id: str, messages: Mapping[int, OrderMessage]) -> None:
        """Let orders of others reach a venue at these times (ns)."""
        pairs = iter(sorted(messages.items()))
        Source(self.loop, pairs, self._inboxes[venue_id].deliver, Priority.FLOW).start()

    def router(self, **settings: Any) -> RouterShell:
        """A router that knows the venues opened so far."""
        config = RouterConfig.model_validate({"strategy": {"kind": "greedy"}, **settings})
        core = RouterCore(tuple(self._profiles), config)
        for venue_id, book in self.books.items():
            core.view.venues[venue_id].on_quote(book)
        return RouterShell(
            core, self.inbox, links=self.send, clock=self.loop, emit=self.records.append
        )

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one type, in their order."""
        return [record for record in self.records if isinstance(record, kind)]

    async def close(self) -> None:
        """End the venues; one that failed fails the test."""
        for task in self.tasks:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for core in self.cores.values():
            core.check()

    def _connect(self, venue_id: str, ms: int) -> tuple[Inbox[Event], VenuePorts]:
        inbox: Inbox[Event] = Inbox(self.loop, venue_id)
        self._inboxes[venue_id] = inbox

        def link(deliver: Callable[[Event], None], priority: Priority) -> Callable[[Any], None]:
            delay = LatencySampler(lambda: [ms * 1_000_000] * 64, ms * 1_000_000)
            return make_link(self.loop, delay, deliver, priority).send

        report = link(self.inbox.deliver, Priority.REPORT)
        self.send[venue_id] = link(inbox.deliver, Priority.ORDER)
        return inbox, VenuePorts(
            reports={ACCOUNT: lambda msg: report(FromVenue(venue_id, msg))},
            feed=link(self.inbox.deliver, Priority.FEED),
            emit=self.records.append,
        )


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    """A trading floor on the test's own loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    floor = Floor(loop)
    yield floor
    await floor.close()
