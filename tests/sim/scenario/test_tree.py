"""Reading YAML text: places, what is refused, and the limits that hold against hostile files."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yaml import CBaseLoader

from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.document import Document, parse_document, read_document
from sim.scenario.nodes import MAX_BYTES, MAX_DEPTH, MAX_FINDINGS, MAX_NODES, MAX_TEXT_CHARS

Problems = Callable[..., list[Problem]]
Lines = Callable[..., list[str]]


def findings(text: str | bytes) -> list[str]:
    """The printed problems of reading alone."""
    data = text.encode() if isinstance(text, str) else text
    try:
        document = parse_document(data, "s.yaml")
    except ScenarioError as error:
        return str(error).splitlines()
    return [str(problem) for problem in document.problems()]


def place(document: Document, *path: str | int, of_key: bool = False) -> tuple[int, int]:
    """Line and column of a path."""
    found = document.place(path, of_key=of_key)
    return found.line, found.col


def test_plain_data_of_a_valid_file(document: Document) -> None:
    data = document.data()
    assert not document.findings
    assert data["seed"] == 7
    assert document.raw.startswith(b"schema_version: 1\n")
    assert data["tick_size"] == "0.01"
    assert data["venues"][0]["asks"] == [["100.02", 40000], ["100.03", 30000]]
    assert data["expect"] == {"fill_rate": "== 1"}


def test_places_of_keys_values_and_members(document: Document) -> None:
    assert place(document, "seed", of_key=True) == (3, 1)
    assert place(document, "seed") == (3, 7)
    assert place(document, "venues", 1) == (13, 5)
    assert place(document, "venues", 0, "latency", "order", "delay") == (10, 36)
    assert place(document, "venues", 0, "asks", 1, 0) == (12, 32)


def test_missing_path_is_placed_where_the_mapping_around_it_begins(document: Document) -> None:
    assert place(document, "venues", 0, "latency", "feed", "delay") == (9, 5)
    assert place(document, "venues", 1, "latency", "order") == (13, 5)
    assert place(document, "nothing") == (1, 1)
    assert place(document, "venues", 9, "id") == (6, 1)


def test_S07_column_counts_characters_behind_other_scripts_and_crlf() -> None:
    document = parse_document('a: "日本語😀"\r\nb: {c: "é", d: 1}\r\n'.encode(), "s.yaml")
    assert place(document, "b", "d") == (2, 16)


def test_quoted_and_block_scalars_are_text() -> None:
    text = "a: '1'\nb: \"true\"\nc: |\n  1\nd: >-\n  null\ne: ''\n"
    data = parse_document(text.encode(), "s.yaml").data()
    assert data == {"a": "1", "b": "true", "c": "1\n", "d": "null", "e": ""}


def test_S02_duplicate_key_names_both_places_and_the_first_value_counts() -> None:
    text = "a: {x: 1, y: 2, x: 3}\n"
    assert findings(text) == [
        "s.yaml:1:17: a.x: found the key 'x' a second time, first at 1:5; allowed: once"
    ]
    assert parse_document(text.encode(), "s.yaml").data() == {"a": {"x": 1, "y": 2}}


def test_S02_duplicate_keys_in_quotes_and_deep_below_are_found() -> None:
    text = "a:\n  - b: 1\n    'b': [2]\n    \"\\x62\": 3\n"
    assert [line.split(" ")[0] for line in findings(text)] == ["s.yaml:3:5:", "s.yaml:4:5:"]


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("a: &x 1\n", "s.yaml:1:4: a:", "anchor '&x'"),
        ("a: *x\n", "s.yaml:1:4: a:", "alias '*x'"),
        ("*x : 1\n", "s.yaml:1:1:", "alias '*x'"),
        ("a: !!python/object/apply:os.system [ls]\n", "s.yaml:1:4: a:", "python/object/apply"),
        ("a: !foo x\n", "s.yaml:1:4: a:", "tag '!foo'"),
        ("a: !!str 5\n", "s.yaml:1:4: a:", "tag "),
        ("!!map {a: 1}\n", "s.yaml:1:1:", "tag "),
        ("!k a: 1\n", "s.yaml:1:1:", "tag "),
        ("a: ! x\n", "s.yaml:1:4: a:", "tag '!'"),
        ("a: 1\n<<: {b: 2}\n", "s.yaml:2:1:", "merge key"),
        ("1: x\n", "s.yaml:1:1:", "'1', which is not text"),
        ("true: x\n", "s.yaml:1:1:", "'true', which is not text"),
        ("~: x\n", "s.yaml:1:1:", "'~', which is not text"),
        ("? \n: x\n", "s.yaml:1:2:", "'', which is not text"),
        ("010: x\n", "s.yaml:1:1:", "'010', which is not text"),
        ("? [a]\n: 1\n", "s.yaml:1:3:", "a list or mapping as key"),
        ("? {a: b}\n: {c: d}\n", "s.yaml:1:3:", "a list or mapping as key"),
        ("a: 1\n---\nb: 2\n", "s.yaml:2:1:", "second document"),
        ("%YAML 1.2\n---\na: 1\n", "s.yaml:1:1:", "no directives"),
        ("a: 1\n...\n%TAG ! x:\n---\nb: 1\n", "s.yaml:3:1:", "no directives"),
        ("a: .nan\n", "s.yaml:1:4: a:", "finite numbers only"),
        ("a: [1, 1e999]\n", "s.yaml:1:8: a[1]:", "too large"),
        (f"{'k' * 300}: 1\n", "s.yaml:1:1:", "a key of 300 characters"),
    ],
)
def test_S05_refused_with_its_place(text: str, start: str, message: str) -> None:
    (line,) = findings(text)
    assert line.startswith(start)
    assert message in line


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("", "s.yaml:1:1:", "an empty file"),
        ("# only a comment\n", "s.yaml:1:1:", "an empty file"),
        ("---\n", "s.yaml:", "a single value or a list"),
        ("- 1\n", "s.yaml:1:1:", "a single value or a list"),
        ("hello\n", "s.yaml:1:1:", "a single value or a list"),
        ("a: [1, 2\n", "s.yaml:2:1:", "not valid YAML"),
        ("a: b: c\n", "s.yaml:1:5:", "not valid YAML"),
        ("a:\n\t- 1\n", "s.yaml:2:1:", "a tab; allowed: spaces"),
        ("a: @x\n", "s.yaml:1:4:", "that starts with @ must be quoted"),
        ('a: "\\ud800"\n', "s.yaml:1:", "not valid YAML"),
    ],
)
def test_text_that_is_no_scenario_at_all(text: str, start: str, message: str) -> None:
    (line,) = findings(text)
    assert line.startswith(start)
    assert message in line


def test_all_findings_of_a_file_come_at_once_in_order() -> None:
    text = "a: .inf\nb: &x [010]\nc: *x\nd: {e: 1, e: 2}\n2: f\n"
    lines = findings(text)
    assert [line.split(": ")[0] for line in lines] == [
        "s.yaml:1:4",
        "s.yaml:2:4",
        "s.yaml:2:8",
        "s.yaml:3:4",
        "s.yaml:4:11",
        "s.yaml:5:1",
    ]


def test_what_was_found_before_a_syntax_error_is_told_with_it() -> None:
    lines = findings("a: .inf\nb: [\n")
    assert len(lines) == 2
    assert "finite" in lines[0]
    assert "not valid YAML" in lines[1]


@pytest.mark.parametrize(
    ("data", "start", "message"),
    [
        (b"a: \xff\n", "s.yaml:1:4:", "byte 0xFF"),
        ("é: 1\nb: é".encode() + b"\xe9\n", "s.yaml:2:5:", "byte 0xE9"),
        ("a: 1\n".encode("utf-16"), "s.yaml:1:1:", "UTF-16"),
        ("a".encode("utf-16-le"), "s.yaml:1:2:", "U+0000"),
        (b"a: 1\x00\n", "s.yaml:1:5:", "U+0000"),
        (b"a: \x1b[31mred\n", "s.yaml:1:4:", "U+001B"),
        ("# x\u2028b: 1\n".encode(), "s.yaml:1:4:", "U+2028"),
        (b"a: 1 # hide\rb: 2\n", "s.yaml:1:12:", "U+000D"),
        ("a: 1\n\ufeffb: 2\n".encode(), "s.yaml:2:1:", "U+FEFF"),
        ("a: 'x\u202ey'\n".encode(), "s.yaml:1:6:", "U+202E"),
        ("a: 1 # \u202e 2 :b\n".encode(), "s.yaml:1:8:", "U+202E"),
        ("a: NY\u200bSE\n".encode(), "s.yaml:1:4: a:", "U+200B"),
        (b'a: "NY\\u200bSE"\n', "s.yaml:1:4: a:", "U+200B"),
        (b'a: "\\0"\n', "s.yaml:1:4: a:", "U+0000"),
        ("a: x\u00a0y\n".encode(), "s.yaml:1:4: a:", "U+00A0"),
        ("\uff4eame: x\n".encode(), "s.yaml:1:1:", "printable ASCII"),
        ("n\u0430me: x\n".encode(), "s.yaml:1:1:", r"'n\u0430me'"),
        (b'"a\\nb": x\n', "s.yaml:1:1:", r"'a\nb'"),
    ],
)
def test_S07_character_that_deceives_is_refused(data: bytes, start: str, message: str) -> None:
    (line,) = findings(data)
    assert line.startswith(start)
    assert message in line
    assert line.isascii()


def test_S07_byte_order_mark_crlf_and_other_scripts_in_comments_are_fine() -> None:
    text = "\ufeff# \u06cc\u0627\u062f\u200c\u0647\u0627 日本\r\na: 1\r\nb:\r\n  - x\r\n"
    assert parse_document(text.encode(), "s.yaml").data() == {"a": 1, "b": ["x"]}


def test_S07_full_width_digits_are_text() -> None:
    assert parse_document("a: \uff11\uff12\uff13\n".encode(), "s.yaml").data() == {
        "a": "\uff11\uff12\uff13"
    }


def test_S07_venue_name_of_64_kilobytes_is_printed_short(changed: Callable[..., list[str]]) -> None:
    (line,) = changed("id: NYSE", f"id: {'N' * 65_000}")
    assert "(65000 characters)" in line
    assert len(line) < 300


def test_S08_nothing_is_included_or_expanded() -> None:
    data = parse_document(b"a: ${HOME}\nb: $HOME\nc: include other.yaml\n", "s.yaml").data()
    assert data == {"a": "${HOME}", "b": "$HOME", "c": "include other.yaml"}
    (line,) = findings("a: !include other.yaml\n")
    assert "no tags" in line


def test_depth_and_text_limits_hold_exactly() -> None:
    deep = MAX_DEPTH - 1
    assert findings(f"a: {'[' * deep}{']' * deep}\n") == []
    assert "deeper than" in findings(f"a: {'[' * (deep + 1)}{']' * (deep + 1)}\n")[0]
    assert findings(f"a: {'x' * MAX_TEXT_CHARS}\n") == []
    assert "65537 characters" in findings(f"a: {'x' * (MAX_TEXT_CHARS + 1)}\n")[0]


def test_number_of_findings_is_bounded() -> None:
    lines = findings("a: [" + "*x, " * 1000 + "]\n")
    assert len(lines) == MAX_FINDINGS + 1
    assert "only the first" in lines[-1]


def test_file_that_cannot_be_read_is_a_scenario_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "no.yaml")


@pytest.mark.parametrize("name", ["", "/dev/null", "/dev/zero", "bad\x00name"])
def test_S06_directory_device_and_nul_in_the_name_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_document(f"{tmp_path}/{name}" if not name.startswith("/") else name)
    assert str(caught.value).isprintable()


def test_S06_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ScenarioError, match="a regular file"):
        read_document(tmp_path / "pipe.yaml")


def test_S07_name_of_the_file_is_printed_escaped(tmp_path: Path) -> None:
    file = tmp_path / "a\x1b[31m\nb.yaml"
    file.write_text("a: .inf\n")
    (problem,) = read_document(file).problems()
    assert str(problem).isprintable()


def test_S04_file_of_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    file.touch()
    os.truncate(file, 2**30)  # sparse: takes no room on the disk
    start = time.process_time()
    with pytest.raises(ScenarioError, match="found 1073741824 bytes; allowed: at most 8388608"):
        read_document(file)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: " + "[" * 100_000, "nested deeper"),
        ("a: " + "{b: " * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("? " * 100_000, "nested deeper"),
        ("a: " + "x" * 10**6, "1000000 characters"),
        ('a: "' + "x" * 10**6 + '"', "1000000 characters"),
        ("a: " + "9" * 60_000, "a number of 60000 characters"),
        ("x" * 10**6 + ": 1", "not valid YAML"),
        ('? "' + "x" * 10**6 + '"\n: 1', "a key of 1000000 characters"),
    ],
    ids=lambda value: value[:12],
)
def test_S04_deep_or_long_text_is_refused_at_once(text: str, message: str) -> None:
    start = time.process_time()
    lines = findings(text)
    assert time.process_time() - start < 0.5
    assert any(message in line for line in lines)
    assert all(len(line) < 500 for line in lines)


def test_S04_alias_bomb_is_refused_alias_by_alias() -> None:
    levels = [f"{chr(97 + i)}: &{chr(97 + i)} [{f'*{chr(96 + i)}, ' * 9}]" for i in range(1, 11)]
    text = "a: &a [lol]\n" + "\n".join(levels)
    start = time.process_time()
    lines = findings(text)
    assert time.process_time() - start < 0.5
    assert all("no anchors and aliases" in line for line in lines[:-1])


_HOSTILE = """
import resource, sys, time
from sim.protocol.errors import ScenarioError
from sim.scenario.document import parse_document
size = 8 * 2**20
made = {
    "nodes": lambda: b"a:\\n" + b"- 1\\n" * ((size - 3) // 4),
    "keys": lambda: b"".join(b"k%d: 1\\n" % i for i in range(600_000)),
    "text": lambda: b"a: " + b"x" * (size - 3),
    "quoted": lambda: b'a: "' + b"x" * (size - 5) + b'"',
    "bidi": lambda: b"#" + "\\u202e".encode() * (size // 3 - 1),
    "nul": lambda: b"\\0" * size,
    "directives": lambda: b"%TAG !a! tag:x\\n" * (size // 15),
    "flow": lambda: b"a: [" + b"[]," * (size // 3 - 2),
}[sys.argv[1]]()
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    problems = parse_document(made, "s.yaml").problems()
except ScenarioError as error:
    problems = error.problems
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert problems
print(time.process_time() - start, (after - before) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["nodes", "keys", "text", "quoted", "bidi", "nul", "directives", "flow"]
)
def test_S04_largest_hostile_file_takes_a_second_and_100_megabytes(name: str) -> None:
    """In a process of its own, since the peak of memory use is one per process."""
    done = subprocess.run(
        [sys.executable, "-c", _HOSTILE, name], capture_output=True, text=True, check=True
    )
    seconds, megabytes = done.stdout.split()
    assert float(seconds) < 1
    assert int(megabytes) < 100


@pytest.mark.slow
def test_S09_more_values_than_allowed_are_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many follow, the parser is asked for no more than those that are allowed."""
    asked = 0

    class Counting(CBaseLoader):
        def get_event(self) -> Any:
            nonlocal asked
            asked += 1
            return super().get_event()

    monkeypatch.setattr("sim.scenario.tree.CBaseLoader", Counting)
    data = b"a: [" + b"1, " * 10 * MAX_NODES + b"]\n"
    assert len(data) < MAX_BYTES
    (line,) = findings(data)
    assert f"more than {MAX_NODES} keys and values" in line
    assert MAX_NODES < asked < MAX_NODES + 10
