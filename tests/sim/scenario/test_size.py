import subprocess
import sys
from pathlib import Path

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario

CODE = """
import resource, sys
from sim.scenario.load import load_scenario
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_scenario(sys.argv[1])
except Exception as error:
    print(type(error).__name__, str(error).count("\\n"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    "text",
    [
        "flow: [" + "{}," * 90_000 + "]",
        "venues: [" + "{}," * 90_000 + "]",
        "parents: [" + "{}," * 90_000 + "]",
        "expect: {" + ",".join(f"k{n}: x" for n in range(40_000)) + "}",
    ],
    ids=["flow", "venues", "parents", "expect"],
)
def test_S09_more_members_than_any_list_may_have_are_refused_early(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)], capture_output=True, text=True, check=True
    )
    error, megabytes = done.stdout.splitlines()
    assert error == "ScenarioError 0"
    assert int(megabytes) < 100


def test_S09_the_place_and_the_bound_are_named(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text("name: x\nparents: [" + "1," * 10_001 + "]\n")
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    assert "parents: found 10001 members; allowed: at most 10000" in str(error.value)
    assert f"{path}:2:" in str(error.value)


def test_D05_a_tick_of_too_many_digits_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"instrument\.tick_size: .*at most 12 decimals"):
        load_scenario("fragmented", sets=[f'instrument.tick_size="0.{"0" * 30}1"'])
