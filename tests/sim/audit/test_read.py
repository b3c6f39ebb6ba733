"""A log reads back as the records that were written, and rubbish is refused by line."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.audit.read
from sim.audit.log import open_audit_log
from sim.audit.read import (
    LogPrefix,
    log_file,
    printable,
    printable_json,
    read_batches,
    read_records,
)
from sim.audit.records import RECORD_TYPES, SCHEMA, Quote, Record, RunFinished, RunStarted
from sim.audit.verify import verify
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditFormatError

QUOTE = RECORD_TYPES.index(Quote)
texts = st.text()
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def records_of(cls: type[Record]) -> st.SearchStrategy[Record]:
    fields = {field.name: st.from_type(field.type) for field in msgspec.structs.fields(cls)}
    # Times, prices and lots end far below what 19 digits say; larger ones are refused.
    return st.builds(cls, **(fields | {"t_ns": st.just(0)})).filter(
        lambda record: re.search(rb"[0-9]{19}", msgspec.json.encode(record)) is None
    )


ordinary = st.one_of(
    *(records_of(cls) for cls in RECORD_TYPES if cls not in {RunStarted, RunFinished})
)


def test_log_reads_back(scratch: Path, good_log: bytes, sample_records: list[Record]) -> None:
    scratch.write_bytes(good_log)
    finished = RunFinished(t_ns=99, records=len(sample_records) + 1, outcome=Outcome.COMPLETE)
    assert list(read_records(scratch)) == list(enumerate([*sample_records, finished]))


def test_path_may_be_text(scratch: Path, good_log: bytes) -> None:
    scratch.write_bytes(good_log)
    assert list(read_records(str(scratch))) == list(read_records(scratch))


@settings(max_examples=25)
@given(records=st.lists(ordinary, max_size=8), scenario=st.dictionaries(texts, plain, max_size=3))
def test_any_records_verify_and_read_back(
    scratch: Path, records: list[Record], scenario: dict[str, Any]
) -> None:
    scratch.unlink(missing_ok=True)
    started = RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="1",
        seed=1,
        sync="end",
        market_data="full",
        files={},
        scenario=scenario,
    )
    with open_audit_log(scratch, "end") as log:
        for record in (started, *records):
            log.emit(record)
        log.finish(0, Outcome.INCOMPLETE)
    result = verify(scratch, log.head)
    assert result.ok, result.message
    assert [record for _, record in read_records(scratch)][:-1] == [started, *records]


@pytest.mark.parametrize(
    ("damage", "good", "why"),
    [
        (lambda log: log[:-1], len(RECORD_TYPES) - 1, "it has no newline"),
        (lambda log: log.replace(b'"seq":3', b'"seq":4'), 3, "its seq must be 3, was 4"),
        (lambda log: log.replace(b'"kind":"quote"', b'"kind":"quota"'), QUOTE, "Invalid value"),
        (lambda log: log.replace(b"\n", b"\n\n", 1), 1, "not have the form of a record"),
        (lambda log: log.replace(SCHEMA.encode(), b"sorsim-audit/0"), 0, "schema sorsim-audit/0"),
        (lambda log: log[: log.index(b"\n") + 9] + b"\x00" * (9 << 20), 1, "longer than"),
    ],
    ids=["torn", "seq", "kind", "blank", "version", "long"],
)
def test_damage_is_named_after_the_records_before_it(
    scratch: Path,
    good_log: bytes,
    damage: Callable[[bytes], bytes],
    good: int,
    why: str,
) -> None:
    scratch.write_bytes(damage(good_log))
    log = read_records(scratch)
    assert [seq for seq, _ in itertools.islice(log, good)] == list(range(good))
    with pytest.raises(AuditFormatError, match=why):
        next(log)


@given(data=st.binary(min_size=1, max_size=300))
def test_L06_rubbish_raises_the_one_error(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(data)
    with pytest.raises(AuditFormatError):
        list(read_records(scratch))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditFormatError, match="gone: cannot read the audit log"):
        list(read_records(tmp_path / "gone"))


@given(size=st.integers(1, 400))
def test_lines_do_not_depend_on_how_the_file_is_read(
    scratch: Path, good_log: bytes, size: int
) -> None:
    scratch.write_bytes(good_log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim.audit.read, "_CHUNK_BYTES", size)
        assert len(list(read_records(scratch))) == good_log.count(b"\n")
        assert verify(scratch).ok


@given(text=st.text())
def test_foreign_text_is_shown_as_printable_ascii(text: str) -> None:
    shown = printable(text * 20)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) < 2100


@given(text=st.text(st.characters()))
def test_foreign_json_says_the_same_and_is_printable(text: str) -> None:
    shown = printable_json(json.dumps([text], ensure_ascii=False, indent=1))
    assert json.loads(shown) == [text]
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202e", r"\u202e"),
        ("a\U000e0001b\u200fc", r"a\udb40\udc01b\u200fc"),
        ("\ud800", r"\ud800"),
        ("é\n\x7f\n", "é\n\\u007f\n"),
        ("é\n\n", "é\n\n"),
    ],
)
def test_only_what_must_not_be_shown_in_json_is_spelled_out(text: str, shown: str) -> None:
    assert printable_json(text) == shown


def test_ordinary_lines_are_read_many_at_once(
    scratch: Path, sample_records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them whose numbers are equally wide; only the first line is looked at by itself."""
    alone: list[int] = []
    one_by_one = sim.audit.read._record

    def count(decode: Any, line: bytes, seq: int, path: Path) -> Any:
        alone.append(seq)
        return one_by_one(decode, line, seq, path)

    quote = Quote(t_ns=0, venue_id="A", venue_seq=1, bid_px=1, bid_qty=1, ask_px=2, ask_qty=1)
    scratch.unlink(missing_ok=True)
    with open_audit_log(scratch) as log:
        for record in (sample_records[0], *[quote] * 1_199):
            log.emit(record)
    assert scratch.stat().st_size < sim.audit.read._CHUNK_BYTES
    monkeypatch.setattr(sim.audit.read, "_record", count)
    batches = list(read_batches(scratch))
    assert [len(batch) for batch in batches] == [1, 9, 90, 900, 200]
    assert alone == [0]
    assert batches[0] == [sample_records[0]]
    assert all(record == quote for batch in batches[1:] for record in batch)


def test_a_bad_line_is_named_by_its_place_and_number(scratch: Path, good_log: bytes) -> None:
    lines = good_log.splitlines(keepends=True)
    scratch.write_bytes(b"".join([*lines[:3], b"rubbish\n", *lines[4:]]))
    with pytest.raises(AuditFormatError) as caught:
        list(read_records(scratch))
    why = "it does not have the form of a record"
    assert str(caught.value) == f"{scratch}:4: record 3: {why}"


def test_a_record_out_of_its_place_is_named_with_both_numbers(
    scratch: Path, good_log: bytes
) -> None:
    lines = good_log.splitlines(keepends=True)
    scratch.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    with pytest.raises(AuditFormatError, match=r":4: record 3: its seq must be 3, was 4$"):
        list(read_records(scratch))


class TestPrefix:
    """What can be read of a log, and in one line why no more can."""

    def test_of_a_whole_log_is_the_log(
        self, scratch: Path, good_log: bytes, sample_records: list[Record]
    ) -> None:
        scratch.write_bytes(good_log)
        prefix = LogPrefix(str(scratch))
        records = [record for batch in prefix.batches() for record in batch]
        assert records[:-1] == sample_records
        assert prefix.path == scratch
        assert prefix.fault == ""

    def test_ends_where_the_log_is_torn_and_says_so(
        self, scratch: Path, good_log: bytes, sample_records: list[Record]
    ) -> None:
        scratch.write_bytes(good_log[:-1])
        prefix = LogPrefix(scratch)
        assert prefix.fault == ""
        records = [record for batch in prefix.batches() for record in batch]
        assert records == sample_records
        at = len(sample_records)
        why = "the line is torn: it has no newline"
        assert prefix.fault == f"{scratch}:{at + 1}: record {at}: {why}"

    @pytest.mark.parametrize("data", [b"", b"rubbish\n"])
    def test_of_what_is_no_log_is_an_error(self, scratch: Path, data: bytes) -> None:
        scratch.write_bytes(data)
        prefix = LogPrefix(scratch)
        with pytest.raises(AuditFormatError, match="form of a record" if data else "no record"):
            list(prefix.batches())
        assert prefix.fault == ""


def test_a_log_is_named_by_its_file_or_its_folder(tmp_path: Path) -> None:
    assert log_file(tmp_path) == tmp_path / "audit.jsonl"
    assert log_file(str(tmp_path / "x.jsonl")) == tmp_path / "x.jsonl"


def test_L06_huge_line_that_began_in_an_earlier_piece_is_refused(
    scratch: Path, good_log: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its end and more lines come in the same piece as too many of its bytes."""
    monkeypatch.setattr(sim.audit.read, "_CHUNK_BYTES", 1_000)
    monkeypatch.setattr(sim.audit.read, "LINE_BYTES_MAX", 1_500)
    first = good_log.splitlines(keepends=True)[0]
    assert len(first) < 1_000
    scratch.write_bytes(first + b"0" * (1_999 - len(first) - 400) + b"\n" + b"x\n" * 10)
    with pytest.raises(AuditFormatError, match="form of a record"):
        list(read_records(scratch))
    scratch.write_bytes(first + b"0" * 1_501 + b"\nx\n")
    with pytest.raises(AuditFormatError, match=r":2: record 1: the line is longer than 1500 bytes"):
        list(read_records(scratch))


def test_L06_record_that_is_no_record_among_ordinary_ones_is_named(
    scratch: Path, good_log: bytes
) -> None:
    lines = good_log.splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"t_ns":', b'"t_ms":')
    scratch.write_bytes(b"".join(lines))
    with pytest.raises(AuditFormatError, match=":5: record 4: "):
        list(read_records(scratch))
