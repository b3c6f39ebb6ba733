"""What people see of a summary, to the character."""

import io
from typing import Any

import pytest
from rich.console import Console

from sim.cli.output import console, number_column, progress_bar, short_duration
from sim.cli.tables import summary_tables


def parent(**fields: Any) -> dict[str, Any]:
    return {
        "parent_id": "P1",
        "side": "buy",
        "order_qty": 100_000,
        "filled_qty": 90_000,
        "avg_px": "100.02777778",
        "fees": "-180.2",
        "arrival_mid": "100.005",
        "shortfall_bps": "2.277664",
        "children": 3,
        "reallocations": 2,
        "end_reason": "attempts_exhausted",
        **fields,
    }


def venue(**fields: Any) -> dict[str, Any]:
    return {
        "routed_qty": 0,
        "filled_qty": 0,
        "avg_px": None,
        "fees": "0",
        "children": 0,
        "fills": 0,
        "rejects": 0,
        "order_latency_ns_mean": None,
        "report_latency_ns_mean": None,
        **fields,
    }


def summary(**fields: Any) -> dict[str, Any]:
    return {
        "scenario": "demo",
        "seed": 1,
        "outcome": "incomplete",
        "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": "1"},
        "parents": [parent()],
        "venues": {
            "NYSE": venue(
                routed_qty=120_000,
                filled_qty=90_000,
                avg_px="100.02777778",
                fees="-180.2",
                children=3,
                fills=12,
                order_latency_ns_mean=5_000_000,
                report_latency_ns_mean=812_345,
            ),
            "MM": venue(),
        },
        "expect": [
            {"metric": "fill_rate", "threshold": "== 1", "value": "0.9", "met": False},
            {"metric": "avg_px", "threshold": "<= 101", "value": "100.02777778", "met": True},
        ],
        **fields,
    }


def rendered(content: dict[str, Any], width: int, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    Console(file=stream, width=width, highlight=False, color_system=None).print(
        summary_tables(content, width)
    )
    lines = raw.getvalue().decode(encoding).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


NARROW = """\
demo  ACME  seed 1  incomplete

                                      Average
Parent   Side   Ordered   Filled        price      Fees   End reason
────────────────────────────────────────────────────────────────────────────
P1       buy    100,000   90,000   100.027778   -180.20   attempts exhausted

                              Average                          Order    Report
Venue    Routed   Filled        price      Fees   Children   latency   latency
──────────────────────────────────────────────────────────────────────────────
NYSE    120,000   90,000   100.027778   -180.20          3      5 ms    812 us
MM            0        0            -      0.00          0         -         -

Reallocations: 2 (P1 2)

Expected         Found
───────────────────────────────────────
fill_rate == 1   0.9            NOT MET
avg_px <= 101    100.02777778   met
"""

WIDE = """\
demo  ACME  seed 1  incomplete

                                      Average    Mid at   Shortfall
Parent   Side   Ordered   Filled        price   arrival         bps      Fees   End reason
──────────────────────────────────────────────────────────────────────────────────────────────────
P1       buy    100,000   90,000   100.027778   100.005       2.278   -180.20   attempts exhausted

                              Average                                            Order    Report
Venue    Routed   Filled        price      Fees   Children   Fills   Rejects   latency   latency
────────────────────────────────────────────────────────────────────────────────────────────────
NYSE    120,000   90,000   100.027778   -180.20          3      12         0      5 ms    812 us
MM            0        0            -      0.00          0       0         0         -         -

Reallocations: 2 (P1 2)

Expected         Found
───────────────────────────────────────
fill_rate == 1   0.9            NOT MET
avg_px <= 101    100.02777778   met
"""


def test_at_80_columns_all_that_matters_fits() -> None:
    assert rendered(summary(), 80) == NARROW


def test_at_100_columns_there_is_more() -> None:
    assert rendered(summary(), 100) == WIDE


def test_other_encodings_get_ascii_rules() -> None:
    assert rendered(summary(), 80, "ascii").isascii()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    long = summary(parents=[parent(parent_id="P" * 64, side="sell_short")] * 3)
    assert max(map(len, rendered(long, width).splitlines())) <= width


def test_many_parents_are_cut_short() -> None:
    text = rendered(summary(parents=[parent(parent_id=f"P{n}") for n in range(25)]), 80)
    assert "and 5 more parents, all in summary.json" in text
    assert "Reallocations: 50 (P0 2, P1 2," in text


def test_a_run_without_parents_or_expectations_has_no_empty_tables() -> None:
    text = rendered(summary(parents=[], expect=[]), 80)
    assert "Parent" not in text
    assert "Expected" not in text
    assert "No reallocations" in text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1 us"),
        (812_345, "812 us"),
        (45_312_000, "45.3 ms"),
        (999_999, "1 ms"),
        (90_000_000_000, "90 s"),
        (123_456_000_000_000, "123000 s"),
    ],
)
def test_durations_are_short(ns: int | None, text: str) -> None:
    assert short_duration(ns) == text


def test_number_column_aligns_and_keeps_what_is_needed() -> None:
    assert number_column(["1.50", None, "-1234.125"]) == ["1.500", "-", "-1,234.125"]
    assert number_column(["1", "2"], digits_min=2) == ["1.00", "2.00"]
    assert number_column(["0.125", "0.375"], digits_max=2) == ["0.12", "0.38"]
    assert number_column([]) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("no_color", "stream", "colored"),
    [("", Terminal(), True), ("1", Terminal(), False), ("", io.StringIO(), False)],
)
def test_colour_only_on_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, no_color: str, stream: io.StringIO, colored: bool
) -> None:
    for name in ("FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)
    out = console(stream)
    out.print(summary_tables(summary(), 80))
    assert ("\x1b[" in stream.getvalue()) is colored


def test_progress_shows_the_time_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sim.cli.output.REFRESH_SECONDS", 0)
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    with progress_bar("demo", quiet=False) as on_progress:
        assert on_progress is not None
        on_progress(500_000_000, 2_000_000_000)
    assert "500 ms of 2 s" in stream.getvalue()


def test_no_progress_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    with progress_bar("demo", quiet=False) as on_progress:
        assert on_progress is None
    monkeypatch.setattr("sys.stderr", Terminal())
    with progress_bar("demo", quiet=True) as on_progress:
        assert on_progress is None
