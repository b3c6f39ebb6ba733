"""How a decision is told: why it was made, what the router knew, what it refused."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from sim.audit.read import printable
from sim.audit.records import (
    ChildCanceled,
    ChildRejected,
    Decision,
    KnownQuote,
    Refused,
    RouteHold,
    ScheduleStep,
    Slice,
)
from sim.protocol.enums import DecisionReason, Side
from sim.protocol.units import UnitError, parse_decimal, plain, quotient_text
from sim.report.story import Story
from sim.report.words import Words, count, duration, instant, listed, units_of, words

LEVELS_TOLD: Final = 3
"""Levels of each venue that are told."""
WAKE_AT: Final = "wake_at"
_PRICE_DIGITS: Final = 3
"""Further digits of a price that is not on the grid."""

_REASONS: Final = {
    DecisionReason.INITIAL: "the order had just come",
    DecisionReason.PARTIAL_FILL: "lots had come back unfilled",
    DecisionReason.REJECT: "a venue had rejected an order",
    DecisionReason.TIMEOUT: "an order had not been answered in time",
    DecisionReason.QUOTE_CHANGE: "a new quote had come while lots were free",
    DecisionReason.BUST: "a venue had taken a fill back",
    DecisionReason.POST_OVER: "the time of what it had posted was over",
    DecisionReason.NEXT_VENUE: "the child before it had ended",
    DecisionReason.HELD_BACK: "a child was dropped before it left",
    DecisionReason.ANSWERED: "all pools that were tried had answered",
    DecisionReason.HALT: "a venue had stopped trading, and what was open there had come back",
    DecisionReason.CONTROL: "a control had kept an order back, or let the parent go on",
    DecisionReason.DEADLINE_NEAR: "its deadline was near, and the spread was to be crossed",
    DecisionReason.REPORT: "a venue had said something about an order",
    DecisionReason.OWN: "it had asked for this time, or acted by itself",
    DecisionReason.SCHEDULE: "its schedule said so",
}
_RULES: Final = {
    "wait_for_quote": "what had come back was to wait for a new quote",
    "same_venue": "what had come back was to stay with its venue",
    "other_venues": "what had come back was to go elsewhere",
    "written_off": "what was not answered was written off",
    "smaller": "what was left of an order that was too large could go on",
    "released": "the time for which its fills had held it was over",
    "cross": "its deadline was near, so it only took, and all at once",
    "price_collar": "an order was beyond the price collar",
    "no_reference": "there was no price for the collar to go by",
    "max_order_qty": "an order was too large for its venue's least",
    "max_order_value": "an order was worth too much for its venue's least",
    "messages": "an order was one message too many",
}
_REFUSED: Final = {
    "no_quote": "no quote of it had come yet",
    "nothing_available": "nothing was there to take",
    "no_whole_split": "no split in whole steps comes to the order, so nothing was sent",
    "not_chosen": "the router of your own did not choose it",
    "ranked_behind": "others were better, and they were enough",
    "filled_short": "it had filled an earlier child short",
    "other_venue": "the strategy uses another venue only",
    "tried_blind": "it shows nothing and had been tried before",
    "ping_short": "it shows nothing, and did not fill the small order that asked first",
    "rounds_over": "it had been tried as often as it is to be",
    "pools_first": "dark pools were tried first",
    "pools_only": "the strategy uses dark pools only",
    "no_reference": "it shows nothing, and there was no lit price to go by",
    "too_small": "what was left is less than it takes",
    "not_its_turn": "it has its turn once the child before it has ended",
    "would_show": "the order would have shown more than it may",
    "on_hold": "it had refused or not answered, and the router kept off it for a while",
    "stopped": "it had refused or not answered so often that the router no longer used it",
    "no_answer": "it did not answer",
    "quarantine": "it had contradicted itself, and the router no longer trusted it",
    "other_venues": "an earlier child had come back from it, and the rest was to go elsewhere",
    "bound": "the rest was to go where an earlier child had come back from",
    "price_collar": "an order to it was beyond the price collar",
    "max_order_qty": "it takes no order as small as the largest that may leave",
    "max_order_value": "it takes no order as small as the largest that may leave",
    "message_throttle": "too many messages had left within the time",
    "held": "a control held the order itself",
    "stale": "it had said nothing new for too long",
    "crossed": "its price had passed one of the other side",
    "locked": "its price was that of the other side",
    "halted": "it was halted",
    "closed": "it was closed",
    "pre_open": "it had not opened yet",
}

_STAGES: Final[dict[str, str]] = {
    "": "",
    "ping": "; a small order asks first",
    "after_ping": "; the small order that asked first was filled whole",
}


class Telling:
    """Words for the decisions of one story."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._units = units_of(story.started)
        self._words = Words(self._units)

    @property
    def _chases(self) -> bool:
        """Whether the router prices what is not had at what it costs elsewhere."""
        router = self._story.started.scenario.get("router")
        cost = router.get("cost") if isinstance(router, dict) else None
        return isinstance(cost, dict) and cost.get("variant") == "chase"

    def why(
        self,
        decision: Decision,
        triggers: list[ChildCanceled | ChildRejected],
        holds: Mapping[str, RouteHold],
        step: ScheduleStep | None = None,
    ) -> list[str]:
        """When and for whom it was made, because of what, and what there was to place."""
        w, parent = self._words, self._story.parent
        whose = printable(decision.parent_id)
        order = ""
        if parent is not None:
            limit = "" if parent.limit_px is None else f", limit {w.px(parent.limit_px)}"
            order = f" ({words(parent.side.value)} {w.qty(parent.order_qty)}{limit})"
        because = _REASONS[decision.reason]
        over = [venue for venue, hold in holds.items() if hold.until_ns == decision.t_ns]
        if decision.reason is DecisionReason.QUOTE_CHANGE and over:
            # No quote need have come: the end of a hold alone gives those a turn who are short.
            ended = listed(map(printable, over))
            because = f"its hold on {ended} was over while lots were free"
        if triggers:
            because = listed(self._came_back(one) for one in triggers)
        if decision.rule in _RULES:
            because += f"; {_RULES[decision.rule]}"
        depth = "the best level" if decision.depth == "top" else "the full depth"
        at, strategy = instant(decision.t_ns), words(decision.strategy)
        says = [f"At {at} the router decided for {whose}{order}, because {because}."]
        if step is not None:
            says.append(f"By its schedule {words(step.schedule)}, {w.slice(step)}.")
        return [
            *says,
            f"It had {w.qty(decision.unreserved_qty)} to place, by the strategy {strategy} over "
            f"{depth} of each venue.",
        ]

    def _came_back(self, report: ChildCanceled | ChildRejected) -> str:
        child = printable(report.cl_ord_id)
        if isinstance(report, ChildRejected):
            return f"{child} was rejected ({words(report.reason.value)})"
        return f"{child} came back with {self._words.qty(report.canceled_qty)} unfilled"

    def place(self, decision: Decision, venue_id: str) -> str:
        """The rank of a venue: ``second of 3``; empty if it has none."""
        ranking = decision.ranking
        if venue_id not in ranking:
            return ""
        return f"{_ordinal(ranking.index(venue_id) + 1)} of {len(ranking)}"

    def known(self, decision: Decision) -> Iterator[str]:
        """A line per venue, in the order of their rank."""
        w = self._words
        order = {venue: n for n, venue in enumerate(decision.ranking)}
        quotes = sorted(decision.quotes, key=lambda one: order.get(one.venue_id, len(order)))
        side = self._side(decision)
        # An order that is to rest goes by the prices of its own side, not by what it could take.
        verb = "offers" if (side is Side.BUY) is not rests(decision) else "bids"
        for known in quotes:
            more = len(known.levels) - LEVELS_TOLD
            deeper = f" and {count(more, 'more level')}" if more > 0 else ""
            what = f"{verb} {w.levels(known.levels[:LEVELS_TOLD])}{deeper}"
            notes = [_age(known.age_ns), f"an order takes about {duration(known.latency_ns)}"]
            if cost := self.effective(decision, known, side):
                notes.append(f"its best is {cost}")
            yield f"  {printable(known.venue_id)} {what} ({'; '.join(notes)})"
        for blind in decision.blind:
            venue, best = printable(blind.venue_id), w.px(blind.best_px)
            limit = w.px(blind.limit_px)
            stage = _STAGES[blind.stage]
            yield (
                f"  {venue} shows nothing; the best lit price was {best}, so the limit is {limit}"
                f"{stage}"
            )
        if not decision.quotes and not decision.blind:
            yield "Nothing that it could use."
        wakes = [one for one in decision.notes if one.name == WAKE_AT and one.value.isdecimal()]
        figures = [one for one in decision.notes if one not in wakes]
        if figures:
            notes = [f"{printable(one.name)} {printable(one.value)}" for one in figures]
            yield f"  The strategy's own figures: {'; '.join(notes)}"
        for one in wakes:
            yield f"  It asked to be called again at {instant(int(one.value))}."

    def effective(self, decision: Decision, known: KnownQuote, side: Side) -> str:
        """What the best level comes to with the fee, and with risk where the strategy weighs it.

        Empty where that is its price.
        """
        scale = decision.effective_scale
        if not known.levels or not scale:
            return ""
        best = known.levels[0][0]
        with_fee = Fraction(known.slope * best + known.intercept, scale)
        terms = [] if with_fee == best else [f"{self._price(with_fee)} with the fee"]
        risk = _risk(known.fill_risk)
        if known.impact is not None and risk is not None:
            impact = Fraction(known.impact, scale)
            buys = side is Side.BUY
            wait = Fraction(known.latency_cost or 0, scale)
            worse = impact + wait
            sure = with_fee + worse if buys else with_fee - worse
            # What is not had is chased elsewhere, which says nothing of this venue's own price.
            chased = self._chases
            weighed = sure if chased else sure / (1 - risk) if buys else sure * (1 - risk)
            weighs = [f"an own impact of {self._price(impact)}"] if impact else []
            if wait:
                weighs.append(f"a delay worth {self._price(wait)}")
            if risk and chased:
                percent = plain(parse_decimal(known.fill_risk or "0") * 100)
                weighs.append(f"{percent} % to chase elsewhere")
            elif risk:
                percent = plain(parse_decimal(known.fill_risk or "0") * 100)
                weighs.append(f"a risk of {percent} % not to fill")
            if weighs:
                terms.append(f"{self._price(weighed)} weighed with {listed(weighs)}")
        return " and ".join(terms)

    def refusals(self, refused: Iterable[Refused], holds: Mapping[str, RouteHold]) -> Iterator[str]:
        """A line per reason, with the venues that it kept out."""
        venues: dict[str, list[str]] = {}
        for one in refused:
            age = "" if one.age_ns is None else f" ({_age(one.age_ns)})"
            why = refusal(one.reason)
            if one.reason == "on_hold" and one.venue_id in holds:
                why = _held(holds[one.venue_id])
            venues.setdefault(why, []).append(f"{printable(one.venue_id)}{age}")
        for why, names in venues.items():
            of_each = f"each {why.removeprefix('it ')}"
            says = of_each if len(names) > 1 and why.startswith("it ") else why
            yield f"  {listed(names)}: {says}"

    def split(self, parts: Iterable[Slice]) -> str:
        """``40,000 to NYSE and 25,000 to NASDAQ``."""
        split: dict[str, int] = {}
        for part in parts:
            split[part.venue_id] = split.get(part.venue_id, 0) + part.qty
        w = self._words
        return listed(f"{w.qty(qty)} to {printable(venue)}" for venue, qty in split.items())

    def average(self, tick_lots: int, lots: int) -> str:
        """An average price for reading."""
        return self._price(Fraction(tick_lots, lots))

    def _price(self, ticks: Fraction) -> str:
        """A price that need not be on the grid, with a few digits more than those on it."""
        digits = len(self._units.price_text(0).partition(".")[2])
        step = Decimal(1).scaleb(-digits - _PRICE_DIGITS)
        numerator = self._units.tick_size * ticks.numerator
        text = plain(Decimal(quotient_text(numerator, Decimal(ticks.denominator), step)))
        whole, _, part = text.partition(".")
        shown = f"{Decimal(whole):,}"
        return f"{shown}.{part.ljust(digits, '0')}" if part or digits else shown

    def _side(self, decision: Decision) -> Side:
        parent = self._story.parent
        return parent.side if parent is not None else Side.BUY


def rests(decision: Decision | None) -> bool:
    """Whether it posts what nobody offers."""
    return decision is not None and decision.strategy == "rest"


def _risk(text: str | None) -> Fraction | None:
    """A probability that is given; None for what is none."""
    try:
        risk = None if text is None else Fraction(parse_decimal(text))
    except UnitError:
        return None
    return risk if risk is not None and 0 <= risk < 1 else None


def _age(age_ns: int) -> str:
    return f"quote {duration(age_ns)} old" if age_ns else "quote just out"


def refusal(reason: str) -> str:
    """Why a venue was left out, in words."""
    if reason in _REFUSED:
        return _REFUSED[reason]
    rejected = reason.removeprefix("rejected_")
    return words(reason) if rejected == reason else f"it had rejected a child: {words(rejected)}"


def _held(hold: RouteHold) -> str:
    """Why a venue was on hold, and until when."""
    rejected = hold.reason.removeprefix("rejected_")
    why = "it had not answered in time"
    if rejected != hold.reason:
        why = f"it had rejected a child ({words(rejected)})"
    until = "for a while" if hold.until_ns is None else f"until {instant(hold.until_ns)}"
    return f"{why}, and the router kept off it {until}"


def _ordinal(number: int) -> str:
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    return names[number - 1] if number <= len(names) else f"number {number}"
