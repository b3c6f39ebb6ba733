"""The invariants of a run, fed with its audit records as they are written.

``Invariants`` is always on: `observers` gives an audit log what to call with each record. What a
record touches is checked at a constant cost, and a breach raises `InvariantError` before the
message leaves that the record is about. The numbers I1 to I18 are those of the design notes;
``docs/invariants.md`` says which of them is checked where, and when. Orders are the affair of
`sim.audit.order_rules`; here are time, sequence, quotes, the inputs of decisions and the end.

After a breach nothing more is checked, since the ledger no longer says what is true, but no order
leaves any more: its record raises the same error again.

Knows no file and no router or venue; walks over them are `sim.full_walk`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sim.audit.order_ledger import Ledger
from sim.audit.order_rules import OrderRules
from sim.audit.records import (
    RECORD_TYPES,
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
    Correction,
    Decision,
    Depth,
    Fault,
    Fill,
    Overfill,
    ParentDone,
    ParentReceived,
    Quote,
    Record,
    ReplaceSent,
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
    WrittenOff,
)
from sim.protocol.enums import EndReason, Outcome
from sim.protocol.errors import InvariantError
from sim.protocol.units import UnitError, parse_duration

MAY_BE_CROSSED: Final = frozenset({"replayed", "auction"})
"""Kinds of venues whose quotes may be crossed or locked: a recording shows what it shows, and an
auction that indicates shows one price on both sides, at which it would trade now. Pools may be
crossed too, but nobody sees that."""

_ORDERS: Final = (ChildSent, ReplaceSent)
_NOT_TERMINAL: Final = EndReason.RUN_ENDED
_Stamped = (
    Bust
    | CancelRejected
    | ChildAcked
    | ChildCanceled
    | ChildRejected
    | ChildReplaced
    | Correction
    | Fill
    | Overfill
    | RequestPending
    | StatusReported
)
_Checks = tuple[tuple[type[Record], Callable[[Any], None]], ...]


class Invariants:
    """Checks each record of one run as it is written.

    Args:
        on_breach: Called with the first breach, before it is raised: for who must stop the run
            even where somebody on the way keeps the error to itself.

    Attributes:
        t_ns: Time of the last record.
        records: How many there were.
        orders: The ledger of parents and children.
        broken: The first breach; None while all is well.
    """

    def __init__(self, on_breach: Callable[[InvariantError], None] | None = None) -> None:
        self.t_ns = 0
        self.records = 0
        self.orders = OrderRules()
        self.broken: InvariantError | None = None
        self._on_breach = on_breach
        self._calls: dict[type[Record], Callable[[Any], None]] = {}
        self._quoted: dict[str, Quote | Depth] = {}
        self._may_cross: frozenset[str] = frozenset()
        self._struck_feeds: set[str] = set()
        self._order_ns_min: dict[str, int] = {}
        self._report_ns_min: dict[str, int] = {}

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What to call with each record, by type: all of them."""
        found: dict[type[Record], Callable[[Any], None]] = dict.fromkeys(RECORD_TYPES, self._other)
        for kind, call in self._checks():
            found[kind] = self._guarded(call)
        for kind, call in self._report_checks():
            found[kind] = self._reported(call)
        found[Quote], found[TradePrint] = self._on_quote, self._on_trade
        return found

    def take(self, records: Iterable[Record]) -> None:
        """Check records that are there already, in their order.

        Raises:
            InvariantError: At the first that breaks a rule.
        """
        calls = self._calls = self._calls or self.observers()
        for record in records:
            calls[type(record)](record)

    def check(self) -> None:
        """Walk the whole ledger.

        Raises:
            InvariantError: Naming the rule that is broken.
        """
        self.orders.check()

    def breach(self, error: InvariantError) -> InvariantError:
        """Note a breach, wherever it was found; the error to raise, the first there was."""
        if self.broken is None:
            self.broken = error
            if self._on_breach is not None:
                self._on_breach(error)
        return self.broken

    # Every record. What is the same in them stands in each, since a call would cost as much again.

    def _other(self, record: Record) -> None:
        self.records += 1
        if record.t_ns < self.t_ns:
            self._went_back(record)
        self.t_ns = record.t_ns

    def _guarded(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        """``call`` for the records of a kind, with time and count before it, until a breach."""

        def check(record: Record) -> None:
            self.records += 1
            if self.broken is not None:
                if isinstance(record, _ORDERS):
                    raise self.broken
                return
            t_ns = record.t_ns
            if t_ns < self.t_ns:
                self._went_back(record)
            self.t_ns = t_ns
            try:
                call(record)
            except InvariantError as error:
                raise self.breach(error) from None

        return check

    def _reported(self, call: Callable[[Any], None]) -> Callable[[Any], None]:
        """The same for what a venue reported, and I11 of it: it came as its stamps say, not before.

        It may be handled later: a report that counts fills which have not come waits for them.
        """
        least = self._report_ns_min

        def check(record: _Stamped) -> None:
            self.records += 1
            if self.broken is not None:
                return
            t_ns = record.t_ns
            if t_ns < self.t_ns:
                self._went_back(record)
            self.t_ns = t_ns
            drawn_ns, held_ns = record.drawn_ns, record.held_ns
            way_ns = drawn_ns + held_ns
            try:
                if (
                    drawn_ns < 0
                    or held_ns < 0
                    or way_ns < least.get(record.venue_id, 0)
                    or not 0 <= record.sent_ns <= t_ns - way_ns
                ):
                    raise self._too_early(record, 0)
                call(record)
            except InvariantError as error:
                raise self.breach(error) from None

        return check

    def _went_back(self, record: Record) -> None:
        if self.broken is None:
            kind = record.__struct_config__.tag
            raise self.breach(
                InvariantError(f"I11: time goes back from {self.t_ns} to {record.t_ns} ns: {kind}")
            )

    def _checks(self) -> _Checks:
        """Beside quotes, prints and reports, where there is more to check than time."""
        orders = self.orders
        return (
            (RunStarted, self._on_started),
            (ParentReceived, orders.on_parent),
            (RouterRestarted, orders.on_restarted),
            (SessionEvent, orders.on_session),
            (RouteHold, orders.on_hold),
            (ScheduleStep, orders.on_step),
            (Decision, self._on_decision),
            (ChildSent, orders.on_sent),
            (ChildDropped, orders.on_dropped),
            (BookAtArrival, self._on_arrival),
            (CancelSent, orders.on_cancel_sent),
            (ReplaceSent, orders.on_replace_sent),
            (StatusRequested, orders.on_status),
            (WrittenOff, orders.on_written_off),
            (Depth, self._on_depth),
            (Fault, self._on_fault),
            (ParentDone, orders.on_parent_done),
            (RunFinished, self._on_finished),
        )

    def _report_checks(self) -> _Checks:
        """What carries the stamps of a venue's report."""
        orders = self.orders
        return (
            (Bust, orders.on_taken_back),
            (CancelRejected, orders.on_cancel_rejected),
            (ChildAcked, orders.on_acked),
            (ChildCanceled, orders.on_canceled),
            (ChildRejected, orders.on_rejected),
            (ChildReplaced, orders.on_replaced),
            (Correction, orders.on_taken_back),
            (Fill, orders.on_fill),
            (Overfill, orders.on_overfill),
            (RequestPending, orders.on_pending),
            (StatusReported, orders.on_status),
        )

    # The run and its market

    def _on_started(self, record: RunStarted) -> None:
        """Learn from the scenario what its limits are."""
        if self.records != 1:
            raise InvariantError(f"I15: run_started is record {self.records - 1}")
        scenario = record.scenario
        venues, router = scenario.get("venues", ()), scenario.get("router", {})
        self._may_cross = frozenset(
            [venue["id"] for venue in venues if venue["kind"] in MAY_BE_CROSSED]
        )
        for venue in venues:
            self._order_ns_min[venue["id"]] = least_ns(venue, "order")
            self._report_ns_min[venue["id"]] = least_ns(venue, "report")
        self.orders.resends_max = router.get("cancel_resends", 0)
        self.orders.reroutes_busted = bool(router.get("reroute", {}).get("busted"))

    def _on_quote(self, record: Quote) -> None:
        self.records += 1
        t_ns = record.t_ns
        if t_ns < self.t_ns:
            self._went_back(record)
        self.t_ns = t_ns
        bid, ask = record.bid_px, record.ask_px
        bid_qty, ask_qty = record.bid_qty, record.ask_qty
        if bid is not None and ask is not None:
            sound = 0 < bid < ask and bid_qty > 0 and ask_qty > 0
        elif bid is None:
            sound = not bid_qty and (not ask_qty if ask is None else ask > 0 and ask_qty > 0)
        else:
            sound = not ask_qty and bid > 0 and bid_qty > 0
        if not sound:
            self._look_at(record.venue_id, (bid, bid_qty), (ask, ask_qty))
        self._quoted[record.venue_id] = record

    def _on_depth(self, record: Depth) -> None:
        bid = record.bids[0] if record.bids else (None, 0)
        ask = record.asks[0] if record.asks else (None, 0)
        self._look_at(record.venue_id, bid, ask)
        self._quoted[record.venue_id] = record

    def _look_at(
        self, venue_id: str, bid: tuple[int | None, int], ask: tuple[int | None, int]
    ) -> None:
        """I7 and I8 of a quote: lots exactly where there is a price, and not crossed."""
        if self.broken is not None:
            return
        for name, (px, qty) in (("bid", bid), ("ask", ask)):
            if (px is None and qty != 0) or (px is not None and min(px, qty) < 1):
                raise self.breach(InvariantError(f"I7: {venue_id} has a {name} of {qty} at {px}"))
        if bid[0] is None or ask[0] is None or bid[0] < ask[0]:
            return
        if venue_id not in self._may_cross:
            raise self.breach(
                InvariantError(f"I8: {venue_id} has a bid of {bid[0]} and an ask of {ask[0]}")
            )

    def _on_trade(self, record: TradePrint) -> None:
        self.records += 1
        t_ns = record.t_ns
        if t_ns < self.t_ns:
            self._went_back(record)
        self.t_ns = t_ns
        if (record.qty < 1 or record.price < 1) and self.broken is None:
            raise self.breach(
                InvariantError(f"I10: {record.venue_id} prints {record.qty} lots at {record.price}")
            )

    # What a decision rests on, and how messages came

    def _on_decision(self, record: Decision) -> None:
        """I14: the quotes that it names were published before, and no later than it says.

        The stamp of a quote is its venue's. Where a fault has struck the feed it may say anything,
        and the router may be misled by it.
        """
        t_ns, quoted, struck = record.t_ns, self._quoted, self._struck_feeds
        for quote in record.quotes:
            venue_id = quote.venue_id
            published_ns = t_ns - quote.age_ns
            if 0 <= published_ns <= t_ns:
                last = quoted.get(venue_id)
                # No market data in the log, or its book was empty until now; or not seen before:
                # opening books are known from the start, and in real time recorded a little later.
                if (
                    last is None
                    or last.venue_seq > quote.venue_seq
                    or not last.t_ns > published_ns > 0
                ):
                    continue
                what = (
                    f"quote {quote.venue_seq} of {venue_id} as of {published_ns} ns, quote "
                    f"{last.venue_seq} is of {last.t_ns} ns"
                )
            else:
                what = f"a quote of {venue_id} that is {quote.age_ns} ns old"
            if venue_id not in struck:
                raise InvariantError(f"I14: decision {record.decision_id} knows {what}")
        self.orders.on_decision(record)

    def _on_fault(self, record: Fault) -> None:
        if record.leg == "feed":
            self._struck_feeds.add(record.venue_id)

    def _on_arrival(self, record: BookAtArrival) -> None:
        drawn_ns, held_ns = record.drawn_ns, record.held_ns
        queued_ns, processing_ns = record.queued_ns, record.processing_ns
        way_ns, waited_ns = drawn_ns + held_ns, queued_ns + processing_ns
        if (
            drawn_ns < 0
            or held_ns < 0
            or queued_ns < 0
            or processing_ns < 0
            or way_ns < self._order_ns_min.get(record.venue_id, 0)
            or not 0 <= record.sent_ns <= record.t_ns - way_ns - waited_ns
        ):
            raise self._too_early(record, waited_ns)
        self.orders.on_arrival(record)

    def _too_early(self, record: BookAtArrival | _Stamped, waited_ns: int) -> InvariantError:
        kind = record.__struct_config__.tag
        return InvariantError(
            f"I11: {kind} of {record.cl_ord_id} at {record.t_ns} ns was sent at {record.sent_ns}, "
            f"drawn {record.drawn_ns}, held {record.held_ns} and kept {waited_ns} ns"
        )

    # The end

    def _on_finished(self, record: RunFinished) -> None:
        """I15 and I16: the count is right, and the outcome says what became of the parents."""
        if record.records != self.records:
            raise InvariantError(
                f"I15: run_finished counts {record.records} records, there were {self.records}"
            )
        self.check_end(record.outcome)

    def check_end(self, outcome: Outcome) -> None:
        """I16: every parent has come to its end, and the outcome says how.

        Raises:
            InvariantError: Naming a parent that is still open, or that ended otherwise.
        """
        for name, parent in self.orders.parents.items():
            if parent.done is None:
                raise InvariantError(f"I16: the run ends without the end of parent {name}")
            reason = parent.done.end_reason
            if outcome is Outcome.COMPLETE and reason is _NOT_TERMINAL:
                raise InvariantError(f"I16: the run is complete, parent {name} is {reason.value}")


def least_ns(venue: Mapping[str, Any], leg: str) -> int:
    """The smallest delay of a leg of a venue, speed bump included, as a resolved scenario says.

    0 where its law has no smallest delay, or one that only its file knows.
    """
    law = venue.get("latency", {}).get(leg, {})
    texts = [venue.get("speed_bump", {}).get(leg)]
    if law.get("model") == "fixed":
        texts.append(law.get("delay"))
    elif law.get("model") == "shifted_exponential":
        texts.append(law.get("shift"))
    try:
        return sum(parse_duration(text) for text in texts if text)
    except UnitError:
        return 0


def liveness(orders: Ledger, *, stopped_ns: int, within_ns: int, ended_ns: int) -> None:
    """I18: after faults have stopped every parent comes to its end within a stated time.

    The time counts from the latest of three: when faults stopped, when the parent came, and its
    deadline. A parent whose time was not over yet as the run ended says nothing.

    Args:
        orders: The ledger of the run (``Invariants.orders``), or another with its parents.
        stopped_ns: When the last fault was over.
        within_ns: How long a parent may take from then on.
        ended_ns: When the run ended.

    Raises:
        InvariantError: Naming the first parent that took longer.
    """
    for name, parent in orders.parents.items():
        since_ns = max(stopped_ns, parent.received_ns, parent.deadline_ns or 0)
        done = parent.done
        ended = done is not None and done.end_reason is not _NOT_TERMINAL
        took_until_ns = done.t_ns if done is not None and ended else ended_ns
        if took_until_ns > since_ns + within_ns:
            raise InvariantError(
                f"I18: parent {name} had until {since_ns + within_ns} ns, it "
                f"{'ended' if ended else 'was still open'} at {took_until_ns} ns"
            )
