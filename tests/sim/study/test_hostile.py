"""L06: whatever a log holds, questions to it end in an answer or in an error for its reader."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.protocol.errors import AuditFormatError, SorsimError
from sim.report.explain import explain
from sim.report.rebuild import replay
from sim.scenario.load import load_scenario
from sim.study.diff import diff
from sim.study.header import read_header
from sim.world import run_world

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [0, -1, 1, 2**62, -(2**62), None, True, "", "x", "NaN", "1e999", "-0", "\x1b[31m", "1", [], {}]
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sets = ["router.strategy.kind=min_risk", "venues[NYSE].fees.taker='0.003'"]
    run_world(load_scenario("partial_fill", sets=sets), folder=folder)
    return folder / "audit.jsonl"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in plain data."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new


def ask(log: Path, changed: Path) -> None:
    """Ask everything that needs no new run; only errors for the reader may come out."""
    questions: list[Callable[[], Any]] = [
        lambda: replay(changed),
        lambda: diff(log, changed),
        lambda: diff(changed, log),
        lambda: explain(changed, "D1"),
        lambda: explain(changed, "D2"),
        lambda: read_header(changed),
        *(lambda name=name: explain(changed, name) for name in ("P1.DARK_B.1", "P1.NYSE.1")),
    ]
    said: list[str] = []
    for question in questions:
        try:
            question()
        except SorsimError as error:
            said.append(str(error))
    assert all(one.isprintable() for one in said)


@pytest.mark.slow
def test_L06_values_of_the_wrong_size_or_kind(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines()
    rows = [json.loads(line) for line in lines]
    spots = [(n, place) for n, row in enumerate(rows) for place in places(row) if place]
    changed = tmp_path / "changed"

    @settings(max_examples=300)
    @given(st.lists(st.tuples(st.sampled_from(spots), VALUES), min_size=1, max_size=3))
    def check(changes: list[tuple[tuple[int, tuple[Any, ...]], Any]]) -> None:
        copy = json.loads(json.dumps(rows))
        for (n, place), value in changes:
            try:
                put(copy[n], place, value)
            except (KeyError, IndexError, TypeError):
                continue  # an earlier change took the place away
        text = "\n".join(json.dumps(row, separators=(",", ":")) for row in copy) + "\n"
        changed.write_text(text, encoding="utf-8")
        ask(log, changed)

    check()


@pytest.mark.slow
def test_L06_bytes_that_are_flipped_lost_or_doubled(log: Path, tmp_path: Path) -> None:
    data = log.read_bytes()
    changed = tmp_path / "changed"

    @settings(max_examples=150)
    @given(
        st.integers(0, len(data) - 1),
        st.integers(0, len(data) - 1),
        st.binary(max_size=5),
    )
    def check(start: int, end: int, new: bytes) -> None:
        start, end = min(start, end), max(start, end)
        end = min(end, start + 40)
        changed.write_bytes(data[:start] + new + data[end:])
        ask(log, changed)

    check()


def test_L06_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for question in (replay, lambda path: explain(path, "D1"), lambda path: diff(path, path)):
        with pytest.raises(AuditFormatError, match="not a regular file"):
            question(pipe)
