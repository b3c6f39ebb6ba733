"""Blind orders: to dark venues that never show anything, so that no quote stands behind them.

Each such venue gets one per parent, the nearest first: the stated part of what is then left, at the
best displayed lit price of the other side as received, or so much beyond it as the scenario allows,
or at the parent's limit where that is tighter. What comes back goes on to the next decision.
"""

from collections.abc import Callable
from fractions import Fraction

import msgspec

from router.config import BlindConfig
from router.core.orders import Parent
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

    ``silent`` says of each silent venue why it gets no order; None: it gets one.
    """

    orders: tuple[BlindOrder, ...]
    parts: tuple[Part, ...]
    silent: dict[str, str | None]


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
        left = parent.free_qty
        for profile in self._nearest_first:
            venue_id = profile.venue_id
            why = left_out(parent, venue_id)
            if why is None and parent.children_at.get(venue_id):
                why = "tried_blind"
            elif why is None and not limits:
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
            orders.append(BlindOrder(venue_id, profile.latency_ns, best_px, price))
            parts.append((venue_id, price, qty))
            left -= qty
        return BlindSplit(tuple(orders), tuple(parts), silent)
