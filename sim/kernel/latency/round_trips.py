"""Reader of measured order round trips: the small CSV that the empirical latency model draws from.

Lines that begin with ``#`` come first and say where the figures are from; then the header
``kind,round_trip_ms``; then one measured round trip per line, ``create`` (new order to
acknowledgement) or ``cancel`` (cancel request to its answer), in milliseconds with at most six
decimals, so that it is whole nanoseconds. The converter ``order_latency`` writes this format.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from sim.protocol.errors import DataFormatError

HEADER: Final = "kind,round_trip_ms"
KINDS: Final = ("create", "cancel")
MAX_ROWS: Final = 1_000_000
MAX_LINE_CHARS: Final = 1024

_MS: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?", re.ASCII)


def read_round_trips(path: Path, kind: str) -> list[int]:
    """Return the measured round trips of one kind in nanoseconds, in the order of the file.

    Args:
        path: The file.
        kind: One of ``KINDS``.

    Raises:
        DataFormatError: If any line of the file (of either kind) is wrong, or none is of ``kind``.
        ValueError: If ``kind`` is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, was {kind!r}")
    found = []
    try:
        with path.open(encoding="utf-8", errors="backslashreplace") as file:
            for line, text in _rows(file, path):
                row_kind, round_trip_ns = _row(text, path, line)
                if row_kind == kind:
                    found.append(round_trip_ns)
    except OSError as error:
        raise DataFormatError(str(path), 0, f"cannot be read: {error.strerror}") from error
    if not found:
        raise DataFormatError(str(path), 0, f"holds no round trip of kind {kind}")
    return found


def _rows(file: IO[str], path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines below the header."""
    line = 0
    in_header = True
    while text := file.readline(MAX_LINE_CHARS + 1):
        line += 1
        if len(text) > MAX_LINE_CHARS:
            raise DataFormatError(str(path), line, f"is longer than {MAX_LINE_CHARS} characters")
        if line > MAX_ROWS:
            raise DataFormatError(str(path), line, f"a file may have at most {MAX_ROWS} lines")
        text = text.removesuffix("\n")
        if not in_header:
            yield line, text
        elif not text.startswith("#"):
            if text != HEADER:
                message = f"the first line without # must be {HEADER!r}, was {text[:40]!a}"
                raise DataFormatError(str(path), line, message)
            in_header = False
    if in_header:
        raise DataFormatError(str(path), line, f"ends before its header {HEADER!r}")


def _row(text: str, path: Path, line: int) -> tuple[str, int]:
    kind, comma, ms = text.partition(",")
    if not comma or kind not in KINDS:
        message = f"must be create or cancel, a comma and milliseconds, was {text[:40]!a}"
        raise DataFormatError(str(path), line, message)
    match = _MS.fullmatch(ms)
    if match is None:
        message = f"round_trip_ms must be a decimal >= 0 with at most 6 decimals, was {ms[:40]!a}"
        raise DataFormatError(str(path), line, message)
    return kind, int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0"))
