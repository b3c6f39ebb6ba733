"""The figures of a report: drawn for any run, the same bytes each time, odd names as they are."""

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from sim.report.document.build import report_document
from sim.report.figures.base import PRICES_MAX, figure_bytes, name_of, price_axis, time_unit
from sim.report.figures.draw import draw_figures
from sim.report.figures.panels import NAME, StudiedCost, draw_panels
from sim.report.figures.timeline import draw_prices, draw_timeline, lanes_of
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

STUDIED = (
    StudiedCost("single_exchange", 100, 5.2, 5.0, 5.4, (4.0, 4.6, 5.1, 5.7, 6.9), 3.2, 8.0),
    StudiedCost("router", 100, -1.2, -1.5, -0.9, (-4.0, -2.0, -1.2, 0.3, 2.0), -5.0, 3.0),
    StudiedCost("few", 1, 2.0, None, None, None),
)
FILES = {
    NAME, "timeline.png", "prices.png", "shortfall.png", "causes.png", "latencies.png",
}  # fmt: skip


def document_of(name: str, *sets: str) -> dict[str, Any]:
    builder = TrailBuilder()
    summary = run_world(load_scenario(name, sets=sets), watch=[builder]).summary
    return report_document(builder.trail(summary["audit_head"]))


def is_png(content: bytes) -> bool:
    """Whether it is a whole PNG: its signature, and a checksum that fits at the end."""
    end = content[-12:]
    return content.startswith(b"\x89PNG\r\n\x1a\n") and end == struct.pack(
        ">I4sI", 0, b"IEND", zlib.crc32(b"IEND")
    )


class Drawn:
    """What a figure was drawn with: the words on it, and how many marks its axes have."""

    def __init__(self, draw: Any, document: dict[str, Any], *more: Any) -> None:
        self.words: list[str] = []
        self.axes: list[Any] = []

        def keep(figure: Any) -> None:
            draw(figure, document, *more)
            self.axes = list(figure.axes)
            for axis in figure.axes:
                self.words += [text.get_text() for text in axis.texts]
                self.words += [axis.get_title(), axis.get_xlabel(), axis.get_title(loc="left")]
                self.words += [label.get_text() for label in axis.get_yticklabels()]

        self.png = figure_bytes(keep, (6, 4))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fragmented", "two_parents", "rejects_and_timeouts", "queue_position", "controls"]
)
def test_all_figures_are_drawn(name: str) -> None:
    figures = draw_figures(document_of(name), STUDIED)
    assert set(figures) == FILES
    assert next(iter(figures)) == NAME
    assert all(is_png(content) for content in figures.values())


@pytest.mark.slow
def test_a_figure_is_the_same_bytes_each_time() -> None:
    document = document_of("fragmented")
    first, again = [
        figure_bytes(lambda figure: draw_timeline(figure, document), (6, 4)) for _ in range(2)
    ]
    assert first == again


@pytest.mark.slow
def test_a_log_with_nothing_in_it_is_drawn_too() -> None:
    document = document_of("fragmented", "audit.market_data=none")
    empty = {
        **document,
        "parents": [],
        "children": [],
        "decisions": [],
        "latencies": [],
        "venues": [{**one, "filled_qty": 0, "routed_qty": 0, "short_qty": 0}
                   for one in document["venues"]],
    }  # fmt: skip
    assert all(is_png(content) for content in draw_figures(empty).values())


@pytest.mark.slow
def test_names_from_a_log_are_only_names() -> None:
    document = document_of("fragmented")
    evil = "$\\frac{1}{0}$\x1b\u202e\U0001f600"
    for one in document["venues"]:
        if one["venue_id"] == "NASDAQ":
            one["venue_id"] = evil
    for child in document["children"]:
        if child["venue_id"] == "NASDAQ":
            child["venue_id"] = evil
    for row in document["latencies"]:
        if row["venue_id"] == "NASDAQ":
            row["venue_id"] = evil
    document["decisions"] = []
    document["scenario"] = evil * 20
    drawn = Drawn(draw_panels, document)
    assert name_of(evil) in drawn.words
    assert name_of(evil).isascii()
    assert name_of(evil).isprintable()
    assert all(is_png(content) for content in draw_figures(document).values())


@pytest.mark.slow
def test_panels_say_what_they_need_until_a_study_is_handed_in() -> None:
    document = document_of("fragmented")
    drawn = Drawn(draw_panels, document)
    assert sum("Needs" in text for text in drawn.words) == 2
    assert "45,000 (45%)" in drawn.words
    assert "as decision D1 knew it" in " ".join(
        [*drawn.words, *(axis.get_title(loc="right") for axis in drawn.axes)]
    )
    drawn = Drawn(draw_panels, document, STUDIED)
    assert sum("Needs" in text for text in drawn.words) == 0
    assert {"5.20", "-1.20", "2.00", "router"} <= set(drawn.words)


@pytest.mark.slow
def test_the_timeline_has_a_lane_per_venue_and_marks_what_was_not_had() -> None:
    document = document_of("rejects_and_timeouts")
    assert lanes_of(document) == ["STRICT", "BUSY", "HALTED", "SLOW"]
    drawn = Drawn(draw_timeline, document)
    assert {"STRICT", "BUSY", "HALTED", "SLOW"} <= set(drawn.words)
    assert "time since the first order came (ms)" in drawn.words


@pytest.mark.slow
def test_prices_stand_on_whole_ticks_once_each() -> None:
    document = document_of("two_parents")
    drawn = Drawn(draw_prices, document)
    labels = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
    assert len(labels) == len(set(labels))
    assert len(labels) <= PRICES_MAX + 3


def test_times_are_read_in_a_fitting_unit() -> None:
    assert time_unit(40_000_000_000).name == "s"
    assert time_unit(9_000_000_000).name == "ms"
    assert time_unit(5_000_000).of(5_000_000) == 5.0
    assert time_unit(900).name == "ns"


@pytest.mark.slow
def test_a_flat_price_is_shown_with_a_few_ticks_around_it(tmp_path: Path) -> None:
    document = document_of("fragmented")
    limits: list[tuple[float, float]] = []

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        axis.plot([0, 1], [100.0, 100.0])
        price_axis(axis, document)
        limits.append(axis.get_ylim())

    figure_bytes(draw, (4, 3))
    low, high = limits[0]
    assert 0.02 < high - low < 0.1
