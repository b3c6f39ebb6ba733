"""Judges whether who is stopped by a fault stops, and goes on behind it, from the records.

What hangs or is down says nothing and does not trade, and neither does what is halted. Nothing
comes over a line while it is cut. What is canceled as a line is cut, or lost with its venue, fills
no more. A halt that a fault has ordered begins with it and ends with it.

All times here are those of the venues and of the lines, not what the router knew. What happens at
the very instant at which a stop begins or ends may come before it or after it.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sim.audit.order_records import (
    Bust,
    CancelRejected,
    ChildReplaced,
    Correction,
    Overfill,
    RequestPending,
)
from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Fault,
    Fill,
    Record,
    StatusReported,
    TradePrint,
    VenueEvent,
)
from sim.faults.any_leg import AnyLegFault
from sim.faults.base import FaultConfig, MessageFault
from sim.faults.disconnect import Disconnect
from sim.faults.router_crash import RouterCrash
from sim.faults.venue_crash import VenueCrash
from sim.faults.venue_hang import VenueHang
from sim.kernel.latency.fixed import FixedLatency
from sim.scenario.model import Scenario
from sim.study.torture.judge import Judge

_STAMPED: Final[tuple[type[Record], ...]] = (
    Bust,
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    Correction,
    Fill,
    Overfill,
    RequestPending,
    StatusReported,
)
_NEVER: Final = 1 << 63
_BOOKS: Final = frozenset({"lit", "dark"})
"""Kinds whose orders all lie in a book of their own."""
_STATES: Final = {"halted": True, "closed": True, "resumed": False, "opened": False}


class _Stop:
    """Something that stops a venue or a line for a while, by whatever causes."""

    def __init__(self) -> None:
        self.causes: list[str] = []
        self.spans: list[tuple[int, int]] = []  # from and to, in ns; the last one may be open

    def begin(self, cause: str, t_ns: int) -> None:
        if not self.causes:
            self.spans.append((t_ns, _NEVER))
        self.causes.append(cause)

    def end(self, cause: str, t_ns: int) -> None:
        if cause in self.causes:
            self.causes.remove(cause)
            if not self.causes:
                self.spans[-1] = self.spans[-1][0], t_ns

    def at(self, first_ns: int, last_ns: int) -> tuple[int, int] | None:
        """A span that began before ``last_ns`` and did not end by ``first_ns``."""
        for begin, end in self.spans:
            if begin < last_ns and first_ns < end:
                return begin, end
        return None


class Stops(Judge):
    """Watches one run.

    Args:
        scenario: What is run.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        self._stops: dict[tuple[str, str], _Stop] = {}
        self._venues = [venue.id for venue in scenario.venues]
        self._cancels = {
            f"fault{n}" if fault.id is None else fault.id
            for n, fault in enumerate(scenario.faults)
            if isinstance(fault, Disconnect | RouterCrash) and fault.cancel_on_disconnect
        }
        # Where a fault holds back what has come over the line its stamps say when it was let go.
        held = {(f.venue_id, f.on_leg) for f in scenario.faults if isinstance(f, MessageFault)}
        self._late_reports = {venue for venue, leg in held if leg == "report"}
        self._late_orders = {venue for venue, leg in held if leg == "order"}
        idle = {f.venue_id for f in scenario.faults if isinstance(f, VenueCrash | VenueHang)}
        self._late_orders |= idle
        busy = {venue.id for venue in scenario.venues if venue.processing is not None}
        busy |= {venue.id for venue in scenario.venues if venue.kind not in _BOOKS}
        self._at_once = set(self._venues) - idle - busy  # does what is wanted at that instant
        hours = {venue.id for venue in scenario.venues if venue.trading is not None}
        self._simple = set(self._venues) - idle - busy - hours
        self._hears_ns = hears_ns(scenario)
        self._arrived: dict[str, int] = {}
        self._emptied: dict[str, int] = {}  # when all orders of ours were gone from a venue
        self._due: dict[str, tuple[bool, int]] = {}  # by venue, a halt or its end that must follow

    def observers(self) -> Mapping[type[Record], Callable[[Any], None]]:
        """What to call with the records of these types."""
        return {
            **dict.fromkeys(_STAMPED, self._on_report),
            Fill: self._on_fill,
            Fault: self._on_fault,
            VenueEvent: self._on_venue,
            TradePrint: self._on_trade,
            BookAtArrival: self._on_arrival,
            ChildSent: self._on_sent,
        }

    def check(self) -> None:
        """Raise what was found, and what should have followed and has not.

        Raises:
            InvariantError: If there is something.
        """
        for name, (halts, t_ns) in self._due.items():
            what = "is not halted" if halts else "stays halted"
            self._tell(f"I10: {name} {what} as a fault {'begins' if halts else 'ends'}", t_ns)
        super().check()

    def _stop(self, venue_id: str, what: str) -> _Stop:
        key = venue_id, what
        if key not in self._stops:
            self._stops[key] = _Stop()
        return self._stops[key]

    # What begins and ends

    def _on_fault(self, record: Fault) -> None:
        kind, name, t_ns = record.fault, record.venue_id, record.t_ns
        if record.phase == "struck":
            return
        begins = record.phase == "began"
        if kind == "venue_hang":
            self._change(name, "hangs", record)
        elif kind in {"disconnect", "router_crash"}:
            for venue_id in [name] if name else self._venues:
                self._change(venue_id, "is cut off", record)
                if begins and record.fault_id in self._cancels and venue_id in self._at_once:
                    self._emptied[venue_id] = t_ns
        elif kind == "trading_halt" and name in self._simple:
            halts = self._stop(name, "is to be halted")
            self._change(name, "is to be halted", record)
            if len(halts.causes) == begins:  # the first that begins, the last that ends
                self._due[name] = begins, t_ns

    def _change(self, venue_id: str, what: str, record: Fault) -> None:
        stop = self._stop(venue_id, what)
        if record.phase == "began":
            stop.begin(record.fault_id, record.t_ns)
        else:
            stop.end(record.fault_id, record.t_ns)

    def _on_venue(self, record: VenueEvent) -> None:
        name, event, t_ns = record.venue_id, record.event, record.t_ns
        if event == "down":
            self._stop(name, "is down").begin(event, t_ns)
        elif event == "up":
            self._stop(name, "is down").end("down", t_ns)
            if record.detail == "orders lost":
                self._emptied[name] = t_ns
        elif (shut := _STATES.get(event)) is not None:
            halted = self._stop(name, "is halted")
            if not shut:
                halted.causes = halted.causes[:1]
                halted.end("shut", t_ns)
            elif not halted.causes:
                halted.begin("shut", t_ns)
            if name in self._due and self._due[name] == (shut, t_ns):
                del self._due[name]

    # What must not be meanwhile

    def _on_trade(self, record: TradePrint) -> None:
        """I10: who hangs, is down or is halted does not trade."""
        self._look(record.venue_id, ("hangs", "is down", "is halted"), "trades", record.t_ns)

    def _look(self, venue_id: str, whats: tuple[str, ...], does: str, t_ns: int) -> None:
        for what in whats:
            stop = self._stops.get((venue_id, what))
            span = None if stop is None else stop.at(t_ns, t_ns)
            if span is not None:
                self._tell(f"I10: {venue_id} {does}, it {what} since {span[0]} ns,", t_ns)

    def _on_report(self, record: Any) -> None:
        """I10 and I15: who hangs or is down says nothing, and no report comes over a cut line."""
        name, sent_ns = record.venue_id, record.sent_ns
        self._look(name, ("hangs", "is down"), f"reports of {record.cl_ord_id}", sent_ns)
        if name not in self._late_reports:
            came_ns = sent_ns + record.drawn_ns + record.held_ns
            self._cross(name, f"a report of {record.cl_ord_id}", sent_ns, came_ns)

    def _on_arrival(self, record: BookAtArrival) -> None:
        """I15: no order comes over a cut line."""
        self._arrived[record.cl_ord_id] = record.t_ns
        if record.venue_id not in self._late_orders:
            came_ns = record.sent_ns + record.drawn_ns + record.held_ns
            self._cross(record.venue_id, f"order {record.cl_ord_id}", record.sent_ns, came_ns)

    def _cross(self, venue_id: str, what: str, sent_ns: int, came_ns: int) -> None:
        stop = self._stops.get((venue_id, "is cut off"))
        span = None if stop is None else stop.at(sent_ns, came_ns)
        if span is not None:
            self._tell(
                f"I15: {what} crosses the line to {venue_id}, cut since {span[0]} ns,", came_ns
            )

    def _on_fill(self, record: Fill) -> None:
        """I4: what is gone from a venue fills no more."""
        self._on_report(record)
        name, emptied_ns = record.cl_ord_id, self._emptied.get(record.venue_id)
        came_ns = self._arrived.get(name)
        if emptied_ns is None or came_ns is None:
            return
        if came_ns < emptied_ns < record.processed_ns:
            says = f"I4: child {name} fills at {record.venue_id}, which had canceled or lost it at"
            self._tell(f"{says} {emptied_ns} ns,", record.processed_ns)

    def _on_sent(self, record: ChildSent) -> None:
        """I14: nothing leaves for a venue of which the router has heard that it is halted."""
        name, hears_ns = record.venue_id, self._hears_ns.get(record.venue_id)
        if hears_ns is not None and record.t_ns > hears_ns:
            stop = self._stops.get((name, "is halted"))
            heard_ns = record.t_ns - hears_ns
            span = None if stop is None else stop.at(heard_ns, heard_ns)
            if span is not None:
                says = (
                    f"I14: child {record.cl_ord_id} leaves for {name}, halted since {span[0]} ns,"
                )
                self._tell(says, record.t_ns)


def hears_ns(scenario: Scenario) -> dict[str, int]:
    """By venue, how long its market data takes to the router; without those where that varies."""
    if scenario.router.market_data == "tape":
        return {}
    faults = scenario.faults
    if any(isinstance(fault, RouterCrash) for fault in faults):
        return {}
    unsure = {fault.venue_id for fault in faults if _strikes_feed(fault)}
    found = {}
    for venue in scenario.venues:
        feed = venue.latency.feed
        if isinstance(feed, FixedLatency) and venue.id not in unsure:
            found[venue.id] = feed.delay + venue.speed_bump.feed
    return found


def _strikes_feed(fault: FaultConfig) -> bool:
    if isinstance(fault, VenueCrash | Disconnect):
        return True
    if isinstance(fault, AnyLegFault):
        return fault.leg == "feed"
    return isinstance(fault, MessageFault) and fault.on_leg == "feed"
