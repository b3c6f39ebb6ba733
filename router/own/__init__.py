"""What a user's own router is written with: what it sees, what it may ask for, what it is told.

All of it is frozen. Prices are ticks and quantities lots of the instrument, times nanoseconds since
the start of the run. The messages of the async form, and its session, are in
``router.own.session``.
"""

from router.own.api import (
    Action,
    ActionError,
    Cancel,
    Event,
    Known,
    Order,
    Replace,
    Send,
    State,
    View,
    WakeAt,
)

__all__ = [
    "Action",
    "ActionError",
    "Cancel",
    "Event",
    "Known",
    "Order",
    "Replace",
    "Send",
    "State",
    "View",
    "WakeAt",
]
