"""Compares finished runs: each with the first, record by record, and by what it cost.

Reads the logs only. What differs and why is told as `sim.study.diff` does; costs as
`sim.study.cost_change` does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.audit.read import log_file
from sim.audit.records import Record, RunStarted
from sim.audit.state import LogState
from sim.kernel.garbage import rare_collections
from sim.protocol.errors import AuditFormatError
from sim.report.trail.build import Trail, TrailBuilder
from sim.study.causes import Sides
from sim.study.cost_change import CostBps, CostChange, ParentChange, cost_change
from sim.study.diff import Divergence, outcome_changes, side_summary, tell
from sim.study.fields import FieldChange
from sim.study.header import read_header
from sim.study.notebook import change_html
from sim.study.pairs import Pairs, read_pairs

SIDES: Final = ("first run", "second run")


class RunChange(msgspec.Struct, frozen=True):
    """What a second run differs in from a first one.

    ``differences`` counts the records of our own that differ or that one run lacks, and each stream
    of market data that differs; 0: the runs are the same but for their settings. ``first`` is the
    earliest of all, with ``causes`` from it back to the change; ``result`` is the first in what was
    sent or came back, if that is another one. ``cost_bps`` is of the parents but ``left_out``.
    ``outcome`` holds what differs in the summaries.
    """

    differences: int
    first: Divergence | None
    causes: list[str]
    cost_bps: CostBps
    left_out: list[str]
    parents: list[ParentChange]
    settings: list[FieldChange]
    result: Divergence | None
    outcome: list[FieldChange]
    notes: list[str]

    def _repr_html_(self) -> str:
        """For notebooks: what differs, why, and the cost."""
        return change_html(self)


class Folded:
    """A run's records, folded into its trail as they come.

    Args:
        called: What messages call the run.
    """

    def __init__(self, called: str) -> None:
        self.fault = ""
        self._called = called
        self._state = LogState()
        self._trail = TrailBuilder()

    def take(self, records: Sequence[Record]) -> None:
        """Take the next records; what contradicts those before it ends the taking."""
        if self.fault:
            return
        first = self._state.records
        try:
            self._state.take(records)
        except AuditFormatError as error:
            self.fault = f"{self._called}: {error}"
        for record in records[: self._state.records - first]:
            self._trail.observe(record)

    def trail(self, fault: str) -> Trail:
        """The trail; ``fault`` is what ended the reading."""
        return self._trail.trail(fault=self.fault or fault)


def compare(runs: Sequence[str | Path]) -> list[RunChange]:
    """Compare each run with the first one.

    Args:
        runs: Two or more logs, or folders of runs.

    Returns:
        One result for each run but the first, in their order.

    Raises:
        AuditFormatError: If one of them cannot be read, or is of another version.
        ValueError: If there are fewer than two.
    """
    if len(runs) < 2:
        raise ValueError(f"runs must be two or more, were {len(runs)}")
    paths = [log_file(run) for run in runs]
    headers = [read_header(path) for path in paths]
    with rare_collections():
        return [
            _pair(paths[0], path, [headers[0], header])
            for path, header in zip(paths[1:], headers[1:], strict=True)
        ]


def _pair(old: Path, new: Path, headers: list[RunStarted]) -> RunChange:
    folded = [Folded(str(path)) for path in (old, new)]
    pairs = read_pairs(old, new, [one.take for one in folded])
    trails = [
        one.trail(side.fault) for one, side in zip(folded, (pairs.old, pairs.new), strict=True)
    ]
    faults = [one.fault for one in folded if one.fault]
    return run_change(pairs, headers, trails, sides=SIDES, faults=faults)


def run_change(
    pairs: Pairs,
    headers: list[RunStarted],
    trails: list[Trail],
    *,
    sides: Sides,
    faults: Sequence[str] = (),
    new_summary: dict[str, Any] | None = None,
) -> RunChange:
    """What two runs differ in, from what their records were folded into.

    Args:
        pairs: All records of both, paired.
        headers: Their first records.
        trails: Their trails.
        sides: What the runs are called.
        faults: Where a run contradicts itself: then it has no sums to compare.
        new_summary: The second run's summary, where it is known.
    """
    found = tell(pairs, headers, sides)
    outcome: list[FieldChange] = []
    if found.differences and not faults:
        new = new_summary or side_summary(pairs.new, headers[1])
        outcome = outcome_changes(side_summary(pairs.old, headers[0]), new)
    costs: CostChange = cost_change(trails[0], trails[1], sides)
    return RunChange(
        differences=found.differences,
        first=found.first,
        causes=[] if found.first is None else found.first.chain.steps,
        cost_bps=costs.cost_bps,
        left_out=costs.left_out,
        parents=costs.parents,
        settings=found.settings,
        result=found.result,
        outcome=outcome,
        notes=[*found.notes, *faults],
    )
