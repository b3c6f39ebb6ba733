"""Venues on virtual time for tests of routers that are not ours.

    async def test_it(market):
        nyse = market.connect("NYSE")
        await nyse.send(nyse.buy(100, "100.02"))
        async for report in nyse: ...

The venues, links, flows and faults are those of a run of the scenario; where our router would
stand, stands the test. What it sends and hears is in the audit log, as our router's would be.
"""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, TypeVar

from router.core.events import ParentOrder
from router.core.orders import Parent
from router.outside.book import OutsideError
from router.outside.shell import OutsideShell
from sim.audit.records import RECORD_TYPES, Record
from sim.kernel.clock import Clock
from sim.kernel.loop import SimLoop
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import NewOrderSingle
from sim.protocol.session import FromVenue, SessionStatus, ToVenue
from sim.protocol.units import PriceTicks, QtyLots, Units
from sim.scenario.load import LoadedScenario
from sim.scenario.model import VenueEntry
from sim.testing.clock import Done, SimClock
from sim.testing.driving import check_loop, is_ours, running_of, step_in
from sim.testing.interleaving import Interleaving
from sim.testing.messages import Number, lots_of, side_of, ticks_of, tif_of
from sim.testing.parents import MarketParent
from sim.testing.scripted import Answer, ScriptedCore
from sim.testing.session import Session
from sim.testing.streams import Arrivals, MarketError
from sim.testing.trail import AuditTrail
from sim.world import RunResult, World
from venues.core.api import VenueCore

_T = TypeVar("_T")


class Market:
    """A run of a scenario with a test in the router's place.

    It starts by itself as it is first used, at time 0. Prices and quantities in messages are ticks
    and lots; ``order``, ``buy`` and ``sell`` take them as people write them.

    Args:
        loaded: The scenario. Its ``router`` is not used, and its ``parents`` come only to a test
            that asks for them (``client_orders``).
        loop: Where it runs.
        interleaving: Another order of what may fall either way; None: as the scenario has it.
    """

    def __init__(
        self, loaded: LoadedScenario, loop: SimLoop, interleaving: Interleaving | None = None
    ) -> None:
        if any(fault.kind == "router_crash" for fault in loaded.scenario.faults):
            raise MarketError("fault router_crash: the router is the test's own, and so is its end")
        self.scenario = loaded
        instrument = loaded.scenario.instrument
        self.units = Units(instrument.tick_size, instrument.lot_size)
        self.clock = SimClock(self)
        self._records: list[Record] = []
        self.audit = AuditTrail(self._records, self._log)
        self.further_loops: list[SimLoop] = []
        self.restart(loop, interleaving)

    def restart(self, loop: SimLoop, interleaving: Interleaving | None = None) -> None:
        """Forget everything and begin anew, at time 0 on another loop."""
        self.loop = loop
        self.interleaving = interleaving
        self.shell = OutsideShell(self._hear, interleaving)
        self._records.clear()
        self._ids: dict[str, int] = {}
        self._sessions: dict[str, Session] = {}
        self._clients: dict[str, MarketParent] = {}  # those that are more than one order
        self._scripts: dict[str, list[list[Answer]]] = {}
        self._cores: dict[str, VenueCore] = {}
        self._quotes: list[Arrivals[BookSnapshot]] = []
        self._quote: Arrivals[BookSnapshot] | None = None
        self._coming: list[ParentOrder] = []
        self._orders: Arrivals[MarketParent] | None = None
        self._world: World | None = None
        self._attending: asyncio.Task[None] | None = None
        self._result: RunResult | None = None
        self._broken: BaseException | None = None
        self._aborted = False

    # What a router needs

    def connect(self, venue_id: str) -> Session:
        """The line to a venue; the same for everybody who asks.

        Raises:
            MarketError: If there is no such venue.
        """
        self._check_venue(venue_id)
        if venue_id not in self._sessions:
            self._sessions[venue_id] = Session(self, venue_id)
            if self.over:
                self._sessions[venue_id].end()
        return self._sessions[venue_id]

    @property
    def venues(self) -> list[str]:
        """The ids of the venues."""
        return [venue.id for venue in self.scenario.scenario.venues]

    def parent(
        self, name: str, side: str | Side, qty: Number, limit: Number | None = None
    ) -> MarketParent:
        """A client's order reaches the router now; quantity and limit as people write them.

        Raises:
            MarketError: If one of that name has come.
            ValueError: If a number does not fit the instrument.
        """
        ticks = None if limit is None else self.ticks(limit)
        return self._receive(ParentOrder(name, side_of(side), self.lots(qty), ticks))

    def client_orders(self) -> Arrivals[MarketParent]:
        """The scenario's own parents, as they come at their times."""
        self.begin()
        if self._orders is None:
            self._orders = Arrivals("the scenario's parents")
            for order in self._coming:
                self._orders.put(self._receive(order))
            if self.over:
                self._orders.end()
        return self._orders

    def book(self, venue_id: str) -> BookSnapshot | None:
        """A venue's book as it was last received; None before anything was.

        Raises:
            MarketError: If there is no such venue.
        """
        self._check_venue(venue_id)
        self.begin()
        return self.shell.core.view.venues[venue_id].quote

    @property
    def best_bid(self) -> int | None:
        """Highest displayed lit bid received, in ticks."""
        self.begin()
        return self.shell.core.view.best_bid()

    @property
    def best_ask(self) -> int | None:
        """Lowest displayed lit offer received, in ticks."""
        self.begin()
        return self.shell.core.view.best_ask()

    def quotes(self) -> Arrivals[BookSnapshot]:
        """A reader of its own that gets every quote from now on; ``book`` has those before."""
        self.begin()
        reader: Arrivals[BookSnapshot] = Arrivals("the market data")
        if self.over:
            reader.end()
        self._quotes.append(reader)
        return reader

    async def next_quote(self) -> BookSnapshot:
        """The next quote that arrives and was not read here before.

        Raises:
            MarketError: If the run is over.
        """
        if self._quote is None:
            self._quote = self.quotes()
        return await self._quote.next()

    def order(
        self,
        side: str | Side,
        qty: Number,
        price: Number,
        tif: str | TimeInForce = "IOC",
        **more: Any,
    ) -> NewOrderSingle:
        """A limit order with the next free id.

        Args:
            side: ``buy``, ``sell`` or ``sell_short``.
            qty: Quantity, such as ``100``.
            price: Limit, such as ``"100.02"``.
            tif: ``IOC``, ``FOK``, ``DAY`` or ``GTC``.
            more: Other fields of ``NewOrderSingle``, such as ``cl_ord_id``.

        Raises:
            ValueError: If a number does not fit the instrument, or a name is none.
        """
        lots, ticks = self.lots(qty), self.ticks(price)
        name = more.pop("cl_ord_id", None) or self.next_id("O")
        how = {"time_in_force": tif_of(tif), **more}
        return NewOrderSingle(name, side_of(side), lots, ticks, **how)

    def buy(
        self,
        venue_id: str,
        qty: Number,
        price: Number,
        tif: str | TimeInForce = "IOC",
        **more: Any,
    ) -> NewOrderSingle:
        """Send an order to buy to a venue, and return it. Arguments as of ``order``.

        Raises:
            MarketError: If it cannot be sent.
        """
        return self._sent(venue_id, Side.BUY, (qty, price, tif), more)

    def sell(
        self,
        venue_id: str,
        qty: Number,
        price: Number,
        tif: str | TimeInForce = "IOC",
        **more: Any,
    ) -> NewOrderSingle:
        """Send an order to sell to a venue, and return it. Raises as ``buy`` does."""
        return self._sent(venue_id, Side.SELL, (qty, price, tif), more)

    def ticks(self, price: Number) -> PriceTicks:
        """A price as people write it, in ticks.

        Raises:
            ValueError: If it is not on the instrument's grid.
        """
        return ticks_of(self.units, price, "price")

    def lots(self, qty: Number) -> QtyLots:
        """A quantity as people write it, in lots.

        Raises:
            ValueError: If it is not a whole number of lots.
        """
        return lots_of(self.units, qty, "qty")

    def price(self, ticks: int) -> Decimal:
        """A price in ticks, as people write it."""
        return Decimal(self.units.price_text(ticks))

    # What a test needs besides

    def script(self, venue_id: str, *answers: list[Answer]) -> None:
        """Let a venue answer our orders as a script says: the first list for the first order.

        The last list serves every later order too. Others' orders, and the book that it shows, are
        not touched.

        Raises:
            MarketError: If there is no such venue, no list, or the run has begun.
        """
        self._check_venue(venue_id)
        if self._world is not None:
            raise MarketError("script() comes before the market is used: the run has begun")
        if not answers:
            raise MarketError("script() wants a list of answers for each order")
        self._scripts[venue_id] = list(answers)

    def true_book(self, venue_id: str) -> tuple[Any, Any]:
        """Bids and asks of a venue as they are at this instant, whatever has been received.

        Raises:
            MarketError: If there is no such venue.
        """
        self._check_venue(venue_id)
        self.begin()
        return self._cores[venue_id].published(1_000)

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self.begin().now_ns

    @property
    def parents(self) -> dict[str, MarketParent]:
        """All client orders so far by name, those that are one order alone included."""
        if self._world is None:
            return {}
        known, found = self._clients, self.shell.core.parents
        return {name: known.get(name) or MarketParent(self, one) for name, one in found.items()}

    @property
    def broken(self) -> BaseException | None:
        """What has broken the run, such as an error of a venue; None: nothing."""
        return self._broken

    @property
    def over(self) -> bool:
        """Whether the run has ended: nothing comes any more, and nothing can be sent."""
        return self._result is not None or (self._attending is not None and self._attending.done())

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in a test that is not async itself, and return its result.

        Raises:
            MarketError: If the loop runs already: then ``await`` it.
        """
        if self.loop.is_running():
            coroutine.close()
            raise MarketError("run() is for tests that are not async: here, await it")
        self.begin()
        return self.loop.run_until_complete(coroutine)

    def finish(self) -> RunResult:
        """End the run at this instant. Called by itself as the test ends; twice is fine.

        Raises:
            Exception: What broke the run, if something did.
        """
        if self._result is not None:
            return self._result
        self.begin()
        world, attending = self._world, self._attending
        assert world is not None
        assert attending is not None
        if self._broken is not None:
            if not self._aborted:
                self._aborted = True
                world.abort(self._broken)
                world.log.close()
            raise self._broken
        ended = attending.done() and not attending.cancelled()  # else its loop was closed before
        self._result = world.result() if ended else world.stop_here()
        attending.cancel()
        self._end()
        return self._result

    def close(self) -> None:
        """End the run, and every task of it. For who owns the market, when its loop stands still.

        Raises:
            Exception: What broke the run, if something did.
        """
        if self._world is None:
            return
        try:
            self.finish()
        finally:
            if not self.loop.is_closed():
                self.loop.run_until_complete(self._world.cancel_tasks())

    # For its parts

    def begin(self) -> Clock:
        """Start the run, unless it has started; the clock.

        Raises:
            MarketError: If another loop runs.
        """
        if self._world is None:
            self.loop = running_of(self.further_loops) or self.loop
            check_loop(self.loop)
            world = self._world = World(
                self.scenario, None, None, watch=(self,), outside=self.shell, tap=self._tap
            )
            waiting = len(self.loop._ready)
            task = world.begin(self.loop)
            self._attending = self.loop.create_task(world.attend(task), name="the market")
            self._attending.add_done_callback(self._attended)
            if self.interleaving is not None:
                venues = self.shell.core.view.venues.items()
                self.interleaving.usual_ns = {n: one.profile.latency_ns for n, one in venues}
            step_in(self.loop, len(self.loop._ready) - waiting)
        return self._world.clock

    def send(
        self, venue_id: str, message: ToVenue, parent: MarketParent | str | None = None
    ) -> None:
        """Send a message to a venue; see ``Session.send_now``."""
        self.begin()
        check_loop(self.loop)
        if self.over:
            raise MarketError("the run is over: nothing can be sent any more")
        owner = None
        if isinstance(message, NewOrderSingle):
            owner = self._owner(message, parent)
        try:
            self.shell.send(venue_id, message, owner)
        except OutsideError as error:
            raise MarketError(str(error)) from None

    def next_id(self, kind: str) -> str:
        """A fresh id: ``O1``, ``O2``, ...; ``C1`` for cancels, ``R1`` for replaces."""
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return f"{kind}{self._ids[kind]}"

    def drive(self, coroutine: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None] | Done:
        """Hand a coroutine to an async test, and run it at once for any other."""
        self.begin()
        if self.loop.is_running():
            return coroutine
        self.loop.run_until_complete(coroutine)
        return Done()

    def call_at(self, t_ns: int, priority: int, call: Callable[[], object]) -> None:
        """Call something at an instant of the run."""
        self.begin().schedule(t_ns, priority, lambda _: call())

    def next_of_ours(self) -> int | None:
        """When the next of our own messages arrives somewhere; None: none is on its way."""
        clock = self.begin()
        start_ns = self.loop.now_ns - clock.now_ns
        times = [event.t_ns for event in self.loop.heap if is_ours(event)]
        return min(times) - start_ns if times else None

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What the run calls with its records."""
        return dict.fromkeys(RECORD_TYPES, self._records.append)

    def _log(self) -> bytes:
        return b"" if self._world is None else self._world.log.data

    def _receive(self, order: ParentOrder) -> MarketParent:
        self.begin()
        if self.over:
            raise MarketError(f"the run is over: parent {order.parent_id!r} comes too late")
        try:
            found = MarketParent(self, self.shell.receive(order))
        except OutsideError as error:
            raise MarketError(str(error)) from None
        self._clients[found.id] = found
        return found

    def _sent(
        self,
        venue_id: str,
        side: Side,
        what: tuple[Number, Number, str | TimeInForce],
        more: dict[str, Any],
    ) -> NewOrderSingle:
        parent = more.pop("parent", None)
        order = self.order(side, *what, **more)
        self.connect(venue_id).send_now(order, parent)
        return order

    def _owner(self, message: NewOrderSingle, parent: MarketParent | str | None) -> Parent | None:
        if isinstance(parent, str):
            if parent not in self.shell.core.parents:
                raise MarketError(f"no parent {parent!r} has come")
            return self.shell.core.parents[parent]
        if parent is not None:
            return parent.book
        named = [
            one.book
            for one in self._clients.values()
            if one.end_reason is None and one.side is message.side
        ]
        if len(named) > 1:
            names = ", ".join(one.parent_id for one in named)
            raise MarketError(
                f"order {message.cl_ord_id!r} may be for any of {names}: say send(..., parent=)"
            )
        return named[0] if named else None

    def _hear(self, msg: Any) -> None:
        if isinstance(msg, FromVenue):
            self.connect(msg.venue_id).take(msg.report)
        elif isinstance(msg, SessionStatus):
            self.connect(msg.venue_id).change(msg)
        elif isinstance(msg, BookSnapshot):
            for reader in self._quotes:
                reader.put(msg)
        elif isinstance(msg, ParentOrder):
            if self._orders is None:
                self._coming.append(msg)
            else:
                self._orders.put(self._receive(msg))

    def _tap(self, number: int, venue: VenueEntry, core: VenueCore) -> VenueCore:
        answers = self._scripts.get(venue.id)
        if answers is not None:
            core = ScriptedCore(core, answers, self.units)
        self._cores[venue.id] = core
        return core

    def _attended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._broken = task.exception()
        self._end()

    def _end(self) -> None:
        self.shell.stop()
        for session in self._sessions.values():
            session.end()
        for reader in self._quotes:
            reader.end()
        if self._orders is not None:
            self._orders.end()

    def _check_venue(self, venue_id: str) -> None:
        if venue_id not in self.venues:
            raise MarketError(f"no venue {venue_id!r}; there are {', '.join(self.venues)}")
