"""Finds the golden files, and what computes them, and hands their cases to the tests.

Beside the project's own files these are the shared ones, and any that ``--golden PATH`` names
(given with this folder: ``pytest tests/golden --golden more.json``). A file's ``kind`` picks what
computes it from the tables ``KINDS`` of the files ``compute_*.py``; one of those may hold:

``KINDS``: for each kind the functions ``compute(golden, tools)`` that yield the values of a case by
the names of its expectations, once for each reading of it.
``CHECKS``: by function the names that it answers, as a set or a predicate; those that are not in it
answer all.
``slow(compute, golden)``: whether a case takes more than a quarter of a second.
"""

import importlib.util
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from sim.scenario.load import LoadedScenario
    from tests.conftest import Ran

HERE = Path(__file__).parent
DATA = HERE / "data"
PROJECT_ROOT = HERE.parents[1]

Computed: TypeAlias = dict[str, Any]
Compute: TypeAlias = Callable[["Golden", "Tools"], Iterable[Computed]]


@dataclass(frozen=True)
class Golden:
    """One case of a golden file; ``shared`` holds the inputs of all its cases, from the notes."""

    file: str
    kind: str
    case: Mapping[str, Any]
    shared: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What the model needs for this case alone."""
        inputs: Mapping[str, Any] = self.case["inputs"]
        return inputs

    @property
    def expect(self) -> Mapping[str, Mapping[str, Any]]:
        """Expected values by name."""
        expect: Mapping[str, Mapping[str, Any]] = self.case["expect"]
        return expect


@dataclass(frozen=True)
class Estimate:
    """What a simulation found, from so many replications under this seed.

    With ``error``, its standard error, it must be within four of them of the expected value;
    without it the expectation says how far it may be off.
    """

    value: float
    replications: int
    seed: int
    error: float | None = None


@dataclass(frozen=True)
class PValue:
    """What a test of a whole distribution came to."""

    value: float
    replications: int
    seed: int


@dataclass(frozen=True)
class Tools:
    """What a computation may use beside the project's own code."""

    run_data: Callable[..., "Ran"]
    load_data: Callable[..., "LoadedScenario"]
    estimate: type[Estimate] = Estimate
    p_value: type[PValue] = PValue


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden",
        action="append",
        type=Path,
        metavar="PATH",
        help="also run the cases of this golden file, or of all files in this folder",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_compute" not in metafunc.fixturenames:
        return
    table = computations()
    asked = metafunc.config.getoption("golden", None) or []
    shared = PROJECT_ROOT / os.environ.get("SORSIM_SHARED", "../shared") / "golden"
    ours = sorted(DATA.glob("*.json"))
    further = [file for path in asked for file in files_of(path)]
    # Those of which we have a copy run already; many kinds of the others nothing computes yet.
    names = {file.name for file in ours}
    others = [file for file in sorted(shared.glob("*.json")) if file.name not in names]
    params = [param for file in [*ours, *further] for param in params_of(file, table)]
    for file in others:
        if json.loads(file.read_bytes())["kind"] in table:
            params += params_of(file, table, "shared-", pytest.mark.shared)
    metafunc.parametrize(("golden", "golden_compute", "answers"), params)


def files_of(path: Path) -> list[Path]:
    return sorted(path.glob("*.json")) if path.is_dir() else [path]


def computations() -> dict[str, list[tuple[Compute, Any]]]:
    """By kind each function that computes it, with the module that it stands in."""
    table: dict[str, list[tuple[Compute, Any]]] = {}
    for path in sorted(HERE.glob("compute_*.py")):
        # Tests cannot import each other, so these files are not imported by name either.
        spec = importlib.util.spec_from_file_location(f"golden_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for kind, computes in module.KINDS.items():
            table.setdefault(kind, []).extend((compute, module) for compute in computes)
    return table


def params_of(
    file: Path,
    table: Mapping[str, list[tuple[Compute, Any]]],
    prefix: str = "",
    *marks: pytest.MarkDecorator,
) -> Iterator[Any]:
    """Each case with each function that computes it, and the names that this one answers."""
    content = json.loads(file.read_text(encoding="utf-8"))
    kind = content["kind"]
    shared: dict[str, Any] = {}
    for note in content.get("notes", ()):
        if isinstance(note, dict):
            shared |= note
    for case in content["cases"]:
        golden = Golden(file.stem, kind, case, shared)
        label = f"{prefix}{file.stem}-{case['id']}"
        if kind not in table:
            skip = pytest.mark.skip(f"nothing here computes the kind {kind!r}")
            yield pytest.param(golden, None, None, id=label, marks=[*marks, skip])
        for compute, module in table.get(kind, ()):
            is_slow = getattr(module, "slow", lambda compute, golden: False)
            slow = [pytest.mark.slow] if is_slow(compute, golden) else []
            check = getattr(module, "CHECKS", {}).get(compute, golden.expect)
            is_answered = check if callable(check) else check.__contains__
            answers = frozenset([name for name in golden.expect if is_answered(name)])
            if answers:
                name = getattr(compute, "__name__", "")
                alone = len(table[kind]) == 1
                yield pytest.param(
                    golden,
                    compute,
                    answers,
                    id=label if alone else f"{label}-{name}",
                    marks=[*marks, *slow],
                )


@pytest.fixture(scope="session")
def tools(run_data: Callable[..., "Ran"], load_data: Callable[..., "LoadedScenario"]) -> Tools:
    return Tools(run_data, load_data)
