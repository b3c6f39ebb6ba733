"""The record of a decision, and what it holds: what the router knew, chose and refused.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

import msgspec

from sim.audit.record import Record, Whole, WholeLevels
from sim.protocol.enums import DecisionReason


class KnownQuote(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """What the router knew of one venue as it decided.

    ``levels`` is the side it trades against, best first, after taking off what its own children in
    flight may still take. With the venue's fee a price costs ``slope * price + intercept``, in
    ``1/effective_scale`` ticks. Where the strategy weighs risk or the scenario has ``router.cost``,
    ``impact`` is the estimate of our own impact on the price in the same unit, ``latency_cost``
    what the price may have moved until an order is there, and ``fill_risk`` the probability, as
    decimal text, that lots are not had there; else they are left out. Where the strategy is
    ``rest``, ``levels`` is the best level of the parent's own side, which the price follows.
    """

    venue_id: str
    venue_seq: Whole
    age_ns: Whole
    """Age of the quote: since the venue published it."""
    latency_ns: Whole
    """Expected delay of an order to the venue."""
    levels: WholeLevels
    """Usable levels of the side it trades against, best first; of its own side for ``rest``."""
    slope: Whole
    """Of the effective price."""
    intercept: Whole
    """Of the effective price."""
    impact: Whole | None = None
    """Own impact on the price in the unit of ``intercept``; only where costs are worked out."""
    fill_risk: str | None = None
    """Probability, as decimal text, that lots are not had; only where costs are worked out."""
    latency_cost: Whole | None = None
    """What the price may have moved away until an order is there, in the unit of ``intercept``;
    only where the scenario says how much it moves."""


class Doubt(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """What the router doubted of a venue's quotes as it decided (``router.market``)."""

    venue_id: str
    reason: str
    """``stale``: nothing new for too long; ``jumped``: a newer quote than the one at hand was not
    believed; ``crossed`` and ``locked``: it is one of those whose displayed prices meet."""
    bid_px: Whole | None = None
    """Its best bid: of the quote that was not believed, or that meets an offer."""
    ask_px: Whole | None = None
    """Its best offer, likewise."""
    silent_ns: Whole = 0
    """How long it had said nothing new, by the router's own clock."""


class BlindOrder(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """An order to a dark venue that shows nothing: no quote stands behind it.

    ``best_px`` is the best displayed lit price of the other side over all venues, as the router
    knew it; None where it knew none. ``limit_px`` is that or the parent's own limit, the tighter
    one, on the venue's grid.
    """

    venue_id: str
    latency_ns: Whole
    """Expected delay of an order to the venue."""
    best_px: Whole | None
    """Best displayed lit price of the other side that the router knew."""
    limit_px: Whole
    """Limit of the order."""
    stage: str = ""
    """``ping``: a small order that asks first; ``after_ping``: what follows one that was filled
    whole; left out where nothing was asked first."""


class Slice(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One level of the chosen split; for a blind order ``price`` is its limit."""

    venue_id: str
    price: Whole
    """Price of the level."""
    qty: Whole
    """Wanted from it."""


class VenueCost(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """What the chosen split costs at one venue, term by term, as the router knew it.

    All terms count ``1/effective_scale`` ticks times lots, and add up to ``total``. A seller's
    price counts as less than nothing, so that lower is better for both sides.
    """

    venue_id: str
    qty: Whole
    """Lots of the split there."""
    price: Whole
    """Their prices, without the fee."""
    fees: Whole
    """Taker fees; negative: a rebate."""
    total: Whole
    """The cost of the venue in the customer's formula: the sum of all terms."""
    impact: Whole = 0
    """What our own order is thought to move the price by; left out where it is 0, as are the next
    two."""
    latency: Whole = 0
    """What the price may have moved away until the order is there."""
    fill_risk: Whole = 0
    """What comes on top since lots may not be had, to the nearest whole number."""


class Exposure(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """How likely a parent is to be noticed from what its children show at lit venues at once.

    Probabilities are decimal text with 8 decimals. Dark venues and makers show nothing.
    """

    visible_qty: Whole
    """Lots that show: of its open children, and of what this decision sends."""
    children: Whole
    """Venues at which something shows."""
    detect_prob: str
    """``1 - exp(-alpha * visible)``: that the parent is noticed; the same for every split."""
    detect_prob_max: str
    """The highest ``detect_prob`` of the parent so far."""
    reduction: str | None = None
    """1 less the probability that what shows is noticed at every one of these venues; left out if
    nothing shows. It grows with their number by construction."""


class KnownQueue(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the router knew of a queue that a limit order could join."""

    venue_id: str
    price: Whole
    """Best price of the own side, within the parent's limit."""
    queue_qty: Whole
    """Lots displayed there and at better prices of that side, which trade first."""
    venue_seq: Whole
    """Number of the quote."""
    age_ns: Whole
    """Age of the quote: since the venue published it."""


class Refused(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """An alternative that was not taken, and why.

    ``venue_seq`` and ``age_ns`` are those of the quote that the router had of the venue. Both are
    left out where it had none, and where the venue stands among the decision's ``quotes``.
    """

    venue_id: str
    reason: str
    """Why: ``no_quote``, ``nothing_available``, ``ranked_behind``, ``filled_short``,
    ``other_venue``, ``tried_blind``, ``ping_short``, ``rounds_over``, ``pools_first``,
    ``pools_only``, ``no_reference``, ``too_small``, ``would_show`` (``router.leakage``),
    ``not_its_turn`` (sequential sending),
    ``rejected_`` and the venue's reason, ``on_hold``, ``stopped``, ``no_answer``,
    ``quarantine``, ``pre_open``, ``halted`` or ``closed``; ``stale``, ``crossed`` and
    ``locked`` (``router.market``); ``other_venues`` and ``bound``
    (``router.reroute.on``);
    ``price_collar``, ``max_order_qty``, ``max_order_value``, ``message_throttle``
    and ``held`` (``router.controls``); ``not_chosen`` (by the user's own router)."""
    venue_seq: Whole | None = None
    """The quote at hand; left out where there was none or it stands among ``quotes``."""
    age_ns: Whole | None = None
    """Its age."""


class Protected(
    msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """A lit venue whose displayed quote a part of the split would pass by at a worse price."""

    venue_id: str
    price: Whole
    """Its best displayed price."""
    qty: Whole
    """Displayed there."""
    moved_qty: Whole = 0
    """Moved there from the worst parts of the split; left out where it got all by the split."""
    exception: str | None = None
    """Why it does not get all that it displays: it may not be used, for a reason as in ``refused``,
    or what is left to move is less than it takes (``too_small``); left out where it does."""


class PlannedLeave(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """When a child is to leave, so that it arrives together with the others."""

    venue_id: str
    delay_ns: Whole
    """How long an order is thought to take there."""
    wait_ns: Whole
    """How long after the decision it leaves."""


class Note(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Something that a strategy says of how it came to its split."""

    name: str
    """What it is about."""
    value: str
    """A number as decimal text, or words."""


class Decision(Record, frozen=True, kw_only=True, tag="decision", omit_defaults=True):
    """What the router chose, from what it knew. An empty ``split`` is a decision to wait.

    ``blind`` says which parts of the split rest on no quote; it is left out where none does.
    """

    decision_id: Whole
    parent_id: str
    reason: DecisionReason
    """What made the router decide."""
    strategy: str
    """What split: the strategy by its name in scenarios; ``dark_then_lit``, the policy of
    ``reroute.prefer: dark``; or ``outside``, a router under test that is not ours."""
    unreserved_qty: Whole
    """What the decision had to place: neither filled nor in an open child."""
    depth: str
    """``top`` or ``full``: how much of each venue the split could use."""
    effective_scale: Whole
    """Effective prices below count 1/this of a tick."""
    quotes: tuple[KnownQuote, ...]
    """What was known of each venue that could be used."""
    ranking: tuple[str, ...]
    """Venues by their best level, best first."""
    split: tuple[Slice, ...]
    """What was chosen, level by level."""
    refused: tuple[Refused, ...]
    """Venues that were left out, and why."""
    blind: tuple[BlindOrder, ...] = ()
    """Parts of the split that rest on no quote; left out where there are none."""
    queues: tuple[KnownQueue, ...] = ()
    """Queues that could be joined; left out where the strategy posts nothing."""
    posts: tuple[Slice, ...] = ()
    """What is sent to rest as limit orders; left out where nothing is."""
    costs: tuple[VenueCost, ...] = ()
    """What the split costs at each venue, term by term; left out where nothing is taken."""
    leakage: Exposure | None = None
    """How likely the parent is to be noticed; left out without ``router.leakage``."""
    notes: tuple[Note, ...] = ()
    """What the strategy says of how it came to the split; left out where it says nothing."""
    protected: tuple[Protected, ...] = ()
    """Displayed lit quotes that parts of the split are worse than, and what was done for them; left
    out where there are none, and without ``sending.protect``."""
    doubts: tuple[Doubt, ...] = ()
    """What was doubted of quotes, whether or not anything followed; left out where nothing was, and
    without ``router.market``."""
    leaves: tuple[PlannedLeave, ...] = ()
    """When each child is to leave, where ``sending.mode`` is ``latency_equalised``; left out where
    all leave at once."""
    rule: str = ""
    """What of ``router.reroute`` or ``router.controls`` is behind it, such as ``other_venues``;
    left out where lots that are free are simply decided at once."""
