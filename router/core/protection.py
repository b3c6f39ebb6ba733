"""Order protection: no part of a split passes by a better price displayed at a lit venue.

A part is said to pass a lit venue by if it is at another venue and its price is worse than the
venue's best usable level. Then the venue must get at least what it displays there, rounded down to
its lot; lots are moved there from the worst parts that pass it by, until it has that, or none does.
Prices are as displayed, without fees. Each move takes lots to a better price, so it ends.

Source: the intermarket sweep order of Regulation NMS, rule 600(b)(38): a trade at a worse price is
allowed to who sends at the same time for the full displayed size of every better protected quote;
a quote is protected at its best price only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

from router.allocate.base import Offer
from sim.audit.records import Protected
from sim.protocol.enums import Side

Part = tuple[str, int, int]
"""Of a split: venue, price, lots."""


def protect(
    side: Side, parts: Sequence[Part], offers: Sequence[Offer]
) -> tuple[tuple[Part, ...], tuple[Protected, ...]]:
    """The split that passes no displayed lit quote by, and what was done for that.

    The sum of the lots stays as it is, and so do parts that pass nothing by. Where lots of two
    venues fit together only in steps of both their lots, moves are made in such steps.

    Args:
        side: Of the parent.
        parts: Venue, price and lots of each part of the split.
        offers: What the venues have that the parent may use.

    Returns:
        The parts, those that were added last; and per venue that got lots, or could not be given
        all that it displays, a record of it.
    """
    sign = 1 if side is Side.BUY else -1
    lots = {offer.venue_id: offer.lot for offer in offers}
    lit = [one for one in offers if one.visibility == "lit" and one.levels]
    lit.sort(key=lambda one: (sign * one.levels[0][0], one.venue_id))
    split = [_Piece(*part) for part in parts]
    moved: dict[str, int] = {}
    again = True
    while again:
        again = False
        for offer in lit:
            got = _give(split, offer, lots, sign)
            if got:
                again = True
                moved[offer.venue_id] = moved.get(offer.venue_id, 0) + got
    after = tuple([(one.venue_id, one.price, one.qty) for one in split if one.qty])
    notes = [_note(after, offer, moved.get(offer.venue_id, 0), sign) for offer in lit]
    return after, tuple([one for one in notes if one is not None])


def passed_by(side: Side, parts: Sequence[Part], venue_id: str, price: int) -> bool:
    """Whether a part at another venue is at a price worse than this one."""
    sign = 1 if side is Side.BUY else -1
    return any(v != venue_id and sign * px > sign * price for v, px, qty in parts if qty)


@dataclass(slots=True)
class _Piece:
    """A part of the split while lots are moved."""

    venue_id: str
    price: int
    qty: int


def _give(split: list[_Piece], offer: Offer, lots: dict[str, int], sign: int) -> int:
    """Move what a lit venue still lacks there from the worst parts that pass it by."""
    venue_id, (price, shown) = offer.venue_id, offer.levels[0]
    has = sum(one.qty for one in split if one.venue_id == venue_id)
    lacks = shown - shown % offer.lot - has
    if lacks <= 0:
        return 0
    passing = [one for one in split if one.venue_id != venue_id and sign * one.price > sign * price]
    passing.sort(key=lambda one: -sign * one.price)  # the worst first; of equals the first
    got = 0
    for one in passing:
        taken = min(lacks - got, one.qty)
        taken -= taken % lcm(offer.lot, lots.get(one.venue_id, 1))
        one.qty -= taken
        got += taken
    if not got:
        return 0
    own = [one for one in split if one.venue_id == venue_id and one.price == price]
    if own:
        own[0].qty += got
    else:
        split.append(_Piece(venue_id, price, got))
    return got


def _note(parts: Sequence[Part], offer: Offer, moved: int, sign: int) -> Protected | None:
    """What was done for a venue; None where nothing was to be done."""
    venue_id, (price, shown) = offer.venue_id, offer.levels[0]
    has = sum(part[2] for part in parts if part[0] == venue_id)
    side = Side.BUY if sign > 0 else Side.SELL
    lacks = has < shown and passed_by(side, parts, venue_id, price)
    if not moved and not lacks:
        return None
    return Protected(venue_id, price, shown, moved, "too_small" if lacks else None)
