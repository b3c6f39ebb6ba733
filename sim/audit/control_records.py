"""Records of the controls between router and venues, and of lots that are not waited for.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

import msgspec

from sim.audit.record import Record, Whole
from sim.protocol.enums import Control, Side


class Kept(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An order, or a replace of one, that did not leave."""

    cl_ord_id: str
    """Its id; a replace has the id of the order."""
    decision_id: Whole
    venue_id: str
    side: Side
    order_qty: Whole
    price: Whole
    """Its limit."""
    replaces: bool
    """Whether it is a replace; then the order stays as it is."""


class ControlBreach(Record, frozen=True, kw_only=True, tag="control_breach", omit_defaults=True):
    """A control kept an order from leaving, holds a parent, or ended all trading."""

    control: Control
    """Which control; it has the code of a reject of the same reason."""
    found: Whole
    """What breached it: ticks for the collar, lots for quantities, tick-lots (price times quantity)
    for values and losses, else a count; the time of the run where the kill switch is pulled."""
    limit: Whole
    """The most that may be, in the same unit; the reference for ``no_reference`` is 0."""
    then: str
    """``wait_for_quote``, ``other_venues``, ``smaller`` (so much as may leaves instead),
    ``wait_for_answer``, ``later``, ``leave`` or ``end``."""
    parent_id: str | None = None
    """The parent; None where it is about all."""
    order: Kept | None = None
    """What did not leave; None where the control is not about one order."""
    allowed_qty: Whole | None = None
    """What leaves instead."""
    until_ns: Whole | None = None
    """When it is over, where that is known."""


class WrittenOff(Record, frozen=True, kw_only=True, tag="written_off"):
    """The lots of a child that stayed without an answer are not kept for it any longer.

    They are free again. What the child may fill later goes to the account apart.
    """

    cl_ord_id: str
    parent_id: str
    venue_id: str
    written_off_qty: Whole
    """What was open of it."""
    cum_qty: Whole
