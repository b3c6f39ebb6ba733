"""Dealers' FX quotes: ``ms,bid,ask`` without a header, inspected, and read as level events.

Milliseconds since midnight, of a time zone that the file does not state; two dealers' files of one
day may be hours apart. ``inspect FILE --against OTHER`` tries every whole hour from -14 to +14 and
says which brings the middles of the two closest together. There are no sizes: the reader is told
which to assume. A row with bid >= ask is no quote that a market could show; it is refused.

Source: QuantConnect's description of its forex tick data; own convention: the search of the offset.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from re import compile as pattern
from typing import Any, Final

import numpy as np

from sim.data.columns import sheets
from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.event_rows import Merged
from sim.data.events import SCALE, EventBlock
from sim.data.inspection import Inspection, InspectOptions, Problems, Span
from sim.data.packed import first_bytes as head_of
from sim.data.quote_levels import Ints, QuoteLevels, Sides, two_sided
from sim.data.to_events import read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import parse_decimal, parse_duration

NAME: Final = "fx_quotes"
NAMES: Final = ("ms", "bid", "ask")
OPTIONS: Final = (
    Option("size", "quantity to assume of each bid and ask, such as 1000000"),
    Option("venues", "a name for each input, with commas between: FXCM,OANDA"),
    Option("offset", "added to the times of each input, with commas between: 300min,0ns", ""),
    Option("max_age", "a quote that was not renewed for longer is taken off, such as 5s", ""),
    *WINDOW_OPTIONS,
)
MAX_HOURS: Final = 14
MS: Final = 1_000_000
_HOUR_NS: Final = 3600 * SCALE
_FIRST: Final = pattern(rb"\d{1,8},\d+\.\d+,\d+\.\d+")
_SAMPLES: Final = 20_000


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the look of the first row: a whole number and two decimals."""
    return _FIRST.fullmatch(first_bytes.partition(b"\n")[0].rstrip(b"\r")) is not None


class FxRows:
    """Reads the rows of one file.

    Attributes:
        rows: Rows so far, bad ones included.

    Args:
        path: The file.
        problems: Where bad rows go.
        offset_ns: Added to each time.
    """

    def __init__(self, path: Path, problems: Problems, offset_ns: int = 0) -> None:
        self.rows = 0
        self._path = path
        self._problems = problems
        self._offset_ns = offset_ns

    def quotes(self) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """Times, bids, asks and lines of good rows.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        last_ns = -(1 << 62)
        for sheet in sheets(self._path, None, NAMES, self._problems):
            self.rows += sheet.lines_read
            ms = sheet.unsigned(0, bound=86_400_000).astype(np.int64)
            t_ns = ms * MS + self._offset_ns
            bid, ask = sheet.decimal(1), sheet.decimal(2)
            sheet.refuse((bid <= 0) | (ask <= 0), "bid and ask must be > 0")
            sheet.refuse(
                bid >= ask,
                lambda row, bid=bid, ask=ask: (  # type: ignore[misc]
                    f"bid must be below ask, was {bid[row] / SCALE:g} and {ask[row] / SCALE:g}"
                ),
            )
            sheet.refuse_back(t_ns, last_ns, "ms")
            good = sheet.finish()
            if good.any():
                last_ns = int(t_ns[good][-1])
            yield t_ns[good], bid[good], ask[good], sheet.line[good]


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all rows, and find the offset to the file of another dealer if one is named.

    Raises:
        DataFormatError: If a file cannot be read, or the other one is none of this format.
    """
    problems = Problems(path, strict=False)
    rows = FxRows(path, problems)
    span = Span()
    spreads = []
    own = _Middles()
    for t_ns, bid, ask, _ in rows.quotes():
        span.take(t_ns)
        spreads.append(ask - bid)
        own.take(t_ns, bid, ask)
    spread = np.sort(np.concatenate(spreads)) if spreads else np.zeros(0, np.int64)
    facts: dict[str, Any] = {}
    if len(spread):
        facts["spread"] = {
            f"p{percent}": int(spread[(len(spread) - 1) * percent // 100]) / SCALE
            for percent in (5, 50, 95)
        }
    if options.against is not None:
        if not detect(options.against, head_of(options.against)):
            raise DataFormatError(str(options.against), 1, "is no file of ms,bid,ask")
        other = _Middles()
        for t_ns, bid, ask, _ in FxRows(
            options.against, Problems(options.against, strict=False)
        ).quotes():
            other.take(t_ns, bid, ask)
        facts |= _offset_facts(own, other)
        if facts["offset_hours"]:
            what = (
                f"its clock is {abs(facts['offset_hours'])} h "
                f"{'behind' if facts['offset_hours'] > 0 else 'ahead of'} that of the file it is "
                f"compared with: convert it with -o offset={facts['offset_hours'] * 60}min"
            )
            problems.note(0, what, "another time zone")
    return Inspection(
        format=NAME,
        file=str(path),
        rows=rows.rows,
        venues=(),
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        notes=("there are no sizes: convert takes one to assume, -o size=...",),
        facts=facts,
    )


class _Middles:
    """Twice the middle of bid and ask, over a file."""

    def __init__(self) -> None:
        self._parts: list[tuple[Ints, Ints]] = []

    def take(self, t_ns: Ints, bid: Ints, ask: Ints) -> None:
        self._parts.append((t_ns, bid + ask))

    def all(self) -> tuple[Ints, Ints]:
        if not self._parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        t_ns, middle = zip(*self._parts, strict=True)
        return np.concatenate(t_ns), np.concatenate(middle)


def _offset_facts(own: _Middles, other: _Middles) -> dict[str, Any]:
    """The whole hours to add to our times, and the median difference of the middles then."""
    t_ns, middle = own.all()
    other_ns, other_middle = other.all()
    step = max(1, len(t_ns) // _SAMPLES)
    t_ns, middle = t_ns[::step], middle[::step]
    found: list[tuple[float, int, int]] = []
    for hours in range(-MAX_HOURS, MAX_HOURS + 1):
        place = np.searchsorted(other_ns, t_ns + hours * _HOUR_NS, side="right") - 1
        inside = (place >= 0) & (place < len(other_ns) - 1)
        if inside.sum() >= len(t_ns) // 10 > 0:
            gap = np.median(np.abs(middle[inside] - other_middle[place[inside]])) / 2 / SCALE
            found.append((float(gap), abs(hours), hours))
    if not found:
        return {"offset_hours": 0, "median_difference": None}
    gap, _, hours = min(found)
    as_is = {hours: gap for gap, _, hours in found}.get(0)
    return {
        "offset_hours": hours,
        "median_difference": round(gap, 9),
        "median_difference_as_it_is": None if as_is is None else round(as_is, 9),
    }


class FxEvents:
    """Reads one dealer's file as level events.

    Args:
        path: The file.
        venue: Name of the dealer.
        size: Quantity to assume of each bid and ask, in 1e-9.
        offset_ns: Added to each time.
        max_age_ns: A quote that was not renewed for longer is taken off; None: never.
        problems: Where bad rows go; without it a bad row is an error.
    """

    def __init__(
        self,
        path: Path,
        venue: str,
        size: int,
        *,
        offset_ns: int = 0,
        max_age_ns: int | None = None,
        problems: Problems | None = None,
    ) -> None:
        self.venues = (venue,)
        found = Problems(path) if problems is None else problems
        self._rows = FxRows(path, found, offset_ns)
        self._size = size
        self._levels = QuoteLevels(max_age_ns)

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        for t_ns, bid, ask, line in self._rows.quotes():
            venue, size = np.zeros(len(t_ns), np.int64), np.full(len(t_ns), self._size)
            sides: Sides = two_sided(t_ns, venue, (bid, size), (ask, size), line)
            yield self._levels.take(sides)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the quotes of one or several dealers to one file, each dealer a venue.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    size = int(given.take("size", parse_decimal) * SCALE)
    if size <= 0:
        raise ConversionError("option size must be > 0")
    names = given.take("venues", lambda text: text.split(","))
    offsets = given.take("offset", _offsets) or [0] * len(inputs)
    max_age_ns = given.take("max_age", lambda text: parse_duration(text) if text else None)
    strict = not given.take("skip_bad", read_yes)
    if not len(names) == len(offsets) == len(inputs) or len(set(names)) < len(names):
        raise ConversionError(
            f"options venues and offset need one value for each of {len(inputs)} inputs, and each "
            "name once"
        )
    problems = [Problems(path, strict=strict) for path in inputs]
    readers = [
        FxEvents(path, name, size, offset_ns=offset, max_age_ns=max_age_ns, problems=found)
        for path, name, offset, found in zip(inputs, names, offsets, problems, strict=True)
    ]
    statistics = {"size": size / SCALE, "offset_ns": dict(zip(names, offsets, strict=True))}
    return write_events(NAME, Merged(readers), out, given, problems=problems, statistics=statistics)


def _offsets(text: str) -> list[int]:
    return [signed_duration(one) for one in text.split(",")] if text else []
