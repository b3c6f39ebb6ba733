"""What the log's time stamps are, and how they would stand against rules for business clocks.

The classes and bounds are those of RTS 25 in kind: a venue is classed by its gateway-to-gateway
latency, here from an order's arrival (after a speed bump) to the leaving of the first answer.

Source: the design notes, section "event mapping and clocks"; what is told of the rule is a
layout, partly from summaries, and no legal claim.
"""

from typing import Any, Final

from sim.protocol.units import NS_PER_UNIT
from sim.report.evidence.receipts import received_ns
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child
from sim.report.words import count

_US: Final = NS_PER_UNIT["us"]
_MS: Final = NS_PER_UNIT["ms"]

GRANULARITY_NS: Final = 1
_CLOCK_FAULT: Final = "clock_fault"

_ONE_CLOCK: Final = (
    "All stamps are whole nanoseconds since the start of the run, by one clock that venues and "
    "router share"
)
STATEMENT: Final = (
    f"{_ONE_CLOCK}: they differ by nothing, and no stamp has an error of its own.",
    "The log holds no date and no time of day, so a stamp cannot be traced to UTC. How the "
    "run's own time went against the wall stands in the run's manifest, where it ran in real time.",
    "Records of one instant are told apart by seq, which counts all records without a gap.",
    "t_ns is when the writer of a record knew what it says: for a venue's report, when it reached "
    "the router. processed_ns is when the venue did it, sent_ns when a message left its sender; "
    "drawn_ns and held_ns are the parts of its way, and add up to its arrival.",
    "Stamps are taken at the application, as a message enters or leaves it, not on a wire.",
)
APPROXIMATIONS: Final = (
    "Bounds are those of RTS 25 in kind, for orientation: a simulated clock needs no "
    "synchronisation.",
    "A venue is classed by the longest time from an order's arrival to the leaving of its first "
    "answer that this run has; a venue that took no order has no class.",
)
STAMPS: Final = (
    ("t_ns", "every record", "whoever writes the record", "as it knows what the record says"),
    ("processed_ns", "reports of venues", "the venue", "as its book has taken the message"),
    ("sent_ns", "reports, and orders in book_at_arrival", "the sender", "as the message leaves"),
    ("queued_ns, processing_ns", "book_at_arrival", "the venue", "waiting for it, and its work"),
    ("age_ns", "quotes in decisions", "the router", "since the venue published the quote"),
)
MEMBERS: Final = (
    ("high-frequency trading", 100 * _US, _US),
    ("other algorithmic trading", _MS, _MS),
    ("voice trading", NS_PER_UNIT["s"], NS_PER_UNIT["s"]),
)


def clocks_section(trail: Trail) -> dict[str, Any]:
    """The statement: stamps and who takes them, and a row per venue with its class."""
    wrong = [one for one in trail.faults if one.fault == _CLOCK_FAULT and one.phase == "struck"]
    orders = {one.cl_ord_id for one in wrong}
    mad = {one.venue_id for one in wrong}
    took: dict[str, list[int]] = {}
    for child in trail.children.values():
        names = {child.cl_ord_id, *(one.cl_ord_id for one in child.requests)}
        ns = gateway_ns(child)
        if ns is not None and not names & orders:
            took.setdefault(child.venue_id, []).append(ns)
    return {
        "statement": [_of_faults(len(wrong), sorted(mad)), *STATEMENT[1:]]
        if wrong
        else [*STATEMENT],
        "granularity_ns": GRANULARITY_NS,
        "divergence_ns": None if wrong else 0,
        "utc": None,
        "stamps": [
            dict(zip(("stamp", "where", "by", "when"), stamp, strict=True)) for stamp in STAMPS
        ],
        "venues": [
            _venue_row(name, sorted(took.get(name, ())), is_mad=name in mad)
            for name in trail.venues
        ],
        "members": [
            dict(zip(("member", "divergence_max_ns", "granularity_max_ns"), member, strict=True))
            for member in MEMBERS
        ],
    }


def _of_faults(struck: int, venues: list[str]) -> str:
    """The first sentence where a clock fault of the scenario made venues write other times."""
    of = f"{count(struck, 'message')} of {', '.join(venues)}"
    return (
        f"{_ONE_CLOCK}, but for those that clock faults of the scenario wrote on {of}: these are "
        "wrong, and so is what is measured from them. Such orders are left out of the table below."
    )


def gateway_ns(child: Child) -> int | None:
    """From a child's arrival at its venue to the leaving of the first answer; None: no answer.

    A child whose arrival the log does not hold has none either.
    """
    came_ns = received_ns(child)
    if came_ns is None:
        return None
    answers = [one.done_ns for one in child.executions]
    for record in (child.acked, child.rejected, child.canceled):
        if record is not None:
            answers.append(record.sent_ns)
    return min(answers) - came_ns if answers else None


def _venue_row(venue_id: str, found: list[int], *, is_mad: bool) -> dict[str, Any]:
    """Gateway latency of one venue and the bounds of its class; ``found`` is sorted.

    One whose clock a fault struck (``is_mad``) is within no bounds.
    """
    slowest = found[-1] if found else None
    bounds: tuple[int | None, int | None] = (None, None)
    if slowest is not None:
        bounds = (_MS, _MS) if slowest > _MS else (100 * _US, _US)
    return {
        "venue_id": venue_id,
        "orders": len(found),
        "gateway_min_ns": found[0] if found else None,
        "gateway_median_ns": found[(len(found) - 1) // 2] if found else None,
        "gateway_max_ns": slowest,
        "divergence_max_ns": bounds[0],
        "granularity_max_ns": bounds[1],
        "within": None if bounds[1] is None else bounds[1] >= GRANULARITY_NS and not is_mad,
    }
