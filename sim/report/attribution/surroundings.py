"""What surrounds a child at its venue: own trades, siblings on the way, halts, fading makers.

An index over a trail, made once, so that each child's question costs little. Prices are *keys*:
price times the child's sign, so that lower is better for buyers and sellers alike. What a scenario
inside a log says is read with care: it may be anybody's, and what it lacks is left out.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from sim.audit.records import ParticipantEvent
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.units import UnitError, parse_decimal, parse_duration
from sim.report.attribution.faults import Faults
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child

SHUT_BY: Final = {"halted": True, "closed": True, "opened": False, "resumed": False}
"""What the events of a venue say of whether it is shut from then on."""
TOOK: Final = frozenset({"ran_ahead", "traded_ahead", "took_stale"})
"""Events of participants that send orders which take, at that instant."""
HOLD_NS: Final = 10**9
"""How long a maker is taken to give way where the log does not say: the default of its kind."""

Lots = tuple[int, int]
"""Key and lots."""


class Take(NamedTuple):
    """Lots that a child of ours took from a book, as its venue did it."""

    t_ns: int
    price: int
    qty: int
    sign: int
    cl_ord_id: str
    seq: int | None
    """Number of the book that the child met as it arrived."""


class Pending(NamedTuple):
    """A child of ours that was on its way to a venue ahead of another one."""

    limit: int
    """Key of its limit."""
    qty: int
    """Lots that it may take."""
    seq: int | None
    """Number of the book that it met; None: it met none."""


class Faded(NamedTuple):
    """That a participant gave way after a fill of ours."""

    t_ns: int
    until_ns: int
    who: str
    venues: frozenset[str]
    """Where it quotes; empty: not known."""
    most: int
    """Lots that it shows on a side of a venue; 0: not known."""


class Surroundings:
    """The index.

    Args:
        trail: The run.
    """

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self._takes: dict[str, tuple[list[int], list[Take]]] = {}
        self._traded: dict[str, list[Child]] = {}
        self._siblings: dict[tuple[str, int], list[Child]] = {}
        self._places: dict[str, int] = {}
        for child in trail.children.values():
            self._note(child)
        self._shut: dict[str, tuple[list[int], list[bool]]] = {}
        self._hear_venues()
        self._entries = _entries(trail.scenario, "venues")
        self._participants = _entries(trail.scenario, "participants")
        self._delays: dict[tuple[str, str, str], int | None] = {}
        self._faded: dict[Side, list[Faded]] = {Side.BUY: [], Side.SELL: []}
        self._hold_ns_max = 0
        self._takers: dict[tuple[str, int, int], str] = {}
        self._hear_participants()
        self._printed: dict[tuple[str, int], dict[int, tuple[list[int], list[int]]]] = {}
        self.faults = Faults(trail.faults)

    # ------------------------------------------------------------ questions

    def takes(self, venue_id: str, sign: int, after_ns: int, until_ns: int) -> list[Take]:
        """What children of ours on a side took at a venue in ``(after_ns, until_ns]``."""
        index = self._takes.get(venue_id)
        if index is None:
            index = self._takes[venue_id] = self._index_takes(venue_id)
        times, found = index
        start, end = bisect_right(times, after_ns), bisect_right(times, until_ns)
        return [one for one in found[start:end] if one.sign == sign]

    def takes_at(self, venue_id: str, sign: int, t_ns: int) -> list[Take]:
        """The same of one instant."""
        return self.takes(venue_id, sign, t_ns - 1, t_ns)

    def pending(self, child: Child, seq: int) -> list[Pending]:
        """Children that left for the same side of the venue before, and are not in book ``seq``."""
        siblings = self._siblings.get((child.venue_id, child.sign), [])
        decided_ns = child.sent.t_ns if child.decision is None else child.decision.t_ns
        found: list[Pending] = []
        for place in range(self._places[child.cl_ord_id] - 1, -1, -1):
            other = siblings[place]
            arrival = other.arrival
            if arrival is not None and arrival.venue_seq < seq:
                break  # orders arrive as they left
            if other.rejected is not None:
                continue
            heard = other.ended_ns is not None and other.ended_ns <= decided_ns
            qty = other.filled_qty if heard else other.sent.order_qty
            if qty:
                met = None if arrival is None else arrival.venue_seq
                found.append(Pending(other.sign * other.sent.price, qty, met))
        found.sort(key=lambda one: one.limit)  # who takes what is best alone comes first
        return found

    def is_shut(self, venue_id: str, t_ns: int) -> bool:
        """Whether a venue did not trade after what happened first at an instant."""
        if venue_id not in self._shut:
            return False
        times, states = self._shut[venue_id]
        row = bisect_right(times, t_ns) - 1
        # A venue whose first event is that it opens was not open before.
        return states[row] if row >= 0 else not states[0]

    def faded(self, venue_id: str, sign: int, since_ns: int, t_ns: int) -> list[Faded]:
        """Who had given way by then, after a fill of ours, on the side that we take from.

        Those whose cancels come to the venue at that very time are first; those whose cancels
        cannot be there yet are not meant.

        Args:
            venue_id: Where lots were withdrawn.
            sign: Our side.
            since_ns: Who quotes again by then is not meant.
            t_ns: When they were withdrawn.
        """
        gave_way = self._faded[Side.SELL if sign > 0 else Side.BUY]
        start = bisect_left(gave_way, since_ns - self._hold_ns_max, key=_t_ns)
        end = bisect_right(gave_way, t_ns, key=_t_ns)
        then: list[Faded] = []
        before: list[Faded] = []
        for one in gave_way[start:end]:
            if one.until_ns >= since_ns and (not one.venues or venue_id in one.venues):
                came_ns = one.t_ns + (self._delay_ns(one.who, venue_id, "order") or 0)
                if came_ns <= t_ns:
                    (then if came_ns == t_ns else before).append(one)
        return then + before

    def taker(self, venue_id: str, sign: int, t_ns: int) -> str:
        """The participant whose orders to take came to a venue just then; empty: none known of."""
        return self._takers.get((venue_id, sign, t_ns), "")

    def printed(self, venue_id: str, sign: int, price: int, until_ns: int) -> int:
        """Lots that were printed at a price by ``until_ns``, taken by who was on this side."""
        by_price = self._printed.get((venue_id, sign))
        if by_price is None:
            by_price = self._printed[venue_id, sign] = self._add_prints(venue_id, sign)
        times, sums = by_price.get(price, ([], []))
        row = bisect_right(times, until_ns) - 1
        return sums[row] if row >= 0 else 0

    def entry(self, venue_id: str) -> Mapping[str, Any]:
        """The venue's entry in the scenario; empty where the log has none."""
        return self._entries.get(venue_id, {})

    def lots(self, value: object) -> int:
        """A quantity of the scenario in lots; 0 where there is none."""
        try:
            return 0 if value is None else self.trail.units.qty_to_lots(_decimal(value))
        except UnitError:
            return 0

    @staticmethod
    def decimal(value: object) -> Decimal | None:
        """A number of the scenario; None where it is none."""
        try:
            return _decimal(value)
        except UnitError:
            return None

    def ticks(self, value: object) -> int | None:
        """A price of the scenario in ticks; None where it is none."""
        try:
            return self.trail.units.price_to_ticks(_decimal(value))
        except UnitError:
            return None

    # ------------------------------------------------------------ the index

    def _note(self, child: Child) -> None:
        sent = child.sent
        if takes(child):
            siblings = self._siblings.setdefault((sent.venue_id, child.sign), [])
            self._places[sent.cl_ord_id] = len(siblings)
            siblings.append(child)
        if child.executions:
            self._traded.setdefault(sent.venue_id, []).append(child)

    def _index_takes(self, venue_id: str) -> tuple[list[int], list[Take]]:
        """All that children of ours took at a venue, in the order of time."""
        found: list[Take] = []
        for child in self._traded.get(venue_id, []):
            met = None if child.arrival is None else child.arrival.venue_seq
            sign, name = child.sign, child.cl_ord_id
            found += [
                Take(one.done_ns, one.px, one.qty, sign, name, met)
                for one in child.executions
                if not one.is_maker
            ]
        found.sort(key=lambda one: one.t_ns)
        return [one.t_ns for one in found], found

    def _hear_venues(self) -> None:
        for event in self.trail.venue_events:
            if event.event in SHUT_BY:
                times, states = self._shut.setdefault(event.venue_id, ([], []))
                times.append(event.t_ns)
                states.append(SHUT_BY[event.event])

    def _hear_participants(self) -> None:
        entries = self._participants
        before: dict[tuple[str, Side], int] = {}
        for event in self.trail.participant_events:
            if event.event in TOOK:
                self._note_taker(event, entries.get(event.participant_id, {}))
            if event.event != "faded" or event.side is None or event.venue_id is None:
                continue
            entry = entries.get(event.participant_id, {})
            key = event.participant_id, event.side
            if self._is_ours(event, entry, before.get(key, -1)):
                self._faded[event.side].append(self._gave_way(event, entry))
            before[key] = event.t_ns

    def _note_taker(self, event: ParticipantEvent, entry: Mapping[str, Any]) -> None:
        """When orders that leave with an event come to their venues, where the way is fixed."""
        listed = _names(entry.get("venues")) if event.venue_id is None else [event.venue_id]
        if event.side is None:
            return
        sign = 1 if event.side is Side.BUY else -1
        for venue_id in listed:
            delay_ns = self._delay_ns(event.participant_id, venue_id, "order")
            if delay_ns is not None:
                self._takers[venue_id, sign, event.t_ns + delay_ns] = event.participant_id

    def _delay_ns(self, who: str, venue_id: str, leg: str) -> int | None:
        """How long a participant's messages to or from a venue take; None where that varies."""
        key = who, venue_id, leg
        if key not in self._delays:
            self._delays[key] = self._find_delay(self._participants.get(who, {}), venue_id, leg)
        return self._delays[key]

    def _find_delay(self, entry: Mapping[str, Any], venue_id: str, leg: str) -> int | None:
        listed = entry.get("venues")
        access = (
            [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        )
        own = [one.get("latency") for one in access if one.get("venue") == venue_id]
        for legs in (*own, entry.get("latency")):
            model = legs.get(leg) if isinstance(legs, dict) else None
            if isinstance(model, dict):
                bump = self.entry(venue_id).get("speed_bump")
                bumped = _duration_ns(bump.get(leg)) if isinstance(bump, dict) else 0
                delay = _duration_ns(model.get("delay"))
                return None if delay is None else delay + (bumped or 0)
        return None

    def _add_prints(self, venue_id: str, sign: int) -> dict[int, tuple[list[int], list[int]]]:
        """By price: when lots were printed, and how many in all by then."""
        found: dict[int, tuple[list[int], list[int]]] = {}
        prints = self.trail.market.prints.get(venue_id)
        for row in range(0 if prints is None else len(prints)):
            assert prints is not None
            if prints.aggressor[row] == sign:
                times, sums = found.setdefault(prints.price[row], ([], []))
                times.append(prints.t_ns[row])
                sums.append(prints.qty[row] + (sums[-1] if sums else 0))
        return found

    def _gave_way(self, event: ParticipantEvent, entry: Mapping[str, Any]) -> Faded:
        levels = entry.get("levels")
        most = self.lots(entry.get("qty")) * (levels if isinstance(levels, int) else 1)
        hold_ns = _duration_ns(entry.get("hold"))
        hold_ns = HOLD_NS if hold_ns is None else hold_ns
        self._hold_ns_max = max(self._hold_ns_max, hold_ns)
        until_ns = event.t_ns + hold_ns
        where = frozenset(_names(entry.get("venues")))
        return Faded(event.t_ns, until_ns, event.participant_id, where, most)

    def _is_ours(self, event: ParticipantEvent, entry: Mapping[str, Any], before_ns: int) -> bool:
        """Whether it was a fill of ours that a participant gave way after.

        It learned of the last print that can have reached it by then. One that learns of its own
        fills says how much was filled; one that reads prints how much had traded, in one print or
        several.
        """
        venue_id = event.venue_id
        assert venue_id is not None
        assert event.side is not None
        sign = 1 if event.side is Side.SELL else -1
        reads = entry.get("learns") == "trades"
        delay_ns = self._delay_ns(event.participant_id, venue_id, "feed" if reads else "report")
        left_ns = event.t_ns - (delay_ns or 0)
        own = self.takes(venue_id, sign, before_ns, left_ns)
        prints = self.trail.market.prints.get(venue_id)
        if not own or prints is None:
            return False
        row = bisect_right(prints.t_ns, left_ns) - 1
        while row >= 0 and prints.t_ns[row] > before_ns:
            if prints.aggressor[row] == sign and (reads or event.qty in {None, prints.qty[row]}):
                here = prints.t_ns[row], prints.price[row]
                return any((one.t_ns, one.price) == here for one in own)
            row -= 1
        return False


def takes(child: Child) -> bool:
    """Whether a child may not rest: it takes what is there, or ends."""
    how = child.sent.time_in_force
    return how is TimeInForce.IOC or how is TimeInForce.FOK


def _decimal(value: object) -> Decimal:
    return parse_decimal(str(value))


def _t_ns(one: Faded) -> int:
    return one.t_ns


def _duration_ns(value: object) -> int | None:
    try:
        return parse_duration(str(value))
    except UnitError:
        return None


def _entries(scenario: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """The entries of a list in the scenario by their ids."""
    listed = scenario.get(key)
    if not isinstance(listed, list):
        return {}
    return {str(one["id"]): one for one in listed if isinstance(one, dict) and "id" in one}


def _names(listed: object) -> list[str]:
    if not isinstance(listed, list):
        return []
    return [str(one["venue"]) for one in listed if isinstance(one, dict) and "venue" in one]
