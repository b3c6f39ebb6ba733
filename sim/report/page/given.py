"""Sections that other parts hand over, such as evidence and studies, as sentences and tables.

A part says ``{"title", "text": [..], "approximate": [..], "tables": [{"title", "columns":
[[key, heading]], "rows": [{..}]}]}``. Any other shape is shown plainly, level by level, so that
nothing is lost. The name of a column says what its integers are: ``_qty`` lots, ``_ns`` a duration,
``t_ns`` and ``at_ns`` an instant.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from sim.report.page.plots.base import Marks
from sim.report.page.tables import Cell, Column, Table
from sim.report.page.text import NONE, Figures, signed, whole, words
from sim.report.words import duration, instant

ROWS_MAX: Final = 120
"""Rows of a table that comes from another part."""
UNFOLDED_MAX: Final = 12
"""A table with more rows comes folded, as do all but the first of three and more."""
_DIGITS_MAX: Final = 4
_LOTS: Final = frozenset({"qty", "lots", "shares"})
_INSTANTS: Final = frozenset({"t_ns", "at_ns"})
_IDS: Final = frozenset({"fault_id"})
"""Columns of ids that are no venue's: they stand as the scenario has them."""


class Section(msgspec.Struct):
    """One section: what it says, what of it is approximate, and its tables."""

    title: str
    text: list[str] = []
    approximate: list[str] = []
    tables: list[Table] = []


class Given:
    """Makes sections of one document.

    Args:
        figures: Says quantities.
        marks: Colours of venues.
        venues: Their ids: cells that hold one get its mark.
        origin_ns: When the first order arrived: instants count from it.
    """

    def __init__(
        self, figures: Figures, marks: Marks, venues: Sequence[str], origin_ns: int
    ) -> None:
        self._figures = figures
        self._marks = marks
        self._venues = frozenset(venues)
        self._origin = origin_ns

    def sections(self, value: Any, title: str) -> list[Section]:
        """Whatever a part handed over."""
        if isinstance(value, Mapping) and "tables" in value:
            tables = [self._table(table) for table in value["tables"]]
            return [
                Section(
                    str(value.get("title") or title),
                    _sentences(value.get("text")),
                    _sentences(value.get("approximate")),
                    _folded([table for table in tables if table.rows]),
                )
            ]
        section = Section(title)
        self._plainly(value, title, section)
        section.tables = _folded(section.tables)
        return [section]

    def _plainly(self, value: Any, title: str, section: Section) -> None:
        if isinstance(value, Mapping):
            pairs = {k: item for k, item in value.items() if not isinstance(item, list | Mapping)}
            if pairs:
                rows = [
                    [Cell(words(str(key))), self._cell(str(key), item, _DIGITS_MAX)]
                    for key, item in pairs.items()
                ]
                section.tables.append(Table(title, [Column("What"), Column("Value")], rows))
            for key, item in value.items():
                if isinstance(item, list | Mapping) and item:
                    self._plainly(item, _heading(words(str(key))), section)
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            keys = list(dict.fromkeys(key for row in value for key in row))
            columns = [[key, words(str(key))] for key in keys]
            section.tables.append(self._table({"title": title, "columns": columns, "rows": value}))
        else:
            section.text.extend(_sentences(value))

    def _table(self, table: Mapping[str, Any]) -> Table:
        rows = list(table.get("rows") or [])
        shown = rows[:ROWS_MAX]
        columns: list[Column] = []
        cells: list[list[Cell]] = [[] for _ in shown]
        for name, heading in table.get("columns") or []:
            key = str(name)
            values = [row.get(key) for row in rows]
            digits = _digits(values, str(heading))
            longest = 0
            for place, value in enumerate(values[: len(shown)]):
                cell = self._cell(key, value, digits)
                longest = max(longest, len(cell.text))
                cells[place].append(cell)
            columns.append(
                Column(_heading(str(heading)), number=_is_number(values), wrap=longest > 28)
            )
        left = len(rows) - len(shown)
        note = f"{whole(left)} more rows are in the JSON form of the report." if left else ""
        return Table(
            str(table.get("title") or ""),
            columns,
            cells,
            note,
            wide=len(columns) > 7,
        )

    def _cell(self, key: str, value: Any, digits: int) -> Cell:
        """A value by its type and by what the name of its column says."""
        if value is None:
            return Cell(NONE, soft=True, title="not available")
        if isinstance(value, bool):
            return Cell("yes" if value else "no")
        if isinstance(value, int):
            return Cell(self._integer(key, value), soft=not value)
        if isinstance(value, Mapping):
            parts = [f"{words(str(name))} {part}" for name, part in value.items()]
            return Cell(", ".join(parts))
        if isinstance(value, list | tuple):
            return Cell(", ".join(words(str(part)) for part in value))
        text = str(value)
        if _is_decimal(text):
            return Cell(signed(text, digits, plus=False), soft=not Decimal(text))
        if text in self._venues:
            return Cell(text, venue=self._marks.dot(text))
        is_name = key not in _IDS and text.islower() and " " not in text
        is_name = is_name and not text.endswith("_ns")
        return Cell(words(text) if is_name else text)

    def _integer(self, key: str, value: int) -> str:
        if key in _INSTANTS:
            return instant(value - self._origin)
        if key.endswith("_ns"):
            return duration(value)
        if value and (key.endswith(("_qty", "_lots", "_shares")) or key in _LOTS):
            return self._figures.qty(value)
        return whole(value)


def _folded(tables: Sequence[Table]) -> list[Table]:
    """Of many tables the first is open, unless it is long; who wants the others unfolds them."""
    many = len(tables) > 2
    return [
        msgspec.structs.replace(
            table, folded=(many and place > 0) or len(table.rows) > UNFOLDED_MAX
        )
        for place, table in enumerate(tables)
    ]


def shortened(section: Any) -> Any:
    """A section with no more rows in its tables than the page shows."""
    if not isinstance(section, Mapping) or "tables" not in section:
        return section
    tables = [
        {**table, "rows": list(table.get("rows") or [])[:ROWS_MAX]} for table in section["tables"]
    ]
    return {**section, "tables": tables}


def _heading(text: str) -> str:
    return text if text.startswith("bps") else text[:1].upper() + text[1:]


def _sentences(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _digits(values: Sequence[Any], heading: str) -> int:
    """Digits behind the point that a column of decimals is worth."""
    most = 2 if "%" in heading or "bps" in heading.lower() else _DIGITS_MAX
    tails = [
        len(value.partition(".")[2].rstrip("0"))
        for value in values
        if isinstance(value, str) and _is_decimal(value)
    ]
    return min(max(tails, default=0), most)


def _is_number(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return all(
        isinstance(value, int | float) or (isinstance(value, str) and _is_decimal(value))
        for value in known
    )


def _is_decimal(text: str) -> bool:
    return (
        (len(text) <= 40 and text.isascii() and text.lstrip("-").replace(".", "", 1).isdecimal())
        and not text.startswith(("--", "."))
        and not text.endswith(".")
    )
