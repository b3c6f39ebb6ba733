"""A scenario is found by its path or, if it is a shipped one, by its bare name."""

from pathlib import Path

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import find_scenario
from sim.scenario.shipped import shipped_scenario


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bare_name_finds_the_shipped_scenario_beside_a_folder_of_that_name(folder: Path) -> None:
    """``sorsim run fragmented --out fragmented`` makes such a folder."""
    (folder / "fragmented").mkdir()
    assert find_scenario("fragmented") == shipped_scenario("fragmented")


def test_file_without_suffix_goes_before_a_shipped_scenario(folder: Path) -> None:
    (folder / "fragmented").write_text("name: mine", encoding="utf-8")
    assert find_scenario("fragmented") == Path("fragmented")


def test_bare_name_of_a_file_of_ours_is_put_right(folder: Path) -> None:
    (folder / "mine.yaml").write_text("name: mine", encoding="utf-8")
    with pytest.raises(
        ScenarioError, match=r"shipped: .*fragmented, .*; did you mean mine\.yaml\?"
    ):
        find_scenario("mine")


def test_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(ScenarioError, match=r"; did you mean fragmented\?$"):
        find_scenario("fragmentd")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_folders_and_nothing_are_no_scenario(name: str) -> None:
    with pytest.raises(ScenarioError, match="no such file or shipped scenario"):
        find_scenario(name)
