"""A user's own split among our strategies: what it gives is checked, all else is ours."""

from typing import Any, Final

from router.allocate.base import (
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Depth,
    Strategy,
)
from router.own.guard import Plugin

_FLAGS: Final = ("weighs_risk", "posts", "pools", "learns")


class OwnSplit(Strategy):
    """Asks a user's strategy, and lets nothing through that a strategy must not do.

    Raises:
        PluginError: If the user's code raises, or gives a split that cannot be sent.
    """

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._own: Strategy = plugin.make()
        self.name = f"own:{plugin.name}"
        depth = getattr(self._own, "depth", None)
        if depth not in {"top", "full"}:
            plugin.wrong(f"depth must be 'top' or 'full', was {type(depth).__name__}")
        self.depth: Depth = depth
        only, length = self._own.only, self._own.post_for_ns
        if only is not None and type(only) is not str:
            plugin.wrong(f"only must be a venue's id or None, was {type(only).__name__}")
        if length is not None and (type(length) is not int or length <= 0):
            plugin.wrong("post_for_ns must be None or a whole number of ns above 0")
        for flag in _FLAGS:
            value = getattr(self._own, flag)
            if type(value) is not bool:
                plugin.wrong(f"{flag} must be True or False, was {type(value).__name__}")
            setattr(self, flag, value)
        self.only = only
        self.post_for_ns = length

    def allocate(self, request: AllocationRequest) -> Allocation:
        """The user's split, checked."""
        hook = self._own.allocate
        given = self._plugin.call(hook, request)
        why = _wrong(request, given)
        if why is not None:
            self._plugin.wrong(why, hook)
        allocation: Allocation = given
        return allocation

    def learn(self, outcome: ChildOutcome) -> None:
        """Let the user's strategy learn."""
        self._plugin.call(self._own.learn, outcome)


def _wrong(request: AllocationRequest, given: Any) -> str | None:
    """What is wrong with a split; None if nothing is."""
    if type(given) is not Allocation:
        return f"allocate must give an Allocation, gave {type(given).__name__}"
    shown = {(o.venue_id, price): qty for o in request.offers for price, qty in o.levels}
    total = 0
    both: tuple[tuple[bool, Any], ...] = ((False, given.slices), (True, given.posts))
    for posted, parts in both:
        if type(parts) is not tuple:
            return "slices and posts must be tuples of (venue_id, price, qty)"
        for part in parts:
            if type(part) is not tuple or [type(one) for one in part] != [str, int, int]:
                return "each of slices and posts must be (venue_id, price, qty), whole numbers"
            why = _post_wrong(request, part) if posted else _slice_wrong(request, part, shown)
            if why is not None:
                return f"{part}: {why}"
            total += part[2]
    if total > request.qty:
        return f"the split has {total} lots, and {request.qty} were asked for"
    return _words_wrong(given)


def _slice_wrong(
    request: AllocationRequest, part: tuple[str, int, int], shown: dict[tuple[str, int], int]
) -> str | None:
    """What is wrong with lots that are taken; ``shown`` is what no part has taken yet."""
    venue_id, price, qty = part
    pools = {pool.venue_id: pool for pool in request.pools}
    lots = {offer.venue_id: offer.lot for offer in request.offers}
    lots |= {pool.venue_id: pool.lot for pool in request.pools}
    if venue_id not in lots:
        return f"no such offer; there are: {', '.join(lots) or 'none'}"
    if qty <= 0 or qty % lots[venue_id]:
        return f"qty must be above 0 and a multiple of the venue's lot, {lots[venue_id]}"
    if venue_id in pools:
        limit = pools[venue_id].price
        return None if price == limit else f"the price of this pool is {limit}"
    left = shown.get((venue_id, price), 0)
    if qty > left:
        return f"{left} lots are offered there at {price}"
    shown[venue_id, price] = left - qty
    return None


def _post_wrong(request: AllocationRequest, part: tuple[str, int, int]) -> str | None:
    """What is wrong with lots that rest."""
    venue_id, price, qty = part
    joins = {join.venue_id: join for join in request.joins}
    join = joins.get(venue_id)
    if join is None:
        return f"no such place to post; there are: {', '.join(joins) or 'none'}"
    if qty <= 0 or qty % join.lot:
        return f"qty must be above 0 and a multiple of the venue's lot, {join.lot}"
    return None if price == join.price else f"the price to join at is {join.price}"


def _words_wrong(given: Allocation) -> str | None:
    """What is wrong with the words for the record."""
    for name, pairs in (("refused", given.refused), ("notes", given.notes)):
        good = type(pairs) is tuple and all(
            type(pair) is tuple and [type(one) for one in pair] == [str, str] for pair in pairs
        )
        if not good:
            return f"{name} must be a tuple of pairs of text"
    if type(given.ranking) is not tuple or any(type(one) is not str for one in given.ranking):
        return "ranking must be a tuple of venue ids"
    return None
