"""Sections of other parts: units by the names of columns, and any other shape plainly."""

from typing import Any

from sim.report.page.form import Instrument
from sim.report.page.given import ROWS_MAX, UNFOLDED_MAX, Given, Section, shortened
from sim.report.page.plots.base import Marks
from sim.report.page.text import MINUS, NONE, Figures

GIVEN = Given(Figures(Instrument("BTC", "0.01", "0.001")), Marks(["A", "B"]), ["A", "B"], 1_000_000)


def section(**table: Any) -> Section:
    (found,) = GIVEN.sections({"title": "T", "tables": [{"title": "one", **table}]}, "none")
    return found


def texts(found: Section) -> list[list[str]]:
    return [[cell.text for cell in row] for row in found.tables[0].rows]


def test_the_name_of_a_column_says_what_it_holds() -> None:
    names = ["venue", "filled_qty", "delay_ns", "t_ns", "orders", "rate", "open", "reason", "gone"]
    row = ["B", 1_500, 2_000_000, 3_000_000, 1_200, "-0.123456", True, "stale_quote", None]
    found = section(
        columns=[[name, name] for name in names], rows=[dict(zip(names, row, strict=True))]
    )
    shown = ["B", "1.500", "2 ms", "2 ms", "1,200", f"{MINUS}0.1235", "yes", "stale quote", NONE]
    assert texts(found) == [shown]
    assert found.tables[0].rows[0][0].venue == "v1 s1"
    assert [column.number for column in found.tables[0].columns] == [
        False,
        *[True] * 6,
        False,
        True,
    ]


def test_decimals_of_a_column_have_equal_digits_and_percent_two() -> None:
    rows = [{"x": "0.5", "y": "33.333333"}, {"x": "0.125", "y": "100"}]
    found = section(columns=[["x", "x"], ["y", "fill rate (%)"]], rows=rows)
    assert texts(found) == [["0.500", "33.33"], ["0.125", "100.00"]]


def test_long_tables_are_folded_and_bounded() -> None:
    rows = [{"x": number} for number in range(ROWS_MAX + 5)]
    found = section(columns=[["x", "x"]], rows=rows)
    assert len(found.tables[0].rows) == ROWS_MAX
    assert found.tables[0].note == "5 more rows are in the JSON form of the report."
    assert found.tables[0].folded
    assert not section(columns=[["x", "x"]], rows=rows[:UNFOLDED_MAX]).tables[0].folded
    kept = shortened({"tables": [{"title": "t", "rows": rows}]})
    assert len(kept["tables"][0]["rows"]) == ROWS_MAX
    assert shortened(["as it is"]) == ["as it is"]


def test_any_other_shape_is_shown_level_by_level() -> None:
    value = {"steps": 3, "of_it": {"a_ns": 5_000}, "rows": [{"x": 1}, {"x": 2, "y": "b"}]}
    (found,) = GIVEN.sections(value, "Clocks")
    assert found.title == "Clocks"
    assert [table.caption for table in found.tables] == ["Clocks", "Of it", "Rows"]
    assert [[cell.text for cell in row] for row in found.tables[2].rows] == [
        ["1", NONE],
        ["2", "b"],
    ]
    (words,) = GIVEN.sections(["one.", "two."], "Words")
    assert words.text == ["one.", "two."]
    assert GIVEN.sections(None, "Nothing")[0].text == []
