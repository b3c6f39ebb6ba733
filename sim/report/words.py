"""What each audit record says, in one line of plain words, for timelines and comparisons.

Prices and quantities are decimals, durations have units a person would use. Text that comes from
the log is escaped, since a log may be anybody's. Knows no file and no terminal.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from sim.audit.read import printable
from sim.audit.records import (
    BookAtArrival,
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildDropped,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    ControlBreach,
    Correction,
    DealerAnswer,
    Decision,
    Depth,
    Fault,
    Fill,
    InvariantBroken,
    NbboChange,
    Overfill,
    ParentDone,
    ParentReceived,
    ParticipantEvent,
    PluginFailed,
    QueuePosition,
    Quote,
    Record,
    ReplaceSent,
    ReportIgnored,
    RequestPending,
    RouteHold,
    RouterRestarted,
    RunFinished,
    RunStarted,
    ScheduleStep,
    SessionEvent,
    StatusReported,
    StatusRequested,
    TradePrint,
    VenueEvent,
    WrittenOff,
)
from sim.protocol.enums import Control
from sim.protocol.errors import AuditFormatError
from sim.protocol.market_data import Levels
from sim.protocol.units import Units, parse_decimal, plain

LEVELS_MAX: Final = 5
"""Levels of a book that a sentence lists."""

_DURATIONS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


class _Instrument(msgspec.Struct):
    symbol: str
    tick_size: str | int
    lot_size: str | int


class _Venue(msgspec.Struct):
    id: str


class _Scenario(msgspec.Struct):
    """What reading a log needs of the scenario in it."""

    name: str
    instrument: _Instrument
    venues: list[_Venue]


def units_of(started: RunStarted | None) -> Units:
    """Tick and lot that the numbers of a log are in.

    Raises:
        AuditFormatError: If its first record is missing, or holds no scenario to read names, venues
            and units from.
    """
    try:
        if started is None:
            raise ValueError("it must be run_started")
        instrument = msgspec.convert(started.scenario, _Scenario).instrument
        return Units(
            parse_decimal(str(instrument.tick_size)), parse_decimal(str(instrument.lot_size))
        )
    except ValueError as error:  # of msgspec and of units alike
        message = f"record 0 (line 1): {printable(str(error))}"
        raise AuditFormatError(message) from None


def duration(ns: int) -> str:
    """Three significant digits and a unit; a part of a longer one is not worth reading."""
    sign, size = ("-", -ns) if ns < 0 else ("", ns)
    for one, unit in _DURATIONS:
        value = Decimal(f"{Decimal(size) / one:.3g}")  # rounded before the unit is chosen
        if value >= 1:
            return f"{sign}{value.normalize():f} {unit}"
    return "0 s"


def instant(ns: int) -> str:
    """A time of the run, to the microsecond: ``26.0765 s``, ``45 ms``, ``0 s``."""
    us = Decimal(round(Decimal(ns) / 1_000))
    if abs(us) >= 1_000_000 or not us:
        return f"{plain(us / 1_000_000)} s"
    return f"{plain(us / 1_000)} ms"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 lot``, ``2 lots``, ``no lots``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number or 'no':,} {plural or noun + 's'}" if number else f"no {plural or noun + 's'}"


def listed(parts: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(parts)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def words(value: str) -> str:
    """A name of the log's vocabulary as words."""
    return printable(value).replace("_", " ")


class Words:
    """Says the records of one log, whose numbers are in ``units``."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._say: dict[type[Record], Callable[[Any], str]] = {
            RunStarted: lambda r: f"run started, seed {r.seed}",
            ParentReceived: self._parent,
            ScheduleStep: self._step,
            Decision: self._decision,
            ChildSent: self._sent,
            ChildDropped: self._dropped,
            BookAtArrival: self._arrival,
            QueuePosition: self._place,
            ChildAcked: lambda r: f"{printable(r.cl_ord_id)} acknowledged",
            ChildRejected: lambda r: f"{printable(r.cl_ord_id)} rejected: {words(r.reason.value)}",
            Fill: self._fill,
            CancelSent: self._cancel,
            ChildCanceled: self._canceled,
            CancelRejected: self._cancel_rejected,
            RequestPending: lambda r: f"request for {printable(r.orig_cl_ord_id)} is pending",
            ReplaceSent: self._replace,
            ChildReplaced: self._replaced,
            Overfill: self._overfill,
            Bust: self._bust,
            Correction: self._correction,
            RouteHold: self._hold,
            ControlBreach: self._breach,
            WrittenOff: self._written_off,
            SessionEvent: self._session,
            StatusRequested: lambda r: f"asked what became of {printable(r.cl_ord_id)}",
            StatusReported: self._status,
            RouterRestarted: self._restarted,
            Fault: self._fault,
            Quote: self._quote,
            Depth: self._depth,
            TradePrint: self._trade,
            DealerAnswer: self._dealer,
            NbboChange: self._nbbo,
            VenueEvent: self._venue_event,
            ParticipantEvent: self._participant,
            PluginFailed: self._plugin_failed,
            InvariantBroken: self._invariant_broken,
            ReportIgnored: self._ignored,
            ParentDone: self._done,
            RunFinished: lambda r: f"run finished: {r.outcome.value}",
        }

    @property
    def kinds(self) -> frozenset[type[Record]]:
        """The record types that it has words for."""
        return frozenset(self._say)

    def say(self, record: Record) -> str:
        """What a record says, in a line without its time."""
        return self._say[type(record)](record)

    def px(self, ticks: int | None) -> str:
        """A price, ``none`` without one."""
        return "none" if ticks is None else f"{Decimal(self._units.price_text(ticks)):,f}"

    def qty(self, lots: int) -> str:
        """A quantity."""
        return f"{Decimal(plain(self._units.lot_size * lots)):,f}"

    def money(self, value: Decimal) -> str:
        """Money as it is."""
        return f"{Decimal(plain(value)):,f}"

    def average(self, tick_lots: int, lots: int) -> str:
        """An average price with as many digits as it needs, 8 at most."""
        text = self._units.avg_px_text(tick_lots, lots)
        if text is None:
            return "none"
        digits = len(self._units.price_text(0).partition(".")[2])
        whole, _, part = plain(Decimal(text)).partition(".")
        part = part.ljust(digits, "0")
        return f"{int(whole):,}.{part}" if part else f"{int(whole):,}"

    def levels(self, levels: Levels, more_of: str = "more level") -> str:
        """The first levels of a side: ``40,000 at 100.02, 30,000 at 100.03``."""
        if not levels:
            return "nothing"
        shown = ", ".join(f"{self.qty(qty)} at {self.px(px)}" for px, qty in levels[:LEVELS_MAX])
        more = len(levels) - LEVELS_MAX
        return f"{shown} and {count(more, more_of)}" if more > 0 else shown

    def _parent(self, record: ParentReceived) -> str:
        limit = "" if record.limit_px is None else f", limit {self.px(record.limit_px)}"
        until = "" if record.deadline_ns is None else f", until {instant(record.deadline_ns)}"
        what = f"{words(record.side.value)} {self.qty(record.order_qty)}"
        return f"parent {printable(record.parent_id)} received: {what}{limit}{until}"

    def _step(self, record: ScheduleStep) -> str:
        what = f"schedule {words(record.schedule)} of {printable(record.parent_id)}"
        return f"{what}, {self.slice(record)}"

    def slice(self, record: ScheduleStep) -> str:
        """Which step of a schedule it is, and what it released, planned, and found filled."""
        late = record.t_ns - record.due_ns
        when = f", {duration(late)} later than planned" if late else ""
        which = f"slice {record.slice} of {record.slices}"
        if record.at_end is not None:
            which = f"end of the horizon ({words(record.at_end)})"
        return (
            f"{which}: {self.qty(record.released_qty)} released where "
            f"{self.qty(record.planned_qty)} were planned, {self.qty(record.filled_qty)} "
            f"filled{when}"
        )

    def _decision(self, record: Decision) -> str:
        split: dict[str, int] = {}
        for part in record.split:
            split[part.venue_id] = split.get(part.venue_id, 0) + part.qty
        sends = ", ".join(f"{printable(venue)} {self.qty(qty)}" for venue, qty in split.items())
        why = f"{printable(record.parent_id)}, {words(record.reason.value)}"
        return f"decision D{record.decision_id} ({why}): {sends or 'nothing to send, wait'}"

    def _sent(self, record: ChildSent) -> str:
        what = f"{words(record.side.value)} {self.qty(record.order_qty)} at {self.px(record.price)}"
        least = f", at least {self.qty(record.min_qty)} at once" if record.min_qty else ""
        return f"{printable(record.cl_ord_id)} sent: {what}, {record.time_in_force.value}{least}"

    def _dropped(self, record: ChildDropped) -> str:
        what = f"{printable(record.cl_ord_id)} of {self.qty(record.order_qty)}"
        return f"{what} dropped before it left: {words(record.reason)}"

    def _arrival(self, record: BookAtArrival) -> str:
        return (
            f"{printable(record.cl_ord_id)} arrived at {printable(record.venue_id)}; "
            f"within reach: {self.levels(record.levels)}"
        )

    def _place(self, record: QueuePosition) -> str:
        return f"{printable(record.cl_ord_id)} {self.place(record)}"

    def place(self, record: QueuePosition) -> str:
        """What a record says of a place in the line, without the name of the order."""
        ahead = f"{self.qty(record.ahead_qty)} ahead" if record.ahead_qty else "at the front"
        line = f"the line at {self.px(record.price)}"
        if record.reason == "joined":
            return f"joined {line}, {ahead}"
        if record.reason == "filled":
            rest = f", {self.qty(record.leaves_qty)} left" if record.leaves_qty else ""
            return f"was hit in {line}{rest}"
        return f"moved forward in {line}, lots ahead {words(record.reason)}: {ahead}"

    def _fill(self, record: Fill) -> str:
        rest = f", {self.qty(record.leaves_qty)} left" if record.leaves_qty else ""
        what = f"{self.qty(record.last_qty)} at {self.px(record.last_px)}"
        return f"{printable(record.cl_ord_id)} filled {what}{rest}"

    def _cancel(self, record: CancelSent) -> str:
        return f"cancel of {printable(record.orig_cl_ord_id)} sent: {words(record.reason)}"

    def _canceled(self, record: ChildCanceled) -> str:
        return f"{printable(record.cl_ord_id)} canceled: {self.qty(record.canceled_qty)} unfilled"

    def _cancel_rejected(self, record: CancelRejected) -> str:
        why = words(record.reason.value)
        return f"cancel of {printable(record.orig_cl_ord_id)} rejected: {why}"

    def _replace(self, record: ReplaceSent) -> str:
        what = f"{self.qty(record.order_qty)} at {self.px(record.price)}"
        return f"{printable(record.orig_cl_ord_id)} to become {what}: {words(record.reason)}"

    def _replaced(self, record: ChildReplaced) -> str:
        what = f"{self.qty(record.order_qty)} at {self.px(record.price)}"
        return f"{printable(record.orig_cl_ord_id)} replaced: now {what}"

    def _overfill(self, record: Overfill) -> str:
        what = f"{self.qty(record.last_qty)} at {self.px(record.last_px)}"
        excess = f"{self.qty(record.excess_qty)} nobody ordered ({words(record.reason)})"
        return f"{printable(record.cl_ord_id)} overfilled: of {what} {excess}"

    def _bust(self, record: Bust) -> str:
        what = f"{self.qty(record.was_qty)} at {self.px(record.was_px)}"
        return f"{printable(record.cl_ord_id)} busted: {what} taken back{self._reopened(record)}"

    def _correction(self, record: Correction) -> str:
        was = f"{self.qty(record.was_qty)} at {self.px(record.was_px)}"
        now = f"{self.qty(record.last_qty)} at {self.px(record.last_px)}"
        corrected = f"{printable(record.cl_ord_id)} corrected: {was} is {now} now"
        return corrected + self._reopened(record)

    def _reopened(self, record: Bust | Correction) -> str:
        lots = record.reopened_qty
        return f", {self.qty(lots)} open again" if lots else ""

    def _hold(self, record: RouteHold) -> str:
        venue = printable(record.venue_id)
        if record.reason == "answered":
            return f"{venue} answers and is used again"
        until = "" if record.until_ns is None else f" until {instant(record.until_ns)}"
        return f"nothing is sent to {venue}{until}: {words(record.reason)}"

    def _breach(self, record: ControlBreach) -> str:
        order = record.order
        who = "" if record.parent_id is None else printable(record.parent_id)
        what = f"{words(record.control.value)}"
        if order is not None:
            kind = "replace of " if order.replaces else ""
            who = f"{kind}{printable(order.cl_ord_id)} to {printable(order.venue_id)}"
        says = self._found(record.control, record.found, record.limit)
        until = "" if record.until_ns is None else f" until {instant(record.until_ns)}"
        smaller = "" if record.allowed_qty is None else f", {self.qty(record.allowed_qty)} leave"
        kept = f"{who} kept back{until}: " if order is not None else ""
        held = f"{who} held{until}: " if who and order is None else ""
        return f"{kept or held}{what} ({says}){smaller}"

    def _found(self, control: Control, found: int, limit: int) -> str:
        match control:
            case Control.PRICE_COLLAR:
                return f"{self.px(found)}, at the worst {self.px(limit)}"
            case Control.NO_REFERENCE:
                return f"{self.px(found)}, and no price to go by"
            case Control.MAX_ORDER_VALUE:
                return f"{self.worth(found)}, at most {self.worth(limit)}"
            case Control.MESSAGES:
                return f"number {found}, at most {limit}"
            case Control.EXECUTIONS:
                return f"{found} fills"
            case Control.KILL_SWITCH:
                return "all trading ends"
            case _:
                return f"{self.qty(found)}, at most {self.qty(limit)}"

    def worth(self, tick_lots: int) -> str:
        """Money of a sum of ticks times lots."""
        return self.money(self._units.notional(tick_lots))

    def _session(self, record: SessionEvent) -> str:
        tail = f": {printable(record.detail)}" if record.detail else ""
        number = f", report {record.expected_seq}" if record.expected_seq else ""
        return f"session with {printable(record.venue_id)} {words(record.event)}{number}{tail}"

    def _status(self, record: StatusReported) -> str:
        known = f"{self.qty(record.cum_qty)} filled, {self.qty(record.leaves_qty)} open"
        return f"{printable(record.cl_ord_id)} is {words(record.ord_status.value)}: {known}"

    def _restarted(self, record: RouterRestarted) -> str:
        unknown = count(record.children, "child", "children")
        return f"router restarted from its records, {unknown} to ask about"

    def _fault(self, record: Fault) -> str:
        where = f" at {printable(record.venue_id)}" if record.venue_id else ""
        tail = f": {printable(record.detail)}" if record.detail else ""
        about = f" {printable(record.cl_ord_id)}" if record.cl_ord_id else ""
        what = f"{printable(record.fault_id)} ({words(record.fault)})"
        return f"fault {what} {words(record.phase)}{where}{about}{tail}"

    def _written_off(self, record: WrittenOff) -> str:
        lots = self.qty(record.written_off_qty)
        return f"{printable(record.cl_ord_id)} written off: {lots} are not waited for any longer"

    def _quote(self, record: Quote) -> str:
        bid = "no bid" if record.bid_px is None else self._level(record.bid_px, record.bid_qty)
        ask = "no ask" if record.ask_px is None else self._level(record.ask_px, record.ask_qty)
        return f"{printable(record.venue_id)} quotes {bid} / {ask}"

    def _depth(self, record: Depth) -> str:
        bids, asks = self.levels(record.bids), self.levels(record.asks)
        return f"{printable(record.venue_id)} shows bids {bids}; asks {asks}"

    def _trade(self, record: TradePrint) -> str:
        what = self._level(record.price, record.qty)
        return f"{printable(record.venue_id)} prints {what}, aggressor {record.aggressor.value}"

    def _dealer(self, record: DealerAnswer) -> str:
        held = record.t_ns - record.asked_ns
        quote = "no price" if record.quote_px is None else self.px(record.quote_px)
        moved = record.moved_half_ticks or 0
        way = "up" if moved > 0 else "down"
        move = f", its middle {way} {plain(Decimal(abs(moved)) / 2)} ticks" if moved else ""
        return (
            f"{printable(record.venue_id)} {record.outcome} {printable(record.cl_ord_id)}: "
            f"{quote} for {self.qty(record.order_qty)}, held {duration(held)}{move}"
        )

    def _nbbo(self, record: NbboChange) -> str:
        best = f"{self.px(record.bid_px)} / {self.px(record.ask_px)}"
        return f"{printable(record.observer)} now knows the best prices {best}"

    def _venue_event(self, record: VenueEvent) -> str:
        detail = f": {printable(record.detail)}" if record.detail else ""
        return f"{printable(record.venue_id)} {words(record.event)}{detail}"

    def _invariant_broken(self, record: InvariantBroken) -> str:
        rule = f"invariant {printable(record.invariant)}" if record.invariant else "a rule"
        return f"{rule} of sorsim is broken, the run is aborted: {printable(record.detail)}"

    def _plugin_failed(self, record: PluginFailed) -> str:
        where = f" ({printable(record.place)})" if record.place else ""
        what = f": {printable(record.error)}" if record.error else ""
        return f"plug-in {printable(record.plugin)} failed{where}{what}"

    def _participant(self, record: ParticipantEvent) -> str:
        what = [printable(record.participant_id), words(record.event)]
        if record.side is not None:
            what.append(words(record.side.value))
        if record.qty is not None:
            what.append(self.qty(record.qty))
        if record.price is not None:
            what.append(f"at {self.px(record.price)}")
        if record.venue_id is not None:
            what.append(f"({printable(record.venue_id)})")
        detail = f": {printable(record.detail)}" if record.detail else ""
        return " ".join(what) + detail

    def _ignored(self, record: ReportIgnored) -> str:
        what = f"report for {printable(record.cl_ord_id)} from {printable(record.venue_id)}"
        return f"{what} ignored: {words(record.reason)}"

    def _done(self, record: ParentDone) -> str:
        filled = f"{self.qty(record.filled_qty)} filled"
        rest = f", {self.qty(record.canceled_qty)} given up" if record.canceled_qty else ""
        why = words(record.end_reason.value)
        return f"parent {printable(record.parent_id)} done ({why}): {filled}{rest}"

    def _level(self, px: int, qty: int) -> str:
        return f"{self.qty(qty)} at {self.px(px)}"
