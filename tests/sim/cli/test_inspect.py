"""``sorsim inspect``: what it prints, its document, its exit codes."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli.inspect import SHOWN_PROBLEMS, clock_text
from sim.data import FORMATS, inspect_format

HEADER = "t_ns,venue,event,side,price,qty,order_id\n"
GOOD = HEADER + "0,XNAS,add,bid,9.99,100,1\n1500,XNAS,add,ask,10.01,100,2\n"
BAD = GOOD + "9,XNAS,delete,,,,1\n1600,XNAS,execute,ask,10.01,500,2\n1700,XNAS,add,bid,x,1,3\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.events.csv").write_text(GOOD)
    (tmp_path / "bad.events.csv").write_text(BAD)
    return tmp_path


def test_exit_0_and_the_document_of_a_sound_file(invoke: Callable[..., Any], files: Path) -> None:
    done = invoke("inspect", "good.events.csv", "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert list(document)[:7] == [
        "format", "rows", "venues", "first_ns", "last_ns", "problems", "agreement",
    ]  # fmt: skip
    assert document["format"] == "events"
    assert (document["rows"], document["venues"]) == (2, ["XNAS"])
    assert (document["first_ns"], document["last_ns"]) == (0, 1500)
    assert (document["problems"], document["agreement"]) == ([], {})


def test_exit_1_and_problems_with_their_lines(invoke: Callable[..., Any], files: Path) -> None:
    done = invoke("inspect", "bad.events.csv", "--json")
    assert done.code == 1
    document = json.loads(done.out)
    assert document["rows"] == 3
    assert [problem["line"] for problem in document["problems"]] == [4, 5, 6]
    assert document["problems"][0]["what"] == "t_ns must not go back, was 9 after 1500"
    assert document["left_out"] == 2
    assert document["problem_counts"] == {"row left out": 2, "more taken than the order had": 1}


def test_people_get_counts_by_kind_and_the_first_lines(
    invoke: Callable[..., Any], files: Path
) -> None:
    done = invoke("inspect", "bad.events.csv")
    assert done.code == 1
    for text in ("rows          3", "left out      2 rows", "problems      3", "2  row left out",
                 "line 5: XNAS: execute of 500 of order 2, which has 100"):  # fmt: skip
        assert text in done.out


def test_a_long_list_is_cut_for_people_and_whole_in_json(
    invoke: Callable[..., Any], files: Path
) -> None:
    (files / "many.events.csv").write_text(GOOD + "2000,XNAS,delete,,,,9\n" * 100)
    done = invoke("inspect", "many.events.csv")
    assert done.out.count("line ") == SHOWN_PROBLEMS
    assert "... 80 more (--json lists them)" in done.out
    assert "problems      100" in done.out
    assert len(json.loads(invoke("inspect", "many.events.csv", "--json").out)["problems"]) == 100


def test_skip_bad_judges_the_rest(invoke: Callable[..., Any], files: Path) -> None:
    (files / "odd.events.csv").write_text(GOOD + "1700,XNAS,add,bid,x,1,3\n")
    assert invoke("inspect", "odd.events.csv").code == 1
    done = invoke("inspect", "odd.events.csv", "--skip-bad")
    assert done.code == 0
    assert "left out      1 rows could not be read" in done.out
    assert invoke("inspect", "bad.events.csv", "--skip-bad").code == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.csv", None, "cannot be read"),
        ("empty.csv", b"", "is empty"),
        ("text.csv", b"hello\n", "is of no known format"),
        ("nul.csv", bytes(100), "is of no known format"),
        ("cut.gz", gzip.compress(GOOD.encode(), mtime=0)[:9], "cut off"),
    ],
)
def test_C01_exit_2_for_what_cannot_be_read_at_all(
    invoke: Callable[..., Any], files: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (files / name).write_bytes(content)
    done = invoke("inspect", name, "--json")
    assert done.code == 2
    assert words in done.err
    assert json.loads(done.out)["error"]["kind"] == "data_format"


def test_several_files_are_a_list(invoke: Callable[..., Any], files: Path) -> None:
    done = invoke("inspect", "good.events.csv", "bad.events.csv", "--json")
    assert done.code == 1
    assert [one["rows"] for one in json.loads(done.out)] == [2, 3]
    done = invoke("inspect", "good.events.csv", "good.events.csv")
    assert done.out.count("problems      none") == 2


def test_against_goes_with_one_file_and_a_format_that_has_partners(
    invoke: Callable[..., Any], files: Path
) -> None:
    names = ["good.events.csv", "bad.events.csv"]
    assert invoke("inspect", *names, "--against", names[0]).code == 2
    done = invoke("inspect", names[0], "--against", names[1])
    assert done.code == 2
    assert "have no partner file" in done.err


def test_a_packed_file_is_told_by_its_content(invoke: Callable[..., Any], files: Path) -> None:
    (files / "packed.events.csv").write_bytes(gzip.compress(GOOD.encode()))
    assert invoke("inspect", "packed.events.csv").code == 0


def test_recorded_level_data_are_inspected(
    invoke: Callable[..., Any], files: Path, project_root: Path
) -> None:
    (files / "a.l2.csv").write_text(
        "t_ns,event,side,price,qty\n0,level,bid,9.99,5\n0,level,ask,10,5\n"
        "5,shift,bid,0.02,\n6,shift,bid,0,\n7,level,bid,x,5\n"
    )
    done = invoke("inspect", "a.l2.csv", "--json")
    assert done.code == 1
    document = json.loads(done.out)
    assert (document["format"], document["rows"]) == ("recorded_l2", 4)
    assert [one["line"] for one in document["problems"]] == [4, 6]


def test_notes_go_to_stderr_also_with_json(invoke: Callable[..., Any], files: Path) -> None:
    head = "ts_event,publisher_id,action,side,price,size,sequence,order_id\n"
    (files / "mbo.csv").write_text(head + "2025-07-17T07:05:09Z,2,A,B,9.98,5,1,1\n")
    for more in ([], ["--json"]):
        done = invoke("inspect", "mbo.csv", *more)
        assert done.code == 0
        assert "WARNING: all records are of one publisher (2)" in done.err


def test_times_are_shown_as_dates_or_since_midnight() -> None:
    assert clock_text(34_200_000_000_001) == "09:30:00.000000001"
    assert clock_text(1_752_735_909_035_627_674) == "2025-07-17 07:05:09.035627674 UTC"


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_detects_and_inspects(name: str) -> None:
    module = inspect_format(name)
    assert module.detect.__doc__
    assert module.inspect.__doc__
    assert not module.detect(Path("a.txt"), b"nonsense\n")
