"""The headline figures of a report in words: what was done, what it cost, and why.

Made from the document's own rows, so that words and tables cannot differ. A figure that is not
available is said to be so. Names stand as they are in the log; who shows them escapes.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Final

from sim.protocol.units import plain
from sim.report.words import count, duration, listed

EACH_MAX: Final = 3
"""So many parents get sentences of their own; of more only the sums and the dearest are told."""

PART_WORDS: Final = {
    "delay": "delay",
    "spread": "spread",
    "impact": "own impact",
    "timing": "timing",
    "fees": "fees",
    "opportunity": "missed fills",
}
"""Parts of the shortfall in words."""
CAUSES_TOLD: Final = 3
BENCHMARKS_TOLD: Final = {
    "single_exchange": "the best single exchange",
    "market_vwap": "the market's VWAP",
    "best_possible": "the best possible in hindsight",
}
"""Benchmarks that the headline names."""

_ENDS: Final = {
    "deadline": "; it ended at its deadline",
    "run_ended": "; it was open as the run ended",
    "aborted": "; it was open as the run was aborted",
    "no_venue": "; it ended because no venue was left",
    "no_answer": "; it ended because venues did not answer",
    "attempts_exhausted": "; it ended because its attempts were used up",
    "given_up": "; what came back was given up",
    "horizon": "; it ended with the horizon of its schedule",
    "kill_switch": "; the kill switch ended it",
    "control": "; a control ended it",
    "busted": "; the rest was taken back by busts",
}
_BPS: Final = Decimal("0.01")
_CENT: Final = Decimal("0.01")


def headline(document: Mapping[str, Any]) -> list[str]:
    """The sentences, the most important first.

    Args:
        document: The document with its parents, children and venues; what analyses have not filled
            in may be absent.
    """
    parents: Sequence[Mapping[str, Any]] = document["parents"]
    if not parents:
        return ["No order was worked: there is nothing to tell."]
    size = _Size(document["instrument"])
    said: list[str] = []
    if len(parents) <= EACH_MAX:
        for parent in parents:
            said += _one(parent, document, size)
    else:
        said += _many(parents, size)
    said += _short(document, size)
    said += _outcome(document)
    return said


def money(text: str) -> str:
    """An amount to the cent, thousands apart."""
    return f"{_rounded(Decimal(text), _CENT):,f}"


class _Size:
    """Says quantities of the instrument."""

    def __init__(self, instrument: Mapping[str, str]) -> None:
        self._lot = Decimal(instrument["lot_size"])
        self._symbol = instrument["symbol"]

    def number(self, lots: int) -> str:
        """A quantity without what it is of."""
        return f"{Decimal(plain(self._lot * lots)):,f}"

    def __call__(self, lots: int) -> str:
        return f"{self.number(lots)} {self._symbol}"


def _one(parent: Mapping[str, Any], document: Mapping[str, Any], size: _Size) -> Iterator[str]:
    name = parent["parent_id"]
    done = "Bought" if parent["side"] == "buy" else "Sold"
    filled, ordered = parent["filled_qty"], parent["order_qty"]
    if not filled:
        wanted = "buy" if parent["side"] == "buy" else "sell"
        yield f"{name}: nothing of {size(ordered)} to {wanted} was filled{_why_ended(parent)}."
    else:
        part = f"all {size(ordered)}"
        if filled != ordered:
            share = _rounded(Decimal(100 * filled) / ordered, Decimal("0.1"))
            part = f"{size.number(filled)} of {size(ordered)} ({share} %)"
        children = [one for one in document["children"] if one["parent_id"] == name]
        venues = {one["venue_id"] for one in children if one["filled_qty"]}
        took = _last_fill_ns(children) - parent["received_ns"]
        yield (
            f"{name}: {done.lower()} {part} at {_price(parent['avg_px'], document)} on average, at "
            f"{count(len(venues), 'venue')} with {count(parent['children'], 'child order')}, the "
            f"last fill {duration(took)} after the order came{_why_ended(parent)}."
        )
    yield from _cost(parent, document)
    yield from _benchmark(parent, document)


def average(text: str) -> str:
    """A price with as many digits as it needs."""
    return f"{Decimal(plain(Decimal(text))):,f}"


def _price(text: str, document: Mapping[str, Any]) -> str:
    """A price in words: with the digits that the tick has, and two more at most."""
    tick = len(document["instrument"]["tick_size"].partition(".")[2])
    value = _rounded(Decimal(text), Decimal(1).scaleb(-tick - 2))
    digits = max(tick, len(plain(value).partition(".")[2]))
    return f"{value:,.{digits}f}"


def _last_fill_ns(children: Sequence[Mapping[str, Any]]) -> int:
    return max(int(fill["heard_ns"]) for one in children for fill in one["executions"])


def _why_ended(parent: Mapping[str, Any]) -> str:
    reason = parent["end_reason"]
    if reason == "filled":
        return ""
    if reason is None:
        return "; it had not ended as the log ends"
    return f"; it ended by {reason.replace('_', ' ')}" if reason not in _ENDS else _ENDS[reason]


def _cost(parent: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    shortfall = parent.get("shortfall")
    if not shortfall:
        return
    total, bps = shortfall.get("total"), shortfall.get("total_bps")
    if total is None:
        reason = shortfall.get("why_not_available") or "it has no arrival price"
        yield f"What it cost against the arrival price is not available: {reason.rstrip('.')}."
        return
    how = "" if bps is None else f", {_abs_bps(bps)} bps of the order's value at arrival"
    mid = _price(parent["arrival_mid"], document)
    yield (
        f"Against the middle of the market at arrival ({mid}) it "
        f"{_cost_words(Decimal(total))} in all{how}."
    )
    yield from _made_of([shortfall["parts"]])


def _cost_words(total: Decimal) -> str:
    if not _rounded(total, _CENT):
        return "cost nothing"
    return f"{'cost' if total > 0 else 'earned'} {money(plain(abs(total)))}"


def _made_of(rows: Sequence[Mapping[str, str | None]]) -> Iterator[str]:
    """The parts of one shortfall, or of several added up, the largest first."""
    known = [name for name in rows[0] if all(row[name] is not None for row in rows)]
    sums = {name: sum((Decimal(row[name] or 0) for row in rows), Decimal(0)) for name in known}
    told = [
        f"{PART_WORDS.get(name, name)} {'+' if value > 0 else ''}{_rounded(value, _CENT):,f}"
        for name, value in sorted(sums.items(), key=lambda one: -abs(one[1]))  # stable
        if _rounded(value, _CENT)
    ]
    if len(known) < len(rows[0]) and not told:
        yield "What it is made of is not available."
    elif len(known) < len(rows[0]):
        yield (
            f"Of that, {listed(told)} is known (a cost is positive); the other parts are not "
            "available."
        )
    elif told:
        yield f"That is made of {listed(told)} (a cost is positive)."


def _benchmark(parent: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """The average price against the three that customers ask for."""
    told = []
    for one in parent.get("benchmarks") or ():
        bps = one["cost_bps"]
        if bps is None or one["name"] not in BENCHMARKS_TOLD:
            continue
        value = _rounded(Decimal(bps), _BPS)
        against = f"{BENCHMARKS_TOLD[one['name']]} ({_price(one['price'], document)})"
        if value:
            told.append(f"{abs(value)} bps {'worse' if value > 0 else 'better'} than {against}")
        else:
            told.append(f"the same as {against}")
    if told:
        yield f"Without fees its average price was {listed(told)}."


def _many(parents: Sequence[Mapping[str, Any]], size: _Size) -> Iterator[str]:
    whole = sum(1 for one in parents if one["filled_qty"] == one["order_qty"])
    none = sum(1 for one in parents if not one["filled_qty"])
    yield (
        f"{len(parents):,} parent orders: {whole:,} filled whole, "
        f"{len(parents) - whole - none:,} in part, {none:,} not at all."
    )
    for sides, done in ((("buy",), "Bought"), (("sell", "sell_short"), "Sold")):
        mine = [one for one in parents if one["side"] in sides]
        filled = sum(one["filled_qty"] for one in mine)
        if mine:
            ordered = sum(one["order_qty"] for one in mine)
            paid = sum((Decimal(one["notional"]) for one in mine), Decimal(0))
            yield (
                f"{done} {size.number(filled)} of {size(ordered)}, worth {money(plain(paid))} "
                "without fees."
            )
    known = [one for one in parents if (one.get("shortfall") or {}).get("total") is not None]
    if known:
        total = sum((Decimal(one["shortfall"]["total"]) for one in known), Decimal(0))
        of = "all" if len(known) == len(parents) else f"the {len(known):,} that had one"
        yield (f"Against the middle of the market at arrival, {of} together {_cost_words(total)}.")
        yield from _made_of([one["shortfall"]["parts"] for one in known])
        dearest = max(known, key=lambda one: Decimal(one["shortfall"]["total"]))
        yield (
            f"The dearest was {dearest['parent_id']} with {money(dearest['shortfall']['total'])}."
        )


def _short(document: Mapping[str, Any], size: _Size) -> Iterator[str]:
    """What child orders asked for and did not get."""
    parents = [one for one in document["parents"] if one.get("short_shares") is not None]
    asked = sum(one["requested_qty"] for one in document["children"])
    if not parents or not asked:
        return
    short = sum(one["short_shares"] for one in parents)
    if not short:
        yield f"Every child order got all that it asked for, {size(asked)} together."
        return
    causes: dict[str, int] = {}
    for parent in parents:
        for cause, lots in parent["causes"].items():
            causes[cause] = causes.get(cause, 0) + lots
    largest = sorted(((lots, cause) for cause, lots in causes.items() if lots), key=_by_size)
    told = [f"{size.number(lots)} ({cause.replace('_', ' ')})" for lots, cause in largest]
    more = len(told) - CAUSES_TOLD
    if more > 1:
        told = [*told[:CAUSES_TOLD], f"{more} smaller causes"]
    yield (
        f"Child orders asked for {size(asked)}, and {size.number(short)} of it did not come: "
        f"{listed(told)}."
    )


def _by_size(one: tuple[int, str]) -> tuple[int, str]:
    return -one[0], one[1]


def _outcome(document: Mapping[str, Any]) -> Iterator[str]:
    if document["fault"]:
        yield "The log could not be read to its end: these figures are of what stands before."
    elif document["outcome"] not in {"complete", None}:
        yield f"The run is {document['outcome']}: what was open as it ended counts as unfilled."


def _abs_bps(text: str) -> Decimal:
    return abs(_rounded(Decimal(text), _BPS))


def _rounded(value: Decimal, step: Decimal) -> Decimal:
    """Half-even, whatever the size."""
    with localcontext(prec=80):
        rounded = value.quantize(step, rounding=ROUND_HALF_EVEN)
    return rounded + 0  # no minus before a nought
