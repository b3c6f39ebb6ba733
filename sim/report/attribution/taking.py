"""Why a child that may not rest did not get all that it asked for.

What was shown and lost on the way is told by the path from its quote to its arrival. What was never
shown - more was asked, or the venue shows nothing - is told by what is known of the venue as the
child met it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final

from sim.audit.records import NbboChange
from sim.protocol.enums import Side, TimeInForce
from sim.report.attribution.causes import Cause, Ledger, Loss
from sim.report.attribution.path import Path, Walk, path_of
from sim.report.attribution.surroundings import Surroundings
from sim.report.trail.orders import Child

DEALERS: Final = frozenset({"rfq", "wholesaler", "broker"})
"""Kinds that answer each order whole."""


def taking_losses(child: Child, around: Surroundings, short: int) -> list[Loss]:
    """Why ``short`` lots of a child that met its venue, and may not rest, were not filled.

    Args:
        child: The child; it was neither refused nor taken back by the router.
        around: What surrounds it.
        short: Lots, > 0.

    Returns:
        Losses that add up to ``short``.
    """
    if child.arrival is None and child.known is not None:
        return [Loss(Cause.NOT_RECORDED, short)]
    path, limit = path_of(child, around), child.sign * child.sent.price
    if path is None:
        return unshown(child, around, short)
    walk = Walk(path, around, limit, child.requested_qty)
    meet(walk, path, around, limit, child.requested_qty - short)
    return _with_unshown(walk.ledger.settle(short), child, around, short)


def meet(walk: Walk, path: Path, around: Surroundings, limit: int, got: int) -> None:
    """The child meets the book and gets ``got`` lots within a limit: say where the rest has gone.

    What the touch shows and the child could not have is there and not to be had. What is missing
    deeper was withdrawn at a time that is not known.
    """
    child, missing = path.child, walk.had - got
    if missing <= 0:
        walk.ledger.regain(-missing)
        return
    arrival = child.arrival
    assert arrival is not None
    reachable = {child.sign * px: qty for px, qty in arrival.levels}
    refused = 0
    if path.touch is not None and path.touch[0] <= limit:
        key, shown = path.touch
        refused = min(missing, max(0, shown - reachable.get(key, 0)))
    deep, known = 0, child.known
    # Where nothing was published since the quote nothing was withdrawn.
    if known is None or arrival.venue_seq > known.venue_seq:
        deep = sum(
            max(0, qty - reachable.get(key, 0))
            for key, qty in walk.levels
            if key <= limit and (path.touch is None or key != path.touch[0])
        )
    deep = min(deep, missing - refused)
    walk.withdrawn(arrival.t_ns, deep)
    rest = missing - deep
    walk.ledger.lose(_refusal(child, around), rest, arrival.t_ns)


def _refusal(child: Child, around: Surroundings) -> Cause:
    """Why a venue does not give what it shows within the child's limit."""
    venue_id, sent = child.venue_id, child.sent
    assert child.arrival is not None
    if around.is_shut(venue_id, child.arrival.t_ns):
        return Cause.HALT
    kind = around.trail.kinds.get(venue_id)
    entry = around.entry(venue_id)
    if kind in DEALERS:  # another price for this size
        return Cause.PRICE_LIMIT
    if sent.side is Side.SELL_SHORT and entry.get("short_sale"):
        return Cause.PRICE_LIMIT
    if kind == "dark":
        return _too_much_indicated(child, around, entry)
    if kind == "lit" or sent.min_qty or sent.time_in_force is TimeInForce.FOK:
        return Cause.MIN_QTY  # nothing else keeps a displayed order from trading
    return Cause.UNTRUE_INDICATION


def _too_much_indicated(child: Child, around: Surroundings, entry: Mapping[str, Any]) -> Cause:
    """Whether a pool that indicates more than it gives was held back by a minimum quantity."""
    if _gives_all(entry) and around.decimal(entry.get("indication_factor")) == 1:
        return Cause.MIN_QTY  # nothing else makes its indication untrue
    least = child.sent.min_qty
    quotes = around.trail.market.quotes.get(child.venue_id)
    assert child.arrival is not None
    row = -1 if quotes is None else quotes.before(child.arrival.t_ns)
    if quotes is None or row < 0:
        return Cause.UNTRUE_INDICATION
    shown = quotes.ask_qty[row] if child.sign > 0 else quotes.bid_qty[row]
    return Cause.MIN_QTY if shown < least else Cause.UNTRUE_INDICATION


def _gives_all(entry: Mapping[str, Any]) -> bool:
    """Whether a pool's book is what it says."""
    fill = entry.get("fill")
    return not isinstance(fill, dict) or fill.get("model") == "full"


def _with_unshown(losses: list[Loss], child: Child, around: Surroundings, short: int) -> list[Loss]:
    """The same with a cause for what was never shown, and for what the ledger does not know."""
    told = [one for one in losses if one.cause is not Cause.NOT_SHOWN]
    rest = short - sum(one.qty for one in told)
    return [*unshown(child, around, rest), *told] if rest else told


def unshown(child: Child, around: Surroundings, lots: int) -> list[Loss]:
    """Why lots that no quote stands for were not had.

    Of a venue that showed more beyond the child's limit, the limit kept it from that. Of one that
    shows nothing it is told from what the child met there: its own rules, who took just before.
    """
    ledger = Ledger()
    known = child.known
    if known is not None:
        limit = child.sent.price * child.sign
        beyond = sum(qty for px, qty in known.levels if child.sign * px > limit)
        ledger.lose(Cause.PRICE_LIMIT, min(lots, beyond))
    else:
        _blind(child, around, lots, ledger)
    ledger.lose(Cause.NOT_SHOWN, lots - ledger.total)
    return ledger.settle(lots)


def _blind(child: Child, around: Surroundings, lots: int, ledger: Ledger) -> None:
    """Causes of an order that rested on no quote."""
    arrival, canceled = child.arrival, child.canceled
    if canceled is not None:
        end_ns = canceled.processed_ns
    elif arrival is not None:
        end_ns = arrival.t_ns
    else:
        return
    if around.is_shut(child.venue_id, end_ns):
        ledger.lose(Cause.HALT, lots, end_ns)
        return
    kind = around.trail.kinds.get(child.venue_id)
    if kind in DEALERS:
        answered = bool(child.answers) and child.answers[-1].quote_px is None
        ledger.lose(Cause.NO_REFERENCE if answered else Cause.PRICE_LIMIT, lots, end_ns)
        return
    if arrival is None:
        return
    why = _middle(child, around, arrival.t_ns) or _auction(child, around, end_ns)
    if why is not None:
        ledger.lose(why, lots, end_ns)
        return
    _taken(child, around, end_ns, lots, ledger)
    ledger.lose(Cause.MIN_QTY, min(lots - ledger.total, _too_small(child, around, end_ns)))


def _middle(child: Child, around: Surroundings, t_ns: int) -> Cause | None:
    """What a pool's own view of the market says where it trades at the middle; None: nothing."""
    if around.entry(child.venue_id).get("pricing") != "midpoint":
        return None
    seen = around.trail.market.observed.get(f"venue:{child.venue_id}", [])
    row = bisect_right(seen, t_ns, key=_time_of) - 1
    if row < 0:
        return Cause.NO_REFERENCE
    bid, ask = seen[row].bid_px, seen[row].ask_px
    if bid is None or ask is None or bid >= ask:
        return Cause.NO_REFERENCE
    price = -(-(bid + ask) // 2) if child.sign > 0 else (bid + ask) // 2
    return Cause.PRICE_LIMIT if child.sign * (price - child.sent.price) > 0 else None


def _time_of(change: NbboChange) -> int:
    return change.t_ns


def _auction(child: Child, around: Surroundings, t_ns: int) -> Cause | None:
    """Whether the auction that a child took part in was at a price beyond its limit."""
    prints = around.trail.market.prints.get(child.venue_id)
    if around.trail.kinds.get(child.venue_id) != "auction" or prints is None:
        return None
    row = bisect_right(prints.t_ns, t_ns) - 1
    if row < 0 or prints.t_ns[row] != t_ns:
        return None
    beyond = child.sign * (prints.price[row] - child.sent.price) > 0
    return Cause.PRICE_LIMIT if beyond else None


def _taken(child: Child, around: Surroundings, end_ns: int, lots: int, ledger: Ledger) -> None:
    """Who took at a venue that shows nothing while the child was on its way there."""
    sign, limit = child.sign, child.sent.price * child.sign
    decided_ns = child.sent.t_ns if child.decision is None else child.decision.t_ns
    own = around.takes(child.venue_id, sign, decided_ns, end_ns)
    siblings = [one for one in own if one.cl_ord_id != child.cl_ord_id]
    ours = {one.t_ns for one in own}
    for take in siblings:
        if sign * take.price <= limit:
            part = min(take.qty, lots - ledger.total)
            ledger.lose(Cause.OWN_SIBLING, part, take.t_ns, take.cl_ord_id)
    prints = around.trail.market.prints.get(child.venue_id)
    if prints is None:
        return
    start = bisect_right(prints.t_ns, child.sent.t_ns)
    for row in range(start, bisect_right(prints.t_ns, end_ns)):
        t_ns = prints.t_ns[row]
        if prints.aggressor[row] == sign and t_ns not in ours and sign * prints.price[row] <= limit:
            part = min(prints.qty[row], lots - ledger.total)
            who = around.taker(child.venue_id, sign, t_ns)
            ledger.lose(Cause.TAKEN_BY_OTHERS, part, t_ns, who)


def _too_small(child: Child, around: Surroundings, t_ns: int) -> int:
    """Lots of a pool's opening book that are there still, and too few for the child's own minimum.

    A minimum of the pool itself keeps no order from the last of a counter-order. The lots are never
    withdrawn, and a level counts as one order; what was printed there is taken off.
    """
    entry = around.entry(child.venue_id)
    least = child.sent.min_qty
    book = entry.get("book")
    side = book.get("asks" if child.sign > 0 else "bids") if isinstance(book, dict) else None
    if not least or not _gives_all(entry) or not isinstance(side, list):
        return 0
    if entry.get("pricing") == "midpoint" and around.trail.market.prints.get(child.venue_id):
        return 0  # nobody can say which orders have traded at a middle
    found = 0
    for level in side:
        if isinstance(level, list | tuple) and len(level) == 2:
            price, qty = around.ticks(level[0]), around.lots(level[1])
            if price is not None and child.sign * (price - child.sent.price) <= 0:
                left = qty - around.printed(child.venue_id, child.sign, price, t_ns)
                found += left if 0 < left < least else 0
    return found
