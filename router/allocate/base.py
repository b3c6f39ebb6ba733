"""What every allocation strategy gets, gives, and shares.

A strategy sees offers, which are venues with the levels that may be used, and splits a quantity
over them. It knows nothing of orders, messages, time or the audit log.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from fractions import Fraction
from heapq import heappop, heapreplace
from typing import Final, Literal

import msgspec

from router.core.profile import Visibility
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels

TieRule = Literal["price", "visibility", "latency", "id"]
Depth = Literal["top", "full"]
Rank = tuple[int | str, ...]
USUAL_TIE: Final[tuple[TieRule, ...]] = ("price", "latency", "id")
LEAST_SEEN_FIRST: Final[tuple[Visibility, ...]] = ("dark", "maker", "lit")
"""The order of the tie rule ``visibility`` and of the strategies that look at it."""

_VISIBILITY_RANK: Final = {visibility: n for n, visibility in enumerate(LEAST_SEEN_FIRST)}
_NO_RISK: Final = Fraction(0)


class Offer(msgspec.Struct, frozen=True, gc=False):
    """One venue's usable levels, best first.

    With the venue's fee a price costs ``slope * price + intercept``; the unit is the same for all
    offers of a request, and ``impact``, the estimate of what our own order moves the price by, is
    in it too. ``fill_risk`` is the probability that the lots are not had there, >= 0 and < 1.
    """

    venue_id: str
    visibility: Visibility
    latency_ns: int
    lot: int
    levels: Levels
    slope: int
    intercept: int
    impact: int = 0
    fill_risk: Fraction = _NO_RISK


class AllocationRequest(msgspec.Struct, frozen=True):
    """Split ``qty`` lots over ``offers``; ``depth`` says how many levels of each may be used.

    ``tie`` ranks levels: the first rule that tells two apart decides.
    """

    side: Side
    qty: int
    offers: tuple[Offer, ...]
    depth: Depth
    tie: tuple[TieRule, ...]


class Allocation(msgspec.Struct, frozen=True):
    """The chosen split as ``(venue_id, price, qty)`` in order of preference.

    ``ranking`` names venues by their best level, best first; ``refused`` says per venue not used
    why.
    """

    slices: tuple[tuple[str, int, int], ...]
    ranking: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


class Strategy(ABC):
    """An allocation algorithm.

    Attributes:
        name: As in a scenario and in the record of a decision.
        depth: What its first split may use of each venue.
        weighs_risk: Whether ``impact`` and ``fill_risk`` of an offer count.
        only: The one venue that it would use; None: any.
    """

    name: str
    depth: Depth
    weighs_risk: bool = False
    only: str | None = None

    @abstractmethod
    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split ``request.qty``, or less where the offers end."""


def walk(
    request: AllocationRequest, groups: Iterable[tuple[Offer, ...]], unused: dict[str, str]
) -> Allocation:
    """Walk the levels of each group in order of rank, group after group, until ``qty`` is placed.

    From each level it takes what is left or what is there, rounded down to the venue's lot; what no
    venue's lot can take stays with the parent. A venue is refused as ``too_small`` if what was left
    when its turn came is less than its lot. Only
    the best level of each offer is ranked beforehand, a further one when the one before it is used.

    Args:
        request: What to split.
        groups: Offers; all of a group come before the next group.
        unused: Venues that the strategy leaves out, with the reason.
    """
    tie, full = request.tie, request.depth == "full"
    usual = tie == USUAL_TIE  # spelled out, here and below: a decision ranks dozens of levels
    sign = 1 if request.side is Side.BUY else -1
    left = request.qty
    slices: list[tuple[str, int, int]] = []
    ranking: list[str] = []
    too_small: set[str] = set()
    for offers in groups:
        queue: list[tuple[int | Rank, int, str, int, int]] = [
            (
                sign * (offer.slope * offer.levels[0][0] + offer.intercept)
                if usual
                else _rank(offer, 0, tie, sign),
                offer.latency_ns,
                offer.venue_id,
                i,
                0,
            )
            for i, offer in enumerate(offers)
            if offer.levels
        ]
        queue.sort()  # and a sorted list is a heap
        ranking += [entry[2] for entry in queue]
        while queue and left > 0:
            _, latency_ns, venue_id, i, n = queue[0]
            offer = offers[i]
            levels = offer.levels
            price, qty = levels[n]
            taken = qty if qty < left else left
            if offer.lot != 1:
                taken -= taken % offer.lot
            if taken:
                slices.append((venue_id, price, taken))
                left -= taken
            else:
                too_small.add(venue_id)
            n += 1
            if not full or n == len(levels):
                heappop(queue)
            elif left:
                key: int | Rank = (
                    sign * (offer.slope * levels[n][0] + offer.intercept)
                    if usual
                    else _rank(offer, n, tie, sign)
                )
                heapreplace(queue, (key, latency_ns, venue_id, i, n))
    used = {part[0] for part in slices}
    refused = [
        (v, "too_small" if v in too_small else "ranked_behind") for v in ranking if v not in used
    ]
    if unused:
        refused += sorted(unused.items())
    return Allocation(tuple(slices), tuple(ranking), tuple(refused))


def _rank(offer: Offer, n: int, tie: tuple[TieRule, ...], sign: int) -> Rank:
    """What orders levels: the tie rules in turn, the cheaper effective price first."""
    parts: dict[TieRule, int | str] = {
        "price": sign * (offer.slope * offer.levels[n][0] + offer.intercept),
        "visibility": _VISIBILITY_RANK[offer.visibility],
        "latency": offer.latency_ns,
        "id": offer.venue_id,
    }
    return tuple([parts[rule] for rule in tie])
