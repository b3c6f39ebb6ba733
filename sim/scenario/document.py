"""One scenario as plain data that still knows where each value was written.

A ``Document`` holds the nodes of a file, or of plain data such as a log's resolved scenario, with
the overrides applied to them. It gives the data for validation, and turns a path into a place and a
printed path, so that every later check can report ``file:line:col: path: message``. Knows no model.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import Any, Final, NoReturn

from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.nodes import (
    MAX_DEPTH,
    MAX_MEMBERS,
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
from sim.scenario.scalars import MAX_INT, char_name, shown, unprintable
from sim.scenario.tree import read_bytes, read_tree

MAX_PROBLEMS: Final = 100
MAX_PATH_CHARS: Final = 200

_BARE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MEMBER_ID: Final = re.compile(r"[A-Za-z0-9_.:/ -]{1,64}")


class Document:
    """Nodes of one scenario, with the places they came from and what was found wrong so far.

    Attributes:
        source: Name of the file as messages print it.
        root: The outermost mapping; overrides change it in place.
        raw: The bytes that were read, before any override; empty if there was no file.
        findings: What reading and overrides found wrong; ``problems`` words them.
    """

    def __init__(
        self, source: str, root: MapNode, findings: Iterable[Finding] = (), raw: bytes = b""
    ) -> None:
        self.source = source
        self.raw = raw
        self.root = root
        self.findings = list(findings)
        self._id_counts: dict[int, Counter[str | None]] = {}

    def data(self) -> dict[str, Any]:
        """The plain data: dicts, lists, text, integers, floats, booleans and None."""
        return {key: plain_data(node) for key, node in self.root.items.items()}

    def node(self, path: Path) -> Node | None:
        """The node at a path, None where there is none."""
        nodes, rest = self._walk(path)
        return None if rest else nodes[-1]

    def count(self, path: Path) -> int:
        """How many members the list at a path has, valid or not; 0 if there is no list."""
        node = self.node(path)
        return len(node.items) if isinstance(node, ListNode) else 0

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Where the value (or its key) was written.

        A path that does not exist is placed where the nearest mapping around it begins: at that
        mapping's key, or at its first character if it is a list member.
        """
        nodes, rest = self._walk(path)
        reached = path[: len(nodes) - 1]
        if rest or (of_key and reached):
            step = reached[-1] if reached else None
            parent = nodes[-2] if reached else None
            if isinstance(parent, MapNode) and isinstance(step, str):
                return parent.keys[step]
        return nodes[-1].place

    def printed(self, path: Path) -> str:
        """``venues[NYSE].latency.order``: a member by its id if no other has it, else by index."""
        printed = ""
        node: Node | None = self.root
        for step in path:
            if isinstance(step, int):
                printed += f"[{self._member_name(node, step)}]"
            elif _BARE_KEY.fullmatch(step):
                printed += f".{step}" if printed else step
            else:
                printed += f"[{quoted_key(step)}]"
            node = _child(node, step)
        return printed if len(printed) <= MAX_PATH_CHARS else f"{printed[:MAX_PATH_CHARS]}..."

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Something wrong at a path, with its place; for the checks that no model can make alone.

        Args:
            path: Keys and list indexes from the root; see ``place`` for one that does not exist.
            message: What was found and what is allowed.
            at_key: Point at the key, not at the value.
        """
        return self._worded(Finding(self.place(path, of_key=at_key), path, message))

    def problems(self) -> list[Problem]:
        """What reading and overrides found wrong."""
        return [self._worded(finding) for finding in self.findings]

    def refuse_oversized(self) -> None:
        """Stop before validation if a list or mapping has more members than any may have.

        Each of its members could be wrong in several ways, and telling all of that of a hundred
        thousand would take a gigabyte.

        Raises:
            ScenarioError: Naming each.
        """
        found: list[Problem] = []
        rest: list[tuple[Path, Node]] = [((), self.root)]
        while rest:
            path, node = rest.pop()
            if isinstance(node, ScalarNode):
                continue
            if len(node.items) > MAX_MEMBERS:
                message = f"found {len(node.items)} members; allowed: at most {MAX_MEMBERS}"
                found.append(self.problem(path, message))
            elif isinstance(node, ListNode):
                rest += [((*path, at), item) for at, item in enumerate(node.items)]
            else:
                rest += [((*path, key), item) for key, item in node.items.items()]
        if found:
            raise_problems([*self.problems(), *found])

    def is_suspect(self, path: Path) -> bool:
        """Whether a problem at this path follows from what reading has refused already."""
        nodes, rest = self._walk(path)
        if any(node.refused for node in nodes):
            return True
        return bool(rest) and isinstance(nodes[-1], MapNode) and nodes[-1].incomplete

    def _walk(self, path: Path) -> tuple[list[Node], Path]:
        nodes: list[Node] = [self.root]
        for depth, step in enumerate(path):
            child = _child(nodes[-1], step)
            if child is None:
                return nodes, path[depth:]
            nodes.append(child)
        return nodes, ()

    def touched(self) -> None:
        """Forget what was derived from the nodes; whoever changes a node calls it."""
        self._id_counts.clear()

    def _member_name(self, node: Node | None, index: int) -> str:
        if not isinstance(node, ListNode) or not 0 <= index < len(node.items):
            return str(index)
        if id(node) not in self._id_counts:
            self._id_counts[id(node)] = Counter(map(member_id, node.items))
        name = member_id(node.items[index])
        return str(index) if name is None or self._id_counts[id(node)][name] > 1 else name

    def _worded(self, finding: Finding) -> Problem:
        place = finding.place
        return Problem(
            file=place.source,
            line=place.line,
            col=place.col,
            path=self.printed(finding.path),
            message=finding.message,
        )


def read_document(path: FilePath | str) -> Document:
    """Read a scenario file.

    Values that were refused are noted in the document's findings, and reading went on.

    Raises:
        ScenarioError: If the file cannot be read, or if its YAML is broken.
    """
    source = _printable(str(path))
    try:
        data = read_bytes(FilePath(path))
    except OSError as error:
        _fail(source, f"cannot be read: {error.strerror or type(error).__name__}")
    except ValueError as error:
        _fail(source, str(error))
    return parse_document(data, source)


def parse_document(data: bytes, source: str) -> Document:
    """Read the bytes of a scenario file.

    Raises:
        ScenarioError: If the YAML is broken, so that nothing can be said about the contents.
    """
    source = _printable(source)
    result = read_tree(data, source)
    root = result.root if isinstance(result.root, MapNode) else MapNode(Place(source, 0, 0))
    document = Document(source, root, result.findings, data)
    if not result.whole:
        raise_problems(document.problems())
    return document


def document_from_data(data: dict[str, Any], source: str) -> Document:
    """A document without lines, from plain data such as the resolved scenario in a log.

    Raises:
        ScenarioError: If the data holds what no file can hold, or breaks the limits of a file.
    """
    source = _printable(source)
    place = Place(source, 0, 0)
    budget = _Budget(MAX_NODES)
    try:
        root = _node_of(data, place, MAX_DEPTH, budget)
    except ValueError as error:
        _fail(source, str(error))
    if not isinstance(root, MapNode):
        _fail(source, f"found {type(data).__name__}; allowed: a mapping of keys to values")
    return Document(source, root)


def plain_data(node: Node) -> Any:
    """Dicts, lists and scalars of a node; it nests no deeper than reading and overrides allow."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain_data(item) for item in node.items]
    return {key: plain_data(item) for key, item in node.items.items()}


def raise_problems(problems: list[Problem]) -> NoReturn:
    """Raise problems as one error: each once, ordered by place, at most ``MAX_PROBLEMS``."""
    ordered = sorted(
        {str(problem): problem for problem in problems}.values(),
        key=lambda problem: (
            problem.line == 0,
            problem.line,
            problem.col,
            problem.path,
            problem.message,
        ),
    )
    if len(ordered) > MAX_PROBLEMS:
        more = f"and more errors; only the first {MAX_PROBLEMS} are shown"
        ordered[MAX_PROBLEMS:] = [Problem(ordered[0].file, 0, 0, "", more)]
    raise ScenarioError(ordered)


def quoted_key(key: str) -> str:
    """A key between double quotes, pure ASCII, as an override can name it too."""
    return json.dumps(key if len(key) <= 80 else key[:77] + "...")


def member_id(node: Node) -> str | None:
    """The id of a list member, if it has one that can be printed and named in an override."""
    held = node.items.get("id") if isinstance(node, MapNode) else None
    value = held.value if isinstance(held, ScalarNode) else None
    return value if isinstance(value, str) and _MEMBER_ID.fullmatch(value) else None


class _Budget:
    """How many more nodes may be made."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"found more than {MAX_NODES} values; allowed: fewer")


def _node_of(value: object, place: Place, depth: int, budget: _Budget) -> Node:
    budget.take()
    if depth < 0:
        raise ValueError(f"found data nested deeper than {MAX_DEPTH}; allowed: at most that")
    if isinstance(value, dict):
        node = MapNode(place)
        for key, item in value.items():
            if not isinstance(key, str) or not (key.isascii() and key.isprintable()):
                raise ValueError(f"found the key {shown(repr(key))}; allowed: printable ASCII text")
            node.keys[key] = place
            node.items[key] = _node_of(item, place, depth - 1, budget)
        return node
    if isinstance(value, list | tuple):
        return ListNode(place, [_node_of(item, place, depth - 1, budget) for item in value])
    return _scalar_of(value, place)


def _scalar_of(value: object, place: Place) -> ScalarNode:
    if value is None or isinstance(value, bool):
        return ScalarNode(place, value, "null" if value is None else str(value).lower())
    if isinstance(value, str):
        if len(value) > MAX_TEXT_CHARS:
            raise ValueError(f"found text of {len(value)} characters; allowed: {MAX_TEXT_CHARS}")
        if char := unprintable(value):
            raise ValueError(
                f"found the character {char_name(char)} in {shown(value)}; allowed: printable text"
            )
        return ScalarNode(place, value, value)
    if isinstance(value, int):
        if abs(value) > MAX_INT:
            raise ValueError("found an integer that is too large; allowed: up to 2^63 - 1")
        return ScalarNode(place, int(value), str(int(value)))
    if isinstance(value, float) and math.isfinite(value):
        return ScalarNode(place, value, repr(value))
    raise ValueError(f"found {shown(repr(value))}; allowed: what a scenario file can hold")


def _child(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, MapNode) and isinstance(step, str):
        return node.items.get(step)
    if isinstance(node, ListNode) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def _printable(source: str) -> str:
    return source if source.isprintable() else ascii(source)


def _fail(source: str, message: str) -> NoReturn:
    raise ScenarioError([Problem(_printable(source), 0, 0, "", message)])
