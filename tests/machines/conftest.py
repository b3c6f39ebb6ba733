"""How long the state machines run, and the slow twins that they are held against."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

SIZES: Final = {"quick": (6, 30), "ci": (200, 50), "all": (10_000, 200)}
"""Examples and steps of each by the environment variable ``SORSIM_MACHINES``."""

REFERENCE: Final = Path(__file__).resolve().parent.parent / "reference"

Machine = type[RuleBasedStateMachine]


def _load(name: str) -> Any:
    """A module of ``tests/reference``; tests cannot import each other."""
    known = sys.modules.get(f"sorsim_{name}")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(f"sorsim_{name}", REFERENCE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def naive() -> Any:
    """The book of plain orders that is obviously right."""
    return _load("naive_book")


@pytest.fixture(scope="session")
def naive_special() -> Any:
    """The book of special orders that is obviously right."""
    _load("naive_orders")
    return _load("naive_special")


@pytest.fixture(scope="session")
def run_machine() -> Callable[..., None]:
    """``run_machine(Machine, **names)``: run it at the chosen size, with class attributes set."""
    chosen = os.environ.get("SORSIM_MACHINES", "quick")
    if chosen not in SIZES:
        raise ValueError(f"SORSIM_MACHINES must be one of {', '.join(SIZES)}, was {chosen!r}")
    examples, steps = SIZES[chosen]
    size = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def run(machine: Machine, **names: Any) -> None:
        run_state_machine_as_test(type(machine.__name__, (machine,), names), settings=size)

    return run
