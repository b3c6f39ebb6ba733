"""A day's file of ten million rows: read as a stream, in bounded memory."""

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

BLOCK_ROWS = 100_000
BLOCKS = 100
MOST_BYTES = 300 * 10**6

# Runs one command line, and says on stdout the most memory that the process ever had. On Linux
# getrusage would tell the tests' own memory, which the process shared until it became this one.
CHILD = """
import pathlib, resource, sys
from sim.cli import main
code = main(sys.argv[1:])
status = pathlib.Path("/proc/self/status")
if status.exists():
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    most = int(lines["VmHWM"].split()[0]) * 1024
else:
    scale = 1 if sys.platform == "darwin" else 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
print(code, most)
"""


def lobster_file(path: Path, vendor: Any) -> None:
    """Orders that come and go at one instant; a gzip file of many equal members."""
    lines = (
        f"34200.5,{3 if n % 2 else 1},{n // 2 + 1},100,{5_000_000 + n // 2 % 50 * 100},1\n"
        for n in range(BLOCK_ROWS)
    )
    path.write_bytes(gzip.compress("".join(lines).encode(), 1) * BLOCKS)


def dbn_file(path: Path, vendor: Any) -> None:
    """The same as MBO records, each block a second later; many zstd frames."""
    head = vendor.dbn_bytes([])
    layout = np.dtype(vendor.layout)
    n = np.arange(BLOCK_ROWS)
    found = np.zeros(BLOCK_ROWS, layout)
    found["length"], found["rtype"], found["flags"] = layout.itemsize // 4, 160, 128
    found["publisher_id"] = found["instrument_id"] = 1
    found["order_id"], found["size"], found["side"] = n // 2 + 1, 5, b"B"
    found["action"] = np.where(n % 2, b"C", b"A")
    found["price"] = (4800 + n // 2 % 50) * 10**9
    pack = zstandard.ZstdCompressor().compress
    with path.open("wb") as file:
        file.write(pack(head))
        for block in range(BLOCKS):
            found["ts_event"] = found["ts_recv"] = (1_703_545_200 + block) * 10**9 + n // 10
            file.write(pack(found.tobytes()))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module")
@pytest.mark.parametrize(
    ("make", "args"),
    [
        (lobster_file, ["inspect", "day"]),
        (dbn_file, ["convert", "databento", "day", "out.events.csv"]),
    ],
    ids=["inspect LOBSTER", "convert DBN"],
)
def test_ten_million_rows_need_no_more_than_300_megabytes(
    vendor: Any,
    tmp_path: Path,
    project_root: Path,
    make: Callable[[Path, Any], None],
    args: list[str],
) -> None:
    make(tmp_path / "day", vendor)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *args],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project_root)},
        capture_output=True,
        text=True,
        check=True,
    )
    code, most = done.stdout.splitlines()[-1].split()
    assert int(code) == 0
    assert "10,000,000" in done.stdout
    assert int(most) < MOST_BYTES
    for path in tmp_path.iterdir():
        path.unlink()  # half a gigabyte
