"""Where the scenarios that come with sorsim lie, and which there are.

In a checkout (editable install) they are the folder ``scenarios/`` beside the package
``sim``; a wheel carries the same folder as ``sim/_scenarios`` (see ``pyproject.toml``). Files
that a scenario names are relative to its own file, so both layouts work alike. This module
knows names and paths only; it never opens a scenario.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_IN_WHEEL = _PACKAGE / "_scenarios"
_IN_CHECKOUT = _PACKAGE.parent / "scenarios"


def shipped_folder() -> Path:
    """The folder with the shipped scenarios.

    Raises:
        FileNotFoundError: If the installation carries none, which is a packaging fault.
    """
    for folder in (_IN_WHEEL, _IN_CHECKOUT):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no shipped scenarios at {_IN_WHEEL} or {_IN_CHECKOUT}")


def shipped_names() -> tuple[str, ...]:
    """The names under which ``sorsim run NAME`` finds a shipped scenario, sorted."""
    return tuple(sorted(file.stem for file in shipped_folder().glob("*.yaml")))


def shipped_scenario(name: str) -> Path | None:
    """The file of the shipped scenario with exactly this name, or None if there is none."""
    return shipped_folder() / f"{name}.yaml" if name in shipped_names() else None
