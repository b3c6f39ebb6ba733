"""The examples of a page run from its top to its end, in one folder, and print what it shows.

- ``console``: a line behind ``$ `` is a command, what follows is its output. ``...`` stands for
  anything, on a line of its own also for any lines. ``# exit 1`` behind a command is its exit code.
- ``python``: a comment behind ``print(...)`` is what it prints. One whose first line is
  ``# name.py`` is a file, which is written there.
- ``yaml``: a scenario with a ``schema_version`` is loaded, one whose first line is ``# name.yaml``
  is also written there. Any other mapping holds keys of a scenario, and is loaded as part of one.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from sim.cli import main
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_scenario

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    str(file.relative_to(ROOT)) for file in sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
]
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.+?)(?:  # exit (\d+))?$")


class Block(NamedTuple):
    language: str
    text: str
    place: str


def blocks_of(name: str) -> list[Block]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [
        Block(match[2], match[3], f"{name}:{text.count(chr(10), 0, match.start()) + 2}")
        for match in FENCE.finditer(text)
    ]


def pages() -> Iterator[Any]:
    """The pages with examples; those that run commands take their time."""
    for name in PAGES:
        languages = {block.language for block in blocks_of(name)}
        if languages & {"console", "python", "yaml"}:
            slow = [pytest.mark.slow] if "console" in languages else []
            yield pytest.param(name, id=name, marks=slow)


@pytest.fixture
def reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Block], None]:
    """Runs one block after the other in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    namespace: dict[str, Any] = {"__name__": "docs"}

    def printed() -> str:
        out, err = capsys.readouterr()
        return out + err

    def read(block: Block) -> None:
        printed()
        if block.language == "python" and (named := re.match(r"# (\w+\.py)\n", block.text)):
            Path(named[1]).write_text(block.text)
        elif block.language == "python":
            exec(compile(block.text, block.place, "exec"), namespace)
            lines = printed().splitlines()
            for expected in re.findall(r"^ *print\(.*\)  # (.+)$", block.text, re.MULTILINE):
                assert expected in lines, block.place
        elif block.language == "yaml":
            load_yaml(block)
        elif block.language == "console":
            for command, code, shown in commands_of(block):
                name, *args = shlex.split(command)
                assert name == "sorsim", f"{block.place}: only sorsim is run: {command}"
                assert main(args) == code, f"{block.place}: {command}\n{printed()}"
                compare(printed(), shown, f"{block.place}: {command}")

    return read


def commands_of(block: Block) -> Iterator[tuple[str, int, list[str]]]:
    """Each command with its exit code and the lines shown for it."""
    command, code, shown = "", 0, list[str]()
    for line in block.text.splitlines():
        if match := COMMAND.match(line):
            if command:
                yield command, code, shown
            command, code, shown = match[1], int(match[2] or 0), []
        else:
            assert command, f"{block.place}: output before any command"
            shown.append(line)
    yield command, code, shown


def compare(printed: str, shown: list[str], place: str) -> None:
    """What was printed fits what is shown, blanks at the ends of lines aside."""
    lines = "".join(f"{line.rstrip()}\n" for line in printed.rstrip("\n").splitlines())
    form = "".join(
        r"(?:.*\n)*?"
        if line == "..."
        else re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + r"\n"
        for line in shown
    )
    if re.fullmatch(form, lines) is None:
        assert lines == "".join(f"{line}\n" for line in shown), place


def load_yaml(block: Block) -> None:
    data = yaml.safe_load(block.text)
    if "schema_version" not in data:
        base = shipped_scenario("fragmented")
        assert base is not None
        data = yaml.safe_load(base.read_text(encoding="utf-8")) | data
    named = re.match(r"# ([\w.-]+\.yaml)\n", block.text)
    file = Path(named[1] if named else "example.yaml")
    file.write_text(block.text if "schema_version" in block.text else yaml.safe_dump(data))
    load_scenario(file, allow_code=True)


@pytest.mark.parametrize("name", list(pages()))
def test_examples_of_a_page_run_and_print_what_it_shows(
    name: str, reader: Callable[[Block], None]
) -> None:
    for block in blocks_of(name):
        reader(block)


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        (["a 1", "b 2", "c"], True),
        (["a 1", "...", "c"], True),
        (["...", "c"], True),
        (["a ...", "b 2", "c"], True),
        (["..."], True),
        (["a 1", "c"], False),
        (["a 1", "b 2"], False),
        (["a 1", "b 3", "c"], False),
        ([], False),
    ],
)
def test_what_is_shown_must_fit_what_is_printed(shown: list[str], fits: bool) -> None:
    if fits:
        compare("a 1  \nb 2\nc\n", shown, "here")
    else:
        with pytest.raises(AssertionError):
            compare("a 1  \nb 2\nc\n", shown, "here")


def test_a_command_says_its_exit_code_and_its_output() -> None:
    block = Block("console", "$ sorsim a 'b c'\nout\n$ sorsim d  # exit 1\n", "here")
    assert list(commands_of(block)) == [("sorsim a 'b c'", 0, ["out"]), ("sorsim d", 1, [])]
