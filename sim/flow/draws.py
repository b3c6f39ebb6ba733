"""Draws of a stream in rows: a fixed number for each message, used or not.

So the n-th message has the same chance whatever the ones before it made of theirs.
"""

from collections.abc import Iterator
from math import log

import numpy as np
from numpy.typing import NDArray

from sim.kernel.streams import Stream

Columns = NDArray[np.float64]
"""Shape (width, messages), uniform in (0, 1)."""


def columns(stream: Stream, width: int) -> Iterator[Columns]:
    """The stream's draws, ``width`` for each message, as columns of whole messages."""
    rest = np.empty(0)
    while True:
        draws = np.concatenate((rest, stream.block()))
        messages = len(draws) // width
        rest = draws[width * messages :]
        yield draws[: width * messages].reshape(messages, width).T


def logarithms(uniforms: NDArray[np.float64]) -> list[float]:
    """Their natural logarithms, by the scalar function: numpy's differs between processors."""
    return list(map(log, uniforms.tolist()))
