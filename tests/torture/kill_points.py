"""Kills runs for real, at points that a seed draws, and completes what they leave (P02, P03, L01).

    python tests/torture/kill_points.py --points 2000 --seed 1 --jobs 2

Each point runs a scenario in a process of its own until it dies: by SIGKILL within the bytes of a
write, before a record, in a sync, while its last files are written or at any time; or by a disk
that is full at a byte. Then ``sorsim verify`` must tell what is left rightly, and ``sorsim run
--resume-from`` complete it to the bytes of a run that nobody killed, or say why not. Prints one
JSON document; exit code 1 says that a point failed, by its number: ``--only N`` does that again.
"""

import argparse
import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from sim.audit.invariants import Invariants
from sim.audit.log import ChainSink
from sim.audit.read import read_records
from sim.audit.target import FileTarget
from sim.audit.verify import VerifyResult, verify
from sim.cli import main
from sim.protocol.errors import InvariantError
from sim.report.rebuild import rebuild

FAULTS: Final = (
    "faults=[{kind: message_loss, share: 0.2, leg: report, venue: NYSE, messages: any},"
    " {kind: message_duplication, share: 0.3, leg: report, venue: NASDAQ, messages: any}]"
)
CRASHES: Final = (
    "faults=[{kind: venue_crash, venue: NASDAQ, at: 6ms, lasts: 20ms},"
    " {kind: router_crash, at: 8ms, lasts: 6ms}]"
)
WORLDS: Final = (
    ("fragmented", ("audit.sync=each", CRASHES)),
    ("fragmented", ("audit.sync=each", FAULTS)),
    ("partial_fill", ("audit.sync=interval",)),
    ("two_parents", ("audit.sync=end", "audit.market_data=full")),
    ("faulty_day", ("audit.sync=each",)),
    ("three_real_books", ("audit.sync=interval",)),
    ("scheduled", ("audit.sync=interval",)),
)
"""What is run: small and larger logs, every sync policy, with data files and with faults."""
WEIGHTS: Final = (3, 3, 3, 3, 3, 1, 1)
"""The larger ones take ten times as long."""
KINDS: Final = ("byte", "byte", "byte", "record", "sync", "file", "time", "disk", "process")
"""How runs die; ``byte`` is the most telling one."""
PATIENCE_S: Final = 120
PRELOAD: Final = ("app", "errors", "output", "run")
"""Imported once, before there are children."""


class Point(NamedTuple):
    """One death: how, and where it strikes, as a share of the run (from 0 to 1)."""

    number: int
    world: int
    kind: str
    share: float


class Whole(NamedTuple):
    """A run that nobody killed."""

    log: bytes
    exit_code: int
    seconds: float


def draw(seed: int, number: int) -> Point:
    """The same point for the same seed and number, whoever asks."""
    chance = Random(f"{seed}/{number}")
    share = chance.choice((*(chance.random() for _ in range(6)), 0.0, chance.random() / 50, 1.0))
    (world,) = chance.choices(range(len(WORLDS)), WEIGHTS)
    return Point(number, world, chance.choice(KINDS), share)


def arguments(world: int, out: Path) -> list[str]:
    name, sets = WORLDS[world]
    options = [part for text in sets for part in ("--set", text)]
    return ["run", name, *options, "--out", str(out), "--quiet"]


# ------------------------------------------------------------ processes that die


def in_child(work: Callable[[], int], said: Path) -> int:
    """Do it in a fork of this process; its exit code, negative for the signal that ended it."""
    pid = start(work, said)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def start(work: Callable[[], int], said: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        for stream in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def doomed(point: Point, whole: Whole) -> Iterator[None]:
    """In the child: lay the mine. Nothing is undone, since nobody comes back."""
    at = place(point, whole)
    records = whole.log.count(b"\n")
    if point.kind == "byte":
        FileTarget.write = dying_write(at)  # type: ignore[method-assign,assignment]
    elif point.kind == "record":
        count_down(ChainSink, "write", round(point.share * records))
    elif point.kind == "sync":
        count_down(FileTarget, "confirm", round(point.share * min(3, records)))
    elif point.kind == "file":
        count_down(Path, "write_bytes", round(point.share * 4))
    elif point.kind == "disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(at, 1), max(at, 1)))
    yield


def place(point: Point, whole: Whole) -> int:
    """A byte of the log; of its first record, which may be half of it, only now and then."""
    first = 0 if point.number % 8 == 0 else whole.log.index(b"\n") + 1
    return first + round(point.share * (len(whole.log) - first))


def dying_write(room: int) -> Callable[[FileTarget, int, bytearray], None]:
    """A write that ends the process once the log has so many bytes."""
    write = FileTarget.write

    def until_death(self: FileTarget, offset: int, lines: bytearray) -> None:
        if offset + len(lines) > room:
            write(self, offset, lines[: max(room - offset, 0)])
            die()
        write(self, offset, lines)

    return until_death


def count_down(where: type, method: str, calls: int) -> None:
    """Let the process die in the call after so many of a method."""
    call, left = getattr(where, method), [calls]

    def last(self: Any, *args: Any) -> Any:
        if not left[0]:
            die()
        left[0] -= 1
        return call(self, *args)

    setattr(where, method, last)


def run_to_death(point: Point, whole: Whole, out: Path, said: Path) -> int:
    """Run until it dies, or ends before that; its exit code."""
    args = arguments(point.world, out)
    if point.kind == "process":
        return killed_process(args, place(point, whole), out)
    if point.kind == "time":
        pid = start(lambda: main(args), said)
        time.sleep(point.share * whole.seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def work() -> int:
        with doomed(point, whole):
            return main(args)

    return in_child(work, said)


def killed_process(args: list[str], size: int, out: Path) -> int:
    """The real command, killed from outside as its log has this size."""
    log, code = out / "audit.jsonl", "import sys; from sim.cli import main; sys.exit(main())"
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", code, *args], **streams) as process:  # type: ignore[call-overload]
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if log.stat().st_size >= size:
                    break
            time.sleep(0.001)
        process.kill()
        return int(process.wait())


# ------------------------------------------------------------ what must hold then


def check_point(point: Point, whole: Whole, folder: Path) -> tuple[str, list[str]]:
    """What became of one point (``cut``, ``whole`` or ``nothing`` was left), and what is wrong."""
    dead, again, said = folder / "dead", folder / "again", folder / "said"
    code = run_to_death(point, whole, dead, said)
    log = dead / "audit.jsonl"
    left = log.read_bytes() if log.exists() else b""
    faults = []
    if not whole.log.startswith(left):
        faults.append("what is left is not the beginning of the run's log")
    if point.kind == "disk" and code not in {2, whole.exit_code}:
        faults.append(f"a full disk ended in {code}, not in 2")
    resumed = in_child(
        lambda: main(["run", "--resume-from", str(log), "--out", str(again), "--quiet"]), said
    )
    whole_lines = left.count(b"\n")
    if left == whole.log or not whole_lines:
        if resumed != 2:
            faults.append(
                f"there was nothing to resume from or complete, and it ended in {resumed}"
            )
        if again.exists():
            faults.append("a refusal left a folder")
    if not whole_lines:
        return "nothing", faults + told(said)
    found = verify(log)
    if left == whole.log:
        if not found.ok:
            faults.append(f"the log is whole, and verify says: {found.message}")
        return "whole", faults + told(said)
    faults += cut_faults(left, found)
    if resumed != whole.exit_code:
        faults.append(f"it was resumed with {resumed}, not {whole.exit_code}")
        return "cut", faults + told(said)
    if (again / "audit.jsonl").read_bytes() != whole.log:
        faults.append("the completed log is not that of an uninterrupted run")
    faults += broken_rules(again / "audit.jsonl", folder / "prefix", left[: left.rfind(b"\n") + 1])
    facts = json.loads((again / "manifest.json").read_bytes())["resumed_from"]
    whole_bytes = left.rfind(b"\n") + 1
    stated = [facts[key] for key in ("verdict", "records", "whole_bytes", "torn_bytes", "equal")]
    true = ["completed", whole_lines, whole_bytes, len(left) - whole_bytes, whole_lines]
    if stated != true:
        faults.append(f"the manifest states {stated}, and true is {true}")
    return "cut", faults + told(said)


def cut_faults(left: bytes, found: VerifyResult) -> list[str]:
    torn = len(left) - left.rfind(b"\n") - 1
    expected = ("cut", left.count(b"\n"), torn)
    if (found.state, found.records, found.torn_bytes) == expected:
        return []
    return [f"verify must say {expected}, and says {found.message}"]


def broken_rules(log: Path, prefix: Path, left: bytes) -> list[str]:
    """Rules that the completed log breaks, or what was left of the old one already."""
    prefix.write_bytes(left)
    for path in (log, prefix):
        rules = Invariants()
        try:
            rules.take(record for _, record in read_records(path))
            rules.check()
        except InvariantError as error:
            return [f"{path.name}: {error}"]
    return []


def told(said: Path) -> list[str]:
    """Whether the processes lost their composure."""
    words = said.read_text(errors="replace") if said.exists() else ""
    return [f"a traceback: {words[-2_000:]}"] if "Traceback" in words else []


def run_whole(world: int, folder: Path) -> Whole:
    """The run that nobody kills; its log must stand every check."""
    out = folder / f"whole{world}"
    began = time.monotonic()
    code = in_child(lambda: main(arguments(world, out)), folder / "said")
    seconds = time.monotonic() - began
    log = out / "audit.jsonl"
    wrong = broken_rules(log, folder / "prefix", b"")
    if code not in {0, 1} or not verify(log).ok or rebuild(log).fault or wrong:
        raise RuntimeError(f"{WORLDS[world]} does not run as it must: {code} {wrong}")
    return Whole(log.read_bytes(), code, seconds)


_wholes: dict[int, Whole] = {}


def one(args: tuple[int, int, str]) -> tuple[Point, str, list[str]]:
    """Draw a point and see what becomes of it, in a folder that is gone after."""
    seed, number, base = args
    point = draw(seed, number)
    with tempfile.TemporaryDirectory(prefix="point", dir=base) as name:
        folder = Path(name)
        if point.world not in _wholes:
            _wholes[point.world] = run_whole(point.world, folder)
        try:
            left, faults = check_point(point, _wholes[point.world], folder)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            left, faults = "error", [repr(error)]
    return point, left, faults


def torture(points: int, seed: int, jobs: int, only: int | None = None) -> dict[str, Any]:
    """Check so many points; the document that is printed."""
    for module in (*(f"sim.cli.{name}" for name in PRELOAD), "sim.study.resume"):
        import_module(module)
    numbers = range(points) if only is None else [only]
    kinds: Counter[str] = Counter()
    lefts: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory(prefix="sorsim-kills") as base:
        work = [(seed, number, base) for number in numbers]
        with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
            for point, left, faults in pool.map(one, work, chunksize=1):
                kinds[point.kind] += 1
                lefts[left] += 1
                if faults:
                    failures.append({**point._asdict(), "left": left, "faults": faults})
    return {
        "points": len(work),
        "seed": seed,
        "kinds": dict(sorted(kinds.items())),
        "left": dict(sorted(lefts.items())),
        "failures": failures,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=int(os.environ.get("KILL_POINTS", "50")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    document = torture(given.points, given.seed, given.jobs, given.only)
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.exit(1 if document["failures"] else 0)
