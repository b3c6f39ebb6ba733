"""The state of a run at an instant, from its log alone, and the timeline that led there."""

from collections import deque
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sim.audit.read import LogPrefix, log_file
from sim.audit.records import AnyRecord, Depth, NbboChange, Quote, Record, RunStarted, TradePrint
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError
from sim.protocol.units import parse_duration
from sim.report.blotter import blotter
from sim.report.words import Words, units_of

TIMELINE_MAX: Final = 40

_MARKET: Final = frozenset({Quote, Depth, TradePrint, NbboChange})


class Event(NamedTuple):
    """One record of the timeline; ``line`` counts from 1."""

    line: int
    record: Record


class Rebuilt(msgspec.Struct, frozen=True):
    """A run's state at an instant.

    ``timeline`` holds the newest of its ``events`` records that are no market data. ``fault`` says
    why the log could not be read to the instant asked for; the state is then that of the records
    before.
    """

    state: LogState
    timeline: tuple[Event, ...]
    events: int
    fault: str


def rebuild(
    path: Path, until_ns: int | None = None, *, timeline_max: int = TIMELINE_MAX
) -> Rebuilt:
    """Fold a log up to an instant, in memory that does not grow with its market data.

    Args:
        path: The log.
        until_ns: Every record whose ``t_ns`` is not after it counts; None takes all of them.
        timeline_max: How many events of the timeline to keep, the newest.

    Raises:
        AuditFormatError: If not even its first line is a record of this version.
    """
    state, log = LogState(), LogPrefix(path)
    timeline: deque[Event] = deque(maxlen=timeline_max)
    events = 0
    fault = ""
    for batch in log.batches():
        records, more = _until(batch, until_ns)
        first = state.records
        try:
            state.take(records)
        except AuditFormatError as error:
            if not state.records:
                raise AuditFormatError(f"{path}: {error}") from None
            fault = f"{path}: {error}"
            records = records[: state.records - first]
        for line, record in enumerate(records, first + 1):
            if type(record) not in _MARKET:
                timeline.append(Event(line, record))
                events += 1
        if fault or not more:
            break
    else:
        fault = log.fault or _unfinished(state, path)
    if not isinstance(state.started, RunStarted):
        raise AuditFormatError(f"{path}: record 0 (line 1): must be run_started")
    return Rebuilt(state, tuple(timeline), events, fault)


def state_document(rebuilt: Rebuilt, until_ns: int | None) -> dict[str, Any]:
    """A state and its timeline as plain data, as ``sorsim replay --json`` prints them."""
    units = units_of(rebuilt.state.started)
    words = Words(units)
    return {
        **blotter(rebuilt.state, units),
        "until_ns": until_ns,
        "fault": rebuilt.fault or None,
        "events": rebuilt.events,
        "timeline": [
            {"line": event.line, "t_ns": event.record.t_ns, "says": words.say(event.record)}
            for event in rebuilt.timeline
        ],
    }


def replay(log: str | Path, *, until: str | None = None) -> dict[str, Any]:
    """Rebuild the state of a run from its audit log alone.

    Args:
        log: The log, or the folder of a run.
        until: A time of the run such as ``90ms``; every record up to and at it counts. None takes
            the whole log.

    Returns:
        Plain data: parents with their children, the last quote and trade of each venue, and the
        newest events. ``fault`` says why the log could not be read to the instant asked for.

    Raises:
        AuditFormatError: If the log cannot be read at all, or is of another version.
        UnitError: If ``until`` is no duration.
    """
    until_ns = None if until is None else parse_duration(until)
    rebuilt = rebuild(log_file(log), until_ns)
    return state_document(rebuilt, until_ns)


def _until(batch: list[AnyRecord], until_ns: int | None) -> tuple[list[AnyRecord], bool]:
    """The records that count, and whether more may follow."""
    if until_ns is None or batch[-1].t_ns <= until_ns:
        return batch, True
    return list(takewhile(lambda record: record.t_ns <= until_ns, batch)), False


def _unfinished(state: LogState, path: Path) -> str:
    if state.outcome is not None:
        return ""
    return f"{path}: the log ends after record {state.records - 1} without run_finished"
