"""``query_1m``: a question in SQL over the tables of a run with a million records.

The tables of 900,000 quotes and 100,000 prints of six venues are written once, unmeasured. The
question is one that people ask: by venue the time-weighted spread, over all rows with a window, and
next to it what traded. CPU seconds of all threads count, the start of the engine too.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from sim.audit.records import SCHEMA, Quote, Record, RunStarted, TradePrint
from sim.protocol.enums import Side
from sim.report.tables.folder import write_tables
from sim.report.tables.query import ask
from sim.report.trail.build import TrailBuilder

COUNT: Final = 1_000_000
QUICK_COUNT: Final = 200_000
VENUES: Final = ("NYSE", "NASDAQ", "BATS", "IEX", "DARK_A", "DARK_B")
QUESTION: Final = """
    WITH held AS (
        SELECT venue_id, ask_px - bid_px AS spread,
               lead(t_ns, 1, t_ns) OVER (PARTITION BY venue_id ORDER BY venue_seq) - t_ns AS ns
        FROM quotes)
    SELECT h.venue_id, sum(spread * ns) / sum(ns) AS spread, any_value(t.lots) AS lots
    FROM held h JOIN (SELECT venue_id, sum(qty) AS lots FROM trades GROUP BY 1) t USING (venue_id)
    GROUP BY 1 ORDER BY 1
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer records."""
    count = QUICK_COUNT if quick else COUNT
    builder = TrailBuilder()
    for record in records(count):
        builder.observe(record)
    with tempfile.TemporaryDirectory() as folder:
        files = write_tables(builder.trail("0" * 64), Path(folder))

        def answered() -> float:
            return rate(count, lambda: ask(files, QUESTION))

        return [
            compare(
                "query_1m",
                "records/s",
                answered,
                {NAME: reference_rate},
                rounds=3 if quick else 5,
                value_min=COUNT,  # a second for a million
            )
        ]


def records(count: int) -> Iterator[Record]:
    """A run of so many records without orders."""
    yield RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="0",
        seed=1,
        sync="end",
        market_data="touch",
        scenario={
            "name": "made",
            "instrument": {"symbol": "X", "tick_size": "0.01", "lot_size": "1"},
            "venues": [{"id": name, "kind": "lit"} for name in VENUES],
        },
        files={},
    )
    for n in range(1, count):
        venue, bid = VENUES[n % len(VENUES)], 10_000 + n % 37
        if n % 10 == 0:
            yield TradePrint(
                t_ns=n * 1_000,
                venue_id=venue,
                venue_seq=n,
                price=bid,
                qty=100 + n % 7,
                aggressor=Side.BUY,
            )
        else:
            yield Quote(
                t_ns=n * 1_000,
                venue_id=venue,
                venue_seq=n,
                bid_px=bid,
                bid_qty=100,
                ask_px=bid + 1 + n % 3,
                ask_qty=200,
            )
