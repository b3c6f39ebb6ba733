"""When the lots of parents with a schedule are released: the schedules' steps, taken at the desk.

A schedule is asked as its parent comes and at each instant that it names. What it releases is
decided upon at the end of that instant, like everything else.
"""

from router.core.desk import Desk
from router.core.events import Outcome, SliceDue, WakeAt
from router.core.orders import Parent
from router.schedule.base import Schedule, Seen, Step
from sim.audit.records import Note, ScheduleStep
from sim.protocol.enums import DecisionReason, EndReason, Side


class Timetable:
    """The schedules of all parents.

    Args:
        desk: Where lots are worked.
        cap: The most lots that may show at once, for schedules that are to keep to it; None: any.
    """

    def __init__(self, desk: Desk, cap: int | None) -> None:
        self._desk = desk
        self._cap = cap

    def begin(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """A parent with a schedule has come."""
        self._step(parent, DecisionReason.INITIAL, now_ns, out)

    def due(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """The instant has come that a parent's schedule named."""
        if parent.stopped is None and parent.end_reason is None:
            self._step(parent, DecisionReason.SCHEDULE, now_ns, out)

    def again(self, parent: Parent, t_ns: int) -> Step:
        """Ask a schedule as it was asked at ``t_ns`` before the router came back.

        Only for schedules that follow nothing but the clock and the parent: of the market then
        nobody knows any more.
        """
        assert parent.schedule is not None
        return parent.schedule.on_time(t_ns, self._seen(parent, parent.schedule))

    def _step(
        self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]
    ) -> None:
        desk, schedule = self._desk, parent.schedule
        assert schedule is not None  # only such parents come here
        step = schedule.on_time(now_ns, self._seen(parent, schedule))
        # As a deadline nears, more may be released than the schedule knows.
        released = max(parent.released_qty, step.released_qty)
        grown, parent.released_qty = released > parent.released_qty, released
        if step.number:
            out.append(_record(parent, schedule, step, now_ns))
        if step.next_ns is not None:
            # A router that was away is late: what was due meanwhile is due now.
            out.append(WakeAt(max(now_ns, step.next_ns), SliceDue(parent.parent_id)))
        if step.over == "cancel":
            desk.stop(parent, EndReason.HORIZON, now_ns, out)
            return
        if step.over == "take":
            desk.returns.post_over(parent, now_ns, out, DecisionReason.SCHEDULE)
        if grown and parent.free_qty > 0:
            desk.want(parent, reason, now_ns, out)
        desk.waiting.note(parent)

    def _seen(self, parent: Parent, schedule: Schedule) -> Seen:
        venues = self._desk.view.venues.values()
        volume = shown = 0
        if schedule.needs_volume:
            volume = sum(venue.others_volume() for venue in venues)
        if schedule.needs_shown:
            shown = sum(_shown(parent, venue.available(parent.side)) for venue in venues)
        return Seen(
            parent.filled_qty + parent.busted_qty,
            parent.reserved_qty,
            volume,
            shown,
            self._cap if schedule.quiet else None,
        )


def _shown(parent: Parent, levels: tuple[tuple[int, int], ...]) -> int:
    """The lots at the best level of a venue, if the parent may take them."""
    if not levels:
        return 0
    price, lots = levels[0]
    limit = parent.limit_px
    if limit is None:
        return lots
    return lots if (price <= limit if parent.side is Side.BUY else price >= limit) else 0


def _record(parent: Parent, schedule: Schedule, step: Step, now_ns: int) -> ScheduleStep:
    notes = schedule.notes() if step.number == 1 else ()
    return ScheduleStep(
        t_ns=now_ns,
        parent_id=parent.parent_id,
        schedule=schedule.name,
        slice=step.number,
        slices=schedule.slices,
        due_ns=step.due_ns,
        planned_qty=step.planned_qty,
        released_qty=parent.released_qty,
        filled_qty=parent.filled_qty,
        next_ns=step.next_ns,
        at_end=step.over,
        notes=tuple([Note(*note) for note in notes]),
    )
