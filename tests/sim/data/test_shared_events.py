"""Order-by-order formats on whole real recordings, where the shared data folder is there."""

import gzip
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from sim.data import converter, detect_format, inspect_format
from sim.data.databento_events import DatabentoEvents, open_records, whole_instants
from sim.data.events import SCALE, Event, join_blocks
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.lobster import PRICE_SCALE, read_book
from sim.data.lobster_events import LobsterEvents
from sim.data.neutral import read_events
from sim.data.order_books import EventBook
from sim.protocol.errors import DataFormatError

pytestmark = [pytest.mark.shared, pytest.mark.slow]

PAIRS = ["AAPL_{}_1", "GOOG_{}_1", "GOOG_{}_5", "GOOG_{}_10"]
MBO = "databento_csv/ARL_XNAS-ITCH_2025-07-17_mbo.csv.gz"
MBP = "databento_csv/ARL_XNAS-ITCH_2025-07-17_mbp10_expected.csv.gz"
LEVELS = "databento_csv/AAPL_XNAS-ITCH_2024-10-21_mbp10_rows00001-03000.csv.gz"
ESH4 = "databento_dbn/ESH4_GLBX-MDP3_2023-12-25_mbo.dbn.zst"
SNAPSHOT = "databento_dbn/ESH4_GLBX-MDP3_2023-12-24_mbo_snapshot-only.dbn.zst"

File = Callable[[str], Path]


def lobster_pair(shared_file: File, name: str) -> tuple[Path, Path]:
    day = "2012-06-21_34200000_57600000"
    symbol, _, depth = name.split("_")
    return (
        shared_file(f"lobster/{symbol}_{day}_message_{depth}.csv.gz"),
        shared_file(f"lobster/{symbol}_{day}_orderbook_{depth}.csv.gz"),
    )


def inspect(path: Path, against: Path | None = None) -> Inspection:
    options = InspectOptions(against=against)
    return inspect_format(detect_format(path)).inspect(path, options)


@pytest.mark.parametrize(
    ("name", "rows", "unknown"),
    [
        ("AAPL_{}_1", 118_497, "8,559 (36.2%)"),
        ("GOOG_{}_1", 49_482, "2,309 (29.7%)"),
        ("GOOG_{}_5", 112_673, "811 (10.4%)"),
        ("GOOG_{}_10", 147_916, "532 (6.9%)"),
    ],
)
def test_every_lobster_row_is_what_its_message_makes_of_the_row_before(
    shared_file: File, name: str, rows: int, unknown: str
) -> None:
    found = inspect(*lobster_pair(shared_file, name))
    assert found.agreement == {"one_step": 1.0}
    assert (found.format, found.rows, found.problems) == ("lobster", rows, ())
    assert found.facts["rows compared"] == rows - 1
    assert found.facts["executions of orders older than the file"] == unknown
    assert found.facts["hidden executions"] == (11_332 if name.startswith("AAPL") else 3_913)


@pytest.mark.parametrize("name", PAIRS)
def test_lobster_events_show_the_levels_of_the_file_at_every_row(
    shared_file: File, name: str
) -> None:
    messages, books = lobster_pair(shared_file, name)
    depth = int(name.rpartition("_")[2])
    reader = LobsterEvents(messages, books, Problems(messages), Problems(books))
    block = join_blocks(list(reader.blocks()))
    levels = np.concatenate([found.levels for found in read_book(books, Problems(books))])
    book = EventBook()
    columns = (block.event, block.side, block.price, block.qty, block.order_id)
    events = list(zip(*(column.tolist() for column in columns), strict=True))
    ends = np.searchsorted(block.line, np.arange(1, len(levels) + 1), "right").tolist()
    begin = 0
    for end, row in zip(ends, levels.tolist(), strict=True):
        for event in events[begin:end]:
            assert book.apply(*event) == ""
        if end > begin:
            bids = [(-key, qty) for key, (qty, _) in islice(book.bids.items(), depth)]
            asks = [(key, qty) for key, (qty, _) in islice(book.asks.items(), depth)]
            assert asks == [(one[0] * PRICE_SCALE, one[1] * SCALE) for one in row if one[0]]
            assert bids == [(one[2] * PRICE_SCALE, one[3] * SCALE) for one in row if one[2]]
        begin = end
    assert (reader.resynced, reader.agreed) == (0, len(levels) - 1)


def test_the_arl_orders_rebuild_every_row_of_the_level_file(shared_file: File) -> None:
    found = inspect(shared_file(MBO), shared_file(MBP))
    assert found.agreement == {"mbp10_rows": 1.0}
    assert (found.format, found.rows, found.venues) == ("databento_mbo", 5_886, ("2",))
    assert found.facts["level rows"] == 3_928
    assert found.facts["agree at their record"] == 3_917
    assert found.facts["agree one event later"] == 11
    assert found.problems == ()
    assert "one publisher (2)" in found.notes[0]


def test_the_events_of_the_arl_orders_lead_to_the_same_books(
    shared_file: File, tmp_path: Path
) -> None:
    """At the end of each instant, through the neutral file and back."""
    out = tmp_path / "arl.events.csv.gz"
    converter("databento")([shared_file(MBO)], out, {"clock": "source"})
    block = join_blocks(list(read_events(out).blocks()))
    assert int(np.count_nonzero(block.event == Event.EXECUTE)) == 11
    assert int(np.count_nonzero(block.event == Event.TRADE)) == 46 - 11
    books = (EventBook(), EventBook())
    code = {"A": 1, "C": 3, "M": 2, "R": 8}
    columns = (block.event, block.side, block.price, block.qty, block.order_id)
    events = list(zip(*(column.tolist() for column in columns), strict=True))
    done = 0
    path = shared_file(MBO)
    for found in whole_instants(open_records(path, Problems(path)).records()):
        edges = [*np.flatnonzero(np.diff(found.ts_event)).tolist(), len(found) - 1]
        first = 0
        for last in edges:
            for row in range(first, last + 1):
                event = code.get(chr(found.action[row]))
                if event is not None:
                    side = 1 if found.side[row] == ord("B") else -1
                    price, size = int(found.price[row]), int(found.size[row]) * SCALE
                    books[0].apply(event, side, price, size, int(found.order_id[row]))
            end = int(np.searchsorted(block.t_ns, found.ts_event[last], "right"))
            for one in events[done:end]:
                assert books[1].apply(*one) == ""
            done, first = end, last + 1
            assert books[0].orders == books[1].orders
            assert books[0].bids == books[1].bids
            assert books[0].asks == books[1].asks
    assert done == len(events)


def test_the_esh4_files_hold_what_their_readme_says(shared_file: File) -> None:
    found = inspect(shared_file(ESH4))
    assert (found.format, found.rows, found.venues) == ("databento_mbo", 68_792, ("1",))
    actions = {"A": 29_216, "C": 17_999, "M": 12_233, "F": 6_371, "T": 2_973}
    assert {word: found.facts[f"action {word}"] for word in actions} == actions
    assert found.facts["snapshot records"] == 8_725
    assert found.facts["fills of unknown orders"] == 7
    # No unknown order, no cancel of more than there is: crossed events are all that is odd.
    assert found.problem_counts == {"crossed book": 891}
    snapshot = inspect(shared_file(SNAPSHOT))
    assert (snapshot.rows, snapshot.facts["action A"]) == (8_725, 8_725)
    assert snapshot.problems == ()


def test_the_esh4_book_is_crossed_only_before_the_open(shared_file: File) -> None:
    path = shared_file(ESH4)
    records = list(open_records(path, Problems(path)).records())
    times = {
        int(line): int(t_ns)
        for found in records
        for line, t_ns in zip(found.line, found.ts_event, strict=True)
    }
    hour = 3_600 * 10**9
    opening = 1_703_545_200 * 10**9  # 23:00 UTC
    crossed = [times[one.line] for one in inspect(path).problems]
    assert all(opening - hour <= t_ns < opening for t_ns in crossed)


def test_the_esh4_events_fit_together(shared_file: File, tmp_path: Path) -> None:
    """Fills of known orders become executions: 6,257, and none takes more than there is."""
    path = shared_file(ESH4)
    reader = DatabentoEvents(path, Problems(path))
    block = join_blocks(list(reader.blocks()))
    assert int(np.count_nonzero(block.event == Event.EXECUTE)) == 6_257
    assert reader.unused_fills == 7
    book = EventBook()
    columns = (block.event, block.side, block.price, block.qty, block.order_id)
    events = list(zip(*(column.tolist() for column in columns), strict=True))
    assert [wrong for event in events if (wrong := book.apply(*event))] == []
    plain = EventBook()
    code = {"A": 1, "C": 3, "M": 2}
    for found in reader.reader.records():
        for row in range(len(found)):
            if (event := code.get(chr(found.action[row]))) is not None:
                side = 1 if found.side[row] == ord("B") else -1
                price, size = int(found.price[row]), int(found.size[row]) * SCALE
                assert plain.apply(event, side, price, size, int(found.order_id[row])) == ""
    assert plain.bids == book.bids
    assert plain.asks == book.asks
    assert plain.orders == book.orders


def test_the_snapshot_orders_are_those_that_the_next_day_begins_with(shared_file: File) -> None:
    ids = []
    for name in (SNAPSHOT, ESH4):
        path = shared_file(name)
        found = next(iter(open_records(path, Problems(path)).records()))
        ids.append(found.order_id[:8_725])
    assert np.array_equal(ids[0], ids[1])


def test_C01_a_blank_inside_a_number_is_found_with_its_line(
    shared_file: File, tmp_path: Path
) -> None:
    """As in a copy of the file that is out in the world: '2 33.53' in bid_px_02 of row 21."""
    lines = gzip.decompress(shared_file(LEVELS).read_bytes()).decode().splitlines()
    place = lines[0].split(",").index("bid_px_02")
    cells = lines[21].split(",")
    cells[place] = f"{cells[place][0]} {cells[place][1:]}"
    lines[21] = ",".join(cells)
    path = tmp_path / "levels.csv"
    path.write_text("\n".join(lines) + "\n")
    found = inspect(path)
    assert (found.rows, found.left_out) == (2_999, 1)
    assert found.problems[0].line == 22
    assert found.problems[0].what.startswith("bid_px_02 must be a plain decimal number")
    out = tmp_path / "o.l2.csv"
    with pytest.raises(DataFormatError, match=r"levels.csv:22: bid_px_02"):
        converter("databento")([path], out, {})
    report = converter("databento")([path], out, {"skip_bad": "yes"})
    assert report.statistics["left_out"] == 1


def test_the_aapl_levels_are_sound(shared_file: File) -> None:
    found = inspect(shared_file(LEVELS))
    assert (found.format, found.rows) == ("databento_mbp10", 3_000)
    assert found.facts["rows with an empty level"] == 0
    assert found.problems == ()


@pytest.mark.parametrize("cut", [5_000, 100_000])
def test_C01_a_cut_recording_is_read_up_to_the_cut(
    shared_file: File, tmp_path: Path, cut: int
) -> None:
    for name in (ESH4, MBO):
        path = tmp_path / name.rpartition("/")[2]
        path.write_bytes(shared_file(name).read_bytes()[:-cut])
        found = inspect(path)
        assert 0 < found.rows < 68_792
        assert found.problem_counts["file cut off or damaged"] == 1
