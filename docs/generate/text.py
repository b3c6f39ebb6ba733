"""Words for tables: docstrings as Markdown, and tables themselves."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

_NEXT_SENTENCE: Final = re.compile(r"\. [A-Z`]")


class DocsError(Exception):
    """The code lacks the words that a page needs."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar inside a cell is escaped."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in (header, *cells)]
    return [lines[0], "|---" * len(header) + "|", *lines[1:]]


def paragraphs(thing: Any) -> list[str]:
    """The paragraphs of a docstring as Markdown lines; its sections (``Args:`` ...) left out."""
    found = []
    for paragraph in inspect.cleandoc(thing.__doc__ or "").split("\n\n"):
        first = paragraph.split("\n")[0]
        if first.startswith("Source:") or (first.endswith(":") and first[:-1].isalpha()):
            continue
        found.append(markdown(paragraph))
    return [paragraph for paragraph in found if paragraph]


def cell(text: str) -> str:
    """One cell of a table: a single sentence goes without its full stop."""
    line = markdown(text)
    return line if _NEXT_SENTENCE.search(line) else line.removesuffix(".")


def markdown(text: str) -> str:
    """One line of Markdown from a docstring's paragraph."""
    return " ".join(text.split()).replace("``", "`").replace("**2", "²")
