"""Compares two logs: which settings differ, where the runs part, why, and what came of it.

Reads the logs only. The first difference is by meaning (`sim.study.pairs`); what it comes from is
told by `sim.study.causes`. Where the logs hold the same run in other bytes, that is said too.
"""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from sim.audit.order_records import taken_back
from sim.audit.read import cannot_read, log_file
from sim.audit.records import (
    Bust,
    ChildCanceled,
    ChildRejected,
    Correction,
    Decision,
    Fill,
    Record,
    RunStarted,
)
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError
from sim.report.summary import SummaryBuilder
from sim.report.words import Words, units_of
from sim.study.causes import SIDES, Causes, Chain, Sides
from sim.study.fields import FieldChange, changes
from sim.study.header import read_header
from sim.study.pairs import Entry, Key, Pairs, Side, read_pairs

Verdict = Literal["equal", "settings_only", "records", "bytes_only"]

_RESULTS: Final = (Fill, Bust, Correction, ChildCanceled, ChildRejected, Decision)


class Divergence(msgspec.Struct, frozen=True):
    """A record that differs. ``old`` and ``new`` say it in words, ``*_line`` where it stands.

    None for the log that has no such record. ``fields`` are the places in which both differ.
    """

    what: str
    t_ns: int
    old: str | None
    new: str | None
    old_line: int | None
    new_line: int | None
    fields: list[FieldChange]
    chain: Chain


class DiffResult(msgspec.Struct, frozen=True):
    """What was found.

    ``verdict`` is ``equal`` (all bytes), ``settings_only`` (no record but the first differs),
    ``records``, or ``bytes_only``: the same records from the same settings in other bytes, which
    no two honest runs give. ``result`` is the first difference in what was sent or what came back,
    if that is not ``first`` itself; where it differs in its time alone, only if it has another
    cause. ``outcome`` holds what differs in the summaries, by path. ``notes`` tell what else should
    be known, as of a log that ends early. ``differences`` counts the records of our own that differ
    or that one log lacks, but for the first record, and each stream of market data that differs:
    what comes behind that has no counterpart.
    """

    verdict: Verdict
    settings: list[FieldChange]
    first: Divergence | None
    result: Divergence | None
    outcome: list[FieldChange]
    notes: list[str]
    differences: int = 0

    @property
    def equal(self) -> bool:
        """Whether the logs are the same, byte by byte."""
        return self.verdict == "equal"


def diff(old_log: str | Path, new_log: str | Path) -> DiffResult:
    """Compare two logs. Both are read twice, so they must be files.

    Args:
        old_log: The log to start from, or the folder of its run.
        new_log: The log that is compared with it.

    Raises:
        AuditFormatError: If one of them cannot be read, or is of another version.
    """
    old, new = log_file(old_log), log_file(new_log)
    headers = [read_header(path) for path in (old, new)]
    if _same_bytes(old, new):
        return DiffResult("equal", [], None, None, [], [])
    pairs = read_pairs(old, new)
    found = tell(pairs, headers)
    if found.verdict != "records":
        return found
    notes = found.notes.copy()
    outcome = _outcome(pairs, headers, notes)
    return msgspec.structs.replace(found, outcome=outcome, notes=notes)


def tell(pairs: Pairs, headers: list[RunStarted], sides: Sides = SIDES) -> DiffResult:
    """What two runs whose records are paired differ in, and why; but for ``outcome``.

    Args:
        pairs: All their records.
        headers: Their first ones.
        sides: What the runs are called.

    Returns:
        ``bytes_only`` where nothing differs: who has the bytes may know that they are equal.
    """
    settings = _settings(*headers)
    notes = _notes(pairs, headers)
    words = [Words(units_of(header)) for header in headers]
    causes = Causes(pairs, settings, words[0], words[1], sides)
    first = _first(pairs, causes, words)
    if first is None:
        if settings or headers[0] != headers[1]:
            return DiffResult("settings_only", settings, None, None, [], notes)
        return DiffResult("bytes_only", [], None, None, [], notes)
    result = _result(pairs, causes, words, first)
    count = len(causes.changed) + len(pairs.market)
    return DiffResult("records", settings, first, result, [], notes, count)


def _same_bytes(old: Path, new: Path) -> bool:
    try:
        with old.open("rb") as left, new.open("rb") as right:
            if old.stat().st_size != new.stat().st_size:
                return False
            while chunk := left.read(1 << 20):
                if chunk != right.read(1 << 20):
                    return False
            return not right.read(1)
    except OSError as error:
        raise cannot_read(Path(error.filename or old), error) from error


def _settings(old: RunStarted, new: RunStarted) -> list[FieldChange]:
    """Scenario settings that differ, then the hashes of data files of the same name."""
    found = changes(old.scenario, new.scenario)
    for name in old.files:
        if name in new.files and old.files[name] != new.files[name]:
            short = [f"SHA-256 {one.files[name][:12]}..." for one in (old, new)]
            found.append(FieldChange(f"files[{name}]", *short))
    return found


def _notes(pairs: Pairs, headers: list[RunStarted]) -> list[str]:
    notes = [side.fault for side in (pairs.old, pairs.new) if side.fault]
    for side in (pairs.old, pairs.new):
        if not side.fault and Key("run_finished", "", 1) not in side.entries:
            notes.append(f"{side.path}: the log ends without run_finished")
    versions = [header.code_version for header in headers]
    if versions[0] != versions[1]:
        notes.append(f"the logs were written by sorsim {versions[0]} and sorsim {versions[1]}")
    return notes


def _first(pairs: Pairs, causes: Causes, words: list[Words]) -> Divergence | None:
    """The earliest difference of all, of our own orders or of the market."""
    own = causes.changed[0] if causes.changed else None
    streams = sorted(pairs.market.items(), key=lambda item: _when(item[1].old, item[1].new))
    if streams:
        name, change = streams[0]
        if own is None or _when(change.old, change.new) < pairs.place(own):
            chain = causes.market_chain(name)
            return _divergence(f"market data of {name}", change.old, change.new, words, chain)
    return None if own is None else _own(pairs, own, words, causes)


def _result(
    pairs: Pairs, causes: Causes, words: list[Words], first: Divergence
) -> Divergence | None:
    """The first record that says that something else was sent or came back, or at another time."""
    results = [key for key in causes.changed if isinstance(_either(pairs, key), _RESULTS)]
    for key in results:
        if _outcome_of(pairs.pair(key)[0]) != _outcome_of(pairs.pair(key)[1]):
            found = _own(pairs, key, words, causes)
            return None if found.what == first.what else found
    # Nothing but times differs: worth telling if it has a cause of its own.
    for key in results:
        if key.kind != "decision":
            found = _own(pairs, key, words, causes)
            return None if found.chain.steps[1:] == first.chain.steps[1:] else found
    return None


def _either(pairs: Pairs, key: Key) -> Record | None:
    old, new = pairs.pair(key)
    return old or new


def _outcome_of(record: Record | None) -> object:
    """What a record says but for when."""
    match record:
        case Fill():
            return record.last_px, record.last_qty, record.cum_qty, record.fee
        case Bust() | Correction():
            return taken_back(record), record.fee
        case ChildCanceled():
            return record.canceled_qty
        case ChildRejected():
            return record.reason
        case Decision():
            return record.split
        case _:
            return None


def _own(pairs: Pairs, key: Key, words: list[Words], causes: Causes) -> Divergence:
    number = f" {key.number}" if key.number > 1 else ""
    what = f"{key.kind}{number} of {key.about}" if key.about else key.kind
    entries = [side.entries.get(key) for side in (pairs.old, pairs.new)]
    return _divergence(what, entries[0], entries[1], words, causes.chain(key))


def _divergence(
    what: str, old: Entry | None, new: Entry | None, words: list[Words], chain: Chain
) -> Divergence:
    fields: list[FieldChange] = []
    if old is not None and new is not None:
        fields = changes(_plain(old.record), _plain(new.record))
    return Divergence(
        what,
        _when(old, new)[0],
        None if old is None else words[0].say(old.record),
        None if new is None else words[1].say(new.record),
        None if old is None else old.seq + 1,
        None if new is None else new.seq + 1,
        fields,
        chain,
    )


def _plain(record: Record) -> Any:
    return msgspec.json.decode(msgspec.json.encode(record))


def _when(old: Entry | None, new: Entry | None) -> tuple[int, int]:
    return min((one.record.t_ns, one.seq) for one in (old, new) if one is not None)


def _outcome(pairs: Pairs, headers: list[RunStarted], notes: list[str]) -> list[FieldChange]:
    """What differs in the summaries, computed from what each log holds."""
    for side in (pairs.old, pairs.new):
        try:
            # A log that contradicts itself has no sums to compare.
            LogState().take(side.entries[key].record for key in side.order)
        except AuditFormatError as error:
            notes.append(f"{side.path}: {error}")
            return []
    sides = zip((pairs.old, pairs.new), headers, strict=True)
    return outcome_changes(*(side_summary(side, header) for side, header in sides))


def side_summary(side: Side, header: RunStarted) -> dict[str, Any]:
    """The summary of one side, but for expectations and the head of its log."""
    builder = SummaryBuilder()
    builder.observe(msgspec.structs.replace(header, scenario={**header.scenario, "expect": {}}))
    for key in side.order[1:]:
        builder.observe(side.entries[key].record)
    return builder.summary("")


def outcome_changes(old: dict[str, Any], new: dict[str, Any]) -> list[FieldChange]:
    """What differs in two summaries of runs."""
    return changes(_shaped(old, new), _shaped(new, old))


def _shaped(summary: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Rows with their ids, without those that are the same in both: there may be many."""
    theirs = {row["parent_id"]: row for row in other["parents"]}
    parents = [
        {"id": one["parent_id"], **_without_id(one), "venues": _listed(one["venues"])}
        for one in summary["parents"]
        if theirs.get(one["parent_id"]) != one
    ]
    venues = {
        name: row for name, row in summary["venues"].items() if other["venues"].get(name) != row
    }
    return {"outcome": summary["outcome"], "parents": parents, "venues": _listed(venues)}


def _without_id(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "parent_id"}


def _listed(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their ids, so that a difference is named as in settings: ``venues[NYSE].fees``."""
    return [{"id": name, **row} for name, row in rows.items()]
