"""Sample records, and a chain builder of the tests' own, so that logs can be wrong on purpose."""

import hashlib
import types
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from sim.audit.log import open_audit_log
from sim.audit.records import RECORD_TYPES, SCHEMA, Record, RunFinished, RunStarted
from sim.protocol.enums import Outcome

ChainOf = Callable[[Iterable[bytes]], bytes]
LogOf = Callable[[int], bytes]

TEXT = 'a "\x1b[31m\u202e\n\u20ac\U0001f600'


def started(seed: int) -> RunStarted:
    return RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="0.1.0",
        seed=seed,
        sync="end",
        market_data="touch",
        files={},
        scenario={"name": TEXT, "z": [1, 2.5, None, True], "a": {"tick_size": "0.01"}},
    )


def some(kind: Any) -> Any:
    """Any value of a field's type; tuples hold two items."""
    origin, options = get_origin(kind) or kind, get_args(kind)
    if origin in {types.UnionType, Union}:
        return some(options[0])
    if origin is tuple:
        return (some(options[0]),) * 2 if options[1] is ... else tuple(map(some, options))
    if issubclass(origin, Enum):
        return next(iter(origin))
    if issubclass(origin, msgspec.Struct):
        return origin(*map(some, get_type_hints(origin).values()))
    return {int: -12, str: TEXT, bool: True}[origin]


def middle() -> list[Record]:
    """One record of each type but the first and the last."""
    records = []
    for t_ns, cls in enumerate(RECORD_TYPES):
        if cls not in {RunStarted, RunFinished}:
            hints = get_type_hints(cls)
            fields = {name: some(hints[name]) for name in cls.__struct_fields__}
            records.append(cls(**(fields | {"t_ns": t_ns})))
    return records


@pytest.fixture(scope="session")
def sample_records() -> list[Record]:
    """A short run without its last record."""
    return [started(seed=1), *middle()]


@pytest.fixture(scope="session")
def log_of() -> LogOf:
    """Bytes of a short complete log; another seed gives another first record."""

    def build(seed: int) -> bytes:
        with open_audit_log(None) as log:
            for record in (started(seed), *middle()):
                log.emit(record)
            log.finish(99, Outcome.COMPLETE)
        return log.data

    return build


@pytest.fixture(scope="session")
def good_log(log_of: LogOf) -> bytes:
    return log_of(1)


@pytest.fixture(scope="session")
def chain_of() -> ChainOf:
    """Put bodies (JSON without braces) in a right chain, whatever they hold; seal the finish."""

    def build(bodies: Iterable[bytes]) -> bytes:
        prev, out = "0" * 64, b""
        for seq, body in enumerate(bodies):
            line = f'{{"seq":{seq},'.encode() + body + f',"prev":"{prev}"'.encode()
            if body.startswith(b'"kind":"run_finished"'):
                line += f',"seal":"{hashlib.sha256(line).hexdigest()}"'.encode()
            line += b"}"
            prev = hashlib.sha256(line).hexdigest()
            out += line + b"\n"
        return out

    return build


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that tests may overwrite."""
    return tmp_path_factory.mktemp("audit") / "log.jsonl"
