"""Questions to the log of any world: it runs again to the same bytes, and all of it can be told."""

from collections.abc import Callable
from copy import deepcopy
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sim.audit.state import LogState
from sim.report.explain import explain
from sim.report.rebuild import rebuild
from sim.study.check import check
from sim.study.diff import diff
from sim.world import run_world

Data = dict[str, Any]
# Shrinking runs whole worlds hundreds of times.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
LEGS = ("order", "report", "feed")


@pytest.fixture(scope="session")
def run_world_to_file(
    load_data: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Data], Path]:
    """``run_world_to_file(world)``: the log of a drawn world, its recordings beside it."""
    folder = tmp_path_factory.mktemp("worlds")
    numbers = count(1)

    def run(world: Data) -> Path:
        home = folder / str(next(numbers))
        home.mkdir()
        for name, text in world["recordings"].items():
            (home / name).write_text(text, encoding="utf-8")
        loaded = load_data(world["scenario"], beside=home)
        out = home / "out"
        out.mkdir()
        run_world(loaded, folder=out)
        return (out / "audit.jsonl").rename(home / "audit.jsonl")

    return run


@pytest.mark.slow
def test_I13_any_world_runs_again_to_the_same_bytes(
    any_world: st.SearchStrategy[Data], run_world_to_file: Callable[[Data], Path]
) -> None:
    @settings(max_examples=40, phases=PHASES)
    @given(any_world)
    def holds(world: Data) -> None:
        assert check(run_world_to_file(world)).verdict == "equal"

    holds()


@pytest.mark.slow
def test_every_child_and_decision_of_any_world_can_be_told(
    any_world: st.SearchStrategy[Data], run_world_to_file: Callable[[Data], Path]
) -> None:
    @settings(max_examples=40, phases=PHASES)
    @given(any_world)
    def holds(world: Data) -> None:
        log = run_world_to_file(world)
        state: LogState = rebuild(log).state
        decisions = {child.decision_id for child in state.children.values()}
        for name in [*state.children, *map(str, sorted(decisions))][:30]:
            told = explain(log, name)
            assert all(section["says"] for section in told["sections"])

    holds()


@pytest.mark.slow
def test_one_delay_of_any_world_is_named_as_the_cause(
    any_world: st.SearchStrategy[Data], run_world_to_file: Callable[[Data], Path]
) -> None:
    """Whatever follows from a slower leg, the chain ends in that leg's settings."""

    @settings(max_examples=40, phases=PHASES)
    @given(any_world, st.sampled_from(LEGS), st.integers(1, 30), st.data())
    def holds(world: Data, leg: str, delay: int, data: st.DataObject) -> None:
        venue = data.draw(st.sampled_from([one["id"] for one in world["scenario"]["venues"]]))
        worlds = [deepcopy(world), deepcopy(world)]
        for one, ms in zip(worlds, (delay, delay + 7), strict=True):
            for config in one["scenario"]["venues"]:
                if config["id"] == venue:
                    config["latency"][leg] = {"model": "fixed", "delay": f"{ms}ms"}
        result = diff(*map(run_world_to_file, worlds))
        path = f"venues[{venue}].latency.{leg}.delay"
        assert [one.path for one in result.settings] == [path]
        for found in (result.first, result.result):
            if found is not None:
                change = f"{path}: {delay}ms -> {delay + 7}ms"
                assert found.chain.settings == [change], found.chain
                # The step before the setting says what it did, of this venue.
                assert venue in found.chain.steps[-2], found.chain

    holds()
