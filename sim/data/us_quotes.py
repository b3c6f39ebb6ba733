"""US equity quotes and prints with exchange letters: inspected, and read as a market.

The letter of a quote may mean two things. In TAQ it is the exchange whose own quote the row is. In
QuantConnect's tick files the rows are changes of the *national* best bid or offer, and the letter
names the exchange that sets it. Nothing in a file tells, and reading the second as the first makes
a market that is crossed nearly always. So ``read_as`` has no default:

- ``nbbo``: one venue, ``NBBO``; its bid is the last bid row, its ask the last ask row;
- ``venues``: one venue per letter, with its own last bid and ask.

``inspect`` says how often either reading is crossed. Prints become trades of their exchange, whose
aggressor is not known.

Source: QuantConnect's description of its equity tick data; the NYSE TAQ client specification; own
convention: the comparison of the readings.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.event_rows import Merged
from sim.data.events import Event, EventBlock, make_block
from sim.data.inspection import Inspection, InspectOptions, Problems, Span
from sim.data.packed import first_bytes as head_of
from sim.data.quote_levels import Crossing, Ints, QuoteLevels, Sides
from sim.data.to_events import OFFSET, read_yes, signed_duration, write_events
from sim.data.us_rows import OFF_EXCHANGE, UsRows, layout
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import parse_duration

NAME: Final = "us_quotes"
NBBO: Final = "NBBO"
ReadAs = Literal["nbbo", "venues"]
OPTIONS: Final = (
    Option(
        "read_as", "nbbo: letters name who sets the national best; venues: whose quote a row is"
    ),
    Option("max_age", "a quote that was not renewed for longer is taken off, such as 5s", ""),
    OFFSET,
    *WINDOW_OPTIONS,
)
SUSPECT_SHARE: Final = 0.2
"""A reading that is crossed in more of its rows is said to be wrong, or its data stale."""
_OPEN_NS: Final = 34_200 * 10**9
_CLOSE_NS: Final = 57_600 * 10**9


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header (TAQ) or the look of the first row (no header)."""
    return bool(layout(first_bytes))


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all rows; quotes in both readings, prints against the quotes of ``options.against``.

    Raises:
        DataFormatError: If a file cannot be read, or ``against`` is no file of quotes.
    """
    problems = Problems(path, strict=False)
    found = layout(head_of(path))
    rows = UsRows(path, found, problems)
    span = Span()
    agreement: dict[str, float] = {}
    if found.endswith("quotes"):
        if options.against is not None:
            raise DataFormatError(str(path), 0, "quotes have no partner file; prints have")
        facts, notes = _inspect_quotes(rows, span, problems)
    else:
        facts, notes = _inspect_prints(rows, span), ()
        if options.against is not None:
            agreement = {"inside_nbbo": inside_nbbo(path, found, options.against)}
    problems.note_no_rows(span.rows)
    facts = {"layout": found, **facts, "marked_suspicious": rows.suspicious}
    return Inspection(
        format=NAME,
        file=str(path),
        rows=rows.rows,
        venues=tuple(rows.venues),
        first_ns=span.first_ns,
        last_ns=span.last_ns,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        agreement=agreement,
        notes=notes,
        facts=facts,
    )


def _inspect_quotes(
    rows: UsRows, span: Span, problems: Problems
) -> tuple[dict[str, Any], tuple[str, ...]]:
    as_nbbo, as_venues, levels = Crossing(), Crossing(), QuoteLevels()
    spread = _Spread()
    counts: dict[str, int] = {}
    repeats = 0
    for sides in rows.quotes():
        span.take(sides.t_ns)
        as_venues.take(sides)
        nbbo = one_venue(sides)
        as_nbbo.take(nbbo)
        spread.take(nbbo)
        levels.take(sides)
        for number, count in enumerate(np.bincount(sides.venue, minlength=len(rows.venues))):
            name = rows.venues[number]
            counts[name] = counts.get(name, 0) + int(count)
    repeats = levels.repeats
    per_row = 1 if rows.alternating else 2
    facts = {
        "read_as_nbbo": as_nbbo.shares() | {"spread": spread.percentiles()},
        "read_as_venues": as_venues.shares(),
        "rows_per_exchange": {name: counts[name] // per_row for name in sorted(counts)},
        "sides_repeated": repeats,
    }
    return facts, _judge(as_nbbo.shares()["crossed_rows"], as_venues.shares()["crossed_rows"])


def _judge(nbbo: float, venues: float) -> tuple[str, ...]:
    """What the shares of crossed rows say about the two readings."""
    if venues > SUSPECT_SHARE >= nbbo:
        return (
            f"read as one quote per exchange the market is crossed in {venues:.2%} of rows, as one "
            f"national best bid and offer in {nbbo:.3%}: if the letters name who sets the national "
            "best, convert with -o read_as=nbbo; if they name whose own quote a row is, most "
            "quotes are stale, and -o max_age=... takes them off",
        )
    if nbbo > SUSPECT_SHARE:
        return (
            f"read as one national best bid and offer the market is crossed in {nbbo:.2%} of rows, "
            f"as one quote per exchange in {venues:.2%}",
        )
    return ()


def _inspect_prints(rows: UsRows, span: Span) -> dict[str, Any]:
    volume: dict[str, int] = {}
    count: dict[str, int] = {}
    for prints in rows.prints():
        span.take(prints.t_ns)
        for number, name in enumerate(rows.venues):
            own = prints.venue == number
            volume[name] = volume.get(name, 0) + int(prints.qty[own].sum() // 10**9)
            count[name] = count.get(name, 0) + int(own.sum())
    total = max(sum(volume.values()), 1)
    return {
        "volume": sum(volume.values()),
        "share_of_volume": {name: round(volume[name] / total, 4) for name in sorted(volume)},
        "prints_per_exchange": {name: count[name] for name in sorted(count)},
        "off_exchange_share": round(volume.get(OFF_EXCHANGE, 0) / total, 4),
    }


def inside_nbbo(prints_path: Path, found: str, quotes_path: Path) -> float:
    """Share of regular-hours prints inside the NBBO that stood before their millisecond.

    Raises:
        DataFormatError: If one of the files cannot be read, or the second holds no quotes that
            set one side each.
    """
    partner = layout(head_of(quotes_path))
    if partner != "lean_quotes" or found != "lean_trades":
        message = "prints are compared with changes of the national best, in the same layout"
        raise DataFormatError(str(quotes_path), 0, message)
    quotes = UsRows(quotes_path, partner, Problems(quotes_path, strict=False))
    steps: dict[int, list[tuple[Ints, Ints]]] = {1: [], -1: []}
    for block in quotes.quotes():
        for side, found_steps in steps.items():
            own = block.side == side
            found_steps.append((block.t_ns[own], block.price[own]))
    trades = UsRows(prints_path, found, Problems(prints_path, strict=False))
    inside = compared = 0
    best = {side: _joined(found_steps) for side, found_steps in steps.items()}
    for prints in trades.prints():
        regular = (prints.t_ns >= _OPEN_NS) & (prints.t_ns < _CLOSE_NS)
        t_ns, price = prints.t_ns[regular], prints.price[regular]
        bid, ask = _standing(best[1], t_ns), _standing(best[-1], t_ns)
        known = (bid > 0) & (ask > 0)
        compared += int(known.sum())
        inside += int((known & (bid <= price) & (price <= ask)).sum())
    return inside / compared if compared else 0.0


def _joined(steps: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    t_ns, price = zip(*steps, strict=True)
    return np.concatenate(t_ns), np.concatenate(price)


def _standing(steps: tuple[Ints, Ints], t_ns: Ints) -> Ints:
    """The price that stood before each instant; 0 before the first."""
    place = np.searchsorted(steps[0], t_ns, side="left") - 1
    found: Ints = np.where(place < 0, 0, steps[1][np.maximum(place, 0)])
    return found


def one_venue(sides: Sides) -> Sides:
    """The same rows as those of a single venue."""
    venue = np.zeros_like(sides.venue)
    return Sides(sides.t_ns, venue, sides.side, sides.price, sides.qty, sides.line)


def kept_sides(block: EventBlock) -> Sides:
    """What level events leave standing, so that crossings are those of quotes not yet expired."""
    price = np.where(block.qty > 0, block.price, 0)
    side, venue = block.side.astype(np.int64), block.venue.astype(np.int64)
    return Sides(block.t_ns, venue, side, price, block.qty, block.line)


class _Spread:
    """Spread of the last bid and ask rows, at the end of each instant."""

    def __init__(self) -> None:
        self._last = {1: 0, -1: 0}
        self._counts: dict[int, int] = {}

    def take(self, sides: Sides) -> None:
        """Look at the next rows."""
        if not len(sides):
            return
        best = {}
        for side in (1, -1):
            place = np.maximum.accumulate(np.where(sides.side == side, np.arange(len(sides)), -1))
            best[side] = np.where(place < 0, self._last[side], sides.price[place])
            self._last[side] = int(best[side][-1])
        ends = np.concatenate([sides.t_ns[1:] != sides.t_ns[:-1], [True]])
        known = ends & (best[1] > 0) & (best[-1] > 0)
        values, counts = np.unique((best[-1] - best[1])[known], return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._counts[value] = self._counts.get(value, 0) + count

    def percentiles(self) -> dict[str, float]:
        """p5, p50 and p95, in the currency."""
        values = sorted(self._counts)
        total = np.cumsum([self._counts[value] for value in values]) if values else np.zeros(0)
        found = {}
        for percent in (5, 50, 95):
            if values:
                place = int(np.searchsorted(total, percent / 100 * total[-1]))
                found[f"p{percent}"] = values[place] / 1e9
        return found


class UsEvents:
    """Reads one file of quotes or prints as events.

    Args:
        path: The file.
        read_as: What the letters of quotes mean.
        max_age_ns: A quote that was not renewed for longer is taken off; None: never.
        problems: Where bad rows go; without it a bad row is an error.
        offset_ns: Added to each time.
    """

    def __init__(
        self,
        path: Path,
        read_as: ReadAs,
        *,
        max_age_ns: int | None = None,
        problems: Problems | None = None,
        offset_ns: int = 0,
    ) -> None:
        self.kind = layout(head_of(path))
        if not self.kind:
            raise DataFormatError(str(path), 1, "is neither quotes nor prints in a known layout")
        found = Problems(path) if problems is None else problems
        self.rows = UsRows(path, self.kind, found, offset_ns)
        self.levels = QuoteLevels(max_age_ns)
        self._expires = max_age_ns is not None
        self.crossing = Crossing()
        self._nbbo = read_as == "nbbo" and self.kind.endswith("quotes")

    @property
    def venues(self) -> tuple[str, ...]:
        """``NBBO``, or the letters met so far."""
        return (NBBO,) if self._nbbo else tuple(self.rows.venues)

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        if self.kind.endswith("quotes"):
            for sides in self.rows.quotes():
                shown = one_venue(sides) if self._nbbo else sides
                block = self.levels.take(shown)
                self.crossing.take(kept_sides(block) if self._expires else shown)
                yield block
        else:
            for prints in self.rows.prints():
                yield make_block(
                    len(prints.t_ns),
                    event=int(Event.TRADE),
                    **prints._asdict(),
                )


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write quotes, prints or both (one file of each, of one day) to one file of events.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    read_as = given.take("read_as", _reading)
    max_age_ns = given.take("max_age", lambda text: parse_duration(text) if text else None)
    offset_ns = given.take("offset", signed_duration)
    strict = not given.take("skip_bad", read_yes)
    problems = [Problems(path, strict=strict) for path in inputs]
    readers = [
        UsEvents(path, read_as, max_age_ns=max_age_ns, problems=found, offset_ns=offset_ns)
        for path, found in zip(inputs, problems, strict=True)
    ]
    kinds = [reader.kind.partition("_")[2] for reader in readers]
    if len(set(kinds)) < len(kinds) or len({reader.kind[:3] for reader in readers}) > 1:
        raise ConversionError(
            "takes one file of quotes, one of prints, or one of each in the same layout, found "
            + ", ".join(reader.kind for reader in readers)
        )
    statistics: dict[str, Any] = {"read_as": read_as}
    report = write_events(
        NAME, Merged(readers), out, given, problems=problems, statistics=statistics
    )
    for reader in readers:
        if reader.kind.endswith("quotes"):
            shares = reader.crossing.shares()
            statistics |= {"crossed": shares, "expired": reader.levels.expired}
            warnings = _warnings(read_as, shares, expired=max_age_ns is not None)
            report = replace_in(report, statistics, warnings)
    return report


def replace_in(
    report: ConversionReport, statistics: Mapping[str, Any], warnings: Sequence[str]
) -> ConversionReport:
    """The report with what is known of the market only after it was written."""
    return msgspec.structs.replace(
        report,
        statistics={**statistics, **report.statistics},
        problems=(*warnings, *report.problems),
    )


def _warnings(read_as: ReadAs, shares: Mapping[str, float], *, expired: bool) -> tuple[str, ...]:
    # Changes of what is kept are no rows of the file: an expiry is one, a repetition is none.
    unit = "instants" if expired else "rows"
    crossed = shares[f"crossed_{unit}"]
    if crossed <= SUSPECT_SHARE:
        return ()
    other = "nbbo" if read_as == "venues" else "venues"
    return (
        f"WARNING: read as {read_as} this market is crossed in {crossed:.2%} of {unit}, which no "
        f"real market is: read it with -o read_as={other}, or take stale quotes off with "
        "-o max_age=...; `sorsim inspect` compares the readings",
    )


def _reading(text: str) -> ReadAs:
    if text == "nbbo":
        return "nbbo"
    if text == "venues":
        return "venues"
    raise ValueError(f"must be nbbo or venues, was {text[:40]!a}")
