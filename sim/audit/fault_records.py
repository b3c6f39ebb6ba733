"""Records of injected faults, and of how venues and the router get over them.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

from sim.audit.record import Record, Whole
from sim.protocol.enums import OrdStatus


class Fault(Record, frozen=True, kw_only=True, tag="fault", omit_defaults=True):
    """A fault of the scenario did something: every injected fault is told.

    The router knows nothing of it: it sees what follows.
    """

    fault_id: str
    """Its ``id`` in the scenario, else ``fault`` and its place in the list."""
    fault: str
    """Its kind."""
    phase: str
    """``began`` and ``ended`` of what lasts, ``struck`` of what hits one message."""
    venue_id: str = ""
    """The venue that it is about; left out where it is about none."""
    leg: str = ""
    """Of a message: ``order``, ``report`` or ``feed``."""
    cl_ord_id: str = ""
    """Of a message about one order: the order, or the request."""
    detail: str = ""
    """What was done."""


class SessionEvent(Record, frozen=True, kw_only=True, tag="session", omit_defaults=True):
    """Something happened to the session between the router and a venue, as the router learnt it."""

    venue_id: str
    event: str
    """``down`` and ``up``; ``gap`` (reports are missing, and are asked for again), ``filled`` (they
    have come), ``given_up`` (they have not), ``reset`` (numbers begin again without a new
    session)."""
    session: Whole = 0
    """Number of the session, from 1."""
    expected_seq: Whole = 0
    """Number of the report that was expected, where that matters."""
    detail: str = ""
    """What there is to say about it."""


class StatusRequested(Record, frozen=True, kw_only=True, tag="status_requested"):
    """The router asked a venue what became of a child. Its lots stay reserved meanwhile."""

    cl_ord_id: str
    """The child."""
    venue_id: str
    reason: str
    """``no_answer``, ``reconnected`` (the session is up again), ``gap`` (reports were given up), or
    ``own`` (an outside router asked)."""


class StatusReported(Record, frozen=True, kw_only=True, tag="status_reported"):
    """A venue said what became of a child.

    What this changes stands in the records that follow: fills are booked from their own reports
    alone.
    """

    cl_ord_id: str
    venue_id: str
    ord_status: OrdStatus
    """As the venue has it; ``rejected`` where it knows no such order."""
    cum_qty: Whole
    leaves_qty: Whole
    processed_ns: Whole
    sent_ns: Whole
    drawn_ns: Whole
    held_ns: Whole


class RouterRestarted(Record, frozen=True, kw_only=True, tag="router_restarted"):
    """The router came back after a crash, with what its own records say and nothing else."""

    parents: Whole
    """Parents that it works on."""
    children: Whole
    """Children of which it does not know what became of them."""
    records: Whole
    """Records that it read."""


class InvariantBroken(Record, frozen=True, kw_only=True, tag="invariant_broken"):
    """A rule of sorsim's own was broken: a defect of sorsim, for which the run was aborted."""

    invariant: str
    """Its number, ``I1`` to ``I18``; empty where the rule has none."""
    detail: str
    """What was found."""
