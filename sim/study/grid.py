"""A grid over scenario parameters: axes as they are written, and the points that they span.

An axis is a path of the scenario and the values that it takes, ``PATH=a,b,c``; paths and values
are those of ``--set`` (``sim.scenario.overrides``), so that whether a path exists and a value is
allowed is for the scenario to say. Commas between quotes or brackets belong to a value. Knows no
run.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

from sim.scenario.overrides import OverrideError, split_override
from sim.scenario.scalars import shown

MAX_POINTS: Final = 10_000

_CLOSES: Final = {"[": "]", "{": "}"}

Point = dict[str, str]
"""Path -> value, both as ``--set`` takes them."""
Value = str | int | float
"""What a scenario file may list for an axis: text as ``--set`` takes it, or a plain number."""


class GridError(ValueError):
    """A grid that cannot be read: what was found, and what is allowed."""


class Axis(NamedTuple):
    """A parameter and the values that it takes, in the order given."""

    path: str
    values: tuple[str, ...]


def parse_axis(text: str) -> Axis:
    """The axis of ``PATH=a,b,c``.

    Raises:
        GridError: If it has no such form, or a value is empty or there twice.
    """
    try:
        _, rest = split_override(text)
    except OverrideError as error:
        message = str(error).replace("PATH=VALUE", "PATH=a,b,c")
        raise GridError(f"{_named(text)}: {message}") from error
    path = text[: len(text) - len(rest) - 1]
    return _checked(path, [value.strip(" ") for value in _split(rest, text)])


def axis_of(path: str, values: Sequence[Value]) -> Axis:
    """The axis of a path and values as a scenario file has them.

    Raises:
        GridError: As ``parse_axis``.
    """
    try:
        _, rest = split_override(f"{path}=")
    except OverrideError as error:
        raise GridError(f"{_named(path)}: {error}") from error
    if rest:
        raise GridError(f"{_named(path)}: found = in the path; allowed: keys and [members]")
    return _checked(path, [set_text(value) for value in values])


def set_text(value: Value) -> str:
    """A value of a scenario file as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def grid_of(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """The axes together.

    Raises:
        GridError: If two have one path, or they span too many points.
    """
    found = tuple(axes)
    paths = [axis.path for axis in found]
    twice = _twice(paths)
    if twice is not None:
        raise GridError(f"{_named(twice)}: found the path twice; allowed: each once")
    count = prod(len(axis.values) for axis in found)
    if count > MAX_POINTS:
        raise GridError(f"found {count:,} points; allowed: at most {MAX_POINTS:,}")
    return found


def expand(grid: Sequence[Axis]) -> list[Point]:
    """All points of a grid, the last axis running fastest; without axes the one empty point."""
    paths = [axis.path for axis in grid]
    values = product(*(axis.values for axis in grid))
    return [dict(zip(paths, point, strict=True)) for point in values]


def sets_of(point: Mapping[str, str]) -> tuple[str, ...]:
    """A point as overrides, ``PATH=VALUE`` each."""
    return tuple(f"{path}={value}" for path, value in point.items())


def idle_axes(
    grid: Sequence[Axis], points: Sequence[Point], results: Sequence[object]
) -> list[str]:
    """The paths of axes that change nothing: equal results wherever only this axis differs.

    An axis with one value is none of them: nothing was tried.

    Args:
        grid: The axes.
        points: As ``expand`` gives them.
        results: One per point, in that order; whatever compares equal counts as the same.
    """
    idle = []
    for axis in grid:
        seen: dict[tuple[str, ...], object] = {}
        same = True
        for point, result in zip(points, results, strict=True):
            others = tuple(value for path, value in point.items() if path != axis.path)
            same = same and seen.setdefault(others, result) == result
        if same and len(axis.values) > 1:
            idle.append(axis.path)
    return idle


def _checked(path: str, values: Sequence[str]) -> Axis:
    if not values or not all(values):
        raise GridError(f"{_named(path)}: found an empty value; allowed: PATH=a,b,c")
    twice = _twice(values)
    if twice is not None:
        raise GridError(f"{_named(path)}: found {shown(twice)} twice; allowed: each once")
    return Axis(path, tuple(values))


def _twice(texts: Sequence[str]) -> str | None:
    """The first that stood before; None if each is there once."""
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            return text
        seen.add(text)
    return None


def _split(text: str, whole: str) -> list[str]:
    """The parts between commas that stand in no quotes and no brackets."""
    parts, part, closers, quote = [], "", "", ""
    skip = False
    for char in text:
        if skip:
            skip = False
        elif quote:
            skip = char == "\\" and quote == '"'
            quote = "" if char == quote else quote
        elif char in "\"'" and not (part.strip(" ") and not closers):
            quote = char  # within a plain value a quote is a character like others
        elif char in _CLOSES:
            closers += _CLOSES[char]
        elif closers.endswith(char):
            closers = closers[:-1]
        elif char == "," and not closers:
            parts.append(part)
            part = ""
            continue
        part += char
    if quote or closers:
        missing = quote or closers[-1]
        raise GridError(f"{_named(whole)}: found no closing {missing}; allowed: PATH=a,b,c")
    return [*parts, part]


def _named(text: str) -> str:
    return shown(text[:80])
