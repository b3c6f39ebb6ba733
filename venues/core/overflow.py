"""What a venue says to an order message that finds its queue full: throttled, at once."""

from typing import Any

import msgspec

from sim.protocol.enums import CxlRejReason, RejectReason
from sim.protocol.orders import NewOrderSingle, OrderCancelReject, OrderMessage, VenueReport
from sim.protocol.units import TimeNs
from venues.core.around import CoreAround


class TurnedAway(msgspec.Struct, frozen=True):
    """An order message for which there was no room in the venue's queue."""

    order: OrderMessage


class OverflowCore(CoreAround):
    """Refuses what was turned away; everything else is for the core within."""

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or refuse it if it was turned away."""
        if type(msg) is not TurnedAway:
            return self._inner.handle(msg, now_ns)
        order = msg.order
        if isinstance(order, NewOrderSingle):
            return [self.refuse_new(order, RejectReason.THROTTLED, now_ns)]
        report = self.refuse_change(order, CxlRejReason.THROTTLED, now_ns)
        if isinstance(report, OrderCancelReject) and report.reason is CxlRejReason.UNKNOWN_ORDER:
            # What the book does not know may be in the queue still: nobody may rely on its absence.
            report = msgspec.structs.replace(report, reason=CxlRejReason.THROTTLED)
        return [report]
