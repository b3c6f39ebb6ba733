"""Tables of the page: columns, cells, and which rows to show when there are too many.

Pure data for the template, which escapes every text.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from sim.report.page.text import NONE, whole

T = TypeVar("T")


class Cell(msgspec.Struct, frozen=True):
    """One cell.

    Attributes:
        text: What it says.
        href: Where it leads to on this page, with the ``#``.
        title: More about it, for who points at it.
        bar: Part of the column's width that a bar behind the text takes, from 0 to 1.
        inner: Part that a second, darker bar on top takes.
        venue: Classes of the venue's mark; empty: no mark.
        soft: Whether it matters less than the others.
        below: More about it in small letters, under the text.
    """

    text: str
    href: str = ""
    title: str = ""
    bar: float | None = None
    inner: float | None = None
    venue: str = ""
    soft: bool = False
    below: str = ""


class Column(msgspec.Struct, frozen=True):
    """One column; numbers are set to the right, long texts may wrap."""

    title: str
    number: bool = False
    wrap: bool = False


class Table(msgspec.Struct, frozen=True):
    """One table; ``note`` says what is not shown. A long one may come folded."""

    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    wide: bool = False
    folded: bool = False


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
