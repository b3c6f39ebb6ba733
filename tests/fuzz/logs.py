"""Fuzzing of audit logs and of what lies beside them, each with every question to a log.

Sound inputs are made by runs, since a log is of one version; what broke a parser is stored as a
list of edits, which stays good for the logs of later versions.
"""

import hashlib
import json
import re
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import convert

from sim.study.sweep.figures import RunFigures
from tests.fuzz.calls import Unsound, ask, command, text_of, way

_ENTRY: Final = re.compile(rb'(\{"key":"(.*?)","job":"(.*?)","result":(.*),"sum":")[^"]*"\}')


def run_folder(folder: Path) -> None:
    """A run of every fuzzer's own, since a log is of one version."""
    code, _, told = command("run", "partial_fill", "--quiet", "--out", str(folder / "run"))
    assert code == 0, told
    shutil.copy(folder / "run" / "audit.jsonl", folder / "sound.jsonl")


def log_seeds(folder: Path) -> Sequence[bytes]:
    return ((folder / "sound.jsonl").read_bytes(),)


def log_bytes(data: bytes, folder: Path, few: int = 0) -> str:
    path = folder / "log"
    path.write_bytes(data)
    code, said, told = command("verify", str(path))
    sound = data == (folder / "sound.jsonl").read_bytes()
    if (code == 0) is not sound:
        # Another run of the same version may be fed, of course; a changed one may not pass.
        raise Unsound(f"verify says {code} of a log that is{'' if sound else ' not'} the run's")
    return way(code, said, told) + _ask_log(path, folder, few)


def log_edits(data: bytes, folder: Path, few: int = 0) -> str:
    """A story that nobody lived, in a chain that is right: no command may break on it."""
    folder = folder / "run"
    path = folder / "audit.jsonl"
    path.write_bytes(edited((folder.parent / "sound.jsonl").read_bytes(), data))
    return way(*command("verify", str(path))) + _ask_log(path, folder.parent, few)


def few_of(run: Callable[[bytes, Path, int], str]) -> Callable[[bytes, Path], str]:
    """Ask a changed log a few of the questions, else most of the time goes into a few inputs."""
    return lambda data, folder: run(data, folder, 3)


def _ask_log(path: Path, folder: Path, few: int = 0) -> str:
    """Every question to a log that needs no new run, or ``few`` of them."""
    sound, log = str(folder / "sound.jsonl"), str(path)
    questions: list[Callable[[], str]] = [
        lambda args=args: way(*command(*args))  # type: ignore[misc]
        for args in (
            ("replay", log),
            ("replay", "--json", log),
            ("replay", "--until=30ms", "--timeline", log),
            ("diff", sound, log),
            ("diff", "--json", log, sound),
            ("explain", log, "P1.NYSE.1"),
            ("explain", log, "D1"),
            ("explain", "--json", log, "D2"),
            ("whatif", log, "--set=seed=x"),
            ("report", "--format=md", log),
            ("report", "--json", log),
        )
    ]
    questions += [
        lambda: way(*command("report", "--format=cat", log, printed=False)),
        lambda: _page(log, folder / "page.html"),
        lambda: _tables(path, folder),
    ]
    if few:
        questions = Random(zlib.crc32(path.read_bytes())).sample(questions, few)
    return " ".join([question() for question in questions])


def _page(log: str, page: Path) -> str:
    went = way(*command("report", "--out", str(page), log))
    if page.exists():
        _check_page(page.read_text(encoding="utf-8"))
        page.unlink()
    return went


def _tables(path: Path, folder: Path) -> str:
    held = folder / "tables"
    args = ("query", str(path), f"--tables={held}")
    try:
        went = way(*command(*args, "SELECT * FROM children"))
        if went.startswith("0"):
            went += way(*command(*args, "SELECT * FROM decisions", "--json"))
        return went
    finally:
        shutil.rmtree(held, ignore_errors=True)


_PAGE_BLANKS: Final = "\n\t\xa0"


def _check_page(page: str) -> None:
    """No text of a log may become part of the page's markup or script."""
    for wrong in ("<script>alert", "<img src=x", "</script><script>alert"):
        if wrong in page:
            raise Unsound(f"the page holds {wrong}")
    bad = next((char for char in page if not char.isprintable() and char not in _PAGE_BLANKS), "")
    if bad:
        raise Unsound(f"the page holds U+{ord(bad):04X}")


def edited(log: bytes, edits: bytes) -> bytes:
    """A log with other values and records, its chain and seal made right again.

    Args:
        log: A sound one.
        edits: A JSON list per line: ``["set", record, place, value]``, or ``drop``, ``double``,
            ``swap`` with a record (and a second one as place). Numbers count modulo what there is.
            A line that is no edit does nothing.
    """
    rows = [json.loads(line) for line in log.splitlines()]
    for line in edits.splitlines():
        try:
            how, record, place, *value = json.loads(line)
            at = int(record) % len(rows)
            if how == "set":
                _put(rows[at], int(place), value[0])
            elif how == "drop" and len(rows) > 1:
                del rows[at]
            elif how == "double":
                rows.insert(at, json.loads(json.dumps(rows[at])))
            elif how == "swap":
                other = int(place) % len(rows)
                rows[at], rows[other] = rows[other], rows[at]
        except (ValueError, TypeError, IndexError, RecursionError):
            continue
    return _linked(rows)


def _put(row: dict[str, Any], place: int, value: Any) -> None:
    """Another value at one of all places in a record, in the order in which they are written."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, item in list(items):
            if key not in {"seq", "prev", "seal"} or node is not row:
                places.append((node, key))
                if isinstance(item, dict | list):
                    walk(item)

    walk(row)
    node, key = places[place % len(places)]
    node[key] = value


def _linked(rows: list[dict[str, Any]]) -> bytes:
    prev, lines = "0" * 64, []
    for seq, row in enumerate(rows):
        body = {key: value for key, value in row.items() if key not in {"seq", "prev", "seal"}}
        if body.get("kind") == "run_finished":
            body["records"] = seq + 1
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)[1:-1]
        line = f'{{"seq":{seq},{text},"prev":"{prev}"'.encode("utf-8", "replace")
        if "seal" in row:
            line += b',"seal":"%b"' % hashlib.sha256(line).hexdigest().encode()
        line += b"}"
        prev = hashlib.sha256(line).hexdigest()
        lines.append(line)
    return b"\n".join(lines) + b"\n"


_FIGURES: Final = {
    "outcome": "complete",
    "records": 9,
    "ordered": 10,
    "filled": 10,
    "loss": "1001.20",
    "traded": "1001.10",
    "fees": "0.10",
    "cost": "1.5",
    "at_mid": None,
    "shortfall": "0.3",
    "parts": {"fees": "0.10", "rest": None},
    "paper": "1000",
    "fill_ms": 2.5,
    "children": 1,
    "requested": 10,
    "short": 0,
    "causes": {"late": 0},
    "venues": {},
}


def journal_seeds(folder: Path) -> Sequence[bytes]:
    """A journal of two runs, which only this code reads."""
    from sim.study.journal import Journal, job_key

    path = folder / "made.jsonl"
    with Journal(path, RunFigures) as made:
        for seed in (1, 2):
            figures = convert({**_FIGURES, "seed": seed}, RunFigures)
            made.add(job_key(journal_seeds, seed), f"seed {seed}", figures)
    return (path.read_bytes(),)


def journal(data: bytes, folder: Path) -> str:
    """As it is, and with the sum of each line made right."""
    from sim.study.journal import Journal

    path, ways = folder / "j.jsonl", []
    for content in (data, _summed(data)):
        path.write_bytes(content)

        def read() -> None:
            with Journal(path, RunFigures):
                pass

        ways.append(ask(read))
    return " ".join(ways)


def _summed(data: bytes) -> bytes:
    from sim.study.journal import _sum

    lines = data.split(b"\n")
    for n, line in enumerate(lines):
        found = _ENTRY.fullmatch(line)
        try:
            key, job = json.loads(b'["%b","%b"]' % (found[2], found[3])) if found else ("", "")
            if found:
                lines[n] = found[1] + _sum(key, job, found[4]).encode() + b'"}'
        except ValueError:
            continue
    return b"\n".join(lines)


def study_file(data: bytes, folder: Path) -> str:
    path = folder / "study.json"
    path.write_bytes(data)
    run = str(folder / "run")
    return way(*command("report", run, "--format=md", f"--study={path}"))


def study_seeds(folder: Path) -> Sequence[bytes]:
    out = folder / "sweep"
    grid = "--grid=router.strategy.kind=greedy,top_of_book"
    args = ("sweep", "partial_fill", grid, "--seeds=2", f"--out={out}", "--jobs=1")
    code, _, told = command(*args, "--quiet")
    assert code == 0, told
    return tuple(path.read_bytes() for path in sorted(out.rglob("*.json")))


def manifest(data: bytes, folder: Path) -> str:
    (folder / "run" / "manifest.json").write_bytes(data)
    log = str(folder / "run" / "audit.jsonl")
    return way(*command("replay", "--check", log)) + way(*command("diff", log, log))


def manifest_seeds(folder: Path) -> Sequence[bytes]:
    return ((folder / "run" / "manifest.json").read_bytes(),)


def table_file(data: bytes, folder: Path) -> str:
    """A hostile Parquet file under the name of a table."""
    (folder / "run" / "children.parquet").write_bytes(data)
    return way(*command("query", str(folder / "run"), "SELECT count(*) FROM children"))


def table_folder(folder: Path) -> None:
    run_folder(folder)
    code, _, told = command("query", str(folder / "run"), "SELECT 1")
    assert code == 0, told


def table_seeds(folder: Path) -> Sequence[bytes]:
    return tuple(path.read_bytes() for path in sorted((folder / "run").glob("c*.parquet")))


_OWN_CODE: Final = re.compile(
    r"(?i)copy|export|attach|write|install|load|import|range|series|cross|repeat"
)


def sql(data: bytes, folder: Path) -> str:
    text = text_of(data)
    if _OWN_CODE.search(text):
        return "left out"  # SQL is code of the user's own, who may write and wait as he likes
    return way(*command("query", str(folder / "run"), text or " "))
