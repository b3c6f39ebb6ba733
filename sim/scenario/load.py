"""From the name of a scenario to a checked model: the one way in for command line and library."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sim.protocol.errors import DataFormatError, Problem, ScenarioError
from sim.scenario.checks import cross_checks
from sim.scenario.document import (
    Document,
    document_from_data,
    raise_problems,
    read_document,
)
from sim.scenario.locate import validate
from sim.scenario.model import Scenario
from sim.scenario.overrides import apply_overrides
from sim.scenario.scalars import shown
from sim.scenario.shipped import shipped_names, shipped_scenario


@dataclass(frozen=True, slots=True)
class Given:
    """How the user named a scenario: enough to name it again on the command line."""

    scenario: Scenario
    ref: str
    sets: tuple[str, ...]
    data: str | None

    def still_means(self, scenario: Scenario) -> bool:
        """Whether it is this scenario that it names, but for the seed."""
        return self.scenario.model_copy(update={"seed": scenario.seed}) == scenario


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A checked scenario with what is needed to write it down and to find its files.

    ``text`` is the file as it was read, before overrides; ``folder`` is where its files lie.
    ``allow_code``: its ``plugins`` may be imported and run. ``given`` is how it was named, None for
    one that was no file.
    """

    scenario: Scenario
    text: bytes
    folder: Path
    allow_code: bool = False
    given: Given | None = None

    def resolved(self) -> dict[str, Any]:
        """The scenario with overrides and every default, as plain data that loads again."""
        return self.scenario.model_dump(mode="json")

    def file_hashes(self) -> dict[str, str]:
        """SHA-256 in hex of each file that the scenario names, by that name.

        Raises:
            DataFormatError: If a file cannot be read.
        """
        hashes: dict[str, str] = {}
        for name in self.scenario.files():
            if name not in hashes:
                hashes[name] = _sha256(self.resolve(name))
        return hashes

    def resolve(self, name: str) -> Path:
        """The file that the scenario names; see ``resolve_file``."""
        return resolve_file(self.folder, name)


def load_scenario(
    ref: str | Path,
    *,
    sets: Sequence[str] = (),
    seed: int | None = None,
    data: Path | None = None,
    more: Sequence[tuple[str, str]] = (),
    allow_code: bool = False,
) -> LoadedScenario:
    """Read and check a scenario.

    Args:
        ref: A file, or the bare name of a shipped scenario.
        sets: Overrides, ``PATH=VALUE`` each, applied in order before anything is checked.
        seed: Replaces the scenario's seed.
        data: Folder of the files that it names, in place of its own folder.
        more: Overrides that come after ``sets``, each with what messages call its place.
        allow_code: Whether it may name code of its own, in ``plugins``, which then runs.

    Raises:
        ScenarioError: With every problem of the file and the overrides.
    """
    path = find_scenario(ref)
    document = read_document(path)
    _override(document, sets, seed, more)
    loaded = _checked(document, path.parent if data is None else data, allow_code=allow_code)
    given = Given(
        loaded.scenario,
        str(ref),
        (*sets, *(text for _, text in more)),
        None if data is None else str(data),
    )
    return replace(loaded, given=given)


def scenario_from_data(
    data: dict[str, Any],
    source: str,
    folder: Path,
    *,
    sets: Sequence[str] = (),
    seed: int | None = None,
    allow_code: bool = False,
) -> LoadedScenario:
    """Check a scenario that is plain data already, such as the resolved one in a log.

    With overrides, a value that is the default counts as not written: one of another kind, as of a
    strategy or a latency model, brings its own defaults then, as it does in a file.

    Args:
        data: Keys to values, as ``LoadedScenario.resolved`` gives them.
        source: What messages call it.
        folder: Where its files lie.
        sets: Overrides, as ``load_scenario`` takes them.
        seed: Replaces the scenario's seed.
        allow_code: Whether it may name code of its own.

    Raises:
        ScenarioError: With every problem.
    """
    if not sets and seed is None:
        return _checked(document_from_data(data, source), folder, allow_code=allow_code)
    document = document_from_data(_written(data, source), source)
    _override(document, sets, seed)
    return _checked(document, folder, allow_code=allow_code)


def find_scenario(ref: str | Path) -> Path:
    """The file of a scenario: a path as it stands, or the name of a shipped one.

    Raises:
        ScenarioError: If there is neither.
    """
    path = Path(ref)
    # A folder is no scenario: a run's folder may have the name of a shipped one.
    if path.suffix or path.is_file() or len(path.parts) > 1:
        return path
    found = shipped_scenario(str(ref))
    if found is not None:
        return found
    names = shipped_names()
    beside = Path(f"{ref}.yaml")
    near = [str(beside)] if beside.is_file() else get_close_matches(str(ref), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    message = f"no such file or shipped scenario; shipped: {', '.join(names)}{hint}"
    raise ScenarioError([Problem(str(ref), 0, 0, "", message)])


def resolve_file(folder: Path, name: str) -> Path:
    """The file ``name`` inside ``folder``: no absolute path, no way out of the folder.

    Raises:
        DataFormatError: If the name leads elsewhere, or to no regular file.
    """
    root = folder.resolve()
    written = shown(name)
    if "\0" in name or Path(name).is_absolute():
        raise DataFormatError(
            written, 0, f"must be a path inside the scenario's folder, was {written}"
        )
    try:
        path = (root / name).resolve()
        is_file = path.is_file()
    except (OSError, RuntimeError) as error:  # a name too long, links in a circle
        why = getattr(error, "strerror", None) or "its links go in a circle"
        raise DataFormatError(written, 0, f"cannot be read: {why}: {written}") from error
    if not path.is_relative_to(root):
        raise DataFormatError(written, 0, f"must lie inside the scenario's folder, was {written}")
    if not is_file:
        raise DataFormatError(written, 0, f"no such file in the scenario's folder: {written}")
    return path


def _override(
    document: Document,
    sets: Sequence[str],
    seed: int | None,
    more: Sequence[tuple[str, str]] = (),
) -> None:
    apply_overrides(document, sets)
    for option, text in more:
        apply_overrides(document, [text], option=option)
    if seed is not None:
        apply_overrides(document, [f"seed={seed}"], option="--seed")


def _written(data: dict[str, Any], source: str) -> dict[str, Any]:
    """The values that are no defaults: with each default it is the same scenario again."""
    document = document_from_data(data, source)
    document.refuse_oversized()
    scenario, problems = validate(document, Scenario)
    if scenario is None or problems:
        raise_problems(problems)
    return scenario.model_dump(mode="json", exclude_defaults=True)


def _checked(document: Document, folder: Path, *, allow_code: bool) -> LoadedScenario:
    document.refuse_oversized()
    scenario, problems = validate(document, Scenario)
    problems += cross_checks(
        document, lambda name: resolve_file(folder, name), allow_code=allow_code
    )
    if scenario is None or problems:
        raise_problems(problems)
    return LoadedScenario(scenario, document.raw, folder, allow_code)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataFormatError(str(path), 0, f"cannot be read: {error.strerror}") from error
