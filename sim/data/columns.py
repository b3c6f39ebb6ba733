"""Comma-separated text to numpy columns, many rows at once, without losing the line of a bad one.

A ``Sheet`` is a block of whole lines. Each column is read by one call, which marks the rows whose
field it does not allow; ``finish`` then tells of them in the order of their lines and says which
rows are good. Values of bad rows are arbitrary. Quotes have no meaning: a field with one is refused
by what the field must be. Must not know any format.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.data.inspection import Problems
from sim.data.text_files import byte_blocks
from sim.protocol.errors import DataFormatError

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MAX_LINE_BYTES: Final = 1 << 16
MAX_NAMES: Final = 1000
"""More venues or symbols than these are no market, and looking for each takes its time."""
DECIMALS: Final = 9
_COMMA, _NEWLINE, _POINT, _MINUS, _ZERO = b",\n.-0"
_MAX_DIGITS: Final = 18
_MAX_INT64: Final = (1 << 63) - 1
_MAX_UINT64: Final = (1 << 64) - 1
_SHOWN: Final = 40


def sheets(
    path: Path, header: str | None, names: Sequence[str], problems: Problems
) -> Iterator["Sheet"]:
    """Read a file as sheets, in order.

    Args:
        path: The file, plain or packed.
        header: What the first line must be; None: the file has no header.
        names: Names of the fields, for messages.
        problems: Where bad rows go.

    Raises:
        DataFormatError: If the file is empty or its header another, or see ``byte_blocks``.
    """
    line = 1
    for block in readable_blocks(path, problems):
        rows = block
        if line == 1 and header is not None:
            first, _, rows = block.partition(b"\n")
            check_header(path, first, header)
            line = 2
        if rows:
            sheet = Sheet(rows, names, line, problems)
            line += sheet.lines_read
            yield sheet
    if line == 1:
        what = f"; the first line must be {header!r}" if header else ""
        raise DataFormatError(str(path), 1, f"is empty{what}")


def readable_blocks(path: Path, problems: Problems) -> Iterator[bytes]:
    """Blocks of whole lines, up to where a file is cut off or damaged.

    Raises:
        DataFormatError: If nothing can be read, or the problems are strict and the file is cut off
            or damaged, or a line is too long.
    """
    try:
        yield from byte_blocks(path, MAX_LINE_BYTES)
    except DataFormatError as error:
        if error.line <= 1:
            raise
        what = f"{error.message}; nothing from here on was read"
        problems.refuse(error.line, what, "file cut off or damaged")


def check_header(path: Path, first: bytes, header: str) -> None:
    """Refuse a first line that is not the header (a byte order mark is allowed).

    Raises:
        DataFormatError: If it is another.
    """
    found = first.decode("utf-8-sig", "backslashreplace")
    if found != header:
        message = f"the first line must be {header!r}, was {found[:120]!a}"
        raise DataFormatError(str(path), 1, message)


def check_fields(path: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a header that lacks a column or names one twice.

    Raises:
        DataFormatError: If it does.
    """
    missing = [name for name in needed if name not in names]
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise DataFormatError(str(path), 1, f"the header lacks the columns {shown}")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataFormatError(str(path), 1, f"the header names {twice[0]!a} twice")


class Rows:
    """Consecutive rows of a file, and which of them are bad, for what reason.

    Args:
        line: Line or record number of each row.
        problems: Where ``finish`` tells of bad rows.
    """

    def __init__(self, line: Ints, problems: Problems) -> None:
        self.line = line
        self._problems = problems
        self._bad = np.zeros(len(line), np.bool_)
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.line)

    def refuse(self, bad: Mask, rule: str | Callable[[int], str]) -> None:
        """Mark rows as bad; ``rule`` is what they must be, or says it of a row.

        A row that is bad already keeps its first reason.
        """
        rows = np.flatnonzero(bad & ~self._bad)
        for row in rows.tolist():
            self._reasons[row] = rule if isinstance(rule, str) else rule(row)
        self._bad[rows] = True

    def refuse_back(self, t_ns: Ints, last_ns: int, name: str = "t_ns") -> None:
        """Refuse rows that are earlier than a good row before them, or than ``last_ns``."""
        good = np.where(self._bad, last_ns, t_ns)
        before = np.maximum.accumulate(np.concatenate([[last_ns], good[:-1]]))
        back = ~self._bad & (t_ns < before)
        self.refuse(
            back, lambda row: f"{name} must not go back, was {t_ns[row]} after {before[row]}"
        )

    def finish(self) -> Mask:
        """Tell of the bad rows in the order of their lines; return which rows are good.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        for row in sorted(self._reasons):
            self._problems.refuse(int(self.line[row]), self._reasons[row])
        return ~self._bad


class Sheet(Rows):
    """The fields of consecutive lines.

    Args:
        block: Whole lines, each ending in a newline.
        names: Names of the fields of a row; rows with another number of fields are bad.
        first_line: Line number of the first row.
        problems: Where ``finish`` tells of bad rows.
    """

    def __init__(
        self, block: bytes, names: Sequence[str], first_line: int, problems: Problems
    ) -> None:
        self._block = block
        self._data = np.frombuffer(block, np.uint8)
        self._names = names
        self._ragged: list[tuple[int, str]] = []
        count = len(names)
        ends = np.flatnonzero((self._data == _COMMA) | (self._data == _NEWLINE))
        starts = np.empty_like(ends)
        starts[0], starts[1:] = 0, ends[:-1] + 1
        whole = len(ends) // count
        newline = self._data[ends] == _NEWLINE
        self.lines_read = int(np.count_nonzero(newline))
        line = np.arange(first_line, first_line + self.lines_read)
        regular = whole * count == len(ends) and whole == self.lines_read
        if not regular or not newline[count - 1 :: count].all():
            keep, good = self._find_ragged(starts, ends, newline, first_line)
            starts, ends, line = starts[keep], ends[keep], line[good]
        super().__init__(line, problems)
        self._starts = starts.reshape(-1, count)
        self._lengths = ends.reshape(-1, count) - self._starts

    def text(self, row: int, column: int) -> str:
        """One field as text, for messages."""
        start, length = self._starts[row, column], min(self._lengths[row, column], _SHOWN)
        return self._block[start : start + length].decode("utf-8", "backslashreplace")

    def refuse_field(self, bad: Mask, rule: str, column: int) -> None:
        """Mark rows as bad for one field; ``rule`` is what it must be."""
        name = self._names[column]
        self.refuse(bad, lambda row: f"{name} must be {rule}, was {self.text(row, column)!a}")

    def finish(self) -> Mask:
        """As of all rows; rows with another number of fields come in their places."""
        for row, what in self._reasons.items():
            self._ragged.append((int(self.line[row]), what))
        for line, what in sorted(self._ragged):
            self._problems.refuse(line, what)
        return ~self._bad

    def empty(self, column: int) -> Mask:
        """Rows whose field is empty."""
        mask: Mask = self._lengths[:, column] == 0
        return mask

    def is_long_whole(self, column: int, digits: int) -> Mask:
        """Rows whose field is nothing but digits, and at least so many."""
        starts, lengths = self._starts[:, column], self._lengths[:, column]
        found: Mask = lengths >= digits
        if found.any():
            for active, char in self._chars(starts, np.minimum(lengths, 20)):
                found &= ~active | ((char - _ZERO) < 10)
        return found

    def unsigned(
        self,
        column: int,
        *,
        bound: int = _MAX_INT64,
        blank: Mask | None = None,
        only: Mask | None = None,
    ) -> NDArray[np.uint64]:
        """Whole numbers >= 0, at most ``bound``; 0 where ``blank`` allows an empty field.

        Rows that are not in ``only`` are not looked at.
        """
        starts, lengths = self._field(column, 20)
        value = np.zeros(len(starts), np.uint64)
        bad = (lengths == 0) if blank is None else (lengths == 0) & ~blank
        most = np.uint64(_MAX_UINT64 // 10)
        for active, char in self._chars(starts, lengths):
            digit = char - _ZERO
            bad |= active & (digit > 9)
            full = value > most
            if full.any():
                bad |= active & full
            grown = value * np.uint64(10) + digit
            bad |= active & (grown < digit)
            value = np.where(active, grown, value)
        bad |= value > np.uint64(bound)
        if only is not None:
            bad &= only
        self.refuse_field(bad, f"a whole number from 0 to {bound}", column)
        return value

    def whole(self, column: int) -> Ints:
        """Whole numbers with an optional minus, of at most 18 digits."""
        value, point, bad = self._number(column, None)
        self.refuse_field(bad | (point >= 0), "a whole number of at most 18 digits", column)
        return value

    def digit(self, column: int, low: int, high: int) -> Ints:
        """One digit from ``low`` to ``high``."""
        value = self._data[self._starts[:, column]].astype(np.int64) - _ZERO
        bad = (self._lengths[:, column] != 1) | (value < low) | (value > high)
        self.refuse_field(bad, f"a digit from {low} to {high}", column)
        return value

    def decimal(self, column: int, *, blank: Mask | None = None) -> Ints:
        """Plain decimals as whole multiples of 1e-9; 0 in rows of ``blank``, not looked at."""
        value, point, bad = self._number(column, blank)
        places = np.where(point < 0, 0, self._lengths[:, column] - point - 1)
        bad |= (places > DECIMALS) | (places == 0) & (point >= 0)
        factor = _POWERS[np.clip(DECIMALS - places, 0, DECIMALS)]
        bad |= np.abs(value) > _MAX_INT64 // factor
        self.refuse_field(
            bad, "a plain decimal number with at most 9 decimals and 18 digits", column
        )
        scaled: Ints = np.where(bad, 0, value) * factor
        return scaled

    def utc_time(self, column: int) -> Ints:
        """Nanoseconds since 1970 (UTC), of ``2025-07-17T07:05:09.035Z`` or as a whole number.

        A time without its zone is refused.
        """
        starts, lengths = self._field(column, 35)
        digits = np.zeros((len(_ISO_PLACES), len(starts)), np.int64)
        nanos = np.zeros(len(starts), np.int64)
        places = np.zeros(len(starts), np.int64)
        number = np.zeros(len(starts), np.int64)
        digits_only = lengths > 0
        bad = (lengths < 20) | (lengths > 30)
        for place, (active, char) in enumerate(self._chars(starts, lengths)):
            digit = char - _ZERO
            is_digit = digit < 10
            digits_only &= is_digit | ~active
            if place < 19:
                number = np.where(is_digit & active, number * 10 + digit, number)
            if place in _ISO_PLACES:
                digits[_ISO_PLACES[place]] = digit
                bad |= ~is_digit
            elif place < 19:
                bad |= char != _ISO_FORM[place]
            else:
                last: Mask = lengths == place + 1
                bad |= last & (char != _ZED)
                if place == 19:
                    bad |= active & ~last & (char != _POINT)
                fraction = active & ~last & (place > 19)
                bad |= fraction & ~is_digit
                nanos = np.where(fraction, nanos * 10 + digit, nanos)
                places += fraction
        bad |= (lengths > 20) & (places == 0)
        year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3]
        month, day, hour, minute, second = (
            digits[n] * 10 + digits[n + 1] for n in range(4, len(_ISO_PLACES), 2)
        )
        bad |= (hour > 23) | (minute > 59) | (second > 59)
        days, no_date = _days(year * 10_000 + month * 100 + day, bad)
        seconds = days * 86_400 + hour * 3600 + minute * 60 + second
        time: Ints = seconds * 10**9 + nanos * _POWERS[np.clip(DECIMALS - places, 0, DECIMALS)]
        plain = digits_only & (lengths <= 19)
        rule = "a UTC time such as 2025-07-17T07:05:09.035Z, or whole nanoseconds since 1970"
        self.refuse_field((bad | no_date) & ~plain, rule, column)
        return np.where(plain, number, time)

    def choice(self, column: int, words: Mapping[str, int]) -> Ints:
        """One of some words of at most 8 characters, as its number."""
        starts, lengths = self._field(column, 9)
        key = np.zeros(len(starts), np.uint64)
        for place, (active, char) in enumerate(self._chars(starts, np.minimum(lengths, 8))):
            key |= np.where(active, char, 0).astype(np.uint64) << np.uint64(8 * place)
        found = np.zeros(len(starts), np.int64)
        bad = np.ones(len(starts), np.bool_)
        for word, number in words.items():
            same = (key == np.uint64(int.from_bytes(word.encode(), "little"))) & (
                lengths == len(word)
            )
            found[same] = number
            bad &= ~same
        self.refuse_field(bad, "one of " + ", ".join(word or "(empty)" for word in words), column)
        return found

    def name(self, column: int, known: list[str], most: int = 64) -> Ints:
        """Index of each field's text in ``known``, which grows by the texts that are new.

        A name has 1 to ``most`` printable ASCII characters.

        Raises:
            DataFormatError: If they are more than ``MAX_NAMES``.
        """
        starts, lengths = self._field(column, most)
        width = int(lengths.max(initial=1))
        text = np.zeros((len(starts), width), np.uint8)
        for place, (active, char) in enumerate(self._chars(starts, lengths)):
            text[:, place] = np.where(active, char, 0)
        odd = ((text < 33) | (text > 126)) & (np.arange(width) < lengths[:, None])
        bad = odd.any(axis=1) | (lengths == 0)
        self.refuse_field(bad, f"a name of 1 to {most} printable ASCII characters", column)
        keys = text.view(f"S{width}")[:, 0]
        found = np.full(len(starts), -1, np.int64)
        for index, one in enumerate(known):
            found[keys == one.encode()] = index
        fresh = dict.fromkeys(keys[(found < 0) & ~self._bad].tolist())
        if len(known) + len(fresh) > MAX_NAMES:
            message = f"more than {MAX_NAMES} different names as {self._names[column]}"
            raise DataFormatError(str(self._problems.path), int(self.line[-1]), message)
        for key in fresh:
            found[keys == key] = len(known)
            known.append(key.decode())
        return np.maximum(found, 0)

    def _field(self, column: int, most: int) -> tuple[Ints, Ints]:
        """Starts and lengths, of fields longer than ``most`` only so much: they are bad."""
        starts, lengths = self._starts[:, column], self._lengths[:, column]
        longer = lengths > most
        if longer.any():
            self.refuse_field(longer, f"at most {most} characters long", column)
            lengths = np.minimum(lengths, most)
        return starts, lengths

    def _chars(self, starts: Ints, lengths: Ints) -> Iterator[tuple[Mask, NDArray[np.uint8]]]:
        """Per place: which fields reach that far, and their character there."""
        for place in range(int(lengths.max(initial=0))):
            yield lengths > place, self._data[np.minimum(starts + place, len(self._data) - 1)]

    def _number(self, column: int, blank: Mask | None) -> tuple[Ints, Ints, Mask]:
        """Value of all digits, place of the point (-1: none), and which fields are no number."""
        starts, lengths = self._field(column, 40)
        value = np.zeros(len(starts), np.int64)
        digits = np.zeros(len(starts), np.int64)
        point = np.full(len(starts), -1, np.int64)
        negative = np.zeros(len(starts), np.bool_)
        bad = np.zeros(len(starts), np.bool_)
        for place, (active, char) in enumerate(self._chars(starts, lengths)):
            digit = char - _ZERO
            is_digit = active & (digit < 10)
            value = np.where(is_digit & (digits < _MAX_DIGITS), value * 10 + digit, value)
            digits += is_digit
            other = active & ~is_digit
            if place == 0:
                negative = other & (char == _MINUS)
                bad |= other & ~negative
            elif other.any():
                is_point = other & (char == _POINT)
                bad |= other & ~is_point | is_point & ((point >= 0) | (digits == 0))
                point[is_point] = place
        bad |= (digits > _MAX_DIGITS) | (digits == 0)
        if blank is not None:
            bad &= ~blank
            value, point = np.where(blank, 0, value), np.where(blank, -1, point)
        return np.where(negative, -value, value), point, bad

    def _find_ragged(
        self, starts: Ints, ends: Ints, newline: Mask, first_line: int
    ) -> tuple[Mask, Mask]:
        """Which separators, and which rows, are those of rows with the right number of fields."""
        count = len(self._names)
        last = np.flatnonzero(newline)
        fields = np.diff(last, prepend=-1)
        good = fields == count
        rows = np.flatnonzero(~good)
        wanted = f"a row must have {count} fields ({_shown_names(self._names)}), found"
        begins = starts[last[rows] - fields[rows] + 1].tolist()
        found = zip(
            rows.tolist(), begins, ends[last[rows]].tolist(), fields[rows].tolist(), strict=True
        )
        for row, begin, end, has in found:
            text = self._block[begin : min(end, begin + 80)].decode("utf-8", "backslashreplace")
            self._ragged.append((first_line + row, f"{wanted} {has} in {text!a}"))
        return np.repeat(good, fields), good


_POWERS: Final = 10 ** np.arange(DECIMALS + 1, dtype=np.int64)


_ISO_FORM: Final = b"dddd-dd-ddTdd:dd:dd"
_ISO_PLACES: Final = {
    place: n for n, place in enumerate(i for i, c in enumerate(_ISO_FORM) if c == ord("d"))
}
_ZED: Final = ord("Z")


def _days(dates: Ints, bad: Mask) -> tuple[Ints, Mask]:
    """Days since 1970 of dates as YYYYMMDD, and which are no dates; few different ones."""
    found = np.zeros(len(dates), np.int64)
    wrong = np.zeros(len(dates), np.bool_)
    for one in np.unique(dates[~bad]).tolist():
        same = dates == one
        try:
            day = date(one // 10_000, one // 100 % 100, one % 100)
        except ValueError:
            wrong |= same
            continue
        if not 1970 <= day.year <= 2261:  # what 64 bits of nanoseconds can say
            wrong |= same
            continue
        found[same] = day.toordinal() - _EPOCH
    return found, wrong


_EPOCH: Final = date(1970, 1, 1).toordinal()


def _shown_names(names: Sequence[str]) -> str:
    return ",".join(names) if len(names) <= 20 else ",".join([*names[:3], "...", names[-1]])
