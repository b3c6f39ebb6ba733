"""What all latency models share: the base of their configs, and the sampler that links draw from.

A model is a frozen config that says which law the delays of one link follow; its ``sampler`` turns
a stream of uniforms into whole nanoseconds by the law's inverse distribution function, one draw of
the stream per delay, rising with it. So two runs that differ in a model's parameters share their
chance. Arithmetic on whole blocks is numpy's (exact or correctly rounded on every CPU);
transcendental functions are scalar ``math``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.protocol.config import ScenarioModel
from sim.protocol.units import MAX_NS, format_duration

Resolve = Callable[[str], Path]
"""From a file name in a scenario to the file; refuses what lies outside the allowed folders."""


class Uniforms(Protocol):
    """Where a law takes its chance from: a ``Stream``, or what another model makes of one."""

    def block(self) -> NDArray[np.float64]:
        """The next uniforms in order, at least one, each in the open interval (0, 1)."""
        ...


U_MAX: Final = 1.0 - 2.0**-53
"""The largest uniform that a stream can give; a law's quantile there is its largest draw."""


class LatencySampler:
    """Delays of one link in order, whole nanoseconds, >= 0.

    Attributes:
        buffer: The next delays, the very next one last, ready to pop; always the same list.
        nominal_ns: Mean of the law, half-even: what a router expects of this link.
    """

    __slots__ = ("_next_block", "buffer", "nominal_ns")

    def __init__(self, next_block: Callable[[], list[int]], nominal_ns: int) -> None:
        self.buffer: list[int] = []
        self.nominal_ns = nominal_ns
        self._next_block = next_block

    def draw(self) -> int:
        """The next delay."""
        if not self.buffer:
            self.refill()
        return self.buffer.pop()

    def refill(self) -> None:
        """Put the next delays behind those that are left; at least one more is there afterwards."""
        block = self._next_block()
        block.reverse()
        self.buffer[:0] = block


class LatencyConfig(ScenarioModel, ABC):
    """Base of the latency models' configs; each adds its tag, ``model: Literal[...]``."""

    @abstractmethod
    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """Delays drawn from ``stream``, which the sampler owns from now on.

        Args:
            stream: Chance of this link alone.
            resolve: Finds the files that ``files`` names.

        Raises:
            DataFormatError: If a file cannot be read or is wrong.
        """

    def files(self) -> tuple[str, ...]:
        """Names of the files that this model reads, as the scenario writes them."""
        return ()


def check_largest(largest_ns: float) -> None:
    """Refuse a law whose largest possible draw is beyond the range of times.

    Raises:
        ValueError: If ``largest_ns`` is above ``MAX_NS``.
    """
    if not largest_ns <= MAX_NS:
        raise ValueError(
            f"could draw delays up to {largest_ns:.3g} ns, allowed are at most "
            f"{format_duration(MAX_NS)}"
        )


def whole_ns(delays: NDArray[np.float64]) -> list[int]:
    """Nanoseconds rounded half-even to integers."""
    whole: list[int] = np.rint(delays).astype(np.int64).tolist()
    return whole
