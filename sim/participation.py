"""The wiring of participants: who takes part, over which links, and what the venues send them.

Each participant has its own order, report and feed link from and to each venue that it uses, and
so its own delays. What the venues' feeds brought before the run is known as it starts.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from sim.audit.records import Record
from sim.flow.base import FlowGrid
from sim.flow.participants.base import (
    LegsConfig,
    ParticipantConfig,
    ParticipantCore,
    ReportFrom,
    Setting,
)
from sim.flow.participants.fundamental import Fundamental
from sim.flow.participants.task import run_participant
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.latency.base import LatencyConfig
from sim.kernel.link import make_link
from sim.kernel.loop import Event
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import OrderMessage, VenueReport
from sim.protocol.units import Units
from sim.scenario.load import LoadedScenario
from sim.scenario.model import Scenario, VenueEntry
from sim.topology import Deliver, Send, feed_link


class VenueParts(Protocol):
    """What participants need of a venue."""

    id: str
    config: VenueEntry
    grid: FlowGrid
    deliver_order: Deliver


class Participants:
    """All participants of one run, connected.

    Args:
        loaded: The scenario.
        streams: All chance of the run.
        loop: Where their tasks will run.
        venues: The venues.
        clock: Time and scheduling.
        emit: Takes each audit record.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        streams: Streams,
        loop: asyncio.AbstractEventLoop,
        venues: Sequence[VenueParts],
        *,
        clock: Clock,
        emit: Callable[[Record], None],
    ) -> None:
        self._loaded = loaded
        self._streams = streams
        self._clock = clock
        self._emit = emit
        self._reports: dict[str, dict[str, Callable[[VenueReport], None]]] = {}
        self._feeds: dict[str, list[Send]] = {}
        self._all: list[_Participant] = []
        configs = loaded.scenario.participants
        if not configs:
            return
        by_id = {venue.id: venue for venue in venues}
        fundamental = self._fundamental(loaded.scenario)
        for config in configs:
            self._all.append(self._seat(config, by_id, Inbox(loop, config.id), fundamental))

    def open(self, books: Mapping[str, BookSnapshot], states: Sequence[TradingStatus]) -> None:
        """Let every participant know the opening books of the venues that it hears."""
        for one in self._all:
            one.core.open(
                [book for name, book in books.items() if name in one.hears],
                [state for state in states if state.venue_id in one.hears],
            )

    def reports(self, venue_id: str) -> dict[str, Callable[[VenueReport], None]]:
        """By account, what sends a venue's reports to the participants that trade there."""
        return self._reports.get(venue_id, {})

    def feeds(self, venue_id: str) -> list[Send]:
        """What sends a venue's market data to those that hear it."""
        return self._feeds.get(venue_id, [])

    def services(self) -> Iterator[tuple[str, Coroutine[Any, Any, NoReturn]]]:
        """Per participant its id and the coroutine that serves it, to be run as a task."""
        for one in self._all:
            coroutine = run_participant(
                one.id, one.core, one.inbox, links=one.links, clock=self._clock, emit=self._emit
            )
            yield one.id, coroutine

    def shut(self, name: str) -> None:
        """A participant has died: what reaches it from now on is dropped."""
        for one in self._all:
            if one.id == name:
                one.inbox.shut()

    def _fundamental(self, scenario: Scenario) -> Fundamental | None:
        config = scenario.fundamental
        if config is None:
            return None
        units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
        start, jump = units.price_to_ticks(config.start), units.price_to_ticks(config.jump)
        return Fundamental(start, jump, config.rate, self._streams.get("fundamental"))

    def _seat(
        self,
        config: ParticipantConfig,
        venues: Mapping[str, VenueParts],
        inbox: Inbox[Event],
        fundamental: Fundamental | None,
    ) -> "_Participant":
        """Build a participant and its links to and from the venues that it uses."""
        scenario = self._loaded.scenario
        setting = Setting(
            account=config.id,
            grids={access.venue: venues[access.venue].grid for access in config.venues},
            stream=self._streams.get("participant", config.id),
            keyed=self._streams.keyed("participant", config.id),
            fundamental=fundamental if config.needs_fundamental else None,
            end_ns=scenario.duration,
        )
        one = _Participant(config.id, config.build(setting), inbox)
        for access in config.venues:
            self._connect(one, config.legs(access), venues[access.venue])
        for link in scenario.links:
            if link.to == one.id:
                sampler = self._sampler(link.latency, "link", link.from_, link.to)
                self._hear(one, venues[link.from_], sampler)
        return one

    def _connect(self, one: "_Participant", legs: LegsConfig, venue: VenueParts) -> None:
        """The legs between a participant and a venue that it trades at."""
        bump, name = venue.config.speed_bump, ("participant", one.id, "latency")
        order = self._sampler(legs.order, *name, "order", venue.id)
        one.links[venue.id] = make_link(
            self._clock, order, venue.deliver_order, Priority.FLOW, bump.order
        ).send
        report = self._sampler(legs.report, *name, "report", venue.id)
        link = make_link(self._clock, report, one.inbox.deliver, Priority.REPORT, bump.report)
        self._reports.setdefault(venue.id, {})[one.id] = _from_venue(venue.id, link.send)
        if legs.feed is not None:
            self._hear(one, venue, self._sampler(legs.feed, *name, "feed", venue.id))

    def _hear(self, one: "_Participant", venue: VenueParts, sampler: LatencySampler) -> None:
        bump_ns = venue.config.speed_bump.feed
        send = feed_link(self._clock, sampler, one.inbox.deliver, bump_ns)
        self._feeds.setdefault(venue.id, []).append(send)
        one.hears.add(venue.id)

    def _sampler(self, model: LatencyConfig, *stream: str) -> LatencySampler:
        return model.sampler(self._streams.get(*stream), self._loaded.resolve)


class _Participant:
    """The parts of one participant while the world is put together."""

    def __init__(self, name: str, core: ParticipantCore, inbox: Inbox[Event]) -> None:
        self.id = name
        self.core = core
        self.inbox = inbox
        self.links: dict[str, Callable[[OrderMessage], None]] = {}
        self.hears: set[str] = set()


def _from_venue(venue_id: str, send: Callable[[ReportFrom], None]) -> Callable[[VenueReport], None]:
    """What sends a report with the name of the venue that it comes from."""

    def send_report(report: VenueReport) -> None:
        send(ReportFrom(venue_id, report))

    return send_report
