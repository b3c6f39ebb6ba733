"""Blind orders: to dark venues that never show anything, so that no quote stands behind them.

Each such venue gets one per parent, the nearest first: the stated part of what is then left, at the
best displayed lit price of the other side as received, or so much beyond it as the scenario allows,
or at the parent's limit where that is tighter. What comes back goes on to the next decision.

With a ping a small order asks first. The rest of the part waits for its answer, and so do all lots
of the parent that were not sent with it. If it was filled whole the part follows, reckoned anew
from what is left by then; if not, the venue is done with.
"""

from collections.abc import Callable
from fractions import Fraction

import msgspec

from router.config import BlindConfig
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from router.core.view import MarketView
from sim.audit.records import BlindOrder
from sim.protocol.enums import Side

Part = tuple[str, int, int]
"""Of a split: venue, price, lots."""
LeftOut = Callable[[Parent, str], str | None]
"""Why a parent may not use a venue now; None if it may."""


class BlindSplit(msgspec.Struct, frozen=True):
    """What of a decision goes out blind.

    ``silent`` says of each silent venue why it gets no order; None: it gets one. ``pings`` are the
    venues that get a small order first, ``held_qty`` the lots that wait for the answers.
    """

    orders: tuple[BlindOrder, ...]
    parts: tuple[Part, ...]
    silent: dict[str, str | None]
    pings: frozenset[str] = frozenset()
    held_qty: int = 0

    @property
    def kept_qty(self) -> int:
        """Lots that the strategy has not: sent blind, or held."""
        return self.held_qty + sum(part[2] for part in self.parts)


class BlindOrders:
    """Splits by blind orders.

    Args:
        view: The market as the router knows it.
        profiles: The silent venues that may be used.
        config: How much each of them gets.
    """

    def __init__(
        self, view: MarketView, profiles: tuple[VenueProfile, ...], config: BlindConfig
    ) -> None:
        self._view = view
        chosen = [p for p in profiles if not config.venues or p.venue_id in config.venues]
        self._nearest_first = sorted(chosen, key=lambda p: (p.latency_ns, p.venue_id))
        self._part = Fraction(config.fraction)
        self._ping = config.ping
        self._slack = Fraction(config.slack_bps) / 10_000

    def split(self, parent: Parent, left_out: LeftOut) -> BlindSplit:
        """Give each silent venue that the parent has not tried its part of what is left."""
        best_px = self._view.best_against(parent.side)
        buys = parent.side is Side.BUY
        worst_px = best_px
        if best_px is not None and self._slack:
            slack = best_px * self._slack.numerator // self._slack.denominator
            worst_px = best_px + slack if buys else best_px - slack
        limits = [px for px in (worst_px, parent.limit_px) if px is not None]
        orders: list[BlindOrder] = []
        parts: list[Part] = []
        silent: dict[str, str | None] = {}
        pings: list[str] = []
        left, held = parent.free_qty, 0
        for profile in self._nearest_first:
            venue_id = profile.venue_id
            why = left_out(parent, venue_id)
            if why is None and parent.tries(venue_id):
                why = self._why_tried(parent, venue_id)
            if why is None and not limits:
                why = "no_reference"
            elif why is None and not left:
                why = "ranked_behind"
            silent[venue_id] = why
            if why is not None:
                continue
            limit = min(limits) if buys else max(limits)
            # Rounded to the venue's grid so that it is no worse than the limit.
            price = profile.down(limit) if buys else profile.up(limit)
            qty = left * self._part.numerator // self._part.denominator
            qty -= qty % profile.lot
            if not qty or price <= 0:
                silent[venue_id] = "too_small"
                continue
            left -= qty
            stage = "after_ping" if parent.tries(venue_id) else ""
            if self._ping is not None and not stage:
                small = max(self._ping.lots - self._ping.lots % profile.lot, profile.lot)
                if small < qty:
                    stage = "ping"
                    pings.append(venue_id)
                    held += qty - small
                    qty = small
            orders.append(BlindOrder(venue_id, profile.latency_ns, best_px, price, stage))
            parts.append((venue_id, price, qty))
        return BlindSplit(tuple(orders), tuple(parts), silent, frozenset(pings), held)

    @staticmethod
    def _why_tried(parent: Parent, venue_id: str) -> str | None:
        """Why a venue that has had an order gets no other; None if it is to follow a ping."""
        if venue_id not in parent.pings or parent.tries(venue_id) > 1:
            return "tried_blind"
        return None if parent.pings[venue_id] else "ping_short"

    @staticmethod
    def on_split(parent: Parent, split: BlindSplit) -> None:
        """A split goes out; venues that get a ping have not answered it."""
        for venue_id, _, _ in split.parts:
            if venue_id in split.pings:
                parent.pings[venue_id] = False
            elif not parent.tries(venue_id):
                parent.pings.pop(venue_id, None)  # of a ping that never left

    @staticmethod
    def on_over(child: Child) -> bool:
        """A child has ended; whether it was the last ping that others waited for."""
        parent, venue_id = child.parent, child.venue_id
        if venue_id not in parent.pings or parent.tries(venue_id) > 1:
            return False
        parent.pings[venue_id] = child.cum_qty == child.order_qty
        return not BlindOrders.busy(parent)

    @staticmethod
    def busy(parent: Parent) -> bool:
        """Whether the answer to a ping is due."""
        return bool(parent.pings) and any(
            child.venue_id in parent.pings
            and parent.tries(child.venue_id) == 1
            and not child.unanswered
            for child in (*parent.open.values(), *parent.leaving.values())
        )
