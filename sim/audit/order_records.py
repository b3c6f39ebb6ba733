"""Records of what goes other than planned: requests, what they lead to, and venues in doubt.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

from sim.audit.record import Record, Whole
from sim.protocol.enums import CxlRejReason


class ChildDropped(Record, frozen=True, kw_only=True, tag="child_dropped"):
    """A child that was to leave does not: its lots are free again, and no venue knows it."""

    cl_ord_id: str
    parent_id: str
    decision_id: Whole
    """The decision that planned it."""
    venue_id: str
    order_qty: Whole
    reason: str
    """``parent_stopped``, ``run_ended``, ``quarantine``, or why the venue may not be used now, as
    in ``refused`` of a decision."""


class CancelSent(Record, frozen=True, kw_only=True, tag="cancel_sent"):
    """The router asked to cancel a child."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    reason: str
    """``ack_timeout`` (the venue is silent), ``no_answer`` (the same request once more),
    ``parent_stopped``, ``quarantine`` or ``quote_change`` (the lots are wanted elsewhere)."""


class CancelRejected(Record, frozen=True, kw_only=True, tag="cancel_rejected"):
    """A venue refused to cancel or to replace a child, which is as it was."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    reason: CxlRejReason
    """Why, by the venue."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class RequestPending(Record, frozen=True, kw_only=True, tag="request_pending"):
    """A venue has a request and has not decided on it yet; the child may fill until then."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class ReplaceSent(Record, frozen=True, kw_only=True, tag="replace_sent"):
    """The router asked to replace a resting child.

    Nothing is free before the answer: until then the child may fill as it was or as it shall be.
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    order_qty: Whole
    """New total, with what is filled already."""
    price: Whole
    """New limit."""
    reason: str
    """``market_moved`` or ``quote_change`` (lots are wanted elsewhere)."""


class ChildReplaced(Record, frozen=True, kw_only=True, tag="child_replaced"):
    """A venue replaced a child; what is not open any more is free again."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    order_qty: Whole
    """Total from now on; what was filled, where the new total came too late."""
    price: Whole
    """Limit from now on."""
    cum_qty: Whole
    leaves_qty: Whole
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class Overfill(Record, frozen=True, kw_only=True, tag="overfill"):
    """A venue reports a fill that its child cannot have: more than was open, or past its limit.

    What the child could have is booked by the ``fill`` record that follows. The excess is nobody's
    order: it goes to an account apart, never to a parent.
    """

    cl_ord_id: str
    venue_id: str
    exec_id: Whole
    last_px: Whole
    """Price of the reported fill."""
    last_qty: Whole
    """Quantity of the reported fill."""
    booked_qty: Whole
    """What the child takes of it."""
    excess_qty: Whole
    """What goes to the account apart."""
    leaves_qty: Whole
    """Still open of the child when all of it is taken in."""
    reason: str
    """``too_much``, ``outside_limit``, ``after_end`` or ``parent_done``."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class Bust(Record, frozen=True, kw_only=True, tag="bust"):
    """A venue took a fill back: its lots are filled no more, and its fee is returned.

    Lots that are open again at the venue stand in ``reopened_qty``; the others count as canceled,
    unless a decision (``bust``) sends them anew.
    """

    cl_ord_id: str
    parent_id: str
    venue_id: str
    exec_id: Whole
    exec_ref_id: Whole
    """``exec_id`` of the fill."""
    was_px: Whole
    """Price of the fill."""
    was_qty: Whole
    """What was booked of it, and is filled no more."""
    reopened_qty: Whole
    """How much of that is open again."""
    excess_qty: Whole
    """What leaves the account apart, where the fill was more than the child could have."""
    cum_qty: Whole
    leaves_qty: Whole
    fee: str
    """Money as decimal text that the fee changes by: the fee of the fill, negated."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class Correction(Record, frozen=True, kw_only=True, tag="correction"):
    """A venue corrected a fill; lots that it lost are treated as in ``bust``."""

    cl_ord_id: str
    parent_id: str
    venue_id: str
    exec_id: Whole
    exec_ref_id: Whole
    """``exec_id`` of the fill."""
    last_px: Whole
    """Price from now on."""
    last_qty: Whole
    """What is booked of it from now on."""
    was_px: Whole
    """Price until now."""
    was_qty: Whole
    """What was booked of it until now."""
    reopened_qty: Whole
    """How much of the difference is open again."""
    excess_qty: Whole
    """What leaves the account apart, where the fill was more than the child could have."""
    cum_qty: Whole
    leaves_qty: Whole
    fee: str
    """Money as decimal text that the fee changes by."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


def taken_back(record: Bust | Correction) -> tuple[int, int]:
    """``(lots, tick_lots)`` by which a record makes what is filled less, and what was paid for it.

    The second may be negative: a correction may raise a price.
    """
    if isinstance(record, Bust):
        return record.was_qty, record.was_px * record.was_qty
    paid = record.was_px * record.was_qty - record.last_px * record.last_qty
    return record.was_qty - record.last_qty, paid


class RouteHold(Record, frozen=True, kw_only=True, tag="route_hold"):
    """The router sends nothing to a venue for a while, or no longer, or again."""

    venue_id: str
    until_ns: Whole | None
    """When it may be used again; None: not in this run, or not before it answers."""
    strikes: Whole
    """Refusals and silences in a row that count."""
    reason: str
    """``rejected_`` and the venue's reason, ``ack_timeout``, ``no_answer`` (to cancels neither),
    ``overfill``, ``conflict`` or ``reset`` (the venue is in quarantine), or ``answered`` (used
    again)."""


class ReportIgnored(Record, frozen=True, kw_only=True, tag="report_ignored"):
    """A report that changes nothing: late, repeated, or for no child of ours.

    ``reason`` says which of these, ``report`` is the report in short.
    """

    cl_ord_id: str
    venue_id: str
    reason: str
    """``unknown_order``, ``duplicate``, ``conflict`` (the number of another report), ``after_end``,
    ``parent_done``, ``breach``, ``refused`` (of a session whose numbers began again), ``early``
    (takes a fill back that was given up as missing) or ``taken_back`` (that fill, come late)."""
    report: str
    """The report as JSON text."""
