"""Words that messages about a scenario share: what was found, and what was probably meant."""

import difflib
from collections.abc import Iterable
from typing import Final

from sim.scenario.nodes import ListNode, MapNode, Node
from sim.scenario.scalars import shown

MAX_MESSAGE_CHARS: Final = 400


def shown_words(message: str) -> str:
    """A message of another author: printable, on one line, shortened."""
    words = message if message.isprintable() else ascii(message)[1:-1]
    return words if len(words) <= MAX_MESSAGE_CHARS else words[:MAX_MESSAGE_CHARS] + "..."


def found(node: Node | None) -> str:
    """What stands at a place, in words, escaped and shortened."""
    if node is None:
        return "nothing"
    if isinstance(node, ListNode):
        return f"a list of {len(node.items)}" if node.items else "an empty list"
    if isinstance(node, MapNode):
        return f"a mapping of {len(node.items)}" if node.items else "an empty mapping"
    value = node.value
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"text {shown(value)}" if isinstance(value, str) else f"number {node.text}"


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that was most likely meant, None if none is near.

    Upper and lower case count as equal, and so do ``-`` and ``_``.
    """
    by_form = {_form(candidate): candidate for candidate in allowed}
    close = difflib.get_close_matches(_form(word[:80]), by_form, n=1, cutoff=0.6)
    return by_form[close[0]] if close else None


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """``; did you mean 'duration'?``, or nothing if no allowed word is near."""
    near = nearest(word, allowed)
    return "" if near is None else f"; did you mean {shown(near)}?"


def _form(word: str) -> str:
    return word.lower().replace("-", "_")
