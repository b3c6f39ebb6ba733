"""The audit log's records: what they hold, field by field, in the order in which they are written.

Prices are ticks and quantities lots of the instrument, whose sizes stand in the scenario inside
``run_started``; times are nanoseconds since the start of the run. The writer adds ``seq`` in front
and ``prev`` behind each record. ``t_ns`` is when the writer of the record knew what it says: for
what comes back from a venue, when the report reached the router.

Stamps of a message: ``sent_ns`` left its sender, ``drawn_ns`` the latency model's part of its way,
``held_ns`` what first-in-first-out order added. Arrival is the sum of the three.
"""

from typing import Any, Final, get_args

import msgspec

from sim.protocol.enums import (
    CxlRejReason,
    DecisionReason,
    EndReason,
    Outcome,
    RejectReason,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import Levels

SCHEMA: Final = "sorsim-audit/1"
LINE_BYTES_MAX: Final = 8 << 20
"""Writers make no longer line, readers take none: a hostile file cannot fill the memory."""


class Record(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """What every record has."""

    t_ns: int


class RunStarted(Record, frozen=True, kw_only=True, tag="run_started"):
    """Enough to run it all again: the whole resolved scenario.

    ``files`` holds the SHA-256 in hex of each file that the scenario names.
    """

    schema: str
    code_version: str
    seed: int
    sync: str
    market_data: str
    scenario: dict[str, Any]
    files: dict[str, str]


class KnownQuote(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the router knew of one venue as it decided.

    ``levels`` is the side it trades against, best first, after taking off what its own children in
    flight may still take. With the venue's fee a price costs ``slope * price + intercept``, in
    ``1/effective_scale`` ticks.
    """

    venue_id: str
    venue_seq: int
    age_ns: int
    latency_ns: int
    levels: Levels
    slope: int
    intercept: int


class Slice(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One level of the chosen split."""

    venue_id: str
    price: int
    qty: int


class Refused(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An alternative that was not taken, and why."""

    venue_id: str
    reason: str


class ParentReceived(Record, frozen=True, kw_only=True, tag="parent_received"):
    """A client's order reached the router. ``bid_px`` and ``ask_px`` are the best it knew then."""

    parent_id: str
    side: Side
    order_qty: int
    limit_px: int | None
    deadline_ns: int | None
    bid_px: int | None
    ask_px: int | None


class Decision(Record, frozen=True, kw_only=True, tag="decision"):
    """What the router chose, from what it knew. An empty ``split`` is a decision to wait."""

    decision_id: int
    parent_id: str
    reason: DecisionReason
    strategy: str
    unreserved_qty: int
    depth: str
    effective_scale: int
    quotes: tuple[KnownQuote, ...]
    ranking: tuple[str, ...]
    split: tuple[Slice, ...]
    refused: tuple[Refused, ...]


class ChildSent(Record, frozen=True, kw_only=True, tag="child_sent"):
    """A child order left for its venue.

    ``shown_px`` is the best price the venue showed, as the router knew it from quote ``quote_seq``;
    both are None where it had no quote of the venue.
    """

    cl_ord_id: str
    parent_id: str
    decision_id: int
    venue_id: str
    side: Side
    order_qty: int
    price: int
    time_in_force: TimeInForce
    shown_px: int | None
    quote_seq: int | None


class BookAtArrival(Record, frozen=True, kw_only=True, tag="book_at_arrival"):
    """The levels that a child could reach as it met the venue's book."""

    cl_ord_id: str
    venue_id: str
    venue_seq: int
    sent_ns: int
    drawn_ns: int
    held_ns: int
    levels: Levels


class ChildAcked(Record, frozen=True, kw_only=True, tag="child_acked"):
    """A venue accepted a child. ``processed_ns`` is the venue's own time of it."""

    cl_ord_id: str
    venue_id: str
    order_id: int
    processed_ns: int
    sent_ns: int
    drawn_ns: int
    held_ns: int


class ChildRejected(Record, frozen=True, kw_only=True, tag="child_rejected"):
    """A venue refused a child."""

    cl_ord_id: str
    venue_id: str
    reason: RejectReason
    processed_ns: int
    sent_ns: int
    drawn_ns: int
    held_ns: int


class Fill(Record, frozen=True, kw_only=True, tag="fill"):
    """Lots of a child traded.

    ``best_px`` is the best displayed lit price on the side we trade against, over all venues, as
    the router knew it when it sent the child; None when it knew none. (When the report comes, the
    quotes already hold our own trade.) ``fee`` is money as decimal text, negative for a rebate.
    """

    cl_ord_id: str
    parent_id: str
    venue_id: str
    exec_id: int
    last_px: int
    last_qty: int
    cum_qty: int
    leaves_qty: int
    fee: str
    is_maker: bool
    best_px: int | None
    processed_ns: int
    sent_ns: int
    drawn_ns: int
    held_ns: int


class CancelSent(Record, frozen=True, kw_only=True, tag="cancel_sent"):
    """The router asked to cancel a child."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    reason: str


class ChildCanceled(Record, frozen=True, kw_only=True, tag="child_canceled"):
    """What was open of a child is canceled: ``canceled_qty`` lots are free again."""

    cl_ord_id: str
    venue_id: str
    canceled_qty: int
    cum_qty: int
    processed_ns: int
    sent_ns: int
    drawn_ns: int
    held_ns: int


class CancelRejected(Record, frozen=True, kw_only=True, tag="cancel_rejected"):
    """A venue refused to cancel a child."""

    cl_ord_id: str
    orig_cl_ord_id: str
    venue_id: str
    reason: CxlRejReason
    processed_ns: int
    sent_ns: int
    drawn_ns: int
    held_ns: int


class Quote(Record, frozen=True, kw_only=True, tag="quote"):
    """A venue's true best bid and offer, as it published them; None where a side is empty."""

    venue_id: str
    venue_seq: int
    bid_px: int | None
    bid_qty: int
    ask_px: int | None
    ask_qty: int


class Depth(Record, frozen=True, kw_only=True, tag="depth"):
    """A venue's displayed book as published (``market_data: full``)."""

    venue_id: str
    venue_seq: int
    bids: Levels
    asks: Levels


class TradePrint(Record, frozen=True, kw_only=True, tag="trade"):
    """A trade at a venue, ours or others'."""

    venue_id: str
    venue_seq: int
    price: int
    qty: int
    aggressor: Side


class VenueEvent(Record, frozen=True, kw_only=True, tag="venue_event"):
    """Something happened to a venue (``event`` names it)."""

    venue_id: str
    event: str
    detail: str


class ReportIgnored(Record, frozen=True, kw_only=True, tag="report_ignored"):
    """A report that changes nothing: late, repeated, or for no child of ours.

    ``reason`` says which of these, ``report`` is the report in short.
    """

    cl_ord_id: str
    venue_id: str
    reason: str
    report: str


class ParentDone(Record, frozen=True, kw_only=True, tag="parent_done"):
    """A parent order ended. What is neither filled nor canceled was open as the run ended."""

    parent_id: str
    filled_qty: int
    canceled_qty: int
    end_reason: EndReason


class RunFinished(Record, frozen=True, kw_only=True, tag="run_finished"):
    """The last record; the writer adds ``seal``. ``records`` counts all lines, this one too."""

    records: int
    outcome: Outcome


AnyRecord = (
    RunStarted
    | ParentReceived
    | Decision
    | ChildSent
    | BookAtArrival
    | ChildAcked
    | ChildRejected
    | Fill
    | CancelSent
    | ChildCanceled
    | CancelRejected
    | Quote
    | Depth
    | TradePrint
    | VenueEvent
    | ReportIgnored
    | ParentDone
    | RunFinished
)
RECORD_TYPES: Final[tuple[type[Record], ...]] = get_args(AnyRecord)
