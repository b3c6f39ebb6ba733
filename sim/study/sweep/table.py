"""All runs of a sweep as one Parquet table, a row per point and seed. Needs the extra `analysis`.

Quantities are lots, money is exact decimal text, bps and shares are floats; null is undefined.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from sim.kernel.extras import load_extra
from sim.report.tca.costs import PARTS
from sim.study.sweep.figures import RunFigures
from sim.study.sweep.plan import Plan
from sim.study.sweep.result import cost_bps, shortfall_bps

_PURPOSE: Final = "writing the table of a sweep"


def write_table(path: Path, plan: Plan, runs: Sequence[Sequence[RunFigures]]) -> None:
    """Write the table: first the level of every axis, then the figures, then those by venue.

    Args:
        path: Where it goes.
        plan: What was run.
        runs: By point, seed by seed.

    Raises:
        MissingExtraError: If polars is not installed.
        OSError: If the file cannot be written.
    """
    polars = load_extra("polars", "analysis", _PURPOSE)
    rows = [_row(plan, n, run) for n, own in enumerate(runs) for run in own]
    frame = polars.DataFrame(rows, schema=_schema(polars, plan, runs), orient="row")
    content = BytesIO()  # a full disk is then the system's error, and none of the library's own
    # One row group and fixed settings: the bytes are a function of the rows.
    frame.write_parquet(
        content, compression="zstd", statistics=True, row_group_size=max(1, len(rows))
    )
    path.write_bytes(content.getbuffer())


def _schema(polars: Any, plan: Plan, runs: Sequence[Sequence[RunFigures]]) -> dict[str, Any]:
    text, number, share = polars.String, polars.Int64, polars.Float64
    columns = {"point": text, **dict.fromkeys(plan.axes, text)}
    columns |= {"seed": number, "outcome": text, "records": number}
    columns |= dict.fromkeys(("order_qty", "filled_qty", "requested_qty", "children"), number)
    columns |= dict.fromkeys(("loss", "traded", "cost", "at_mid"), text)
    columns |= dict.fromkeys(("shortfall", *PARTS, "paper"), text)
    columns |= dict.fromkeys(("cost_bps", "shortfall_bps", "fill_rate", "fill_ms"), share)
    columns |= dict.fromkeys(("short_qty", *_cause_names(runs)), number)
    for name in _venue_names(runs):
        columns |= {f"{name}.requested_qty": number, f"{name}.filled_qty": number}
        columns |= {f"{name}.cost": text, f"{name}.at_mid": text}
    return columns


def _row(plan: Plan, n: int, run: RunFigures) -> dict[str, Any]:
    point = plan.points[n]
    row: dict[str, Any] = {
        "point": point.name,
        **point.levels,
        "seed": run.seed,
        "outcome": run.outcome,
        "records": run.records,
        "order_qty": run.ordered,
        "filled_qty": run.filled,
        "requested_qty": run.requested,
        "children": run.children,
        "loss": run.loss,
        "traded": run.traded,
        "cost": run.cost,
        "at_mid": run.at_mid,
        "shortfall": run.shortfall,
        **run.parts,
        "paper": run.paper,
        "cost_bps": cost_bps(run),
        "shortfall_bps": shortfall_bps(run),
        "fill_rate": run.fill_rate,
        "fill_ms": run.fill_ms,
    }
    row |= {"short_qty": run.short, **{f"short.{name}": n for name, n in run.causes.items()}}
    for name, venue in run.venues.items():
        row |= {
            f"{name}.requested_qty": venue.requested,
            f"{name}.filled_qty": venue.filled,
            f"{name}.cost": venue.cost,
            f"{name}.at_mid": venue.at_mid,
        }
    return row


def _cause_names(runs: Sequence[Sequence[RunFigures]]) -> list[str]:
    names = sorted({name for own in runs for run in own for name in run.causes})
    return [f"short.{name}" for name in names]


def _venue_names(runs: Sequence[Sequence[RunFigures]]) -> list[str]:
    return list(dict.fromkeys(name for own in runs for run in own for name in run.venues))
