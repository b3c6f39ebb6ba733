"""A reader follows the page on extending, step by step, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

COPIED = ("sim", "router", "venues", "scenarios", "docs")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(project_root: Path, tmp_path: Path) -> Path:
    """What the page asks to change, as it is."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project_root / name, tmp_path / name, ignore=ignored)
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """``run("sim.cli", "list", ...)``: a module of the copy as a program."""

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *args],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(project)},
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    return call


def test_the_strategy_of_the_page_works_after_the_steps_of_the_page(
    pages: Any, project: Path, run: Run
) -> None:
    page = pages["docs/extending.md"]
    (file,) = re.findall(r"nearest venue before the next one, `([\w/.]+)`:", page.text)
    source, _ = page.blocks("python")
    (project / file).write_text(source, encoding="utf-8")
    table = project / "router/allocate/__init__.py"
    before = table.read_text(encoding="utf-8")
    imported = before.replace(
        "from router.allocate.greedy",
        "from router.allocate.fastest import FastestConfig\nfrom router.allocate.greedy",
        1,
    )
    after, count = re.subn(
        r"^AnyStrategy = (\(?)",
        r"AnyStrategy = \1FastestConfig | ",
        imported,
        count=1,
        flags=re.MULTILINE,
    )
    assert count == 1
    table.write_text(after, encoding="utf-8")

    listed = run("sim.cli", "list", "strategies", "--json")
    rows = {row["name"]: row for row in json.loads(listed.stdout)["strategies"]}
    assert rows["fastest"]["about"] == (
        "Fill up the nearest venue first, best price first inside each."
    )
    assert rows["fastest"]["source"] == "Own convention."
    assert '"fastest"' in run("sim.cli", "schema").stdout
    assert run("docs.generate", "--check").returncode == 1
    assert run("docs.generate").returncode == 0
    assert "`fastest`" in (project / "docs/scenario.md").read_text(encoding="utf-8")

    done = run("sim.cli", "run", "fragmented", "--set", "router.strategy.kind=fastest", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    filled = {name: row["filled_qty"] for name, row in summary["parents"][0]["venues"].items()}
    assert filled["NYSE"] == 90_000
    assert filled["NASDAQ"] == 10_000
    assert run("sim.cli", "verify", summary["folder"]).returncode == 0


def test_the_contract_of_the_page_runs(pages: Any) -> None:
    _, source = pages["docs/extending.md"].blocks("python")
    exec(compile(source, "extending.md", "exec"), {})
