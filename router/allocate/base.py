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

from router.core.cost import Variant
from router.core.profile import Visibility
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels
from sim.protocol.units import Units

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
    in it too. ``fill_risk`` is the probability that the lots are not had there, >= 0 and < 1, and
    ``latency_cost`` what a price may have moved away until an order is there; it is 0 where the
    scenario's ``router.cost`` does not say otherwise.
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
    latency_cost: int = 0


class Join(msgspec.Struct, frozen=True, gc=False):
    """Where a limit order could join the parent's own side of a book.

    ``price`` is the best price of that side as received, within the parent's limit and on the
    venue's grid; ``queue_qty`` the lots displayed there and at better prices of that side, which
    trade first; 0 where nothing is. ``rebate`` is what a maker gets there, in ticks a lot; negative
    for a fee.
    """

    venue_id: str
    price: int
    queue_qty: int
    lot: int
    latency_ns: int
    rebate: Fraction = Fraction(0)


class Pool(msgspec.Struct, frozen=True, gc=False):
    """A dark venue that never shows what it holds, and the limit at which it would be tried.

    ``had_qty`` lots the parent has been given there in the rounds before, all that it asked for.
    """

    venue_id: str
    price: int
    lot: int
    latency_ns: int
    had_qty: int = 0


class AllocationRequest(msgspec.Struct, frozen=True):
    """Split ``qty`` lots over ``offers``; ``depth`` says how many levels of each may be used.

    ``tie`` ranks levels: the first rule that tells two apart decides. ``joins`` are there for
    strategies that post, ``pools`` for those that use silent dark venues. ``left_ns`` is the time
    until the parent's deadline, None without one, ``post_left_ns`` that until what it posts is
    canceled, None before it has posted anything; ``mid2`` twice the middle of the best displayed
    lit prices as received, None where a side is missing. Both, like ``parent_id``, are given only
    to strategies that post or use pools.
    """

    side: Side
    qty: int
    offers: tuple[Offer, ...]
    depth: Depth
    tie: tuple[TieRule, ...]
    joins: tuple[Join, ...] = ()
    pools: tuple[Pool, ...] = ()
    left_ns: int | None = None
    post_left_ns: int | None = None
    mid2: int | None = None
    parent_id: str = ""


class Allocation(msgspec.Struct, frozen=True):
    """The chosen split as ``(venue_id, price, qty)`` in order of preference.

    ``slices`` are taken at once, ``posts`` rest as limit orders; together they are at most what was
    asked. ``ranking`` names venues by their best level, best first; ``refused`` says per venue not
    used why. ``notes`` are what the decision's record shall say of how it came about: name and
    value.
    """

    slices: tuple[tuple[str, int, int], ...]
    ranking: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    posts: tuple[tuple[str, int, int], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


class ChildOutcome(msgspec.Struct, frozen=True, gc=False):
    """How a child ended: what was asked of a venue and what was had; times in ns of the run.

    ``posted`` tells a limit order that rested from one that took. ``rejected``: the venue refused
    it. ``cum_qty`` below ``order_qty`` means that no more was to be had at that price then.
    """

    parent_id: str
    venue_id: str
    visibility: Visibility
    side: Side
    price: int
    order_qty: int
    cum_qty: int
    posted: bool
    rejected: bool
    sent_ns: int
    ended_ns: int


class Strategy(ABC):
    """An allocation algorithm.

    Attributes:
        name: As in a scenario and in the record of a decision.
        depth: What its first split may use of each venue.
        weighs_risk: Whether ``impact``, ``fill_risk`` and ``latency_cost`` of an offer count.
        variant: How it prices lots that are not had (``router.core.cost``), set by its router.
        only: The one venue that it would use; None: any.
        posts: Whether it posts limit orders, and wants to know where it could.
        pools: Whether it splits over silent dark venues, and wants to know which there are.
        rounds: How often it may split a parent's lots over them.
        needs_truth: Whether it is told what is truly there, which no router can know.
        learns: Whether it wants to hear how children ended.
        units: Tick and lot of the instrument, for settings in money or quantities; the router sets
            it before the first request. None: one tick is one unit of money, one lot one share.
        scale: Prices with fees of a request's offers are in ``1/scale`` ticks; set likewise.
        post_for_ns: After this time what it posted is canceled, and the parent only takes; None:
            it rests until it is filled or the parent ends.
    """

    name: str
    depth: Depth
    weighs_risk: bool = False
    variant: Variant = "literal"
    only: str | None = None
    posts: bool = False
    pools: bool = False
    rounds: int = 1
    needs_truth: bool = False
    learns: bool = False
    units: Units | None = None
    scale: int = 1
    post_for_ns: int | None = None

    @abstractmethod
    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split ``request.qty``, or less where the offers end."""

    def learn(self, outcome: ChildOutcome) -> None:  # noqa: B027 - most have nothing to learn
        """Hear how a child ended; called once for each, in the order in which they ended."""


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
