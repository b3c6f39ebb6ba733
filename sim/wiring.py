"""The wiring of one run: a checked scenario becomes venues, links and a router that wait to start.

Who hears whom is decided here and nowhere else. Nothing runs yet: ``sim.world`` starts the tasks
and the sources, and ends them.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NoReturn

import msgspec

from router.config import RouterConfig
from router.core.events import ACCOUNT, Outcome, ParentOrder
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.outside.book import OutsideBook
from router.outside.shell import OutsideShell
from router.schedule import AnySchedule
from router.schedule.base import ParentFacts, Schedule, SlicedConfig
from router.settings.own import OwnConfig, OwnSplitConfig
from router.task import RouterShell
from sim.audit.records import Record
from sim.faults.base import Leg
from sim.faults.plan import Faults
from sim.kernel.clock import Clock
from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event
from sim.kernel.source import Source, make_moving_source, make_source
from sim.kernel.streams import Keyed, Streams
from sim.participation import Participants
from sim.protocol.enums import Priority, Side
from sim.protocol.session import ToVenue
from sim.protocol.units import TimeNs, Units
from sim.scenario.load import LoadedScenario
from sim.scenario.model import ParentConfig, Scenario, VenueEntry
from sim.site import Site
from sim.topology import Deliver, Send, Tape, Watcher, fan_out, feed_link, touch_of
from venues.core.api import VenueCore
from venues.door import Door
from venues.gateway import Gateway, InTurn
from venues.line import Line
from venues.task import ARRIVAL_LEVELS_MAX, VenuePorts, opening_status, run_venue

Tap = Callable[[int, VenueEntry, VenueCore], VenueCore]


class Wiring:
    """Makes the parts of one run and connects them.

    Args:
        loaded: The scenario.
        streams: All chance of the run.
        loop: Where tasks will run.
        clock: Time and scheduling.
        emit: Takes each audit record.
        on_error: Called with a venue's id and what its recorded data or background flow raised.
        faults: What goes wrong on the router's legs.
        tap: Puts something around each venue's core, given its number and entry.
        alone: The market is alone: the router hears and is told nothing, and must not be run.
        outside: A router that is not ours, in place of the scenario's.
        crashes: The records of the run, as they come, for a router that may crash; None: it does
            not.

    Attributes:
        shell: The router, or who stands in its place; it knows the opening books.
        sites: The venues.
        participants: Others who react, and know the opening books of the venues that they hear.
        sources: Recorded data and background flow, not started.
        orders: The client orders, not started.
        parents: How many client orders will come.
        listen_on: Whether venues may change fills after the last of them has ended.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        streams: Streams,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Clock,
        emit: Callable[[Record], None],
        on_error: Callable[[str, Exception], None],
        faults: Faults | None = None,
        tap: Tap | None = None,
        alone: bool = False,
        outside: OutsideShell | None = None,
        crashes: Sequence[Record] | None = None,
    ) -> None:
        scenario: Scenario = loaded.scenario
        self._loaded = loaded
        self._streams = streams
        self._market_data = scenario.audit.market_data
        self._clock = clock
        self._emit = emit
        self._faults = faults
        self._inbox: Inbox[Event] = Inbox(loop, "router")
        self._units = units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
        guarded = frozenset() if faults is None else faults.stopped
        if crashes is not None:
            guarded = frozenset([venue.id for venue in scenario.venues])
        self.sites = [self._make_site(venue, loop, guarded) for venue in scenario.venues]
        self._is_routed = not alone
        if tap is not None:
            for n, venue in enumerate(self.sites):
                venue.core = tap(n, venue.config, venue.core)
        self._to_router: Deliver = self._inbox.deliver if outside is None else outside.deliver
        self.shell = self._make_shell(loaded, outside, crashes)
        self.participants = Participants(loaded, streams, loop, self.sites, clock=clock, emit=emit)
        router = self._to_router if self._is_routed else None
        self._hearing = _Hearing(
            self.sites, loaded, streams, router, through=self._through, clock=clock, emit=emit
        )
        self._hearing.open(self.shell.core, self.participants)
        for site in self.sites:
            site.ports = self._ports(site)
        self.sources = self._market(scenario.duration, on_error)
        found = _client_orders(scenario, units, streams.keyed("router", "schedule"))
        self.parents = len(found)
        self.listen_on = any(venue.busts is not None for venue in scenario.venues)
        # A source holds one event at a time: thousands of orders that lie in the heap from the
        # start would slow every message down.
        self.orders = make_source(clock, iter(found), self._to_router, Priority.TIMER)

    def _market(self, end_ns: int, on_error: Callable[[str, Exception], None]) -> list[Source]:
        """Recorded data and background flow of all venues."""
        clock = self._clock
        return [
            make_source(
                clock, messages, deliver, Priority.FLOW, on_error=partial(on_error, venue.id)
            )
            for venue in self.sites
            for messages, deliver in venue.messages(end_ns)
        ] + [
            make_moving_source(
                clock,
                first_ns,
                moves,
                venue.inbox.deliver,
                Priority.FLOW,
                end_ns=end_ns,
                on_error=partial(on_error, venue.id),
            )
            for venue in self.sites
            for first_ns, moves in venue.moves
        ]

    def _make_site(
        self, venue: VenueEntry, loop: asyncio.AbstractEventLoop, guarded: frozenset[str]
    ) -> Site:
        """A venue; one that faults are about has a door and a line."""
        is_guarded = venue.id in guarded
        inbox = self._make_inbox(loop, venue.id, guarded)
        site = Site(
            venue,
            self._units,
            self._loaded,
            self._streams,
            inbox,
            self._clock,
            guarded=is_guarded,
        )
        site.line = Line(self._clock) if is_guarded else None
        return site

    @property
    def router(self) -> RouterShell:
        """Our own router."""
        assert isinstance(self.shell, RouterShell)  # who puts another in its place asks that one
        return self.shell

    def cores(self) -> dict[str, VenueCore]:
        """The venues' cores as they are at present, by id."""
        return {venue.id: venue.core for venue in self.sites}

    def services(self) -> Iterator[tuple[str, Coroutine[Any, Any, NoReturn]]]:
        """Per venue its id and the coroutine that serves it, to be run as a task."""
        for site in self.sites:
            yield site.id, self.serve(site)

    def serve(self, site: Site) -> Coroutine[Any, Any, NoReturn]:
        """The coroutine that serves a venue."""
        return run_venue(
            site.id,
            site.core,
            site.inbox,
            site.ports,
            fees=site.fees,
            depth=site.config.depth,
            market_data=self._market_data,
            clock=self._clock,
        )

    def _ports(self, site: Site) -> VenuePorts:
        """Where a venue's reports, feed and records go."""
        ours = {} if site.gateway is None else {ACCOUNT: site.gateway.report}
        return VenuePorts(
            reports={**ours, **self.participants.reports(site.id)},
            feed=self._hearing.feed(site, self.participants.feeds(site.id)),
            emit=self._emit,
            client=ACCOUNT,
        )

    def _make_shell(
        self,
        loaded: LoadedScenario,
        outside: OutsideShell | None,
        crashes: Sequence[Record] | None,
    ) -> RouterShell | OutsideShell:
        profiles = _profiles(self.sites, loaded.scenario)
        links = {venue.id: self._order_port(venue) for venue in self.sites}
        if outside is not None:
            outside.wire(profiles, links=links, clock=self._clock, emit=self._emit)
            return outside
        again = None if crashes is None else (lambda now_ns: self.restored(crashes, now_ns))
        return RouterShell(
            self._fresh_core(profiles, loaded),
            self._inbox,
            links=links,
            clock=self._clock,
            emit=self._emit,
            again=again,
        )

    def restored(
        self, records: Sequence[Record], now_ns: int
    ) -> tuple[RouterCore, Sequence[Outcome]]:
        """A fresh core that comes back after a crash, and what it does first.

        Args:
            records: Of the run so far.
            now_ns: Now.
        """
        loaded = self._loaded
        core = self._fresh_core(_profiles(self.sites, loaded.scenario), loaded)
        schedules = self.schedules()
        return core, core.restore(records, schedules.get, now_ns)

    def schedules(self) -> dict[str, Schedule | None]:
        """The schedule of each client order, as none of its slices had come."""
        scenario, draws = self._loaded.scenario, self._streams.keyed("router", "schedule")
        orders = _client_orders(scenario, self._units, draws)
        return {order.parent_id: order.schedule for _, order in orders}

    def _fresh_core(self, profiles: tuple[VenueProfile, ...], loaded: LoadedScenario) -> RouterCore:
        core = self._make_core(profiles, loaded)
        cores = {venue.id: venue.core for venue in self.sites}
        core.tell(lambda venue_id, msg: cores[venue_id].reachable_by(msg, ARRIVAL_LEVELS_MAX))
        return core

    def _make_core(self, profiles: tuple[VenueProfile, ...], loaded: LoadedScenario) -> RouterCore:
        """The router's core; with the user's own code inside where the scenario names it."""
        config: RouterConfig = loaded.scenario.router
        if not isinstance(config.strategy, OwnConfig | OwnSplitConfig):
            return RouterCore(profiles, config, self._units)
        from sim.scenario.plugins import own_core

        return own_core(loaded, profiles, self._units, is_routed=self._is_routed)

    def _make_inbox(
        self, loop: asyncio.AbstractEventLoop, venue_id: str, guarded: frozenset[str]
    ) -> Inbox[Event]:
        return Door(loop, venue_id, self._clock) if venue_id in guarded else Inbox(loop, venue_id)

    def _through(self, site: Site, leg: Leg, deliver: Deliver) -> Deliver:
        """What a leg of the router's delivers to: through the faults that concern it."""
        if self._faults is not None:
            deliver = self._faults.deliver(site.id, leg, deliver)
        return deliver if site.line is None else site.line.through(leg, deliver)

    def _order_port(self, venue: Site) -> Callable[[ToVenue], None]:
        """What sends the router's messages to a venue, whose gateway takes them."""
        bump = venue.config.speed_bump
        reports = make_link(
            self._clock,
            venue.report,
            self._through(venue, "report", self._to_router),
            Priority.REPORT,
            bump.report,
        )
        gateway = Gateway(
            venue.id,
            venue.core,
            send=reports.send,
            deliver=venue.deliver_order,
            in_turn=_in_turn(venue),
            tell=partial(reports.send_in, delay_ns=venue.report.nominal_ns + bump.report),
        )
        if self._is_routed:
            venue.gateway = gateway
            if isinstance(venue.inbox, Door):
                venue.inbox.answer = gateway.answer
        orders = self._through(venue, "order", gateway.deliver)
        return make_link(self._clock, venue.order, orders, Priority.ORDER, bump.order).send


def _in_turn(site: Site) -> InTurn:
    """When a venue answers questions; one that faults may stop, as its inbox lets them in."""
    inbox, in_turn = site.inbox, site.in_turn
    if not isinstance(inbox, Door):
        return in_turn
    return lambda event, _answer: in_turn(event, inbox.deliver)


class _Hearing:
    """Who hears whose market data: the router, venues with a reference, and the tape.

    Subscriptions are older than the run: what they brought is known as it starts. Only where there
    are links or a tape are best prices recorded per observer; elsewhere there is one observer, and
    its quotes are in its decisions.
    """

    def __init__(
        self,
        venues: Sequence[Site],
        loaded: LoadedScenario,
        streams: Streams,
        router: Deliver | None,
        *,
        through: Callable[[Site, Leg, Deliver], Deliver],
        clock: Clock,
        emit: Callable[[Record], None],
    ) -> None:
        scenario: Scenario = loaded.scenario
        self._venues = {venue.id: venue for venue in venues}
        self._through = through
        self._streams = streams
        self._resolve = loaded.resolve
        self._clock = clock
        self._emit = None if scenario.audit.market_data == "none" else emit
        self._lit = frozenset([v.id for v in venues if v.config.visibility == "lit"])
        # Links to participants are the participants' own affair.
        self._links = [link for link in scenario.links if link.to in self._venues]
        self._tape_config = scenario.tape
        self._router_on_tape = scenario.router.market_data == "tape" and router is not None
        self._deliver_to_router = router
        self._watchers: list[tuple[Watcher, frozenset[str]]] = []
        self._tape: Tape | None = None
        self._deliver_to_tape: Deliver | None = None
        self._others: dict[str, list[Send]] = {venue.id: [] for venue in venues}
        if self._links or scenario.tape is not None:
            if router is not None:
                self._deliver_to_router = self._watch("router", router, self._lit)
            self._connect()

    def open(self, router: RouterCore | OutsideBook, participants: Participants) -> None:
        """Let everyone know the opening books, as they stand before anyone has heard of others."""
        books = {name: venue.opening() for name, venue in self._venues.items()}
        for watcher, heard in self._watchers:
            watcher.open([books[name] for name in books if name in heard])
        if self._tape is not None:
            self._tape.open([books[name] for name in books if name in self._lit])
        for venue in self._venues.values():
            others = self._heard_by(venue.id)
            for name in others:
                venue.core.handle(books[name], TimeNs(0))
            if others:
                books[venue.id] = venue.opening()
        for name, book in books.items():
            on_tape = self._router_on_tape and name in self._lit
            router.view.venues[name].on_quote(touch_of(book) if on_tape else book)
        found = [opening_status(venue.id, venue.core) for venue in self._venues.values()]
        states = [status for status in found if status is not None]
        for status in states:
            router.on_status(status, 0)
        participants.open(books, states)

    def feed(self, venue: Site, participants: Sequence[Send]) -> Send | None:
        """What takes the market data that ``venue`` publishes."""
        everything = list(participants)
        bump_ns = venue.config.speed_bump.feed
        to_router = self._deliver_to_router
        if to_router is not None and not (self._router_on_tape and venue.id in self._lit):
            deliver = self._through(venue, "feed", to_router)
            everything.append(feed_link(self._clock, venue.feed, deliver, bump_ns))
        to_tape, config = self._deliver_to_tape, self._tape_config
        if to_tape is not None and config is not None and venue.id in self._lit:
            on_tape = self._router_on_tape and to_router is not None
            deliver = self._through(venue, "feed", to_tape) if on_tape else to_tape
            everything.append(
                self._link(config.inbound, deliver, bump_ns, "tape", "inbound", venue.id)
            )
        return fan_out(everything, self._others[venue.id])

    def _connect(self) -> None:
        """Links first, then the tape with who hears it."""
        hearers = {link.to for link in self._links}
        into = {
            name: self._watch(f"venue:{name}", venue.inbox.deliver, frozenset(self._heard_by(name)))
            for name, venue in self._venues.items()
            if name in hearers or (self._tape_config and name in self._tape_config.to)
        }
        for link in self._links:
            bump_ns = self._venues[link.from_].config.speed_bump.feed
            send = self._link(link.latency, into[link.to], bump_ns, "link", link.from_, link.to)
            self._others[link.from_].append(send)
        config = self._tape_config
        if config is None:
            return
        prices = [
            self._link(config.outbound, into[name], 0, "tape", "outbound", "venue", name)
            for name in config.to
        ]
        states: list[Send] = []
        to_router = self._deliver_to_router
        if self._router_on_tape and to_router is not None:
            states = [self._link(config.outbound, to_router, 0, "tape", "outbound", "router")]
        self._tape = Tape(prices + states, states)
        self._deliver_to_tape = self._watch("tape", self._tape.deliver, self._lit)

    def _heard_by(self, name: str) -> tuple[str, ...]:
        """The lit venues whose quotes reach this venue."""
        if self._tape_config is not None and name in self._tape_config.to:
            return tuple([lit for lit in self._venues if lit in self._lit and lit != name])
        return tuple([link.from_ for link in self._links if link.to == name])

    def _watch(self, observer: str, deliver: Deliver, heard: frozenset[str]) -> Deliver:
        watcher = Watcher(observer, heard, deliver, clock=self._clock, emit=self._emit)
        self._watchers.append((watcher, heard))
        return watcher.deliver

    def _link(self, model: Any, deliver: Deliver, bump_ns: int, *stream: str) -> Send:
        sampler: LatencySampler = model.sampler(self._streams.get(*stream), self._resolve)
        return feed_link(self._clock, sampler, deliver, bump_ns)


def _client_orders(scenario: Scenario, units: Units, draws: Keyed) -> list[tuple[int, ParentOrder]]:
    """All of them with the time of their arrival, ns, in its order."""
    usual = scenario.router.schedule
    every = [one for entry in scenario.parents for one in entry.each()]
    return sorted([_parent(one, usual, units, draws) for one in every], key=itemgetter(0))


def _parent(
    parent: ParentConfig, usual: AnySchedule | None, units: Units, draws: Keyed
) -> tuple[int, ParentOrder]:
    """The time of its arrival, ns, and a client order, with its own or the usual schedule."""
    limit = None if parent.limit is None else units.price_to_ticks(parent.limit)
    qty = units.qty_to_lots(parent.qty)
    config, schedule = parent.schedule or usual, None
    if config is not None:
        most = config.max_slice if isinstance(config, SlicedConfig) else None
        facts = ParentFacts(
            parent.id,
            qty,
            parent.deadline,
            None if most is None else units.qty_to_lots(most),
            float(parent.qty),
        )
        schedule = config.build(facts, draws)
    order = ParentOrder(parent.id, Side(parent.side), qty, limit, parent.deadline, schedule)
    return parent.at, order


def _profiles(venues: Sequence[Site], scenario: Scenario) -> tuple[VenueProfile, ...]:
    """What the router is told about each venue, with what it shall ask for there."""
    profiles = tuple([venue.profile for venue in venues])
    rule = scenario.router.sending.min_qty
    if rule is None:
        return profiles
    units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
    found = []
    for profile in profiles:
        qty = rule.of(profile.venue_id, profile.visibility)
        lots = 0 if qty is None else units.qty_to_lots(qty)
        found.append(msgspec.structs.replace(profile, min_qty=lots))
    return tuple(found)
