"""The charts say what the document says."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.page.form import Document, Touches, read_document
from sim.report.page.plots.base import Clock, Marks, Plot
from sim.report.page.plots.causes import cause_bars
from sim.report.page.plots.cost import apart, cost_steps
from sim.report.page.plots.depth import depth_profile
from sim.report.page.plots.marks import Sizes, price_range, touches
from sim.report.page.plots.price import price_path
from sim.report.page.plots.timeline import span, timeline
from sim.report.page.text import Figures


@pytest.fixture
def read(document: dict[str, Any]) -> Document:
    return read_document(document)


@pytest.fixture
def figures(read: Document) -> Figures:
    return Figures(read.instrument)


@pytest.fixture
def marks(read: Document) -> Marks:
    return Marks([one.venue_id for one in read.venues])


def trace(plot: Plot | None, **wanted: Any) -> dict[str, Any]:
    """The one trace with these values."""
    assert plot is not None
    (found,) = [
        one for one in plot.data if all(one.get(key) == value for key, value in wanted.items())
    ]
    return found


def test_each_part_of_a_cost_begins_where_the_one_before_ended(read: Document) -> None:
    bars = trace(cost_steps(read.parents), type="bar")
    ends = [start + size for start, size in zip(bars["base"], bars["x"], strict=True)]
    for (end, _), (_, start) in pairwise(zip(ends[:-1], bars["base"][:-1], strict=True)):
        assert end == pytest.approx(start)
    assert bars["base"][-1] == 0
    assert bars["x"][-1] == pytest.approx(ends[-2])
    assert bars["y"][-1] == "Whole"


def test_of_many_orders_the_costliest_are_drawn(document: dict[str, Any]) -> None:
    first = document["parents"][0]
    document["parents"] = [
        {**first, "parent_id": name, "shortfall": {**first["shortfall"], "total": total}}
        for name, total in (("A", "1"), ("B", "-9"), ("C", "5"), ("D", "0.5"), ("E", "7"))
    ]
    plot = cost_steps(read_document(document).parents)
    assert plot is not None
    names = [note["text"] for note in plot.layout["annotations"]]
    assert [name for name in names if len(name) == 1] == ["B", "C", "E"]
    titles = [one["title"]["text"] for key, one in plot.layout.items() if key.startswith("xaxis")]
    assert len([text for text in (*names, *titles) if "basis points" in text]) == 1


def test_causes_are_as_long_as_their_lots(
    read: Document, figures: Figures, marks: Marks, evil: str
) -> None:
    bars = trace(cause_bars(read.venues, figures, marks), type="bar")
    assert (bars["y"], bars["x"]) == (["gone before arrival"], [40.0])
    assert "<img" not in bars["hovertext"][0]
    assert "&lt;img" in bars["hovertext"][0]


def test_fills_stand_at_their_time_and_price(
    read: Document, figures: Figures, marks: Marks
) -> None:
    plot = price_path(read, read.children, figures, marks)
    nyse = trace(plot, mode="markers", customdata=[1, 2])
    # The first order arrived 10 ms into the run.
    assert nyse["x"] == [5.0, 15.0]
    assert nyse["y"] == [100.01, 100.01]
    assert nyse["marker"]["symbol"] == marks.shape("NYSE")


def test_what_was_not_filled_is_marked_where_it_arrived(
    read: Document, figures: Figures, marks: Marks
) -> None:
    plot = timeline(read, read.children, figures, marks)
    assert plot is not None
    (missed,) = [one for one in plot.data if one.get("marker", {}).get("symbol") == "x-thin"]
    assert missed["x"] == [5.0]
    assert missed["customdata"] == [1]
    assert "40 not filled" in missed["hovertext"][0]
    halted = [note["text"] for note in plot.layout["annotations"]]
    assert "halted" in halted


def test_known_and_met_depth_are_drawn(read: Document, figures: Figures, marks: Marks) -> None:
    plot = depth_profile(read.decisions[0], read.children[:2], figures, marks, "d")
    known = trace(plot, fill="tozerox", xaxis="x")
    assert known["x"] == [0, 60, 100, 100]
    assert known["y"][:3] == [100.01, 100.01, 100.02]
    met = trace(plot, xaxis="x", line={"width": 2.5, "shape": "vh", "color": "--v0"})
    assert met["x"] == [0, 100]


def test_depth_counts_all_that_a_decision_sent_to_a_venue(
    document: dict[str, Any], figures: Figures, marks: Marks
) -> None:
    child = document["children"][0]
    document["children"] = [{**child, "cl_ord_id": name} for name in ("a", "b")]
    read = read_document(document)
    plot = depth_profile(read.decisions[0], read.children, figures, marks, "d")
    assert plot is not None
    words = [one["text"] for one in plot.layout["annotations"]]
    assert f"{figures.about(2 * child['order_qty'])} sent" in words


def test_depth_of_many_venues_goes_in_rows_of_three(
    document: dict[str, Any], figures: Figures, marks: Marks
) -> None:
    """Side by side the words of five panels cover each other on a narrow screen."""
    (ranked, *_) = [one for one in document["decisions"][0]["venues"] if one["levels"]]
    names = ["A", "B", "C", "D", "E"]
    document["decisions"][0]["venues"] = [{**ranked, "venue_id": name} for name in names]
    plot = depth_profile(read_document(document).decisions[0], [], figures, marks, "d")
    assert plot is not None
    across = [plot.layout[f"xaxis{n}"]["domain"] for n in ("", 2, 3, 4, 5)]
    up = [plot.layout[f"yaxis{n}"]["domain"] for n in ("", 2)]
    assert all(end - start > 0.25 for start, end in across)
    assert all(after[0] - before[1] > 0.05 for before, after in pairwise(across[:3]))
    assert across[3:] == across[:2]
    assert up[0][0] > up[1][1]
    assert [one["yaxis"] for one in plot.data if one["xaxis"] in {"x3", "x4"}] == ["y", "y2"]


def test_a_chart_ends_with_the_last_order_and_not_with_a_parent_that_waits(
    document: dict[str, Any],
) -> None:
    document["market"]["window_ns"] = [0, 9_000_000_000]
    read = read_document(document)
    start, end = span(read, read.children)
    assert start < read.origin_ns
    assert 30_000_000 < end < 40_000_000
    never = {**document["children"][0], "ended_ns": None}
    still = read_document({**document, "children": [never]})
    assert span(still, still.children)[1] >= 9_000_000_000


def test_a_band_is_only_where_both_sides_are() -> None:
    series = Touches([0, 10, 20, 30], ["1.0", None, "1.0", "1.0"], ["1.1", "1.1", "1.1", "1.2"])
    band, bid, offer = touches(series, Clock(0, 40, 0), {})
    assert band["fill"] == "toself"
    assert band["x"].count(None) == 2
    assert all(not 10 < x < 20 for x in band["x"] if x is not None)
    assert "fill" not in bid | offer
    assert max(offer["x"]) >= 40
    whole = touches(Touches([0, 10], ["1.0", "1.0"], ["1.1", "1.1"]), Clock(0, 40, 0), {})
    assert [one.get("fill") for one in whole] == [None, "tonexty"]
    one_sided = touches(Touches([0], [None], ["1.1"]), Clock(0, 40, 0), {})
    assert [one["hovertemplate"] for one in one_sided] == ["best offer %{y}<extra></extra>"]
    assert touches(Touches([], [], []), Clock(0, 40, 0), {}) == []


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20))
def test_no_label_covers_another(values: list[float]) -> None:
    reach = max(values) - min(values)
    shifts = apart(values, reach)
    scale = 240 / (reach * 1.1 or 1.0)
    places = sorted(value * scale + shift for value, shift in zip(values, shifts, strict=True))
    assert all(above - below >= 13.8 for below, above in pairwise(places))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=300))
def test_the_area_of_a_mark_goes_with_its_quantity(quantities: list[int]) -> None:
    sizes = Sizes(quantities)
    found = [sizes.of(qty) for qty in sorted(quantities)]
    assert found == sorted(found)
    assert 3 <= found[0] <= found[-1] <= 20.1


def test_lines_of_prices_stand_on_the_tick(figures: Figures) -> None:
    axis = price_range(100.0, 100.03, figures, lines=4)
    assert axis["dtick"] == pytest.approx(0.01)
    assert price_range(100.0, 107.0, figures, lines=4)["dtick"] == pytest.approx(2.0)
