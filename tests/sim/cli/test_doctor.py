"""``sorsim doctor``, and modules of others with the names of our packages."""

import json
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sim.cli import clashes, doctor
from sim.cli.doctor import LOOKS, Check

Invoke = Any  # see conftest


def checks(invoke: Invoke) -> tuple[int, dict[str, dict[str, Any]]]:
    code, out, _ = invoke("doctor", "--json")
    document = json.loads(out)
    assert document["ok"] is (code == 0)
    return code, {check["name"]: check for check in document["checks"]}


def test_a_fit_machine_is_exit_0_with_a_line_for_each_thing(invoke: Invoke) -> None:
    code, found = checks(invoke)
    assert code == 0
    wanted = {"python", "sorsim", "numpy", "msgspec", "clashes", "terminal", "logs", "disk"}
    assert wanted <= set(found)
    assert all(check["ok"] for check in found.values())
    assert not any(check["advice"] for check in found.values())
    out = invoke("doctor").out
    assert all(name in out for name in found)
    assert out.endswith("all fine\n")


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not on Windows")
def test_uvloop_is_looked_at_by_using_it(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is used by --clock wall" in checks(invoke)[1]["uvloop"]["found"]
    monkeypatch.setitem(sys.modules, "uvloop", None)
    code, found = checks(invoke)
    assert (code, found["uvloop"]["ok"]) == (1, False)
    assert "runs on asyncio" in found["uvloop"]["found"]
    assert found["uvloop"]["advice"] == "pip install uvloop"


@pytest.mark.parametrize("name", ["router.py", "sim.py", "venues/__init__.py"])
def test_a_users_module_in_this_folder_is_named(invoke: Invoke, tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    code, found = checks(invoke)
    shown = name.removesuffix("/__init__.py")
    assert (code, found["clashes"]["found"]) == (1, f"{shown} in this folder")
    assert invoke("doctor").out.endswith("\n1 thing wrong\n")
    assert "rename it" in found["clashes"]["advice"]
    assert "-> rename it" in invoke("doctor").out


def test_a_folder_without_python_in_it_is_no_clash(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "venues").mkdir()
    (tmp_path / "router.txt").touch()
    assert checks(invoke)[0] == 0
    assert invoke("list", "flows").err == ""


def test_the_command_line_says_what_clashes_and_goes_on(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "router.py").touch()
    code, out, err = invoke("list", "flows", "--json")
    assert code == 0
    assert json.loads(out)["flows"]
    assert err.startswith("sorsim: note: in this folder router.py has the name of a package")
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").touch()
    assert "router.py and sim have the name" in invoke("list", "flows").err


def test_what_stands_in_for_a_package_of_ours_is_exit_2(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if it had come first on the path, or been installed over ours."""
    theirs = ModuleType("router")
    theirs.__file__ = str(tmp_path / "router.py")
    monkeypatch.setitem(sys.modules, "router", theirs)
    code, out, err = invoke("run", "fragmented", "--json")
    assert code == 2
    assert json.loads(out)["error"]["kind"] == "environment"
    assert f"{tmp_path / 'router.py'} stands in for our package router" in err
    code, found = checks(invoke)
    assert code == 1
    assert "stands in for our package router" in found["clashes"]["found"]


def test_another_distribution_with_our_names_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        doctor,
        "packages_distributions",
        lambda: {"sim": ["sorsim", "simkit"], "router": ["simkit"]},
    )
    code, out, _ = invoke("doctor")
    assert code == 1
    assert "the package simkit installs a module sim, as we do" in out
    assert "the package simkit installs a module router, as we do" in out


def test_a_library_that_is_old_or_missing_or_broken_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_least", lambda name: "99.1" if name == "numpy" else "0")
    monkeypatch.setitem(sys.modules, "yaml", None)

    def version(name: str) -> str:
        if name == "rich":
            raise PackageNotFoundError(name)
        return metadata.version(name)

    monkeypatch.setattr(doctor, "version", version)
    code, found = checks(invoke)
    assert code == 1
    assert found["numpy"]["found"].endswith("needed is 99.1")
    assert found["rich"]["found"] == "is not installed"
    assert "cannot be imported" in found["pyyaml"]["found"]
    assert all("install sorsim again" in found[name]["advice"] for name in ("numpy", "rich"))


def test_a_missing_library_is_no_fault_of_ours(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[Any]:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr("sim.cli.listing.KINDS", {"flows": broken})
    code, _, err = invoke("list", "flows")
    assert code == 2
    assert err == (
        "sorsim: a library cannot be imported: No module named 'numpy'; "
        "sorsim doctor says what to do\n"
    )
    assert clashes.environment_words(ImportError("x", name="sim.kernel")) is None
    assert clashes.environment_words(ImportError("x")) is None


def test_a_folder_that_cannot_be_written_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    monkeypatch.setattr(doctor, "DISK_BYTES_MIN", 10**18)
    code, found = checks(invoke)
    assert code == 1
    assert "Permission denied" in found["logs"]["found"]
    assert "--out DIR" in found["logs"]["advice"]
    assert found["disk"]["ok"] is False


def test_a_look_that_fails_is_a_finding_and_the_others_go_on(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlucky() -> Iterator[Check]:
        raise RuntimeError("no luck")

    monkeypatch.setattr(doctor, "LOOKS", (unlucky, *LOOKS))
    code, found = checks(invoke)
    assert code == 1
    assert found["unlucky"]["found"] == "cannot be looked at: RuntimeError: no luck"
    assert found["python"]["ok"]


def test_terminal_says_what_it_obeys(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pipe or file" in checks(invoke)[1]["terminal"]["found"]
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    (check,) = doctor.terminal()
    assert "60 columns, lines of tables break below 80" in check.found
    assert "NO_COLOR" in check.found or "TERM" in check.found
    assert "ascii, tables in ASCII" in check.found


class Screen:
    """A terminal that knows ASCII alone."""

    encoding = "ascii"

    def isatty(self) -> bool:
        return True
