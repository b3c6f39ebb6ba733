"""Tables of the page: columns, cells, and which rows to show when there are too many.

Pure data for the template, which escapes every text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from sim.report.page.text import MINUS, NONE, Figures, whole, words
from sim.report.words import duration

T = TypeVar("T")


class Cell(msgspec.Struct, frozen=True):
    """One cell.

    Attributes:
        text: What it says.
        href: Where it leads to on this page, with the ``#``.
        title: More about it, for who points at it.
        bar: Part of the column's width that a bar behind the text takes, from 0 to 1.
        inner: Part that a second, darker bar on top takes.
        venue: Number of the venue's colour; None: no mark.
        soft: Whether it matters less than the others.
        below: More about it in small letters, under the text.
    """

    text: str
    href: str = ""
    title: str = ""
    bar: float | None = None
    inner: float | None = None
    venue: int | None = None
    soft: bool = False
    below: str = ""


class Column(msgspec.Struct, frozen=True):
    """One column; numbers are set to the right, long texts may wrap."""

    title: str
    number: bool = False
    wrap: bool = False


class Table(msgspec.Struct, frozen=True):
    """One table; ``note`` says what is not shown."""

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    wide: bool = False


def number(text: str, *, soft: bool = False) -> Cell:
    """A cell of a number."""
    return Cell(text, soft=soft or text == NONE)


def choose(rows: Sequence[T], most: int, weight: Callable[[T], int]) -> list[T]:
    """At most ``most`` rows in their order: the first half, and of the others the weightiest.

    Where rows weigh the same, or nothing, the earlier one stays.
    """
    if len(rows) <= most:
        return list(rows)
    first = most - most // 2
    later = sorted(range(first, len(rows)), key=lambda place: (-weight(rows[place]), place))
    return [rows[place] for place in [*range(first), *sorted(later[: most - first])]]


def shown_of(shown: int, of: int, what: str, weightiest: str) -> str:
    """What a table leaves out, in words; nothing if it has all."""
    if shown == of:
        return ""
    return (
        f"{whole(shown)} of {whole(of)} {what} are shown: the first ones, "
        f"and of the others {weightiest}. The JSON form of the report has all of them."
    )


# ---------------------------------------------------------------- tables of other parts

ROWS_MAX = 120
"""Rows of a table that comes from another part as it is."""


def as_sections(value: Any, title: str, figures: Figures) -> list[dict[str, Any]]:
    """Whatever a part handed over, as titles, sentences and tables.

    A part says ``{"title", "text": [..], "approximate": [..], "tables": [{"title", "columns":
    [[key, heading]], "rows": [{..}]}]}``; any other shape is shown plainly, level by level.
    """
    if isinstance(value, Mapping) and "tables" in value:
        return [
            {
                "title": str(value.get("title") or title),
                "text": _sentences(value.get("text")),
                "approximate": _sentences(value.get("approximate")),
                "tables": [_given(table, figures) for table in value["tables"]],
            }
        ]
    section: dict[str, Any] = {"title": title, "text": [], "approximate": [], "tables": []}
    more: list[dict[str, Any]] = []
    _plainly(value, title, figures, section, more)
    return [section, *more]


def _plainly(
    value: Any, title: str, figures: Figures, section: dict[str, Any], more: list[dict[str, Any]]
) -> None:
    if isinstance(value, Mapping):
        pairs = {key: item for key, item in value.items() if not isinstance(item, list | Mapping)}
        if pairs:
            rows = [
                [Cell(words(str(key))), _cell(str(key), item, figures)]
                for key, item in pairs.items()
            ]
            section["tables"].append(Table(title, [Column("What"), Column("Value")], rows))
        for key, item in value.items():
            if isinstance(item, list | Mapping) and item:
                _plainly(item, words(str(key)), figures, section, more)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        keys = list(dict.fromkeys(key for row in value for key in row))
        flat = [
            key
            for key in keys
            if not any(isinstance(row.get(key), list | Mapping) for row in value)
        ]
        table = {"title": title, "columns": [[key, words(key)] for key in flat], "rows": value}
        section["tables"].append(_given(table, figures))
    else:
        section["text"] += _sentences(value)


def _sentences(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _given(table: Mapping[str, Any], figures: Figures) -> Table:
    rows = list(table.get("rows") or [])
    keys = [(str(key), str(heading)) for key, heading in table.get("columns") or []]
    shown = rows[:ROWS_MAX]
    cells = [[_cell(key, row.get(key), figures) for key, _ in keys] for row in shown]
    columns = [
        Column(
            heading,
            number=_is_number([row.get(key) for row in rows]),
            wrap=any(len(cells[place][at].text) > 40 for place in range(len(shown))),
        )
        for at, (key, heading) in enumerate(keys)
    ]
    left = len(rows) - len(shown)
    note = f"{whole(left)} more rows are in the JSON form of the report." if left else ""
    return Table(str(table.get("title") or ""), columns, cells, note, wide=len(keys) > 7)


def _is_number(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float) or _looks_decimal(value) for value in known
    )


def _looks_decimal(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return value.lstrip("-").replace(".", "", 1).isdecimal() and value.isascii()


def _cell(key: str, value: Any, figures: Figures) -> Cell:
    """A value by what the name of its column says it is."""
    if value is None:
        return Cell(NONE, soft=True, title="not available")
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int):
        if key.endswith("_ns"):
            return Cell(duration(value))
        if key.endswith(("_qty", "_lots", "_shares")) or key in {"qty", "shares", "lots"}:
            return Cell(figures.qty(value))
        return Cell(whole(value))
    if isinstance(value, list | tuple | Mapping):
        parts = value.items() if isinstance(value, Mapping) else enumerate(value)
        return Cell(
            ", ".join(
                f"{words(str(name))} {part}" if isinstance(value, Mapping) else str(part)
                for name, part in parts
            )
        )
    text = str(value)
    if _looks_decimal(text):
        sign, rest = (MINUS, text[1:]) if text.startswith("-") else ("", text)
        head, point, tail = rest.partition(".")
        return Cell(f"{sign}{int(head or 0):,}{point}{tail}")
    return Cell(text if " " in text or not text.islower() else words(text))
