"""The sizes that the house style sets and that no linter of ours measures."""

import ast
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
PACKAGES = ("sim", "router", "venues", "benchmarks")


def sources(root: Path, *folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (root / folder).rglob("*.py"))


def functions(file: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function in lines, its docstring and decorators not counted."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            signature = node.body[0].lineno - node.lineno
            yield node.name, signature + (node.end_lineno or 0) - body[0].lineno + 1


def test_modules_stay_within_their_size(project_root: Path) -> None:
    sizes = {
        str(file.relative_to(project_root)): len(file.read_text(encoding="utf-8").splitlines())
        for file in sources(project_root, *PACKAGES, "tests")
    }
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES_MAX} == {}


def test_functions_stay_within_their_size(project_root: Path) -> None:
    found = [
        f"{file.relative_to(project_root)}:{name}: {size} lines"
        for file in sources(project_root, *PACKAGES)
        for name, size in functions(file)
        if size > FUNCTION_LINES_MAX
    ]
    assert found == []


def test_no_init_file_under_tests(project_root: Path) -> None:
    """A folder ``tests/sim`` with one would replace the real package."""
    assert [file for file in sources(project_root, "tests") if file.name == "__init__.py"] == []
