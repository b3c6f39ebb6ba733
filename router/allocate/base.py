"""What every allocation strategy gets, gives, and shares.

A strategy sees offers, which are venues with the levels that may be used, and splits a quantity
over them. It knows nothing of orders, messages, time or the audit log.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heapreplace
from typing import Literal, Protocol

import msgspec

from router.core.profile import Visibility
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels

TieRule = Literal["price", "latency", "id"]
Depth = Literal["top", "full"]


class Offer(msgspec.Struct, frozen=True, gc=False):
    """One venue's usable levels, best first, with the effective price of each."""

    venue_id: str
    visibility: Visibility
    latency_ns: int
    lot: int
    levels: Levels
    effective: tuple[int, ...]


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
    left = request.qty
    slices: list[tuple[str, int, int]] = []
    ranking: list[str] = []
    for offers in groups:
        queue = [(_rank(request, offer, 0), i, 0) for i, offer in enumerate(offers) if offer.levels]
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
                heapreplace(queue, (_rank(request, offer, n + 1), i, n + 1))
            else:
                heappop(queue)
    used = {venue_id for venue_id, _, _ in slices}
    refused = [(v, "ranked_behind") for v in ranking if v not in used]
    return Allocation(tuple(slices), tuple(ranking), (*refused, *sorted(unused.items())))


def _rank(request: AllocationRequest, offer: Offer, n: int) -> tuple[int | str, ...]:
    price = offer.effective[n] if request.side is Side.BUY else -offer.effective[n]
    parts: dict[TieRule, int | str] = {
        "price": price,
        "latency": offer.latency_ns,
        "id": offer.venue_id,
    }
    return tuple([parts[rule] for rule in request.tie])
