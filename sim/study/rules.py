"""What a record that differs follows from: one rule per kind of record.

A rule names the record that is the cause, or a root: a delay that was drawn, a fee, a book. None
says that it knows no more.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sim.audit.read import printable
from sim.audit.records import (
    BlindOrder,
    BookAtArrival,
    CancelSent,
    ChildSent,
    Decision,
    Fault,
    KnownQuote,
    ParentDone,
    ParentReceived,
    QueuePosition,
    Record,
    ReplaceSent,
    RouteHold,
    RunFinished,
)
from sim.protocol.enums import DecisionReason, EndReason
from sim.protocol.market_data import Levels
from sim.report.words import duration, instant
from sim.study.fields import ABSENT, FieldChange
from sim.study.ground import Cause, Ground, Root
from sim.study.pairs import Key, Pairs, Side

_STAMPS: Final = frozenset({"t_ns", "sent_ns", "drawn_ns", "held_ns", "processed_ns"})


class Rules(Ground):
    """The rules over the ground of two logs."""

    def __init__(self, pairs: Pairs, settings: list[FieldChange]) -> None:
        super().__init__(pairs, settings)
        self._rules: dict[str, Callable[[Key, Any, Any], Cause | None]] = {
            "parent_received": self._parent,
            "decision": self._decision,
            "child_sent": self._sent,
            "control_breach": self._breach,
            "book_at_arrival": self._arrival,
            "queue_position": self._place,
            "cancel_sent": self._cancel,
            "parent_done": self._done,
            "run_finished": self._finished,
            "venue_event": self._venue_event,
            "participant_event": self._participant,
            "route_hold": self._hold,
            "fault": self._fault,
        }

    def cause(self, key: Key) -> Cause | None:
        """What a record that differs follows from; None if no rule knows."""
        old, new = self._pairs.pair(key)
        rule = self._rules.get(key.kind)
        if rule is not None:
            return rule(key, old, new)
        return self._report(key, old, new)

    def _report(self, key: Key, old: Any, new: Any) -> Cause | None:
        """A venue's answer: caused by the order, by what the venue made of it, or by the way."""
        record = old or new
        child = getattr(record, "orig_cl_ord_id", None) or getattr(record, "cl_ord_id", None)
        venue_id = getattr(record, "venue_id", None)
        if not isinstance(child, str) or not isinstance(venue_id, str):
            return None
        sent, arrival = Key("child_sent", child, 1), Key("book_at_arrival", child, 1)
        struck = self._struck(key, child, "report")
        if old is None or new is None:
            found = self._first_changed(sent, arrival) or struck or self._ended(key)
            return found or self._venue_cause(key, venue_id)
        fields = changed_fields(old, new)
        content = fields - _STAMPS - {"fee", "best_px"}
        if "processed_ns" in fields or content:
            cancel = Key("cancel_sent", getattr(record, "cl_ord_id", ""), 1)
            found = self._first_changed(sent, arrival, cancel) or struck
            if found is None and not content and self._pairs.pair(arrival) == (None, None):
                return self._leg(venue_id, "order", None, None)
            found = found or self._asked_for(key, child)
            return found or self._venue_cause(key, venue_id)
        found = struck or self._way_back(key, old, new) or self._first_changed(sent)
        return found or self._known_market(key)

    def _asked_for(self, key: Key, child: str) -> Key | None:
        """The request of ours that ended or moved an order, where that was sent otherwise."""
        if key.kind not in {"child_canceled", "child_replaced"}:
            return None
        requests = CancelSent | ReplaceSent
        return self._last_before(
            key, lambda one: isinstance(one, requests) and one.orig_cl_ord_id == child
        )

    def _fault(self, key: Key, old: Any, new: Any) -> Cause | None:
        """What a fault did: caused by its own setting, else by the order that it struck."""
        record: Fault = old or new
        name = record.fault_id
        places = [f"faults[{name}]", f"faults[{name.removeprefix('fault')}]"]  # without an id
        if not any(map(self.has_changed, places)):
            return self._first_changed(Key("child_sent", record.cl_ord_id or "", 1))
        says = f"fault {printable(name)} is not the same in both scenarios"
        return self._root(says, *places)

    def _struck(self, key: Key, child: str, leg: str) -> Key | None:
        """The fault that struck a message of an order on its way, in one run alone."""
        return self._last_before(
            key,
            lambda one: isinstance(one, Fault) and (one.cl_ord_id, one.leg) == (child, leg),
        )

    def _way_back(self, key: Key, old: Any, new: Any) -> Cause | None:
        """Two reports of the same: other delays, other fees."""
        fields, venue_id = changed_fields(old, new), old.venue_id
        if "drawn_ns" in fields:
            return self._leg(venue_id, "report", old.drawn_ns, new.drawn_ns)
        if "held_ns" in fields:
            return self._before_on_link(key, venue_id) or self._leg(venue_id, "report", None, None)
        if "fee" in fields:
            fees = f"venues[{venue_id}].fees"
            return self._root(f"{printable(venue_id)} charges other fees", fees)
        return None

    def _arrival(self, key: Key, old: Any, new: Any) -> Cause | None:
        record: BookAtArrival = old or new
        venue_id = record.venue_id
        sent = Key("child_sent", record.cl_ord_id, 1)
        before, after = self._pairs.pair(sent)
        if old is None or new is None:
            found = self._first_changed(sent) or self._struck(key, record.cl_ord_id, "order")
            return found or self._root("the log holds no market data", "audit.market_data")
        if isinstance(before, ChildSent) and isinstance(after, ChildSent):
            if _order(before) != _order(after):
                return sent
        elif self._pairs.differs(sent):
            return sent
        fields = changed_fields(old, new)
        if "drawn_ns" in fields:
            return self._leg(venue_id, "order", old.drawn_ns, new.drawn_ns)
        if "held_ns" in fields:
            return self._before_on_link(key, venue_id) or self._leg(venue_id, "order", None, None)
        if fields & {"queued_ns", "processing_ns"}:
            before_it = self._before_on_link(key, venue_id)
            return before_it or self._root(
                f"{printable(venue_id)} took another time to process it",
                f"venues[{venue_id}].processing",
                f"venues[{venue_id}].speed_bump",
            )
        return self._venue_cause(key, venue_id)

    def _place(self, key: Key, old: Any, new: Any) -> Cause | None:
        """A place in a line: of an order that came otherwise, or what the others did there."""
        record: QueuePosition = old or new
        child = record.cl_ord_id
        sent, arrival = Key("child_sent", child, 1), Key("book_at_arrival", child, 1)
        found = self._first_changed(sent, arrival) or self._last_before(
            key,
            lambda one: isinstance(one, CancelSent | ReplaceSent) and one.orig_cl_ord_id == child,
        )
        place = f"venues[{record.venue_id}]"
        if found is None and self.has_changed(f"{place}.queue"):
            says = f"{printable(record.venue_id)} reads its level data by another queue model"
            return self._root(says, f"{place}.queue")
        return found or self._venue_cause(key, record.venue_id)

    def _sent(self, key: Key, old: Any, new: Any) -> Cause | None:
        for side, record in ((self._pairs.old, old), (self._pairs.new, new)):
            decision = side.decisions.get(record.decision_id) if record is not None else None
            if decision is not None and self._pairs.differs(decision):
                return decision
        return self._kept_back(old or new) or self._known_market(key)

    def _kept_back(self, sent: ChildSent) -> Cause | None:
        """What follows a breach at its instant, of its parent, that one log has otherwise.

        The breach stands in the place of the order, so it is not before it.
        """
        for one in self.changed:
            if one.kind == "control_breach" and one.about == sent.parent_id:
                old, new = self._pairs.pair(one)
                if any(known is not None and known.t_ns == sent.t_ns for known in (old, new)):
                    return self._breach(one, old, new)
        return None

    def _breach(self, key: Key, old: Any, new: Any) -> Cause | None:
        """Other limits, or another order that met them."""
        if self.has_changed("router.controls"):
            return self._root("the controls of the router are set otherwise", "router.controls")
        for side, record in ((self._pairs.old, old), (self._pairs.new, new)):
            if record is not None and record.order is not None:
                decision = side.decisions.get(record.order.decision_id)
                if decision is not None and self._pairs.differs(decision):
                    return decision
        return self._changed_before(key, lambda one: True)

    def _decision(self, key: Key, old: Any, new: Any) -> Cause | None:
        if old is None or new is None or old.t_ns != new.t_ns or old.reason != new.reason:
            return self._trigger(key, old, new)
        if old.unreserved_qty != new.unreserved_qty:
            found = self._changed_before(key, lambda one: _parent_of(one) == old.parent_id)
            if found is not None:
                return found
        return self._knowledge(key, old, new)

    def _trigger(self, key: Key, old: Any, new: Any) -> Cause | None:
        """What made the router decide, in a log where it did so otherwise."""
        for side, record in ((self._pairs.old, old), (self._pairs.new, new)):
            if record is None:
                continue
            if record.reason is DecisionReason.INITIAL:
                parent = Key("parent_received", record.parent_id, 1)
                if self._pairs.differs(parent):
                    return parent
            for earlier in reversed(side.order[: side.places[key]]):
                entry = side.entries[earlier]
                if entry.record.t_ns < record.t_ns:
                    break
                if earlier.kind != "decision" and self._pairs.differs(earlier):
                    return earlier
            hold = self._hold_until(side, key, record)
            if hold is not None:
                return hold
        found = self._changed_before(key, lambda one: True) or self._ended(key)
        return found or self._feed_root(old, new)

    def _hold_until(self, side: Side, key: Key, decision: Decision) -> Key | None:
        """The hold that differs and whose end, at its instant, gave the decision its turn."""
        if decision.reason is not DecisionReason.QUOTE_CHANGE:
            return None
        for earlier in reversed(side.order[: side.places[key]]):
            record = side.entries[earlier].record
            if isinstance(record, RouteHold) and record.until_ns == decision.t_ns:
                return earlier if self._pairs.differs(earlier) else None
        return None

    def _feed_root(self, *decisions: Decision | None) -> Root:
        """A quote came at another time: of a feed whose settings differ, else the newest one."""
        asked = [one for one in decisions if one is not None]
        known = [(one.age_ns, one.venue_id) for decision in asked for one in decision.quotes]
        for decision in asked:
            known += [(one.age_ns or 0, one.venue_id) for one in decision.refused]
        if not known or all(one.reason is not DecisionReason.QUOTE_CHANGE for one in asked):
            return self._root("the router decided otherwise", "router", "parents")
        newest = min(known)[1]
        venues = [venue_id for _, venue_id in known]
        changed = [one for one in venues if self.has_changed(f"venues[{one}].latency.feed")]
        venue_id = changed[0] if changed else newest
        place = f"venues[{venue_id}]"
        says = f"a quote of {printable(venue_id)} reached the router at another time"
        return self._root(says, f"{place}.latency.feed", place, "links", "tape", "router")

    def _knowledge(self, key: Key, old: Decision, new: Decision) -> Cause | None:
        """The router knew something else, or made something else of the same."""
        static = self._facts(old, new)
        if static is not None:
            return static
        parent = Key("parent_received", old.parent_id, 1)
        if len({_asked(one) for one in self._pairs.pair(parent)}) > 1:
            return parent
        found = self._quotes_root(key, old, new)
        if found is not None:
            return found
        venues = [f"venues[{one.venue_id}]" for one in old.quotes]
        return self._root("the router made something else of what it knew", "router", *venues)

    def _delay_root(self, venue_id: str, before_ns: int, after_ns: int) -> Root:
        """The router expects an order to a venue to take another time."""
        place = f"venues[{venue_id}]"
        times = f"{duration(after_ns)} instead of {duration(before_ns)}"
        says = f"the router expects an order to {printable(venue_id)} to take {times}"
        return self._root(says, f"{place}.latency.order", f"{place}.processing", place)

    def _facts(self, old: Decision, new: Decision) -> Root | None:
        """What the router holds of a venue without hearing it: delay, fees, risk."""
        for blind, later in _blind(old, new):
            if blind.latency_ns != later.latency_ns:
                return self._delay_root(blind.venue_id, blind.latency_ns, later.latency_ns)
        for before, after in _both(old, new):
            venue_id = before.venue_id
            place, shown = f"venues[{venue_id}]", printable(venue_id)
            if before.latency_ns != after.latency_ns:
                return self._delay_root(venue_id, before.latency_ns, after.latency_ns)
            # Each in the other's unit: a scale may be anything in a log that somebody wrote.
            scale, other = old.effective_scale, new.effective_scale
            line = before.slope * other, before.intercept * other
            if line != (after.slope * scale, after.intercept * scale):
                return self._root(f"an order to {shown} costs another fee", f"{place}.fees")
            weighed = (before.impact, before.fill_risk) != (after.impact, after.fill_risk)
            if weighed and old.strategy == new.strategy:  # not every strategy weighs these at all
                says = f"the router weighs another risk or impact at {shown}"
                return self._root(says, f"{place}.fill_risk", f"{place}.impact", "router")
        return None

    def _quotes_root(self, key: Key, old: Decision, new: Decision) -> Cause | None:
        """A quote that the router knew otherwise: another one, or the same with less left of it."""
        heard = _heard(old), _heard(new)
        venues = dict.fromkeys([*heard[0], *heard[1]])
        for venue_id in venues:
            before, after = (one.get(venue_id, _Heard(None, None, ())) for one in heard)
            if before[:2] != after[:2]:
                return self._quote_cause(key, venue_id, before, after)
        for venue_id in venues:
            before, after = (one.get(venue_id, _Heard(None, None, ())) for one in heard)
            if before.levels != after.levels:
                return self._venue_cause(key, venue_id)
        if [one.best_px for one in old.blind] != [one.best_px for one in new.blind]:
            return self._known_market(key)
        return None

    def _quote_cause(
        self, key: Key, venue_id: str, before: "_Heard", after: "_Heard"
    ) -> Cause | None:
        """Two quotes of a venue: it is in one run only, published otherwise, or they came late."""
        shown, place = printable(venue_id), f"venues[{venue_id}]"
        if any(one.path == place and ABSENT in {one.old, one.new} for one in self._settings):
            return self._root(f"{shown} is a venue of one of the two alone", place)
        change = self._pairs.market.get(venue_id)
        known = [one.published_ns for one in (before, after) if one.published_ns is not None]
        if change is not None and known and change.t_ns <= max(known):
            return self._venue_cause(key, venue_id)
        says = f"by then the feed of {shown} had brought {before.said()} | {after.said()}"
        return self._root(says, f"{place}.latency.feed", place, "links", "tape")

    def _parent(self, key: Key, old: Any, new: Any) -> Cause | None:
        record: ParentReceived = old or new
        if (
            old is not None
            and new is not None
            and not changed_fields(old, new)
            - {
                "bid_px",
                "ask_px",
            }
        ):
            return self._known_market(key)
        return self._root("the client's order is another one", f"parents[{record.parent_id}]")

    def _cancel(self, key: Key, old: Any, new: Any) -> Cause | None:
        record: CancelSent = old or new
        found = self._first_changed(Key("child_sent", record.orig_cl_ord_id, 1))
        if found is not None:
            return found
        if record.reason in {"ack_timeout", "no_answer"}:
            answer = self._changed_about(record.orig_cl_ord_id)
            router = "router.ack_timeout"
            if answer is not None and not self.has_changed(router):
                # An answer of the same instant or later is none that the router had missed: it came
                # at another time than it did in the other log, and what moved it is the cause.
                return answer if self._may_cause(answer, key) else self.cause(answer)
            return self._root("the router waits another time for answers", router)
        return self._changed_before(key, lambda one: True) or self._root(
            "the order was to end at another time", "parents", "router"
        )

    def _done(self, key: Key, old: Any, new: Any) -> Cause | None:
        record: ParentDone = old or new
        found = self._last_before(key, lambda one: _parent_of(one) == record.parent_id)
        if found is not None:
            return found
        ends = {one.end_reason for one in (old, new) if one is not None}
        if EndReason.DEADLINE in ends:
            return self._root("its deadline is another one", f"parents[{record.parent_id}]")
        if EndReason.ATTEMPTS_EXHAUSTED in ends:
            return self._root("the router may try another number of times", "router.max_attempts")
        return self._root("the run may last another time", "duration")

    def _finished(self, key: Key, old: RunFinished, new: RunFinished) -> Cause | None:
        found = self._last_before(key, lambda one: isinstance(one, ParentDone))
        return found or self._root("the run may last another time", "duration")

    def _venue_event(self, key: Key, old: Any, new: Any) -> Cause | None:
        venue_id = (old or new).venue_id
        return self._root(f"{printable(venue_id)} works by other rules", f"venues[{venue_id}]")

    def _participant(self, key: Key, old: Any, new: Any) -> Cause | None:
        """By its own settings, by what an order of ours did to a book that it hears, or before."""
        name = (old or new).participant_id
        place = f"participants[{name}]"
        if self.has_changed(place):
            return self._root(f"{printable(name)} is not the same", place)
        found = self._last_before(key, lambda one: isinstance(one, BookAtArrival))
        return found or self._root(
            f"what {printable(name)} has heard is not the same",
            "participants",
            "fundamental",
            "links",
            "venues",
        )

    def _hold(self, key: Key, old: Any, new: Any) -> Cause | None:
        venue_id = (old or new).venue_id
        found = self._last_before(key, lambda one: getattr(one, "venue_id", None) == venue_id)
        if found is not None:
            return found
        # The report that led to it may stand behind it, at the same instant.
        for one in self.changed[self._at[key] + 1 :]:
            if self._pairs.place(one)[0] > self._pairs.place(key)[0]:
                break
            record = next(side for side in self._pairs.pair(one) if side is not None)
            if getattr(record, "venue_id", None) == venue_id and hasattr(record, "processed_ns"):
                return self.cause(one)
        return self._root(f"the router backs off from {printable(venue_id)} otherwise", "router")


def changed_fields(old: Record, new: Record) -> set[str]:
    """The names of the fields in which two records differ."""
    if type(old) is not type(new):
        return set(old.__struct_fields__) | set(new.__struct_fields__)
    return {name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)}


def _order(record: ChildSent) -> tuple[object, ...]:
    """What the venue sees of a child, and when it left."""
    return record.t_ns, record.venue_id, record.side, record.order_qty, record.price


def _asked(record: Record | None) -> tuple[object, ...]:
    """What of a client's order rules which quotes may be used."""
    return (record.side, record.limit_px) if isinstance(record, ParentReceived) else ()


def _parent_of(record: Record) -> str:
    """The parent that a record is about: child ids begin with it."""
    parent_id = getattr(record, "parent_id", None)
    if isinstance(parent_id, str):
        return parent_id
    child = getattr(record, "orig_cl_ord_id", None) or getattr(record, "cl_ord_id", "")
    return str(child).partition(".")[0]


class _Heard(NamedTuple):
    """What the router had of a venue: a quote by its number and time, and what it could use."""

    venue_seq: int | None
    published_ns: int | None
    levels: Levels

    def said(self) -> str:
        """In words."""
        if self.venue_seq is None or self.published_ns is None:
            return "no quote"
        return f"quote {self.venue_seq} of {instant(self.published_ns)}"


def _heard(decision: Decision) -> dict[str, _Heard]:
    """By venue, those that were refused too."""
    heard = {
        one.venue_id: _Heard(one.venue_seq, decision.t_ns - one.age_ns, one.levels)
        for one in decision.quotes
    }
    for one in decision.refused:
        if one.venue_id not in heard and one.age_ns is not None:
            published_ns = decision.t_ns - one.age_ns
            heard[one.venue_id] = _Heard(one.venue_seq, published_ns, ())
    return heard


def _blind(old: Decision, new: Decision) -> Iterator[tuple[BlindOrder, BlindOrder]]:
    """The venues that both sent to blind."""
    sent = {one.venue_id: one for one in new.blind}
    for before in old.blind:
        if before.venue_id in sent:
            yield before, sent[before.venue_id]


def _both(old: Decision, new: Decision) -> Iterator[tuple[KnownQuote, KnownQuote]]:
    heard = {one.venue_id: one for one in new.quotes}
    for before in old.quotes:
        if before.venue_id in heard:
            yield before, heard[before.venue_id]
