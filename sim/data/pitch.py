"""BATS PITCH, the text form: order by order, all symbols of a venue in one file, as events.

A line is ``S``, the time in ms after midnight (8 digits) and a message: ``A`` adds an order, ``E``
executes some of it, ``X`` cancels some of it, ``P`` is a trade against an order that was hidden
(its side is the hidden order's, so the aggressor is the other one). Order ids are base 36.

Times may go back by a millisecond or two. Messages are brought into the order of their times as far
as ``sort_within`` allows (equal times keep their order); a message that is later than that is
refused. Without the option any time that goes back is refused.

Source: the exchange's public PITCH specification, version 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from pathlib import Path
from re import ASCII, Match
from re import compile as pattern
from typing import Any, Final

from msgspec.structs import replace

from sim.data.conversion import ConversionReport, Option, Options
from sim.data.event_rows import EventRows, Row
from sim.data.events import ASK, BID, SCALE, Event, EventBlock
from sim.data.inspect_reader import inspect_reader
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.text_files import line_blocks
from sim.data.to_events import OFFSET, only_input, read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import UnitError, parse_duration

NAME: Final = "pitch"
VENUE: Final = "BATS"
MAX_LINE_BYTES: Final = 256
OPTIONS: Final = (
    Option("symbol", "the one symbol to convert"),
    Option("sort_within", "times may go back so far and are sorted, such as 2ms", "0ns"),
    OFFSET,
    *WINDOW_OPTIONS,
)
_MS: Final = 1_000_000
_TICK: Final = SCALE // 10_000
_LINE: Final = pattern(
    r"S(\d{8})(?:"
    r"A([0-9A-Z]{12})([BS])([ \d]{6})([0-9A-Z.+=*^#~! -]{6})(\d{10})[YN]|"
    r"E([0-9A-Z]{12})([ \d]{6})[0-9A-Z]{12}|"
    r"X([0-9A-Z]{12})([ \d]{6})|"
    r"P([0-9A-Z]{12})([BS])([ \d]{6})([0-9A-Z.+=*^#~! -]{6})(\d{10})[0-9A-Z]{12})",
    ASCII,
)
_INSPECT_BOUND_NS: Final = 10**9


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the first line."""
    first = first_bytes.partition(b"\n")[0].rstrip(b"\r").decode("utf-8", "replace")
    return _LINE.fullmatch(first) is not None


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all messages, each symbol as a venue of its own.

    Raises:
        DataFormatError: If the file cannot be read, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "this format has no partner file")
    problems = Problems(path, strict=False)
    reader = PitchEvents(path, None, problems=problems, sort_within_ns=_INSPECT_BOUND_NS)
    found = inspect_reader(NAME, path, reader, problems)
    notes: tuple[str, ...] = ()
    if reader.back:
        notes = (
            f"{reader.back} messages have an earlier time than the one before, by up to "
            f"{reader.furthest_ms} ms: convert with -o sort_within={reader.furthest_ms}ms",
        )
    return replace(found, notes=notes)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the messages of one symbol.

    Raises:
        DataFormatError: If the input is wrong, or has no message of the symbol.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    symbol = given.take("symbol", str)
    within_ns = given.take("sort_within", parse_duration)
    offset_ns = given.take("offset", signed_duration)
    path = only_input(inputs)
    problems = Problems(path, strict=not given.take("skip_bad", read_yes))
    reader = PitchEvents(
        path, symbol, problems=problems, sort_within_ns=within_ns, offset_ns=offset_ns
    )
    report = write_events(
        NAME, reader, out, given, problems=[problems], statistics={"symbol": symbol}
    )
    warnings = [f"{reader.back} times went back and were sorted"] if reader.back else []
    return replace(report, problems=(*warnings, *report.problems))


class PitchEvents:
    """Reads one file.

    Attributes:
        rows: Lines so far.
        back: Messages so far with an earlier time than the line before, that were sorted.
        furthest_ms: The most that one was behind the latest time before it.

    Args:
        path: The file.
        symbol: The one whose messages count, under the venue ``BATS``; None: all, each symbol a
            venue of its own.
        problems: Where bad lines go; without it a bad line is an error.
        sort_within_ns: How far a time may be behind the latest one before it.
        offset_ns: Added to each time.
    """

    def __init__(
        self,
        path: Path,
        symbol: str | None,
        *,
        problems: Problems | None = None,
        sort_within_ns: int = 0,
        offset_ns: int = 0,
    ) -> None:
        self.rows = self.back = self.furthest_ms = 0
        self._path = path
        self._symbol = symbol
        self._problems = Problems(path) if problems is None else problems
        self._within_ns = sort_within_ns
        self._offset_ns = offset_ns
        self._venues: dict[str, int] = {} if symbol is None else {VENUE: 0}
        self._orders: dict[str, tuple[int, int, int, int]] = {}
        self._messages: dict[str, int] = {}

    @property
    def venues(self) -> tuple[str, ...]:
        """``BATS``, or the symbols met so far."""
        return tuple(self._venues)

    def facts(self) -> dict[str, Any]:
        """Messages by kind, symbols, orders that are still open, and times that went back."""
        return {
            "messages": dict(sorted(self._messages.items())),
            "symbols": len(self._venues),
            "orders_open_at_the_end": len(self._orders),
            "times_that_go_back": self.back,
        }

    def blocks(self) -> Iterator[EventBlock]:
        """The events in order of time.

        Raises:
            DataFormatError: At the first bad line, if the problems are strict.
        """
        rows, held = EventRows(), list[tuple[int, int, Row]]()
        latest_ns = last_ms = 0
        for line, text in self._lines():
            self.rows += 1
            try:
                match = _matched(text)
                t_ns = int(match[1]) * _MS
                step_ms, last_ms = last_ms - int(match[1]), int(match[1])
                # Before the message is taken: one that is too late must leave no order behind.
                self._check_time(line, latest_ns - t_ns, step_ms)
                latest_ns = max(latest_ns, t_ns)
                row = self._message(line, text[9], t_ns + self._offset_ns, match)
            except UnitError as error:
                self._problems.refuse(line, str(error))
                continue
            if row is not None:
                heappush(held, (t_ns, line, row))
            while held and held[0][0] < latest_ns - self._within_ns:
                rows.add(heappop(held)[2])
            yield from rows.full()
        while held:
            rows.add(heappop(held)[2])
        yield from rows.rest()

    def _lines(self) -> Iterator[tuple[int, str]]:
        return enumerate(chain.from_iterable(line_blocks(self._path, MAX_LINE_BYTES)), start=1)

    def _check_time(self, line: int, late_ns: int, step_ms: int) -> None:
        """Refuse a message that is further behind the latest time than may be sorted.

        One that may, and is behind the line before by ``step_ms``, is counted and listed.
        """
        if late_ns > self._within_ns:
            raise UnitError(
                f"time goes back by {late_ns // _MS} ms; -o sort_within=... sorts times up to a "
                "bound"
            )
        self.furthest_ms = max(self.furthest_ms, late_ns // _MS)
        if step_ms > 0:
            self.back += 1
            what = f"time goes back by {step_ms} ms; sorted, which takes -o sort_within"
            self._problems.note(line, what, "time goes back")

    def _message(self, line: int, kind: str, t_ns: int, match: Match[str]) -> Row | None:
        self._messages[kind] = self._messages.get(kind, 0) + 1
        if kind in "AP":
            first = 2 if kind == "A" else 11
            return self._shown(t_ns, line, kind, match.groups()[first - 1 : first + 4])
        order, shares = match.group(7, 8) if kind == "E" else match.group(9, 10)
        known = self._orders.get(order)
        if known is None:
            raise UnitError(f"order {order} is not open")
        venue, side_sign, px, left = known
        qty = _number(shares) * SCALE
        if not 0 < qty <= left:
            raise UnitError(f"takes {qty // SCALE} of order {order}, which has {left // SCALE}")
        if qty == left:
            del self._orders[order]
        else:
            self._orders[order] = (venue, side_sign, px, left - qty)
        event = Event.EXECUTE if kind == "E" else Event.DELETE if qty == left else Event.REDUCE
        if venue < 0:
            return None
        return (t_ns, venue, event, side_sign, px, qty, int(order, 36), line)

    def _shown(self, t_ns: int, line: int, kind: str, fields: tuple[str | Any, ...]) -> Row | None:
        """The event of an add or of a trade against a hidden order."""
        order, word, shares, name, price = fields
        symbol = name.strip()
        side = BID if word == "B" else ASK
        qty, px = _number(shares) * SCALE, int(price) * _TICK
        if qty <= 0 or px <= 0:
            raise UnitError(f"shares and price must be > 0, were {qty // SCALE} and {px / SCALE:g}")
        if self._symbol is None:
            venue = self._venues.setdefault(symbol, len(self._venues))
        else:
            venue = 0 if symbol == self._symbol else -1
        if kind == "A":
            if order in self._orders:
                raise UnitError(f"order {order} is open already")
            self._orders[order] = (venue, side, px, qty)
        if venue < 0:
            return None
        if kind == "A":
            return (t_ns, venue, Event.ADD, side, px, qty, int(order, 36), line)
        return (t_ns, venue, Event.TRADE, -side, px, qty, 0, line)


def _matched(text: str) -> Match[str]:
    match = _LINE.fullmatch(text)
    if match is None:
        raise UnitError(f"must be a PITCH message A, E, X or P behind S, was {text[:60]!a}")
    return match


def _number(shares: str) -> int:
    """Padded with blanks or zeros on the left."""
    digits = shares.lstrip(" ")
    if not digits.isdigit():
        raise UnitError(f"shares must be a whole number, were {shares!a}")
    return int(digits)
