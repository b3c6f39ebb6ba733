"""Venues and routers as plain asyncio tasks in virtual time, put together by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter

from router.config import RouterConfig
from router.core.events import ACCOUNT, ParentOrder
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.task import RouterShell
from sim.audit.invariants import Invariants
from sim.audit.records import ChildSent, ParentDone, Record, ReportIgnored
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import Source
from sim.protocol.enums import (
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    Priority,
    RejectReason,
    Side,
    TradingState,
)
from sim.protocol.market_data import BookSnapshot, Levels, TradingStatus
from sim.protocol.orders import (
    ExecutionReport,
    OrderCancelReject,
    OrderMessage,
    VenueReport,
)
from sim.protocol.session import FromVenue, ToVenue
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
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
        self.send: dict[str, Callable[[ToVenue], None]] = {}
        self.books: dict[str, BookSnapshot] = {}
        self.cores: dict[str, VenueCore] = {}
        self.records: list[Record] = []
        self.rules = Invariants()
        self.tasks: list[asyncio.Task[None]] = []
        self.feeds: dict[str, Callable[[Any], None]] = {}
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
        assert ports.feed is not None
        self.feeds[book.venue_id] = ports.feed
        self.books[book.venue_id] = book
        profile = VenueProfile(book.venue_id, "lit", ms * 1_000_000, 1, 1, free, free)
        self._profiles.append(msgspec.structs.replace(profile, takes_resting=True))
        coro = script(inbox, ports.reports[ACCOUNT])
        self.tasks.append(self.loop.create_task(coro, name=f"venue {book.venue_id}"))

    def scripted(self, venue_id: str, *asks: tuple[int, int], ms: int = 1) -> "ScriptedVenue":
        """Open a venue that answers by a script; ``asks`` is what it shows at first."""
        return ScriptedVenue(self, venue_id, ms, asks)

    def feed(self, venue_id: str, messages: Mapping[int, OrderMessage]) -> None:
        """Let orders of others reach a venue at these times (ns)."""
        pairs = iter(sorted(messages.items()))
        Source(self.loop, pairs, self._inboxes[venue_id].deliver, Priority.FLOW).start()

    def router(self, **settings: Any) -> RouterShell:
        """A router that knows the venues opened so far."""
        config = RouterConfig.model_validate({"strategy": {"kind": "greedy"}, **settings})
        self.rules.orders.resends_max = config.cancel_resends
        self.rules.orders.reroutes_busted = config.reroute.busted
        core = RouterCore(tuple(self._profiles), config)
        for venue_id, book in self.books.items():
            core.view.venues[venue_id].on_quote(book)
        return RouterShell(
            core, self.inbox, links=self.send, clock=self.loop, emit=self.records.append
        )

    async def buy(self, qty: int, **more: Any) -> RouterShell:
        """Buy with a router of these settings until the parent, P, has ended."""
        deadline, limit = more.pop("deadline_ms", None), more.pop("limit", None)
        at_ms = more.pop("at_ms", 0)
        router = self.router(**{"ack_timeout": "50ms", **more})
        deadline_ns = None if deadline is None else deadline * 1_000_000
        order = ParentOrder("P", Side.BUY, qty, limit, deadline_ns)
        router.submit(order, at_ms * 1_000_000)
        async with asyncio.timeout(60):
            await router.run(1)
        return router

    def orders(self) -> list[tuple[str, int, int]]:
        """Children as (id, lots, millisecond)."""
        return [(c.cl_ord_id, c.order_qty, c.t_ns // 1_000_000) for c in self.of(ChildSent)]

    def end(self) -> tuple[EndReason, int, int]:
        """How the only parent ended: reason, lots filled, lots canceled."""
        (record,) = self.of(ParentDone)
        return record.end_reason, record.filled_qty, record.canceled_qty

    def ignored(self) -> list[str]:
        """Why reports were ignored."""
        return [record.reason for record in self.of(ReportIgnored)]

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
        if self.of(ChildSent):  # else somebody without records traded here
            self.rules.take(self.records)
            self.rules.check()

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


class ScriptedVenue:
    """A venue that says what a test wants it to say, however wrong, and when.

    Orders are bought from it. ``answers[id]`` are the answers to the message of that id, each with
    the milliseconds after its arrival; ``id#2`` is the second message of the same id. What has no
    answer gets silence. Unless it says otherwise the n-th report made has the number n.
    """

    def __init__(self, floor: Floor, venue_id: str, ms: int, asks: Levels) -> None:
        self.got: list[tuple[int, OrderMessage]] = []
        self.answers: dict[str, Sequence[tuple[int, VenueReport]]] = {}
        self.venue_id = venue_id
        self._floor = floor
        self._serial = 0
        self._seq = 1
        book = BookSnapshot(venue_id, 1, TimeNs(0), (), asks)
        floor.play(book, self._serve, ms=ms)

    @property
    def ids(self) -> list[str]:
        """The ids of the messages that came, in their order."""
        return [msg.cl_ord_id for _, msg in self.got]

    def shows(self, ms: int, *asks: tuple[int, int], bids: Levels = ()) -> None:
        """Publish a book at this millisecond of the run."""
        self._seq += 1
        t_ns = ms * 1_000_000
        self._say(ms, BookSnapshot(self.venue_id, self._seq, TimeNs(t_ns), bids, asks))

    def trades(self, ms: int, state: TradingState) -> None:
        """Say at this millisecond of the run whether it trades."""
        self._say(ms, TradingStatus(self.venue_id, TimeNs(ms * 1_000_000), state))

    def report(
        self, kind: ExecType, cl_ord_id: str, *, cum: int = 0, total: int = 100, **more: Any
    ) -> ExecutionReport:
        """A report about an order to buy ``total`` lots of which ``cum`` are filled now."""
        self._serial += 1
        ended = kind in {ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED}
        px, qty = more.pop("px", None), more.pop("qty", 0)
        return ExecutionReport(
            kind,
            OrdStatus.NEW,
            cl_ord_id,
            ACCOUNT,
            1,
            more.pop("exec_id", self._serial),
            more.pop("side", Side.BUY),
            QtyLots(total),
            QtyLots(cum),
            QtyLots(0 if ended else max(0, total - cum)),
            TimeNs(0),
            more.pop("seq", 2),
            None if px is None else PriceTicks(px),
            QtyLots(qty),
            **more,
        )

    def ack(self, cl_ord_id: str, **more: Any) -> ExecutionReport:
        """NEW."""
        return self.report(ExecType.NEW, cl_ord_id, **more)

    def fill(
        self, cl_ord_id: str, qty: int, px: int = 10_000, *, cum: int | None = None, **more: Any
    ) -> ExecutionReport:
        """TRADE; the first one unless ``cum`` says otherwise."""
        cum = qty if cum is None else cum
        return self.report(ExecType.TRADE, cl_ord_id, cum=cum, px=px, qty=qty, **more)

    def canceled(self, cl_ord_id: str, cum: int = 0, **more: Any) -> ExecutionReport:
        """CANCELED; ``orig_cl_ord_id`` where it answers a request."""
        return self.report(ExecType.CANCELED, cl_ord_id, cum=cum, **more)

    def rejected(self, cl_ord_id: str, reason: RejectReason) -> ExecutionReport:
        """REJECTED."""
        return self.report(ExecType.REJECTED, cl_ord_id, reject_reason=reason)

    def refused(self, request: str, order: str, reason: CxlRejReason) -> OrderCancelReject:
        """The refusal of a request."""
        return OrderCancelReject(request, order, ACCOUNT, OrdStatus.REJECTED, reason, TimeNs(0), 2)

    def _say(self, ms: int, msg: BookSnapshot | TradingStatus) -> None:
        feed = self._floor.feeds[self.venue_id]
        self._floor.loop.schedule(ms * 1_000_000, Priority.FEED, lambda event: feed(msg))

    async def _serve(self, inbox: Inbox[Event], report: Callable[[VenueReport], None]) -> None:
        loop = self._floor.loop
        while True:
            msg = (await inbox.get()).msg
            self.got.append((loop.now_ns // 1_000_000, msg))
            count = self.ids.count(msg.cl_ord_id)
            key = msg.cl_ord_id if count == 1 else f"{msg.cl_ord_id}#{count}"
            for ms, answer in self.answers.get(key, ()):
                t_ns = loop.now_ns + ms * 1_000_000
                loop.schedule(t_ns, Priority.REPORT, lambda event: report(event.msg), answer)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    """A trading floor on the test's own loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    floor = Floor(loop)
    yield floor
    await floor.close()
