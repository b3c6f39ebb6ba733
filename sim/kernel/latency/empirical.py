"""Measured round trips, replayed by chance: the law of the delays is that of the file."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from sim.kernel.latency.base import LatencyConfig, LatencySampler, Resolve, Uniforms
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.units import Units


class EmpiricalLatency(LatencyConfig):
    """Delay = ``fraction`` of a measured round trip, picked from the file with equal chance each.

    One leg gets ``floor(round_trip * fraction)`` nanoseconds, with the fraction as written. A file
    tells the sum of both legs only, so the split is an assumption, and **the legs draw
    independently**, since reports do not pair off with orders. With fractions f and 1 - f the sum
    of both legs then has the measured mean, but only f**2 + (1-f)**2 of the measured variance, and
    shorter tails. Where the law of the whole round trip matters more than the split, give one leg
    ``fraction: 1`` and the other a fixed delay of 0ns: then the sum follows the file exactly.

    Measured round trips hold the venue's own processing: use processing 0 with them.

    Source: the empirical distribution function of the file; own convention: how a round trip is
    split.
    """

    model: Literal["empirical"]
    file: Annotated[str, Field(min_length=1, max_length=4096)]
    """File of measured round trips, relative to the scenario's folder."""
    fraction: Annotated[float, Field(ge=0, le=1)]
    """Share of each round trip that falls to this leg."""
    kind: Literal["create", "cancel"] = "create"
    """Which requests of the file: their times differ."""

    def files(self) -> tuple[str, ...]:
        """See the base."""
        return (self.file,)

    def check_file(self, path: Path, units: Units) -> None:
        """Read every row of the file.

        Raises:
            DataFormatError: At the first row that is wrong, or if none is of this ``kind``.
        """
        read_round_trips(path, self.kind)

    def sampler(self, stream: Uniforms, resolve: Resolve) -> LatencySampler:
        """See the base."""
        share = Fraction(Decimal(repr(self.fraction)))
        # Sorted, so that the pick is the inverse distribution function and rises with its draw.
        measured = sorted(read_round_trips(resolve(self.file), self.kind))
        delays = [int(round_trip * share) for round_trip in measured]
        count = float(len(delays))

        def next_block() -> list[int]:
            # u * count < count even after rounding, since u <= 1 - 2**-53.
            return [delays[i] for i in (stream.block() * count).astype(np.int64).tolist()]

        return LatencySampler(next_block, round(Fraction(sum(delays), len(delays))))
