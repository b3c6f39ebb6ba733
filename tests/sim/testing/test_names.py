"""The names that ``sim.testing`` gives to users."""

import ast
from pathlib import Path

import pytest

import sim.testing

TABLE: dict[str, str] = vars(sim.testing)["_TABLE"]  # not in the .pyi, it is nobody's business


def test_every_name_loads_once_and_says_what_it_is() -> None:
    for name in TABLE:
        found = getattr(sim.testing, name)
        assert found is getattr(sim.testing, name)
        assert name in dir(sim.testing)
        assert name == "SILENT" or found.__doc__


def test_types_name_what_the_table_names(project_root: Path) -> None:
    text = (project_root / "sim" / "testing" / "__init__.pyi").read_text(encoding="utf-8")
    typed = {
        alias.asname: node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == TABLE


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sim.testing.nothing  # type: ignore[attr-defined]  # noqa: B018 - the access is the test


def test_all_names_of_the_page_are_there(project_root: Path) -> None:
    page = (project_root / "docs" / "testing_routers.md").read_text(encoding="utf-8")
    assert [name for name in TABLE if name[0].islower() and name not in page] == []
