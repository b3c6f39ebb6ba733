"""What a user's own router sees: pictures of the market and of a parent, made when asked for.

Pictures share nothing that changes with our books.
"""

from collections.abc import Callable
from typing import Final, Literal

from router.core.desk import Desk
from router.core.orders import Child, Parent
from router.own.api import Event, Known, Order, State, View
from sim.audit.records import (
    Bust,
    CancelRejected,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    Correction,
    Fill,
    Overfill,
    RequestPending,
)
from sim.protocol.enums import DecisionReason
from sim.protocol.orders import OrderCancelRequest

Told = (
    Fill
    | ChildAcked
    | ChildCanceled
    | ChildRejected
    | ChildReplaced
    | CancelRejected
    | RequestPending
    | Overfill
    | Bust
    | Correction
)
"""Records of what venues say about orders."""

_KINDS: Final[dict[type, str]] = {
    Fill: "fill",
    ChildAcked: "acked",
    ChildCanceled: "canceled",
    ChildRejected: "rejected",
    ChildReplaced: "replaced",
    CancelRejected: "cancel_rejected",
    RequestPending: "pending",
    Overfill: "overfill",
    Bust: "bust",
    Correction: "correction",
}


Held = Callable[[Parent, str], str | None]
"""Why nothing of a parent may go to a venue now; None: it may."""


def free_of(parent: Parent) -> int:
    """Lots of a parent that may be sent now."""
    return parent.free_qty if parent.may_take() else 0


def view_of(desk: Desk, held: Held, parent: Parent, now_ns: int) -> View:
    """The market for one parent."""
    side = parent.side
    venues: list[Known] = []
    for venue_id, venue in desk.view.venues.items():
        profile, quote = venue.profile, venue.quote
        venues.append(
            Known(
                venue_id,
                profile.visibility,
                desk.experience.order_delay_ns(venue_id),
                profile.tick,
                profile.lot,
                () if quote is None else quote.bids,
                () if quote is None else quote.asks,
                venue.available(side),
                None if quote is None else now_ns - quote.published_ns,
                held(parent, venue_id),
                profile.silent,
                profile.takes_resting,
                profile,
            )
        )
    return View(now_ns, tuple(venues), desk.view.best_bid(), desk.view.best_ask())


def state_of(parent: Parent, reason: DecisionReason, events: tuple[Event, ...]) -> State:
    """A parent as it is now."""
    return State(
        reason,
        parent.parent_id,
        parent.side,
        parent.order_qty,
        parent.filled_qty,
        free_of(parent),
        parent.limit_px,
        parent.deadline_ns,
        parent.stopped is not None or parent.end_reason is not None,
        tuple([_order(child) for child in parent.open.values()]),
        events,
    )


def _order(child: Child) -> Order:
    asked: Literal["cancel", "replace"] | None = None
    if child.request is not None:
        asked = "cancel" if isinstance(child.request, OrderCancelRequest) else "replace"
    return Order(
        child.cl_ord_id,
        child.venue_id,
        child.price,
        child.order_qty,
        child.cum_qty,
        child.leaves_qty,
        child.status,
        child.rests,
        child.sent_ns,
        asked,
    )


def event_of(record: Told, child: Child) -> Event:
    """What the record of a venue's answer tells about a child."""
    qty: int | None = None
    price: int | None = None
    reason: str | None = None
    match record:
        case Fill() | Overfill() | Correction():
            qty, price = record.last_qty, record.last_px
        case Bust():
            qty, price = record.was_qty, record.was_px
        case ChildCanceled():
            qty = record.canceled_qty
        case ChildReplaced():
            qty, price = record.order_qty, record.price
        case ChildRejected() | CancelRejected():
            reason = record.reason.value
        case _:
            pass
    return Event(
        _KINDS[type(record)],
        record.t_ns,
        child.parent.parent_id,
        child.cl_ord_id,
        child.venue_id,
        qty,
        price,
        reason,
    )
