"""Whether speed was lost: ratios of this run against those of the last committed figures.

Values in seconds differ between machines; ratios to a peer, or to the reference loop
(``benchmarks.calibration``), measured in the same run hold on all of them. So only ratios are
compared. More is always better: a time is measured as its rate.
"""

import json
import os
import platform
from pathlib import Path
from typing import Any, Final

FIGURES: Final = Path(__file__).with_name("figures.json")
LOSS_MAX: Final = 0.15
"""Part of a committed ratio that may be lost to noise."""


def read_figures(path: Path = FIGURES) -> list[dict[str, Any]]:
    """The rows committed last; none if there is no file yet."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["bench"]
    return rows


def write_figures(rows: list[dict[str, Any]], path: Path = FIGURES) -> None:
    """Make these rows the ones that later runs are compared with."""
    machine = {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    text = json.dumps({"machine": machine, "bench": rows}, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def losses(rows: list[dict[str, Any]], committed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every ratio that lost more than ``LOSS_MAX``, and every one that is measured no more.

    A benchmark or a peer that is new has nothing to be compared with and is no loss.

    Args:
        rows: Of this run, as ``benchmarks.measure.compare`` makes them.
        committed: Rows of the same form.

    Returns:
        For each loss ``name``, ``peer``, ``was`` and ``now`` (None: not measured).
    """
    current = {row["name"]: row["ratio"] for row in rows}
    found = []
    for row in committed:
        for peer, was in row["ratio"].items():
            now = current.get(row["name"], {}).get(peer)
            if now is None or now < was * (1 - LOSS_MAX):
                found.append({"name": row["name"], "peer": peer, "was": was, "now": now})
    return found
