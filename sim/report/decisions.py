"""What a router decided, in short, from an audit log: for tables that tell a run's story."""

from collections.abc import Iterable
from typing import NamedTuple

from sim.audit.records import (
    ChildCanceled,
    ChildRejected,
    ChildReplaced,
    ChildSent,
    ControlBreach,
    Decision,
    Fill,
    Overfill,
    Record,
)


class DecisionRow(NamedTuple):
    """One decision; quantities in lots.

    ``came_back`` holds, by venue, what became free of this parent's children since its decision
    before: canceled, rejected, or taken out of the book by a replace. ``split`` is what goes to
    each venue now, nothing for a decision to wait; ``kept`` is what a control kept back of it.
    """

    t_ns: int
    parent_id: str
    reason: str
    qty: int
    came_back: dict[str, int]
    split: dict[str, int]
    kept: dict[str, int]


def decision_rows(records: Iterable[Record], most: int) -> tuple[list[DecisionRow], int]:
    """The first ``most`` decisions and how many there are."""
    rows: list[DecisionRow] = []
    by_id: dict[int, DecisionRow] = {}
    count = 0
    returned = _Returned()
    for record in records:
        if isinstance(record, Decision):
            count += 1
            came_back = returned.take(record.parent_id)
            if len(rows) < most:
                split: dict[str, int] = {}
                for part in (*record.split, *record.posts):
                    split[part.venue_id] = split.get(part.venue_id, 0) + part.qty
                row = DecisionRow(
                    record.t_ns,
                    record.parent_id,
                    record.reason.value,
                    record.unreserved_qty,
                    came_back,
                    split,
                    {},
                )
                rows.append(row)
                by_id[record.decision_id] = row
        elif isinstance(record, ControlBreach):
            _keep_back(record, by_id)
        else:
            returned.observe(record)
    return rows, count


def _keep_back(breach: ControlBreach, by_id: dict[int, DecisionRow]) -> None:
    """Book what did not leave; a replace that was kept back leaves its order as it is."""
    order = breach.order
    if order is None or order.replaces or order.decision_id not in by_id:
        return
    kept = by_id[order.decision_id].kept
    back = order.order_qty - (breach.allowed_qty or 0)
    kept[order.venue_id] = kept.get(order.venue_id, 0) + back


class _Returned:
    """What children gave back, by parent and venue, since somebody took it last."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str, int]] = {}  # child -> parent, venue, lots
        self._back: dict[str, dict[str, int]] = {}

    def take(self, parent_id: str) -> dict[str, int]:
        return self._back.pop(parent_id, {})

    def observe(self, record: Record) -> None:
        match record:
            case ChildSent():
                known = record.parent_id, record.venue_id, record.order_qty
                self._open[record.cl_ord_id] = known
            case Fill() | Overfill():
                self._keep(record.cl_ord_id, record.leaves_qty, returned=False)
            case ChildReplaced():
                self._keep(record.orig_cl_ord_id, record.leaves_qty)
            case ChildCanceled() | ChildRejected():
                self._keep(record.cl_ord_id, 0)
            case _:
                pass

    def _keep(self, child: str, leaves: int, *, returned: bool = True) -> None:
        """A child has ``leaves`` lots open from now on; those before are back, or filled."""
        if child not in self._open:
            return
        parent_id, venue_id, lots = self._open.pop(child)
        if leaves:
            self._open[child] = parent_id, venue_id, leaves
        if returned and lots > leaves:
            back = self._back.setdefault(parent_id, {})
            back[venue_id] = back.get(venue_id, 0) + lots - leaves
