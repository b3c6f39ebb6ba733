"""``sorsim run`` of a scenario with a comparison: tables, document, what an interrupt leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[..., Any]  # see conftest

SMALL = (
    *("run", "strategies", "--set", "comparison.seeds=2", "--set", "comparison.size_seeds=2"),
    *("--set", "comparison.sizes=[1000]", "--out", "r"),
)


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.cli.comparing.cores", lambda: 1)


def test_the_document_is_printed_and_lies_in_the_folder(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke(*SMALL, "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    saved = json.loads((tmp_path / "r" / "comparison.json").read_bytes())
    assert document["comparison"] == saved
    assert document["parents"][0]["filled_qty"] == 20_000
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_bytes())
    assert "comparison.json" in manifest["files"]
    assert manifest["exit_code"] == 0


def test_the_tables_fit_and_name_every_strategy(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = invoke(*SMALL)
    assert done.code == 0
    table = done.out.partition("Strategies compared")[2].partition("audit log")[0]
    assert max(map(len, table.splitlines())) <= 100
    for name in ("single exchange", "dark pool only", "execution broker", "smart order router"):
        assert table.count(f"\n{name} ") == 4, name
    assert "not compared" in table


def test_an_interrupted_comparison_leaves_the_run_whole(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.cli.comparing.compare", interrupted)
    done = invoke(*SMALL)
    assert (done.code, done.err) == (130, "sorsim: interrupted\n")
    assert invoke("verify", "r").code == 0
    assert not (tmp_path / "r" / "comparison.json").exists()
    manifest = json.loads((tmp_path / "r" / "manifest.json").read_bytes())
    assert manifest["exit_code"] == 130


def test_a_wrong_strategy_is_told_before_it_runs(invoke: Invoke, tmp_path: Path) -> None:
    wrong = "comparison.strategies[0].sets={router.nonsense: 1}"
    done = invoke(*SMALL, "--set", wrong)
    assert done.code == 2
    assert "strategy single_exchange router.nonsense=1: router.nonsense: unknown key" in done.err
    assert not (tmp_path / "r").exists(), "nor was a folder made"


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ("{seed: 7}", "seed=7: seed: changes the seed"),
        ("{'parents[P1].qty': 10}", "parents[P1].qty=10: parents: changes what is ordered"),
    ],
    ids=["seed", "quantity"],
)
def test_a_strategy_with_another_order_is_not_compared(
    invoke: Invoke, sets: str, says: str
) -> None:
    """A smaller order costs less, and a better seed too: neither says anything of a strategy."""
    done = invoke(*SMALL, "--set", f"comparison.strategies[0].sets={sets}")
    assert done.code == 2
    assert f"strategy single_exchange {says}" in done.err


def test_orders_of_both_sides_are_not_compared(invoke: Invoke) -> None:
    times = "qty: 2000, at: 200ms, deadline: 2800ms"
    parents = f"parents=[{{id: P1, side: buy, {times}}}, {{id: P2, side: sell, {times}}}]"
    done = invoke(*SMALL, "--set", "comparison.sizes=[]", "--set", parents)
    assert done.code == 2
    assert "orders to buy and to sell have no common cost; allowed: one side" in done.err


def test_a_comparison_fits_80_columns_with_whole_intervals(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = invoke(*SMALL, "--set", "comparison.seeds=5")
    table = done.out.partition("Strategies compared")[2].partition("audit log")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert not [line for line in table.splitlines() if "[" in line and "]" not in line]
    assert "Cost with" in table


@pytest.mark.slow
def test_P02_a_run_that_was_cut_short_is_compared_as_it_would_have_been(
    invoke: Invoke, tmp_path: Path
) -> None:
    assert invoke(*SMALL, "--quiet").code == 0
    log = tmp_path / "cut.jsonl"
    left = (tmp_path / "r" / "audit.jsonl").read_bytes()
    log.write_bytes(left[: len(left) // 2])
    done = invoke("run", "--resume-from", "cut.jsonl", "--out", "again", "--json")
    assert done.code == 0
    made = (tmp_path / "r" / "comparison.json").read_bytes()
    assert (tmp_path / "again" / "comparison.json").read_bytes() == made
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_bytes())
    assert manifest["resumed_from"]["verdict"] == "completed"
    assert "comparison.json" in manifest["files"]
