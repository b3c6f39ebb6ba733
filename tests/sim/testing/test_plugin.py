"""The pytest plugin, as users' projects meet it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
Run = Callable[..., pytest.RunResult]

ASYNC = """
{mark}
@built
async def test_it(market, sim_clock, audit):
    assert type(asyncio.get_running_loop()) is SimLoop
    nyse = market.connect("NYSE")
    await nyse.send(nyse.buy(100, "100.02"))
    await sim_clock.idle()
    assert (sim_clock.now_ns, audit.find("fill").last_qty) == (10_000_000, 100)
    await asyncio.sleep(1)
    assert sim_clock.now_ns == 1_010_000_000

{mark}
async def test_others_run_as_ever():
    assert type(asyncio.get_running_loop()) is not SimLoop
"""


@pytest.mark.parametrize(
    ("mode", "mark"), [("auto", ""), ("strict", "@pytest.mark.asyncio")], ids=["auto", "strict"]
)
def test_async_tests_run_in_virtual_time_and_others_as_ever(run: Run, mode: str, mark: str) -> None:
    found = run(ASYNC.format(mark=mark), "-v", mode=mode)
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["test_it.py::test_it PASSED*"])


def test_tests_that_are_not_async_need_no_other_plugin(run: Run) -> None:
    found = run(
        """
@built
def test_it(market, sim_clock, audit):
    order = market.buy("NYSE", 100, "100.02")
    sim_clock.advance("5ms")
    assert audit.count("fill") == 0
    sim_clock.idle()
    assert audit.count("fill", cl_ord_id=order.cl_ord_id) == 1

    async def wait():
        await asyncio.sleep(0.5)
        return market.now_ns

    assert market.run(wait()) == 510_000_000
""",
        mode="none",
    )
    found.assert_outcomes(passed=1)


def test_fixtures_of_the_user_share_the_loop(run: Run) -> None:
    found = run(
        """
import pytest_asyncio

@pytest.fixture
def nyse(market):
    return market.connect("NYSE")

@pytest_asyncio.fixture
async def filled(nyse):
    await nyse.send(nyse.buy(100, "100.02"))
    await nyse.next_report()
    yield await nyse.next_report()
    assert nyse.received

@built
@pytest.mark.asyncio
async def test_it(filled, sim_clock):
    assert (filled.last_qty, sim_clock.now_ns) == (100, 10_000_000)
""",
        mode="strict",
    )
    found.assert_outcomes(passed=1)


def test_a_scenario_comes_from_a_file_a_name_or_a_fixture(
    run: Run, pytester: pytest.Pytester, project_root: Path
) -> None:
    text = (project_root / "scenarios" / "fragmented.yaml").read_text(encoding="utf-8")
    (pytester.path / "mine.yaml").write_text(text.replace("name: fragmented", "name: mine"))
    found = run(
        """
@pytest.mark.scenario("mine.yaml")
def test_of_a_file(market):
    assert market.scenario.scenario.name == "mine"

@pytest.fixture
def market_scenario():
    return "fragmented"

def test_of_the_fixture(market):
    assert market.scenario.scenario.name == "fragmented"

@pytest.mark.scenario("midpoint", seed=7, sets=["duration=3s"])
def test_of_the_marker(market):
    found = market.scenario.scenario
    assert (found.name, found.seed, found.duration) == ("midpoint", 7, 3_000_000_000)

@pytest.mark.scenario(seed=8)
def test_of_both(market):
    assert market.scenario.scenario.seed == 8
""",
        mode="none",
    )
    found.assert_outcomes(passed=4)


def test_faults_of_the_marker_strike(run: Run) -> None:
    found = run(
        """
LOST = {"kind": "message_loss", "venue": "NYSE", "leg": "report", "messages": "fill", "at": "0s"}

@pytest.mark.scenario("fragmented", faults=[LOST])
def test_as_data(market, sim_clock, audit):
    market.buy("NYSE", 100, "100.02")
    sim_clock.idle()
    assert (audit.count("fill"), audit.count("child_acked")) == (0, 1)
    assert audit.find("fault", phase="struck").venue_id == "NYSE"

@pytest.mark.scenario(
    "fragmented", faults=["{kind: message_loss, venue: NYSE, leg: order, at: 0s}"]
)
def test_as_text(market, sim_clock, audit):
    market.buy("NYSE", 100, "100.02")
    sim_clock.idle()
    assert audit.count("child_acked") == 0
""",
        mode="none",
    )
    found.assert_outcomes(passed=2)


def test_a_failed_test_shows_the_end_of_the_log_and_how_to_run_it_again(run: Run) -> None:
    found = run(
        """
@built
def test_it(market, sim_clock, audit):
    market.buy("NYSE", 1, "100.02", cl_ord_id="\\x1b[31mred")
    sim_clock.idle()
    assert audit.count("fill") == 2
""",
        mode="none",
    )
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(
        [
            "*last * of * audit records*",
            "*10 ms  fill  cl_ord_id=*",
            "*run it again*",
            "pytest test_it.py::test_it",
        ]
    )
    assert r"10 ms  fill  cl_ord_id=\x1b[31mred" in found.stdout.str()
    assert "\x1b[31mred" not in found.stdout.str()


def test_without_a_scenario_it_says_the_ways_to_name_one(run: Run) -> None:
    found = run("def test_it(market):\n    pass\n", mode="none")
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*the market needs a scenario: @pytest.mark.scenario*"])


def test_a_wrong_scenario_is_told_with_its_place(run: Run) -> None:
    found = run(
        '@pytest.mark.scenario("no_such_one")\ndef test_it(market):\n    pass\n', mode="none"
    )
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*no such file or shipped scenario*"])


def test_a_fixture_of_the_same_name_in_a_project_is_left_alone(run: Run) -> None:
    found = run(
        """
@pytest.fixture
def market():
    return "mine"

async def test_it(market):
    assert market == "mine"
    assert type(asyncio.get_running_loop()) is not SimLoop
"""
    )
    found.assert_outcomes(passed=1)


def test_a_fixture_that_stands_on_ours_under_the_same_name_is_ours(run: Run) -> None:
    found = run(
        """
@pytest.fixture
def market(market):
    market.parent("P1", "buy", 100)
    return market

@built
async def test_it(market):
    assert type(asyncio.get_running_loop()) is SimLoop
    assert [*market.parents] == ["P1"]
"""
    )
    found.assert_outcomes(passed=1)


def test_a_market_that_broke_fails_its_test(run: Run) -> None:
    found = run(
        """
@built
async def test_it(market, sim_clock):
    market.buy("NYSE", 1, "100.02")
    def burst(*args):
        raise ArithmeticError("the venue is broken")
    market.call_at(1_000_000, 0, burst)
    await sim_clock.advance("1s")
"""
    )
    assert found.ret == 1
    found.stdout.fnmatch_lines(["*ArithmeticError: the venue is broken*"])


def test_a_market_asked_for_as_the_test_runs_works_too(run: Run) -> None:
    found = run(
        """
@built
def test_it(request):
    market = request.getfixturevalue("market")
    market.buy("NYSE", 1, "100.02")
    market.clock.idle()
    assert market.audit.count("fill") == 1
""",
        mode="none",
    )
    found.assert_outcomes(passed=1)


def test_loading_it_imports_next_to_nothing() -> None:
    """Every pytest of the environment pays for this."""
    code = """
import sys
import pytest
before = set(sys.modules)
import sim.testing.plugin
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["sim", "sim.testing", "sim.testing.plugin"]


def test_the_wheel_names_it_for_pytest(project_root: Path) -> None:
    import tomllib

    text = (project_root / "pyproject.toml").read_text(encoding="utf-8")
    points = tomllib.loads(text)["project"]["entry-points"]
    assert points == {"pytest11": {"sorsim": "sim.testing.plugin"}}


RACE = """
class Counter:
    async def work(self, market):
        first, second = market.connect("NYSE"), market.connect("NASDAQ")
        await first.send(first.buy(1, "100.02"))
        await second.send(second.buy(1, "100.01"))
        heard = []
        for session in (first, second):
            async for report in session:
                heard.append((market.now_ns, session.venue_id))
                break
        return heard

pair = pytest.mark.scenario(
    scenario(venue("NYSE", asks=[("100.02", 4)]), venue("NASDAQ", asks=[("100.01", 4)]))
)
"""


@pytest.mark.parametrize("mode", ["auto", "strict", "none"])
def test_interleavings_find_a_race_and_name_its_smallest_seed(run: Run, mode: str) -> None:
    text = (
        RACE
        + """
@pair
@pytest.mark.asyncio
@pytest.mark.interleavings(20)
async def test_it(market, audit):
    market.parent("P1", "buy", 2)
    await Counter().work(market)
    acks = audit.filter("child_acked")
    assert [one.venue_id for one in acks] == ["NYSE", "NASDAQ"]
"""
    )
    if mode == "none":
        text = text.replace("@pytest.mark.asyncio\n", "")
    found = run(text, mode=mode)
    found.assert_outcomes(failed=1)
    out = found.stdout.str()
    # On a CI machine the last lines say it once more.
    note = next(line for line in found.outlines if "of 20 fails" in line)
    seed = int(note.split("interleaving ")[1].split()[0])
    assert seed > 0
    before = "0 passes" if seed == 1 else f"0 to {seed - 1} pass"
    assert f"interleaving {seed} of 20 fails, {before}; again: pytest " in note
    assert f"pytest test_it.py::test_it --interleaving {seed}" in out
    again = run(text, "--interleaving", str(seed), mode=mode)
    again.assert_outcomes(failed=1)
    run(text, "--interleaving", "0", mode=mode).assert_outcomes(passed=1)


def test_interleavings_run_tests_that_are_not_async_too(run: Run) -> None:
    found = run(
        RACE
        + """
seen = []

@pair
@pytest.mark.interleavings(5)
def test_it(market, sim_clock):
    seen.append(market.run(Counter().work(market)))
    assert sim_clock.now_ns > 0

def test_all_of_them_ran():
    assert len(seen) == 5
    assert len({str(one) for one in seen}) > 1
""",
        mode="none",
    )
    found.assert_outcomes(passed=2)


def test_a_fixture_on_the_market_would_be_stale_between_interleavings(run: Run) -> None:
    found = run(
        """
@pytest.fixture
def nyse(market):
    return market.connect("NYSE")

@built
@pytest.mark.interleavings(5)
def test_it(nyse):
    pass

@built
@pytest.mark.interleavings("many")
def test_that(market):
    pass
""",
        mode="none",
    )
    found.assert_outcomes(failed=2)
    found.stdout.fnmatch_lines(["*the fixture nyse uses the market, and would be the same*"])
    found.stdout.fnmatch_lines(["*interleavings(count=200), with a whole number >= 1*"])


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_where_tests_share_a_loop_ours_still_have_their_own(run: Run, mode: str) -> None:
    text = """
@pytest.mark.asyncio
async def test_first():
    assert type(asyncio.get_running_loop()) is not SimLoop

@built
@pytest.mark.asyncio
@pytest.mark.parametrize("n", range(2))
async def test_ours(market, sim_clock, n):
    market.buy("NYSE", 1, "100.02")
    await sim_clock.idle()
    assert sim_clock.now_ns == 10_000_000

@pytest.mark.asyncio
async def test_last():
    assert type(asyncio.get_running_loop()) is not SimLoop
"""
    scopes = [f"asyncio_default_{one}_loop_scope=session" for one in ("fixture", "test")]
    found = run(text, *[part for one in scopes for part in ("-o", one)], mode=mode)
    found.assert_outcomes(passed=4)


def test_a_test_that_asks_for_a_shared_loop_is_told_why_not(run: Run) -> None:
    found = run(
        """
async def test_first():
    pass

@built
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("n", range(2))
async def test_it(market, n):
    market.buy("NYSE", 1, "100.02")
"""
    )
    assert found.ret == 1
    found.stdout.fnmatch_lines(['*MarketError: the market runs in virtual time*loop_scope="fun*'])
