"""What README and docs show runs, validates and exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sim.cli.app import sorsim
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names

LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
INLINE = re.compile(r"`(sorsim [^`\n]+)`")


def anchors(text: str) -> set[str]:
    """Names that headings get, as common Markdown hosts make them."""
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for title in HEADING.findall(text))
    return {title.strip().replace(" ", "-") for title in kept}


def command_lines(pages: Any, root: Path) -> Iterator[tuple[str, list[str]]]:
    """Where a command line of sorsim stands, and its arguments."""
    for name, page in pages.items():
        found = INLINE.findall(page.prose)
        for block in page.blocks("sh") + page.blocks(""):
            joined = block.replace("\\\n", " ")
            found += [line for line in joined.splitlines() if line.startswith("sorsim ")]
        for block in page.blocks("console"):
            found += re.findall(r"^\$ (sorsim .+)$", block, re.MULTILINE)
        for line in found:
            if not line.startswith("sorsim COMMAND"):
                yield name, shlex.split(line.partition(" | ")[0], comments=True)[1:]
    for file in sorted((root / "scenarios").glob("*.yaml")):
        text = re.sub(r"\\\n# +", "", file.read_text(encoding="utf-8"))
        for line in re.findall(r"^# +(sorsim .+)$", text, re.MULTILINE):
            yield file.name, shlex.split(line, comments=True)[1:]


def test_every_relative_link_leads_to_a_file_and_a_heading(pages: Any) -> None:
    broken = []
    for name, page in pages.items():
        for target in LINK.findall(page.prose):
            if "://" in target:
                continue
            file, _, anchor = target.partition("#")
            path = (page.path.parent / file) if file else page.path
            if not path.exists():
                broken.append(f"{name}: {target}")
            elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
                broken.append(f"{name}: {target}: no such heading")
    assert broken == []


def test_every_page_of_docs_is_named_in_their_index(pages: Any) -> None:
    named = {f"docs/{target}" for target in LINK.findall(pages["docs/README.md"].prose)}
    assert {name for name in pages if name.startswith("docs/")} - named == {"docs/README.md"}


def test_every_page_is_reached_from_the_readme(pages: Any) -> None:
    """Following links, since a page that nothing leads to is read by nobody."""
    seen, ahead = {"README.md"}, ["README.md"]
    while ahead:
        name = ahead.pop()
        for target in LINK.findall(pages[name].prose):
            path = (pages[name].path.parent / target.partition("#")[0]).resolve()
            found = [one for one, page in pages.items() if page.path.resolve() == path]
            ahead += [one for one in found if one not in seen]
            seen.update(found)
    assert {name for name in pages if name.startswith("docs/")} <= seen


def test_every_command_line_names_an_existing_command_and_options(
    pages: Any, project_root: Path
) -> None:
    wrong, seen = [], set()
    for place, args in command_lines(pages, project_root):
        try:
            with click.Context(sorsim) as parent:
                if args[0].startswith("-"):
                    sorsim.make_parser(parent).parse_args(list(args))
                    continue
                command = sorsim.get_command(parent, args[0])
                assert command is not None, f"no command {args[0]}"
                seen.add(args[0])
                if len(args) > 1:
                    command.make_context(args[0], args[1:], parent=parent)
        except click.exceptions.Exit:
            pass  # --help
        except (click.UsageError, AssertionError) as error:
            wrong.append(f"{place}: sorsim {' '.join(args)}: {error}")
    assert wrong == []
    assert seen == set(sorsim.list_commands(click.Context(sorsim)))


def test_overrides_in_command_lines_fit_the_shipped_scenarios(
    pages: Any, project_root: Path
) -> None:
    tried = 0
    for _, args in command_lines(pages, project_root):
        if args[0] == "run" and len(args) > 1 and args[1] in shipped_names():
            sets = [args[n + 1] for n, arg in enumerate(args) if arg == "--set"]
            load_scenario(args[1], sets=sets)
            tried += bool(sets)
    assert tried >= 5


def test_the_example_of_a_strategy_fills_up_the_nearest_venue_first(pages: Any) -> None:
    from router.allocate.base import USUAL_TIE, AllocationRequest, Offer
    from sim.protocol.enums import Side

    namespace: dict[str, Any] = {"__name__": "docs"}
    exec(pages["docs/extending.md"].blocks("python")[0], namespace)
    strategy = namespace["FastestConfig"](kind="fastest").build()
    offers = (
        Offer("FAR", "lit", 9, 1, ((99, 50),), 1, 0),
        Offer("NEAR", "lit", 1, 1, ((100, 30), (101, 30)), 1, 0),
    )
    split = strategy.allocate(AllocationRequest(Side.BUY, 70, offers, "full", USUAL_TIE)).slices
    assert split == (("NEAR", 100, 30), ("NEAR", 101, 30), ("FAR", 99, 10))


def test_the_scenario_of_the_readme_runs(pages: Any, tmp_path: Path) -> None:
    import sim

    (block,) = pages["README.md"].blocks("yaml")
    file = tmp_path / "first.yaml"
    file.write_text(block, encoding="utf-8")
    assert sim.run(file).exit_code == 0


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(
    pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line, but for blanks and for the lines that name the folder of the run."""
    monkeypatch.chdir(tmp_path)
    shown = pages["README.md"].blocks("text")[0].splitlines()
    output = CliRunner().invoke(sorsim, ["run", "three_real_books"]).output.splitlines()
    printed = {" ".join(line.split()) for line in output}
    lines = {" ".join(line.split()) for line in shown if "logs/" not in line}
    assert lines - printed == {"..."}
