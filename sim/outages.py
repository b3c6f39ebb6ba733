"""What the scenario's faults do to the venues of a run (``sim.faults.host``).

A venue stays as it is made as long as any fault keeps it there. Each message of the router's that
is lost by it is recorded. Others whose messages find nobody are refused at once, as by a line that
nobody listens on.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal

from router.core.events import ACCOUNT
from router.core.restore import NEEDED
from router.task import RouterShell
from sim.audit.log import AuditLog
from sim.audit.records import Fault, Record, VenueEvent
from sim.faults.base import Leg
from sim.faults.host import Orders
from sim.faults.messages import order_of
from sim.faults.plan import Faults
from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.kernel.source import Source, make_source
from sim.kernel.streams import Streams
from sim.protocol.enums import CxlRejReason, Priority, RejectReason
from sim.protocol.errors import InjectedFault
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, VenueReport
from sim.protocol.session import OrderStatusRequest, ResendRequest
from sim.protocol.units import TimeNs, Units
from sim.scenario.model import Scenario
from sim.site import Site
from sim.supervision import Supervisor
from venues.core.operated import Accept, CancelAll, Crash, Forget, Halt, Refuse, Resume
from venues.core.overflow import TurnedAway
from venues.door import Door

_What = Literal["venue_crash", "venue_hang", "disconnect", "trading_halt", "reject_storm"]
_ASKS: Final = (OrderStatusRequest, ResendRequest)


class Outages:
    """Does to venues what faults ask for.

    Args:
        sites: The venues; those that faults are about have a ``Door`` and a ``Line``.
        supervisor: Starts a venue anew.
        router: Our own router; None where another stands in its place.
        clock: Time.
        emit: Takes each audit record.
    """

    def __init__(
        self,
        sites: Sequence[Site],
        *,
        supervisor: Supervisor,
        router: RouterShell | None,
        clock: Clock,
        emit: Callable[[Record], None],
    ) -> None:
        self._sites = {site.id: site for site in sites}
        self._supervisor = supervisor
        self._router = router
        self._router_causes: list[str] = []
        self._clock = clock
        self._emit = emit
        self._causes: dict[tuple[str, _What], list[str]] = {}
        self._sources: list[Source] = []
        self._last: dict[tuple[str, _What], str] = {}
        for site in sites:
            if isinstance(site.inbox, Door):
                site.inbox.lost = partial(self._lost_at_door, site)
            if site.line is not None:
                site.line.lost = partial(self._lost_on_line, site)

    def stop(self) -> None:
        """The run is over: nothing more is sent."""
        for source in self._sources:
            source.stop()

    # Crash and restart

    def crash(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        door = self._door(venue_id)
        if self._begins(venue_id, "venue_crash", fault_id) and not door.is_down:
            door.kill(Crash(InjectedFault(f"as the fault {fault_id} has it")))

    def restart(self, venue_id: str, fault_id: str, orders: Orders) -> None:
        """See ``VenueHost``."""
        site, door = self._sites[venue_id], self._door(venue_id)
        ends = self._ends(venue_id, "venue_crash", fault_id)
        if not ends or not door.is_down or self._supervisor.has_died(site):
            return
        now_ns = TimeNs(self._clock.now_ns)
        if orders == "lost":
            self._tell_others(site, site.core.handle(Forget(), now_ns))
            if site.gateway is not None:
                site.gateway.begin_anew()
        # What waited must not trade as if nothing had been: it is caught up with under a halt.
        site.core.handle(Halt(quiet=True), now_ns)
        door.open_anew()
        self._emit(
            VenueEvent(t_ns=now_ns, venue_id=venue_id, event="up", detail=f"orders {orders}")
        )
        self._supervisor.serve(site)
        if site.gateway is not None and not self._lasts(venue_id, "disconnect"):
            site.gateway.tell(is_up=True)
        door.catch_up()
        if not self._lasts(venue_id, "trading_halt"):
            self._have_done(site, Resume(quiet=True))
        self._clock.schedule(now_ns, Priority.FEED, partial(self._show_empty, site))

    def _show_empty(self, site: Site, event: Event) -> None:
        """Publish a book in which nothing is: one that shows something has been published."""
        if not any(site.core.published(site.config.depth)):
            site.tell_book()

    # Hanging

    def hang(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        if self._begins(venue_id, "venue_hang", fault_id):
            self._door(venue_id).hold()

    def wake(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        if self._ends(venue_id, "venue_hang", fault_id):
            self._door(venue_id).release()

    # The line

    def disconnect(self, venue_id: str, fault_id: str, *, cancels: bool, market_data: bool) -> None:
        """See ``VenueHost``."""
        site = self._sites[venue_id]
        assert site.line is not None  # wired for faults
        first = self._begins(venue_id, "disconnect", fault_id)
        site.line.cut("order", "report")
        if market_data:
            site.line.cut("feed")
        if first and site.gateway is not None:
            site.gateway.tell(is_up=False)
        if cancels:
            self._have_done(site, CancelAll(ACCOUNT))

    def reconnect(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        site = self._sites[venue_id]
        assert site.line is not None
        if not self._ends(venue_id, "disconnect", fault_id):
            return
        site.line.mend()
        if self._door(venue_id).is_down:
            return  # nobody is there to connect to
        if site.gateway is not None:
            site.gateway.tell(is_up=True)
        site.tell_state()
        site.tell_book()  # who connects gets the book as it is

    # The router

    def crash_router(self, fault_id: str, *, cancels: bool) -> None:
        """See ``RouterHost``."""
        assert self._router is not None  # a scenario with another router has no such fault
        self._router_causes.append(fault_id)
        if len(self._router_causes) == 1:
            self._router.crash()
        for venue_id in self._sites:
            self.disconnect(venue_id, fault_id, cancels=cancels, market_data=True)

    def restart_router(self, fault_id: str) -> None:
        """See ``RouterHost``."""
        assert self._router is not None
        self._router_causes.remove(fault_id)
        if not self._router_causes:
            self._router.come_back()
        for venue_id in self._sites:
            self.reconnect(venue_id, fault_id)

    # Trading

    def halt(self, venue_id: str, fault_id: str, *, cancels: bool) -> None:
        """See ``VenueHost``."""
        if self._begins(venue_id, "trading_halt", fault_id):
            on_halt: Literal["keep", "cancel"] = "cancel" if cancels else "keep"
            self._have_done(self._sites[venue_id], Halt(on_halt, f"fault {fault_id}"))

    def resume(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        if self._ends(venue_id, "trading_halt", fault_id):
            self._have_done(self._sites[venue_id], Resume(f"fault {fault_id}"))

    def refuse(
        self,
        venue_id: str,
        fault_id: str,
        reason: RejectReason,
        which: Callable[[str], bool],
    ) -> None:
        """See ``VenueHost``."""
        self._begins(venue_id, "reject_storm", fault_id)
        self._have_done(self._sites[venue_id], Refuse(ACCOUNT, reason, which))

    def accept(self, venue_id: str, fault_id: str) -> None:
        """See ``VenueHost``."""
        if self._ends(venue_id, "reject_storm", fault_id):
            self._have_done(self._sites[venue_id], Accept())

    def flood(self, venue_id: str, fault_id: str, messages: int, over_ns: int) -> None:
        """See ``VenueHost``."""
        start_ns = self._clock.now_ns

        def cancels() -> Iterator[tuple[int, OrderCancelRequest]]:
            for n in range(messages):
                name = f"~{fault_id}.{n}"
                yield start_ns + n * over_ns // messages, OrderCancelRequest(name, name, "~flood")

        deliver = self._sites[venue_id].deliver_order
        source = make_source(self._clock, cancels(), deliver, Priority.FLOW)
        self._sources.append(source)
        source.start()

    # What has begun and not ended

    def _begins(self, venue_id: str, what: _What, fault_id: str) -> bool:
        """Note a cause; whether it is the only one."""
        causes = self._causes.setdefault((venue_id, what), [])
        causes.append(fault_id)
        self._last[venue_id, what] = fault_id
        return len(causes) == 1

    def _ends(self, venue_id: str, what: _What, fault_id: str) -> bool:
        """A cause is gone; whether none is left."""
        causes = self._causes[venue_id, what]
        causes.remove(fault_id)
        return not causes

    def _lasts(self, venue_id: str, what: _What) -> bool:
        return bool(self._causes.get((venue_id, what)))

    # Messages

    def _door(self, venue_id: str) -> Door:
        inbox = self._sites[venue_id].inbox
        assert isinstance(inbox, Door)  # wired for faults
        return inbox

    def _have_done(self, site: Site, msg: Any) -> None:
        """Hand a venue what is to be done to it, in its inbox like any other message."""
        now_ns, deliver = self._clock.now_ns, site.inbox.deliver
        deliver(Event(now_ns, Priority.FAULT, 0, deliver, msg, now_ns))

    def _tell_others(self, site: Site, reports: Sequence[VenueReport]) -> None:
        for report in reports:
            send = site.ports.reports.get(report.account)
            if send is not None and report.account != ACCOUNT:
                send(report)

    def _lost_at_door(self, site: Site, event: Event) -> None:
        """A message found nobody."""
        msg = event.msg.order if type(event.msg) is TurnedAway else event.msg
        if msg.account == ACCOUNT:
            self._record(site, "venue_crash", "order", event)
        elif msg.account in site.ports.reports and not isinstance(msg, _ASKS):
            now_ns, core = TimeNs(self._clock.now_ns), site.core
            if isinstance(msg, NewOrderSingle):
                report = core.refuse_new(msg, RejectReason.EXCHANGE_CLOSED, now_ns)
            else:
                report = core.refuse_change(msg, CxlRejReason.EXCHANGE_CLOSED, now_ns)
            self._tell_others(site, [report])

    def _lost_on_line(self, site: Site, leg: Leg, event: Event) -> None:
        """A message was on its way over a line that was cut; of quotes there are too many."""
        if leg != "feed":
            self._record(site, "disconnect", leg, event)

    def _record(self, site: Site, what: _What, leg: Leg, event: Event) -> None:
        self._emit(
            Fault(
                t_ns=self._clock.now_ns,
                fault_id=self._last.get((site.id, what), ""),
                fault=what,
                phase="struck",
                venue_id=site.id,
                leg=leg,
                cl_ord_id=order_of(event.msg),
                detail="lost",
            )
        )


def faults_of(scenario: Scenario, streams: Streams, clock: Clock, log: AuditLog) -> Faults | None:
    """What goes wrong in a run, not started; None where nothing does."""
    if not scenario.faults:
        return None
    instrument = scenario.instrument
    return Faults(
        scenario.faults,
        streams,
        clock=clock,
        emit=log.emit,
        observe=log.observe,
        units=Units(instrument.tick_size, instrument.lot_size),
        end_ns=scenario.duration,
    )


def kept_for_crashes(faults: Faults | None, log: AuditLog) -> list[Record] | None:
    """The records of the run as they come, if its router may have to come back from them."""
    if faults is None or not faults.stop_the_router:
        return None
    kept: list[Record] = []
    for kind in NEEDED:
        log.observe(kind, kept.append)
    return kept
