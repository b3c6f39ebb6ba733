"""``sorsim calibrate``: a flow to paste, how sure it is, how well it does, and a figure."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Invoke = Callable[..., Any]
HEADER = "t_ns,venue,event,side,price,qty,order_id\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two minutes of a small market in which everything happens in turn."""
    rows, number = ["0,A,add,bid,99.99,5,1", "0,A,add,ask,100.01,5,2"], 2
    for n in range(1, 400):
        t, number = n * 300_000_000, number + 2
        price = ("99.98", "100.02") if n % 3 else ("99.99", "100.01")
        rows.append(f"{t},A,add,bid,{price[0]},2,{number - 1}")
        rows.append(f"{t + 1000},A,add,ask,{price[1]},2,{number}")
        if n % 5 == 0:
            rows.append(f"{t + 2000},A,execute,ask,100.01,1,{2 if n < 25 else number - n % 3}")
        rows.append(f"{t + 150_000_000},A,delete,,,,{number - 1}")
    kept = [row for row in rows if ",execute," not in row or row.endswith(",2")]
    (tmp_path / "d.events.csv").write_text(HEADER + "\n".join(kept) + "\n", encoding="ascii")
    return tmp_path / "d.events.csv"


def test_the_part_of_a_scenario_goes_to_stdout_and_the_tables_to_stderr(
    invoke: Invoke, data: Path
) -> None:
    code, out, err = invoke("calibrate", data.name, "--simulate", "10s")
    assert code == 0
    (flow,) = yaml.safe_load(out)["flow"]
    assert flow["kind"] == "cont_stoikov_talreja"
    for word in ("std. error", "market_per_side", "spread_mean_ticks", "inter_arrival_cv"):
        assert word in err


def test_json_holds_parameters_and_comparison(invoke: Invoke, data: Path) -> None:
    args = ("calibrate", data.name, "--kind", "zero_intelligence", "--simulate", "10s", "--json")
    code, out, _ = invoke(*args)
    found = json.loads(out)
    assert code == 0
    assert (found["data"], found["venue"], found["tick_size"]) == (data.name, "A", "0.01")
    assert {one["name"] for one in found["fit"]["parameters"]} == {
        "limit", "cancel", "market", "levels"
    }  # fmt: skip
    assert all(set(row) == {"name", "real", "simulated"} for row in found["comparison"])
    assert invoke(*args).out == out


@pytest.mark.slow
def test_a_figure_is_drawn_once(invoke: Invoke, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    args = ("calibrate", data.name, "--simulate", "10s", "--figure", "f.png")
    assert invoke(*args).code == 0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = invoke(*args)
    assert code == 2
    assert "is there already" in err


def test_data_of_another_format_are_converted_first(invoke: Invoke, tmp_path: Path) -> None:
    rows = ["id,timestamp,exchange.timestamp,price,volume,action,direction"]
    for n in range(1, 200):
        side, price = (("bid", "99.00"), ("ask", "101.00"))[n % 2]
        rows.append(f"{n},{n * 10},0,{price},{100_000_000},created,{side}")
        if n > 20:
            rows.append(f"{n - 20},{n * 10 + 1},0,{price},{0 if n % 7 else 1},deleted,{side}")
    (tmp_path / "b.csv").write_text("\n".join(rows) + "\n", encoding="ascii")
    code, out, err = invoke("calibrate", "b.csv", "--kind", "poisson", "--tick", "1", "--json")
    assert code == 0, err
    assert json.loads(out)["venue"] == "Bitstamp"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--tick", "0"), "must be > 0"),
        (("--tick", "1e-3"), "must be a plain decimal"),
        (("--length", "5"), "must be a duration with a unit"),
        (("--simulate", "0s"), "must be > 0"),
        (("--kind", "magic"), "'magic' is not one of"),
        (("--venue", "Z"), "venue 'Z' has no book; there are: A"),
        (("-o", "offset=1s"), "-o is for DATA that has to be converted"),
        (("--length", "1s"), "events while both sides are there; needs 100"),
    ],
)
def test_wrong_arguments_are_exit_2(
    invoke: Invoke, data: Path, args: tuple[str, ...], words: str
) -> None:
    code, out, err = invoke("calibrate", data.name, *args)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


def test_a_format_without_events_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "x.l2.csv").write_text("# nonsense\n")
    assert invoke("calibrate", "x.l2.csv").code == 2
