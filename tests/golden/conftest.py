"""Finds the golden files and hands their cases to the tests.

Beside the project's own files these are the shared ones, and any that ``--golden PATH`` names
(given with this folder: ``pytest tests/golden --golden more.json``).
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
PROJECT_ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden",
        action="append",
        type=Path,
        metavar="PATH",
        help="also run the cases of this golden file, or of all files in this folder",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_case" in metafunc.fixturenames:
        asked = metafunc.config.getoption("golden", None) or []
        shared = PROJECT_ROOT / os.environ.get("SORSIM_SHARED", "../shared") / "golden"
        cases = [*cases_of(DATA)]
        cases += [case for path in asked for case in cases_of(path)]
        # The shared folder holds many kinds; those that nothing computes yet are left out.
        cases += cases_of(shared, "shared-", "allocation", pytest.mark.shared)
        metafunc.parametrize(("golden_kind", "golden_case"), cases)


def cases_of(path: Path, prefix: str = "", kind: str = "", *marks: pytest.MarkDecorator) -> Any:
    """The cases of a file, or of all files in a folder, as parameters (kind, case)."""
    files = sorted(path.glob("*.json")) if path.is_dir() or prefix else [path]
    if prefix and not files:
        skip = pytest.mark.skip(f"no golden files at {path} (SORSIM_SHARED names the shared data)")
        return [pytest.param("", {}, id="shared", marks=[*marks, skip])]
    contents = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return [
        pytest.param(
            content["kind"], case, id=f"{prefix}{file.stem}-{case['id']}", marks=list(marks)
        )
        for file, content in contents
        for case in content["cases"]
        if kind in ("", content["kind"])
    ]
