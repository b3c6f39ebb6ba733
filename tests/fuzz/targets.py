"""What is fuzzed: every parser that takes text or bytes from outside, each with its property.

A target gets an input and either returns, with words that say in which way it went, or raises: an
``Unsound`` for what must never be, or whatever else a parser lets through, which is as bad. The
formats of market data come from the tables of `sim.data`, so that a new one is fuzzed by itself.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sim.data import CONVERTERS, FORMATS, converter_options
from tests.fuzz.calls import Unsound, ask, checked_words, command, text_of, way
from tests.fuzz.logs import (
    few_of,
    journal,
    journal_seeds,
    log_bytes,
    log_edits,
    log_seeds,
    manifest,
    manifest_seeds,
    run_folder,
    sql,
    study_file,
    study_seeds,
    table_file,
    table_folder,
    table_seeds,
)
from tests.fuzz.mutate import Mutator, mutate_bytes, mutate_edits

CANARY: Final = "canary-was-run"
"""A file of this name appears where code of an input was run."""
PARTS: Final = b"\n%%%\n"
"""Stands between the files of an input that is several."""


class Target(NamedTuple):
    """One parser.

    ``run(data, folder)`` feeds it an input, in a folder that holds nothing else but what
    ``prepare(folder)`` put there once. ``seeds(folder)`` are sound inputs that cannot be stored,
    since they depend on the version. ``quick`` does a part of what ``run`` does, which part
    depends on the input; stored inputs get all. An input may take ``seconds`` of CPU time and let
    the process
    grow by ``megabytes``.
    """

    run: Callable[[bytes, Path], str]
    prepare: Callable[[Path], None] = lambda _folder: None
    seeds: Callable[[Path], Sequence[bytes]] = lambda _folder: ()
    mutate: Mutator = mutate_bytes
    quick: Callable[[bytes, Path], str] | None = None
    seconds: float = 2.0
    megabytes: int = 100


# ------------------------------------------------------------ scenarios and command lines


def _scenario_folder(folder: Path) -> None:
    (folder / "canary.py").write_text(f"open({str(folder / CANARY)!r}, 'w').close()\n")
    (folder / "book.csv").write_text(
        "t_ns,event,side,price,qty\n0,level,bid,99.98,10\n0,level,ask,100.02,10\n"
    )
    (folder / "latency.csv").write_text("event,round_trip_ms\ncreate,1.5\n")


def _scenario(data: bytes, folder: Path) -> str:
    path = folder / "s.yaml"
    path.write_bytes(data)
    code, said, told = command("validate", str(path))
    if code and not all(line.startswith(str(path)) for line in told.splitlines()):
        raise Unsound(f"an error without its place: {told[:200]!a}")
    command("validate", "--json", str(path))
    return way(code, said, told)


def _override(data: bytes, _folder: Path) -> str:
    args = ("liquidity", "fragmented", "--side=buy", "--qty=1", f"--set={text_of(data)}")
    return way(*command(*args))


def _grid(data: bytes, folder: Path) -> str:
    """Of more than a hundred runs the rest is not our business: the first refuses the others."""
    from sim.study.grid import GridError, expand, grid_of, parse_axis, sets_of

    texts = text_of(data).split("\n")[:100]
    try:
        points = expand(grid_of([parse_axis(text) for text in texts]))
    except GridError as error:
        out = str(folder / "out")
        sets = [f"--grid={text}" for text in texts]
        code, _, told = command("sweep", "fragmented", *sets, "--out", out, "--jobs=1")
        if code != 2:
            raise Unsound(f"a grid that is none ends with {code}") from error
        return way(code, "", told)
    return ask(lambda: _load_all([sets_of(point) for point in points[:20]]))


def _load_all(points: Sequence[Sequence[str]]) -> None:
    from sim.scenario.load import load_scenario

    for sets in points:
        load_scenario("fragmented", sets=sets)


def _numbers(data: bytes, _folder: Path) -> str:
    """Every text that holds a number or a time; what is read must be what was written."""
    from sim.protocol.units import UnitError, parse_decimal, parse_duration
    from sim.scenario.scalars import ScalarError, resolve_plain

    text, ways = text_of(data), []
    for read in (parse_decimal, parse_duration, resolve_plain):
        try:
            found = read(text)
            ways.append(type(found).__name__)
            if isinstance(found, int | float) and not abs(found) <= 2**1023:
                raise Unsound(f"{read.__name__} reads {text[:60]!a} as {found}")
        except (UnitError, ScalarError) as error:
            ways.append(checked_words(error))
    return " ".join(ways)


def _expect(data: bytes, folder: Path) -> str:
    from sim.protocol.units import UnitError
    from sim.report.expect import parse_threshold

    text = text_of(data)
    try:
        parse_threshold(text)
    except UnitError as error:
        checked_words(error)
    return _override(f'expect={{"fill_rate": {json.dumps(text)}}}'.encode(), folder)


def _plugin(data: bytes, folder: Path) -> str:
    """Nothing of what is named may be run or imported without --allow-code."""
    text = json.dumps(text_of(data))
    return _override(f"plugins=[{text}]".encode(), folder)


def _cluster(data: bytes, _folder: Path) -> str:
    from sim.study.cluster import check_address

    return ask(lambda: check_address(text_of(data)))


def _name(data: bytes, folder: Path) -> str:
    """What names a file, a folder, a moment, a quantity, a head: any text as an argument."""
    text = text_of(data)
    if text.startswith("-") or len(text) > 5_000:
        text = f"./{text[:5_000]}"
    command("validate", "--json", text)
    command("validate", text)
    command("inspect", text)
    command("inspect", "--json", text)
    command("verify", text, f"--expect-head={text}")
    command("verify", "--json", text)
    command("liquidity", "fragmented", "--side=buy", f"--qty={text}", f"--at={text}")
    command("list", text)
    command("liquidity", "fragmented", "--side=sell", "--qty=1", f"--data={text}")
    return way(*command("verify", f"{folder}/{text}"))


# ------------------------------------------------------------ market data

NAMES: Final[Mapping[str, Sequence[str]]] = {
    "lobster": ("x_message_2.csv", "x_orderbook_2.csv"),
    "binance_l2": ("one", "two"),
}
OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "binance_l2": {"start": "0ns", "length": "1s", "levels": "1"},
    "fx_quotes": {"size": "1", "venues": "A"},
    "iex_deep": {"symbol": "ACME"},
    "pitch": {"symbol": "SH"},
    "us_quotes": {"read_as": "venues"},
}


def _format(name: str) -> Callable[[bytes, Path], str]:
    """Inspect and convert one format; how it is packed and what it is called is tried too."""

    def run(data: bytes, folder: Path) -> str:
        names = NAMES.get(name, ("f",))
        if name == "events" and data.startswith(b"PAR1"):
            names = ("f.parquet",)
        parts = data.split(PARTS)
        paths = [folder / one for one in names]
        for path, part in zip(paths, [*parts, *[b""] * len(paths)], strict=False):
            path.write_bytes(part)
        ways = []
        if name in FORMATS:
            against = [f"--against={paths[1]}"] if len(paths) > 1 and len(parts) > 1 else []
            ways.append(way(*command("inspect", str(paths[0]), *against)))
            command("inspect", "--json", str(paths[0]))
            _inspected(name, paths[0])
        if name in CONVERTERS:
            given = [f"-o{key}={value}" for key, value in OPTIONS.get(name, {}).items()]
            lenient = any(option.name == "skip_bad" for option in converter_options(name))
            shift = [f"-ooffset={one}" for one in ("16666666min", "-1ns")]
            if "offset" not in {option.name for option in converter_options(name)}:
                shift = []
            for more in [[], *([one] for one in shift), *([["--skip-bad"]] * lenient)]:
                out = folder / "out.events.csv"
                args = ("convert", name, *map(str, paths), str(out), *given, *more)
                code, _, told = command(*args)
                ways.append(way(code, "", told))
                if out.exists() is not (code == 0):
                    raise Unsound(f"convert {name} ends with {code} and leaves {out.exists()}")
                out.unlink(missing_ok=True)
                if left := [one.name for one in folder.iterdir() if ".part" in one.name]:
                    raise Unsound(f"convert {name} leaves {left}")
        return " ".join(ways)

    return run


def _inspected(name: str, path: Path) -> None:
    """Whatever a file looks like, the reader of a format may be asked for it."""
    from sim.data import inspect_format
    from sim.data.inspection import InspectOptions

    ask(lambda: inspect_format(name).inspect(path, InspectOptions()))


_REPLAYED: Final = """\
schema_version: 1
name: x
seed: 1
duration: 1s
instrument: {symbol: X, tick_size: "0.01", lot_size: 1}
venues:
  - id: A
    kind: replayed
    file: f
    latency:
      order: {model: empirical, file: g}
      report: {model: fixed, delay: 1ms}
      feed: {model: fixed, delay: 1ms}
router: {strategy: {kind: greedy}}
parents: [{id: P, side: buy, qty: 1, at: 0s}]
"""


def _data_folder(folder: Path) -> None:
    (folder / "s.yaml").write_text(_REPLAYED)


def _named_files(data: bytes, folder: Path) -> str:
    """The files that a scenario names: a recording and measured latencies."""
    for name, part in zip("fg", [*data.split(PARTS), b"", b""], strict=False):
        (folder / name).write_bytes(part)
    return way(*command("validate", str(folder / "s.yaml")))


def _packed(data: bytes, folder: Path) -> str:
    """Plain, gzip and zstd: any bytes, whatever they unpack to."""
    from sim.data.packed import chunks, first_bytes
    from sim.data.text_files import line_blocks

    path = folder / "f"
    path.write_bytes(data)
    ask(lambda: first_bytes(path))
    ask(lambda: [None for _ in line_blocks(path, 65_536)])
    return ask(lambda: [None for _ in chunks(path)])


TARGETS: Final[Mapping[str, Target]] = {
    "scenario": Target(_scenario, _scenario_folder),
    "override": Target(_override),
    "grid": Target(_grid),
    "numbers": Target(_numbers),
    "expect": Target(_expect),
    "plugin": Target(_plugin, _scenario_folder),
    "cluster": Target(_cluster),
    "name": Target(_name),
    "named_files": Target(_named_files, _data_folder),
    "packed": Target(_packed),
    **{f"data_{name}": Target(_format(name)) for name in sorted({*FORMATS, *CONVERTERS})},
    "log_bytes": Target(
        *(log_bytes, run_folder, log_seeds), quick=few_of(log_bytes), seconds=6, megabytes=200
    ),
    "log_edits": Target(
        *(log_edits, run_folder),
        mutate=mutate_edits,
        quick=few_of(log_edits),
        seconds=6,
        megabytes=200,
    ),
    "journal": Target(journal, seeds=journal_seeds),
    "study_file": Target(study_file, run_folder, study_seeds),
    "manifest": Target(manifest, run_folder, manifest_seeds),
    "table_file": Target(table_file, table_folder, table_seeds),
    "sql": Target(sql, table_folder, megabytes=200),
}
"""Name -> parser. The stored inputs of each lie in ``corpus/NAME``."""
