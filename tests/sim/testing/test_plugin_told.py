"""What users are told of wrong markers and of endless waits, and fixtures of wider scopes."""

from collections.abc import Callable

import pytest

pytest_plugins = ["pytester"]
Run = Callable[..., pytest.RunResult]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ('sets=["nonsense=1"]', "nonsense: unknown key"),
        ('sets="duration=1s"', "sets of @pytest.mark.scenario must be a list, was 'duration=1s'"),
        ('faults=[{"kind": "no_such_fault"}]', "no_such_fault"),
        ('seed="x"', "seed"),
    ],
)
def test_a_wrong_marker_is_told_without_our_own_code(run: Run, how: str, told: str) -> None:
    found = run(
        f'@pytest.mark.scenario("fragmented", {how})\ndef test_it(market):\n    pass\n',
        mode="none",
    )
    found.assert_outcomes(errors=1)
    assert told in found.stdout.str()
    assert "Traceback" not in found.stdout.str()
    assert "raise_problems" not in found.stdout.str()


def test_a_router_that_waits_for_ever_is_told_where(run: Run) -> None:
    found = run(
        """
async def wait_for_it(market):
    market.connect("NYSE")
    await asyncio.get_running_loop().create_future()

@built
def test_it(market):
    market.run(wait_for_it(market))
""",
        mode="none",
    )
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*waits in wait_for_it, *test_it.py:*"])


def test_a_shorter_duration_needs_no_word_of_a_parent_that_nobody_wrote(run: Run) -> None:
    found = run(
        """
@pytest.mark.scenario(scenario(venue("A")), sets=["duration=2s"], faults=[
    {"kind": "venue_hang", "venue": "A", "at": "1s", "lasts": "1ms"}])
def test_it(market, sim_clock):
    sim_clock.advance("1500ms")

@pytest.mark.scenario(scenario(venue("A"), sets=["duration=2s"]))
def test_that(market, sim_clock):
    sim_clock.advance("1500ms")
""",
        mode="none",
    )
    found.assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_an_async_fixture_of_the_session_leaves_the_test_its_market(run: Run, mode: str) -> None:
    found = run(
        """
import pytest_asyncio

@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared():
    await asyncio.sleep(0)
    return 3

@pytest.mark.asyncio
@built
async def test_it(market, shared, sim_clock, audit):
    market.buy("NYSE", shared, "100.02")
    await sim_clock.idle()
    assert audit.count("fill") == 1

@pytest.mark.asyncio
@built
async def test_again(market, shared, sim_clock, audit):
    market.buy("NYSE", shared, "100.02")
    await sim_clock.idle()
    assert audit.count("fill") == 1
""",
        mode=mode,
    )
    found.assert_outcomes(passed=2)
