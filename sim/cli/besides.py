"""What comes of a run beside its log: report and tables where they are asked for, its faults."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.kernel.extras import load_extra
from sim.manifest import REPORT, FolderError, discard_if_empty, write_new

if TYPE_CHECKING:
    from sim.on_guard import Watcher
    from sim.report.trail.build import Trail, TrailBuilder
    from sim.report.trouble import Trouble


class Besides:
    """Makes report, tables and the account of faults from the records of a run as they are written.

    Args:
        report: Whether the page is wanted.
        tables: Whether the tables are.
        faults: Whether the scenario has faults, of which there is an account to give.

    Raises:
        MissingExtraError: If what they need is not installed; nothing has run.
    """

    def __init__(self, *, report: bool, tables: bool, faults: bool = False) -> None:
        self._report = report
        self._tables = tables
        self._folder = Path()
        if report:
            load_extra("jinja2", "report", "writing the report's page")
        if tables:
            load_extra("polars", "analysis", "writing the tables of a run")
        self._faults = faults
        self._builder = _builder() if report or tables or faults else None
        self._trail: Trail | None = None
        self.watch: tuple[Watcher, ...] = ()
        if self._builder is not None:
            self.watch = (self._builder if report or tables else _Orders(self._builder),)

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
        if self._builder is None:
            return
        trail = self._trail = self._builder.trail(head)
        if self._tables:
            from sim.report.tables.folder import write_tables

            write_tables(trail, self._folder)
        if self._report:
            from sim.report.document.build import page_document
            from sim.report.page.render import render

            write_new(self._folder / REPORT, render(page_document(trail)).encode())

    def trouble(self) -> "Trouble | None":
        """What the faults did and what became of it; None where the scenario has none."""
        if not self._faults or self._trail is None:
            return None
        from sim.report.trouble import trouble

        return trouble(self._trail)

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


class _Orders:
    """A builder that hears of orders, decisions and faults alone: markets are most of a log."""

    def __init__(self, builder: "TrailBuilder") -> None:
        self._builder = builder

    def observers(self) -> "Mapping[type[Any], Callable[[Any], None]]":
        """What to call with the records of these types."""
        from sim.audit.records import Depth, NbboChange, Quote, TradePrint

        market = (Depth, NbboChange, Quote, TradePrint)
        calls = self._builder.observers()
        return {kind: call for kind, call in calls.items() if kind not in market}


def _builder() -> "TrailBuilder":
    """A builder; only who asks for one waits for its import."""
    from sim.report.trail.build import TrailBuilder

    return TrailBuilder()
