"""Every damage to a log is found, laid to the right record, and raises nothing."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Annotated, Protocol, get_args, get_origin

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import sim.audit.read
import sim.audit.verify
from sim.audit.read import printable, read_records
from sim.audit.records import LINE_BYTES_MAX, RECORD_TYPES, SCHEMA
from sim.audit.verify import VerifyResult, verify, verify_stream
from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditFormatError

ChainOf = Callable[[Iterable[bytes]], bytes]
LogOf = Callable[[int], bytes]


class Check(Protocol):
    def __call__(self, data: bytes, expect_head: str | None = None) -> VerifyResult: ...


LINES = len(RECORD_TYPES)
STARTED = (
    b'"kind":"run_started","t_ns":0,"schema":"%b","code_version":"1","seed":1,"sync":"end",'
    b'"market_data":"none","scenario":{},"files":{}' % SCHEMA.encode()
)
EVENT = b'"kind":"venue_event","t_ns":%d,"venue_id":"A","event":"halt","detail":""'
FINISHED = b'"kind":"run_finished","t_ns":9,"records":%d,"outcome":"complete"'
positions = st.integers(0, LINES - 1)


@pytest.fixture(
    scope="session", params=[300, 1200, 1 << 18], ids=["single lines", "few lines", "one batch"]
)
def check(request: pytest.FixtureRequest, scratch: Path) -> Iterator[Check]:
    """Verify bytes; small chunks make even a short log take the fast way through."""

    def run(data: bytes, expect_head: str | None = None) -> VerifyResult:
        scratch.write_bytes(data)
        result = verify(scratch, expect_head)
        assert result.ok == (result.first_bad is None)
        assert result.message.isascii()
        assert result.message.isprintable()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim.audit.read, "_CHUNK_BYTES", request.param)
        yield run


def bad_seq(result: VerifyResult) -> int:
    assert not result.ok
    assert result.first_bad is not None
    assert result.records <= result.first_bad.seq
    return result.first_bad.seq


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")[:-1]
    assert len(lines) == LINES
    return lines


def test_whole_log_verifies_with_its_head(check: Check, good_log: bytes) -> None:
    head = hashlib.sha256(lines_of(good_log)[-1]).hexdigest()
    result = check(good_log)
    assert result == VerifyResult(
        ok=True,
        state="whole",
        records=LINES,
        torn_bytes=0,
        head=head,
        complete=True,
        outcome=Outcome.COMPLETE,
        first_bad=None,
        message=f"{LINES} records, complete, head {head}",
    )
    assert verify_stream(BytesIO(good_log), len(good_log)) == result


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_L02_flipped_bit_is_laid_to_its_record(
    check: Check, good_log: bytes, at: int, bit: int
) -> None:
    at %= len(good_log)
    result = check(flipped(good_log, at, bit))
    assert bad_seq(result) == good_log.count(b"\n", 0, at)


@pytest.mark.slow
def test_L02_flipped_bits_all_through_a_log_are_laid_to_their_records(
    check: Check, good_log: bytes
) -> None:
    for at in range(0, len(good_log), 3):
        seq = good_log.count(b"\n", 0, at)
        assert bad_seq(check(flipped(good_log, at, at % 8))) == seq, at


@given(at=positions)
def test_L02_dropped_line_is_named(check: Check, good_log: bytes, at: int) -> None:
    lines = lines_of(good_log)
    assert bad_seq(check(joined(lines[:at] + lines[at + 1 :]))) == at


@given(pair=st.lists(positions, min_size=2, max_size=2, unique=True).map(sorted))
def test_L02_swapped_lines_are_found_at_the_first(
    check: Check, good_log: bytes, pair: list[int]
) -> None:
    lines = lines_of(good_log)
    first, second = pair
    lines[first], lines[second] = lines[second], lines[first]
    assert bad_seq(check(joined(lines))) == first


@given(copied=positions, to=st.integers(0, LINES))
def test_L02_added_line_is_named(check: Check, good_log: bytes, copied: int, to: int) -> None:
    lines = lines_of(good_log)
    lines.insert(to, lines[copied])
    assert bad_seq(check(joined(lines))) == (to + 1 if copied == to else to)


@given(at=st.integers(1, LINES - 1))
def test_L02_spliced_logs_are_found_at_the_seam(
    check: Check, good_log: bytes, log_of: LogOf, at: int
) -> None:
    """Seen from inside, a splice is the same as an edit of the last record before the seam."""
    result = check(joined(lines_of(good_log)[:at] + lines_of(log_of(2))[at:]))
    assert bad_seq(result) == at - 1
    assert f"record {at} " in result.message
    assert "two logs were joined" in result.message


@given(size=st.integers(0))
@example(size=0)
def test_L01_cut_log_is_complete_up_to_the_last_whole_record(
    check: Check, good_log: bytes, size: int
) -> None:
    data = good_log[: size % len(good_log)]
    whole = data.count(b"\n")
    result = check(data)
    assert bad_seq(result) == whole
    assert not result.complete
    assert result.outcome is None
    assert result.records == whole
    assert (result.state, result.torn_bytes) == ("cut", len(data) - data.rfind(b"\n") - 1)
    expected = f"complete up to record {whole - 1}" if whole else "no whole record"
    assert result.message.startswith(expected)
    assert ("torn tail" in result.message) == (not data.endswith(b"\n") and data != b"")


def test_L01_surviving_prefix_has_the_head_of_its_last_record(
    check: Check, good_log: bytes
) -> None:
    lines = lines_of(good_log)
    result = check(joined(lines[:5]) + lines[5][:20])
    assert result.head == hashlib.sha256(lines[4]).hexdigest()


def test_L03_tail_cut_at_a_line_border_and_finished_anew_needs_the_head_to_be_found(
    check: Check, chain_of: ChainOf
) -> None:
    whole = chain_of([STARTED, EVENT % 1, EVENT % 2, FINISHED % 4])
    head = check(whole).head
    assert check(whole, head).ok
    cut = chain_of([STARTED, EVENT % 1, FINISHED % 3])
    assert check(cut).ok
    result = check(cut, head)
    assert not result.ok
    assert result.complete
    assert head in result.message


def test_L04_whole_log_written_anew_needs_the_head_to_be_found(
    check: Check, good_log: bytes, log_of: LogOf
) -> None:
    """A plain chain cannot tell; the docs say so."""
    forged = log_of(2)
    assert check(forged).ok
    result = check(forged, check(good_log).head)
    assert result.first_bad is not None
    assert result.first_bad.seq == LINES - 1


def test_expected_head_tells_which_end_of_a_broken_link_was_changed(
    check: Check, good_log: bytes
) -> None:
    """Without run_finished the last record has no seal; the head can still vouch for it."""
    lines = lines_of(good_log)[:5]
    head = hashlib.sha256(lines[4]).hexdigest()
    lines[4] = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"%b"' % (b"7" * 64), lines[4])
    assert bad_seq(check(joined(lines), head)) == 4
    assert bad_seq(check(joined(lines))) == 3


@pytest.mark.parametrize("head", ["", "abc", "A" * 64, "0" * 63 + "\n"])
def test_expected_head_must_be_a_hash(scratch: Path, head: str) -> None:
    found = re.escape(printable(head))
    with pytest.raises(ValueError, match=f"must be 64 lower-case hex digits, was '{found}'$"):
        verify(scratch, head)


@pytest.mark.parametrize(
    "started",
    [
        STARTED.replace(SCHEMA.encode(), b"sorsim-audit/999"),
        b'"schema":"sorsim-audit/999","kind":"run_started","new_field":[1, 2],"t_ns":"?"',
    ],
)
def test_L05_log_of_another_version_is_refused_by_name(
    check: Check, chain_of: ChainOf, started: bytes
) -> None:
    result = check(chain_of([started, FINISHED % 2]))
    assert bad_seq(result) == 0
    assert f"schema sorsim-audit/999, this version of sorsim reads {SCHEMA}" in result.message


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (EVENT.replace(b'"kind"', b'"kind" ') % 1, "canonical"),
        (EVENT.replace(b'"t_ns":%d', b'"t_ns":1,"t_ns":1'), "canonical"),
        (EVENT.replace(b'"A"', b'"\\u0041"') % 1, "canonical"),
        (b'"t_ns":1,"kind":"venue_event","venue_id":"A","event":"","detail":""', "canonical"),
        (EVENT.replace(b"%d", b"-0"), "canonical"),
        (EVENT.replace(b"%d", b"1.0"), "Expected `int`, got `float`"),
        (EVENT.replace(b"%d", b"NaN"), "malformed"),
        (EVENT.replace(b"%d", b"1" * 5000), "out of range"),
        (EVENT.replace(b'"A"', b"true") % 1, "Expected `str`"),
        (EVENT.replace(b'"A"', b'"\xff"') % 1, "utf-8"),
        (EVENT.replace(b'"A"', b'"\\ud800"') % 1, "record 1"),
        (EVENT % 1 + b',"more":1', "unknown field `more`"),
        (EVENT % 1 + b',"seq":1', "unknown field `seq`"),
        (EVENT % 1 + b',"prev":"' + b"0" * 64 + b'"', "unknown field `prev`"),
        (EVENT % 1 + b',"\\u001b[31m":1', r"unknown field `\x1b[31m`"),
        (EVENT % 1 + b',"\x1b[31m":1', "malformed"),
        (EVENT.replace(b"venue_event", b"\\u001b]0;pwned\\u0007") % 1, "Invalid value"),
        (b'"kind":"quote","t_ns":1', "missing required field"),
        (b'"kind":"venue_event"}{"t_ns":1', "record 1"),
        (b'"kind":' + b"[" * 100_000, "record 1"),
        (STARTED, "run_started must be the first"),
        (EVENT % -1, "t_ns goes back from 0 to -1"),
        (FINISHED % 3, "count of records must be 2, was 3"),
        (b"", "record 1"),
        (b"\x00" * 50, "record 1"),
    ],
)
def test_L06_hostile_record_in_a_right_chain_is_named(
    check: Check, chain_of: ChainOf, body: bytes, reason: str
) -> None:
    result = check(chain_of([STARTED, body, EVENT % 2, FINISHED % 4]))
    assert bad_seq(result) == 1
    assert reason in result.message
    assert len(result.message) < 400


@pytest.mark.parametrize("missing", [EVENT % 0, FINISHED % 1, b'"kind":"run_started"'])
def test_log_must_begin_with_run_started(check: Check, chain_of: ChainOf, missing: bytes) -> None:
    assert bad_seq(check(chain_of([missing, EVENT % 1, FINISHED % 3]))) == 0


def test_nothing_may_follow_run_finished(check: Check, chain_of: ChainOf) -> None:
    data = chain_of([STARTED, EVENT % 1, FINISHED % 3, EVENT % 9])
    result = check(data)
    assert bad_seq(result) == 3
    assert result.state == "broken"
    assert result.message == ("record 3 (line 4): it follows run_finished, which must be the last")
    result = check(data[: data.rindex(b"\n", 0, -1) + 1] + b"{")
    assert bad_seq(result) == 3
    assert "1 bytes follow run_finished" in result.message


def test_nothing_may_follow_run_finished_in_a_later_piece_of_the_file(
    scratch: Path, chain_of: ChainOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are no other lines beside it then, so it would be taken among many at once."""
    data = chain_of([STARTED, EVENT % 1, FINISHED % 3, EVENT % 9])
    scratch.write_bytes(data)
    monkeypatch.setattr(sim.audit.read, "_CHUNK_BYTES", data.rindex(b"\n", 0, -1) + 1)
    result = verify(scratch)
    assert bad_seq(result) == 3
    assert "follows run_finished" in result.message


def test_the_first_record_follows_zeros(check: Check, chain_of: ChainOf) -> None:
    data = chain_of([STARTED, FINISHED % 2]).replace(b"0" * 64, b"1" * 64, 1)
    assert check(data).message == "record 0 (line 1): its prev must be 64 zeros"


def test_only_run_finished_has_a_seal(check: Check, good_log: bytes, chain_of: ChainOf) -> None:
    unsealed = re.sub(rb',"seal":"[0-9a-f]{64}"', b"", good_log)
    assert "its seal is missing" in check(unsealed).message
    line = chain_of([STARTED])[:-2]
    sealed = b'%b,"seal":"%b"}\n' % (line, hashlib.sha256(line).hexdigest().encode())
    assert "only run_finished has a seal" in check(sealed).message


@given(data=st.binary(max_size=2000))
def test_L06_rubbish_is_refused(check: Check, data: bytes) -> None:
    bad_seq(check(data))


@given(data=st.binary(max_size=40), at=st.integers(0), cut=st.integers(0, 40))
def test_L06_rubbish_in_a_log_is_refused(
    check: Check, good_log: bytes, data: bytes, at: int, cut: int
) -> None:
    at %= len(good_log)
    damaged = good_log[:at] + data + good_log[at + cut :]
    assert check(damaged).ok == (damaged == good_log)


def test_L06_huge_line_is_refused_early(tmp_path: Path, good_log: bytes) -> None:
    """A gigabyte of zero bytes behind good lines; only the first part is read."""
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(good_log[:-1].rsplit(b"\n", 1)[0] + b"\n")
        file.truncate(1 << 30)
    result = verify(path)
    assert bad_seq(result) == LINES - 1
    assert f"longer than {LINE_BYTES_MAX} bytes" in result.message


@pytest.mark.slow
def test_line_of_the_greatest_length_is_taken(scratch: Path, chain_of: ChainOf) -> None:
    def log_with_first_line_of(size: int) -> bytes:
        room = size - len(chain_of([STARTED]).rstrip(b"\n")) - len(b'"k":""')
        return chain_of([STARTED.replace(b"{}", b'{"k":"%b"}' % (b"x" * room), 1), FINISHED % 2])

    scratch.write_bytes(log_with_first_line_of(LINE_BYTES_MAX))
    assert verify(scratch).ok
    scratch.write_bytes(log_with_first_line_of(LINE_BYTES_MAX + 1))
    assert bad_seq(verify(scratch)) == 0


def test_time_may_stand_still_but_not_go_back(check: Check, chain_of: ChainOf) -> None:
    times = [0, 0, 5, 5, 4, 6]
    data = chain_of([STARTED, *(EVENT % t for t in times), FINISHED % 8])
    result = check(data)
    assert bad_seq(result) == 5
    assert "goes back from 5 to 4" in result.message


@pytest.mark.parametrize("count", [9, 10, 11, 99, 100, 101, 1001])
def test_sequence_numbers_may_grow_wider(check: Check, chain_of: ChainOf, count: int) -> None:
    bodies = [STARTED, *[EVENT % 1] * (count - 2), FINISHED % count]
    assert check(chain_of(bodies)).records == count


def test_progress_ends_at_the_whole_size(scratch: Path, good_log: bytes) -> None:
    scratch.write_bytes(good_log)
    seen: list[tuple[int, int]] = []
    verify(scratch, on_progress=lambda done, size: seen.append((done, size)))
    assert seen[-1] == (len(good_log), len(good_log))


def test_file_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(AuditFormatError, match="cannot read the audit log"):
            verify(path)


def test_ordinary_lines_are_verified_many_at_once(
    scratch: Path, chain_of: ChainOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the batches with the first and the last record, or where numbers grow wider."""
    alone: list[bytes] = []
    one_by_one = sim.audit.verify._Verification._take

    def count(self: sim.audit.verify._Verification, line: bytes) -> str:
        alone.append(line)
        return one_by_one(self, line)

    events = [EVENT % n for n in range(3_000)]
    scratch.write_bytes(chain_of([STARTED, *events, FINISHED.replace(b":9,", b":3000,") % 3_002]))
    monkeypatch.setattr(sim.audit.read, "_CHUNK_BYTES", 18_000)  # some hundred lines
    monkeypatch.setattr(sim.audit.verify._Verification, "_take", count)
    assert verify(scratch).ok
    assert 300 < len(alone) < 500


def test_L06_huge_line_after_a_broken_link_is_not_read(
    scratch: Path, chain_of: ChainOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is to blame for a link would stand in the next line; here that says nothing."""
    lines = chain_of([STARTED, EVENT % 1, EVENT % 2]).splitlines(keepends=True)
    changed = lines[1].replace(b"halt", b"hold")
    data = b"".join([lines[0], changed, lines[2]])
    monkeypatch.setattr(sim.audit.read, "_CHUNK_BYTES", len(data))
    scratch.write_bytes(data + b"0" * (LINE_BYTES_MAX + 1))
    result = verify(scratch)
    assert bad_seq(result) == 1
    assert "it is not the record whose hash record 2 holds" in result.message


@pytest.mark.parametrize("behind", [0, 3])
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1 << 62, r"Expected `int` <= 4611686018427387903 - at `\$.venue_seq`"),
        (-(1 << 62), r"Expected `int` >= -4611686018427387903 - at `\$.venue_seq`"),
        (10**30, r"Expected `int` <= 4611686018427387903 - at `\$.venue_seq`"),
    ],
)
def test_L06_a_number_that_no_sum_of_64_bits_holds_is_refused(
    check: Check, chain_of: ChainOf, scratch: Path, behind: int, number: int, said: str
) -> None:
    """The chain is right; but what adds such numbers up, in arrays and tables, could not."""
    trade = b'"kind":"trade","t_ns":1,"venue_id":"A","venue_seq":%d,"price":5,"qty":1,'
    trade += b'"aggressor":"buy"'
    lines = [STARTED, *[trade % n for n in (7, number, *range(behind))]]
    result = check(chain_of(lines))
    assert bad_seq(result) == 2
    assert re.fullmatch(said, result.first_bad.reason if result.first_bad else "")
    with pytest.raises(AuditFormatError, match=f":3: record 2: {said}"):
        list(read_records(scratch))


def test_a_scenario_may_have_any_number_of_64_bits(check: Check, chain_of: ChainOf) -> None:
    largest = STARTED.replace(b'"seed":1,', b'"seed":%d,' % (2**63 - 1))
    assert check(chain_of([largest, EVENT % 1, FINISHED % 3])).ok


def test_no_field_of_a_record_holds_any_number_but_the_seed() -> None:
    """Bounds are those of the fields' types, so that a new field cannot forget them."""

    def bare(hint: object) -> bool:
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return any(bare(one.type) for one in msgspec.structs.fields(hint))
        return hint is int or (get_origin(hint) is not Annotated and any(map(bare, get_args(hint))))

    found = {
        (cls.__name__, one.name)
        for cls in RECORD_TYPES
        for one in msgspec.structs.fields(cls)
        if bare(one.type)
    }
    assert found == {("RunStarted", "seed")}
