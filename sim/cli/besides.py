"""What a run leaves beside its log where it is asked for: its report, and its tables."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sim.kernel.extras import load_extra
from sim.manifest import REPORT, FolderError, discard_if_empty, write_new

if TYPE_CHECKING:
    from sim.report.trail.build import TrailBuilder


class Besides:
    """Makes report and tables of a run from its records as they are written.

    Args:
        report: Whether the page is wanted.
        tables: Whether the tables are.

    Raises:
        MissingExtraError: If what they need is not installed; nothing has run.
    """

    def __init__(self, *, report: bool, tables: bool) -> None:
        self._report = report
        self._tables = tables
        self._folder = Path()
        if report:
            load_extra("jinja2", "report", "writing the report's page")
        if tables:
            load_extra("polars", "analysis", "writing the tables of a run")
        self.watch: tuple[TrailBuilder, ...] = _builders() if report or tables else ()

    def check(self, folder: Path) -> None:
        """See that a folder has none of what shall be written.

        Raises:
            FolderError: If it has.
        """
        self._folder = folder
        wanted = [folder / REPORT] if self._report else []
        wanted += self._table_files.values()
        for path in wanted:
            if os.path.lexists(path):
                discard_if_empty(folder)
                raise FolderError(f"{path}: is there already; it is never overwritten")

    def write(self, head: str) -> None:
        """Write them, as ``sorsim report`` and ``sorsim query`` will make them from the log.

        Args:
            head: SHA-256 (hex) of the log's last line.
        """
        if not self.watch:
            return
        trail = self.watch[0].trail(head)
        if self._tables:
            from sim.report.tables.folder import write_tables

            write_tables(trail, self._folder)
        if self._report:
            from sim.report.document.build import page_document
            from sim.report.page.render import render

            write_new(self._folder / REPORT, render(page_document(trail)).encode())

    def named(self) -> dict[str, object]:
        """Where they are, for ``--json``."""
        found: dict[str, object] = {}
        if self._report:
            found["report"] = str(self._folder / REPORT)
        if self._tables:
            found["tables"] = {name: str(path) for name, path in self._table_files.items()}
        return found

    def lines(self) -> Iterator[str]:
        """Where they are, for people."""
        if self._tables:
            yield f"tables     {self._folder / '*.parquet'}"
        if self._report:
            yield f"report     {self._folder / REPORT}"

    @property
    def _table_files(self) -> dict[str, Path]:
        if not self._tables:
            return {}
        from sim.report.tables.folder import table_files

        return table_files(self._folder)


def _builders() -> "tuple[TrailBuilder, ...]":
    """One builder; only who asks for one waits for its import."""
    from sim.report.trail.build import TrailBuilder

    return (TrailBuilder(),)
