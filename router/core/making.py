"""Children of a decision with the records of their sending; nothing leaves here."""

from typing import Final

from router.core.blind import Part
from router.core.orders import Child, Parent
from router.core.view import MarketView
from sim.audit.records import ChildSent
from sim.protocol.enums import Side, TimeInForce
from sim.protocol.market_data import Levels

_IOC: Final = TimeInForce.IOC
Made = tuple[ChildSent, Child]


def takers(  # noqa: PLR0917 - inside every decision: keywords would cost
    view: MarketView,
    parent: Parent,
    parts: tuple[Part, ...],
    decision_id: int,
    best_px: int | None,
    now_ns: int,
) -> list[Made]:
    """One IOC limit order per venue, at the worst level that is wanted there.

    Rounded to the venue's grid so that it still reaches that level.
    """
    wanted: dict[str, tuple[int, int]] = {}
    buys = parent.side is Side.BUY
    for venue_id, price, qty in parts:
        old = wanted.get(venue_id)
        if old is None:
            wanted[venue_id] = price, qty
        else:
            worst = old[0] if (price < old[0]) is buys else price
            wanted[venue_id] = worst, qty + old[1]
    found: list[Made] = []
    venues = view.venues
    for venue_id, (price, qty) in wanted.items():
        profile = venues[venue_id].profile
        if profile.tick != 1 or profile.ticks is not None:  # else it is on the grid
            price = profile.up(price) if buys else profile.down(price)  # noqa: PLW2901
        part = (venue_id, price, qty)
        found.append(make_child(view, parent, part, decision_id, best_px, now_ns, _IOC))
    return found


def make_child(  # noqa: PLR0917 - as above
    view: MarketView,
    parent: Parent,
    part: Part,
    decision_id: int,
    best_px: int | None,
    now_ns: int,
    time_in_force: TimeInForce,
) -> Made:
    """A child with the record of its sending."""
    venue_id, price, qty = part
    side = parent.side
    # As ``parent.next_name`` has it.
    parent.children_at[venue_id] = count = parent.children_at.get(venue_id, 0) + 1
    cl_ord_id = f"{parent.parent_id}.{venue_id}.{count}"
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
    venue = view.venues[venue_id]
    if venue.profile.min_qty and time_in_force is _IOC:
        child.min_qty = min(venue.profile.min_qty, qty)
    quote = venue.quote
    if venue_id in parent.first:
        quote = parent.first[venue_id][1]
    shown: Levels = ()
    if quote is not None:
        shown = quote.asks if side is Side.BUY else quote.bids
    sent = ChildSent(
        t_ns=now_ns,
        cl_ord_id=cl_ord_id,
        parent_id=parent.parent_id,
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
    return sent, child
