"""A log reads back as the records that were written, and rubbish is refused by line."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.audit.read
from sim.audit.log import open_audit_log
from sim.audit.read import printable, read_records
from sim.audit.records import RECORD_TYPES, SCHEMA, Quote, Record, RunFinished, RunStarted
from sim.audit.verify import verify
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditFormatError

QUOTE = RECORD_TYPES.index(Quote)
texts = st.text()
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def records_of(cls: type[Record]) -> st.SearchStrategy[Record]:
    fields = {field.name: st.from_type(field.type) for field in msgspec.structs.fields(cls)}
    return st.builds(cls, **(fields | {"t_ns": st.just(0)}))


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
