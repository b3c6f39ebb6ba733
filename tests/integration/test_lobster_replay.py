"""A recorded day beside a generated dark pool, from the vendor's files to the fill in the queue."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.audit.records import Fill, QueuePosition, Record
from sim.cli.app import sorsim
from sim.scenario.load import load_scenario
from sim.world import run_world

pytestmark = [pytest.mark.shared, pytest.mark.slow]

NAME = "lobster/GOOG_2012-06-21_34200000_57600000_{}_10.csv.gz"
SCENARIO = """\
schema_version: 1
name: goog
seed: 3
duration: 40min
instrument: {symbol: GOOG, tick_size: "0.01", lot_size: 1}
venues:
  - id: NASDAQ
    kind: replayed
    file: goog.events.csv.gz
    latency: {order: {model: fixed, delay: 200us}, report: {model: fixed, delay: 200us},
              feed: {model: fixed, delay: 200us}}
  - id: POOL
    kind: dark
    latency: {order: {model: fixed, delay: 500us}, report: {model: fixed, delay: 500us},
              feed: {model: fixed, delay: 500us}}
    flow: [{kind: poisson, rate: 2, centre: "577.00", levels: 50, lots: 100}]
router:
  strategy: {kind: greedy}
  blind: {fraction: "0.2"}
  rest: {price: limit, venue: NASDAQ}
parents:
"""


def cli(*args: object) -> str:
    result = CliRunner().invoke(sorsim, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_lobster_pair_is_inspected_converted_and_replayed_with_ours_in_the_line(
    shared_file: Callable[[str], Path],
    tmp_path: Path,
    read_records: Callable[[bytes], tuple[Record, ...]],
) -> None:
    messages, book = shared_file(NAME.format("message")), shared_file(NAME.format("orderbook"))
    assert "100.0000%" in cli("inspect", messages, "--against", book)
    cli("convert", "lobster", "-o", "length=40min", messages, book, tmp_path / "goog.events.csv.gz")
    rows = [
        f'  - {{id: P{n}, side: buy, qty: 100, limit: "{price}", at: {at}s, deadline: 39min}}'
        for n, (price, at) in enumerate(
            [("577.00", 10), ("576.50", 20), ("576.00", 30), ("575.50", 60), ("575.00", 90)] * 4
        )
    ]
    path = tmp_path / "goog.yaml"
    path.write_text(SCENARIO + "\n".join(rows) + "\n", encoding="utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    run_world(load_scenario(path), folder=folder)
    told: dict[str, list[QueuePosition]] = {}
    records = read_records((folder / "audit.jsonl").read_bytes())
    for record in records:
        if isinstance(record, QueuePosition):
            told.setdefault(record.cl_ord_id, []).append(record)
    passive = {r.cl_ord_id for r in records if isinstance(r, Fill) and r.is_maker}
    waited = [
        name
        for name, some in told.items()
        if name in passive
        and some[0].ahead_qty > 0
        and {"joined", "filled"} <= {one.reason for one in some}
        and {"traded", "canceled"} & {one.reason for one in some}
    ]
    assert waited, "some child waits behind others, moves forward and is hit"
    words = cli("explain", folder, waited[0])
    assert "In the queue" in words
    assert "moved forward in the line" in words
    assert "was hit" in words
