"""What reaches a terminal holds nothing that it would obey, and JSON stays the same document."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli.echo import escaped, json_text

HOSTILE = "a\x1b[2J\x9b31m\u202eb\u200bc\u2028d\x7f\U000e0001"


def test_S07_the_one_code_that_json_leaves_and_ascii_has_is_escaped() -> None:
    assert json_text("a\x7f") == '"a\\u007f"'


@pytest.mark.parametrize("indent", [0, 2])
def test_S07_json_for_a_terminal_is_printable_and_says_the_same(indent: int) -> None:
    document = {HOSTILE: [HOSTILE, "\u5317\u4eac", 1, None]}
    text = json_text(document, indent=indent)
    assert text.replace("\n", "").isprintable()
    assert "\u5317\u4eac" in text
    assert json.loads(text) == document


def test_S07_bytes_of_a_file_name_that_are_no_utf8_are_escaped() -> None:
    text = json_text({"log": b"a\xff".decode("utf-8", "surrogateescape"), "n": [("x", 1)]})
    assert json.loads(text) == {"log": "a\\udcff", "n": [["x", 1]]}


def test_S07_text_keeps_its_lines() -> None:
    assert escaped(f"one\n{HOSTILE}").startswith("one\na\\x1b[2J\\x9b31m\\u202eb")


def test_S07_every_json_of_a_file_with_a_hostile_name_is_one_printable_document(
    tmp_path: Path, invoke: Callable[..., Any]
) -> None:
    path = tmp_path / b"x\xff\x1b[2J\xe2\x80\xae".decode("utf-8", "surrogateescape")
    path.write_text("1,2\n")
    for args in (["verify"], ["inspect"], ["validate"], ["replay"], ["diff", str(path)]):
        done = invoke(*args, "--json", str(path))
        assert done.code in {1, 2}
        assert done.out.replace("\n", "").isprintable()
        assert done.err.replace("\n", "").isprintable()
        json.loads(done.out)
