"""``read_lobster``, ``read_lobster_l10`` and ``read_dbn``: data files into columns and events.

``read_lobster`` reads messages, ``read_lobster_l10`` messages and a ten-level order book beside
them (rows of both files count), both gzip and up to checked columns. ``read_dbn`` reads MBO
records, several zstd frames, and makes neutral events of them. The files are made here, in a folder
that is removed: a market in which orders come, trade and go around a slowly moving price. Real
files of the folder ``SORSIM_SHARED`` are measured by ``python -m benchmarks.data_reading`` alone,
since committed figures must not depend on who has them.

There is no peer to install: the reference loop stands for the machine.
"""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import databento_dbn
import numpy as np
import zstandard

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from sim.data.databento_events import DatabentoEvents
from sim.data.inspection import Problems
from sim.data.lobster import paired, read_book, read_messages

COUNT: Final = 200_000
QUICK_COUNT: Final = 50_000
LEAST: Final = 500_000
DEPTH: Final = 10
FRAMES: Final = 4
_REAL_PAIR: Final = "data/lobster/GOOG_2012-06-21_34200000_57600000_{}_10.csv.gz"
_REAL_DBN: Final = "data/databento_dbn/ESH4_GLBX-MDP3_2023-12-25_mbo.dbn.zst"


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer rows and rounds."""
    count = QUICK_COUNT if quick else COUNT
    with TemporaryDirectory() as name:
        folder = Path(name)
        messages, book = make_lobster(folder, count)
        return _rows("", messages, book, make_dbn(folder, count), rounds=3 if quick else 5)


def run_real(folder: Path) -> list[dict[str, Any]]:
    """Measure with real files of the shared folder."""
    messages, book = (folder / _REAL_PAIR.format(kind) for kind in ("message", "orderbook"))
    return _rows("_real", messages, book, folder / _REAL_DBN, rounds=5)


def _rows(
    suffix: str, messages: Path, book: Path, dbn: Path, *, rounds: int
) -> list[dict[str, Any]]:
    rows = count_messages(messages)
    records = sum(map(len, DatabentoEvents(dbn, Problems(dbn)).reader.records()))
    works: dict[str, tuple[int, Callable[[], object]]] = {
        "read_lobster": (rows, lambda: count_messages(messages)),
        "read_lobster_l10": (2 * rows, lambda: count_pairs(messages, book)),
        "read_dbn": (records, lambda: count_events(dbn)),
    }
    return [_row(name + suffix, count, work, rounds) for name, (count, work) in works.items()]


def _row(name: str, count: int, work: Callable[[], object], rounds: int) -> dict[str, Any]:
    return compare(
        name,
        "rows/s",
        lambda: rate(count, work),
        {NAME: reference_rate},
        rounds=rounds,
        value_min=LEAST,
    )


def count_messages(path: Path) -> int:
    """Read a message file; return its rows."""
    return sum(map(len, read_messages(path, Problems(path))))


def count_pairs(messages: Path, book: Path) -> int:
    """Read a message file and its order book side by side; return the pairs."""
    found = paired(
        read_messages(messages, Problems(messages)), read_book(book, Problems(book)), Problems(book)
    )
    return sum(len(rows) for rows, _ in found)


def count_events(path: Path) -> int:
    """Turn a DBN file into neutral events; return how many."""
    return sum(map(len, DatabentoEvents(path, Problems(path)).blocks()))


def make_lobster(folder: Path, count: int) -> tuple[Path, Path]:
    """A pair of files: one level after another grows by an order and shrinks by its cancel."""
    messages, book = folder / "messages.csv.gz", folder / "orderbook.csv.gz"
    lines, levels = [], []
    for n in range(count):
        base = 5_800_000 + n // 997 % 50 * 100
        level, adds = n // 2 % DEPTH, n % 2 == 0
        kind = 1 if adds else 3
        price = base - 100 * (level + 1)
        at = 34_200_000_000_000 + n * 146_853
        lines.append(f"{at // 10**9}.{at % 10**9:09d},{kind},{n // 2 + 16_000_000},100,{price},1\n")
        cells = []
        for other in range(DEPTH):
            size = 200 + 100 * (adds and other == level)
            cells.append(
                f"{base + 100 * (other + 1)},{300 + other},{base - 100 * (other + 1)},{size}"
            )
        levels.append(",".join(cells) + "\n")
    messages.write_bytes(gzip.compress("".join(lines).encode(), 6))
    book.write_bytes(gzip.compress("".join(levels).encode(), 6))
    return messages, book


def make_dbn(folder: Path, count: int) -> Path:
    """MBO records: of each eight, three adds, a modify, two cancels, and a trade with its fill."""
    library: Any = databento_dbn
    head = library.Metadata(
        dataset="GLBX.MDP3",
        start=0,
        stype_in=library.SType.RAW_SYMBOL,
        stype_out=library.SType.INSTRUMENT_ID,
        schema=library.Schema.MBO,
    )
    found = np.zeros(count, np.dtype(library.MBOMsg._dtypes))
    n = np.arange(count)
    step, group = n % 8, n // 8
    found["length"], found["rtype"], found["flags"] = 14, 160, 128
    found["publisher_id"] = found["instrument_id"] = 1
    found["action"] = np.frombuffer(b"AAAMCTFC", "S1")[step]
    found["side"] = np.where(step == 5, b"A", b"B")
    # Orders 0 to 2 of a group: 0 is modified and canceled, 1 filled, 2 stays.
    order = np.array([0, 1, 2, 0, 0, 9, 1, 1])[step]
    found["order_id"] = np.where(order == 9, 0, group * 4 + order + 1)
    found["size"] = np.where(step == 3, 4, np.where(step == 4, 4, 5))
    found["price"] = (4_800_000 + group % 40 * 250) * 10**6
    found["ts_event"] = found["ts_recv"] = (
        1_703_545_200 * 10**9 + (n - (step > 5) * (step - 5)) * 977
    )
    data = bytes(head.encode()) + found.tobytes()
    pack = zstandard.ZstdCompressor().compress
    size = -(-len(data) // FRAMES)
    path = folder / "mbo.dbn.zst"
    path.write_bytes(b"".join(pack(data[at : at + size]) for at in range(0, len(data), size)))
    return path


if __name__ == "__main__":
    for one in run_real(Path(os.environ.get("SORSIM_SHARED", "../shared"))):
        print(f"{one['name']}: {one['value']:,} {one['unit']}")
