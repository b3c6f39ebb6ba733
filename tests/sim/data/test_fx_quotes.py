"""FX quotes of several dealers: two time zones, bids above asks, no sizes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.data import converter, detect_format, inspect_format
from sim.data.conversion import ConversionError
from sim.data.inspection import Inspection, InspectOptions
from sim.protocol.errors import DataFormatError

QUOTES = "17007,1.39147,1.39148\n17264,1.39147,1.39149\n17906,1.39148,1.39150\n"
HOUR_MS = 3_600_000


def save(tmp_path: Path, text: str, name: str = "q.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="ascii")
    return tmp_path / name


def inspected(path: Path, against: Path | None = None) -> Inspection:
    assert detect_format(path) == "fx_quotes"
    return inspect_format("fx_quotes").inspect(path, InspectOptions(against=against))


def test_levels_with_the_size_that_is_assumed(tmp_path: Path) -> None:
    out = tmp_path / "o.events.csv"
    options = {"size": "1000000", "venues": "FXCM", "offset": "300min", "clock": "source"}
    report = converter("fx_quotes")([save(tmp_path, QUOTES)], out, options)
    hours = 5 * HOUR_MS
    assert out.read_text().splitlines()[1:] == [
        f"{hours + 17007}000000,FXCM,level,bid,1.39147,1000000,",
        f"{hours + 17007}000000,FXCM,level,ask,1.39148,1000000,",
        f"{hours + 17264}000000,FXCM,level,ask,1.39148,0,",
        f"{hours + 17264}000000,FXCM,level,ask,1.39149,1000000,",
        f"{hours + 17906}000000,FXCM,level,bid,1.39147,0,",
        f"{hours + 17906}000000,FXCM,level,ask,1.39149,0,",
        f"{hours + 17906}000000,FXCM,level,bid,1.39148,1000000,",
        f"{hours + 17906}000000,FXCM,level,ask,1.3915,1000000,",
    ]
    assert report.statistics["offset_ns"] == {"FXCM": hours * 1_000_000}


def test_two_dealers_come_in_one_order_of_time(tmp_path: Path) -> None:
    a = save(tmp_path, QUOTES, "a.csv")
    b = save(tmp_path, "10000,1.1,1.2\n17500,1.1,1.3\n99999,1.1,1.2\n", "b.csv")
    out = tmp_path / "o.events.csv"
    converter("fx_quotes")([a, b], out, {"size": "1", "venues": "A,B"})
    times = [int(line.split(",")[0]) for line in out.read_text().splitlines()[1:]]
    assert times == sorted(times)
    assert len(times) == 8 + 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"venues": "A"}, "option size is missing"),
        ({"size": "0", "venues": "A"}, "size must be > 0"),
        ({"size": "1", "venues": "A,B"}, "one value for each of 1 inputs"),
        ({"size": "1", "venues": "A", "offset": "5h"}, "must be a duration with a unit"),
        ({"size": "1", "venues": "A", "skip_bad": "maybe"}, "must be yes or no"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        converter("fx_quotes")([save(tmp_path, QUOTES)], tmp_path / "o.events.csv", options)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("18000,1.39150,1.39150", "bid must be below ask, was 1.3915 and 1.3915"),
        ("18000,1.39151,1.39150", "bid must be below ask, was 1.39151 and 1.3915"),
        ("18000,0.0,1.39150", "bid and ask must be > 0"),
        ("18000,inf,1.39150", "bid must be a plain decimal"),
        ("17000,1.39147,1.39150", "ms must not go back"),
        ("18000,1.39147", "a row must have 3 fields"),
        ("18000,1.3 9147,1.39150", "bid must be a plain decimal"),
    ],
)
def test_C01_C02_D05_a_bad_row_is_an_error_with_its_line_or_left_out(
    tmp_path: Path, row: str, what: str
) -> None:
    path, out = save(tmp_path, QUOTES + row + "\n"), tmp_path / "o.events.csv"
    options = {"size": "1", "venues": "A"}
    with pytest.raises(DataFormatError, match=rf"q\.csv:4: {what}"):
        converter("fx_quotes")([path], out, options)
    report = converter("fx_quotes")([path], out, options | {"skip_bad": "yes"})
    assert (report.rows, report.statistics["left_out"]) == (8, 1)
    assert report.problems[1].startswith(f"q.csv:4: {what}")
    assert inspected(path).left_out == 1


def test_the_offset_to_another_dealer_is_found(tmp_path: Path) -> None:
    """Middles that wander, the second file seven hours later on its own clock."""
    rows = [(n * 60_000, 1.3 + (n * n % 97) / 1000) for n in range(900)]
    a = save(tmp_path, "".join(f"{t},{p:.5f},{p + 0.0001:.5f}\n" for t, p in rows), "a.csv")
    late = [(t + 7 * HOUR_MS, p) for t, p in rows]
    b = save(tmp_path, "".join(f"{t},{p:.5f},{p + 0.0002:.5f}\n" for t, p in late), "b.csv")
    found = inspected(a, b)
    assert found.facts["offset_hours"] == 7
    assert found.facts["median_difference"] == 0.00005
    assert "7 h behind" in found.problems[0].what
    assert "-o offset=420min" in found.problems[0].what
    assert inspected(b, a).facts["offset_hours"] == -7
    assert inspected(a, a).problem_counts == {}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("pair", "rows", "share"),
    [
        ("EURUSD_2014-05-08", (167_466, 87_833), 0.22),
        ("NZDUSD_2014-05-06", (109_001, 49_798), 0.04),
    ],
)
def test_two_real_dealers_are_five_hours_apart(
    shared_file: Callable[[str], Path], pair: str, rows: tuple[int, int], share: float
) -> None:
    raw = shared_file(f"fx_two_venues/{pair}_FXCM_quotes.csv.gz")
    other = shared_file(f"fx_two_venues/{pair}_OANDA_quotes.csv.gz")
    found, clean = inspected(raw, other), inspected(other)
    assert (found.rows, clean.rows) == rows
    assert found.facts["offset_hours"] == 5
    assert found.facts["median_difference"] <= 1.5e-5
    assert found.facts["median_difference_as_it_is"] > 50e-5
    assert found.left_out / found.rows == pytest.approx(share, abs=0.005)
    assert clean.left_out == 0
