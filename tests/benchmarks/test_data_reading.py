"""The files that the reading benchmark makes are sound ones, of the rows that it says."""

from pathlib import Path

from benchmarks.data_reading import (
    count_events,
    count_messages,
    count_pairs,
    make_dbn,
    make_lobster,
)
from sim.data import detect_format, inspect_format
from sim.data.inspection import InspectOptions


def test_the_lobster_pair_agrees_step_by_step_within_a_price(tmp_path: Path) -> None:
    messages, book = make_lobster(tmp_path, 900)
    assert (count_messages(messages), count_pairs(messages, book)) == (900, 900)
    assert detect_format(messages) == "lobster"
    found = inspect_format("lobster").inspect(messages, InspectOptions(against=book))
    assert found.agreement == {"one_step": 1.0}
    assert found.problems == ()


def test_the_dbn_file_is_a_market_that_adds_up(tmp_path: Path) -> None:
    path = make_dbn(tmp_path, 800)
    found = inspect_format(detect_format(path)).inspect(path, InspectOptions())
    assert (found.rows, found.problems) == (800, ())
    assert found.facts["action F"] == 100
    # T and F become one execution in place of the cancel.
    assert count_events(path) == 600
