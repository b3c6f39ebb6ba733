"""The nodes of a scenario's tree, each with the place where it was written; and their limits."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sim.scenario.scalars import ScalarValue

MAX_BYTES: Final = 8 * 2**20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 100_000
MAX_MEMBERS: Final = 10_000
MAX_TEXT_CHARS: Final = 65_536
MAX_KEY_CHARS: Final = 256
MAX_FINDINGS: Final = 100

Path = tuple[str | int, ...]
"""Keys and list indexes from the root to a value."""


class Place(NamedTuple):
    """Where a node was written.

    ``line`` and ``col`` (in characters) count from 1; 0 means the source as a whole.
    """

    source: str
    line: int
    col: int


@dataclass(slots=True, eq=False)
class ScalarNode:
    """A scalar; ``text`` is its source text, ``refused`` says that ``value`` stands for nothing."""

    place: Place
    value: ScalarValue
    text: str
    refused: bool = False


@dataclass(slots=True, eq=False)
class ListNode:
    """A list of nodes."""

    place: Place
    items: list["Node"] = field(default_factory=list)
    refused: bool = False


@dataclass(slots=True, eq=False)
class MapNode:
    """A mapping; ``keys`` has the keys' places, ``incomplete`` says that a key was refused."""

    place: Place
    items: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    refused: bool = False
    incomplete: bool = False


Node = ScalarNode | ListNode | MapNode


class Finding(NamedTuple):
    """Something wrong at a place; ``path`` is the value that it belongs to."""

    place: Place
    path: Path
    message: str
