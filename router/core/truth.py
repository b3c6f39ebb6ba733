"""What is truly there, for a strategy that is told: the one that regret is counted from.

No router can know it. A run hands it in as a function (``sim.wiring``); elsewhere there is none,
and such a strategy goes by what is displayed, as all others do.
"""

from collections.abc import Callable, Iterable

import msgspec

from router.allocate.base import Offer
from router.core.events import ACCOUNT
from router.core.orders import Parent
from sim.audit.records import BlindOrder
from sim.protocol.enums import TimeInForce
from sim.protocol.market_data import Levels
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots

Truth = Callable[[str, NewOrderSingle], Levels]
"""By venue and order: what it could take if it were there at once, best first, hidden lots too."""
LeftOut = Callable[[Parent, str], str | None]
"""Why a parent may not use a venue now; None if it may."""


def true_offers(
    parent: Parent, known: Iterable[Offer], truth: Truth, left_out: LeftOut
) -> tuple[Offer, ...]:
    """What each venue has for the parent's next child there.

    Args:
        parent: Whose limit holds.
        known: An offer of each venue; its levels do not matter.
        truth: What is there.
        left_out: The venues that get nothing.
    """
    found: list[Offer] = []
    for offer in known:
        venue_id = offer.venue_id
        if left_out(parent, venue_id) is not None:
            continue
        # By the name that it will have: some pools give each order a share of its own.
        levels = truth(venue_id, _probe(parent, venue_id))
        if levels:
            found.append(msgspec.structs.replace(offer, levels=levels))
    return tuple(found)


def _probe(parent: Parent, venue_id: str) -> NewOrderSingle:
    limit = parent.limit_px
    return NewOrderSingle(
        parent.next_name(venue_id),
        parent.side,
        QtyLots(parent.free_qty),
        None if limit is None else PriceTicks(limit),
        time_in_force=TimeInForce.IOC,
        account=ACCOUNT,
    )


def unquoted(
    slices: tuple[tuple[str, int, int], ...],
    offers: tuple[Offer, ...],
    silent: frozenset[str],
    best_px: int | None,
) -> tuple[BlindOrder, ...]:
    """For the record: the silent venues that get something, none of which rests on a quote."""
    worst = {venue_id: price for venue_id, price, _ in slices if venue_id in silent}
    latency = {offer.venue_id: offer.latency_ns for offer in offers}
    return tuple([BlindOrder(name, latency[name], best_px, price) for name, price in worst.items()])
