"""The report as Markdown: the document's rows as tables, for terminals, tickets and mail.

Long tables are cut and say of how much; the JSON form has all of it. Text from a log may be
anybody's: what Markdown or a terminal would obey is escaped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sim.report.attribution.causes import SAYS
from sim.report.document.headline import PART_WORDS, average, money
from sim.report.words import duration, instant

PARENTS_MAX: Final = 50
CHILDREN_MAX: Final = 40
DECISIONS_MAX: Final = 12
ROWS_MAX: Final = 60
"""Rows that a table shows."""

NOT_AVAILABLE: Final = "n/a"
"""What stands for null."""

_OBEYED: Final = str.maketrans(
    {
        "\\": "\\\\",
        "|": "\\|",
        "`": "\\`",
        "*": "\\*",
        "[": "\\[",
        "]": "\\]",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
    }
)
_SAYS: Final = {cause.value: words for cause, words in SAYS.items()}
_LONG_NUMBER: Final = re.compile(r"-?[0-9]{4,}\.[0-9]+")
_MEDIAN, _HIGH, _MOST = 50, 99, 100

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


def markdown(document: Mapping[str, Any]) -> str:
    """The whole report as text with a newline at its end."""
    lines = [
        f"# {escaped(document['scenario'])}: report of a run",
        "",
        f"Seed {document['seed']}, sorsim {escaped(document['code_version'])}, "
        f"{_outcome(document)}, {document['records']:,} records, head of the audit log "
        f"`{escaped(document['audit_head'])}`. Quantities in tables are lots of "
        f"{document['instrument']['lot_size']} {escaped(document['instrument']['symbol'])}; a cost "
        f"is positive; {NOT_AVAILABLE}: not available.",
        "",
    ]
    for heading, body in _sections(document):
        block = list(body)
        while block and not block[-1]:
            block.pop()
        if block:
            lines += [f"## {heading}", "", *block, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def escaped(text: Any) -> str:
    """Foreign text as it may stand in Markdown on a terminal, on one line."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))
    return shown.translate(_OBEYED)


def _sections(document: Mapping[str, Any]) -> Iterator[tuple[str, Iterable[str]]]:
    yield "In short", _items(document["headline"])
    yield "What is missing", _items(document["missing"])
    yield "Orders", _table(_parents(document["parents"]), len(document["parents"]), PARENTS_MAX)
    yield "What they cost", _costs(document["parents"])
    yield "Benchmarks", _benchmarks(document["parents"])
    yield "What child orders asked for and did not get", _causes(document)
    yield "Filled worse than the quote acted upon", _worse(document)
    yield "Venues", _table(_venues(document["venues"]))
    yield "Delays", _table(_delays(document["latencies"]))
    if document.get("wrong"):
        yield escaped(document["wrong"]["title"]), _given(document["wrong"])
    yield "Decisions", _decisions(document["decisions"])
    yield "Child orders", _children(document["children"])
    for section in (document.get("evidence") or {}).values():
        if isinstance(section, dict) and "title" in section:
            yield escaped(section["title"]), _given(section)
    for section in document.get("study") or ():
        yield escaped(section["title"]), _given(section)
    yield "Assumptions", _items(document["assumptions"])


def _outcome(document: Mapping[str, Any]) -> str:
    return document["outcome"] or "no end in the log"


def _items(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield f"- {escaped(sentence)}"


def _table(table: Table, of: int = 0, most: int = ROWS_MAX) -> Iterator[str]:
    """A table of texts that are escaped here; nothing at all without rows."""
    heads, rows = table
    shown: list[Sequence[Any]] = []
    more = 0
    for row in rows:
        if len(shown) < most:
            shown.append(row)
        else:
            more += 1
    if not shown:
        return
    right = [all(_is_number(row[n]) for row in shown) for n in range(len(heads))]
    yield f"| {' | '.join(map(escaped, heads))} |"
    yield f"|{'|'.join('---:' if one else '---' for one in right)}|"
    for row in shown:
        yield f"| {' | '.join(_cell(value) for value in row)} |"
    more += max(0, of - len(shown) - more)
    if more:
        yield ""
        yield f"{more:,} more rows are in the JSON form."


def _cell(value: Any) -> str:
    if value is None:
        return NOT_AVAILABLE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return escaped(value)


def _is_number(value: Any) -> bool:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return True
    text = str(value)
    return text[:1].isdigit() or (text[:1] in {"-", "+"} and text[1:2].isdigit())


def _parents(parents: Sequence[Mapping[str, Any]]) -> Table:
    heads = ("order", "side", "asked", "filled", "average", "mid at arrival", "fees", "ended")
    return heads, (
        (
            one["parent_id"],
            one["side"],
            one["order_qty"],
            one["filled_qty"],
            None if one["avg_px"] is None else average(one["avg_px"]),
            _grouped(one["arrival_mid"]),
            _grouped(one["fees"]),
            "not ended" if one["end_reason"] is None else one["end_reason"].replace("_", " "),
        )
        for one in parents[:PARENTS_MAX]
    )


def _costs(parents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The implementation shortfall by its parts."""
    known = [one for one in parents if (one.get("shortfall") or {}).get("total") is not None]
    if known:
        names = list(known[0]["shortfall"]["parts"])
        heads = ("order", *(PART_WORDS.get(name, name) for name in names), "total", "bps")
        rows = (
            (
                one["parent_id"],
                *(_money(one["shortfall"]["parts"][name]) for name in names),
                _money(one["shortfall"]["total"]),
                _short_bps(one["shortfall"]["total_bps"]),
            )
            for one in known[:PARENTS_MAX]
        )
        yield from _table((heads, rows), len(known), PARENTS_MAX)
    lacking = [one for one in parents if one.get("shortfall") and one not in known]
    if known:
        yield ""
    for one in lacking[:PARENTS_MAX]:
        reason = one["shortfall"].get("why_not_available") or "no reason is known"
        yield f"- {escaped(one['parent_id'])}: not available: {escaped(reason)}"
    for one in known[:PARENTS_MAX]:
        why = one["shortfall"].get("why_not_available")
        for note in [*([f"parts are not available: {why}"] if why else []), *_notes(one)]:
            yield f"- {escaped(one['parent_id'])}: {escaped(note)}"


def _notes(parent: Mapping[str, Any]) -> Sequence[str]:
    """What is approximate about the cost of a parent."""
    return parent["shortfall"].get("notes") or ()


def _benchmarks(parents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (
            parent["parent_id"],
            one["title"],
            None if one.get("price") is None else average(one["price"]),
            _money(one.get("cost")),
            _short_bps(one.get("cost_bps")),
        )
        for parent in parents[:PARENTS_MAX]
        for one in parent.get("benchmarks") or ()
    ]
    heads = ("order", "against", "its price", "cost against it", "bps")
    yield from _table((heads, rows))
    if not rows:
        return
    yield ""
    told = [one for parent in parents for one in parent.get("benchmarks") or ()]
    about: dict[str, str] = {}
    for one in told:
        approximate = one.get("approximate")
        words = f"{one['what']}. Approximate: {approximate}." if approximate else f"{one['what']}."
        about.setdefault(one["title"], words)
    yield from _items(f"{title}: {words}" for title, words in about.items())
    yield from _items(
        f"{parent['parent_id']}, {one['title']}: {one['why_not_available']}."
        for parent in parents[:PARENTS_MAX]
        for one in parent.get("benchmarks") or ()
        if one.get("why_not_available")
    )


def _causes(document: Mapping[str, Any]) -> Iterator[str]:
    """Causes by order, in the order in which they were first met."""
    totals: dict[str, dict[str, int]] = {}
    for parent in document["parents"]:
        if parent.get("causes"):
            totals[parent["parent_id"]] = parent["causes"]
    names = list(
        dict.fromkeys(name for causes in totals.values() for name, lots in causes.items() if lots)
    )
    if not names:
        return
    heads = ("order", *(name.replace("_", " ") for name in names), "in all")
    rows = (
        (name, *(causes.get(one, 0) for one in names), sum(causes.values()))
        for name, causes in totals.items()
    )
    yield from _table((heads, rows))
    yield ""
    yield from _items(f"{name.replace('_', ' ')}: {_SAYS[name]}." for name in names)


def _worse(document: Mapping[str, Any]) -> Iterator[str]:
    """What filled worse than shown, its cost and its causes, by order; nothing if nothing did."""
    found = {
        parent["parent_id"]: parent["worse"]
        for parent in document["parents"]
        if (parent.get("worse") or {}).get("qty")
    }
    names = list(dict.fromkeys(name for worse in found.values() for name in worse["causes"]))
    if not names:
        return
    heads = ("order", *(name.replace("_", " ") for name in names), "in all", "cost")
    rows = (
        (name, *(one["causes"].get(cause, 0) for cause in names), one["qty"], one["cost"])
        for name, one in found.items()
    )
    yield from _table((heads, rows))
    yield ""
    why = "Why lots were not had at the price that the decision had been shown for them."
    yield from _items([why, "The cost is what they cost more than shown, without fees."])


def _venues(venues: Sequence[Mapping[str, Any]]) -> Table:
    heads = ("venue", "kind", "orders", "routed", "filled", "fill rate", "average", "fees", "short")
    return heads, (
        (
            one["venue_id"],
            one["kind"],
            one["children"],
            one["routed_qty"],
            one["filled_qty"],
            None if one["fill_rate"] is None else f"{Decimal(one['fill_rate']):.1%}",
            None if one["avg_px"] is None else average(one["avg_px"]),
            _grouped(one["fees"]),
            one["short_qty"],
        )
        for one in venues
    )


def _delays(latencies: Sequence[Mapping[str, Any]]) -> Table:
    heads = ("venue", "way", "messages", "median", "99 %", "longest")
    words = {
        "order": "order to the venue",
        "report": "report back",
        "in_venue": "in the venue",
        "quote_age": "age of the quote used",
    }
    return heads, (
        (
            one["venue_id"],
            words.get(one["leg"], one["leg"]),
            one["count"],
            *(duration(one["percentiles_ns"][p]) for p in (_MEDIAN, _HIGH, _MOST)),
        )
        for one in latencies
    )


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each decision with the venues as they ranked."""
    heads = ("rank", "venue", "available", "price", "sent", "filled", "why not", "evidence")
    for one in decisions[:DECISIONS_MAX]:
        yield (
            f"**D{one['decision_id']}**, {escaped(one['parent_id'])}, at {instant(one['t_ns'])}: "
            f"{escaped(one['reason']).replace('_', ' ')}, {one['sent_qty']:,} of "
            f"{one['unreserved_qty']:,} lots sent"
        )
        yield ""
        rows = (
            (
                row.get("rank"),
                row["venue_id"],
                row.get("available_qty"),
                _grouped(row.get("price")),
                row["allocated_qty"],
                row.get("filled_qty"),
                str(row.get("why") or "").replace("_", " "),
                row.get("evidence") or "",
            )
            for row in one["venues"]
        )
        yield from _table((heads, rows))
        yield ""
    if len(decisions) > DECISIONS_MAX:
        yield f"{len(decisions) - DECISIONS_MAX:,} more decisions are in the JSON form."


def _children(children: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    heads = (
        "child order",
        "sent at",
        "asked",
        "limit",
        "shown",
        "quote age",
        "arrived",
        "ended",
        "filled",
        "average",
        "end",
    )
    rows = (
        (
            one["cl_ord_id"],
            instant(one["sent_ns"]),
            one["requested_qty"],
            _grouped(one["price"]),
            _grouped(one["shown_px"]),
            None if one["quote_age_ns"] is None else duration(one["quote_age_ns"]),
            None if one["arrived_ns"] is None else instant(one["arrived_ns"]),
            None if one["ended_ns"] is None else instant(one["ended_ns"]),
            one["filled_qty"],
            None if one["avg_px"] is None else average(one["avg_px"]),
            (one["reject_reason"] or one["end"]).replace("_", " "),
        )
        for one in children[:CHILDREN_MAX]
    )
    yield from _table((heads, rows), len(children), CHILDREN_MAX)


def _given(section: Mapping[str, Any]) -> Iterator[str]:
    """A section that an analysis made: sentences and tables."""
    yield from _items(section.get("text") or ())
    yield from _items(f"Approximate: {one}" for one in section.get("approximate") or ())
    for table in section.get("tables") or ():
        if not table["rows"]:
            continue
        yield ""
        if table.get("title"):
            yield f"**{escaped(table['title'])}**"
            yield ""
        keys = [key for key, _ in table["columns"]]
        heads = [heading for _, heading in table["columns"]]
        yield from _table(
            (heads, ([_value(key, row.get(key)) for key in keys] for row in table["rows"]))
        )


_NAMES: Final = frozenset({"order_type", "order_kind", "reason", "detail", "exceptions", "kind"})
"""Columns of names of the vocabulary, which read better as words."""


def _value(key: str, value: Any) -> Any:
    """A value of an analysis' table; times in a unit that people read."""
    if key.endswith("_ns") and isinstance(value, int):
        return duration(value)
    if isinstance(value, (dict, list)):
        return ", ".join(map(str, value))
    if key in _NAMES and isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, str) and _LONG_NUMBER.fullmatch(value):
        return _grouped(value)
    return value


def _grouped(text: str | None) -> str | None:
    """A decimal as it is, thousands apart."""
    return None if text is None else f"{Decimal(text):,f}"


def _money(text: str | None) -> str | None:
    return _small(text) or (None if text is None else money(text))


def _small(text: str | None) -> str | None:
    """What would round to nought, with one digit: it must not read as nought."""
    value = Decimal(text or 0)
    if not value or value.quantize(Decimal("0.01")):
        return None
    return f"{Decimal(f'{value:.1g}'):f}"


def _short_bps(text: str | None) -> str | None:
    """Basis points to the hundredth."""
    return _small(text) or (
        None if text is None else f"{Decimal(text).quantize(Decimal('0.01')) + 0:,f}"
    )
