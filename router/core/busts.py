"""Fills that a venue takes back or corrects: their lots, prices and fees are booked anew.

What a bust takes off a fill is filled no more. Is the order still open at the venue, the lots are
open again there; else they are *busted*, which counts as canceled, or free for another venue where
the configuration says so. A closed child never reopens, and neither does a parent that has ended.
Lots of the account apart go first. What cannot be (no such fill, more lots than it has, a price
beyond the limit) is not booked, and its venue is in quarantine. Not so a bust of a fill that was
given up as missing: should that come after all, it is not booked either.
"""

from decimal import Context, Decimal, Inexact
from typing import Final

from router.core.desk import Desk
from router.core.orders import Booked, Child
from router.core.states import FINAL
from router.core.told import Came, fee_of, ignore, outside_limit, stamped
from sim.audit.records import Bust, Correction
from sim.protocol.enums import DecisionReason, ExecType
from sim.protocol.orders import ExecutionReport
from sim.protocol.units import plain

# A difference of fees that needed rounding would raise.
_EXACT: Final = Context(prec=250, traps=[Inexact])

VOID: Final = frozenset({"early", "taken_back"})
"""Why a report is ignored that makes a fill void, or that is such a fill."""


def on_change(desk: Desk, child: Child, report: ExecutionReport, came: Came) -> None:
    """Book a bust or a correction of one of a child's fills."""
    if _is_early(desk, child, report):
        make_void(child, report, "early")
        ignore(child.venue_id, report, "early", came)
        return
    old = _booked(child, report.exec_ref_id)
    new = _changed(child, old, report) if old is not None else None
    if old is None or new is None:
        ignore(child.venue_id, report, "breach", came)
        if child.parent.end_reason is None:
            desk.quarantine(child, "conflict", came.now_ns, came.out)
        return
    assert report.exec_ref_id is not None
    child.booked[report.exec_ref_id] = new
    lots, apart = old.qty - new.qty, old.excess - new.excess
    child.taken_back[report.exec_id] = lots + apart
    if apart:
        child.excess_qty -= apart
        desk.overfilled[child.venue_id, child.side] -= apart
    reopened = _take_back(desk, child, report, lots)
    record = _record(child, report, (old, new, reopened), came)
    if desk.brakes is not None:
        desk.brakes.on_taken_back(child, record, Decimal(record.fee))
    parent = child.parent
    if parent.end_reason is not None:
        return
    if lots > reopened and desk.reroutes_busted and parent.stopped is None:
        desk.want(parent, DecisionReason.BUST, came.now_ns, came.out)
    desk.settle(parent, came.now_ns, came.out)
    desk.waiting.note(parent)
    desk.wake_short(came.now_ns, came.out)


def _is_early(desk: Desk, child: Child, report: ExecutionReport) -> bool:
    """Whether it is a bust of a fill that is missing: one of the reports that were given up."""
    ref = report.exec_ref_id
    if report.exec_type is not ExecType.TRADE_CANCEL or ref is None:
        return False
    line = desk.recovery.lines.get(child.venue_id)
    given_up = line is not None and (line.skipped or child.sent_ns < line.began_ns)
    return bool(given_up) and ref not in child.booked and ref not in child.seen


def on_void(child: Child, report: ExecutionReport, came: Came) -> None:
    """A fill that was taken back before it came: nothing of it was ever filled."""
    make_void(child, report, "taken_back")
    ignore(child.venue_id, report, "taken_back", came)


def make_void(child: Child, report: ExecutionReport, reason: str) -> None:
    """Nothing was ever filled by a fill: by what its bust says, or by the fill that comes late."""
    if reason == "early":
        assert report.exec_ref_id is not None
        child.booked[report.exec_ref_id] = Booked(0, 0, 0, None)
        return
    for exec_id, known in child.seen.items():
        if known.exec_ref_id == report.exec_id:
            child.taken_back[exec_id] = report.last_qty


def _booked(child: Child, exec_id: int | None) -> Booked | None:
    """What holds now of a fill; None if there is no such fill."""
    if exec_id is None:
        return None
    known = child.booked.get(exec_id)
    if known is not None:
        return known
    fill = child.seen.get(exec_id)
    if fill is None or fill.exec_type is not ExecType.TRADE or fill.last_px is None:
        return None
    return Booked(fill.last_px, fill.last_qty, 0, fill.commission)


def _changed(child: Child, old: Booked, report: ExecutionReport) -> Booked | None:
    """What holds of a fill after a report; None where that cannot be."""
    total = old.qty + old.excess
    if report.exec_type is ExecType.TRADE_CANCEL:
        return Booked(old.px, 0, 0, None) if total else None
    px, qty = report.last_px, report.last_qty
    if px is None or not 0 < qty <= total or outside_limit(child, px):
        return None
    booked = min(qty, old.qty)
    return Booked(px, booked, qty - booked, fee_of(report, booked) if booked else None)


def _take_back(desk: Desk, child: Child, report: ExecutionReport, lots: int) -> int:
    """Take lots off what is filled; how many of them are open again."""
    parent = child.parent
    child.cum_qty -= lots
    parent.filled_qty -= lots
    ended = child.status in FINAL or parent.end_reason is not None
    if lots and not ended and report.leaves_qty and report.order_qty >= child.order_qty:
        desk.reopen(child, lots)
        return lots
    if not ended and report.leaves_qty:
        child.order_qty -= lots  # the venue has made the order smaller instead
    if parent.end_reason is not None or not desk.reroutes_busted:
        parent.busted_qty += lots
    parent.check()
    return 0


def _record(
    child: Child, report: ExecutionReport, change: tuple[Booked, Booked, int], came: Came
) -> Bust | Correction:
    old, new, reopened = change
    known = stamped(child, report.transact_ns, came)
    known |= {
        "parent_id": child.parent.parent_id,
        "exec_id": report.exec_id,
        "exec_ref_id": report.exec_ref_id,
        "was_px": old.px,
        "was_qty": old.qty,
        "reopened_qty": reopened,
        "excess_qty": old.excess - new.excess,
        "cum_qty": child.cum_qty,
        "leaves_qty": child.leaves_qty,
        "fee": plain(_EXACT.subtract(new.fee or Decimal(0), old.fee or Decimal(0))),
    }
    record: Bust | Correction
    if report.exec_type is ExecType.TRADE_CANCEL:
        record = Bust(**known)
    else:
        record = Correction(last_px=new.px, last_qty=new.qty, **known)
    came.out.append(record)
    return record
