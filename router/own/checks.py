"""Whether what a user's own router asks for can be done. Nothing of it is repaired."""

from typing import Any, Final

from router.core.desk import Desk
from router.core.orders import Child, Parent
from router.own.api import TIFS, Action, ActionError, Cancel, Replace, Send, WakeAt
from router.own.look import Held, free_of
from sim.protocol.enums import OrdStatus, Side
from sim.protocol.orders import OrderCancelRequest

_FIELDS: Final[dict[type, dict[str, type]]] = {
    Send: {"venue_id": str, "qty": int, "price": int, "tif": str},
    Cancel: {"cl_ord_id": str},
    Replace: {"cl_ord_id": str, "qty": int, "price": int},
    WakeAt: {"t_ns": int},
}
_ACCEPTED: Final = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})
_SHOWN_MAX: Final = 200


def check_actions(
    desk: Desk, held: Held, parent: Parent, actions: Any, now_ns: int
) -> tuple[Action, ...]:
    """The actions of one decision, all of which can be carried out now.

    Raises:
        ActionError: If one of them cannot; it says which, and what is allowed.
    """
    if not isinstance(actions, list | tuple):
        raise ActionError(
            f"must give a list of actions, [] to wait, gave {_a(actions)}; "
            "actions are Send, Cancel, Replace, WakeAt"
        )
    found: list[Action] = []
    free, used, asked = free_of(parent), set[str](), set[str]()
    for action in actions:
        why = _misformed(action)
        if why is None and isinstance(action, Send):
            why = _send(desk, held, parent, action, free)
            if why is None and action.tif == "IOC" and action.venue_id in used:
                why = "a decision sends at most one IOC to each venue, at the worst price wanted"
            if action.tif == "IOC":
                used.add(action.venue_id)
            free -= action.qty if why is None else 0
        elif why is None and isinstance(action, WakeAt):
            if action.t_ns <= now_ns:
                why = f"must be later than now, which is {now_ns}"
        elif why is None:
            why = _request(desk, parent, action)
            if why is None and action.cl_ord_id in asked:
                why = "this decision asks for something else of that order already"
            asked.add(action.cl_ord_id)
        if why is not None:
            raise ActionError(f"{_shown(action)}: {why}")
        found.append(action)
    return tuple(found)


def _misformed(action: Any) -> str | None:
    """What is wrong with an action by itself."""
    fields = _FIELDS.get(type(action))
    if fields is None:
        return f"is no action but {_a(action)}; actions are Send, Cancel, Replace, WakeAt"
    for name, kind in fields.items():
        value = getattr(action, name)
        if type(value) is not kind:  # True is an int, and 5.0 is equal to one
            wanted = "text" if kind is str else "a whole number"
            return f"{name} must be {wanted}, was {_a(value)}"
    return None


def _send(desk: Desk, held: Held, parent: Parent, send: Send, free: int) -> str | None:
    venue = desk.view.venues.get(send.venue_id)
    if parent.stopped is not None or parent.end_reason is not None:
        return f"{parent.parent_id} sends no more: {_ended(parent)}"
    if venue is None:
        return f"no such venue; venues: {', '.join(desk.view.venues)}"
    why = held(parent, send.venue_id)
    if why is not None:
        return f"nothing may be sent there now ({why}); look at the venue's `held` first"
    if send.tif not in TIFS:
        return f"tif must be one of {', '.join(TIFS)}"
    if send.tif != "IOC" and not venue.profile.takes_resting:
        return "the venue refuses orders that rest; look at its `takes_resting` first"
    lot = venue.profile.lot
    if send.qty <= 0 or send.qty % lot:
        return f"qty must be above 0 and a multiple of the venue's lot, {lot}"
    if send.qty > free:
        return f"only {max(0, free)} lots of {parent.parent_id} are free"
    return _price(desk, parent, send.venue_id, send.price)


def _price(desk: Desk, parent: Parent, venue_id: str, price: int) -> str | None:
    profile, limit = desk.view.venues[venue_id].profile, parent.limit_px
    if price <= 0 or profile.down(price) != price:
        near = f"{profile.down(price)} and {profile.up(price)} are" if price > 0 else "above 0"
        return f"price must be on the venue's grid: {near}"
    if limit is not None and (price > limit if parent.side is Side.BUY else price < limit):
        most = "most" if parent.side is Side.BUY else "least"
        return f"price is beyond the limit of {parent.parent_id}: at {most} {limit}"
    return None


def _request(desk: Desk, parent: Parent, action: Cancel | Replace) -> str | None:
    child = parent.open.get(action.cl_ord_id)
    if child is None:
        known = ", ".join(parent.open) or "none"
        return f"no open order of {parent.parent_id}; open: {known}"
    if child.unanswered:
        return "its venue does not answer any more"
    if isinstance(action, Cancel):
        if isinstance(child.request, OrderCancelRequest) or child.cancel_wanted:
            return "its cancel is under way already"
        return None
    return _replace(desk, parent, child, action)


def _replace(desk: Desk, parent: Parent, child: Child, action: Replace) -> str | None:
    if parent.stopped is not None:
        return f"{parent.parent_id} sends no more: {_ended(parent)}"
    if not child.rests:
        return "the order does not rest"
    if child.request is not None:
        return "a request of the order is under way already"
    if child.status not in _ACCEPTED or child.held:
        return f"the venue must have accepted the order; it is {child.status.value}"
    lot = desk.view.venues[child.venue_id].profile.lot
    if not child.told_qty < action.qty <= child.order_qty or action.qty % lot:
        return (
            f"qty must be above the {child.told_qty} filled and at most the {child.order_qty} of "
            f"the order, in lots of {lot}; to have less, cancel it, for more send another"
        )
    return _price(desk, parent, child.venue_id, action.price)


def _ended(parent: Parent) -> str:
    why = parent.end_reason or parent.stopped
    return "it has ended" if why is None else why.value


def _a(value: Any) -> str:
    """A value of the user's by its class: its own words may differ from run to run."""
    name = type(value).__name__
    plain = type(value) in {bool, int, float, str}
    return f"{name} {value!r}"[:_SHOWN_MAX] if plain else name


def _shown(action: Any) -> str:
    return repr(action)[:_SHOWN_MAX] if type(action) in _FIELDS else "an action"
