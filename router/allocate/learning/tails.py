"""Tails of hidden supply from censored fills, and the greedy split over known tails.

The tail of a pool is ``T(s) = P(supply >= s)`` for s = 1, 2, ... lots. It does not increase, so
giving each next lot to the pool that has the largest ``T(v + 1)`` is the exact optimum of the
expected fill. A tail is held as runs of sizes that have the same height, so a split costs no more
for large orders than for small ones. Heights compare exactly: by floats where those are far enough
apart, else as fractions.

Source: Ganchev, Kearns, Nevmyvaka and Wortman Vaughan, Censored exploration and the dark pool
problem (UAI 2009); Kaplan and Meier (1958).
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import Final

_CLOSE: Final = 1e-9
"""Relative distance within which two heights are compared as fractions. A float of a height is the
product of some thousand correctly rounded numbers at most, so it is nearer to the truth by far."""


class Run:
    """``lots`` sizes in a row at which the tail has one height.

    ``value`` is the height as a float, 0 for nothing else than 0. The exact one is the product of
    the first ``count`` of ``factors``, ``last`` and ``scale``; it is worked out where it is asked
    for only, since it may have thousands of digits.
    """

    __slots__ = ("_count", "_factors", "_last", "_scale", "lots", "value")

    def __init__(
        self,
        lots: int,
        value: float,
        last: Fraction | tuple[int, int],
        factors: Sequence[tuple[int, int]] = (),
        *,
        scale: Fraction | None = None,
    ) -> None:
        self.lots = lots
        self.value = value
        self._last = last
        self._factors = factors
        self._count = len(factors)  # others may come after them
        self._scale = scale

    @property
    def height(self) -> Fraction:
        """The tail at these sizes, exactly."""
        found = self._last if isinstance(self._last, Fraction) else Fraction(*self._last)
        if self._count > 1:  # the first is always 1
            factors = self._factors[: self._count]
            found *= Fraction(prod(one for one, _ in factors), prod(one for _, one in factors))
        return found if self._scale is None else found * self._scale

    def of(self, lots: int) -> "Run":
        """The same height at so many sizes."""
        found = Run(lots, self.value, self._last, self._factors, scale=self._scale)
        found._count = self._count
        return found

    def over(self, other: "Run") -> "Run":
        """The same sizes, at this height divided by another, which is not 0."""
        found = self.of(self.lots)
        found.value = self.value / other.value
        scale = Fraction(1) if self._scale is None else self._scale
        found._scale = scale / other.height
        return found


Tail = tuple[Run, ...]
"""A tail from size 1 on; beyond its last run it is 0."""


def exactly(lots: int, height: Fraction) -> Run:
    """A run of a height that is given."""
    return Run(lots, float(height), height)


class KaplanMeier:
    """The product-limit estimate of one pool's tail.

    An observation is ``(sent, filled)``. Less filled than sent says what the supply was; all filled
    says no more than that it was at least that much (it is censored). Only counts per size are
    kept, so memory is bounded by the sizes that occur.
    """

    __slots__ = ("_ended", "_full")

    def __init__(self) -> None:
        self._ended: dict[int, int] = {}
        self._full: dict[int, int] = {}

    def add(self, sent: int, filled: int) -> None:
        """Count one observation, in lots.

        Raises:
            ValueError: If not ``0 <= filled <= sent`` and ``sent > 0``.
        """
        self._count(sent, filled, 1)

    def remove(self, sent: int, filled: int) -> None:
        """Take one observation back that a longer one of the same supply replaces.

        Raises:
            ValueError: If it was never added, or is none.
        """
        self._count(sent, filled, -1)

    def has(self, sent: int, filled: int) -> bool:
        """Whether such an observation is counted."""
        return filled in (self._full if filled == sent else self._ended)

    def _count(self, sent: int, filled: int, by: int) -> None:
        if not 0 <= filled <= sent or sent == 0:
            raise ValueError(f"filled must be 0 to sent, sent > 0; was {filled} of {sent}")
        counts = self._full if filled == sent else self._ended
        left = counts.get(filled, 0) + by
        if left < 0:
            raise ValueError(f"no observation of {filled} of {sent} is there to remove")
        if left:
            counts[filled] = left
        else:
            del counts[filled]

    def at_risk(self, size: int) -> int:
        """Observations that could have shown whether there are more than ``size`` lots."""
        ended = sum(n for filled, n in self._ended.items() if filled >= size)
        return ended + sum(n for sent, n in self._full.items() if sent > size)

    def explored(self, needed: int) -> int:
        """The largest size whose tail rests on at least ``needed`` observations; 0: none."""
        # It is at risk up to the size that it ended at, or below what was sent.
        limits = [(filled + 1, n) for filled, n in self._ended.items()]
        limits += self._full.items()
        for limit, n in sorted(limits, reverse=True):
            needed -= n
            if needed <= 0:
                return limit
        return 0

    def tail(self) -> Tail:
        """``T(s + 1)``, the product over j = 0 to s of ``1 - D_j / N_j``.

        ``D_j`` counts observations with ``filled = j < sent``, ``N_j`` those with
        ``filled >= j`` and ``sent > j``. It ends at the first s with ``N_s = 0``: what is beyond
        nobody has seen.
        """
        ended, full = sorted(self._ended.items()), sorted(self._full.items())
        at_risk = sum(n for _, n in ended) + sum(n for _, n in full)
        # Factors telescope while nobody is censored in between: (N - D) / N of the first N.
        factors: list[tuple[int, int]] = []
        before, left, of = 1.0, 1, 1
        runs: list[Run] = []
        reached = next_full = after = 0
        for size, n in ended:
            while next_full < len(full) and full[next_full][0] <= size:
                at_risk -= full[next_full][1]
                next_full += 1
            if size > reached:
                runs.append(Run(size - reached, before * (left / of), (left, of), factors))
                reached = size
            if at_risk != after:
                before *= left / of
                factors.append((left, of))
                of = at_risk
            at_risk = after = left = at_risk - n
        furthest = max([full[-1][0] if full else 0, ended[-1][0] + 1 if ended else 0])
        if furthest > reached:
            runs.append(Run(furthest - reached, before * (left / of), (left, of), factors))
        return tuple(runs)


def optimistic(tail: Tail, explored: int, step: int) -> Tail:
    """The tail raised where it is not well explored yet, so that larger sizes get tried.

    The ``step`` sizes after ``explored`` get the height at ``explored`` (1 before any size); what
    is further stays as estimated. With a step of 1 it is the rule of the source; in orders of
    thousands of lots, lot by lot would take thousands of orders.

    Args:
        tail: As estimated.
        explored: The largest size that is well explored, >= 0.
        step: How many sizes are raised, >= 1.
    """
    head, height = _first(tail, explored)
    if height is None:
        height = exactly(step, Fraction(1))
    if not height.value:
        return tail
    return (*head, height.of(step), *beyond(tail, explored + step))


def beyond(tail: Tail, size: int) -> Tail:
    """The same tail from the size after ``size`` on, heights unchanged."""
    found: list[Run] = []
    for run in tail:
        if size >= run.lots:
            size -= run.lots
        else:
            found.append(run.of(run.lots - size))
            size = 0
    return tuple(found)


def given(tail: Tail, had: int) -> Tail:
    """The tail of what is left of a supply of which ``had`` lots have been had already.

    ``P(supply >= had + s | supply >= had)``; an empty one where the tail says that cannot be.
    """
    _, height = _first(tail, had)
    if height is None:
        return tail
    if not height.value:
        return ()
    return tuple([run.over(height) for run in beyond(tail, had)])


def _first(tail: Tail, size: int) -> tuple[list[Run], Run | None]:
    """The runs up to ``size``, cut there, and the one that holds it; None for size 0."""
    head: list[Run] = []
    for run in tail:
        if size <= 0:
            break
        head.append(run.of(min(run.lots, size)))
        size -= run.lots
    if size > 0:  # beyond what anybody has seen: nothing is known to be there
        head.append(exactly(size, Fraction(0)))
    return head, head[-1] if head else None


def greedy_split(tails: Sequence[Iterable[Run]], qty: int) -> list[int]:
    """Each next lot to the pool with the largest ``T(v + 1)``, ties to the lower index.

    Lots at which every tail is 0 are given to nobody.

    Args:
        tails: Per pool; each must not increase. An endless iterator will do.
        qty: Lots, >= 0.

    Returns:
        Lots per pool.

    Raises:
        ValueError: If a tail increases.

    Source: Ganchev et al. (2009), exact since tails do not increase.
    """
    split = [0] * len(tails)
    walks = [iter(tail) for tail in tails]
    heads = [next(walk, None) for walk in walks]
    left = qty
    while left > 0:
        best, run, low, high = -1, None, 0.0, 0.0
        for i, head in enumerate(heads):
            # Spelled out: this is asked for each pool at each run.
            if head is None or head.value < low or not head.value:
                continue
            if run is None or head.value > high or _higher(head, run):
                best, run = i, head
                low, high = run.value * (1 - _CLOSE), run.value * (1 + _CLOSE)
        if run is None:
            break
        taken = min(run.lots, left)
        split[best] += taken
        left -= taken
        following = heads[best] = next(walks[best], None)
        if following is not None and following.value >= low and _higher(following, run):
            raise ValueError(f"tail {best} must not increase")
    return split


def expected_fill(tail: Iterable[Run], lots: int) -> Fraction:
    """What ``lots`` sent to a pool with this tail fill on average: the sum of T(s), s <= lots."""
    total = Fraction(0)
    for run in tail:
        if lots <= 0:
            break
        total += min(run.lots, lots) * run.height
        lots -= run.lots
    return total


def _higher(one: Run, other: Run) -> bool:
    """Whether a run is strictly higher than another, exactly."""
    a, b = one.value, other.value
    if abs(a - b) > _CLOSE * max(a, b):
        return a > b
    return one.height > other.height
