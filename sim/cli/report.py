"""``sorsim report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from sim.cli.echo import json_text, say, tell
from sim.cli.options import (
    CONTEXT,
    FINE,
    NAMED_FOLDER,
    NAMED_PATH,
    allow_code_option,
    json_option,
    there,
)

if TYPE_CHECKING:
    from sim.report.figures.panels import StudiedCost
    from sim.report.trail.build import Trail

FORMATS: Final = ("html", "md", "json", "png", "cat")
FIGURES: Final = "figures"
"""Folder of the figures inside a run's folder."""
_SEEDS_MAX: Final = 100_000


class Elsewhere(NamedTuple):
    """What other runs say of a run: costs for its figures, sections for its other forms."""

    costs: "tuple[StudiedCost, ...]"
    sections: tuple[dict[str, Any], ...]


class Again(NamedTuple):
    """How to run a log's scenario again; ``seeds`` is None where it does not."""

    seeds: int | None
    jobs: int | None
    data: tuple[Path, ...]
    allow_code: bool

    def check(self, form: str) -> None:
        """Refuse options that would say nothing."""
        if self.seeds is not None and form in {"png", "cat"}:
            raise click.UsageError(f"--context is told in words and tables, and {form} has none")
        if self.seeds is None and (self.jobs is not None or self.data or self.allow_code):
            raise click.UsageError("--jobs, --data and --allow-code go with --context")
        for folder in self.data:
            there(folder, "--data")


@click.command(context_settings=CONTEXT)
@click.argument("run", type=NAMED_PATH)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="A page, Markdown, JSON, figures, or the events in CAT terms as CSV.  [default: html]",
)
@click.option(
    "--out",
    type=NAMED_PATH,
    help="Where it goes, a file; for png a folder.  [default: into the run's folder; md, json and "
    "cat to stdout]",
)
@click.option(
    "--study",
    type=NAMED_PATH,
    metavar="FILE",
    help="Result of a sweep or a comparison of the same scenario, to be shown with the run.",
)
@click.option(
    "--context",
    "seeds",
    type=click.IntRange(0, _SEEDS_MAX),
    metavar="N",
    help="Run the scenario again without latency, and with N other seeds: what latency cost, and "
    "how good the run was among them.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="With --context: processes at work; the result is the same with any number.  [default: "
    "all cores]",
)
@click.option(
    "--data",
    type=NAMED_FOLDER,
    multiple=True,
    metavar="DIR",
    help="With --context: a folder to find the scenario's data files in, before the log's own.",
)
@allow_code_option
@json_option
@click.option("--quiet", is_flag=True, help="Do not say where it was written; errors still show.")
def report(
    *,
    run: Path,
    form: str | None,
    out: Path | None,
    study: Path | None,
    seeds: int | None,
    jobs: int | None,
    data: tuple[Path, ...],
    allow_code: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Say what a run's orders cost and why, from its audit log alone.

    RUN is a run's folder or its audit.jsonl. What the log lacks is said; the rest is reported.
    `--json` is short for `--format json`. Nothing is overwritten.
    """
    from sim.kernel.garbage import no_collections
    from sim.report.trail.build import read_trail

    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form or "html"
    again = Again(seeds, jobs, data, allow_code)
    again.check(form)
    with no_collections():  # all that is read lives to the end
        trail = read_trail(run)
        elsewhere = _elsewhere(run, trail, study, again, quiet=quiet or as_json)
        folder = run if run.is_dir() else run.parent
        if form == "png":
            _figures(trail, elsewhere, folder / FIGURES if out is None else out, quiet=quiet)
        else:
            _document(trail, elsewhere, form, folder, out, quiet=quiet)
    if trail.fault:
        say(f"sorsim: {trail.fault}")
    return FINE


def _elsewhere(
    run: Path, trail: "Trail", study: Path | None, again: Again, *, quiet: bool
) -> Elsewhere:
    """What the options ask other runs for."""
    found = Elsewhere((), ())
    if again.seeds is not None:
        found = Elsewhere((), (_context(run, trail, again, again.seeds, quiet=quiet),))
    if study is None:
        return found
    from sim.study.studied import StudyError, read_studied

    try:
        studied = read_studied(study, str(trail.scenario["name"]))
    except StudyError as error:
        raise click.BadParameter(f"{error}.", param_hint="--study") from error
    return Elsewhere(studied.costs, (*found.sections, studied.section))


def _context(run: Path, trail: "Trail", again: Again, seeds: int, *, quiet: bool) -> dict[str, Any]:
    from sim.cli.output import count_bar
    from sim.study.context import context_of
    from sim.study.pool import cores
    from sim.study.spread import Pool

    with count_bar("context", quiet=quiet) as on_done:
        context = context_of(
            run,
            trail,
            seeds=seeds,
            where=Pool(again.jobs or cores()),
            data=again.data,
            allow_code=again.allow_code,
            on_done=on_done,
        )
    return context.section()


def _document(
    trail: "Trail",
    elsewhere: Elsewhere,
    form: str,
    folder: Path,
    out: Path | None,
    *,
    quiet: bool,
) -> None:
    from sim.manifest import REPORT, write_new

    text = _text(trail, elsewhere, form)
    if out is None and form != "html":
        click.echo(text, nl=False)
        return
    path = folder / REPORT if out is None else out
    write_new(path, text.encode())
    if not quiet:
        tell(f"report  {path}")


def _text(trail: "Trail", elsewhere: Elsewhere, form: str) -> str:
    """The report in one of the forms that are text."""
    if form == "cat":
        from sim.report.evidence.cat import cat_csv

        return cat_csv(trail)
    if form == "html":
        from sim.report.document.build import page_document
        from sim.report.page.render import render

        return render(page_document(trail, elsewhere.sections))
    from sim.report.document.build import report_document

    document = report_document(trail, elsewhere.sections)
    if form == "json":
        return json_text(document) + "\n"
    from sim.report.document.markdown import markdown

    return markdown(document)


def _figures(trail: "Trail", elsewhere: Elsewhere, folder: Path, *, quiet: bool) -> None:
    """All figures, each a file in a folder."""
    from sim.manifest import write_new
    from sim.report.document.build import page_document
    from sim.report.figures.draw import draw_figures

    document = page_document(trail, elsewhere.sections)
    figures = draw_figures(document, elsewhere.costs)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in figures.items():
        write_new(folder / name, content)
        if not quiet:
            tell(f"figure  {folder / name}")
