"""Overrides such as ``--set 'venues[NYSE].latency.order.delay=20ms'``, applied before validation.

A path is keys and list members: ``venues[NYSE].fees.taker``, ``parents[0].qty``,
``study.grid["a.b"]``. A member is named by its id, or by its index if no member has that id. The
value is a plain scalar under the rules of the file, or a quoted scalar, list or mapping in YAML's
flow form. What an override wrote has the override as its place, so that every later problem with it
names the command line and not a line of the file.
"""

import json
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from sim.scenario.document import Document, member_id, quoted_key
from sim.scenario.nodes import (
    MAX_DEPTH,
    MAX_KEY_CHARS,
    MAX_TEXT_CHARS,
    Finding,
    ListNode,
    MapNode,
    Node,
    Path,
    Place,
    ScalarNode,
)
from sim.scenario.scalars import ScalarError, char_name, resolve_plain, shown, unprintable
from sim.scenario.tree import read_text
from sim.scenario.wording import did_you_mean, found

MAX_LISTED_MEMBERS: Final = 20

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MEMBER: Final = re.compile(r'\[([^\[\]"]+)\]')
_QUOTED_KEY: Final = re.compile(r'\[("(?:[^"\\]|\\.)*")\]')
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")
# A value that starts so is read by YAML itself; a tag, an anchor or an alias only to be refused
# there.
_YAML_STARTS: Final = frozenset("{['\"!&*")


class Step(NamedTuple):
    """One step of a path: a key, or what stood between brackets (an id, an index or a key)."""

    name: str
    is_key: bool


class OverrideError(ValueError):
    """An override that cannot be applied; carries how far its path was understood."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(message)


def apply_overrides(document: Document, texts: Iterable[str], *, option: str = "--set") -> None:
    """Apply ``PATH=VALUE`` texts in their order; a later one wins over an earlier one.

    What cannot be applied is noted in the document's findings, so that it comes with all other
    problems. A missing key is created, for validation to judge; a missing list member is an error.

    Args:
        document: Is changed in place.
        texts: As given on the command line.
        option: What the messages call the place, before the text.
    """
    for text in texts:
        place = Place(f"{option} {_shortened(text)}", 0, 0)
        path: Path = ()
        try:
            steps, value = split_override(text)
            path = resolve_steps(document, steps)
            node = _value_node(value, place)
        except OverrideError as error:
            document.findings.append(Finding(place, path or error.path, str(error)))
            continue
        if isinstance(node, list):
            document.findings += [Finding(place, path + one.path, one.message) for one in node]
            continue
        _put_at(document.root, path, node, place)
        document.touched()


def split_override(text: str) -> tuple[tuple[Step, ...], str]:
    """The path and the value text of ``PATH=VALUE``.

    Raises:
        OverrideError: If it has no such form.
    """
    steps, end = _scan_path(text)
    if end >= len(text) or text[end] != "=":
        rest = f", but {shown(text[end:])} follows" if end < len(text) else ""
        raise OverrideError((), f"found no = after the path{rest}; allowed: PATH=VALUE")
    return steps, text[end + 1 :]


def split_path(text: str) -> tuple[Step, ...]:
    """The steps of a path such as ``venues[NYSE].fees.taker``.

    Raises:
        OverrideError: If it has no such form.
    """
    steps, end = _scan_path(text)
    if end < len(text):
        raise OverrideError(
            (), f"found {shown(text[end:])} in the path; allowed: keys and [members]"
        )
    return steps


def resolve_steps(document: Document, steps: tuple[Step, ...]) -> Path:
    """Keys and indexes of a path whose lists and members exist; its last keys need not.

    Raises:
        OverrideError: If a member is missing, or a step goes into something that has no such part.
    """
    path: Path = ()
    node: Node | None = document.root
    for step in steps:
        node = _skip_null(node, step)
        key = _key_of(document, node, step, path)
        path = (*path, key)
        if isinstance(node, MapNode) and isinstance(key, str):
            node = node.items.get(key)
        elif isinstance(node, ListNode) and isinstance(key, int):
            node = node.items[key]
    return path


def _put_at(root: MapNode, path: Path, node: Node, place: Place) -> None:
    """Put a node at a path whose list members exist; missing mappings on the way are made."""
    container: MapNode | ListNode = root
    for step in path[:-1]:
        child = _child_of(container, step)
        if not isinstance(child, MapNode | ListNode):
            child = MapNode(place)
            _put(container, step, child, place)
        container = child
    _put(container, path[-1], node, place)


def _child_of(container: MapNode | ListNode, step: str | int) -> Node | None:
    if isinstance(container, MapNode):
        return container.items.get(str(step))
    return container.items[int(step)]


def _put(container: MapNode | ListNode, step: str | int, node: Node, place: Place) -> None:
    if isinstance(container, MapNode):
        container.items[str(step)] = node
        container.keys[str(step)] = place
    else:
        container.items[int(step)] = node


def _skip_null(node: Node | None, step: Step) -> Node | None:
    """A key below nothing (``audit:`` with no value) goes into a mapping that is yet to be made."""
    if isinstance(node, ScalarNode) and node.value is None and step.is_key:
        return None
    return node


def _key_of(document: Document, node: Node | None, step: Step, path: Path) -> str | int:
    """The key or index that a step means at a node; None is a mapping that is yet to be made."""
    if isinstance(node, ListNode):
        if step.is_key:
            where = document.printed(path)
            message = f"found the key {shown(step.name)} in a list; allowed: a member, {where}[...]"
            raise OverrideError(path, message)
        return _member_index(node, step.name, path)
    if isinstance(node, MapNode):
        if not step.is_key and step.name not in node.items and _INDEX.fullmatch(step.name):
            raise OverrideError(path, f"found the index [{step.name}] in a mapping; allowed: a key")
        return step.name
    if node is not None:
        raise OverrideError(path, f"found {found(node)}, which has no part {shown(step.name)}")
    if not step.is_key:
        parent = document.node(path[:-1])
        keys = list(parent.items) if isinstance(parent, MapNode) else []
        near = did_you_mean(str(path[-1]), keys)
        raise OverrideError(path, f"found no list here{near or '; allowed: a list that exists'}")
    return step.name


def _member_index(node: ListNode, name: str, path: Path) -> int:
    ids = [member_id(item) for item in node.items]
    if ids.count(name) == 1:
        return ids.index(name)
    if name in ids:
        raise OverrideError(
            path, f"found {ids.count(name)} members with the id {shown(name)}; allowed: one"
        )
    if _INDEX.fullmatch(name) and int(name) < len(ids):
        return int(name)
    known = [held for held in ids if held is not None]
    if known:
        listed = ", ".join(known[:MAX_LISTED_MEMBERS])
        more = (
            f" and {len(known) - MAX_LISTED_MEMBERS} more"
            if len(known) > MAX_LISTED_MEMBERS
            else ""
        )
        allowed = f"{listed}{more}, or an index below {len(ids)}"
    else:
        allowed = f"an index below {len(ids)}" if ids else "nothing, for the list is empty"
    raise OverrideError(
        path, f"found no member {shown(name)}; allowed: {allowed}{did_you_mean(name, known)}"
    )


def _scan_path(text: str) -> tuple[tuple[Step, ...], int]:
    """The steps at the start of a text, and where they end."""
    steps: list[Step] = []
    at = 0
    while True:
        if match := _QUOTED_KEY.match(text, at) if steps else None:
            steps.append(Step(_unquoted(match[1]), is_key=True))
        elif match := _MEMBER.match(text, at) if steps else None:
            steps.append(Step(match[1], is_key=False))
        elif match := _NAME.match(text, at + 1 if steps else at):
            if steps and text[at] != ".":
                return tuple(steps), at
            steps.append(Step(match[0], is_key=True))
        elif steps:
            return tuple(steps), at
        else:
            raise OverrideError(
                (), f"found {shown(text)}; allowed: PATH=VALUE, the path starting with a key"
            )
        if len(steps) > MAX_DEPTH:
            raise OverrideError((), f"found a path of more than {MAX_DEPTH} steps; allowed: fewer")
        at = match.end()


def _unquoted(literal: str) -> str:
    try:
        key = json.loads(literal)
    except ValueError:
        key = ""
    if not isinstance(key, str) or not key or len(key) > MAX_KEY_CHARS:
        raise OverrideError((), f"found the key {shown(literal)}; allowed: quoted text")
    if not key.isascii() or not key.isprintable():
        raise OverrideError((), f"found the key {quoted_key(key)}; allowed: printable ASCII text")
    return key


def _value_node(text: str, place: Place) -> Node | list[Finding]:
    """The node of a value, or what is wrong with it."""
    text = text.strip(" ")
    if text[:1] in _YAML_STARTS:
        result = read_text(text, place.source, place)
        if result.findings or result.root is None:
            return result.findings
        return result.root
    if len(text) > MAX_TEXT_CHARS:
        raise OverrideError(
            (), f"found text of {len(text)} characters; allowed: at most {MAX_TEXT_CHARS}"
        )
    if char := unprintable(text):
        raise OverrideError((), f"found the character {char_name(char)}; allowed: printable text")
    try:
        return ScalarNode(place, resolve_plain(text), text)
    except ScalarError as error:
        raise OverrideError((), str(error)) from None


def _shortened(text: str) -> str:
    printable = text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return printable if len(printable) <= 100 else f"{printable[:97]}..."
