"""What a router decided, in short, from an audit log: for tables that tell a run's story."""

from collections.abc import Iterable
from typing import NamedTuple

from sim.audit.records import ChildCanceled, Decision, Record


class DecisionRow(NamedTuple):
    """One decision; quantities in lots.

    ``came_back`` holds, by venue, what children of any parent did not fill since the decision
    before; ``split`` what goes to each venue now, nothing for a decision to wait.
    """

    t_ns: int
    parent_id: str
    reason: str
    qty: int
    came_back: dict[str, int]
    split: dict[str, int]


def decision_rows(records: Iterable[Record], most: int) -> tuple[list[DecisionRow], int]:
    """The first ``most`` decisions and how many there are."""
    rows: list[DecisionRow] = []
    count = 0
    came_back: dict[str, int] = {}
    for record in records:
        if isinstance(record, ChildCanceled):
            back = came_back.get(record.venue_id, 0) + record.canceled_qty
            came_back[record.venue_id] = back
        elif isinstance(record, Decision):
            count += 1
            if len(rows) < most:
                split: dict[str, int] = {}
                for part in record.split:
                    split[part.venue_id] = split.get(part.venue_id, 0) + part.qty
                rows.append(
                    DecisionRow(
                        record.t_ns,
                        record.parent_id,
                        record.reason.value,
                        record.unreserved_qty,
                        came_back,
                        split,
                    )
                )
            came_back = {}
    return rows, count
