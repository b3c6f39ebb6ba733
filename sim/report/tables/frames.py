"""A run's tables as polars data frames: exact decimals, whole numbers, text.

Needs the extra ``analysis``.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.audit.read import log_file
from sim.kernel.extras import load_extra
from sim.protocol.units import Units
from sim.report.tables.content import TABLES, Column, Kind, Table, Values
from sim.report.trail.build import Trail, read_trail
from sim.report.trail.market import NO_PX

if TYPE_CHECKING:
    import polars

_DIGITS: Final = 38
"""The most that a decimal of Parquet holds."""
_TEXT: Final = "data frames of a run"


class LogFrames:
    """An audit log as data frames, one for each table, made when they are first asked for.

    ``frames.fills`` or ``frames["fills"]``; ``list(frames)`` names them. Quantities are lots,
    times nanoseconds since the start of the run, prices and money exact decimals.

    Attributes:
        fault: Why the log could not be read to its end; empty: it was.
    """

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._made: dict[str, polars.DataFrame] = {}
        self.fault = trail.fault

    def __getitem__(self, name: str) -> "polars.DataFrame":
        table = _BY_NAME.get(name)
        if table is None:
            raise KeyError(f"{name!r}; there are {', '.join(_BY_NAME)}")
        if name not in self._made:
            self._made[name] = frame_of(table, self._trail)
        return self._made[name]

    def __getattr__(self, name: str) -> "polars.DataFrame":
        if name not in _BY_NAME:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_BY_NAME)

    def __len__(self) -> int:
        return len(_BY_NAME)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_BY_NAME]

    def __repr__(self) -> str:
        return f"{self._name()}: {self._sizes()}" + (f"; {self.fault}" if self.fault else "")

    def _repr_html_(self) -> str:
        """For notebooks: which tables there are, and how long they are."""
        from html import escape

        rows = "".join(
            f"<tr><td><code>{name}</code></td><td>{self[name].height:,}</td>"
            f"<td>{escape(table.about)}</td></tr>"
            for name, table in _BY_NAME.items()
        )
        fault = f"<p>{escape(self.fault)}</p>" if self.fault else ""
        return (
            f"<p>{escape(self._name())}</p>{fault}<table><thead><tr><th>table</th><th>rows</th>"
            f"<th>holds</th></tr></thead><tbody>{rows}</tbody></table>"
        )

    def _name(self) -> str:
        return f"run of {self._trail.scenario.get('name')}, seed {self._trail.started.seed}"

    def _sizes(self) -> str:
        return ", ".join(f"{name} {self[name].height:,}" for name in _BY_NAME)


def read_log(log: str | Path) -> LogFrames:
    """The audit log of a run as data frames; needs the extra ``analysis``.

    Args:
        log: The log, or the folder of a run.

    Raises:
        AuditFormatError: If the log cannot be read at all, or is of another version.
        MissingExtraError: Without polars.
    """
    _polars()
    return LogFrames(read_trail(log_file(log)))


def frame_of(table: Table, trail: Trail) -> "polars.DataFrame":
    """One table of a run as a data frame.

    Raises:
        MissingExtraError: Without polars.
    """
    pl: Any = _polars()
    values = table.content(trail)
    series = [
        _series(pl, column, one, trail.units)
        for column, one in zip(table.columns, values, strict=True)
    ]
    frame: polars.DataFrame = pl.DataFrame(series)
    return frame


def _series(pl: Any, column: Column, values: Values, units: Units) -> Any:
    name, kind = column.name, column.kind
    if kind == "price":
        known = [None if value == NO_PX else value for value in values]
        ticks = pl.Series(name, known, dtype=pl.Int64)
        scale = max(0, _scale(units.tick_size))
        exact = ticks.cast(pl.Decimal(_DIGITS, scale)).to_frame()
        return exact.select(pl.col(name) * pl.lit(units.tick_size, pl.Decimal(_DIGITS, scale)))[
            name
        ]
    if kind == "money":
        scale = max([2, *(_scale(value) for value in values if value is not None)])
        return pl.Series(name, values, dtype=pl.Decimal(_DIGITS, scale))
    return pl.Series(name, values, dtype=_types(pl)[kind])


def _types(pl: Any) -> dict[Kind, Any]:
    return {"text": pl.String, "int": pl.Int64, "bool": pl.Boolean}


def _scale(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # neither sums nor ticks are infinite
    return -exponent


def _polars() -> Any:
    return load_extra("polars", "analysis", _TEXT)


_BY_NAME: Final = {table.name: table for table in TABLES}
