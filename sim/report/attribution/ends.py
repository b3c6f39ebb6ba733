"""One cause for every lot of a child that was asked for and not filled.

First what happened to the child as a whole: a fill that was taken back, a refusal, an order without
an answer, or one that the router took back. Then what happened in the book: to a child that rested,
that its turn did not come; to one that took, what its path tells.
"""

from itertools import pairwise

import msgspec

from sim.audit.records import Bust, CancelSent
from sim.protocol.enums import RejectReason
from sim.report.attribution.causes import Cause, Ledger, Loss
from sim.report.attribution.surroundings import Surroundings, takes
from sim.report.attribution.taking import taking_losses
from sim.report.trail.market import NO_PX
from sim.report.trail.orders import Child

REFUSED = {
    RejectReason.EXCHANGE_CLOSED: Cause.HALT,
    RejectReason.TOO_LATE_TO_ENTER: Cause.HALT,
    RejectReason.LAST_LOOK: Cause.LAST_LOOK,
    RejectReason.PRICE_EXCEEDS_BAND: Cause.PRICE_LIMIT,
    RejectReason.SHORT_SALE_RESTRICTED: Cause.PRICE_LIMIT,
    RejectReason.NO_REFERENCE: Cause.NO_REFERENCE,
}
"""What a venue's reason to refuse an order is called here; all others are ``rejected``."""

SILENCE = frozenset({"ack_timeout", "no_answer"})
"""Why the router cancels an order whose venue does not answer."""
BY_FAULT = frozenset({Cause.NOT_ANSWERED, Cause.NOT_BOOKED, Cause.STILL_OPEN})
"""What a fault that has struck explains better."""


def losses_of(child: Child, around: Surroundings, short: int) -> list[Loss]:
    """Why each of the ``short`` lots that a child asked for and did not get was not filled.

    Returns:
        Losses that add up to ``short``.
    """
    ledger = Ledger()

    def lose(cause: Cause, lots: int, t_ns: int | None = None) -> None:
        ledger.lose(cause, min(lots, short - ledger.total), t_ns)

    for back in child.taken_back:
        lots = back.was_qty if isinstance(back, Bust) else back.was_qty - back.last_qty
        lose(Cause.BUSTED, lots - back.reopened_qty, back.processed_ns)
    for over in child.overfills:
        if over.reason == "outside_limit":
            lose(Cause.NOT_BOOKED, over.excess_qty, over.processed_ns)
    rejected = child.rejected
    if rejected is not None:
        lose(_refused(child, around), short, rejected.processed_ns)
    lose(_unanswered(child), child.leaves_qty)
    if child.written_off is not None:
        lose(Cause.NOT_ANSWERED, short, child.written_off.t_ns)
    left = short - ledger.total
    found = ledger.settle(short)
    if left:
        found += _in_the_book(child, around, left)
    return _by_fault(child, around, found) if around.trail.faults else found


def _by_fault(child: Child, around: Surroundings, found: list[Loss]) -> list[Loss]:
    """The same, where what a fault has struck is put down to it."""
    if not around.faults.struck(child):
        return found
    silent = any(isinstance(one, CancelSent) and one.reason in SILENCE for one in child.requests)
    of_fault = BY_FAULT | {Cause.CANCELED_BY_ROUTER} if silent else BY_FAULT
    if child.arrival is None and child.acked is None:
        of_fault |= {Cause.NOT_RECORDED}  # it never got there
    return [
        msgspec.structs.replace(loss, cause=Cause.FAULT) if loss.cause in of_fault else loss
        for loss in found
    ]


def _refused(child: Child, around: Surroundings) -> Cause:
    assert child.rejected is not None
    reason = child.rejected.reason
    if reason is RejectReason.INCORRECT_QUANTITY:
        least = around.lots(around.entry(child.venue_id).get("min_qty"))
        return Cause.MIN_QTY if child.sent.order_qty < least else Cause.REJECTED
    return REFUSED.get(reason, Cause.REJECTED)


def _unanswered(child: Child) -> Cause:
    """Of lots that are open as the log ends."""
    asked = any(isinstance(one, CancelSent) and one.reason in SILENCE for one in child.requests)
    return Cause.NOT_ANSWERED if asked else Cause.STILL_OPEN


def _in_the_book(child: Child, around: Surroundings, short: int) -> list[Loss]:
    """Why lots of a child that the venue did not refuse are not filled."""
    if not takes(child):
        return _rested(child, around, short)
    canceled, arrival = child.canceled, child.arrival
    at_once = canceled is None or (arrival is not None and canceled.processed_ns == arrival.t_ns)
    if not at_once and _asked_for(child):
        t_ns = None if canceled is None else canceled.processed_ns
        return [Loss(Cause.CANCELED_BY_ROUTER, short, t_ns)]
    if arrival is None and canceled is None:
        return [Loss(Cause.NOT_ANSWERED, short)]  # the venue had never heard of it
    if canceled is not None and around.is_shut(child.venue_id, canceled.processed_ns):
        return [Loss(Cause.HALT, short, canceled.processed_ns)]
    return taking_losses(child, around, short)


def _asked_for(child: Child) -> bool:
    """Whether the router asked for the end that a child came to: not all its requests were refused.

    A request that is sent again counts by itself, and so does its refusal.
    """
    asked = [one for one in child.requests if isinstance(one, CancelSent)]
    canceled = child.canceled
    in_time = [one for one in asked if canceled is None or one.t_ns <= canceled.processed_ns]
    return bool(in_time) and len(asked) > len(child.refused_requests)


def _rested(child: Child, around: Surroundings, short: int) -> list[Loss]:
    """Why lots that were to rest are not filled: as they left the book, one way or another."""
    ledger = Ledger()
    if child.arrival is None and child.acked is None and not child.places:
        cause = Cause.CANCELED_BY_ROUTER if _asked_for(child) else Cause.NOT_ANSWERED
        return [Loss(cause, short)]
    sent = child.sent
    totals = [(sent.order_qty, sent.price), *((r.order_qty, r.price) for r in child.replaced)]
    for ((before, price), (after, _)), record in zip(pairwise(totals), child.replaced, strict=True):
        if after < before:
            cause = _why_rested(child, around, price, record.processed_ns)
            lots = min(before - after, short - ledger.total)
            ledger.lose(cause, lots, record.processed_ns)
        else:
            ledger.regain(after - before)
    left = short - ledger.total
    found = ledger.settle(short)
    if left:
        t_ns = around.trail.end_ns if child.canceled is None else child.canceled.processed_ns
        cause = _why_rested(child, around, totals[-1][1], t_ns)
        if child.canceled is not None and not _asked_for(child):
            shut = around.is_shut(child.venue_id, t_ns)
            cause = Cause.HALT if shut else Cause.CANCELED_BY_VENUE
        found.append(Loss(cause, left, t_ns))
    return found


def _why_rested(child: Child, around: Surroundings, price: int, t_ns: int) -> Cause:
    """Whether the market had moved away from a resting order by the time that it was taken back."""
    quotes = around.trail.market.quotes.get(child.venue_id)
    row = -1 if quotes is None else quotes.before(t_ns)
    if quotes is not None and row >= 0:
        best = quotes.bid[row] if child.sign > 0 else quotes.ask[row]
        if best != NO_PX and child.sign * (best - price) > 0:
            return Cause.PRICE_LIMIT
    return Cause.QUEUE
