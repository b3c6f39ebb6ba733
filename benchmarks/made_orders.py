"""Writes the made-up order-by-order file of the shipped scenario ``queue_position``.

``python -m benchmarks.made_orders FILE`` makes it anew, byte for byte.
"""

import sys
from pathlib import Path
from typing import Final

from benchmarks.order_tape import order_rows, tape_block
from sim.data.neutral import event_writer

ROWS: Final = 4_000
SEED: Final = 20
GAP_NS: Final = 6_000_000
TICK: Final = 10_000_000
"""The instrument's tick, 0.01, in 1e-9."""
LOT: Final = 1_000_000_000
"""The instrument's lot, 1, in 1e-9."""


def write(path: Path) -> int:
    """Write the file; returns its rows."""
    rows = list(order_rows(ROWS, SEED, gap_ns=GAP_NS))
    with event_writer(path) as writer:
        writer.write(tape_block(rows, TICK, LOT), ("MADE",))
        return writer.rows


if __name__ == "__main__":
    print(f"{write(Path(sys.argv[1]))} rows")
