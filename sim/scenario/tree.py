"""YAML text to a tree of plain nodes, each with its place; strict, bounded, without recursion.

A small subset of YAML 1.2 is read: one document of mappings with text keys, lists and scalars.
Refused are anchors, aliases, tags, merge keys, directives, further documents, duplicate keys and
keys that are not printable ASCII text. Limits on bytes, depth, nodes and text length hold while the
parser's events come in, so that a hostile file costs no more than a big one. What is wrong is
collected as ``Finding`` and reading goes on, unless the rest could not be understood. Nothing is
included, expanded or executed. Knows no model.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path as FilePath
from typing import Final, NamedTuple

from yaml import CBaseLoader, YAMLError, events
from yaml.error import MarkedYAMLError

from sim.scenario.nodes import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FINDINGS,
    MAX_KEY_CHARS,
    MAX_NODES,
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

MAX_SHOWN_CHARACTERS: Final = 20

# A control character, a separator that YAML 1.1 and 1.2 read differently, or a byte-order mark
# inside the text; a lone carriage return would hide what follows it from many a viewer.
_BROKEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONE_RETURN: Final = re.compile(r"\r(?!\n)")
# Characters that change the order in which text is shown, also in comments.
_BIDI: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# A long run of directives costs libyaml quadratic time, so that they are found before it starts.
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)


class ReadResult(NamedTuple):
    """The root if there is one, all findings, and whether the whole text was understood."""

    root: Node | None
    findings: list[Finding]
    whole: bool


def read_bytes(path: FilePath) -> bytes:
    """Bytes of a regular file of at most ``MAX_BYTES``; its size is asked for before it is read.

    Raises:
        ValueError: If the path is not a regular file, is too large or holds a NUL character.
        OSError: If it cannot be opened or read.
    """
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise ValueError("found a directory or device; allowed: a regular file")
    # Without blocking: the file may have been swapped for a pipe since.
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        info = os.fstat(file.fileno())
        data = b"" if info.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
    size = max(info.st_size, len(data))
    if size > MAX_BYTES:
        raise ValueError(f"found {size} bytes; allowed: at most {MAX_BYTES}")
    return data


def read_tree(data: bytes, source: str) -> ReadResult:
    """Read a file's bytes: UTF-8, with or without a byte-order mark, lines ended by LF or CRLF.

    Args:
        data: The bytes, at most ``MAX_BYTES`` of them.
        source: The file's name as messages shall print it.
    """
    if len(data) > MAX_BYTES:
        message = f"found {len(data)} bytes; allowed: at most {MAX_BYTES}"
        return ReadResult(None, [Finding(Place(source, 0, 0), (), message)], whole=False)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return ReadResult(None, [_bad_utf8(data, error.start, source)], whole=False)
    text = text.removeprefix("\ufeff")
    result = read_text(text, source)
    if result.whole and not isinstance(result.root, MapNode):
        place = result.root.place if result.root else Place(source, 1, 1)
        found = "an empty file" if result.root is None else "a single value or a list"
        result.findings.append(
            Finding(place, (), f"found {found}; allowed: a mapping of keys to values")
        )
        return result._replace(whole=False)
    return result


def read_text(text: str, source: str, place: Place | None = None) -> ReadResult:
    """Read YAML text; with ``place`` given, every node and finding gets that place."""
    broken = [
        Finding(at, (), f"found the control character {name}; allowed: printable text")
        for pattern in (_BROKEN, _LONE_RETURN)
        for at, name in _places(pattern.finditer(text), text, source, place)
    ]
    # The regular expression alone would take longer on a large file than all of the above.
    directive = _DIRECTIVE.search(text) if text.startswith("%") or "\n%" in text else None
    if directive:
        at = place or _place_of(text, directive.start(), source)
        broken.append(Finding(at, (), "found a line that starts with %; allowed: no directives"))
    if broken:
        return ReadResult(None, broken, whole=False)
    bidi = [] if text.isascii() else list(islice(_BIDI.finditer(text), MAX_SHOWN_CHARACTERS))
    reader = _Reader(source, place, [match.start() for match in bidi])
    reader.findings += [
        Finding(at, (), f"found {name}, which reverses text; allowed: printable text")
        for at, name in _places(iter(bidi), text, source, place)
    ]
    whole = reader.read(text)
    return ReadResult(reader.root, reader.findings, whole)


class _StopError(Exception):
    """The rest cannot be read; the finding is already noted."""


@dataclass(slots=True)
class _Frame:
    """An open mapping or list.

    ``key`` is the mapping's key that waits for its value, None if that key was refused.
    """

    node: MapNode | ListNode
    wants_key: bool
    key: str | None = None


class _Reader:
    """Builds the tree from the parser's events, with a stack of its own in place of recursion."""

    def __init__(self, source: str, place: Place | None, bidi: list[int]) -> None:
        self.root: Node | None = None
        self.findings: list[Finding] = []
        self._source = source
        self._place = place
        self._bidi = bidi
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0

    def read(self, text: str) -> bool:
        """Read it all; False if reading had to stop early."""
        try:
            parser = CBaseLoader(text)
            while (event := parser.get_event()) is not None:
                self._take(event)
        except _StopError:
            return False
        except MarkedYAMLError as error:
            self._syntax_error(text, error)
            return False
        except (YAMLError, ValueError) as error:
            # The reader's own errors carry no mark; what could cause them was looked for before.
            self._note(Place(self._source, 0, 0), f"not valid YAML: {shown(str(error))}")
            return False
        return True

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.NodeEvent):
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise self._stop(
                    event, f"found more than {MAX_NODES} keys and values; allowed: fewer"
                )
            if len(self.findings) >= MAX_FINDINGS:
                raise self._stop(event, f"found {len(self.findings)} errors")
            if isinstance(event, events.ScalarEvent):
                if self._stack and self._stack[-1].wants_key:
                    self._take_key(event)
                else:
                    self._take_scalar(event)
            elif isinstance(event, events.AliasEvent):
                name = shown(f"*{event.anchor}")
                message = f"found the alias {name}; allowed: no anchors and aliases"
                self._refuse_value(event, message)
            elif isinstance(event, events.CollectionStartEvent):
                self._open(event)
        elif isinstance(event, events.CollectionEndEvent):
            self._stack.pop()
        elif isinstance(event, events.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._stop(event, "found a second document; allowed: one document per file")

    def _take_scalar(self, event: events.ScalarEvent) -> None:
        text = event.value
        node = ScalarNode(self._at(event), text, text)
        self._attach(node)
        if event.anchor is not None or event.tag is not None:
            self._note_properties(event, node)
        if len(text) > MAX_TEXT_CHARS:
            self._refuse(
                node, f"found text of {len(text)} characters; allowed: at most {MAX_TEXT_CHARS}"
            )
            node.text = ""
        elif char := unprintable(text):
            if self._is_known_bidi(event):
                node.refused = True
            else:
                message = f"found {char_name(char)} in {shown(text)}; allowed: printable text"
                self._refuse(node, message)
        elif event.implicit[0] and not node.refused:
            try:
                node.value = resolve_plain(text)
            except ScalarError as error:
                self._refuse(node, str(error))
        if node.refused:
            node.value = None

    def _take_key(self, event: events.ScalarEvent) -> None:
        frame = self._stack[-1]
        assert isinstance(frame.node, MapNode)
        frame.wants_key = False
        frame.key = None
        place = self._at(event)
        key = event.value
        if event.anchor is not None or event.tag is not None:
            self._note_properties(event, None)
        wrong = _wrong_key(key, plain=event.implicit[0])
        if wrong or event.tag is not None:
            frame.node.incomplete = True
            if wrong:
                self._note(place, wrong)
        elif key in frame.node.items:
            first = frame.node.keys[key]
            before = f", first at {first.line}:{first.col}" if first.line else ""
            message = f"found the key {shown(key)} a second time{before}; allowed: once"
            self.findings.append(Finding(place, (*self._path(), key), message))
        else:
            frame.key = key
            frame.node.keys[key] = place

    def _open(self, event: events.CollectionStartEvent) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._stop(
                event,
                f"found lists or mappings nested deeper than {MAX_DEPTH}; allowed: at most that",
            )
        place = self._at(event)
        is_map = isinstance(event, events.MappingStartEvent)
        node: MapNode | ListNode = MapNode(place) if is_map else ListNode(place)
        if self._stack and self._stack[-1].wants_key:
            self._refuse_key(event, "found a list or mapping as key; allowed: text")
        else:
            self._attach(node)
            if event.anchor is not None or event.tag is not None:
                self._note_properties(event, node)
        self._stack.append(_Frame(node, wants_key=is_map))

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, ListNode):
            frame.node.items.append(node)
            return
        frame.wants_key = True
        if frame.key is not None:
            frame.node.items[frame.key] = node

    def _refuse_value(self, event: events.NodeEvent, message: str) -> None:
        if self._stack and self._stack[-1].wants_key:
            self._refuse_key(event, message)
            return
        node = ScalarNode(self._at(event), None, "")
        self._attach(node)
        self._refuse(node, message)

    def _refuse_key(self, event: events.NodeEvent, message: str) -> None:
        frame = self._stack[-1]
        assert isinstance(frame.node, MapNode)
        frame.wants_key = False
        frame.key = None
        frame.node.incomplete = True
        self._note(self._at(event), message)

    def _note_properties(
        self, event: events.ScalarEvent | events.CollectionStartEvent, node: Node | None
    ) -> None:
        """Refuse an anchor or a tag; the tag makes the node's value meaningless."""
        place = self._at(event)
        if event.anchor is not None:
            name = shown(f"&{event.anchor}")
            self._note(place, f"found the anchor {name}; allowed: no anchors and aliases")
        if event.tag is not None:
            self._note(place, f"found the tag {shown(event.tag)}; allowed: no tags")
            if node is not None:
                node.refused = True

    def _refuse(self, node: Node, message: str) -> None:
        node.refused = True
        self._note(node.place, message)

    def _note(self, place: Place, message: str) -> None:
        self.findings.append(Finding(place, self._path(), message))

    def _stop(self, event: events.Event, message: str) -> _StopError:
        path = self._path()[:-1] if self._stack and not self._stack[-1].wants_key else self._path()
        message = f"{message} (reading stopped here)"
        self.findings.append(Finding(self._at(event), path, message))
        return _StopError()

    def _syntax_error(self, text: str, error: MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        if self._place or mark is None:
            place = self._place or Place(self._source, 0, 0)
        else:
            place = Place(self._source, mark.line + 1, mark.column + 1)
        context = f" {error.context}" if error.context else ""
        if context and error.context_mark is not None and not self._place:
            context += f" from {error.context_mark.line + 1}:{error.context_mark.column + 1}"
        hint = "" if mark is None else _hint(text[mark.index : mark.index + 1])
        self._note(place, f"not valid YAML{context}: {error.problem}{hint}")

    def _at(self, event: events.Event) -> Place:
        mark = event.start_mark
        if self._place or mark is None:
            return self._place or Place(self._source, 0, 0)
        return Place(self._source, mark.line + 1, mark.column + 1)

    def _is_known_bidi(self, event: events.ScalarEvent) -> bool:
        """Whether the scalar's source text holds a character that was reported at its own place."""
        start, end = event.start_mark, event.end_mark
        if start is None or end is None:
            return False
        return any(start.index <= index < end.index for index in self._bidi)

    def _path(self) -> Path:
        """The value that the next node or the node just attached is, from the open frames."""
        path: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.node, ListNode):
                path.append(max(0, len(frame.node.items) - 1))
            elif frame.key is not None:
                path.append(frame.key)
            else:
                break
        return tuple(path)


def _wrong_key(key: str, *, plain: bool) -> str | None:
    if len(key) > MAX_KEY_CHARS:
        return f"found a key of {len(key)} characters; allowed: at most {MAX_KEY_CHARS}"
    if not key.isascii() or not key.isprintable():
        return f"found the key {shown(key)}; allowed: printable ASCII text"
    if plain and key == "<<":
        return "found the merge key <<; allowed: no merge keys"
    try:
        is_text = not plain or isinstance(resolve_plain(key), str)
    except ScalarError:
        is_text = False
    if not is_text:
        return f"found the key {shown(key)}, which is not text; allowed: text (quote it)"
    return None


def _hint(char: str) -> str:
    if char == "\t":
        return " (a tab; allowed: spaces)"
    if char and char in "@`%":
        return f" (text that starts with {char} must be quoted)"
    return ""


def _places(
    matches: Iterator[re.Match[str]], text: str, source: str, place: Place | None
) -> Iterator[tuple[Place, str]]:
    """Places and names of the first characters that were matched."""
    for match in islice(matches, MAX_SHOWN_CHARACTERS):
        yield place or _place_of(text, match.start(), source), char_name(match[0])


def _place_of(text: str, index: int, source: str) -> Place:
    return Place(source, text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _bad_utf8(data: bytes, index: int, source: str) -> Finding:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Finding(Place(source, 1, 1), (), "found UTF-16 text; allowed: UTF-8")
    start = data.rfind(b"\n", 0, index) + 1
    place = Place(
        source, data.count(b"\n", 0, index) + 1, len(data[start:index].decode("utf-8")) + 1
    )
    return Finding(
        place, (), f"found the byte 0x{data[index]:02X}, which is not UTF-8; allowed: UTF-8"
    )
