"""Numbers as a reader wants them, and nothing made up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.attribution.causes import Cause
from sim.report.page.form import Instrument
from sim.report.page.plots.base import NAME_MAX, plain_text, short_name
from sim.report.page.render import asset, visible
from sim.report.page.tables import choose, shown_of
from sim.report.page.text import MINUS, NONE, Figures, bps, cause, money, percent, sentences, signed


def test_no_name_turns_the_words_behind_it_round() -> None:
    """U+202E writes all that follows from right to left, in a page as on a terminal."""
    assert visible("a\u202eb\x07") == "a\\u202eb\\x07"
    assert visible("שלום\n") == "שלום\n"
    assert plain_text("a\u202e<b") == "a\\u202e&lt;b"


def test_long_names_keep_both_ends_in_a_chart() -> None:
    assert short_name("NYSE") == "NYSE"
    names = {short_name(f"VENUE_{'X' * 56}_{n}") for n in (1, 2)}
    assert len(names) == 2
    assert max(map(len, names)) == NAME_MAX


@pytest.mark.parametrize("one", list(Cause))
def test_a_cause_begins_with_the_name_that_the_headline_calls_it_by(one: Cause) -> None:
    assert cause(one.value).startswith(one.value.replace("_", " "))
    assert len(cause(one.value)) <= 30, "on a narrow screen the bars would have no room"


BITCOIN = Figures(Instrument("BTC", "0.01", "0.00001"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.034999", "+10.03"),
        ("-0.1154", f"{MINUS}0.12"),
        ("0.00003", "+0.00003"),
        ("-0.0000", "0.00"),
        ("1234.5", "+1,234.50"),
        (None, NONE),
    ],
)
def test_basis_points(text: str | None, shown: str) -> None:
    assert bps(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("1235.316", "1,235.32"), ("-271.5", f"{MINUS}271.50"), ("0", "0.00"), ("0.004", "0.004")],
)
def test_money(text: str, shown: str) -> None:
    assert money(text) == shown


@pytest.mark.parametrize(
    ("part", "of", "shown"),
    [
        (1, 3, "33.3 %"),
        (1, 1, "100 %"),
        (0, 5, "0 %"),
        (999_999, 1_000_000, "over 99.9 %"),
        (1, 1_000_000, "under 0.1 %"),
        (0, 0, NONE),
    ],
)
def test_a_share_is_whole_only_if_it_is(part: int, of: int, shown: str) -> None:
    assert percent(part, of) == shown


def test_quantities_and_prices_have_the_digits_of_their_steps() -> None:
    assert BITCOIN.qty(2_000_000) == "20.00000"
    assert BITCOIN.about(2_000_000) == "20"
    assert BITCOIN.qty(None) == NONE
    assert BITCOIN.price("61765.98") == "61,765.98"
    assert BITCOIN.average("61765.81965772") == "61,765.8197"
    assert BITCOIN.average("100.01000000") == "100.01"
    assert BITCOIN.average("100.00500000") == "100.005"


def test_sentences_begin_and_end() -> None:
    assert sentences(["as known", None, "", "is it?"]) == "As known. Is it?"


@given(st.decimals(-(10**9), 10**9, places=12), st.integers(0, 6))
def test_a_number_that_is_not_zero_never_reads_as_zero(value: object, digits: int) -> None:
    text = f"{value:f}"
    is_zero = not re.search(r"[1-9]", text)
    shown = signed(text, digits)
    assert bool(re.search(r"[1-9]", shown)) is not is_zero
    assert shown.startswith(MINUS) is (text.startswith("-") and not is_zero)


@given(st.lists(st.integers(0, 9)), st.integers(1, 12))
def test_choosing_keeps_the_first_and_the_weightiest(weights: list[int], most: int) -> None:
    rows = list(enumerate(weights))
    kept = choose(rows, most, lambda row: row[1])
    assert kept == sorted(kept)
    assert len(kept) == min(most, len(rows))
    first = most - most // 2
    assert kept[:first] == rows[:first]
    left = [weight for row in rows if row not in kept for weight in row[1:]]
    later = [weight for _, weight in kept[first:]]
    assert not left or not later or min(later) >= max(left)
    assert bool(shown_of(len(kept), len(rows), "rows", "the largest")) is (len(kept) < len(rows))


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio. Source: WCAG 2.2, definition of contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_and_marks_stand_out_from_the_paper(scheme: int) -> None:
    blocks = re.findall(r"\{\s*(--paper: #[^}]*--v7[^}]*)\}", asset("page.css"))
    assert len(blocks) == 2
    colours = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    paper = colours["--paper"]
    for name in ("--ink", "--soft", "--accent", "--loss", "--gain"):
        assert contrast(colours[name], paper) >= 4.5, name
    for place in range(8):
        assert contrast(colours[f"--v{place}"], paper) >= 3, place
    assert contrast(colours["--ink"], colours["--bar-inner"]) >= 4.5
