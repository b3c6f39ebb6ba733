"""Where a strategy could post, and which silent dark venues it could try: what offers do not show.

Silent venues, pools for short, are tried in rounds. While an answer of a round is due the parent's
other lots wait, so that the next round, or the strategy's way for what is left, starts from all
answers. Within one release of a parent's lots a pool that fell short is not tried again; after a
round that brought nothing, or as many rounds as the strategy has, no pool is.

Only strategies that ask for it pay for it. Decides nothing.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import msgspec

from router.allocate.base import AllocationRequest, Join, Pool
from router.core.blind import BlindSplit, Part
from router.core.orders import Child, Parent, PoolRounds
from router.core.profile import VenueProfile
from router.core.view import MarketView
from sim.audit.records import BlindOrder, KnownQueue
from sim.protocol.enums import Side

LeftOut = Callable[[Parent, str], str | None]
"""Why a parent may not use a venue now; None if it may."""


class Found(msgspec.Struct, frozen=True):
    """The places of one decision.

    ``blind`` says of each silent venue why it gets nothing; None: it is one of ``pools``.
    """

    joins: tuple[Join, ...]
    pools: tuple[Pool, ...]
    queues: tuple[KnownQueue, ...]
    blind: BlindSplit
    best_px: int | None = None

    def used(self, parts: tuple[Part, ...]) -> tuple[BlindOrder, ...]:
        """For the record: the pools that got a part, none of which rests on a quote."""
        if not self.pools:
            return ()
        got = {part[0] for part in parts}
        return tuple(
            [
                BlindOrder(pool.venue_id, pool.latency_ns, self.best_px, pool.price)
                for pool in self.pools
                if pool.venue_id in got
            ]
        )


NOWHERE: Final = Found((), (), (), BlindSplit((), (), {}))


class Places:
    """Finds places.

    Args:
        view: The market as the router knows it.
        profiles: All venues.
        pools: The silent dark venues that the strategy may use.
        posts: Whether it posts.
        rounds: How often it may try the pools for the same lots.
    """

    def __init__(
        self,
        view: MarketView,
        profiles: tuple[VenueProfile, ...],
        pools: tuple[VenueProfile, ...],
        *,
        posts: bool,
        rounds: int,
    ) -> None:
        self._view = view
        self._rounds = rounds
        self._pool_ids = frozenset([p.venue_id for p in pools])
        self._pools = sorted(pools, key=lambda p: p.venue_id)
        self._joins = [p for p in profiles if posts and p.takes_resting and p.visibility == "lit"]

    def busy(self, parent: Parent) -> bool:
        """Whether an answer of its round of pools is due."""
        return any(
            child.venue_id in self._pool_ids and not child.unanswered
            for child in (*parent.open.values(), *parent.leaving.values())
        )

    def on_split(self, parent: Parent, slices: tuple[Part, ...]) -> None:
        """A split goes out; if it tries pools a round begins."""
        if any(part[0] in self._pool_ids for part in slices):
            rounds = _rounds_of(parent)
            rounds.rounds += 1
            rounds.gained_qty = 0

    def on_over(self, child: Child) -> bool:
        """A child has ended; whether that ends a round."""
        if child.venue_id not in self._pool_ids:
            return False
        rounds, venue_id = _rounds_of(child.parent), child.venue_id
        rounds.gained_qty += child.cum_qty
        rounds.had[venue_id] = rounds.had.get(venue_id, 0) + child.cum_qty
        if child.cum_qty < child.order_qty:
            rounds.short.add(venue_id)
        return not self.busy(child.parent)

    def of(self, parent: Parent, left_out: LeftOut, now_ns: int) -> Found:
        """Where the parent could post now, and the pools that it may try."""
        pools, silent = self._usable_pools(parent, left_out)
        joins: list[Join] = []
        queues: list[KnownQueue] = []
        for profile in self._joins if parent.may_post else ():
            quote = self._view.venues[profile.venue_id].quote
            if quote is None or left_out(parent, profile.venue_id) is not None:
                continue
            join = _join(parent, profile, quote.bids if parent.side is Side.BUY else quote.asks)
            if join is not None:
                joins.append(join)
                age_ns = now_ns - quote.published_ns
                queues.append(
                    KnownQueue(join.venue_id, join.price, join.queue_qty, quote.venue_seq, age_ns)
                )
        best_px = self._view.best_against(parent.side)
        blind = BlindSplit((), (), silent)
        return Found(tuple(joins), pools, tuple(queues), blind, best_px)

    def completed(
        self, request: AllocationRequest, parent: Parent, found: Found, now_ns: int
    ) -> AllocationRequest:
        """The request with the places, and what else such strategies may want to know."""
        bid, ask = self._view.best_bid(), self._view.best_ask()
        return msgspec.structs.replace(
            request,
            joins=found.joins,
            pools=found.pools,
            left_ns=None if parent.deadline_ns is None else parent.deadline_ns - now_ns,
            post_left_ns=parent.post_over_ns - now_ns if parent.post_over_ns else None,
            mid2=None if bid is None or ask is None else bid + ask,
            parent_id=parent.parent_id,
        )

    def _usable_pools(
        self, parent: Parent, left_out: LeftOut
    ) -> tuple[tuple[Pool, ...], dict[str, str | None]]:
        buys = parent.side is Side.BUY
        best_px = self._view.best_against(parent.side)
        limits = [px for px in (best_px, parent.limit_px) if px is not None]
        pools: list[Pool] = []
        silent: dict[str, str | None] = {}
        rounds = _rounds_of(parent) if self._pools else _UNTRIED
        over = rounds.rounds >= self._rounds or (rounds.rounds > 0 and not rounds.gained_qty)
        for profile in self._pools:
            why = left_out(parent, profile.venue_id)
            if why is None and profile.venue_id in rounds.short:
                why = "filled_short"
            elif why is None and over:
                why = "rounds_over"
            elif why is None and not limits:
                why = "no_reference"
            silent[profile.venue_id] = why
            if why is not None:
                continue
            limit = min(limits) if buys else max(limits)
            # Rounded to the venue's grid so that it is no worse than the limit.
            price = profile.down(limit) if buys else profile.up(limit)
            if price <= 0:
                silent[profile.venue_id] = "no_reference"
                continue
            had = rounds.had.get(profile.venue_id, 0)
            pools.append(Pool(profile.venue_id, price, profile.lot, profile.latency_ns, had))
        return tuple(pools), silent


_UNTRIED: Final = PoolRounds(0)


def _rounds_of(parent: Parent) -> PoolRounds:
    """The rounds of the lots released by now; others begin as more are released."""
    rounds = parent.pools
    if rounds is None or rounds.released_qty != parent.released_qty:
        rounds = parent.pools = PoolRounds(parent.released_qty)
    return rounds


def _join(
    parent: Parent, profile: VenueProfile, own_side: tuple[tuple[int, int], ...]
) -> Join | None:
    """The queue that a limit order would join; None where there is no price for it."""
    buys, limit = parent.side is Side.BUY, parent.limit_px
    best = own_side[0][0] if own_side else limit
    if best is None:
        return None
    wanted = best if limit is None else (min(best, limit) if buys else max(best, limit))
    price = profile.down(wanted) if buys else profile.up(wanted)
    if price <= 0:
        return None
    # Who bids more trades first, too.
    queue = sum(qty for px, qty in own_side if (px >= price if buys else px <= price))
    slope, intercept = profile.maker_buy if buys else profile.maker_sell
    fee = slope * price + intercept - price
    rebate: Fraction = -fee if buys else fee
    return Join(profile.venue_id, price, queue, profile.lot, profile.latency_ns, rebate)
