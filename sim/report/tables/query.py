"""Questions to a run in SQL, over the Parquet of its tables; DuckDB answers.

Needs the extra ``analysis``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sim.kernel.extras import load_extra
from sim.protocol.errors import QueryError


class Answer(NamedTuple):
    """Column names, their types, and the rows: Python numbers, decimals, text, None."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def ask(files: Mapping[str, Path], sql: str) -> Answer:
    """Answer a question over tables in files, each a view of its name.

    Raises:
        QueryError: If the question is wrong, or is more than one.
        MissingExtraError: Without DuckDB.
    """
    duckdb = load_extra("duckdb", "analysis", "asking a run with SQL")
    with duckdb.connect() as connection:
        # As-of joins of few rows are right only without the loop that is their default plan, and
        # nothing is to be fetched from elsewhere.
        connection.execute("SET asof_loop_join_threshold = 0")
        connection.execute("SET autoinstall_known_extensions = false")
        for name, path in files.items():
            place = str(path).replace("'", "''")
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{place}')")
        try:
            statements = connection.extract_statements(_utf8(sql))
            if len(statements) != 1:
                raise QueryError(f"found {len(statements)} statements; allowed: one")
            done = connection.execute(statements[0])
            described = done.description or []
            rows = done.fetchall() if described else []
        except duckdb.Error as error:
            raise QueryError(str(error)) from error
    names = tuple([str(one[0]) for one in described])
    return Answer(names, tuple([str(one[1]) for one in described]), rows)


def _utf8(sql: str) -> str:
    """The text as it is, unless the command line held other bytes.

    Raises:
        QueryError: If it did.
    """
    if any("\ud800" <= char <= "\udfff" for char in sql):
        raise QueryError("the question is no UTF-8 text")
    return sql
