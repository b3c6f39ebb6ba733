"""P02, L01: what was cut short is run again, compared with what is left, and completed."""

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from sim.audit.read import LINE_FORM
from sim.protocol.errors import AuditFormatError, DataFormatError, ScenarioError
from sim.scenario.load import load_scenario
from sim.study.resume import Cut, Resumed, compare_cut, load_cut
from sim.world import run_world


def bodies(log: bytes) -> list[bytes]:
    """The records of a log's whole lines, without what chains them."""
    forms = [LINE_FORM.fullmatch(line) for line in log.splitlines()]
    return [form[2] for form in forms if form is not None]


def chained(records: list[bytes]) -> bytes:
    """A log with these records and a chain that is right."""
    prev, out = "0" * 64, b""
    for seq, body in enumerate(records):
        line = b'{"seq":%d,%b,"prev":"%b"}' % (seq, body, prev.encode())
        prev, out = hashlib.sha256(line).hexdigest(), out + line + b"\n"
    return out


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The log of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    run_world(load_scenario("fragmented"), folder=folder)
    return (folder / "audit.jsonl").read_bytes()


def resume(log: Path, folder: Path) -> tuple[Resumed, bytes]:
    folder.mkdir()
    cut, loaded = load_cut(log)
    run_world(loaded, folder=folder)
    again = folder / "audit.jsonl"
    return compare_cut(cut, again), again.read_bytes()


def refusal(log: Path) -> str:
    with pytest.raises(AuditFormatError) as error:
        load_cut(log)
    assert str(log) in str(error.value)
    return str(error.value)


def test_P02_L01_the_new_log_equals_that_of_an_uninterrupted_run_from_any_cut(
    whole: bytes, tmp_path: Path
) -> None:
    """Cuts at line borders and in the middle of lines; the facts of each cut are stated."""
    lines = whole.splitlines(keepends=True)
    log = tmp_path / "log.jsonl"
    for number, (kept, torn) in enumerate([(1, 0), (2, 1), (20, 77), (len(lines) - 1, 100)]):
        left = b"".join(lines[:kept])
        log.write_bytes(left + lines[kept][:torn])
        resumed, again = resume(log, tmp_path / f"again{number}")
        assert again == whole
        assert resumed.verdict == "completed"
        assert (resumed.equal, resumed.first) == (kept, None)
        assert resumed.cut == Cut(str(log), kept, len(left), torn, resumed.cut.head)
        assert log.read_bytes() == left + lines[kept][:torn]  # it is only read


def test_P02_a_log_that_lacks_its_last_newline_alone_is_completed(
    whole: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole[:-1])
    resumed, again = resume(log, tmp_path / "again")
    assert (again, resumed.verdict) == (whole, "completed")


def test_P02_zeros_that_a_power_cut_left_in_place_of_bytes_are_no_difference(
    whole: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole[:9_000] + bytes(3_000))
    resumed, again = resume(log, tmp_path / "again")
    assert (again, resumed.verdict) == (whole, "completed")
    assert resumed.cut.torn_bytes > 3_000


def test_P02_a_record_that_is_not_the_runs_is_named_with_both_versions(
    whole: bytes, tmp_path: Path
) -> None:
    """The chain is whole, so only the run again can tell."""
    records = bodies(whole)[:10]
    records[9] = records[9].replace(b'"t_ns":', b'"t_ns":1', 1)
    log = tmp_path / "log.jsonl"
    log.write_bytes(chained(records))
    resumed, again = resume(log, tmp_path / "again")
    assert (resumed.verdict, resumed.equal) == ("differs", 9)
    assert resumed.first is not None
    assert [change.path for change in resumed.first.fields] == ["t_ns"]
    assert "DIFFERS: record 9 (line 10)" in resumed.message
    assert again == whole  # a run of its own, all the same


def test_P02_a_torn_tail_that_is_not_the_runs_differs(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = whole.splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]) + b'{"seq":3,"kind":"nothing')
    resumed, _ = resume(log, tmp_path / "again")
    assert (resumed.verdict, resumed.equal) == ("differs", 3)
    assert "what is left of the record there is not that of the run again" in resumed.message


def test_P02_an_interrupted_run_again_was_not_compared(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole[:9_000])
    cut, _ = load_cut(log)
    resumed = compare_cut(cut, log, interrupted=True)
    assert (resumed.verdict, resumed.equal) == ("interrupted", 0)


# ------------------------------------------------------------ refusals


def test_L01_a_log_with_its_end_is_not_completed(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole)
    assert "it has its end (complete): there is nothing to complete" in refusal(log)


def test_L02_a_log_that_is_broken_before_it_breaks_off_is_refused(
    whole: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    lines = whole.splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:5] + lines[6:20]))
    words = refusal(log)
    assert "broken before it ends: record 5 (line 6)" in words
    assert "(head -n 5)" in words
    log.write_bytes(b"".join(lines[:5]))
    assert resume(log, tmp_path / "again")[0].verdict == "completed"


@pytest.mark.parametrize("content", [b"", b"{", b'{"seq":0', b"\0" * 100])
def test_L01_without_a_whole_record_there_is_nothing_to_go_by(
    content: bytes, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(content)
    assert "holds no whole record" in refusal(log)


def test_L05_a_log_of_another_version_is_refused_by_name(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole.replace(b'"schema":"sorsim-audit/', b'"schema":"sorsim-audit/99', 1))
    assert "the log has schema sorsim-audit/99" in refusal(log)
    log.write_bytes(whole.replace(b'"code_version":"', b'"code_version":"99\\u001b', 1))
    words = refusal(log)
    assert r"written by sorsim 99\x1b" in words
    assert words.isprintable()


def test_P02_a_run_that_real_time_paced_is_not_repeatable(whole: bytes, tmp_path: Path) -> None:
    """A killed run leaves the manifest of its beginning, which says so."""
    log = tmp_path / "audit.jsonl"
    log.write_bytes(whole[:9_000])
    manifest = {"exit_code": None, "clock": {"kind": "wall"}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert "real time paced its run (--clock wall)" in refusal(log)


def test_L07_a_log_that_is_being_written_is_refused(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(whole[:9_000])
    with log.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert "a run is writing it" in refusal(log)
    assert load_cut(log)[0].records > 0


def test_P02_missing_data_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    loaded = load_scenario("three_real_books")
    run_world(loaded, folder=folder)
    log = folder / "audit.jsonl"
    head = bodies(log.read_bytes().split(b"\n", 1)[0])
    log.write_bytes(chained(head))
    assert load_cut(log)[0].records == 1
    (name, digest), *_ = loaded.file_hashes().items()
    log.write_bytes(chained([head[0].replace(digest.encode(), b"0" * 64)]))
    with pytest.raises(DataFormatError, match="data that the run used was not found") as error:
        load_cut(log)
    assert name in str(error.value)


def test_code_of_the_scenarios_own_runs_only_if_allowed(whole: bytes, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    head = bodies(whole)[0]
    assert b'"plugins":[]' in head
    log.write_bytes(chained([head.replace(b'"plugins":[]', b'"plugins":["own_module:Own"]')]))
    with pytest.raises(ScenarioError, match="--allow-code"):
        load_cut(log)
