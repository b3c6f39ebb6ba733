"""The audit log's records: what they hold, field by field, in the order in which they are written.

Prices are ticks and quantities lots of the instrument, whose sizes stand in the scenario inside
``run_started``; times are nanoseconds since the start of the run. The writer adds ``seq`` in front
and ``prev`` behind each record. ``t_ns`` is when the writer of the record knew what it says: for
what comes back from a venue, when the report reached the router.

Stamps of a message: ``sent_ns`` left its sender, ``drawn_ns`` the latency model's part of its way,
``held_ns`` what first-in-first-out order added. Arrival is the sum of the three.
"""

from typing import Any, Final, get_args

from sim.audit.control_records import ControlBreach, Kept, WrittenOff
from sim.audit.decision_records import (
    BlindOrder,
    Decision,
    Doubt,
    Exposure,
    KnownQueue,
    KnownQuote,
    Note,
    PlannedLeave,
    Protected,
    Refused,
    Slice,
    VenueCost,
)
from sim.audit.fault_records import (
    Fault,
    InvariantBroken,
    RouterRestarted,
    SessionEvent,
    StatusReported,
    StatusRequested,
)
from sim.audit.order_records import (
    Bust,
    CancelRejected,
    CancelSent,
    ChildDropped,
    ChildReplaced,
    Correction,
    Overfill,
    ReplaceSent,
    ReportIgnored,
    RequestPending,
    RouteHold,
)
from sim.audit.participant_records import ParticipantEvent
from sim.audit.queue_records import QueuePosition
from sim.audit.record import Record, Whole, WholeLevels
from sim.audit.schedule_records import ScheduleStep
from sim.protocol.enums import (
    EndReason,
    Outcome,
    RejectReason,
    Side,
    TimeInForce,
)

__all__ = [
    "LINE_BYTES_MAX",
    "RECORD_TYPES",
    "SCHEMA",
    "AnyRecord",
    "BlindOrder",
    "BookAtArrival",
    "Bust",
    "CancelRejected",
    "CancelSent",
    "ChildAcked",
    "ChildCanceled",
    "ChildDropped",
    "ChildRejected",
    "ChildReplaced",
    "ChildSent",
    "ControlBreach",
    "Correction",
    "DealerAnswer",
    "Decision",
    "Depth",
    "Doubt",
    "Exposure",
    "Fault",
    "Fill",
    "InvariantBroken",
    "Kept",
    "KnownQueue",
    "KnownQuote",
    "NbboChange",
    "Note",
    "Overfill",
    "ParentDone",
    "ParentReceived",
    "ParticipantEvent",
    "PlannedLeave",
    "PluginFailed",
    "Protected",
    "QueuePosition",
    "Quote",
    "Record",
    "Refused",
    "ReplaceSent",
    "ReportIgnored",
    "RequestPending",
    "RouteHold",
    "RouterRestarted",
    "RunFinished",
    "RunStarted",
    "ScheduleStep",
    "SessionEvent",
    "Slice",
    "StatusReported",
    "StatusRequested",
    "TradePrint",
    "VenueCost",
    "VenueEvent",
    "WrittenOff",
]

SCHEMA: Final = "sorsim-audit/1"
LINE_BYTES_MAX: Final = 8 << 20
"""Writers make no longer line, readers take none: a hostile file cannot fill the memory."""


class RunStarted(Record, frozen=True, kw_only=True, tag="run_started"):
    """Enough to run it all again: the whole resolved scenario.

    ``files`` holds the SHA-256 in hex of each file that the scenario names.
    """

    schema: str
    """Version of this format."""
    code_version: str
    """Version of sorsim."""
    seed: int
    """Seed of all chance."""
    sync: str
    """``audit.sync`` of the scenario."""
    market_data: str
    """``audit.market_data`` of the scenario."""
    scenario: dict[str, Any]
    """The scenario with overrides and every default."""
    files: dict[str, str]
    """SHA-256 in hex of each file that the scenario names."""


class ParentReceived(Record, frozen=True, kw_only=True, tag="parent_received"):
    """A client's order reached the router. ``bid_px`` and ``ask_px`` are the best it knew then."""

    parent_id: str
    side: Side
    order_qty: Whole
    limit_px: Whole | None
    """Its limit."""
    deadline_ns: Whole | None
    """When it ends at the latest, since the start of the run."""
    bid_px: Whole | None
    """Best displayed lit bid that the router knew."""
    ask_px: Whole | None
    """Best displayed lit offer that the router knew."""


class ChildSent(Record, frozen=True, kw_only=True, tag="child_sent", omit_defaults=True):
    """A child order left for its venue.

    ``shown_px`` is the best price the venue showed, as the router knew it from quote ``quote_seq``;
    both are None where it had no quote of the venue.
    """

    cl_ord_id: str
    parent_id: str
    decision_id: Whole
    venue_id: str
    side: Side
    order_qty: Whole
    price: Whole
    """Its limit: the worst level wanted there."""
    time_in_force: TimeInForce
    """How long it lives at the venue."""
    shown_px: Whole | None
    """Best price that the venue showed, as the router knew it."""
    quote_seq: Whole | None
    """``venue_seq`` of the quote that showed it."""
    min_qty: Whole = 0
    """The fewest lots that one of its executions may have; left out where any will do."""


class BookAtArrival(Record, frozen=True, kw_only=True, tag="book_at_arrival"):
    """The levels that a child could reach as it met the venue's book."""

    cl_ord_id: str
    venue_id: str
    venue_seq: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole
    queued_ns: Whole = 0
    """How long the child waited in the venue's queue after its arrival."""
    processing_ns: Whole = 0
    """How long the venue then worked on it, before it met the book."""
    levels: WholeLevels
    """Best first, hidden ones too."""


class ChildAcked(Record, frozen=True, kw_only=True, tag="child_acked"):
    """A venue accepted a child. ``processed_ns`` is the venue's own time of it."""

    cl_ord_id: str
    venue_id: str
    order_id: Whole
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class ChildRejected(Record, frozen=True, kw_only=True, tag="child_rejected"):
    """A venue refused a child."""

    cl_ord_id: str
    venue_id: str
    reason: RejectReason
    """Why, by the venue."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class Fill(Record, frozen=True, kw_only=True, tag="fill"):
    """Lots of a child traded.

    ``best_px`` is the best displayed lit price on the side we trade against, over all venues, as
    the router knew it when it sent the child; None when it knew none. (When the report comes, the
    quotes already hold our own trade.) ``fee`` is money as decimal text, negative for a rebate.
    """

    cl_ord_id: str
    parent_id: str
    venue_id: str
    exec_id: Whole
    last_px: Whole
    """Price of this fill."""
    last_qty: Whole
    """Quantity of this fill."""
    cum_qty: Whole
    leaves_qty: Whole
    fee: str
    """Money as decimal text; negative: a rebate."""
    is_maker: bool
    """Whether the child rested in the book."""
    best_px: Whole | None
    """Best displayed lit price known when the child was sent."""
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class ChildCanceled(Record, frozen=True, kw_only=True, tag="child_canceled"):
    """What was open of a child is canceled: ``canceled_qty`` lots are free again."""

    cl_ord_id: str
    venue_id: str
    canceled_qty: Whole
    """Free again."""
    cum_qty: Whole
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class Quote(Record, frozen=True, kw_only=True, tag="quote"):
    """A venue's true best bid and offer, as it published them; None where a side is empty."""

    venue_id: str
    venue_seq: Whole
    bid_px: Whole | None
    """Best bid."""
    bid_qty: Whole
    """Quantity at it; 0 without a bid."""
    ask_px: Whole | None
    """Best offer."""
    ask_qty: Whole
    """Quantity at it; 0 without an offer."""


class Depth(Record, frozen=True, kw_only=True, tag="depth"):
    """A venue's displayed book as published (``market_data: full``)."""

    venue_id: str
    venue_seq: Whole
    bids: WholeLevels
    """Best first."""
    asks: WholeLevels
    """Best first."""


class TradePrint(Record, frozen=True, kw_only=True, tag="trade"):
    """A trade at a venue, ours or others'."""

    venue_id: str
    venue_seq: Whole
    price: Whole
    """Where it traded."""
    qty: Whole
    """How much."""
    aggressor: Side
    """The side that took."""


class DealerAnswer(Record, frozen=True, kw_only=True, tag="dealer_answer"):
    """What a dealer made of an order that it quoted for or worked on, ours or others'."""

    venue_id: str
    cl_ord_id: str
    side: Side
    order_qty: Whole
    quote_px: Whole | None
    """Its price for the whole order; None where it came to none."""
    asked_ns: Whole
    """When the order came: until ``t_ns`` it was held."""
    moved_half_ticks: Whole | None
    """How far the dealer's middle has moved since, up positive; None without a middle."""
    outcome: str
    """``filled``, ``rejected`` (last look), or ``canceled``: by the owner, or as the limit did not
    allow the price."""


class NbboChange(Record, frozen=True, kw_only=True, tag="nbbo"):
    """The best displayed lit prices have changed as one observer has received them.

    Only in runs with ``links`` or a ``tape``, where observers may differ; a venue's true prices
    are in ``quote``. It may be crossed or locked: that is what who hears late sees.
    """

    observer: str
    """``router``, ``tape``, or ``venue:`` and the id of a venue that has a reference."""
    bid_px: Whole | None
    """Highest bid; None while no venue bids."""
    ask_px: Whole | None
    """Lowest offer; None while no venue offers."""


class VenueEvent(Record, frozen=True, kw_only=True, tag="venue_event"):
    """Something happened to a venue (``event`` names it)."""

    venue_id: str
    event: str
    """``opened``, ``halted``, ``resumed``, ``closed``; of conditional orders ``invited``,
    ``firmed_up``, ``fell_down``, ``barred``; ``down``: its task ended with an error, and the run
    goes on without it; ``up``: it is back; ``failed``: its data or its records cannot be trusted,
    and the run was aborted."""
    detail: str
    """What there is to say about it; for ``down`` and ``failed`` the error."""


class PluginFailed(Record, frozen=True, kw_only=True, tag="plugin_failed"):
    """The user's own code failed, and the run was aborted.

    What the code itself had to say is not here: it may differ from run to run.
    """

    plugin: str
    """The class, as ``plugins`` in the scenario names it."""
    place: str
    """File without its folder, line, and function; empty where none is known."""
    error: str
    """The class of the error; empty where the code did what it must not without one."""


class ParentDone(Record, frozen=True, kw_only=True, tag="parent_done"):
    """A parent order ended.

    What is neither filled nor canceled was open as the run ended, or lies with a venue that does
    not answer.
    """

    parent_id: str
    filled_qty: Whole
    """Filled in all."""
    canceled_qty: Whole
    """Given up as the parent ended."""
    end_reason: EndReason
    """Why it ended."""


class RunFinished(Record, frozen=True, kw_only=True, tag="run_finished"):
    """The last record; the writer adds ``seal``. ``records`` counts all lines, this one too."""

    records: Whole
    """Lines of the log, this one too."""
    outcome: Outcome
    """How the run ended."""


AnyRecord = (
    RunStarted
    | ParentReceived
    | ScheduleStep
    | Decision
    | ChildSent
    | ChildDropped
    | BookAtArrival
    | QueuePosition
    | ChildAcked
    | ChildRejected
    | Fill
    | CancelSent
    | ChildCanceled
    | CancelRejected
    | RequestPending
    | ReplaceSent
    | ChildReplaced
    | Overfill
    | Bust
    | Correction
    | RouteHold
    | ControlBreach
    | WrittenOff
    | SessionEvent
    | StatusRequested
    | StatusReported
    | RouterRestarted
    | Quote
    | Depth
    | TradePrint
    | DealerAnswer
    | NbboChange
    | VenueEvent
    | ParticipantEvent
    | Fault
    | ReportIgnored
    | PluginFailed
    | InvariantBroken
    | ParentDone
    | RunFinished
)
RECORD_TYPES: Final[tuple[type[Record], ...]] = get_args(AnyRecord)
