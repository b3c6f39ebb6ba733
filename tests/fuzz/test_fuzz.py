"""Stored inputs of all parsers, past failures among them, are fed again; and a little fuzzing.

In a process of its own, since what watches over files, commands and memory holds for a process.
``make fuzz`` does it in earnest.
"""

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sim.data import CONVERTERS, FORMATS
from tests.fuzz.__main__ import CORPUS, stored
from tests.fuzz.logs import edited
from tests.fuzz.mutate import mutate_bytes, mutate_edits
from tests.fuzz.targets import TARGETS

NEEDS_A_RUN = ("log_bytes", "manifest", "study_file", "table_file", "sql", "journal")
"""Their sound inputs are made by runs and sweeps, which take a while."""


def fuzz(root: Path, names: list[str], seconds: float) -> list[dict[str, Any]]:
    args = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(seconds), *names]
    done = subprocess.run(args, cwd=root, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["parser"] for row in rows] == names
    return rows


def test_S01_S08_C01_L06_what_broke_a_parser_before_does_so_no_more(project_root: Path) -> None:
    names = [name for name in TARGETS if name not in NEEDS_A_RUN]
    rows = fuzz(project_root, names, 0)
    assert [row["found"] for row in rows if row["found"]] == []
    assert all(row["inputs"] >= row["stored"] > 0 for row in rows)


@pytest.mark.slow
def test_S01_S08_C01_L06_a_second_of_changed_inputs_for_every_parser(project_root: Path) -> None:
    rows = fuzz(project_root, list(TARGETS), 1)
    assert [row["found"] for row in rows if row["found"]] == []
    assert all(row["inputs"] > row["stored"] for row in rows)


def test_every_format_and_converter_is_fuzzed_from_a_stored_sample() -> None:
    for name in {**FORMATS, **CONVERTERS}:
        assert stored(f"data_{name}"), f"put a small sound sample into {CORPUS}/data_{name}"


def test_stored_inputs_are_those_of_known_parsers_and_small() -> None:
    for path in CORPUS.rglob("*"):
        assert path.is_dir() or path.stat().st_size < 128 << 10, path
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_edits])
def test_changes_are_a_function_of_the_seed(mutate: Any) -> None:
    data = b'{"a": [1, 2.5]}\nx,y\n'
    assert mutate(Random(7), data, [data]) == mutate(Random(7), data, [data]) != data


def test_an_edited_log_has_a_chain_that_is_right() -> None:
    log = b'{"seq":0,"t_ns":1,"kind":"a","prev":"%b"}\n' % (b"0" * 64)
    two = edited(log, b'["double", 0, 0, 0]\n["set", 1, 1, "x"]\nno edit')
    first, second = two.splitlines()
    import hashlib

    assert first == log.strip()
    assert second.startswith(b'{"seq":1,"t_ns":1,"kind":"x","prev":"')
    assert hashlib.sha256(first).hexdigest().encode() in second
