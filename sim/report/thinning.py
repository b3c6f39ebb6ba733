"""Makes a long series short for a chart, so that nothing that a reader could see is lost.

The points are cut into parts of equal count; of each part its first and last point stay, and those
with the lowest and the highest value of every column. A spike of one point is therefore still
there. Pure: knows no chart and no record.
"""

from collections.abc import Sequence

__all__ = ["kept_points"]


def kept_points(columns: Sequence[Sequence[int | None]], most: int) -> list[int]:
    """Which points of a series to keep.

    Args:
        columns: Values by column, all of one length, in the order of time. None: undefined there,
            never an extreme.
        most: How many points may stay, at least ``2 * len(columns) + 2``.

    Returns:
        Indices, rising. All of them where there are no more than ``most``.

    Raises:
        ValueError: If there is no column, the columns differ in length, or ``most`` is too small to
            keep one part.
    """
    if not columns:
        raise ValueError("columns must hold at least one column, found none")
    size = len(columns[0])
    if any(len(column) != size for column in columns):
        lengths = ", ".join(str(len(column)) for column in columns)
        raise ValueError(f"columns must be of one length, found {lengths}")
    per_part = 2 * len(columns) + 2
    if most < per_part:
        raise ValueError(f"most must be >= {per_part} for {len(columns)} columns, was {most}")
    if size <= most:
        return list(range(size))
    parts = most // per_part
    kept: set[int] = set()
    for part in range(parts):
        start, end = size * part // parts, size * (part + 1) // parts
        kept.update((start, end - 1))
        for column in columns:
            _keep_extremes(column, start, end, kept)
    return sorted(kept)


def _keep_extremes(column: Sequence[int | None], start: int, end: int, kept: set[int]) -> None:
    """Add the first lowest and the first highest value of a part."""
    low = high = -1
    lowest = highest = 0
    for index in range(start, end):
        value = column[index]
        if value is None:
            continue
        if low < 0 or value < lowest:
            low, lowest = index, value
        if high < 0 or value > highest:
            high, highest = index, value
    if low >= 0:
        kept.update((low, high))
