"""A thin stock's recorded day beside a generated dark pool, from Databento's file to the fill."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.audit.records import Fill, QueuePosition, Record
from sim.cli.app import sorsim
from sim.scenario.load import load_scenario
from sim.world import run_world

pytestmark = [pytest.mark.shared, pytest.mark.slow]

NAME = "databento_csv/ARL_XNAS-ITCH_2025-07-17_mbo.csv.gz"
# An offer of 15 rests at 13.40 from 13:38:44.7 to 13:39:08.7, when it is canceled. Another of 24
# comes a moment later, of which a taker buys 1 at 13:39:39.996: a sale that came to rest at 13.40
# while the first was there has moved to the front by then, ahead of the second.
CHILD = "P.NASDAQ.1"
SCENARIO = """\
schema_version: 1
name: arl
seed: 3
duration: 90s
instrument: {symbol: ARL, tick_size: "0.005", lot_size: 1}
venues:
  - id: NASDAQ
    kind: replayed
    file: arl.events.csv.gz
    latency: {order: {model: fixed, delay: 200us}, report: {model: fixed, delay: 200us},
              feed: {model: fixed, delay: 200us}}
  - id: POOL
    kind: dark
    latency: {order: {model: fixed, delay: 500us}, report: {model: fixed, delay: 500us},
              feed: {model: fixed, delay: 500us}}
    flow: [{kind: poisson, rate: 2, centre: "13.30", levels: 50, lots: 30}]
router:
  strategy: {kind: greedy}
  blind: {fraction: "0.2"}
  rest: {price: limit, venue: NASDAQ}
parents:
  - {id: P, side: sell, qty: 20, limit: "13.40", at: 8s, deadline: 89s}
"""


def cli(*args: object) -> str:
    result = CliRunner().invoke(sorsim, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_databento_day_is_converted_and_replayed_with_ours_in_the_line(
    shared_file: Callable[[str], Path],
    tmp_path: Path,
    read_records: Callable[[bytes], tuple[Record, ...]],
) -> None:
    window = ("-o", "start=23610s", "-o", "length=90s")
    cli("convert", "databento", *window, shared_file(NAME), tmp_path / "arl.events.csv.gz")
    path = tmp_path / "arl.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    run_world(load_scenario(path), folder=folder)
    records = read_records((folder / "audit.jsonl").read_bytes())
    told = [
        (one.reason, one.ahead_qty)
        for one in records
        if isinstance(one, QueuePosition) and one.cl_ord_id == CHILD
    ]
    assert told == [("joined", 15), ("canceled", 0), ("filled", 0)]
    fills = [one for one in records if isinstance(one, Fill) and one.cl_ord_id == CHILD]
    assert [(one.is_maker, one.last_qty) for one in fills] == [(True, 1)]
    words = cli("explain", folder, CHILD)
    assert "In the queue" in words
    assert "moved forward in the line" in words
    assert "was hit" in words
