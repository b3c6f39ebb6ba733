"""One child order, or one decision, told in words as a trader would note it.

What the router knew and how old it was, what it chose and refused and why, what the child met on
arrival, what had gone by then, what came back and when, and what that was worth against what had
been shown.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.audit.read import log_file, printable
from sim.audit.records import (
    Bust,
    CancelRejected,
    CancelSent,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    Correction,
    Decision,
    Fill,
    Record,
    ReplaceSent,
    RequestPending,
    WrittenOff,
)
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.errors import AuditFormatError
from sim.protocol.market_data import Levels
from sim.protocol.units import UnitError, Units, parse_duration, plain, quotient_text
from sim.report import leaving, lost
from sim.report.costs import cost_lines, exposure_lines
from sim.report.story import ChildStory, Story, read_story
from sim.report.telling import Telling, rests
from sim.report.waiting import waiting
from sim.report.words import count, duration, instant, listed, words

Section = tuple[str, list[str]]
"""A heading and its sentences; one that begins with two blanks is a line of a list."""

_BPS: Final = 10_000
OTHERS_MAX: Final = 5
"""Events of participants that a child's way tells one by one."""


def explain(log: str | Path, name: str) -> dict[str, Any]:
    """Tell one child order or decision in words.

    Args:
        log: The log, or the folder of a run.
        name: A child's ``cl_ord_id``, or a decision's number such as ``D3`` or ``3``.

    Returns:
        ``kind``, ``id``, ``title``, ``sections`` (heading and sentences), the ``facts`` as plain
        data, and ``fault``: why the log ends early, if it does.

    Raises:
        AuditFormatError: If the log cannot be read at all, or is of another version.
        UnknownIdError: If it holds no such thing.
    """
    story = read_story(log_file(log), name)
    teller = ChildTeller(story) if story.child is not None else DecisionTeller(story)
    return {
        "kind": "child" if story.child is not None else "decision",
        "id": teller.name,
        "title": teller.title,
        "sections": [{"heading": head, "says": says} for head, says in teller.sections()],
        "facts": teller.facts(),
        "fault": story.fault or None,
    }


class ChildTeller(Telling):
    """Tells a child's life."""

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        assert story.child is not None
        self._child = story.child
        self.name = story.child.sent.cl_ord_id

    @property
    def title(self) -> str:
        """What it is, in one line."""
        w, sent = self._words, self._child.sent
        what = f"{words(sent.side.value)} {w.qty(sent.order_qty)} at {printable(sent.venue_id)}"
        limit = f"limit {w.px(sent.price)}, {sent.time_in_force.value}"
        return f"{printable(sent.cl_ord_id)}: {what}, {limit}"

    def facts(self) -> dict[str, Any]:
        """The records behind the text, and its figures."""
        return child_facts(self._child, self._units)

    def sections(self) -> Iterator[Section]:
        """The text, section by section."""
        child, decision = self._child, self._child.decision
        if decision is not None:
            yield (
                "Why",
                [
                    *self.why(decision, child.triggers, child.holds, child.step),
                    *self._chosen(child, decision),
                ],
            )
            yield "What the router knew", list(self.known(decision))
            if decision.refused:
                yield "What it refused", list(self.refusals(decision.refused, child.holds))
        yield "On the way", list(self._journey(child))
        if child.places:
            yield "In the queue", list(waiting(child.places, self._words))
        yield "What came back", list(self._answers(child))
        yield "In the end", list(self._result(child))

    def _chosen(self, child: ChildStory, decision: Decision) -> Iterator[str]:
        w, sent = self._words, child.sent
        venue = printable(sent.venue_id)
        if (how := leaving.posted(decision, sent, w)) is not None:
            yield how
            return
        parts = [(one.price, one.qty) for one in decision.split if one.venue_id == sent.venue_id]
        others = [one for one in decision.split if one.venue_id != sent.venue_id]
        what = f"at {w.px(parts[0][0])}" if len(parts) == 1 else f"to take {w.levels(tuple(parts))}"
        rest = f"and {self.split(others)}" if others else "and nothing elsewhere"
        yield f"It sent {w.qty(sent.order_qty)} to {venue}, {what}, {rest}."
        known = child.known
        if known is not None:
            place = self.place(decision, sent.venue_id) or "nowhere"
            best = w.px(known.levels[0][0]) if known.levels else "nothing"
            cost = self.effective(decision, known, sent.side)
            yield f"{venue} ranked {place} with {best}{f', which is {cost}' if cost else ''}."
        elif any(one.venue_id == sent.venue_id for one in decision.blind):
            yield f"{venue} shows nothing, so this order rests on no quote."
        yield from leaving.how_sent(decision, sent, w)

    def _journey(self, child: ChildStory) -> Iterator[str]:
        w, sent, arrival = self._words, child.sent, child.arrival
        venue = printable(sent.venue_id)
        if arrival is None:
            processed = [getattr(one, "processed_ns", None) for one in child.events]
            times = [one for one in processed if isinstance(one, int)]
            yield f"It left at {instant(sent.t_ns)}."
            if times and not lost.is_unknown(child.events):
                yield f"{venue} had it by {instant(min(times))}; the log holds no book of then."
            else:
                yield f"The log does not say that {venue} got it."
            return
        took = duration(arrival.t_ns - sent.t_ns)
        yield (
            f"It left at {instant(sent.t_ns)} and met the book of {venue} at "
            f"{instant(arrival.t_ns)}, {took} later{self._delays(arrival)}."
        )
        yield from self._aged(child)
        yield from self._others(child)
        yield f"Within its limit it found {w.levels(arrival.levels)}."
        yield from self._gone(child)

    def _others(self, child: ChildStory) -> Iterator[str]:
        """What participants did while it was on its way."""
        others = [] if child.meanwhile is None else child.meanwhile.others
        for one in others[:OTHERS_MAX]:
            yield f"Meanwhile, at {instant(one.t_ns)}: {self._words.say(one)}."
        more = len(others) - OTHERS_MAX
        if more > 0:
            yield f"Meanwhile also {count(more, 'further event')} of participants."

    def _delays(self, arrival: Record) -> str:
        bump_ns = self._bump_ns("order")
        delays = (
            (getattr(arrival, "held_ns", 0) - bump_ns, "behind an earlier message"),
            (bump_ns, "at the venue's speed bump"),
            (getattr(arrival, "queued_ns", 0), "in the venue's queue"),
            (getattr(arrival, "processing_ns", 0), "being processed"),
        )
        parts = [f"{duration(ns)} {what}" for ns, what in delays if ns > 0]
        return f" ({listed(parts)})" if parts else ""

    def _bump_ns(self, leg: str) -> int:
        """The constant delay that the child's venue puts on a leg; it counts as held."""
        started = self._story.state.started
        venues = [] if started is None else started.scenario.get("venues", [])
        try:
            for venue in venues:
                if venue.get("id") == self._child.sent.venue_id:
                    return parse_duration(venue.get("speed_bump", {}).get(leg, "0ns"))
        except (AttributeError, TypeError, UnitError) as error:
            raise AuditFormatError("a venue in the log has a speed_bump that is none") from error
        return 0

    def _aged(self, child: ChildStory) -> Iterator[str]:
        known, arrival, meanwhile = child.known, child.arrival, child.meanwhile
        if known is None or arrival is None:
            return
        age = duration(arrival.t_ns - child.decided_ns + known.age_ns)
        news = ""
        if meanwhile is not None:
            quotes = count(meanwhile.quotes, "newer quote")
            trades = count(meanwhile.trades, "trade")
            size = f" of {self._words.qty(meanwhile.traded_qty)}" if meanwhile.trades else ""
            what = f"{quotes} and {trades}{size}{' together' if meanwhile.trades > 1 else ''}"
            if not meanwhile.quotes and not meanwhile.trades:
                what = "nothing new"
            news = f"; since then the venue had published {what}"
        yield f"By then the quote behind it was {age} old{news}."

    def _gone(self, child: ChildStory) -> Iterator[str]:
        """What was shown and is not there any more, and what is there beyond it."""
        known, arrival, sent = child.known, child.arrival, child.sent
        if known is None or arrival is None or rests(child.decision):
            return
        shown = _within(known.levels, sent.price, sent.side)
        there = dict(arrival.levels)
        gone = tuple([(px, qty - there.get(px, 0)) for px, qty in shown if qty > there.get(px, 0)])
        had = dict(shown)
        fresh = tuple(
            [(px, qty - had.get(px, 0)) for px, qty in arrival.levels if qty > had.get(px, 0)]
        )
        w = self._words
        if gone:
            yield f"Gone of what had been shown: {w.levels(gone)}."
        else:
            yield "All that had been shown was there."
        if fresh:
            yield f"Not shown before: {w.levels(fresh)}."

    def _answers(self, child: ChildStory) -> Iterator[str]:
        """A line for what came together, and how it came."""
        for (t_ns, _), group in groupby(child.events, lambda one: (one.t_ns, _processed(one))):
            says = "; ".join(self._events(events := list(group)))
            yield f"  {instant(t_ns)}: {says}{self._way_back(events)}"
        if not child.events:
            yield "Nothing, up to the end of the log."

    def _events(self, events: list[Record]) -> Iterator[str]:
        """What each event of one instant says; fills in a row are told as one."""
        for is_fill, group in groupby(events, lambda one: isinstance(one, Fill)):
            if is_fill:
                yield self._fills([one for one in group if isinstance(one, Fill)])
            else:
                yield from map(self._answer, group)

    def _fills(self, fills: list[Fill]) -> str:
        w, left = self._words, fills[-1].leaves_qty
        total = sum(one.last_qty for one in fills)
        parts = w.levels(tuple([(one.last_px, one.last_qty) for one in fills]), "more trade")
        rest = f", {w.qty(left)} left open" if left else ""
        if len(fills) == 1:
            return f"filled {parts}{rest}"
        return f"filled {w.qty(total)} in {count(len(fills), 'trade')}: {parts}{rest}"

    def _answer(self, event: Record) -> str:
        w = self._words
        says = lost.says(event, w) or w.say(event)
        match event:
            case ChildAcked():
                says = "acknowledged"
            case ChildRejected():
                says = f"rejected, {words(event.reason.value)}"
            case ChildCanceled():
                says = f"canceled, {w.qty(event.canceled_qty)} not filled{self._why_canceled()}"
            case CancelSent(reason="ack_timeout"):
                says = "no answer in time, so the router asked to cancel it"
            case CancelSent(reason="no_answer"):
                says = "still no answer, so the router asked again"
            case CancelSent():
                says = f"the router asked to cancel it ({words(event.reason)})"
            case CancelRejected():
                says = f"the request was refused, {words(event.reason.value)}"
            case RequestPending():
                says = "the request was pending"
            case WrittenOff():
                says = f"the router waited no longer and wrote off {w.qty(event.written_off_qty)}"
            case Bust():
                what = f"{w.qty(event.was_qty)} at {w.px(event.was_px)}"
                says = f"the venue took back {what}"
            case Correction():
                what = f"{w.qty(event.was_qty)} at {w.px(event.was_px)}"
                says = f"the venue corrected {what} to {w.qty(event.last_qty)}"
                says += f" at {w.px(event.last_px)}"
            case ReplaceSent():
                what = f"{w.qty(event.order_qty)} at {w.px(event.price)}"
                says = f"the router asked to make it {what} ({words(event.reason)})"
            case ChildReplaced():
                says = f"replaced, now {w.qty(event.order_qty)} at {w.px(event.price)}"
        return says

    def _why_canceled(self) -> str:
        child = self._child
        if lost.is_unknown(child.events):
            return ", since it is not there"
        if any(isinstance(one, CancelSent) for one in child.events):
            return ""
        if child.sent.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
            return f", since an {child.sent.time_in_force.value} order does not rest"
        return ""

    def _way_back(self, events: list[Record]) -> str:
        processed_ns, sent_ns = _processed(events[0]), getattr(events[0], "sent_ns", None)
        if processed_ns is None or not isinstance(sent_ns, int):
            return ""
        bump_ns = self._bump_ns("report")
        held_ns = max(getattr(one, "held_ns", 0) for one in events) - bump_ns
        upto = "up to " if len(events) > 1 else ""
        held = f", {upto}{duration(held_ns)} of it behind earlier reports" if held_ns > 0 else ""
        held += f", {duration(bump_ns)} at the venue's speed bump" if bump_ns else ""
        took = duration(events[0].t_ns - sent_ns)
        what = "the report" if len(events) == 1 else "the reports"
        left = lost.left(processed_ns, sent_ns)
        return f" (at the venue at {instant(processed_ns)}; {what} {left}took {took}{held})"

    def _result(self, child: ChildStory) -> Iterator[str]:
        w, sent = self._words, child.sent
        state = self._story.state.children.get(sent.cl_ord_id)
        asked = sent.order_qty if state is None else state.order_qty  # a replace changes it
        filled, ticks = child.traded
        if not filled:
            yield f"It filled nothing of {w.qty(asked)}."
        else:
            all_of_it = "all of its" if filled == asked else f"{w.qty(filled)} of its"
            yield (
                f"It filled {all_of_it} {w.qty(asked)} at {self.average(ticks, filled)}"
                f"{self._fees_paid(child, ticks)}."
            )
            yield from self._slippage(child, ticks, filled)
        if state is not None and state.is_open:
            yield f"The log ends with {w.qty(state.leaves_qty)} of it still open."
        elif filled < asked:
            yield self._leftover(child, asked - filled)

    def _fees_paid(self, child: ChildStory, ticks: int) -> str:
        fees = child.fees
        if not fees or not ticks:
            return ", without a fee"
        bps = quotient_text(fees * _BPS, self._units.notional(ticks), Decimal("0.01"))
        what = "fees" if fees > 0 else "a rebate"
        rate = plain(abs(Decimal(bps)))
        # The exact fee is in the facts; a note needs cents, or two digits of what is less.
        size = abs(fees)
        step = Decimal(1).scaleb(min(-2, size.adjusted() - 1))
        return f", for {what} of {Decimal(quotient_text(size, Decimal(1), step)):,f} ({rate} bps)"

    def _slippage(self, child: ChildStory, ticks: int, filled: int) -> Iterator[str]:
        """The average against what the quote would have given for as many lots."""
        known, sent = child.known, child.sent
        levels = known.levels if known is not None and not rests(child.decision) else ()
        shown = _cost(_within(levels, sent.price, sent.side), filled)
        if not shown:
            return
        loss = (ticks - shown) * (1 if sent.side is Side.BUY else -1)
        against = f"Slippage against the {self.average(shown, filled)} shown for as much"
        if not loss:
            yield f"{against}: none."
            return
        rate = quotient_text(Decimal(loss * _BPS), Decimal(shown), Decimal("0.001"))
        way = "worse" if loss > 0 else "better"
        size = plain(abs(Decimal(rate)))
        yield f"{against}: {f'{size} bps' if size != '0' else 'less than 0.001 bps'} {way}."

    def _leftover(self, child: ChildStory, left: int) -> str:
        w, after = self._words, child.next_decision
        if after is None:
            return f"The {w.qty(left)} left over were not decided again."
        when = f"at {instant(after.t_ns)}"
        if not (after.split or after.posts):
            return f"The {w.qty(left)} left over had to wait: decision D{after.decision_id} {when}."
        where = self.split((*after.split, *after.posts))
        return (
            f"The {w.qty(left)} left over went into decision D{after.decision_id} {when}: {where}."
        )


class DecisionTeller(Telling):
    """Tells a decision."""

    def __init__(self, story: Story) -> None:
        super().__init__(story)
        assert story.decision is not None
        self._decision = story.decision
        self.name = f"D{story.decision.decision.decision_id}"

    @property
    def title(self) -> str:
        """What it is, in one line."""
        return f"{self.name}: a decision for {printable(self._decision.decision.parent_id)}"

    def facts(self) -> dict[str, Any]:
        """The records behind the text, and its figures."""
        found = self._decision
        return {
            "decision": _plain(found.decision),
            "triggers": [_plain(one) for one in found.triggers],
            "children": [child_facts(one, self._units) for one in found.children],
            "breaches": [_plain(one) for one in found.breaches],
            "dropped": [_plain(one) for one in found.dropped],
        }

    def sections(self) -> Iterator[Section]:
        """The text, section by section."""
        story, decision = self._decision, self._decision.decision
        yield "Why", self.why(decision, story.triggers, story.holds, story.step)
        yield "What the router knew", list(self.known(decision))
        yield "What it chose", list(self._choice(decision))
        if decision.costs:
            yield "What it costs", list(cost_lines(decision, self._side(decision), self._units))
        if decision.leakage is not None:
            yield "What it shows", list(exposure_lines(decision, self._units))
        if decision.refused:
            yield "What it refused", list(self.refusals(decision.refused, story.holds))
        if story.breaches:
            yield "What was kept back", [f"  {self._words.say(one)}" for one in story.breaches]
        if story.children or story.dropped:
            came = [self._outcome(child) for child in story.children]
            yield "What came of it", [*came, *leaving.dropped_lines(story.dropped, self._words)]

    def _choice(self, decision: Decision) -> Iterator[str]:
        w = self._words
        router = self._story.started.scenario.get("router")
        posts = isinstance(router, dict) and router.get("rest") is not None
        if not decision.split and not decision.posts:
            waits = "rests or waits" if posts else "waits"
            yield f"Nothing to send: the order {waits} for better quotes."
            return
        for venue in dict.fromkeys(one.venue_id for one in decision.split):
            parts = tuple([(one.price, one.qty) for one in decision.split if one.venue_id == venue])
            total = sum(qty for _, qty in parts)
            of = f" ({w.levels(parts)})" if len(parts) > 1 else f" at {w.px(parts[0][0])}"
            place = self.place(decision, venue)
            ranked = f"ranked {place}" if place else "unranked, it shows nothing"
            leaves = leaving.departure(decision, venue)
            yield f"  {printable(venue)}: {w.qty(total)}{of}; {ranked}{leaves}"
        yield from leaving.besides(decision, w)
        placed = (*decision.split, *decision.posts)
        left = decision.unreserved_qty - sum(one.qty for one in placed)
        if left > 0:
            yield leaving.left_over(decision, left, w, posts=posts)

    def _outcome(self, child: ChildStory) -> str:
        w, sent = self._words, child.sent
        filled, ticks = child.traded
        name = printable(sent.cl_ord_id)
        if not filled:
            ends = [one for one in child.events if isinstance(one, ChildRejected)]
            why = f", rejected: {words(ends[0].reason.value)}" if ends else ""
            return f"  {name}: filled nothing of {w.qty(sent.order_qty)}{why}"
        how = f"{w.qty(filled)} of {w.qty(sent.order_qty)} at {self.average(ticks, filled)}"
        return f"  {name}: filled {how}, the last at {instant(child.fills[-1].t_ns)}"


def child_facts(child: ChildStory, units: Units) -> dict[str, Any]:
    """The records about a child, and the figures that follow from them."""
    filled, ticks = child.traded
    known, sent = child.known, child.sent
    levels = known.levels if known is not None and not rests(child.decision) else ()
    shown = _cost(_within(levels, sent.price, sent.side), filled) if filled else None
    after = child.next_decision
    return {
        "sent": _plain(sent),
        "decision": None if child.decision is None else _plain(child.decision),
        "arrival": None if child.arrival is None else _plain(child.arrival),
        "quotes_meanwhile": child.meanwhile.quotes if child.meanwhile else None,
        "trades_meanwhile": child.meanwhile.trades if child.meanwhile else None,
        "places": [_plain(one) for one in child.places],
        "events": [_plain(one) for one in child.events],
        "filled_qty": filled,
        "avg_px": units.avg_px_text(ticks, filled),
        "shown_avg_px": None if shown is None else units.avg_px_text(shown, filled),
        "next_decision": None if after is None else after.decision_id,
    }


def _processed(event: Record) -> int | None:
    """The venue's time of a report; None for what the router did itself."""
    found = getattr(event, "processed_ns", None)
    return found if isinstance(found, int) else None


def _within(levels: Levels, limit: int, side: Side) -> Levels:
    buys = side is Side.BUY
    return tuple([level for level in levels if (level[0] <= limit if buys else level[0] >= limit)])


def _cost(levels: Levels, lots: int) -> int | None:
    """Sum of price times lots for the first ``lots`` of the levels; None if they hold fewer."""
    cost = 0
    for px, qty in levels:
        taken = min(qty, lots)
        cost += px * taken
        lots -= taken
        if not lots:
            return cost
    return None


def _plain(record: Record) -> Any:
    return msgspec.json.decode(msgspec.json.encode(record))
