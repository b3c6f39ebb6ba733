"""From weights to whole lots: the one rule by which a share that is no whole number is rounded.

Largest remainder: every share is rounded down to the venue's lot, and what that leaves goes, lot by
lot, to the shares that lost most of a lot. All is worked out in whole numbers, so nothing depends
on how a float rounds, and a tie goes to the one that stands first. Knows no venue and no price.

Source: Hamilton's method of apportionment, as in Balinski and Young, Fair Representation (1982);
own convention for lots and caps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, lcm
from typing import Final

Weight = int | float | Fraction

_ONE_LOT: Final = 1


def split_lots(
    weights: Sequence[Weight],
    qty: int,
    lots: Sequence[int] | None = None,
    caps: Sequence[int | None] | None = None,
) -> list[int]:
    """Split ``qty`` lots in proportion to ``weights``.

    What goes to one is a multiple of its lot and at most its cap; what a cap keeps off goes to the
    others in proportion. The sum never exceeds ``qty``. It falls short only where no lot of
    anybody with a weight fits any more, below the caps and into what is left. A weight of 0 gets
    nothing. The order of the arguments matters for exact ties only: the first one gets the lot.

    Args:
        weights: Per place, finite and >= 0; only their ratios count.
        qty: Lots to split, >= 0.
        lots: Per place the multiple that it must be, >= 1; without it 1 everywhere.
        caps: Per place the most it may get, >= 0; None: no cap. Without it nobody has one.

    Returns:
        Per place the lots, as many entries as weights.

    Raises:
        ValueError: If a weight, a lot, a cap or ``qty`` is out of range, or the lengths differ.
    """
    count = len(weights)
    steps = [_ONE_LOT] * count if lots is None else list(lots)
    most = [qty] * count if caps is None else [qty if cap is None else cap for cap in caps]
    _check(weights, qty, steps, most)
    places = [
        _Place(weight, step, min(cap, qty) // step * step)
        for weight, step, cap in zip(_whole(weights), steps, most, strict=True)
    ]
    left = qty
    while left:
        usable = [place for place in places if place.weight and place.lot <= min(left, place.room)]
        if not usable:
            break
        left -= _round(usable, left)
    return [place.given for place in places]


@dataclass(slots=True)
class _Place:
    """``room`` is what it may still get, in whole lots of its own."""

    weight: int
    lot: int
    room: int
    given: int = 0

    def give(self, qty: int) -> int:
        self.given += qty
        self.room -= qty
        return qty


def _round(places: list[_Place], qty: int) -> int:
    """Split ``qty`` over places each of which one lot fits; how many lots were split.

    At least one lot is: so the caller, who repeats it with what is left, comes to an end.
    """
    left = qty
    # Who would get his room or more gets his room; the others share what that leaves.
    while True:
        total = sum(place.weight for place in places)
        full = [place for place in places if left * place.weight >= place.room * total]
        if not full:
            break
        for place in full:
            left -= place.give(place.room)
        places = [place for place in places if place.room]
        if not places:
            return qty - left
    shared = left
    remainders: list[tuple[Fraction, int]] = []
    for n, place in enumerate(places):
        parts, over = divmod(shared * place.weight, total * place.lot)
        left -= place.give(parts * place.lot)
        remainders.append((Fraction(-over, total * place.lot), n))
    for _, n in sorted(remainders):
        place = places[n]
        if place.lot <= min(left, place.room):
            left -= place.give(place.lot)
    return qty - left


def _whole(weights: Sequence[Weight]) -> list[int]:
    """The same ratios in whole numbers, exactly."""
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale = lcm(*(ratio[1] for ratio in ratios)) if ratios else 1
    return [ratio[0] * (scale // ratio[1]) for ratio in ratios]


def _check(weights: Sequence[Weight], qty: int, steps: list[int], most: list[int]) -> None:
    if qty < 0:
        raise ValueError(f"qty must be >= 0 lots, was {qty}")
    for name, found in (("lots", steps), ("caps", most)):
        if len(found) != len(weights):
            raise ValueError(f"{name} must have {len(weights)} entries, had {len(found)}")
    for weight in weights:
        if not (isfinite(weight) and weight >= 0):
            raise ValueError(f"weights must be finite and >= 0, one was {weight}")
    for step in steps:
        if step < 1:
            raise ValueError(f"lots must be >= 1, one was {step}")
    for cap in most:
        if cap < 0:
            raise ValueError(f"caps must be >= 0, one was {cap}")
