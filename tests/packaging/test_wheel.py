"""A wheel, installed into an environment of its own and used far from the clone.

Needs what pip needs: a package registry. Without one the tests are skipped, with pip's own words.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.world import run_world

pytestmark = pytest.mark.slow

MB_MAX = 150
Call = Callable[..., subprocess.CompletedProcess[str]]


def call(*command: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command that does not know of the clone."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more
    return subprocess.run(
        command, cwd=cwd, env=env, text=True, capture_output=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip builds from the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    if find_spec("pip") is None:
        pytest.skip("no pip beside this Python")
    pip = [sys.executable, "-m", "pip"]
    asked = call(*pip, "download", "-q", "--no-deps", "-d", "probe", "hatchling", cwd=folder)
    if asked.returncode:
        pytest.skip(f"pip reaches no package registry: {asked.stderr.strip().splitlines()[-1]}")
    built = call(*pip, "wheel", "-q", "--no-deps", "-w", folder, project_root, cwd=folder)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(wheel: Path, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    made = call(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python")]
    lock = project_root / "requirements.lock"
    done = call(*pip, "install", "-q", "-c", lock, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return programs


@pytest.fixture(scope="session")
def with_pytest(wheel: Path, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and pytest-asyncio, and no more."""
    folder = tmp_path_factory.mktemp("tests")
    made = call(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python")]
    lock = project_root / "requirements.lock"
    done = call(*pip, "install", "-q", "-c", lock, wheel, "pytest-asyncio", cwd=folder)
    assert done.returncode == 0, done.stderr
    return programs


@pytest.fixture
def sorsim(installed: Path, tmp_path: Path) -> Call:
    """``sorsim("run", ...)`` by the installed console script, in an empty folder."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return call(installed / "sorsim", *args, cwd=tmp_path)

    return run


def test_the_wheel_holds_our_packages_and_nothing_beside_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sim", "router", "venues"}


def test_the_wheel_holds_what_a_report_is_made_of(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = {
        name.rpartition("/")[2] for name in names if name.startswith("sim/report/page/assets/")
    }
    assert found == {
        "page.css",
        "page.html.j2",
        "page.js",
        "plotly-LICENSE.txt",
        "plotly-basic-4.1.1.min.js",
    }
    assert [
        name
        for name in names
        if name.endswith("licenses/sim/report/page/assets/plotly-LICENSE.txt")
    ]


def test_the_installed_packages_are_used(installed: Path, tmp_path: Path) -> None:
    found = call(installed / "python", "-c", "import sim; print(sim.__file__)", cwd=tmp_path)
    assert Path(found.stdout.strip()).is_relative_to(installed.parent)


def test_every_shipped_scenario_is_found_by_name_and_valid(sorsim: Call) -> None:
    listed = json.loads(sorsim("list", "scenarios", "--json").stdout)["scenarios"]
    assert [row["name"] for row in listed] == list(shipped_names())
    checked = sorsim("validate", *shipped_names())
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("name", ["fragmented", "three_real_books"])
def test_a_shipped_scenario_gives_the_same_bytes_as_in_the_clone(sorsim: Call, name: str) -> None:
    here = run_world(load_scenario(name))
    done = sorsim("run", name, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["audit_head"] == here.summary["audit_head"]


def test_the_doctor_finds_nothing_wrong(sorsim: Call) -> None:
    done = sorsim("doctor")
    assert done.returncode == 0, done.stdout


def test_a_core_install_is_small(installed: Path, project_root: Path, tmp_path: Path) -> None:
    script = project_root / ".ci" / "install_size.py"
    done = call(installed / "python", script, str(MB_MAX), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "sorsim" in done.stdout
    assert "numpy" in done.stdout


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_router_of_the_docs_is_tested_with_pytest_asyncio_alone(
    with_pytest: Path, project_root: Path, tmp_path: Path, mode: str
) -> None:
    page = (project_root / "docs" / "testing_routers.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", page, re.DOTALL | re.M):
        (tmp_path / name).write_text(text)
    how = ["-q", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
    tests = ["test_my_router.py", "test_faults.py", "test_script.py"]
    done = call(with_pytest / "pytest", *how, "--asyncio-mode", mode, *tests, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "3 passed" in done.stdout
    race = call(with_pytest / "pytest", "--asyncio-mode", mode, "test_my_race.py", cwd=tmp_path)
    assert race.returncode == 1, race.stdout
    assert "interleaving 11 of 100 fails, 0 to 10 pass; again: pytest " in race.stdout
