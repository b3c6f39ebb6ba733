"""``sorsim query``."""

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sim.cli.echo import escaped, print_json, say, tell
from sim.cli.options import CONTEXT, FINE, NAMED_FOLDER, NAMED_PATH, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cli.tables import Column
    from sim.report.tables.query import Answer

ROWS_MAX: Final = 200
"""A longer answer is for another program."""


@click.command(context_settings=CONTEXT)
@click.argument("run", type=NAMED_PATH)
@click.argument("sql", required=False)
@click.option(
    "--tables",
    "folder",
    type=NAMED_FOLDER,
    metavar="DIR",
    help="Folder of the Parquet files, made if absent.  [default: the folder of the log]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@json_option
def query(*, run: Path, sql: str | None, folder: Path | None, as_csv: bool, as_json: bool) -> int:
    """Ask RUN, a run's folder or its audit.jsonl, in SQL; without SQL, list the tables.

    The tables are written as Parquet beside the log when they are first needed, which other
    programs can read too. Needs the extra 'analysis'.
    """
    from sim.audit.read import log_file
    from sim.report.tables.folder import ensure_tables
    from sim.report.tables.query import ask

    if as_csv and as_json:
        raise click.UsageError("--csv and --json cannot both be; allowed: one of them")
    log = log_file(run)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    files, fault = ensure_tables(log, log.parent if folder is None else folder)
    if fault:
        say(f"sorsim: {fault}; the tables hold what comes before")
    if sql is None:
        return _list(files, as_json=as_json, as_csv=as_csv)
    answer = ask(files, sql)
    if as_json:
        _json(answer)
    elif as_csv:
        _csv(answer)
    else:
        _show(answer)
    return FINE


def _list(files: dict[str, Path], *, as_json: bool, as_csv: bool) -> int:
    from sim.report.tables.content import TABLES

    if as_csv:
        raise click.UsageError("--csv needs SQL: there is no one table of all tables")
    if as_json:
        tables = [
            {
                "name": table.name,
                "about": table.about,
                "file": os.fspath(files[table.name]),
                "columns": [{"name": one.name, "about": one.about} for one in table.columns],
            }
            for table in TABLES
        ]
        print_json({"tables": tables})
        return FINE
    for n, table in enumerate(TABLES):
        tell(f"{chr(10) if n else ''}{table.name}: {table.about}  ({files[table.name]})")
        for column in table.columns:
            click.echo(f"  {column.name:<16} {column.about}")
    return FINE


def _json(answer: "Answer") -> None:
    """Rows as objects; decimals and whatever JSON has no form for as text."""
    rows = [
        {name: _plain(value) for name, value in zip(_names(answer), row, strict=True)}
        for row in answer.rows
    ]
    print_json({"columns": list(_names(answer)), "types": list(answer.types), "rows": rows})


def _names(answer: "Answer") -> tuple[str, ...]:
    """Names of its columns; one that is there twice gets a number, or an object would lose it."""
    seen: dict[str, int] = {}
    names = []
    for name in answer.columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(names)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return str(value)


def _csv(answer: "Answer") -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    rows = [["" if value is None else value for value in row] for row in answer.rows]
    if sys.stdout.isatty():  # another program gets texts as they are; a terminal would obey them
        rows = [[escaped(str(value)) for value in row] for row in rows]
    writer.writerow(answer.columns)
    writer.writerows(rows)


def _show(answer: "Answer") -> None:
    from sim.cli.output import console
    from sim.cli.tables import GAP, Column, make_table

    if not answer.columns:
        click.echo("done")
        return
    shown = answer.rows[:ROWS_MAX]
    columns = [
        Column(escaped(name), _cells([row[n] for row in shown]), _side(answer.types[n]))
        for n, name in enumerate(answer.columns)
    ]
    out = console()
    blocks = list(_blocks(columns, out.width)) if out.is_terminal else [columns]
    out.width = max(out.width, *(sum(one.width() + GAP for one in block) for block in blocks))
    for n, block in enumerate(blocks):
        if n:
            out.print()
        out.print(make_table(block, out.width))
    left = len(answer.rows) - len(shown)
    if left:
        click.echo(f"... and {left:,} rows more: --csv or --json print all of them")
    elif not shown:
        click.echo("no rows")


def _blocks(columns: "list[Column]", width: int) -> "Iterator[list[Column]]":
    """Columns that fit beside the first one: a terminal would break the lines of all of them."""
    from sim.cli.tables import GAP

    first, *others = columns
    block = [first]
    for column in others:
        taken = sum(one.width() + GAP for one in block)
        if len(block) > 1 and taken + column.width() > width:
            yield block
            block = [first]
        block.append(column)
    yield block


def _side(kind: str) -> Any:
    return "left" if kind in {"VARCHAR", "BOOLEAN"} else "right"


def _cells(values: list[Any]) -> list[str]:
    from sim.audit.read import printable
    from sim.cli.output import UNDEFINED

    def cell(value: Any) -> str:
        if value is None:
            return UNDEFINED
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return f"{value:,}"
        return printable(str(value))

    return [cell(value) for value in values]
