"""What a parent shows, how likely that is to be noticed, and how much it may show.

Only what its own children show at lit venues at one instant counts: lots in the book or on the way
there. What is sent to dark venues and to makers, who answer us alone, counts as nothing. The
formulas are those of ``sim.protocol.detection``, with ``alpha`` per lot here.

Source: the customer's document; design notes on models, section 7.
"""

from collections.abc import Iterable
from decimal import Decimal
from math import floor, isfinite, log1p

import msgspec

from router.allocate.base import Allocation
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.settings.leakage import LeakageConfig
from sim.audit.records import Exposure
from sim.protocol.detection import detect_prob, leakage_reduction

Part = tuple[str, int, int]
REASON = "would_show"
"""Why a venue gets nothing that is cut off altogether."""


def visible_cap(alpha: float, max_detect: float) -> int:
    """The most lots that may show at once: the largest q with ``1 - exp(-alpha q) <= max_detect``.

    For strategies and as the largest slice of a schedule.

    Args:
        alpha: Detectability per lot, > 0.
        max_detect: Probability to be noticed that must not be exceeded, > 0 and < 1.

    Raises:
        ValueError: If an argument is out of range.

    Source: the customer's formula, solved for the quantity.
    """
    if not (isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha must be finite and > 0, was {alpha}")
    if not 0 < max_detect < 1:
        raise ValueError(f"max_detect must be > 0 and < 1, was {max_detect}")
    cap = floor(-log1p(-max_detect) / alpha)
    # The quotient may be a whole number but for its rounding: the formula itself decides.
    if detect_prob(cap + 1, alpha) <= max_detect:
        return cap + 1
    return cap if detect_prob(cap, alpha) <= max_detect else cap - 1


def cap_of(config: LeakageConfig | None, lot_size: Decimal) -> int | None:
    """The most lots of ``lot_size`` shares that the settings let show at once; None: any."""
    if config is None or config.max_detect is None:
        return None
    return visible_cap(float(config.alpha * lot_size), float(config.max_detect))


class Leakage:
    """The figures and the bound of one run.

    Args:
        config: What is asked.
        profiles: All venues.
        lot_size: Shares in a lot.
    """

    def __init__(
        self, config: LeakageConfig, profiles: Iterable[VenueProfile], lot_size: Decimal
    ) -> None:
        self._alpha = float(config.alpha * lot_size)
        self._cap = cap_of(config, lot_size)
        self._lots = {p.venue_id: p.lot for p in profiles if p.visibility == "lit"}

    def shown(self, parent: Parent, parts: Iterable[Part] = ()) -> dict[str, int]:
        """Lots that show at each lit venue: of open children, of waiting ones, of what is sent."""
        found: dict[str, int] = {}
        for child in (*parent.open.values(), *parent.leaving.values()):
            if child.venue_id in self._lots:
                found[child.venue_id] = found.get(child.venue_id, 0) + child.leaves_qty
        for venue_id, _, qty in parts:
            if venue_id in self._lots:
                found[venue_id] = found.get(venue_id, 0) + qty
        return found

    def exposure(self, parent: Parent, parts: Iterable[Part]) -> Exposure:
        """How likely the parent is to be noticed once ``parts`` are there too, and was at most."""
        shown = self.shown(parent, parts)
        visible = sum(shown.values())
        parent.visible_max = max(parent.visible_max, visible)
        children = [qty for _, qty in sorted(shown.items()) if qty]
        return Exposure(
            visible,
            len(children),
            _text(detect_prob(visible, self._alpha)),
            _text(detect_prob(parent.visible_max, self._alpha)),
            _text(leakage_reduction(children, self._alpha)) if children else None,
        )

    def cut(self, parent: Parent, found: Allocation) -> Allocation:
        """The allocation without what would show too much, the least preferred parts first.

        Each part keeps whole lots of its venue. A venue of which nothing is left is refused.
        """
        if self._cap is None:
            return found
        left = self._cap - sum(self.shown(parent).values())
        kept: list[list[Part]] = []
        for parts in (found.slices, found.posts):
            kept.append([])
            for venue_id, price, qty in parts:
                if venue_id in self._lots:
                    qty = max(0, min(qty, left - left % self._lots[venue_id]))  # noqa: PLW2901
                    left -= qty
                if qty:
                    kept[-1].append((venue_id, price, qty))
        slices, posts = tuple(kept[0]), tuple(kept[1])
        if (slices, posts) == (found.slices, found.posts):
            return found
        used = {part[0] for part in (*slices, *posts)}
        wanted = dict.fromkeys([part[0] for part in (*found.slices, *found.posts)])
        refused = [(venue_id, REASON) for venue_id in wanted if venue_id not in used]
        return msgspec.structs.replace(
            found, slices=slices, posts=posts, refused=(*found.refused, *refused)
        )


def _text(chance: float) -> str:
    return f"{chance:.8f}"
