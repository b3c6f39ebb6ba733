"""``sorsim doctor``: whether this machine and environment are fit, and what to do where not.

Imports nothing but the standard library and click on top: a broken library must be found, not met.
"""

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    requires,
    version,
)
from pathlib import Path
from typing import Final, NamedTuple

import click

from sim.cli.clashes import PACKAGES, ROOT, namesakes, stand_ins
from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, json_option
from sim.protocol.version import __version__

PYTHON_MIN: Final = (3, 11)
DISK_BYTES_MIN: Final = 100 * 2**20
"""Less than this is wrong: the log of one long run is that large."""
CORE: Final = (
    "click", "msgspec", "numpy", "pydantic", "pyyaml", "rich", "sortedcontainers", "structlog",
)  # fmt: skip
_IMPORTED_AS: Final = {"pyyaml": "yaml"}
_AGAIN: Final = "install sorsim again: pip install --upgrade sorsim, in a clone pip install ."


class Check(NamedTuple):
    """One thing looked at; ``advice`` says what to do where it is wrong, and is shown then only."""

    name: str
    ok: bool
    found: str
    advice: str = ""


@click.command(context_settings=CONTEXT)
@json_option
def doctor(*, as_json: bool) -> int:
    """Look whether this machine and its Python are fit for sorsim, and say what to do where not.

    Exit code 1 says that something is wrong.
    """
    checks = [check for look in LOOKS for check in _looked(look)]
    fit = all(check.ok for check in checks)
    if as_json:
        import json

        rows = [one._replace(advice="") if one.ok else one for one in checks]
        document = {"ok": fit, "checks": [row._asdict() for row in rows]}
        click.echo(json.dumps(document, indent=2))
        return FINE if fit else ANSWER_IS_NO
    column = max(len(check.name) for check in checks)
    for check in checks:
        click.echo(f"{'ok   ' if check.ok else 'WRONG'}  {check.name:<{column}}  {check.found}")
        if not check.ok:
            click.echo(f"{'':<{column + 9}}-> {check.advice}")
    wrong = sum(not check.ok for check in checks)
    click.echo("\nall fine" if fit else f"\n{wrong} {'thing' if wrong == 1 else 'things'} wrong")
    return FINE if fit else ANSWER_IS_NO


def _looked(look: Callable[[], Iterator[Check]]) -> list[Check]:
    """What a look found; that it failed is a finding too, and the others go on."""
    try:
        return list(look())
    except Exception as error:
        found = f"cannot be looked at: {type(error).__name__}: {error}"
        return [Check(look.__name__, False, found, _AGAIN)]


def python_version() -> Iterator[Check]:
    """The interpreter."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    wanted = ".".join(map(str, PYTHON_MIN))
    yield Check(
        "python",
        sys.version_info >= PYTHON_MIN,
        f"{found} ({sys.executable})",
        f"install Python {wanted} or newer",
    )


def own_version() -> Iterator[Check]:
    """What is installed against what runs."""
    try:
        installed = version("sorsim")
    except PackageNotFoundError:
        yield Check("sorsim", True, f"{__version__} in {ROOT}, not installed as a package")
        return
    same = installed == __version__
    found = f"{__version__} in {ROOT}"
    yield Check("sorsim", same, found if same else f"{found}, installed is {installed}", _AGAIN)


def libraries() -> Iterator[Check]:
    """Each core library: there, new enough, and importable."""
    for name in CORE:
        yield _library(name)


def _library(name: str) -> Check:
    try:
        found = version(name)
    except PackageNotFoundError:
        return Check(name, False, "is not installed", _AGAIN)
    least = _least(name)
    if _numbers(found) < _numbers(least):
        return Check(name, False, f"{found}, needed is {least}", _AGAIN)
    try:
        import_module(_IMPORTED_AS.get(name, name))
    except Exception as error:  # whatever it is, it is what is wrong
        return Check(name, False, f"{found} cannot be imported: {error}", _AGAIN)
    return Check(name, True, found)


def _least(name: str) -> str:
    """The oldest version that sorsim asks for; ``0`` where it is not installed as a package."""
    try:
        wanted = requires("sorsim") or []
    except PackageNotFoundError:
        return "0"
    for line in wanted:
        match = re.match(rf"{name}>=([0-9.]+)", line)
        if match:
            return match[1]
    return "0"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", text)[:3])


def uvloop() -> Iterator[Check]:
    """What ``--clock wall`` runs on."""
    if sys.platform == "win32":
        yield Check("uvloop", True, "not on Windows: --clock wall runs on asyncio's own loop")
        return
    from sim.kernel.clock import new_loop

    loop = new_loop("wall")
    used = type(loop).__module__.partition(".")[0]
    loop.close()
    try:
        found = version("uvloop")
    except PackageNotFoundError:
        found = "is not installed"
    how = "is used by --clock wall" if used == "uvloop" else f"--clock wall runs on {used}"
    yield Check("uvloop", used == "uvloop", f"{found}, {how}", "pip install uvloop")


def clashes() -> Iterator[Check]:
    """Others' modules with the names of our packages."""
    wrong = [
        f"{place} stands in for our package {name}; rename it, or take its folder off PYTHONPATH"
        for name, place in stand_ins()
    ]
    by_name = packages_distributions()
    for name in PACKAGES:
        others = sorted({one for one in by_name.get(name, ()) if one != "sorsim"})
        wrong += [
            f"the package {other} installs a module {name}, as we do; uninstall it and install "
            "sorsim again, or give each an environment of its own"
            for other in others
        ]
    wrong += [
        f"{place.name} in this folder; rename it: Python programs here get it in place of ours"
        for place in namesakes(Path.cwd())
        if not wrong
    ]
    if not wrong:
        yield Check("clashes", True, f"none with {', '.join(PACKAGES)}")
    for words in wrong:
        found, _, advice = words.partition("; ")
        yield Check("clashes", False, found, advice)


def scenarios() -> Iterator[Check]:
    """The scenarios that come with us."""
    from sim.scenario.shipped import shipped_folder, shipped_names

    try:
        yield Check("scenarios", True, f"{len(shipped_names())} in {shipped_folder()}")
    except FileNotFoundError as error:
        yield Check("scenarios", False, str(error), _AGAIN)


def terminal() -> Iterator[Check]:
    """What tables and colours will look like."""
    encoding = sys.stdout.encoding or "unknown"
    try:
        "─".encode(encoding)
        drawn = ""
    except (UnicodeEncodeError, LookupError):
        drawn = ", tables in ASCII"
    if not sys.stdout.isatty():
        found = f"none: output goes to a pipe or file, without colour; {encoding}{drawn}"
    else:
        colour = "no colour (NO_COLOR)" if os.environ.get("NO_COLOR") else "colour"
        if os.environ.get("TERM") in {"dumb", "unknown"}:
            colour = "no colour (TERM)"
        columns = shutil.get_terminal_size().columns
        narrow = ", lines of tables break below 80" if columns < 80 else ""
        found = f"{columns} columns{narrow}, {colour}, {encoding}{drawn}"
    yield Check("terminal", True, found)


def write_access() -> Iterator[Check]:
    """Whether runs can be written where they are by default, and how much fits there."""
    logs = Path("logs")
    folder = logs if logs.is_dir() else Path()
    shown = folder.resolve()
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".sorsim-") as file:
            file.write(b"sorsim")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        advice = "work in a folder that you may write to, or name one: sorsim run ... --out DIR"
        yield Check("logs", False, f"{shown}: {error.strerror or error}", advice)
    else:
        yield Check("logs", True, f"{shown} can be written")
    free = shutil.disk_usage(folder).free
    advice = "make room, or name a folder on another disk: sorsim run ... --out DIR"
    yield Check("disk", free >= DISK_BYTES_MIN, f"{free / 1e9:,.1f} GB free at {shown}", advice)


def machine() -> Iterator[Check]:
    """What it runs on."""
    yield Check(
        "platform", True, f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores"
    )


LOOKS: Final[tuple[Callable[[], Iterator[Check]], ...]] = (
    python_version, own_version, libraries, uvloop, clashes, scenarios, terminal, write_access,
    machine,
)  # fmt: skip
