"""Durations as scenarios write them."""

import pytest

from sim.protocol.units import MAX_NS, UnitError, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0ns", 0),
        ("5ms", 5_000_000),
        ("1.5us", 1_500),
        ("2 min", 120_000_000_000),
        ("0.000000001s", 1),
        ("000.50ms", 500_000),
        ("1." + 30 * "0" + "ms", 1_000_000),
    ],
)
def test_whole_nanoseconds_are_read(text: str, ns: int) -> None:
    assert parse_duration(text) == ns
    assert parse_duration(format_duration(ns)) == ns


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.5ns", "whole nanoseconds"),
        ("1.0000000001s", "whole nanoseconds"),
        # More digits than a decimal number keeps by default: none of them may go unseen.
        ("1.000000000000000000000000000000001ms", "whole nanoseconds"),
        (f"{MAX_NS + 1}ns", "at most"),
        ("5", "must be a duration with a unit"),
        ("-5ms", "must be a duration with a unit"),
        (".5ms", "must be a duration with a unit"),
        ("\u0665ms", "must be a duration with a unit"),
        ("1" * 40 + "ms", "must be a duration with a unit"),
    ],
)
def test_all_else_is_refused(text: str, says: str) -> None:
    with pytest.raises(UnitError, match=says):
        parse_duration(text)
