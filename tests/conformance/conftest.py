"""Turns a file of conformance cases into one test per case.

``--cases PATH`` (registered in ``tests/conftest.py``) names the file; without it the cases beside
this file are run, of all levels.
"""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conformance import runner as conformance_runner
else:
    # Tests cannot import each other: both are loaded from their files, first what the other needs.
    for _name in ("cases", "runner"):
        _spec = importlib.util.spec_from_file_location(
            f"sorsim_conformance_{_name}", Path(__file__).with_name(f"{_name}.py")
        )
        conformance_runner = importlib.util.module_from_spec(_spec)
        sys.modules[_spec.name] = conformance_runner
        _spec.loader.exec_module(conformance_runner)

OWN_CASES = tuple(
    Path(__file__).with_name(f"{level}_cases.jsonl") for level in ("core", "optional", "dialect")
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``case`` runs once for each; what the core lacks is skipped by name."""
    if "case" not in metafunc.fixturenames:
        return
    path = metafunc.config.getoption("cases")
    try:
        cases = [
            case
            for one in (OWN_CASES if path is None else (path,))
            for case in conformance_runner.read_cases(one)
        ]
    except conformance_runner.CaseFormatError as error:
        raise pytest.UsageError(str(error)) from error
    if metafunc.function.__name__.endswith("in_a_pool"):
        # A pool is no book for all of them; that each is run somewhere the others see to.
        cases = [case for case in cases if conformance_runner.lacking_in_a_pool(case) is None]
    lacking = conformance_runner.lacking
    metafunc.parametrize("case", [_param(case, lacking(case)) for case in cases])


def _param(case: "conformance_runner.Case", lacks: str | None) -> Any:
    # With its id in the reason each case is reported by itself.
    marks = () if lacks is None else pytest.mark.skip(f"{case.id}: this book has no {lacks}")
    return pytest.param(case, id=case.id, marks=marks)


@pytest.fixture(scope="session")
def runner() -> Any:
    """The module ``runner.py`` beside this file."""
    return conformance_runner


@pytest.fixture(scope="session")
def own_cases() -> tuple[Path, ...]:
    """The files of cases that belong to the project, one for each level."""
    return OWN_CASES
