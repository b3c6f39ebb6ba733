"""The facade ``sim`` and what stands behind its names."""

import ast
import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from sim.kernel.loop import SimLoop

FACADE: dict[str, str] = vars(sim)["_FACADE"]  # not in the .pyi, since it is nobody's business


def test_every_name_loads_once() -> None:
    for name in FACADE:
        assert getattr(sim, name) is getattr(sim, name)
        assert name in dir(sim)


def test_types_name_what_the_table_names(project_root: Path) -> None:
    """``.pyi`` and table are written by hand: nothing may stand in one of them alone."""
    tree = ast.parse((project_root / "sim" / "__init__.pyi").read_text(encoding="utf-8"))
    typed = {
        alias.asname: f"{node.module}:{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == FACADE


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sim.nothing  # type: ignore[attr-defined]  # noqa: B018 - the access is the test


@pytest.mark.slow
def test_importing_the_facade_imports_nothing_else() -> None:
    code = "import sim, sys; print(sorted(m for m in sys.modules if m.startswith('sim.')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_run_without_a_folder_keeps_all_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = sim.run("fragmented", sets=["router.strategy.kind=top_of_book"], seed=3)
    assert result.summary["parents"][0]["avg_px"] == "100.00850000"
    assert result.summary["seed"] == 3
    assert result.log
    assert result.folder is None
    assert list(tmp_path.iterdir()) == []


def test_run_with_a_folder_leaves_what_the_command_leaves(tmp_path: Path) -> None:
    result = sim.run("fragmented", out=tmp_path / "a")
    assert result.folder == tmp_path / "a"
    assert (tmp_path / "a" / "manifest.json").is_file()
    records = [record for _, record in sim.read_records(tmp_path / "a" / "audit.jsonl")]
    assert len(records) == result.records


def test_arun_in_virtual_time_equals_run(tmp_path: Path) -> None:
    """Two worlds on one loop do not notice each other."""

    async def both() -> tuple[sim.RunResult, sim.RunResult]:
        in_folder = sim.arun("fragmented", out=str(tmp_path / "a"))
        return await asyncio.gather(in_folder, sim.arun("fragmented"))

    loop = SimLoop()
    try:
        first, second = loop.run_until_complete(both())
        with pytest.raises(ValueError, match="SimLoop at time 0"):
            loop.run_until_complete(sim.arun("fragmented"))
    finally:
        loop.close()
    alone = sim.run("fragmented")
    assert (tmp_path / "a" / "manifest.json").is_file()
    assert (tmp_path / "a" / "audit.jsonl").read_bytes() == second.log == alone.log
    assert first.summary == second.summary == alone.summary


def test_a_loaded_scenario_runs_as_it_is() -> None:
    loaded = sim.load_scenario("fragmented", seed=4)
    assert sim.run(loaded).summary["seed"] == 4
    with pytest.raises(ValueError, match="load_scenario"):
        sim.run(loaded, seed=5)


def test_wrong_scenario_raises_with_every_problem() -> None:
    with pytest.raises(sim.ScenarioError) as caught:
        sim.run("fragmented", sets=["duration=9", "seed=x"])
    assert len(caught.value.problems) == 2
