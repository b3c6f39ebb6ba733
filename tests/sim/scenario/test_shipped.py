"""Shipped scenarios are found by name in a checkout and in an installed wheel."""

from pathlib import Path

import pytest

from sim.scenario import shipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the shipped folder, with two scenarios and a data file."""
    found = tmp_path / "scenarios"
    (found / "data").mkdir(parents=True)
    (found / "data" / "hidden.yaml").write_text("a: 1\n", encoding="utf-8")
    for name in ("two", "one"):
        (found / f"{name}.yaml").write_text(f"name: {name}\n", encoding="utf-8")
    monkeypatch.setattr(shipped, "_IN_WHEEL", tmp_path / "absent")
    monkeypatch.setattr(shipped, "_IN_CHECKOUT", found)
    return found


def test_names_are_sorted_and_leave_out_data_files(folder: Path) -> None:
    assert shipped.shipped_names() == ("one", "two")


def test_bare_name_finds_its_file(folder: Path) -> None:
    assert shipped.shipped_scenario("two") == folder / "two.yaml"


@pytest.mark.parametrize("name", ["three", "two.yaml", "data/hidden", "../scenarios/two", ""])
def test_anything_but_an_exact_name_finds_nothing(folder: Path, name: str) -> None:
    assert shipped.shipped_scenario(name) is None


def test_wheel_layout_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_IN_WHEEL", folder / "data")
    assert shipped.shipped_names() == ("hidden",)


def test_installation_without_scenarios_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_IN_WHEEL", tmp_path / "a")
    monkeypatch.setattr(shipped, "_IN_CHECKOUT", tmp_path / "b")
    with pytest.raises(FileNotFoundError, match="no shipped scenarios"):
        shipped.shipped_folder()
