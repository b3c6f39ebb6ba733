"""Which children the faults of a run have struck: by a message of theirs, or by their venue."""

from collections.abc import Iterable
from typing import Final

from sim.audit.records import Fault
from sim.report.trail.orders import Child

HARMLESS: Final = frozenset(
    {"message_duplication", "duplicate_exec_id", "orphan_fill", "clock_fault"}
)
"""Faults of messages that take nothing from an order: what is true arrives as well, and in time."""
_NEVER: Final = 1 << 62


class Faults:
    """An index over the fault records of a run.

    Args:
        records: In their order.
    """

    def __init__(self, records: Iterable[Fault]) -> None:
        self._messages: set[str] = set()
        self._spans: dict[str, list[tuple[int, int]]] = {}
        began: dict[str, Fault] = {}
        for record in records:
            if record.phase == "struck":
                if record.leg in {"order", "report"} and record.fault not in HARMLESS:
                    self._messages.add(record.cl_ord_id)
            elif record.venue_id and not record.leg:
                self._of_venue(record, began)
        for start in began.values():
            self._spans.setdefault(start.venue_id, []).append((start.t_ns, _NEVER))

    def _of_venue(self, record: Fault, began: dict[str, Fault]) -> None:
        if record.phase == "began":
            began[record.fault_id] = record
        elif (start := began.pop(record.fault_id, None)) is not None:
            self._spans.setdefault(record.venue_id, []).append((start.t_ns, record.t_ns))

    def struck(self, child: Child) -> bool:
        """Whether one struck a message of a child, or its venue while the child was out."""
        names = {child.cl_ord_id, *(one.cl_ord_id for one in child.requests)}
        if not names.isdisjoint(self._messages):
            return True
        end_ns = _NEVER if child.ended_ns is None else child.ended_ns
        spans = self._spans.get(child.venue_id, ())
        return any(start <= end_ns and child.sent.t_ns <= end for start, end in spans)
