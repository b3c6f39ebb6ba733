"""One step of a LOBSTER book: the row before plus the message, against the row after.

A message moves one level of one side. A level file shows only the best levels, so after a level is
gone, what comes up from below as the last one cannot be known: it is *revealed*. All other levels
can be predicted. Pure columns; no orders.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.data.columns import Ints, Mask
from sim.data.lobster import EXECUTE, NEW, BookRows, Messages

_FAR: Final = 1 << 62
"""Key of an empty level: further out than any price."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """For each row: whether the book after it is as predicted, and whether a level was revealed.

    ``compared`` says whether there was a row before; without one ``agrees`` is false.
    """

    compared: Mask
    agrees: Mask
    revealed: Mask


def steps(messages: Messages, books: BookRows, before: BookRows | None) -> Steps:
    """Predict each row of the book from the one before.

    Args:
        messages: Messages.
        books: The book after each of them.
        before: The last row of the block before, if there is one.
    """
    count = len(messages)
    last = books.take(slice(0, 1)) if before is None else before
    previous = np.concatenate([last.levels, books.levels[:-1]])
    lines = np.concatenate([last.line, books.line[:-1]])
    compared: Mask = lines == books.line - 1
    agrees = np.zeros(count, np.bool_)
    revealed = np.zeros(count, np.bool_)
    for direction in (1, -1):
        # A message without a direction moves nothing, so either side will do.
        rows = np.flatnonzero((messages.direction == -1) == (direction == -1))
        if len(rows):
            same, came = _one_side(
                messages.take(rows), previous[rows], books.levels[rows], direction
            )
            agrees[rows], revealed[rows] = same, came
    return Steps(compared, agrees & compared, revealed & compared)


def side_keys(levels: Ints, direction: int) -> tuple[Ints, Ints]:
    """Keys (the best is the least, empty levels the greatest) and sizes of one side."""
    price, size = (2, 3) if direction == 1 else (0, 1)
    prices = levels[:, :, price]
    return np.where(prices == 0, _FAR, -direction * prices), levels[:, :, size]


def _one_side(messages: Messages, previous: Ints, after: Ints, direction: int) -> tuple[Mask, Mask]:
    """Which rows are as predicted, and which revealed a level, for messages of one direction."""
    keys, sizes = side_keys(previous, direction)
    new_keys, new_sizes = side_keys(after, direction)
    depth = keys.shape[1]
    key = (-direction * messages.price)[:, None]
    place = np.count_nonzero(keys < key, axis=1)[:, None]
    there = np.take_along_axis(keys, np.minimum(place, depth - 1), axis=1) == key
    delta = np.where(messages.type == NEW, messages.size, -messages.size)[:, None]
    left = np.take_along_axis(sizes, np.minimum(place, depth - 1), axis=1) + delta
    moves = (messages.type <= EXECUTE)[:, None]
    insert = moves & ~there & (messages.type == NEW)[:, None] & (place < depth)
    remove = moves & there & (left <= 0)
    change = moves & there & (left > 0)
    level = np.arange(depth)
    source = level + (remove & (level >= place)) - (insert & (level > place))
    known = source < depth
    source = np.minimum(source, depth - 1)
    expected_keys = np.take_along_axis(keys, source, axis=1)
    expected_sizes = np.take_along_axis(sizes, source, axis=1)
    here = (insert | change) & (level == place)
    expected_keys = np.where(here, key, expected_keys)
    expected_sizes = np.where(here & insert, delta, np.where(here, left, expected_sizes))
    # Below an empty last level there is nothing that could be revealed.
    full = keys[:, -1:] != _FAR
    expected_keys = np.where(known | full, expected_keys, _FAR)
    expected_sizes = np.where(known | full, expected_sizes, 0)
    known = known | ~full
    same = ((expected_keys == new_keys) & (expected_sizes == new_sizes)) | ~known
    other_keys, other_sizes = side_keys(previous, -direction)
    kept_keys, kept_sizes = side_keys(after, -direction)
    still = (other_keys == kept_keys) & (other_sizes == kept_sizes)
    too_much = moves & there & (left < 0)
    agrees: Mask = np.logical_and.reduce(same & still & ~too_much, axis=1)
    revealed: Mask = (remove & full)[:, 0]
    return agrees, revealed
