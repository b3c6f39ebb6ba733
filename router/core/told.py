"""What a venue's report says about a child, judged before anything is booked.

Shared by the parts of the router core that book reports; changes nothing but the list of outcomes.
"""

from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

import msgspec

from router.core.events import ACCOUNT, Outcome, Stamps
from router.core.orders import Child
from router.core.states import FINAL, OrdEvent
from sim.audit.records import Bust, Correction, ReportIgnored
from sim.protocol.enums import CxlRejReason, ExecType, OrdStatus, Side
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs


class Came(NamedTuple):
    """How and when a report came, and where its outcomes go."""

    stamps: Stamps
    now_ns: int
    out: list[Outcome]


_PLACES: Final = 8
_WIDE: Final = Context(prec=250)
OVER: Final = frozenset({CxlRejReason.TOO_LATE, CxlRejReason.UNKNOWN_ORDER})
"""Refusals that mean that the order has ended; how it did must be under way."""


def judge(child: Child, px: int, qty: int) -> tuple[str | None, int]:
    """What is wrong with a fill, and how many of its lots the child can have."""
    if child.parent.end_reason is not None:
        return "parent_done", 0
    if child.status in FINAL:
        return "written_off" if child.written_off else "after_end", 0
    if outside_limit(child, px):
        return "outside_limit", 0
    if qty > child.leaves_qty:
        return "too_much", child.leaves_qty
    return None, qty


def fee_of(report: ExecutionReport, lots: int) -> Decimal | None:
    """What the parent pays of a fill's commission where only ``lots`` of the fill are its own.

    ``commission * lots / last_qty``, rounded half to even at the decimal places that the commission
    has, or at the eighth where it has fewer; the account apart bears the rest, so that both parts
    are the commission to the last digit. All of it where all lots are the parent's.
    """
    fee = report.commission
    if fee is None or lots == report.last_qty:
        return fee
    exponent = fee.as_tuple().exponent
    assert isinstance(exponent, int)  # a venue charges money, not infinity
    part = _WIDE.divide(_WIDE.multiply(fee, Decimal(lots)), Decimal(report.last_qty))
    return part.quantize(Decimal(1).scaleb(min(exponent, -_PLACES)), context=_WIDE)


def outside_limit(child: Child, px: int) -> bool:
    """Whether a price is worse than the widest limit that the child may fill at."""
    return px > child.price if child.side is Side.BUY else px < child.price


def left_in(child: Child, status: OrdStatus) -> OrdStatus:
    """The state of an open child whose cancel was refused.

    What went before the cancel and is unanswered may stand in the venue's queue still: the order
    itself, which may yet be refused, or a replace, which may yet be confirmed.
    """
    if not child.seen:
        return OrdStatus.PENDING_NEW
    return status if child.target is None else OrdStatus.PENDING_REPLACE


def event_of(report: ExecutionReport) -> OrdEvent | None:
    """What a report other than a fill means; None for what a sound venue would not send."""
    match report.exec_type:
        case ExecType.NEW:
            return OrdEvent.ACK
        case ExecType.CANCELED:
            return OrdEvent.CANCELED
        case ExecType.EXPIRED:
            return OrdEvent.EXPIRED
        case ExecType.DONE_FOR_DAY:
            return OrdEvent.DONE_FOR_DAY
        case ExecType.REJECTED:
            return OrdEvent.REJECT if report.reject_reason is not None else None
        case ExecType.REPLACED:
            return OrdEvent.REPLACED
        case _:
            return None


def is_same(known: ExecutionReport, report: ExecutionReport) -> bool:
    """Whether two reports under one number say the same."""
    return (known.exec_type, known.side, known.last_px, known.last_qty) == (
        report.exec_type,
        report.side,
        report.last_px,
        report.last_qty,
    )


def stamped(child: Child, processed_ns: int, came: Came) -> dict[str, Any]:
    """What all records of a report about a child have."""
    return {
        "t_ns": came.now_ns,
        "cl_ord_id": child.cl_ord_id,
        "venue_id": child.venue_id,
        "processed_ns": processed_ns,
        "sent_ns": came.stamps.sent_ns,
        "drawn_ns": came.stamps.drawn_ns,
        "held_ns": came.stamps.held_ns,
    }


def ignore(venue_id: str, report: VenueReport, reason: str, came: Came) -> None:
    """Record a report that changes nothing."""
    text = msgspec.json.encode(report).decode()
    came.out.append(
        ReportIgnored(
            t_ns=came.now_ns,
            cl_ord_id=report.cl_ord_id,
            venue_id=venue_id,
            reason=reason,
            report=text,
        )
    )


# As a router that comes back knows them from its records


def as_reported(child: Child, exec_id: int, px: int, lots: int, fee: Decimal) -> ExecutionReport:
    """A fill as its venue reported it, as far as anybody will ask."""
    return ExecutionReport(
        ExecType.TRADE,
        OrdStatus.PARTIALLY_FILLED,
        child.cl_ord_id,
        ACCOUNT,
        0,
        exec_id,
        child.side,
        QtyLots(child.order_qty),
        QtyLots(child.cum_qty),
        QtyLots(child.leaves_qty),
        TimeNs(0),
        0,
        PriceTicks(px),
        QtyLots(lots),
        commission=fee,
    )


def changed_back(child: Child, record: Bust | Correction, lots: int) -> ExecutionReport:
    """A bust or a correction as its venue reported it; ``lots`` are left of the fill."""
    px = 0 if isinstance(record, Bust) else record.last_px
    is_bust = isinstance(record, Bust)
    report = as_reported(child, record.exec_id, px, lots, Decimal(0))
    return msgspec.structs.replace(
        report,
        exec_type=ExecType.TRADE_CANCEL if is_bust else ExecType.TRADE_CORRECT,
        last_px=None if is_bust else report.last_px,
        exec_ref_id=record.exec_ref_id,
    )
