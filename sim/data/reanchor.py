"""Puts the books of different instruments around one mid: the rule, and what it leads to.

The rule: a venue's level shows at ``reference mid + (level - own mid)``, rounded outward to the
tick (bids down, asks up). So each venue keeps its real depth, sizes and spread, and its basis to
the reference is removed. Since all levels of a side move by the same amount, the rule is one shift
per venue and side: ``shift = reference mid - own mid``, rounded down for bids and up for asks. It
must be taken anew at *every* update of the reference and of the venue: with shifts that are older
than a book, the books cross one another.

Mids are kept as ``best bid + best ask`` in ticks, twice the mid, so that everything stays integer.
While a side of a book is empty it has no mid, and the last one holds.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from statistics import median_low
from typing import Final

import msgspec

Shift = tuple[int, int]
"""Ticks added to each bid and to each ask of a venue."""

RULE: Final = (
    "price = reference mid + (level - own mid), rounded outward to the tick (bids down, asks up); "
    "taken anew at each update of the reference book and of the venue's own book"
)


class Top(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of one venue (by its number) after one update of its book, in ticks."""

    venue: int
    bid: int
    ask: int


class CrossingShares(msgspec.Struct, frozen=True):
    """How often the consolidated book was crossed or locked, once every venue is known."""

    updates: int
    crossed: int
    locked: int


def outward(reference_mid_x2: int, own_mid_x2: int) -> Shift:
    """The shift of a venue whose mid is to come to lie on the reference mid, rounded outward.

    Args:
        reference_mid_x2: Best bid + best ask of the reference, in ticks.
        own_mid_x2: The same of the venue.
    """
    distance_x2 = reference_mid_x2 - own_mid_x2
    return distance_x2 // 2, -(-distance_x2 // 2)


class Anchor:
    """The shifts of all venues, kept up to date with every top of book.

    Args:
        venues: Number of venues.
        reference: Number of the venue whose mid the others are put around; its own shift stays 0.
    """

    def __init__(self, venues: int, reference: int) -> None:
        self._reference = reference
        self._mids: list[int | None] = [None] * venues
        self.shifts: list[Shift] = [(0, 0)] * venues

    def update(self, top: Top) -> list[int]:
        """Take a venue's new top; return the numbers of the venues whose shift changed by it."""
        mid = top.bid + top.ask
        if self._mids[top.venue] == mid:
            return []
        self._mids[top.venue] = mid
        venues = range(len(self._mids)) if top.venue == self._reference else (top.venue,)
        return [venue for venue in venues if self._reanchor(venue)]

    def _reanchor(self, venue: int) -> bool:
        reference_mid, own_mid = self._mids[self._reference], self._mids[venue]
        if reference_mid is None or own_mid is None:
            return False
        shift = outward(reference_mid, own_mid)
        changed = shift != self.shifts[venue]
        self.shifts[venue] = shift
        return changed


def shares_at_each_update(tops: Iterable[Top], venues: int, reference: int) -> CrossingShares:
    """Crossing under the rule."""
    anchor = Anchor(venues, reference)

    def shift(top: Top) -> Sequence[Shift]:
        anchor.update(top)
        return anchor.shifts

    return _shares(tops, venues, shift)


def shares_at_own_updates(tops: Iterable[Top], venues: int, reference: int) -> CrossingShares:
    """Crossing if each venue were re-anchored only when its own book changes."""
    mids: list[int | None] = [None] * venues
    shifts: list[Shift] = [(0, 0)] * venues

    def shift(top: Top) -> Sequence[Shift]:
        mids[top.venue] = own_mid = top.bid + top.ask
        reference_mid = mids[reference]
        if reference_mid is not None:
            shifts[top.venue] = outward(reference_mid, own_mid)
        return shifts

    return _shares(tops, venues, shift)


def shares_with_fixed_shifts(tops: Iterable[Top], shifts: Sequence[Shift]) -> CrossingShares:
    """Crossing with one constant shift per venue; all ``(0, 0)`` gives the raw books."""
    return _shares(tops, len(shifts), lambda _: shifts)


def median_basis(tops: Iterable[Top], venues: int, reference: int) -> list[Shift]:
    """The constant shift that removes each venue's median basis, taken over all updates."""
    mids: list[int | None] = [None] * venues
    distances: list[list[int]] = [[] for _ in range(venues)]
    for top in tops:
        mids[top.venue] = top.bid + top.ask
        reference_mid = mids[reference]
        if reference_mid is None:
            continue
        for venue, mid in enumerate(mids):
            if mid is not None:
                distances[venue].append(reference_mid - mid)
    return [outward(median_low(found), 0) if found else (0, 0) for found in distances]


def share(part: int, whole: int) -> float | None:
    """``part / whole`` to six decimals; None of nothing."""
    return round(float(Fraction(part, whole)), 6) if whole else None


def _shares(
    tops: Iterable[Top], venues: int, shift: Callable[[Top], Sequence[Shift]]
) -> CrossingShares:
    last: list[Top | None] = [None] * venues
    updates = crossed = locked = 0
    for top in tops:
        last[top.venue] = top
        shifts = shift(top)
        known = [found for found in last if found is not None]
        if len(known) < venues:
            continue
        best_bid = max(found.bid + shifts[found.venue][0] for found in known)
        best_ask = min(found.ask + shifts[found.venue][1] for found in known)
        updates += 1
        crossed += best_bid > best_ask
        locked += best_bid == best_ask
    return CrossingShares(updates, crossed, locked)
