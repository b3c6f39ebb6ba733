"""What went wrong in a run, and what became of it: its faults one by one, and venue by venue.

A log tells what a fault did, and what became of every order; it does not tell which of several
faults an order owes its fate to. So what is counted for a fault is what the log says of the orders
that it *touched*: of those a message of which it struck, and of those that were out at its venue
while it lasted. An order that two faults touched counts for both; the rows of the venues count
everything once. Faults that take nothing from an order (``HARMLESS``) leave nothing to ask about.
Quantities are lots, times nanoseconds since the start of the run.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from sim.audit.records import Fault, RouteHold
from sim.protocol.enums import CxlRejReason, OrdStatus
from sim.report.attribution.faults import HARMLESS
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child

QUARANTINE: Final = frozenset({"overfill", "conflict", "reset"})
"""Reasons for which a venue is used no more: it reported what cannot be."""
_BACK: Final = "answered"
_GAP_ENDS: Final = frozenset({"filled", "given_up"})
_ALL_VENUES: Final = "router_crash"
"""The fault that cuts the lines to all of them."""


class FaultRow(NamedTuple):
    """One fault of the scenario, and what became of the orders that it touched."""

    fault_id: str
    kind: str
    venue_id: str | None
    """None: it is about no single venue."""
    leg: str | None
    """Of messages that it strikes; None: it is about a venue or the router."""
    began_ns: int | None
    """When it first did something; None: it did not come."""
    ended_ns: int | None
    """When it last did something or was over; None: it did not come, or lasts as the log ends."""
    struck: int
    """Messages that it struck."""
    orders: int
    """Child orders that it touched."""
    asked: int
    """Of these: how many the router asked their venue about from then on."""
    unknown: int
    """Of these: of how many their venue then said that it knows nothing of them."""
    asked_qty: int
    """Lots open as it first asked; they were settled or written off, or are still open."""
    settled_qty: int
    """Of these lots: those of which it learnt what had become."""
    written_off_qty: int
    """Lots of the orders that it touched that were given up from then on."""
    open_qty: int
    """Lots of the orders that it touched still open as the log ends; of those asked about, at most
    what was open then."""
    holds: int
    """How often a venue was held back for a while at an instant that is one of these orders'."""
    quarantine: bool
    """Whether one was put into quarantine so: it had reported what cannot be."""
    doubted: int
    """Decisions in its time that doubted quotes of its venue, for a fault of the feed."""


class VenueRow(NamedTuple):
    """All that was broken between the router and one venue, whatever it came from."""

    venue_id: str
    down: int
    """How often the session was down."""
    down_ns: int
    """For how long in all, as the router knew it."""
    gaps: int
    """How often reports were missing, however often they were asked for."""
    filled: int
    """How often they came."""
    given_up: int
    """How often they were given up."""
    asked: int
    """Child orders that the router asked about."""
    unknown: int
    """Child orders of which the venue said that it knows nothing of them."""
    asked_qty: int
    """Lots open as it first asked."""
    settled_qty: int
    written_off_qty: int
    open_qty: int
    """As in ``FaultRow``."""
    holds: int
    """How often it was held back for a while."""
    quarantine_ns: int | None
    """When it was put into quarantine; None: it was not."""


class Trouble(NamedTuple):
    """The whole account."""

    faults: list[FaultRow]
    venues: list[VenueRow]
    """Only those between which and the router something broke."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "faults": [one._asdict() for one in self.faults],
            "venues": [one._asdict() for one in self.venues],
        }


def had_trouble(trail: Trail) -> bool:
    """Whether a run has faults, or a session that broke."""
    return bool(trail.faults or trail.sessions or trail.scenario.get("faults"))


def trouble(trail: Trail) -> Trouble:
    """The account of a run: no rows where nothing went wrong."""
    if not had_trouble(trail):
        return Trouble([], [])
    return Trouble(fault_rows(trail), list(_venue_rows(trail)))


def fault_rows(trail: Trail) -> list[FaultRow]:
    """The faults of a run, in the order of the scenario, and then what the log alone knows."""
    found = _gathered(trail)
    if not found:
        return []
    touch = _Touch(trail)
    return [_fault_row(one, touch) for one in found]


# ---------------------------------------------------------------- faults


@dataclass(slots=True)
class _Gathered:
    """What the log tells of one fault."""

    fault_id: str
    kind: str
    venue_id: str
    leg: str = ""
    times: list[int] = field(default_factory=list)
    strikes: list[Fault] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Of a fault of a venue or of the router: when it lasted."""
    begun: Fault | None = None
    """What has begun and not ended."""

    def take(self, record: Fault, end_ns: int) -> None:
        """Take a record of it."""
        self.times.append(record.t_ns)
        if record.phase == "struck":
            self.strikes.append(record)
            if not self.spans and self.begun is None:
                self.leg = record.leg
            return
        self.kind, self.leg = record.fault, record.leg
        if record.phase == "began":
            self.begun = record
            self.spans.append((record.t_ns, end_ns))
        elif self.spans:
            self.begun = None
            self.spans[-1] = (self.spans[-1][0], record.t_ns)


def _gathered(trail: Trail) -> list[_Gathered]:
    """The faults that the scenario has, with what they did; then those that only the log has."""
    listed = trail.scenario.get("faults")
    found: dict[tuple[str, str], _Gathered] = {}
    for n, one in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(one, Mapping):
            name = str(one.get("id") or f"fault{n}")
            venue = one.get("venue")
            found[name, ""] = _Gathered(
                name, str(one.get("kind")), str(venue or ""), str(one.get("leg") or "")
            )
    for record in trail.faults:
        # A message that a venue lost which had died of itself is no fault's.
        key = (record.fault_id, "" if record.fault_id else record.venue_id)
        one = found.get(key)
        if one is None:
            one = _Gathered(record.fault_id, record.fault, record.venue_id)
            found[key] = one
        one.take(record, trail.end_ns)
    return list(found.values())


def _fault_row(one: _Gathered, touch: "_Touch") -> FaultRow:
    touched = touch.by(one)
    sums = _Sums.of([] if one.kind in HARMLESS else touched)
    holds = touch.holds(touched)
    first = min(one.times, default=None)
    last = None if one.begun is not None else max(one.times, default=None)
    return FaultRow(
        fault_id=one.fault_id,
        kind=one.kind,
        venue_id=one.venue_id or None,
        leg=one.leg or None,
        began_ns=first,
        ended_ns=last,
        struck=len(one.strikes),
        orders=len(touched),
        asked=sums.asked,
        unknown=sums.unknown,
        asked_qty=sums.asked_qty,
        settled_qty=sums.settled_qty,
        written_off_qty=sums.written_off_qty,
        open_qty=sums.open_qty,
        holds=sum(hold.reason not in QUARANTINE for hold in holds),
        quarantine=any(hold.reason in QUARANTINE for hold in holds),
        doubted=touch.doubted(one.venue_id, first, last) if one.leg == "feed" else 0,
    )


_Touched = list[tuple[Child, int]]
"""Orders, and since when a fault had touched each."""


class _Touch:
    """Which orders a fault touched, and which venues were held back for them."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._names = dict(trail.children)
        for child in trail.children.values():
            for request in child.requests:
                self._names[request.cl_ord_id] = child
        self._ignored: dict[str, list[int]] = {}
        for one in trail.ignored:
            named = self._names.get(one.cl_ord_id)
            if named is not None:
                self._ignored.setdefault(named.cl_ord_id, []).append(one.t_ns)
        self._holds: dict[tuple[str, int], list[RouteHold]] = {}
        for hold in _held_back(trail):
            self._holds.setdefault((hold.venue_id, hold.t_ns), []).append(hold)

    def by(self, fault: _Gathered) -> _Touched:
        """What a fault touched, in the order in which it left."""
        since: dict[str, int] = {}
        for record in fault.strikes:
            child = self._names.get(record.cl_ord_id)
            if child is not None:
                since.setdefault(child.cl_ord_id, record.t_ns)
        if fault.spans and not fault.leg:
            every_venue = fault.kind == _ALL_VENUES
            for child in self._trail.children.values():
                if every_venue or child.venue_id == fault.venue_id:
                    out_ns = _out_in(child, fault.spans)
                    if out_ns is not None:
                        before_ns = since.get(child.cl_ord_id, out_ns)
                        since[child.cl_ord_id] = min(before_ns, out_ns)
        children = self._trail.children
        return [(children[name], since[name]) for name in children if name in since]

    def holds(self, touched: _Touched) -> list[RouteHold]:
        """How venues were held back at the instants of these orders."""
        keys = {
            (child.venue_id, t_ns): None
            for child, since_ns in touched
            for t_ns in self._instants(child)
            if t_ns >= since_ns
        }
        return [hold for key in keys for hold in self._holds.get(key, ())]

    def _instants(self, child: Child) -> Iterator[int]:
        """When something was asked or told of an order, besides its fills and its acceptance."""
        yield from (one.t_ns for one in child.requests)
        yield from (one.t_ns for one in child.refused_requests)
        yield from (one.t_ns for one in child.overfills)
        yield from (one.t_ns for one in child.questions)
        yield from (one.t_ns for one in child.told)
        yield from (one.t_ns for one in child.taken_back)
        for one in (child.rejected, child.canceled, child.written_off):
            if one is not None:
                yield one.t_ns
        yield from self._ignored.get(child.cl_ord_id, ())

    def doubted(self, venue_id: str, first_ns: int | None, last_ns: int | None) -> int:
        """Decisions of a time that doubted a venue's quotes."""
        if first_ns is None:
            return 0
        end_ns = self._trail.end_ns if last_ns is None else last_ns
        return sum(
            first_ns <= one.t_ns <= end_ns and any(d.venue_id == venue_id for d in one.doubts)
            for one in self._trail.decisions.values()
        )


def _out_in(child: Child, spans: list[tuple[int, int]]) -> int | None:
    """When an order and one of these spans of time first meet; None: they do not."""
    ends = [end_ns for _, end_ns in spans]
    place = bisect_left(ends, child.sent.t_ns)
    if place == len(spans):
        return None
    start_ns = spans[place][0]
    if child.ended_ns is not None and child.ended_ns < start_ns:
        return None
    return max(start_ns, child.sent.t_ns)


@dataclass(slots=True)
class _Sums:
    """What became of orders from some time on."""

    asked: int = 0
    unknown: int = 0
    asked_qty: int = 0
    settled_qty: int = 0
    written_off_qty: int = 0
    open_qty: int = 0

    @classmethod
    def of(cls, touched: Iterable[tuple[Child, int]]) -> Self:
        """Of orders, each from a time of its own on."""
        sums = cls()
        for child, since_ns in touched:
            sums._add(child, since_ns)
        return sums

    def _add(self, child: Child, since_ns: int) -> None:
        off = child.written_off
        given_up = off.written_off_qty if off is not None and off.t_ns >= since_ns else 0
        self.written_off_qty += given_up
        self.unknown += any(
            one.t_ns >= since_ns and one.ord_status is OrdStatus.REJECTED for one in child.told
        ) or any(
            one.t_ns >= since_ns and one.reason is CxlRejReason.UNKNOWN_ORDER
            for one in child.refused_requests
        )
        still = 0 if child.ended_ns is not None else child.leaves_qty
        asked = next((one for one in child.questions if one.t_ns >= since_ns), None)
        if asked is None:
            self.open_qty += still
            return
        still = min(asked.leaves_qty, still)
        self.asked += 1
        self.asked_qty += asked.leaves_qty
        self.open_qty += still
        self.settled_qty += max(0, asked.leaves_qty - still - given_up)


# ---------------------------------------------------------------- venues


def _gaps(told: Iterable[str]) -> int:
    """How often reports were missing: each repetition of the question is told as a gap as well."""
    gaps, is_open = 0, False
    for event in told:
        if event == "gap":
            gaps += not is_open
            is_open = True
        elif event in _GAP_ENDS:
            is_open = False
    return gaps


def _held_back(trail: Trail) -> Iterator[RouteHold]:
    return (one for one in trail.holds if one.reason != _BACK)


def _venue_rows(trail: Trail) -> Iterator[VenueRow]:
    names = dict.fromkeys([*trail.venues, *(one.venue_id for one in trail.sessions)])
    for name in names:
        row = _venue_row(name, trail)
        # What is open at a sound venue rests there: that is no trouble.
        if any(row._replace(open_qty=0)[1:-1]) or row.quarantine_ns is not None:
            yield row


def _venue_row(venue_id: str, trail: Trail) -> VenueRow:
    events = [one for one in trail.sessions if one.venue_id == venue_id]
    told = [one.event for one in events]
    down_ns, since_ns = 0, None
    for one in events:
        if one.event == "down" and since_ns is None:
            since_ns = one.t_ns
        elif one.event == "up" and since_ns is not None:
            down_ns, since_ns = down_ns + one.t_ns - since_ns, None
    if since_ns is not None:
        down_ns += trail.end_ns - since_ns
    sums = _Sums.of((one, 0) for one in trail.children.values() if one.venue_id == venue_id)
    holds = [one for one in _held_back(trail) if one.venue_id == venue_id]
    return VenueRow(
        venue_id=venue_id,
        down=told.count("down"),
        down_ns=down_ns,
        gaps=_gaps(told),
        filled=told.count("filled"),
        given_up=told.count("given_up"),
        asked=sums.asked,
        unknown=sums.unknown,
        asked_qty=sums.asked_qty,
        settled_qty=sums.settled_qty,
        written_off_qty=sums.written_off_qty,
        open_qty=sums.open_qty,
        holds=sum(one.reason not in QUARANTINE for one in holds),
        quarantine_ns=next((one.t_ns for one in holds if one.reason in QUARANTINE), None),
    )
