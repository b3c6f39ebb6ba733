"""Where two pieces of plain data differ, by paths as ``--set`` writes them.

A list member is named by its id (``id``, or ``venue_id`` in records), by its index where it has
none. Knows no model and no record.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sim.audit.read import printable
from sim.scenario.document import quoted_key

ABSENT: Final = "absent"
"""Stands for a value that one side does not have."""

_BARE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MEMBER_ID: Final = re.compile(r"[A-Za-z0-9_.:/ -]{1,64}")
_ID_KEYS: Final = ("id", "venue_id", "cl_ord_id")
_VALUE_MAX: Final = 120


class FieldChange(msgspec.Struct, frozen=True):
    """One place where two pieces of data differ; ``old`` and ``new`` are short texts."""

    path: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}: {self.old} -> {self.new}"


def changes(old: Any, new: Any) -> list[FieldChange]:
    """Every place where ``new`` differs from ``old``, in the order of ``old``."""
    return list(_changes("", old, new))


def _changes(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            place = f"{path}.{key}" if path else key
            if not _BARE_KEY.fullmatch(key):
                place = f"{path}[{quoted_key(key)}]"
            yield from _changes(place, old.get(key, _NOTHING), new.get(key, _NOTHING))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_changes(path, old, new)
    elif type(old) is not type(new) or old != new:  # 1 is not true
        yield FieldChange(path, _text(old), _text(new))


def _list_changes(path: str, old: list[Any], new: list[Any]) -> Iterator[FieldChange]:
    by_id, by_new_id = _by_id(old), _by_id(new)
    if by_id is None or by_new_id is None:
        yield from _plain_list_changes(path, old, new)
        return
    for name in dict.fromkeys([*by_id, *by_new_id]):
        place = f"{path}[{name}]"
        yield from _changes(place, by_id.get(name, _NOTHING), by_new_id.get(name, _NOTHING))
    kept = [name for name in by_id if name in by_new_id]
    if kept != [name for name in by_new_id if name in by_id]:
        yield FieldChange(path, f"order {', '.join(by_id)}", f"order {', '.join(by_new_id)}")


def _plain_list_changes(path: str, old: list[Any], new: list[Any]) -> Iterator[FieldChange]:
    for index in range(max(len(old), len(new))):
        pair = [one[index] if index < len(one) else _NOTHING for one in (old, new)]
        # A price level is one thing: ["100.02", "40000"].
        if all(isinstance(item, dict) for item in pair):
            yield from _changes(f"{path}[{index}]", *pair)
        elif pair[0] != pair[1]:
            yield FieldChange(f"{path}[{index}]", _text(pair[0]), _text(pair[1]))


def _by_id(items: list[Any]) -> dict[str, Any] | None:
    """The members by their ids; None unless every member has one of its own."""
    for key in _ID_KEYS:
        ids = [item.get(key) for item in items if isinstance(item, dict)]
        named = [name for name in ids if isinstance(name, str) and _MEMBER_ID.fullmatch(name)]
        if len(set(named)) == len(items):
            return dict(zip(named, items, strict=True))
    return None


def _text(value: Any) -> str:
    if value is _NOTHING:
        return ABSENT
    if value is None:
        return "none"
    if isinstance(value, dict):  # a fault or a venue, whole: what it leaves open says nothing
        value = {key: part for key, part in value.items() if part is not None}
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    shown = printable(text)
    return shown if len(shown) <= _VALUE_MAX else f"{shown[:_VALUE_MAX]}..."


class _Nothing:
    """What is not there; it equals itself alone."""


_NOTHING: Final = _Nothing()
