"""What every converter to neutral events shares: options, a window of time, one writer.

A window begins with the book as it is then: what happened before becomes a ``clear`` and an ``add``
(or ``level``) for all that rests, in the order of the places in line. Outputs are neutral events,
CSV or Parquet by the output's name, or recorded level data where the events are levels.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.events import ASK, BID, EVENT_WORDS, Event, EventBlock, EventReader, make_block
from sim.data.inspection import Problems, empty_words
from sim.data.level_output import LevelOutput
from sim.data.neutral import EventWriter, cut, event_writer, is_events_name
from sim.data.order_books import EventBook
from sim.protocol.units import MAX_NS, Units, parse_decimal, parse_duration

SKIP_BAD: Final = "skip_bad"
WINDOW_OPTIONS: Final = (
    Option("start", "begin of the window, after the first event, such as 60s", "0s"),
    Option("length", "how long the window is, such as 10min; all: to the end", "all"),
    Option("clock", "start: times from the begin of the window; source: as in the file", "start"),
    Option("venue", "the venue's name in the output, or OLD:NEW,OLD:NEW; empty: its own", ""),
    Option("tick", "tick size, for an output of level data (.l2.csv)", "0.01"),
    Option("lot", "lot size, for an output of level data (.l2.csv)", "1"),
    Option(SKIP_BAD, "leave out rows that cannot be read (yes or no)", "no"),
)
"""Options of every converter to neutral events."""

L2_ENDINGS: Final = (".l2.csv", ".l2.csv.gz", ".l2.csv.zst")


class Window(msgspec.Struct, frozen=True):
    """The options that all converters to events have, as read."""

    start_ns: int
    length_ns: int | None
    from_start: bool
    names: dict[str, str]
    units: Units


def read_window(given: Options) -> Window:
    """Read the options of ``WINDOW_OPTIONS``.

    Raises:
        ConversionError: If one is wrong.
    """
    length = given.take("length", _length)
    if length == 0:
        raise ConversionError("option length must be > 0")
    tick, lot = given.take("tick", parse_decimal), given.take("lot", parse_decimal)
    if tick <= 0 or lot <= 0:
        raise ConversionError("options tick and lot must be > 0")
    return Window(
        start_ns=given.take("start", parse_duration),
        length_ns=length,
        from_start=given.take("clock", _clock),
        names=given.take("venue", _names),
        units=Units(tick, lot),
    )


class WindowedEvents:
    """The events of a window of a reader, times and venue names as the options say.

    ``first_ns`` is the time of the reader's first event, ``begin_ns`` the begin of the window.

    Args:
        reader: The whole recording.
        window: What of it.
    """

    def __init__(self, reader: EventReader, window: Window) -> None:
        self._reader = reader
        self._window = window
        self.first_ns: int | None = None
        self.begin_ns = 0

    @property
    def venues(self) -> tuple[str, ...]:
        """Names of the venues in the output.

        Raises:
            ConversionError: If the option names a venue that is not there, or two get one name.
        """
        names, found = self._window.names, self._reader.venues
        if "" in names:
            if len(found) > 1:
                raise ConversionError(
                    f"option venue: the file has {len(found)} venues ({', '.join(found)}); "
                    "name them as OLD:NEW,OLD:NEW"
                )
            return tuple(names[""] for _ in found)
        new = tuple(names.get(one, one) for one in found)
        if len(set(new)) < len(new):
            raise ConversionError("option venue: two venues would get the same name")
        return new

    def blocks(self) -> Iterator[EventBlock]:
        """The window's events; first those that make the book at its begin."""
        books: list[EventBook] = []
        opened = self._window.start_ns == 0
        end_ns = (1 << 63) - 1
        for block in self._reader.blocks():
            if self.first_ns is None:
                self.first_ns = int(block.t_ns[0])
                self.begin_ns = self.first_ns + self._window.start_ns
                if self._window.length_ns is not None:
                    end_ns = self.begin_ns + self._window.length_ns
            rest = block
            if not opened:
                begin = int(np.searchsorted(block.t_ns, self.begin_ns))
                _play(books, block.take(slice(0, begin)), len(self._reader.venues))
                rest = block.take(slice(begin, None))
                if not len(rest):
                    continue
                opened = True
                yield from self._shifted(_opening(books, self.begin_ns))
            stop = int(np.searchsorted(rest.t_ns, end_ns))
            if stop:
                yield from self._shifted(rest.take(slice(0, stop)))
            if stop < len(rest):
                return

    def _shifted(self, block: EventBlock) -> Iterator[EventBlock]:
        if not self._window.from_start or not len(block):
            yield from cut(block)
            return
        columns: dict[str, Any] = {name: getattr(block, name) for name in EventBlock.__slots__}
        columns["t_ns"] = block.t_ns - self.begin_ns
        if columns["t_ns"][-1] > MAX_NS:
            raise ConversionError(f"the window is longer than {MAX_NS} ns")
        yield from cut(EventBlock(**columns))


def write_window(
    name: str, events: WindowedEvents, out: Path, window: Window, problems: Sequence[Problems]
) -> ConversionReport:
    """Write a window's events to ``out``, in the format that its name tells.

    Args:
        name: Name of the converter, for the report.
        events: The window's events.
        out: The file.
        window: The options.
        problems: Troubles of each input; the report has those of the first.

    Raises:
        ConversionError: If the name tells no format, the window is empty, the events do not fit
            the format, or the file cannot be written.
        DataFormatError: If the input is wrong.
    """
    as_levels = out.name.endswith(L2_ENDINGS)
    if not as_levels and not is_events_name(out):
        raise ConversionError(
            f"the name of the output must end in .events.csv, .events.parquet or {L2_ENDINGS[0]} "
            f"(CSV also with .gz or .zst), was {out.name}"
        )
    counts = np.zeros(len(Event) + 1, np.int64)
    first_ns = last_ns = None
    writer: LevelOutput | EventWriter
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with LevelOutput(out, window.units) if as_levels else event_writer(out) as writer:
            for block in events.blocks():
                writer.write(block, events.venues)
                counts += np.bincount(block.event, minlength=len(counts))
                first_ns = int(block.t_ns[0]) if first_ns is None else first_ns
                last_ns = int(block.t_ns[-1])
            if first_ns is None or last_ns is None:
                raise ConversionError(": ".join(empty_words(problems, _why_empty(events))))
    except OSError as error:
        raise ConversionError(f"cannot write {out}: {error.strerror or error}") from error
    except ValueError as error:
        raise ConversionError(f"{out.name}: {error}") from error
    return ConversionReport(
        converter=name,
        files=(out.name,),
        venues=events.venues,
        rows=writer.rows,
        first_ns=first_ns,
        last_ns=last_ns,
        statistics={
            "source_first_ns": events.first_ns,
            "source_begin_ns": events.begin_ns,
            "events": {EVENT_WORDS[e]: int(counts[e]) for e in Event if counts[e]},
            "left_out": problems[0].left_out,
        },
        problems=(*_lost(writer), *problem_words(problems[0])),
    )


def _why_empty(events: WindowedEvents) -> str:
    return "holds no event" if events.first_ns is None else "the window holds no event"


def problem_words(problems: Problems) -> Iterator[str]:
    """Counts by kind, then what is listed, with file and line."""
    for kind, count in problems.counts.items():
        yield f"{problems.path.name}: {count} x {kind}"
    for one in problems.listed():
        place = f"{problems.path.name}:{one.line}" if one.line else problems.path.name
        yield f"{place}: {one.what}"


def _lost(writer: LevelOutput | EventWriter) -> Iterator[str]:
    if isinstance(writer, LevelOutput) and writer.trades_left_out:
        yield f"{writer.trades_left_out} trades without a side, or off tick or lot, were left out"


def one_input(inputs: Sequence[Path], what: str) -> Path:
    """The only input.

    Raises:
        ConversionError: If there are none or several.
    """
    if len(inputs) != 1:
        raise ConversionError(f"needs exactly one input ({what}), got {len(inputs)}")
    return inputs[0]


def read_problems(given: Options, path: Path) -> Problems:
    """Where the rows that cannot be read go: an error, or left out, as the option says.

    Raises:
        ConversionError: If the option is wrong.
    """
    return Problems(path, strict=not given.take(SKIP_BAD, _yes_or_no))


def _play(books: list[EventBook], block: EventBlock, venues: int) -> None:
    while len(books) < venues:
        books.append(EventBook())
    rows = zip(
        block.venue.tolist(),
        block.event.tolist(),
        block.side.tolist(),
        block.price.tolist(),
        block.qty.tolist(),
        block.order_id.tolist(),
        strict=True,
    )
    for venue, event, side, price, qty, order_id in rows:
        books[venue].apply(event, side, price, qty, order_id)


def _opening(books: Sequence[EventBook], t_ns: int) -> EventBlock:
    """A clear per venue, and all that rests there."""
    rows: list[tuple[int, int, int, int, int, int]] = []
    for venue, book in enumerate(books):
        rows.append((venue, int(Event.CLEAR), 0, 0, 0, 0))
        for order_id, (side, price, qty) in book.orders.items():
            rows.append((venue, int(Event.ADD), side, price, qty, order_id))
        for side, levels, sign in ((BID, book.bids, -1), (ASK, book.asks, 1)):
            for key, (qty, orders) in levels.items():
                if not orders:
                    rows.append((venue, int(Event.LEVEL), side, sign * key, qty, 0))
    if not rows:
        return make_block(0)
    names = ("venue", "event", "side", "price", "qty", "order_id")
    return make_block(
        len(rows), t_ns=t_ns, **dict(zip(names, zip(*rows, strict=True), strict=True))
    )


def _length(text: str) -> int | None:
    return None if text == "all" else int(parse_duration(text))


def _clock(text: str) -> bool:
    if text not in {"start", "source"}:
        raise ValueError(f"must be start or source, was {text[:40]!a}")
    return text == "start"


def _names(text: str) -> dict[str, str]:
    """Old name -> new name; the empty old name is that of the only venue."""
    if not text:
        return {}
    parts = [part.partition(":") for part in text.split(",")]
    if len(parts) == 1 and not parts[0][1]:
        return {"": text}
    if not all(old and colon and new for old, colon, new in parts):
        raise ValueError(f"must be NAME, or OLD:NEW,OLD:NEW, was {text[:60]!a}")
    return {old: new for old, _, new in parts}


def _yes_or_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(f"must be yes or no, was {text[:40]!a}")
    return text == "yes"
