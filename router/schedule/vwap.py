"""``vwap``: slices in proportion to volume, by a profile or by what is displayed at each slice.

By display nobody knows what later slices will show. Each slice gets what is shown now for every lot
that is shown now or expected later, of what is not yet planned; every later slice is expected to
show what all slices so far have shown on average. The last slice gets the rest.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, Strict, field_validator

from router.schedule.base import (
    Draws,
    Pace,
    ParentFacts,
    Seen,
    Sliced,
    SlicedConfig,
    fixed_pace,
    half_up,
)
from sim.protocol.config import Seq

Bucket = Annotated[
    tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, le=1e12)]],
    Strict(False),
]
"""``[from, weight]``: from this part of the horizon to the next one the market trades so much."""


class ShownPace(Pace):
    """In proportion to what is displayed as each slice is due.

    Args:
        factors: What the display at each slice counts, 1 for its lots.
        lots: The order.
    """

    def __init__(self, factors: Sequence[float], lots: int) -> None:
        self._factors = factors
        self._lots = lots
        self._planned = 0
        self._shown = Fraction(0)

    def by(self, n: int, now_ns: int, seen: Seen) -> int:
        """What is planned so far, and this slice's part of the rest."""
        later = len(self._factors) - n - 1
        if later < 1:
            return self._lots
        shown = seen.shown_qty * Fraction(self._factors[n])
        self._shown += shown
        if shown:
            part = shown / (shown + later * self._shown / (n + 1))
            self._planned += half_up((self._lots - self._planned) * part)
        return self._planned


class VwapConfig(SlicedConfig):
    """Release slices in proportion to the market's volume: by a profile, or by what is displayed.

    Source: volume-weighted average price, by both readings of the customer's documents: a volume
    profile, and displayed liquidity at each slice; that later slices are expected to show the
    average of those so far is our own convention.
    """

    kind: Literal["vwap"]
    profile: Annotated[Seq[Bucket], Field(min_length=1, max_length=10_000)] | None = None
    """The volume expected over the horizon, as ``[part of the horizon, weight]``: the weight trades
    evenly from there to the next entry, or the end. The first entry begins at 0. Without a profile
    the lots displayed at the best level of each venue, on the side that the parent trades against,
    are the measure at each slice."""

    @field_validator("profile")
    @classmethod
    def _a_whole_profile(
        cls, profile: tuple[tuple[float, float], ...] | None
    ) -> tuple[tuple[float, float], ...] | None:
        if profile is None:
            return None
        if profile[0][0] != 0:
            raise ValueError(f"must begin at 0, begins at {profile[0][0]:g}")
        for n, (before, after) in enumerate(pairwise(profile)):
            if after[0] <= before[0]:
                raise ValueError(f"entry {n + 1} must begin after the one before it")
        if not any(weight for _, weight in profile):
            raise ValueError("one weight at least must be > 0")
        return profile

    @property
    def follows_market(self) -> bool:
        """See the base."""
        return self.profile is None

    def build(self, facts: ParentFacts, draws: Draws) -> Sliced:
        """The schedule of one parent."""
        if self.profile is None:
            return Sliced(self.kind, self, facts, draws, _by_display, needs_shown=True)
        return Sliced(
            self.kind, self, facts, draws, fixed_pace(slice_weights(self.profile, self.slices))
        )


def slice_weights(profile: Sequence[tuple[float, float]], slices: int) -> list[float]:
    """What of a profile's volume falls into each of so many equal parts of the horizon.

    Args:
        profile: Entries ``(part of the horizon, weight)``, rising from 0.
        slices: How many parts, >= 1.
    """
    edges = [Fraction(start) for start, _ in profile] + [Fraction(1)]
    found: list[Fraction] = [Fraction(0)] * slices
    for (_, weight), start, end in zip(profile, edges, edges[1:], strict=False):
        rate = Fraction(weight) / (end - start)
        first, last = int(start * slices), min(slices - 1, int(end * slices))
        for n in range(first, last + 1):
            low, high = max(start, Fraction(n, slices)), min(end, Fraction(n + 1, slices))
            found[n] += rate * max(Fraction(0), high - low)
    return [float(weight) for weight in found]


def _by_display(facts: ParentFacts, horizon: int, factors: Sequence[float]) -> Pace:
    return ShownPace(factors, facts.order_qty)
