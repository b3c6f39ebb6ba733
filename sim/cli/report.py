"""``sorsim report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim.cli.options import CONTEXT, FINE, NAMED_PATH, json_option

if TYPE_CHECKING:
    from sim.report.trail.build import Trail
    from sim.study.studied import Studied

FORMATS: Final = ("html", "md", "json", "png", "cat")
FIGURES: Final = "figures"
"""Folder of the figures inside a run's folder."""


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
@json_option
@click.option("--quiet", is_flag=True, help="Do not say where it was written; errors still show.")
def report(
    *,
    run: Path,
    form: str | None,
    out: Path | None,
    study: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Say what a run's orders cost and why, from its audit log alone.

    RUN is a run's folder or its audit.jsonl. What the log lacks is said; the rest is reported.
    `--json` is short for `--format json`. Nothing is overwritten.
    """
    from sim.report.trail.build import read_trail

    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form or "html"
    trail = read_trail(run)
    studied = _studied(study, trail)
    folder = run if run.is_dir() else run.parent
    if form == "png":
        _figures(trail, studied, folder / FIGURES if out is None else out, quiet=quiet)
    else:
        _document(trail, studied, form, folder, out, quiet=quiet)
    if trail.fault:
        click.echo(f"sorsim: {trail.fault}", err=True)
    return FINE


def _studied(path: Path | None, trail: "Trail") -> "Studied | None":
    if path is None:
        return None
    from sim.study.studied import StudyError, read_studied

    try:
        return read_studied(path, str(trail.scenario["name"]))
    except StudyError as error:
        raise click.BadParameter(f"{error}.", param_hint="--study") from error


def _document(
    trail: "Trail",
    studied: "Studied | None",
    form: str,
    folder: Path,
    out: Path | None,
    *,
    quiet: bool,
) -> None:
    from sim.manifest import REPORT, write_new

    text = _text(trail, studied, form)
    if out is None and form != "html":
        click.echo(text, nl=False)
        return
    path = folder / REPORT if out is None else out
    write_new(path, text.encode())
    if not quiet:
        click.echo(f"report  {path}")


def _text(trail: "Trail", studied: "Studied | None", form: str) -> str:
    """The report in one of the forms that are text."""
    if form == "cat":
        from sim.report.evidence.cat import cat_csv

        return cat_csv(trail)
    document = _built(trail, studied)
    if form == "json":
        import msgspec

        return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
    if form == "md":
        from sim.report.document.markdown import markdown

        return markdown(document)
    from sim.report.page.render import render

    return render(document)


def _built(trail: "Trail", studied: "Studied | None") -> dict[str, Any]:
    from sim.report.document.build import report_document

    return report_document(trail, () if studied is None else (studied.section,))


def _figures(trail: "Trail", studied: "Studied | None", folder: Path, *, quiet: bool) -> None:
    """All figures, each a file in a folder."""
    from sim.manifest import write_new
    from sim.report.figures.draw import draw_figures

    document = _built(trail, studied)
    figures = draw_figures(document, () if studied is None else studied.costs)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in figures.items():
        write_new(folder / name, content)
        if not quiet:
            click.echo(f"figure  {folder / name}")
