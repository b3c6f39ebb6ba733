"""What a run came to, as whoever ran it gets it."""

from pathlib import Path
from typing import Any

import msgspec

from sim.kernel.lag import LagReport
from sim.protocol.enums import Outcome


class RunResult(msgspec.Struct, frozen=True):
    """What a run came to.

    ``summary`` is the content of ``summary.json``. ``exit_code`` is 0, or 1 if the run is
    incomplete, an expectation was not met or real time lagged too far behind, or 130 if it was
    interrupted. ``folder`` is None for a run that was kept in memory; then ``log`` holds the audit
    log's bytes. ``lag`` says how late things ran in real time; None in virtual time.
    """

    summary: dict[str, Any]
    outcome: Outcome
    exit_code: int
    records: int
    folder: Path | None
    log: bytes | None
    lag: LagReport | None = None

    def __repr__(self) -> str:
        """What ran and how it ended: the rest would fill pages."""
        what = f"{self.summary['scenario']}, seed {self.summary['seed']}"
        return f"RunResult({what}, {self.outcome.value}, {self.records:,} records)"

    def _repr_html_(self) -> str:
        """For notebooks: its orders and venues."""
        from sim.report.notebook import summary_html

        return summary_html(self.summary)
