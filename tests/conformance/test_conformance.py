"""The cores of venues against cases from the test suites of other engines."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conformance.runner import Case

COUNTS = {"core": 120, "optional": 84, "dialect": 54}


def test_case(case: "Case", runner: Any) -> None:
    """Each dialect under its own profile: the disagreements are settings."""
    assert runner.differences(case) == []


def test_case_beside_a_special_order(case: "Case", runner: Any) -> None:
    """Plain orders get the same from the path that knows all orders as from the fast one."""
    assert runner.differences(case, runner.slow_core_for) == []


def test_case_in_a_pool(case: "Case", runner: Any) -> None:
    """A dark pool without rules of its own is a price-time book."""
    found = runner.differences(case, runner.pool_for)
    if found and case.level == "dialect":
        pytest.xfail(f"another dialect, with no setting that tells it: {found[0]}")
    assert found == []


def test_own_cases_are_all_run(runner: Any, own_cases: tuple[Path, ...]) -> None:
    cases = [case for path in own_cases for case in runner.read_cases(path)]
    found = {level: sum(case.level == level for case in cases) for level in COUNTS}
    assert found == COUNTS
    assert [case.id for case in cases if runner.lacking(case)] == []


@pytest.mark.slow
@pytest.mark.shared
def test_shared_cases_pass(runner: Any, shared_dir: Path) -> None:
    cases = runner.read_cases(shared_dir / "conformance" / "matching.jsonl")
    assert len(cases) == sum(COUNTS.values())
    assert [case.id for case in cases if runner.lacking(case)] == []
    assert {case.id: found for case in cases if (found := runner.differences(case))} == {}


@pytest.mark.shared
def test_own_cases_are_the_shared_ones_unchanged(
    shared_dir: Path, own_cases: tuple[Path, ...]
) -> None:
    with (shared_dir / "conformance" / "matching.jsonl").open(encoding="utf-8") as lines:
        shared = list(lines)
    for level, path in zip(COUNTS, own_cases, strict=True):
        of_level = [line for line in shared if json.loads(line)["level"] == level]
        assert path.read_text(encoding="utf-8").splitlines(keepends=True) == of_level
