"""Turns a file of conformance cases into one test per case.

``--cases PATH`` (registered in ``tests/conftest.py``) names the file; without it the cases beside
this file are run.
"""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conformance import runner as conformance_runner
else:
    # Tests cannot import each other, so the runner is loaded from its file.
    _spec = importlib.util.spec_from_file_location(
        "sorsim_conformance_runner", Path(__file__).with_name("runner.py")
    )
    conformance_runner = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = conformance_runner
    _spec.loader.exec_module(conformance_runner)

OWN_CASES = Path(__file__).with_name("core_cases.jsonl")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``case`` runs once for each; what the core lacks is skipped by name."""
    if "case" not in metafunc.fixturenames:
        return
    path = metafunc.config.getoption("cases") or OWN_CASES
    try:
        cases = conformance_runner.read_cases(path)
    except conformance_runner.CaseFormatError as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize("case", [_param(case) for case in cases])


def _param(case: "conformance_runner.Case") -> Any:
    missing = conformance_runner.missing_feature(case)
    # With its id in the reason each case is reported by itself.
    marks = () if missing is None else pytest.mark.skip(f"{case.id}: the core has no {missing}")
    return pytest.param(case, id=case.id, marks=marks)


@pytest.fixture(scope="session")
def runner() -> Any:
    """The module ``runner.py`` beside this file."""
    return conformance_runner


@pytest.fixture(scope="session")
def own_cases() -> Path:
    """The file of cases that belongs to the project."""
    return OWN_CASES
