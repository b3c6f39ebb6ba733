"""What every allocation strategy gets, gives, and shares.

A strategy sees offers, which are venues with the levels that may be used, and splits a quantity
over them. It knows nothing of orders, messages, time or the audit log.
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heapreplace
from typing import Final, Literal, Protocol

import msgspec

from router.core.profile import Visibility
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels

TieRule = Literal["price", "latency", "id"]
Depth = Literal["top", "full"]
Rank = tuple[int | str, ...]
USUAL_TIE: Final[tuple[TieRule, ...]] = ("price", "latency", "id")


class Offer(msgspec.Struct, frozen=True, gc=False):
    """One venue's usable levels, best first.

    With the venue's fee a price costs ``slope * price + intercept``; the unit is the same for all
    offers of a request.
    """

    venue_id: str
    visibility: Visibility
    latency_ns: int
    lot: int
    levels: Levels
    slope: int
    intercept: int


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


class Strategy(Protocol):
    """An allocation algorithm. ``depth`` is what its first split may use of each venue."""

    name: str
    depth: Depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split ``request.qty``, or less where the offers end."""
        ...


def walk(
    request: AllocationRequest, groups: Iterable[tuple[Offer, ...]], unused: dict[str, str]
) -> Allocation:
    """Walk the levels of each group in order of rank, group after group, until ``qty`` is placed.

    From each level it takes what is left or what is there, rounded down to the venue's lot.

    Args:
        request: What to split.
        groups: Offers; all of a group come before the next group.
        unused: Venues that the strategy leaves out, with the reason.
    """
    rank = _ranker(request)
    left = request.qty
    slices: list[tuple[str, int, int]] = []
    ranking: list[str] = []
    for offers in groups:
        queue = [(rank(offer, 0), i, 0) for i, offer in enumerate(offers) if offer.levels]
        ranking.extend(offers[i].venue_id for _, i, _ in sorted(queue))
        heapify(queue)
        while queue and left > 0:
            _, i, n = queue[0]
            offer = offers[i]
            price, qty = offer.levels[n]
            taken = min(left, qty)
            taken -= taken % offer.lot
            if taken:
                slices.append((offer.venue_id, price, taken))
                left -= taken
            if request.depth == "full" and n + 1 < len(offer.levels):
                heapreplace(queue, (rank(offer, n + 1), i, n + 1))
            else:
                heappop(queue)
    used = {venue_id for venue_id, _, _ in slices}
    refused = [(v, "ranked_behind") for v in ranking if v not in used]
    return Allocation(tuple(slices), tuple(ranking), (*refused, *sorted(unused.items())))


def _ranker(request: AllocationRequest) -> Callable[[Offer, int], Rank]:
    """What orders levels: the tie rules in turn, the cheaper effective price first."""
    sign = 1 if request.side is Side.BUY else -1
    if request.tie == USUAL_TIE:  # spelled out: a decision ranks dozens of levels

        def usual(offer: Offer, n: int) -> Rank:
            price = sign * (offer.slope * offer.levels[n][0] + offer.intercept)
            return price, offer.latency_ns, offer.venue_id

        return usual

    def rank(offer: Offer, n: int) -> Rank:
        parts: dict[TieRule, int | str] = {
            "price": sign * (offer.slope * offer.levels[n][0] + offer.intercept),
            "latency": offer.latency_ns,
            "id": offer.venue_id,
        }
        return tuple([parts[rule] for rule in request.tie])

    return rank
