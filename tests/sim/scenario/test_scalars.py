"""Plain scalars follow the YAML 1.2 core schema; what loses something is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.scalars import MAX_INT, ScalarError, resolve_plain, shown, unprintable


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("10", 10),
        ("+5", 5),
        ("-5", -5),
        ("0x1F", 31),
        ("0o17", 15),
        (str(MAX_INT), MAX_INT),
        ("0.5", 0.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("0.0", 0.0),
        ("0e999", 0.0),
    ],
)
def test_core_schema_value(text: str, value: object) -> None:
    resolved = resolve_plain(text)
    assert resolved == value
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("NO", "no", "yes", "on", "Off", "y", "10:30", "12:30:00", "1_000", "2024-01-31"),
        *("inf", "nan", "NaN", "Infinity", "tRUE", "nULL", "0b11", "0x", "-0x1F", "1e", ".", "-"),
        *(
            "\uff11\uff12\uff13",
            "1,000",
            "5ms",
            "1.2.3",
            "+-1",
            "0o8",
            "0X1F",
            "--",
            "1 2",
            "=",
            "${HOME}",
        ),
    ],
)
def test_S03_is_text_and_not_what_yaml_1_1_would_make_of_it(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    "text", [".inf", "-.inf", "+.INF", ".Inf", ".nan", ".NaN", ".NAN", "-0.0", "-0", "-.0", "-0e5"]
)
def test_D05_non_finite_and_minus_zero_are_refused(text: str) -> None:
    with pytest.raises(ScalarError):
        resolve_plain(text)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e-320", "1e-400", "-4.9e-324"])
def test_D05_float_beyond_its_range_is_refused(text: str) -> None:
    with pytest.raises(ScalarError, match=r"too large|too close to 0"):
        resolve_plain(text)


@pytest.mark.parametrize(
    "text", [str(2**63), str(-(2**63)), "1" + "0" * 30, "0xFFFFFFFFFFFFFFFF", "9" * 5000]
)
def test_D06_huge_integer_is_refused(text: str) -> None:
    with pytest.raises(ScalarError):
        resolve_plain(text)


@pytest.mark.parametrize("text", ["010", "-010", "00", "007.5", "+01"])
def test_S03_leading_zero_is_refused_because_readers_differ(text: str) -> None:
    with pytest.raises(ScalarError, match="leading zero"):
        resolve_plain(text)


@given(st.text(max_size=50))
def test_any_text_is_resolved_or_refused(text: str) -> None:
    try:
        value = resolve_plain(text)
    except ScalarError:
        return
    assert value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, str):
        assert value == text


@given(st.integers(min_value=-MAX_INT, max_value=MAX_INT))
def test_integers_come_back(number: int) -> None:
    assert resolve_plain(str(number)) == number


@pytest.mark.parametrize(
    ("text", "char"),
    [
        ("plain é 日本 text\n\twith breaks", None),
        ("a\u200bb", "\u200b"),
        ("a\u202eb", "\u202e"),
        ("a\u00a0b", "\u00a0"),
        ("a\x00", "\x00"),
        ("\x1b[31m", "\x1b"),
        ("a\rb", "\r"),
        ("\ufeff", "\ufeff"),
    ],
)
def test_S07_unprintable_character_is_found(text: str, char: str | None) -> None:
    assert unprintable(text) == char


def test_S07_shown_text_is_ascii_and_short() -> None:
    assert shown("a\u202eb") == r"'a\u202eb'"
    assert shown("x" * 10**6) == f"'{'x' * 50}'... (1000000 characters)"
