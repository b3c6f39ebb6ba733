"""What a study found, as a report of one of its scenario's runs shows it.

Reads the result of a sweep (``sweep.json``) or of a comparison (``comparison.json``). What a report
shows of a single run comes from its log alone; this is data of other runs, handed over.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sim.kernel.files import open_regular
from sim.protocol.errors import SorsimError
from sim.report.figures.panels import StudiedCost
from sim.study.comparison import SCHEMA as COMPARISON

SWEEP: Final = "sorsim-sweep/1"
BYTES_MAX: Final = 64 << 20
_QUANTILES: Final = ("p05", "p25", "p50", "p75", "p95")


class StudyError(SorsimError):
    """A study's result cannot be shown with a run."""


class Studied(NamedTuple):
    """A study for a report: costs for its figures, a section for its other forms."""

    costs: tuple[StudiedCost, ...]
    section: dict[str, Any]


class _Cost(msgspec.Struct):
    n: int
    mean: str
    low: str | None = None
    high: str | None = None
    min: str | None = None
    p05: str | None = None
    p25: str | None = None
    p50: str | None = None
    p75: str | None = None
    p95: str | None = None
    max: str | None = None


class _Row(msgspec.Struct):
    name: str
    cost_bps: _Cost | None


class _Sweep(msgspec.Struct):
    scenario: str
    points: list[_Row]
    notes: list[str] = []
    confidence: float = 0.95


class _Comparison(msgspec.Struct):
    scenario: str
    strategies: list[_Row]
    confidence: float = 0.95


class _Header(msgspec.Struct):
    schema: str


def read_studied(path: Path, scenario: str) -> Studied:
    """The result of a sweep or of a comparison.

    Args:
        path: Its JSON file, or the folder that holds it.
        scenario: Name of the run's scenario: a study of another one says nothing about it.

    Raises:
        StudyError: If the file cannot be read, is no such result, or is of another scenario.
    """
    path = _file(path)
    try:
        with open_regular(path) as file:
            text = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(text) > BYTES_MAX:
        raise StudyError(f"{path}: is larger than {BYTES_MAX} bytes")
    try:
        schema = msgspec.json.decode(text, type=_Header).schema
        reader = _READERS.get(schema)
        if reader is None:
            allowed = ", ".join(_READERS)
            raise StudyError(f"{path}: has schema {schema!a}; allowed: {allowed}")
        of, found = reader(text)
    except (ValueError, RecursionError) as error:  # of JSON, types and numbers alike
        raise StudyError(f"{path}: is no result of a study: {str(error)!a}") from None
    if of != scenario:
        raise StudyError(f"{path}: is a study of {of!a}, and the run is of {scenario!a}")
    return found


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    held = [path / name for name in ("sweep.json", "comparison.json") if (path / name).exists()]
    if not held:
        raise StudyError(f"{path}: holds neither sweep.json nor comparison.json")
    return held[0]


def _sweep(text: bytes) -> tuple[str, Studied]:
    sweep = msgspec.json.decode(text, type=_Sweep)
    return sweep.scenario, _studied("Sweep", sweep.points, sweep.confidence, sweep.notes)


def _comparison(text: bytes) -> tuple[str, Studied]:
    found = msgspec.json.decode(text, type=_Comparison)
    return found.scenario, _studied("Comparison of strategies", found.strategies, found.confidence)


_READERS: Final[Mapping[str, Callable[[bytes], tuple[str, Studied]]]] = {
    SWEEP: _sweep,
    COMPARISON: _comparison,
}


def _studied(
    title: str, rows: list[_Row], confidence: float, notes: list[str] | None = None
) -> Studied:
    costs = tuple([_cost(row.name, row.cost_bps) for row in rows if row.cost_bps is not None])
    columns = [
        ["name", "variant"],
        ["runs", "runs"],
        ["mean_bps", "mean cost (bps)"],
        ["low_bps", "from"],
        ["high_bps", "to"],
        ["p05_bps", "5 % of runs below"],
        ["p95_bps", "95 % of runs below"],
    ]
    table = [
        {
            "name": row.name,
            "runs": 0 if row.cost_bps is None else row.cost_bps.n,
            "mean_bps": None if row.cost_bps is None else row.cost_bps.mean,
            "low_bps": None if row.cost_bps is None else row.cost_bps.low,
            "high_bps": None if row.cost_bps is None else row.cost_bps.high,
            "p05_bps": None if row.cost_bps is None else row.cost_bps.p05,
            "p95_bps": None if row.cost_bps is None else row.cost_bps.p95,
        }
        for row in rows
    ]
    text = [
        "Costs of the same orders over many runs with other chance; of runs that filled all of "
        f"them. From and to bound the mean with {confidence:.0%} confidence.",
        *(notes or ()),
    ]
    section = {
        "title": title,
        "text": text,
        "tables": [{"title": "", "columns": columns, "rows": table}],
    }
    return Studied(costs, section)


def _cost(name: str, cost: _Cost) -> StudiedCost:
    values = [getattr(cost, key) for key in _QUANTILES]
    quantiles = None if None in values else tuple(map(float, values))
    return StudiedCost(
        name,
        cost.n,
        float(cost.mean),
        None if cost.low is None else float(cost.low),
        None if cost.high is None else float(cost.high),
        quantiles,  # type: ignore[arg-type]  # there are five
        None if cost.min is None else float(cost.min),
        None if cost.max is None else float(cost.max),
    )
