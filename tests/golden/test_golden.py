"""Published and recomputed facts, through the real loop, messages, venues and router.

A golden file's ``kind`` picks what computes its cases (``compute_*.py``, see ``conftest.py``); the
file's numbers stand in the file only. What a simulation found is recorded with its seed, its
replications and the bound that it had to meet (``--junit-xml``, or shown when it misses).
"""

from collections.abc import Callable
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Golden, Tools

DATA = Path(__file__).parent / "data"
OURS = {"cst_own_orders.json", "fix_order_states_more.json"}
"""Files that the shared folder does not have."""
EPISODES_MIN = 5_000


def test_golden_case(
    golden: "Golden",
    golden_compute: "Compute",
    answers: frozenset[str],
    tools: "Tools",
    record_property: Callable[[str, object], None],
) -> None:
    readings = list(golden_compute(golden, tools))
    assert readings
    for computed in readings:
        missing = answers - computed.keys()
        assert not missing, f"nothing computes {sorted(missing)}"
        for name in sorted(answers):
            value, expected = computed[name], golden.expect[name]
            if hasattr(value, "replications"):
                record_property(name, f"{value}, bound {bound(value, expected)}")
            assert agrees(value, expected), (name, value, expected, bound(value, expected))


@pytest.mark.shared
@pytest.mark.parametrize("name", sorted({path.name for path in DATA.glob("*.json")} - OURS))
def test_our_copies_are_those_of_the_shared_folder(name: str, shared_dir: Path) -> None:
    assert (DATA / name).read_bytes() == (shared_dir / "golden" / name).read_bytes()


def agrees(value: Any, expected: "Any") -> bool:
    """Whether a value meets its expectation, as the golden files define it."""
    if "test" in expected:
        return bool(value.value > lowest_p(expected["test"]))
    if "value" not in expected:
        found = getattr(value, "value", value)
        low, high = expected.get("min"), expected.get("max")
        return (low is None or found >= low) and (high is None or found <= high)
    target = expected["value"]
    if expected.get("exact"):
        return bool(value == target)
    if isinstance(target, list):
        return len(value) == len(target) and all(
            agrees(one, {**expected, "value": other})
            for one, other in zip(value, target, strict=True)
        )
    found = getattr(value, "value", value)
    return bool(abs(Decimal(str(found)) - Decimal(repr(target))) <= bound(value, expected))


def bound(value: Any, expected: "Any") -> Any:
    """How far a value may be from the one that is expected; of an estimate by its own error."""
    if "test" in expected:
        return f"p > {lowest_p(expected['test'])}"
    target = expected.get("value")
    if not isinstance(target, int | float):
        return None
    replications = getattr(value, "replications", None)
    if replications is not None and value.error is not None:
        return Decimal(repr(4 * value.error))
    if replications is not None and expected.get("ci") == "binomial-4sigma":
        assert replications >= EPISODES_MIN
        return Decimal(repr(4 * sqrt(target * (1 - target) / replications)))
    tolerance = Decimal(repr(expected.get("abs_tol", 0)))
    return tolerance + Decimal(repr(expected.get("rel_tol", 0))) * abs(Decimal(repr(target)))


def lowest_p(test: str) -> float:
    """The p-value that a test must exceed: ``Kolmogorov-Smirnov, p > 0.001``."""
    return float(test.rpartition("p >")[2])
