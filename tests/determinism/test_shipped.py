"""I12: a shipped scenario gives the same bytes on every run, whatever surrounds it.

``heads.json`` holds each one's audit head. After an intended change of what a run writes:
``pytest tests/determinism --write-heads``, and say in the commit why the bytes changed.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from sim.audit.verify import verify
from sim.protocol.version import __version__
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_folder, shipped_names
from sim.world import run_world

HEADS: Final = Path(__file__).parent / "heads.json"
FILES: Final = ("audit.jsonl", "summary.json", "resolved.yaml", "scenario.yaml")
SURROUNDINGS: Final = (
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8"},
    {"PYTHONHASHSEED": "3141592653", "TZ": "America/New_York", "LC_ALL": "C.UTF-8"},
)
SCRIPT: Final = """
import locale
import sys
from contextlib import suppress
from pathlib import Path
with suppress(locale.Error):  # where it is not installed
    locale.setlocale(locale.LC_ALL, "")
from sim.scenario.load import load_scenario
from sim.world import run_world
for name in sys.argv[2:]:
    folder = Path(sys.argv[1], name)
    folder.mkdir()
    run_world(load_scenario(name), folder=folder)
"""

LOAD: Final = "while True: sum(range(10_000))"
"""A process that takes all the time it gets."""
NEIGHBOURS: Final = 3

_CPU: Final = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0

RunShipped = Callable[[str], Path]
each_shipped = pytest.mark.parametrize("name", shipped_names())


def run_into(name: str, folder: Path) -> Path:
    folder.mkdir()
    result = run_world(load_scenario(name), folder=folder)
    assert result.exit_code == 0
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {file: sha256((folder / file).read_bytes()).hexdigest() for file in FILES}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> RunShipped:
    """The folder of a scenario's first run in this process."""
    base = tmp_path_factory.mktemp("first")

    def run(name: str) -> Path:
        folder = base / name
        return folder if folder.exists() else run_into(name, folder)

    return run


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All shipped scenarios, run by other processes in other surroundings, side by side."""
    folders = [tmp_path_factory.mktemp("elsewhere") for _ in SURROUNDINGS]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder), *shipped_names()],
            env={**os.environ, **surroundings},
            cwd=folder,
            stderr=subprocess.PIPE,
        )
        for folder, surroundings in zip(folders, SURROUNDINGS, strict=True)
    ]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    return folders


@each_shipped
def test_I12_a_second_run_in_this_process_gives_the_same_bytes(
    name: str, first_run: RunShipped, tmp_path: Path
) -> None:
    assert digests(run_into(name, tmp_path / name)) == digests(first_run(name))


@each_shipped
def test_I12_P11_other_processes_give_the_same_bytes(
    name: str, first_run: RunShipped, elsewhere: list[Path]
) -> None:
    """Three hash seeds, three time zones, three locales."""
    here = digests(first_run(name))
    assert [digests(folder / name) for folder in elsewhere] == [here] * len(SURROUNDINGS)


@pytest.fixture(scope="module")
def under_load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All shipped scenarios, run by a process that shares one CPU with others that never rest."""
    folder = tmp_path_factory.mktemp("load")
    pinned = (
        f"import os\nif hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {{{_CPU}}})\n"
    )
    neighbours = [
        subprocess.Popen([sys.executable, "-c", pinned + LOAD]) for _ in range(NEIGHBOURS)
    ]
    try:
        subprocess.run(
            [sys.executable, "-c", pinned + SCRIPT, str(folder), *shipped_names()], check=True
        )
        yield folder
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


@pytest.mark.slow
@each_shipped
def test_I12_P11_other_load_and_one_cpu_give_the_same_bytes(
    name: str, first_run: RunShipped, under_load: Path
) -> None:
    assert digests(under_load / name) == digests(first_run(name))


@each_shipped
def test_I15_the_log_verifies_with_the_head_of_the_summary(
    name: str, first_run: RunShipped
) -> None:
    folder = first_run(name)
    head = json.loads((folder / "summary.json").read_bytes())["audit_head"]
    found = verify(folder / "audit.jsonl", head)
    assert found.ok, found.message


@each_shipped
def test_I13_the_resolved_scenario_runs_to_the_same_records(
    name: str, first_run: RunShipped, tmp_path: Path
) -> None:
    """Overrides and defaults are in it, so that a run can be repeated from its folder."""
    folder = first_run(name)
    again = tmp_path / f"{name}.yaml"
    again.write_bytes((folder / "resolved.yaml").read_bytes())
    shutil.copytree(shipped_folder() / "data", tmp_path / "data")
    result = run_world(load_scenario(again))
    assert result.log == (folder / "audit.jsonl").read_bytes()


def here() -> str:
    """What exact bytes may depend on, beside our own code."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"numpy {np.__version__}, {platform.machine()}, {' '.join(platform.libc_ver()) or 'libc ?'}"
    )


def test_heads_are_those_on_record(first_run: RunShipped, request: pytest.FixtureRequest) -> None:
    found = {
        name: json.loads((first_run(name) / "summary.json").read_bytes())["audit_head"]
        for name in shipped_names()
    }
    if request.config.getoption("--write-heads", False):
        record = {"platform": here(), "version": __version__, "heads": found}
        HEADS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        pytest.skip(f"wrote {HEADS.name}")
    record = json.loads(HEADS.read_bytes())
    if found == record["heads"]:
        return
    if record["platform"] != here():
        pytest.skip(
            f"the heads differ from those on record, and so does the platform: recorded on "
            f"{record['platform']}; this is {here()}. Equal bytes are promised on one platform"
        )
    changed = [name for name in found if found[name] != record["heads"].get(name)]
    pytest.fail(
        f"on the platform of the record ({here()}) these runs write other bytes now: {changed}. "
        "If that is intended: pytest tests/determinism --write-heads"
    )
