"""The router of docs/testing_routers.md under test, as the page shows it."""

import re
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import pytest

# Imported here: pytester forgets what is first imported inside of it, and numpy comes only once.
import sim.testing.asserts  # noqa: F401
import sim.testing.interleave  # noqa: F401
import sim.testing.plugin

pytest_plugins = ["pytester"]
PAGE = "docs/testing_routers.md"
NAMED = re.compile(r"# (\w+\.py)\n")


@pytest.fixture
def run(pages: Any, pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs files of the page, in a folder of their own."""
    known = any(one.value == "sim.testing.plugin" for one in entry_points(group="pytest11"))
    ours = [] if known else [sim.testing.plugin]
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    for block in pages[PAGE].blocks("python"):
        named = NAMED.match(block)
        assert named is not None
        (pytester.path / named[1]).write_text(block)

    def one(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *args, plugins=ours)

    return one


def test_router_and_test_come_to_forty_lines(pages: Any) -> None:
    blocks = pages[PAGE].blocks("python")
    lines = [line for block in blocks[:2] for line in block.splitlines()[1:] if line.strip()]
    assert 30 <= len(lines) <= 40
    assert "sim" not in blocks[0]  # it is built on nothing of ours


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_router_passes_its_test(run: Callable[..., pytest.RunResult], mode: str) -> None:
    run("test_my_router.py", "--asyncio-mode", mode).assert_outcomes(passed=1)


def test_the_search_finds_its_race_and_prints_what_the_page_shows(
    run: Callable[..., pytest.RunResult], pages: Any
) -> None:
    found = run("test_my_race.py")
    found.assert_outcomes(failed=1)
    shown = [line for line in pages[PAGE].blocks("text")[0].splitlines() if line != "..."]
    assert set(shown) <= set(found.outlines)
    numbered = [line for line in found.outlines if line.startswith("pytest test_my_race.py::")]
    assert numbered == [pages[PAGE].blocks("text")[1].splitlines()[-1]]


@pytest.mark.slow
def test_the_mended_router_passes_all_interleavings(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    file = pytester.path / "test_my_race.py"
    text = file.read_text().replace("import Line, Sweeper,", "import Line,")
    file.write_text(
        text.replace("import pytest\n", "import pytest\nfrom mended import Patient as Sweeper\n")
    )
    run("test_my_race.py").assert_outcomes(passed=1)


def test_the_other_tests_of_the_page_pass(run: Callable[..., pytest.RunResult]) -> None:
    run("test_faults.py", "test_script.py").assert_outcomes(passed=2)
