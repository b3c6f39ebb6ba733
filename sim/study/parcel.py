"""A checked scenario as plain data, to be run in another process or on another machine.

What a scenario file and its overrides came to travels itself, so that workers need no scenario
files; data files are named with their hashes and are taken from the same folder where that is
there, else from what travelled with the jobs. The seed is no part of it, since jobs bring their
own, nor is what a study varies.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from sim.data.recorded import keep_recordings
from sim.protocol.errors import DataFormatError
from sim.scenario.load import LoadedScenario, scenario_from_data
from sim.scenario.plugin_names import file_of

_LOADED_MAX: Final = 64
_NO_SEED: Final = 1
_came_along: Final[dict[str, Path]] = {}


class Parcel(msgspec.Struct, frozen=True):
    """A scenario, its files by name and SHA-256, and the folder where they lie on one machine."""

    scenario: str
    files: tuple[tuple[str, str], ...]
    folder: str
    allow_code: bool = False
    modules: tuple[tuple[str, str], ...] = ()
    """Plug-ins that are modules, with the SHA-256 of their files; empty where there is none."""

    def what(self) -> tuple[object, ...]:
        """All that a run of it with a seed depends on."""
        return self.scenario, self.files, self.modules

    def files_key(self) -> str:
        """One name for these files and their content."""
        return hashlib.sha256(msgspec.json.encode(self.files)).hexdigest()


def pack(loaded: LoadedScenario) -> Parcel:
    """The scenario as data.

    Raises:
        DataFormatError: If one of its files cannot be read.
    """
    data = loaded.resolved()
    data["seed"] = _NO_SEED
    data.pop("study", None)
    return Parcel(
        msgspec.json.encode(data).decode(),  # in its order, which a run may depend on
        tuple(sorted(loaded.file_hashes().items())),
        str(loaded.folder.resolve()),
        loaded.allow_code,
        _modules(loaded) if loaded.allow_code else (),
    )


def unpack(parcel: Parcel, seed: int) -> LoadedScenario:
    """The scenario, ready to run; a process checks each parcel once and reads its files once.

    Raises:
        DataFormatError: If a file is not there, or is another one.
        ScenarioError: If this version does not take the scenario.
    """
    keep_recordings()
    loaded = _loaded(parcel)
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"seed": seed}))


def store(files_key: str, contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files that came along with jobs, for ``unpack`` to find.

    Args:
        files_key: Of the parcel whose files they are.
        contents: Their bytes by name.
        folder: A new one.
    """
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _came_along[files_key] = folder


@lru_cache(maxsize=_LOADED_MAX)
def _loaded(parcel: Parcel) -> LoadedScenario:
    return scenario_from_data(
        msgspec.json.decode(parcel.scenario),
        "scenario of the study",
        _folder(parcel),
        allow_code=parcel.allow_code,
    )


def _folder(parcel: Parcel) -> Path:
    """Where its files are, as they must be."""
    here = Path(parcel.folder)
    for folder in (here, _came_along.get(parcel.files_key(), here)):
        if all(_sha256(folder / name) == digest for name, digest in parcel.files):
            return folder
    name, digest = next(one for one in parcel.files if _sha256(here / one[0]) != one[1])
    found = _sha256(here / name) or "no such file"
    raise DataFormatError(
        str(here / name), 0, f"found {found}; allowed: the study's, with SHA-256 {digest}"
    )


def _sha256(path: Path) -> str:
    """Of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _modules(loaded: LoadedScenario) -> tuple[tuple[str, str], ...]:
    """What the scenario imports from elsewhere; code that is no file counts by its name."""
    found = []
    for ref in loaded.scenario.plugins:
        if file_of(ref) is None:
            module = ref.partition(":")[0]
            try:
                spec = find_spec(module)
            except (ImportError, ValueError):
                spec = None
            origin = spec.origin if spec is not None else None
            found.append((ref, _sha256(Path(origin)) if origin else ""))
    return tuple(found)
