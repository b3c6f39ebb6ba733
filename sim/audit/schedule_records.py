"""The record of a schedule's steps: what was planned, what was released, what had filled.

Units and stamps as in ``sim.audit.records``, where all records are named.
"""

from sim.audit.decision_records import Note
from sim.audit.record import Record, Whole


class ScheduleStep(Record, frozen=True, kw_only=True, tag="schedule_step", omit_defaults=True):
    """A schedule released lots of a parent, or had none to release, or its horizon ended.

    ``planned_qty`` and ``due_ns`` are the plan's, without jitter, caps and what earlier slices
    left; how far ``released_qty`` and ``t_ns`` differ from them is the schedule's deviation.
    """

    parent_id: str
    schedule: str
    """Its name in scenarios."""
    slice: Whole
    """Which step, from 1; those after the last slice are the end of the horizon and what follows
    it."""
    slices: Whole
    """How many slices there are."""
    due_ns: Whole
    """When the plan has it."""
    planned_qty: Whole
    """Released by then as planned."""
    released_qty: Whole
    """Released from now on: so much of the order may be worked."""
    filled_qty: Whole
    """Filled by now."""
    next_ns: Whole | None = None
    """When the next step comes; left out where none does."""
    at_end: str | None = None
    """What the end of the horizon asks for: ``take``, ``cancel`` or ``wait``; left out before."""
    notes: tuple[Note, ...] = ()
    """What the model says of the plan, in the first step; left out where it says nothing."""
