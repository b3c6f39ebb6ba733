"""Tables of the audit log's records and their values, from the record types.

A field's words stand as a docstring below it, for which the source is read, since structs keep
none of fields. Names that mean the same in every record have their words in ``COMMON_FIELDS``.
"""

import re
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from docs.generate.text import DocsError, cell, paragraphs, table
from sim.audit.records import RECORD_TYPES, Record
from sim.protocol.enums import FIX_CXL_REJ_REASON, FIX_ORD_REJ_REASON
from sim.protocol.field_docs import field_docs
from sim.protocol.market_data import Levels

COMMON_FIELDS: Final = {
    "parent_id": "The parent order, by its `id` in the scenario.",
    "cl_ord_id": "The router's id of the child: `PARENT.VENUE.n`, the n-th child there.",
    "orig_cl_ord_id": "The child that the request is about.",
    "venue_id": "The venue, by its `id` in the scenario.",
    "order_id": "The venue's id of the order.",
    "exec_id": "The venue's number of the report, rising.",
    "venue_seq": "Number of the state of the venue's book.",
    "decision_id": "Number of the decision in this run, from 1.",
    "side": "Side of the order.",
    "order_qty": "Ordered.",
    "cum_qty": "Filled of the child so far.",
    "leaves_qty": "Still open of the child.",
    "processed_ns": "When the venue did it.",
    "sent_ns": "When the message left its sender.",
    "drawn_ns": "The latency model's part of its way.",
    "held_ns": "What first-in-first-out order and the venue's speed bump added to its way.",
}
_NONE: Final = re.compile(r"\bNone\b")
_LISTED: Final = 4
"""Values of a vocabulary that are named in place; longer ones have a table of their own."""
_UNITS: Final = (
    ("_ns", "ns"),
    ("_px", "ticks"),
    ("price", "ticks"),
    ("_qty", "lots"),
    ("qty", "lots"),
)


def record_tables() -> list[str]:
    """All kinds at a glance, then the fields of each."""
    rows = []
    for kind in RECORD_TYPES:
        name = tag_of(kind)
        rows.append((f"[`{name}`](#{name})", _words(kind)[0]))
    lines = table(("kind", "says"), rows)
    done: set[type] = set()
    for kind in RECORD_TYPES:
        more = _words(kind)[1:]
        lines += ["", f"### `{tag_of(kind)}`", "", *[line for text in more for line in (text, "")]]
        lines += table(("field", "type", "is"), field_rows(kind))
        for part in _parts(kind):
            if part not in done:
                done.add(part)
                lines += ["", f"`{part.__name__}`: {' '.join(_words(part))}", ""]
                lines += table(("field", "type", "is"), field_rows(part))
    return lines


def value_tables() -> list[str]:
    """The vocabularies that records use, value by value."""
    plain, lines = [], list[str]()
    for kind in _vocabularies():
        words = field_docs(kind)
        if words:
            lines += ["", f"`{kind.__name__}`: {_words(kind)[0]}", "", *_value_table(kind, words)]
        else:
            values = " ".join(f"`{one.value}`" for one in kind)
            plain.append((f"`{kind.__name__}`", values, _words(kind)[0]))
    return [*table(("name", "values", "is"), plain), *lines]


def _value_table(kind: type[Enum], words: Mapping[str, str]) -> list[str]:
    """One vocabulary whose members have docstrings, with FIX's numbers where it has some."""
    numbers: Mapping[Any, int] = {**FIX_ORD_REJ_REASON, **FIX_CXL_REJ_REASON}
    rows = []
    for one in kind:
        if one.name not in words:
            raise DocsError(f"{kind.__module__}: {kind.__name__}.{one.name} has no docstring")
        number = (str(numbers[one]),) if one in numbers else ()
        rows.append((f"`{one.value}`", *number, cell(words[one.name])))
    fix = ("FIX",) if any(one in numbers for one in kind) else ()
    return table(("value", *fix, "is"), rows)


def tag_of(kind: type[Record]) -> str:
    """The text of the field ``kind``."""
    return str(kind.__struct_config__.tag)


def _words(kind: type) -> list[str]:
    words = paragraphs(kind)
    if not words or (kind.__doc__ or "").startswith(f"{kind.__name__}("):
        raise DocsError(f"{kind.__module__}: {kind.__name__} has no docstring")
    return [_NONE.sub("null", text) for text in words]


def field_rows(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each field but ``t_ns``, which every record has.

    Raises:
        DocsError: If a field has no words.
    """
    hints, words = get_type_hints(kind), field_docs(kind)
    for name in kind.__struct_fields__:
        if name == "t_ns" and issubclass(kind, Record):
            continue
        text = words.get(name) or COMMON_FIELDS.get(name)
        if text is None:
            raise DocsError(
                f"{kind.__module__}: {kind.__name__}.{name} has no docstring below it: say what "
                "it is, with its unit"
            )
        yield f"`{name}`", _type(name, hints[name]), _NONE.sub("null", cell(text))


def _type(name: str, hint: Any) -> str:
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join(
            "null" if one is types.NoneType else _type(name, one) for one in get_args(hint)
        )
    if hint == Levels:
        return "list of `[ticks, lots]`"
    if hint is int:
        return next((unit for end, unit in _UNITS if name.endswith(end)), "integer")
    if hint in {str, bool, float}:
        return {str: "text", bool: "boolean", float: "number"}[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        values = [f"`{one.value}`" for one in hint]
        return ", ".join(values) if len(values) <= _LISTED else f"[{hint.__name__}](#values)"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"`{hint.__name__}`"
    if get_origin(hint) is tuple and get_args(hint)[1:] == (...,):
        return f"list of {_type('', get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return "mapping"
    raise DocsError(f"no words for the type {hint} of the field {name}")


def _parts(kind: type) -> Iterator[type[msgspec.Struct]]:
    """The structs inside a record's fields."""
    for hint in get_type_hints(kind).values():
        for one in (hint, *get_args(hint)):
            if isinstance(one, type) and issubclass(one, msgspec.Struct):
                yield one
                yield from _parts(one)


def _vocabularies() -> list[type[Enum]]:
    """The enums that fields of records hold, in their order of appearance."""
    found: dict[type[Enum], None] = {}

    def look(hint: Any) -> None:
        if isinstance(hint, type) and issubclass(hint, Enum):
            found[hint] = None
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            for inner in get_type_hints(hint).values():
                look(inner)
        for one in get_args(hint):
            look(one)

    for kind in RECORD_TYPES:
        look(kind)
    return list(found)
