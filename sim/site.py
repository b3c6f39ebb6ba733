"""One venue of a run: its core, its inbox and its three latencies, made from its entry."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec

from router.core.profile import VenueProfile
from sim.flow.base import FlowConfig, FlowGrid
from sim.flow.book_flow import BookFlow, Moves, Place, start_flows
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.loop import Event
from sim.kernel.server import Server
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority, Side
from sim.protocol.market_data import TradingStatus
from sim.protocol.units import QtyLots, TimeNs, Units
from sim.scenario.load import LoadedScenario
from sim.scenario.model import VenueEntry
from sim.topology import Deliver
from venues.core.api import TimedCore, VenueCore
from venues.core.around import CoreAround
from venues.core.overflow import TurnedAway
from venues.fees import Fees
from venues.gateway import Gateway, InTurn, at_once
from venues.line import Line
from venues.task import VenuePorts, opening_snapshot


class Site:
    """One venue of a run, in its parts.

    ``guarded`` says that faults of the scenario may stop it: its inbox is a ``Door`` then.
    """

    def __init__(  # noqa: PLR0917 - one caller
        self,
        config: VenueEntry,
        units: Units,
        loaded: LoadedScenario,
        streams: Streams,
        inbox: Inbox[Event],
        clock: Clock,
        *,
        guarded: bool = False,
    ) -> None:
        self.id = config.id
        self.config = config
        self.inbox = inbox
        self.gateway: Gateway | None = None  # where the router is connected
        self.ports = VenuePorts()
        self._units = units = config.own_units(units)
        self._streams = streams
        steps = config.grid(units)
        self._ticks = steps.ticks
        self.grid = FlowGrid(units, steps.tick, steps.lot)
        self.line: Line | None = None  # to the router, where a fault may cut it
        self._clock = clock
        self.core: VenueCore = config.build(
            units, loaded.resolve, streams.keyed("venue", config.id), operated=guarded
        )
        self.fees = Fees(config.fees, units)
        self.order = self._sampler("order", loaded)
        self.report = self._sampler("report", loaded)
        self.feed = self._sampler("feed", loaded)
        self._recorded = config.source(units, loaded.resolve)
        self.moves = self._start_flows()
        self.nominal_ns = self.order.nominal_ns + config.speed_bump.order
        self.deliver_order: Deliver = inbox.deliver
        self.in_turn: InTurn = at_once  # the inbox resumes its reader as a message arrives
        if config.processing is not None:
            stream = streams.get("venue", config.id, "processing")
            service = config.processing.time.sampler(stream, loaded.resolve)
            self.nominal_ns += service.nominal_ns
            server = Server(
                clock,
                service,
                config.processing.queue,
                inbox.deliver,
                self._turn_away,
                priority=Priority.ORDER,
            )
            self.deliver_order, self.in_turn = server.deliver, server.in_turn

    @property
    def profile(self) -> VenueProfile:
        """What the router is told about the venue."""
        return VenueProfile(
            venue_id=self.id,
            visibility=self.config.visibility,
            latency_ns=self.nominal_ns,
            tick=self.grid.tick,
            lot=self.grid.lot,
            buy=self.fees.effective(Side.BUY),
            sell=self.fees.effective(Side.SELL),
            maker_buy=self.fees.effective_maker(Side.BUY),
            maker_sell=self.fees.effective_maker(Side.SELL),
            fill_risk=Fraction(self.config.fill_risk),
            impact=self._units.ticks_in(self.config.impact),
            silent=self.config.silent,
            takes_resting=self.config.takes_resting,
            ticks=self._ticks,
            has_session=True,
        )

    def shut(self) -> None:
        """Its task has died: what comes from now on is lost, and the router is told."""
        self.inbox.shut()
        if self.gateway is not None:
            self.gateway.tell(is_up=False)

    def tell_state(self) -> None:
        """Publish whether it trades, for who may have missed it."""
        core, feed = self.core, self.ports.feed
        if feed is not None and isinstance(core, TimedCore):
            feed(TradingStatus(self.id, TimeNs(self._clock.now_ns), core.state))

    def tell_book(self) -> None:
        """Publish the book as it is, whether or not it has changed."""
        core, feed = self.core, self.ports.feed
        if feed is not None:
            now_ns = TimeNs(self._clock.now_ns)
            book = opening_snapshot(self.id, core, self.config.depth)
            feed(msgspec.structs.replace(book, published_ns=now_ns))

    def opening(self) -> Any:
        """The book that subscribers know as the run starts."""
        return opening_snapshot(self.id, self.core, self.config.depth)

    def messages(self, end_ns: int) -> Iterator[tuple[Iterator[tuple[int, Any]], Deliver]]:
        """Recorded data and background flow with their times, and what each goes to."""
        if self._recorded is not None:
            yield self._recorded, self.inbox.deliver
        for n, flow in enumerate(self.config.flow):
            if isinstance(flow, FlowConfig):
                stream = self._streams.get("venue", self.id, "flow", str(n))
                yield flow.messages(self.grid, stream, f"flow{n}", end_ns), self.deliver_order

    def _start_flows(self) -> list[tuple[int, Moves]]:
        """Put the orders in the book that flows looking at it have there as the run starts."""
        book: Any = self.core.book if isinstance(self.core, CoreAround) else self.core
        flows = []
        for n, flow in enumerate(self.config.flow):
            if isinstance(flow, BookFlow):
                stream = self._streams.get("venue", self.id, "flow", str(n))
                flows.append((flow, Place(book, self.grid, stream, f"flow{n}")))
        if not flows:
            return []
        moves = start_flows(flows, lambda msg: book.handle(msg, TimeNs(0)))
        book.volume = QtyLots(0)  # what traded before the run is none of its
        return moves

    def _turn_away(self, event: Event) -> None:
        event.msg = TurnedAway(event.msg)
        self.inbox.deliver(event)

    def _sampler(self, leg: str, loaded: LoadedScenario) -> LatencySampler:
        stream = self._streams.get("venue", self.id, "latency", leg)
        model: Any = getattr(self.config.latency, leg)
        sampler: LatencySampler = model.sampler(stream, loaded.resolve)
        return sampler
