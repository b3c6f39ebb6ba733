"""Modules of others that have the names of our packages: ``sim``, ``router`` and ``venues``.

A user's own ``router.py`` is likely, since that is what users write. The console script never
looks into the current folder and ``python -m sim.cli`` takes it off the path, so such a file does
no harm there. What stands in for ours must be named, since the errors that it causes name something
else. Imports the standard library alone: it runs before anything of ours can go wrong.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

PACKAGES: Final = ("sim", "router", "venues")
ROOT: Final = Path(__file__).resolve().parents[2]
"""The folder that holds our packages."""


class ClashError(Exception):
    """Another module stands in for one of our packages: nothing of ours can be trusted to run."""


def stand_ins() -> list[tuple[str, Path]]:
    """Our packages that Python would take from elsewhere, with what it would take."""
    found = []
    for name in PACKAGES:
        place = _place(name)
        if place is not None and place != ROOT / name / "__init__.py":
            found.append((name, place))
    return found


def namesakes(folder: Path) -> list[Path]:
    """Modules and packages in a folder that have our names and are not ours."""
    if folder.resolve() == ROOT:
        return []
    modules = [folder / f"{name}.py" for name in PACKAGES]
    packages = [folder / name for name in PACKAGES]
    found = [place for place in modules if place.is_file()]
    return found + [place for place in packages if (place / "__init__.py").is_file()]


def refuse_stand_ins() -> None:
    """Refuse to go on with modules that are not ours.

    Raises:
        ClashError: If something stands in for one of our packages; the message names it.
    """
    found = stand_ins()
    if found:
        which = ", ".join(f"{place} stands in for our package {name}" for name, place in found)
        advice = "rename it, or take its folder off PYTHONPATH; sorsim doctor says more"
        raise ClashError(f"{which}: {advice}")


def environment_words(error: BaseException) -> str | None:
    """What to say of an error that the environment is to blame for; None if it is not."""
    if isinstance(error, ClashError):
        return str(error)
    if isinstance(error, ImportError) and (error.name or PACKAGES[0]).split(".")[0] not in PACKAGES:
        return f"a library cannot be imported: {error}; sorsim doctor says what to do"
    return None


def note(folder: Path) -> str | None:
    """What to say of namesakes in the current folder, which do no harm to the command line."""
    found = [place.name for place in namesakes(folder)]
    if not found:
        return None
    return (
        f"note: in this folder {' and '.join(found)} {'has' if len(found) == 1 else 'have'} the "
        "name of a package of ours; we do not use it here, but Python programs in this folder "
        "would: rename it"
    )


def _place(name: str) -> Path | None:
    """The file of a module that is loaded or would be; None if there is none at all."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return None if file is None else Path(file).resolve()
    spec = PathFinder.find_spec(name)
    if spec is None:
        return None
    if spec.origin is not None:
        return Path(spec.origin).resolve()
    return next((Path(place).resolve() for place in spec.submodule_search_locations or ()), None)
