"""Converter ``order_latency``: a log of order states -> the measured round trips in it.

The input is a CSV ``Timestamp,Order_ID,Status`` (plain or gzip) that a trading client wrote:
milliseconds on its own clock, and a status that is written just before a request leaves
(``PENDING_CREATE``, ``PENDING_CANCEL``, ``PENDING_EXECUTE``) or when the client learns of the
answer (``CREATED``, ``CANCELED``, ``EXECUTED``). So ``CREATED - PENDING_CREATE`` of one order is a
full round trip, the client's own delays included. The output is what
``sim.kernel.latency.round_trips`` reads.

Nothing is repaired. A round trip counts only if its order has exactly one request and one answer of
that kind, the answer not before the request; all else is left out and listed. Orders that were
executed at once (``PENDING_EXECUTE``) have a ``CREATED`` without a request to create: they are
counted as market orders.

Source: own convention: what the recording client wrote, as its logs show it.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec

from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.text_files import TextSink, content_sha256, line_blocks
from sim.kernel.latency.round_trips import HEADER as ROUND_TRIP_HEADER
from sim.protocol.errors import DataFormatError
from sim.protocol.units import UnitError

HEADER: Final = "Timestamp,Order_ID,Status"
MAX_LINE_BYTES: Final = 1024
PAIRS: Final = {"create": ("PENDING_CREATE", "CREATED"), "cancel": ("PENDING_CANCEL", "CANCELED")}
MARKET_ORDER: Final = ("PENDING_EXECUTE", "EXECUTED")

OPTIONS: Final = (
    Option("source", "a line for the head of the output: where the log is from", "not stated"),
)

_STATUSES: Final = frozenset(chain(*PAIRS.values(), MARKET_ORDER))
_PERCENTS: Final = (5, 50, 95, 99)


class _Seen(msgspec.Struct, frozen=True):
    """When an order reached a status, and where the file says so."""

    ms: int
    line: int


class _RoundTrip(msgspec.Struct, frozen=True, order=True):
    """One measured round trip; sorts by the time of its request."""

    request_ms: int
    line: int
    kind: str
    ms: int


_Orders = dict[str, dict[str, list[_Seen]]]


def detect(path: Path, first_bytes: bytes) -> bool:
    """By the header."""
    return first_bytes.partition(b"\n")[0].rstrip(b"\r") == HEADER.encode()


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all rows: how many round trips of each kind there are, how long, and what is unclear.

    Raises:
        DataFormatError: If the file cannot be read, a row is wrong, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "a log of order states has no partner file")
    problems = Problems(path, strict=False)
    found: list[str] = []
    orders = _read(path, found, problems)
    trips = _round_trips(path, orders, found)
    for text in found:
        line, _, what = text.removeprefix(f"{path.name}:").partition(": ")
        problems.note(int(line), what, what.partition(",")[0])
    seen = [one.ms for statuses in orders.values() for some in statuses.values() for one in some]
    problems.note_no_rows(len(seen))
    return Inspection(
        format="order_latency",
        file=str(path),
        rows=len(seen) + problems.left_out,
        venues=(),
        first_ns=min(seen) * 1_000_000 if seen else None,
        last_ns=max(seen) * 1_000_000 if seen else None,
        problems=problems.listed(),
        problem_counts=problems.counts,
        left_out=problems.left_out,
        facts=_statistics(trips, orders),
    )


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the round trips of one log to the file ``out``, in the order of their requests.

    Raises:
        DataFormatError: If the input is wrong, or holds no round trip.
        ConversionError: If there is not exactly one input, or an option is wrong.
    """
    source = Options(options, OPTIONS).take("source", _one_line)
    if len(inputs) != 1:
        raise ConversionError(f"needs exactly one input, got {len(inputs)}")
    path = inputs[0]
    problems: list[str] = []
    orders = _read(path, problems)
    trips = sorted(_round_trips(path, orders, problems))
    if not trips:
        raise DataFormatError(str(path), 0, "holds no order with a request and its answer")
    digest = content_sha256(path)
    head = f"# source: {source}\n# sha256 of its content: {digest}\n{ROUND_TRIP_HEADER}\n"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TextSink(out) as sink:
            sink.write(head + "".join(f"{trip.kind},{trip.ms}\n" for trip in trips))
    except OSError as error:
        raise ConversionError(f"cannot write {out}: {error.strerror}") from error
    return ConversionReport(
        converter="order_latency",
        files=(out.name,),
        venues=(),
        rows=len(trips),
        first_ns=trips[0].request_ms * 1_000_000,
        last_ns=trips[-1].request_ms * 1_000_000,
        statistics=_statistics(trips, orders),
        problems=tuple(problems),
    )


def _read(path: Path, problems: list[str], bad: Problems | None = None) -> _Orders:
    """All statuses of all orders; where the client's clock went back goes to ``problems``.

    Bad rows go to ``bad``; without it a bad row is an error.
    """
    orders: _Orders = {}
    line, last_ms = 0, 0
    for line, text in enumerate(chain.from_iterable(line_blocks(path, MAX_LINE_BYTES)), start=1):
        if line == 1:
            if text != HEADER:
                message = f"the first line must be {HEADER!r}, was {text[:60]!a}"
                raise DataFormatError(str(path), 1, message)
            continue
        try:
            ms, order_id, status = _row(text)
        except UnitError as error:
            if bad is None:
                raise DataFormatError(str(path), line, str(error)) from error
            bad.refuse(line, str(error))
            continue
        if ms < last_ms:
            problems.append(f"{path.name}:{line}: time goes back, from {last_ms} to {ms} ms")
        last_ms = ms
        orders.setdefault(order_id, {}).setdefault(status, []).append(_Seen(ms, line))
    if line == 0:
        raise DataFormatError(str(path), 1, f"is empty; the first line must be {HEADER!r}")
    return orders


def _row(text: str) -> tuple[int, str, str]:
    fields = text.split(",")
    if len(fields) != 3 or not fields[1]:
        raise UnitError(f"a row must have 3 fields ({HEADER}), was {text[:60]!a}")
    time, order_id, status = fields
    if not (time.isascii() and time.isdigit() and len(time) <= 14):
        raise UnitError(f"Timestamp must be whole milliseconds, was {time[:40]!a}")
    if status not in _STATUSES:
        allowed = ", ".join(sorted(_STATUSES))
        raise UnitError(f"Status must be one of {allowed}, was {status[:40]!a}")
    return int(time), order_id, status


def _round_trips(path: Path, orders: _Orders, problems: list[str]) -> list[_RoundTrip]:
    """The sound round trips; whatever else happened to an order goes to ``problems``."""
    trips = []
    for order_id, seen in orders.items():
        for kind, (asked, answered) in PAIRS.items():
            requests, answers = seen.get(asked, []), seen.get(answered, [])
            if kind == "create" and not requests and MARKET_ORDER[0] in seen:
                continue
            trouble = _trouble(kind, requests, answers)
            if trouble:
                line = (requests + answers)[0].line
                problems.append(f"{path.name}:{line}: {trouble}, order {order_id}")
            elif requests:
                request, answer = requests[0], answers[0]
                trips.append(_RoundTrip(request.ms, request.line, kind, answer.ms - request.ms))
    return trips


def _trouble(kind: str, requests: Sequence[_Seen], answers: Sequence[_Seen]) -> str:
    """Why an order's requests and answers of one kind make no round trip; empty if they do."""
    if len(requests) > 1 or len(answers) > 1:
        return f"{kind} with {len(requests)} requests and {len(answers)} answers"
    if len(requests) > len(answers):
        return f"{kind} never answered"
    if len(answers) > len(requests):
        return f"{kind} answered but never asked for"
    if requests and answers[0].ms < requests[0].ms:
        return f"{kind} answered {requests[0].ms - answers[0].ms} ms before it was asked for"
    return ""


def _statistics(trips: Sequence[_RoundTrip], orders: _Orders) -> dict[str, Any]:
    market_orders = sum(MARKET_ORDER[0] in seen for seen in orders.values())
    kinds = {}
    for kind in PAIRS:
        found = sorted(trip.ms for trip in trips if trip.kind == kind)
        kinds[kind] = {"count": len(found)} | _percentiles(found)
    return {"orders": len(orders), "market_orders": market_orders, "round_trips_ms": kinds}


def _percentiles(found: Sequence[int]) -> dict[str, int]:
    """Least, percentiles (between the two ranks in proportion, to whole ms) and largest."""
    if not found:
        return {}
    last = len(found) - 1
    middle = {}
    for percent in _PERCENTS:
        place, part = divmod(percent * last, 100)
        low, high = found[place], found[min(place + 1, last)]
        middle[f"p{percent}"] = (100 * low + part * (high - low) + 50) // 100
    return {"least": found[0]} | middle | {"largest": found[-1]}


def _one_line(text: str) -> str:
    if not (text.isascii() and text.isprintable() and len(text) <= 300):
        raise ValueError(f"must be one line of at most 300 ASCII characters, was {text[:60]!a}")
    return text
