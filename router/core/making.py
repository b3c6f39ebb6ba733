"""Children of a decision with the records of their sending, and how they ended, for who learns."""

from typing import Final

from router.allocate.base import ChildOutcome
from router.core.blind import Part
from router.core.orders import Child, Parent
from router.core.view import MarketView
from sim.audit.records import ChildSent, PlannedLeave
from sim.protocol.enums import OrdStatus, Side, TimeInForce
from sim.protocol.market_data import Levels

_IOC: Final = TimeInForce.IOC
Made = tuple[ChildSent, Child]
Wanted = dict[str, tuple[int, int, int]]
"""By venue: the worst price wanted there, lots, and the sum of price times lots."""


def by_venue(parts: tuple[Part, ...], side: Side) -> Wanted:
    """What is wanted of each venue, in the order in which a split names them."""
    wanted: Wanted = {}
    buys = side is Side.BUY
    for venue_id, price, qty in parts:
        old = wanted.get(venue_id)
        if old is None:
            wanted[venue_id] = price, qty, price * qty
        else:
            worst = old[0] if (price < old[0]) is buys else price
            wanted[venue_id] = worst, qty + old[1], price * qty + old[2]
    return wanted


def make_children(  # noqa: PLR0917 - inside every decision: keywords would cost
    view: MarketView,
    parent: Parent,
    wanted: Wanted,
    decision_id: int,
    best_px: int | None,
    now_ns: int,
    time_in_force: TimeInForce = _IOC,
) -> list[Made]:
    """One limit order per venue, at the worst level that is wanted there, with its record.

    Rounded to the venue's grid so that it still reaches that level.
    """
    side, parent_id = parent.side, parent.parent_id
    children_at, first = parent.children_at, parent.first
    buys, venues = side is Side.BUY, view.venues
    found: list[Made] = []
    for venue_id, (price, qty, _) in wanted.items():
        venue = venues[venue_id]
        profile, quote = venue.profile, venue.quote
        if profile.tick != 1 or profile.ticks is not None:  # else it is on the grid
            price = profile.up(price) if buys else profile.down(price)  # noqa: PLW2901
        # As ``parent.next_name`` has it.
        children_at[venue_id] = count = children_at.get(venue_id, 0) + 1
        cl_ord_id = f"{parent_id}.{venue_id}.{count}"
        child = Child(
            cl_ord_id,
            parent,
            venue_id,
            side,
            qty,
            price,
            decision_id,
            qty,
            best_px,
            time_in_force,
        )
        if profile.min_qty and time_in_force is _IOC:
            child.min_qty = min(profile.min_qty, qty)
        if venue_id in first:
            quote = first[venue_id][1]
        shown: Levels = ()
        if quote is not None:
            shown = quote.asks if buys else quote.bids
        sent = ChildSent(
            t_ns=now_ns,
            cl_ord_id=cl_ord_id,
            parent_id=parent_id,
            decision_id=decision_id,
            venue_id=venue_id,
            side=side,
            order_qty=qty,
            price=price,
            time_in_force=time_in_force,
            shown_px=shown[0][0] if shown else None,
            quote_seq=None if quote is None else quote.venue_seq,
            min_qty=child.min_qty,
        )
        found.append((sent, child))
    return found


def plan_leaves(found: list[Made], leaves: tuple[PlannedLeave, ...], now_ns: int) -> None:
    """Have the children leave when it is planned."""
    planned = {one.venue_id: now_ns + one.wait_ns for one in leaves}
    for _, child in found:
        child.sent_ns = planned[child.venue_id]


def outcome_of(child: Child, view: MarketView, now_ns: int) -> ChildOutcome:
    """How a child ended, for strategies that learn."""
    return ChildOutcome(
        child.parent.parent_id,
        child.venue_id,
        view.venues[child.venue_id].profile.visibility,
        child.side,
        child.price,
        child.order_qty,
        child.cum_qty,
        posted=child.rests,
        rejected=child.status is OrdStatus.REJECTED,
        sent_ns=child.sent_ns,
        ended_ns=now_ns,
    )
