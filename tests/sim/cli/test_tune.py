"""``sorsim tune``: the document, the figure, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[..., Any]  # see conftest

GRID = ("--grid", "router.strategy.kind=greedy,top_of_book", "--jobs", "1")


@pytest.fixture(autouse=True)
def no_figure(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure takes a second; the slow test draws one."""
    if request.node.get_closest_marker("slow") is None and "matplotlib" not in request.node.name:
        monkeypatch.setattr("sim.study.tune_figure.draw", lambda *args: None)


@pytest.mark.slow
def test_the_folder_holds_the_document_and_the_figure(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("tune", "fragmented", *GRID, "--out", "t", "--json")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document.pop("folder") == "t"
    assert document == json.loads((tmp_path / "t" / "tune.json").read_bytes())
    assert document["best_parameters"] == {"router.strategy.kind": "greedy"}
    assert (tmp_path / "t" / "results.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(json.loads((tmp_path / "t" / "manifest.json").read_bytes())["files"]) == [
        "results.png",
        "tune.json",
    ]
    before = {file: file.read_bytes() for file in (tmp_path / "t").iterdir()}
    again = invoke("tune", "fragmented", *GRID, "--out", "t")
    assert again.code == 2
    assert "t: holds a run already" in again.err
    assert {file: file.read_bytes() for file in (tmp_path / "t").iterdir()} == before


def test_the_tables_say_the_best_point_and_what_it_saves(invoke: Invoke) -> None:
    axis = ("--grid", "router.max_attempts=5,6")
    done = invoke("tune", "fragmented", *GRID, *axis, "--baseline", "best_ask")
    assert done.code == 0
    assert "  router.strategy.kind = greedy\n  router.max_attempts = 5\n" in done.out
    assert "best_ask" in done.out
    assert "Note: router.max_attempts changes no result" in done.out
    assert max(map(len, done.out.splitlines()[:-2])) <= 100


def test_no_baseline_and_no_words(invoke: Invoke) -> None:
    done = invoke("tune", "fragmented", *GRID, "--baseline", "none", "--quiet", "--out", "t")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_exit_1_where_no_point_fills_the_order(invoke: Invoke) -> None:
    point = "router.strategy={kind: single_venue, venue: NYSE}"
    done = invoke("tune", "fragmented", "--grid", point, "--jobs", "1")
    assert done.code == 1
    assert "no point filled all orders: nothing is ranked" in done.out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "Missing option '--grid': the scenario has no study.tune.grid of its own."),
        (["--grid", "x"], "Invalid value for --grid: 'x': found no = after the path"),
        (["--grid", "a=1,,2"], "found an empty value; allowed: PATH=a,b,c"),
        (["--grid", "a=1", "--grid", "a=2"], "'a': found the path twice; allowed: each once"),
        (
            ["--grid", "router.max_attempts=0,5"],
            "--grid router.max_attempts=0: router.max_attempts:",
        ),
        (["--grid", "router.nonsense=1"], "--grid router.nonsense=1: router.nonsense: unknown key"),
        (["--grid", "venues[X].depth=1"], "venues: found no member 'X'; allowed: NYSE, NASDAQ"),
        (["--grid", "seed=1,2"], "--grid seed=2: seed: changes the seed"),
        (
            ["--grid", "parents[0].qty=100000,1000"],
            "--grid parents[0].qty=1000: parents: changes what is ordered",
        ),
        (["--grid", "parents[0].side=sell"], "parents: changes what is ordered"),
        ([*GRID, "--baseline", "best"], "found the baseline 'best'; allowed: "),
        ([*GRID, "--seeds", "0"], "Invalid value for '--seeds'"),
        ([*GRID, "--data", "nowhere"], "folder 'nowhere' does not exist"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_exit_2_names_what_is_wrong_and_leaves_nothing(
    invoke: Invoke, tmp_path: Path, args: list[str], says: str
) -> None:
    done = invoke("tune", "fragmented", *args, "--out", "t")
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert not (tmp_path / "t").exists()


def test_without_matplotlib_there_is_a_word_instead_of_a_figure(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    done = invoke("tune", "fragmented", *GRID, "--out", "t")
    assert done.code == 0
    assert "sorsim: note: no figure: drawing a figure needs the library matplotlib" in done.err
    assert sorted(file.name for file in (tmp_path / "t").iterdir()) == [
        "manifest.json",
        "tune.json",
    ]


def test_an_empty_grid_is_told_how_many_it_may_hold(invoke: Invoke) -> None:
    done = invoke("tune", "fragmented", "--set", "study.tune.grid={}")
    assert done.code == 2
    assert "found an empty mapping; allowed: a mapping of 1 to 20 key(s)" in done.err


def test_the_grid_may_stand_in_the_scenario(invoke: Invoke) -> None:
    grid = "study.tune={grid: {router.strategy.kind: [greedy, top_of_book]}}"
    done = invoke("tune", "fragmented", "--set", grid, "--jobs", "1", "--json")
    document = json.loads(done.out)
    assert document["grid"] == {"router.strategy.kind": ["greedy", "top_of_book"]}
    assert document["baselines"] == []
