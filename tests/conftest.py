"""Fixtures and settings that every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# `ci` draws the same examples on every run, so that a red build can be repeated at a desk;
# `dev` looks for new ones. Neither has a deadline: wall time says nothing about correctness.
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    deadline=None,
    print_blob=True,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--cases PATH``: here and not in its folder, since pytest asks only the topmost conftest."""
    parser.addoption(
        "--cases",
        type=Path,
        metavar="PATH",
        help="conformance cases to run instead of the project's own (tests/conformance)",
    )


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return PROJECT_ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The shared data folder; a test that asks for it is skipped where the folder is absent."""
    named = os.environ.get("SORSIM_SHARED", "../shared")
    folder = (PROJECT_ROOT / named).resolve()
    if not folder.is_dir():
        pytest.skip(f"no shared data at {named!r} (SORSIM_SHARED names the folder)")
    return folder
