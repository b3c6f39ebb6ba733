"""The matching core against cases from the test suites of other engines."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conformance.runner import Case


def test_case(case: "Case", runner: Any) -> None:
    found = runner.differences(case)
    if found and case.level == "dialect":
        pytest.xfail(f"another dialect, with no setting that tells it: {found[0]}")
    assert found == []


def test_case_in_a_pool(case: "Case", runner: Any) -> None:
    """A dark pool without rules of its own is a price-time book."""
    found = runner.differences(case, partial(runner.PoolCore, midpoint=is_midpoint(case)))
    if found and case.level == "dialect":
        pytest.xfail(f"another dialect, with no setting that tells it: {found[0]}")
    assert found == []


def is_midpoint(case: "Case") -> bool:
    return case.profile.book == "midpoint"


@pytest.mark.shared
def test_shared_midpoint_cases_pass(runner: Any, shared_dir: Path) -> None:
    cases = runner.read_cases(shared_dir / "conformance" / "matching.jsonl")
    midpoint = [case for case in cases if is_midpoint(case)]
    assert len(midpoint) == 2
    assert [case.id for case in midpoint if runner.missing_feature(case)] == []
    assert {case.id: found for case in midpoint if (found := runner.differences(case))} == {}


def test_own_cases_are_all_run(runner: Any, own_cases: Path) -> None:
    cases = runner.read_cases(own_cases)
    assert len(cases) == 120
    assert [case.id for case in cases if runner.missing_feature(case)] == []


@pytest.mark.slow
@pytest.mark.shared
def test_shared_core_cases_pass(runner: Any, shared_dir: Path) -> None:
    cases = runner.read_cases(shared_dir / "conformance" / "matching.jsonl")
    core = [case for case in cases if case.level == "core"]
    assert len(core) == 120
    assert [case.id for case in core if runner.missing_feature(case)] == []
    assert {case.id: found for case in core if (found := runner.differences(case))} == {}


@pytest.mark.shared
def test_own_cases_are_the_shared_ones_unchanged(shared_dir: Path, own_cases: Path) -> None:
    with (shared_dir / "conformance" / "matching.jsonl").open(encoding="utf-8") as lines:
        shared = [line for line in lines if json.loads(line)["level"] == "core"]
    assert own_cases.read_text(encoding="utf-8").splitlines(keepends=True) == shared
