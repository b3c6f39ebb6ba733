"""The ribbons carry every lot that was sent, and to the right end."""

import re
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sim.report.page.flow import VENUES_MAX, Panel, flow
from sim.report.page.form import Child, Decision, Instrument, read_document
from sim.report.page.plots.base import Marks
from sim.report.page.text import Figures

FIGURES = Figures(Instrument("ACME", "0.01", "1"))
PATH = re.compile(r"M\S+ (\S+?)C.*?V(\S+?)C.* \S+ (\S+?)Z")


def heights(panel: Panel, style: str = "") -> float:
    """How much the bands of a panel carry together."""
    found = 0.0
    for ribbon in panel.ribbons:
        if style and ribbon.style != style:
            continue
        match = PATH.fullmatch(ribbon.path)
        assert match, ribbon.path
        found += float(match[3]) - float(match[1])
    return found


def panels(document: dict[str, Any]) -> list[Panel]:
    read = read_document(document)
    marks = Marks([one.venue_id for one in read.venues])
    return flow(read.children, read.decisions, FIGURES, marks)


def test_what_came_back_and_was_sent_again_has_a_panel(document: dict[str, Any]) -> None:
    first, again = panels(document)
    assert (first.heading, again.heading) == ("Sent first", "Sent again")
    assert first.says == "Sent first: 160, of which 120 filled"
    assert again.says == "Sent again: 40, of which 40 filled"
    # In and out of the venues: twice the lots, at one scale in both panels.
    assert heights(first) / heights(again) == 4
    assert heights(first, "loss") / heights(again) == 0.5


def test_nothing_sent_is_no_picture() -> None:
    assert flow([], [], FIGURES, Marks([])) == []


def test_without_a_second_try_there_is_one_panel(document: dict[str, Any]) -> None:
    document["children"] = document["children"][:2]
    assert [panel.heading for panel in panels(document)] == ["Sent first"]


sizes = st.lists(
    st.tuples(st.integers(1, 10**9), st.floats(0, 1), st.integers(0, 14)), min_size=1, max_size=40
)


@given(sizes)
def test_every_lot_is_in_a_band(orders: list[tuple[int, float, int]]) -> None:
    children = [
        Child(
            cl_ord_id=f"C{number}",
            parent_id="P",
            decision_id=1,
            venue_id=f"V{venue}",
            side="buy",
            order_qty=asked,
            requested_qty=asked,
            price="1.00",
            sent_ns=0,
            filled_qty=int(asked * part),
        )
        for number, (asked, part, venue) in enumerate(orders)
    ]
    plan = Decision(decision_id=1, parent_id="P", t_ns=0, reason="initial")
    (panel,) = flow(children, [plan], FIGURES, Marks([f"V{place}" for place in range(15)]))
    total = panel.bars[0].height
    assert abs(heights(panel) - 2 * total) < 0.03 * len(panel.ribbons) + 0.03
    assert len(panel.bars) <= 1 + VENUES_MAX + 1 + 2
    lowest = max(bar.y + bar.height for bar in panel.bars)
    assert lowest <= panel.height
    assert msgspec.json.encode(panel)
