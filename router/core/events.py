"""What passes in and out of the router core beside venue messages and audit records."""

from typing import Final

import msgspec

from router.schedule.base import Schedule
from sim.audit.records import Record
from sim.protocol.enums import Side
from sim.protocol.session import ToVenue

ACCOUNT: Final = "SOR"


class ParentOrder(msgspec.Struct, frozen=True):
    """A client's order as the router gets it; ``deadline_ns`` is an instant of the run.

    Without a ``schedule`` all of it may be worked at once.
    """

    parent_id: str
    side: Side
    order_qty: int
    limit_px: int | None = None
    deadline_ns: int | None = None
    schedule: Schedule | None = None


class Stamps(msgspec.Struct, frozen=True, gc=False):
    """How a message came: left its sender, drawn delay, time held back by its link."""

    sent_ns: int
    drawn_ns: int
    held_ns: int


class SendTo(msgspec.Struct, frozen=True, gc=False):
    """Send ``msg`` to a venue."""

    venue_id: str
    msg: ToVenue


class Decide(msgspec.Struct, frozen=True, gc=False):
    """Wake-up at the end of an instant."""


class AckTimeout(msgspec.Struct, frozen=True, gc=False):
    """Wake-up to look for children without an answer."""


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """Wake-up at a parent's deadline."""

    parent_id: str


class HoldOver(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as a venue's hold runs out."""

    venue_id: str


class Moves(msgspec.Struct, frozen=True, gc=False):
    """Wake-up to look at resting children that might not be moved before."""


class PostOver(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as the time of what a parent has posted is over."""

    parent_id: str


class SliceDue(msgspec.Struct, frozen=True, gc=False):
    """Wake-up at the instant that a parent's schedule has named."""

    parent_id: str


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as a child is to leave that has waited for others."""

    cl_ord_id: str


class OwnWake(msgspec.Struct, frozen=True, gc=False):
    """Wake-up that a user's own router asked for."""

    parent_id: str


class Release(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as a parent that was filled too often may go on."""

    parent_id: str


class Kill(msgspec.Struct, frozen=True, gc=False):
    """Wake-up at the time at which somebody pulls the kill switch."""


class Cross(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as a parent's deadline is so near that the spread is crossed."""

    parent_id: str


class WriteOff(msgspec.Struct, frozen=True, gc=False):
    """Wake-up to free the lots of a child that has stayed without an answer until ``due_ns``."""

    cl_ord_id: str
    due_ns: int


class ResendOver(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as reports should have come that were asked for again."""

    venue_id: str
    gap: int


class Beat(msgspec.Struct, frozen=True, gc=False):
    """Wake-up to see whether a venue with resting orders has said anything since the last one."""

    venue_id: str
    expected: int


class DownOver(msgspec.Struct, frozen=True, gc=False):
    """Wake-up as a venue whose session is down is waited for no longer."""

    venue_id: str
    outage: int


WakeToken = (
    Decide
    | AckTimeout
    | Deadline
    | HoldOver
    | Moves
    | PostOver
    | Leave
    | SliceDue
    | Release
    | Kill
    | Cross
    | WriteOff
    | ResendOver
    | Beat
    | DownOver
    | OwnWake
)


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Call ``on_wake(token)`` at ``t_ns``."""

    t_ns: int
    token: WakeToken


Outcome = Record | SendTo | WakeAt
