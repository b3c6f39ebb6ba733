"""Fuzz the parsers: ``python -m tests.fuzz [NAME...] [--seconds S] [--seed N]``, from the project.

Each parser gets, in a process of its own, its stored inputs and then changed ones for so many
seconds. An input is worth changing further if it went a way that none went before. What breaks a
property is cut down, written to ``corpus/NAME`` and told; the exit code is then 1.
"""

import argparse
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final

from tests.fuzz.calls import Unsound
from tests.fuzz.targets import CANARY, TARGETS, Target

CORPUS: Final = Path(__file__).with_name("corpus")
ADDRESS_SPACE: Final = 6 << 30
"""Bytes of memory that a fuzzer may map; libraries map a good part of it for their threads."""
PATIENCE: Final = 5
"""So many times its CPU time an input may take before it is broken off."""
CPU_SPARE: Final = 300
"""CPU seconds beyond its own for each parser: libraries, stored inputs, cutting down."""
POOL_MAX: Final = 3_000
FOUND_MAX: Final = 10
_BANNED: Final = frozenset({
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect"),
    *("socket.bind", "pty.spawn", "webbrowser.open", "urllib.Request"),
})  # fmt: skip
_SLOW: Final = "it takes more than"
_WRITES: Final = frozenset({"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink"})


Run = Callable[[bytes, Path], str]


class _HangError(BaseException):
    """An input takes so long that it was broken off; no handler of ours may catch it."""


class Watch:
    """What the process itself sees: files written elsewhere, commands run, connections made."""

    def __init__(self, root: Path) -> None:
        self.root = str(root.resolve())
        self.seen: list[str] = []
        self.on = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _BANNED:
            self.seen.append(f"{event} {str(args)[:200]}")
        elif event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            written = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if args[2] else 0
            if written or set(str(args[1] or "")) & set("wax+"):
                self._written(event, args[0])
        elif event in _WRITES:
            self._written(event, args[1] if event == "os.rename" else args[0])

    def _written(self, event: str, path: Any) -> None:
        place = os.path.realpath(os.fsdecode(path))
        if not place.startswith((self.root, "/dev/null")) and not place.endswith(".pyc"):
            self.seen.append(f"{event} of {place!a}")


class Fuzzer:
    """One parser in this process, in a folder of its own."""

    def __init__(self, name: str, root: Path, watch: Watch, seed: int) -> None:
        self.name = name
        self.target: Target = TARGETS[name]
        self.folder = root / name
        self.folder.mkdir()
        self.watch = watch
        self.rng = Random(f"{seed}/{name}")
        self.target.prepare(self.folder)
        self.pool = [path.read_bytes() for path in stored(name)] + list(
            self.target.seeds(self.folder)
        )
        self.ways: set[str] = set()
        self.found: dict[str, bytes] = {}
        self.inputs = 0
        self.slowest = 0.0

    def replay(self) -> None:
        """All stored inputs."""
        for data in list(self.pool):
            self.feed(data)

    def go_on(self, seconds: float) -> None:
        """Changed inputs, until the time is up."""
        end = time.monotonic() + seconds
        pool = self.pool = self.pool or [b""]
        while time.monotonic() < end and len(self.found) < FOUND_MAX:
            newest = pool[-50:] if self.rng.random() < 0.5 else pool
            data = self.target.mutate(self.rng, self.rng.choice(newest), pool)
            known = len(self.ways)
            self.feed(data, self.target.quick or self.target.run)
            if len(self.ways) > known and len(pool) < POOL_MAX:
                pool.append(data)

    def feed(self, data: bytes, run: Run | None = None) -> None:
        """One input; what it breaks is kept under the words for it, the shortest of each."""
        self.inputs += 1
        wrong = self.wrong_with(data, run)
        if wrong.startswith(_SLOW):  # once more: the first time may have loaded libraries
            wrong = self.wrong_with(data, run)
        if wrong and run is not None:
            wrong = self.wrong_with(data) or wrong
        if wrong and wrong not in self.found:
            self.found[wrong] = self._shorter(data, wrong)

    def wrong_with(self, data: bytes, run: Run | None = None) -> str:
        """What an input breaks; empty if nothing."""
        (self.folder.parent / "current").write_bytes(data)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        self.watch.seen.clear()
        self.watch.on = True
        signal.setitimer(signal.ITIMER_PROF, self.target.seconds * PATIENCE)
        wrong = ""
        try:
            self.ways.add((run or self.target.run)(data, self.folder))
        except Unsound as error:
            wrong = str(error)
        except _HangError:
            wrong = "it hangs"
        except BaseException as error:
            wrong = _where(error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.watch.on = False
        took = time.process_time() - start
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) >> 10
        self.slowest = max(self.slowest, took)
        if (self.folder / CANARY).exists():
            (self.folder / CANARY).unlink()
            return "code of the input was run"
        if self.watch.seen:
            return self.watch.seen[0]
        if not wrong and took > self.target.seconds:
            return f"{_SLOW} {self.target.seconds} s of CPU time"
        # The first inputs of a process load libraries, which stay.
        if not wrong and self.inputs > 20 and grown_mb > self.target.megabytes:
            return f"it takes more than {self.target.megabytes} MB of memory"
        return wrong

    def _shorter(self, data: bytes, wrong: str) -> bytes:
        """As much of an input as is needed to break the same thing, for a few seconds' work."""
        end = time.monotonic() + 5
        size = len(data) // 2
        while size and "memory" not in wrong:
            at = 0
            while at < len(data) and time.monotonic() < end:
                less = data[:at] + data[at + size :]
                if self.wrong_with(less) == wrong:
                    data = less
                else:
                    at += size
            size //= 2
        return data

    def keep(self) -> list[dict[str, str]]:
        """Store what was found; one row for each."""
        rows = []
        for wrong, data in self.found.items():
            path = keep(self.name, data)
            rows.append({"parser": self.name, "wrong": wrong, "file": path.name})
        return rows


def keep(name: str, data: bytes) -> Path:
    """Store an input that broke a parser; its file."""
    path = CORPUS / name / f"found-{hashlib.sha256(data).hexdigest()[:10]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def stored(name: str) -> list[Path]:
    """The stored inputs of a parser."""
    folder = CORPUS / name
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _where(error: BaseException) -> str:
    """An error by its class and its place in our code, which tells one fault from another."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/tests/" not in frame.filename
    ]
    last = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    return f"{type(error).__name__} at {last}: {str(error)[:200]!a}"


def work(names: Sequence[str], seconds: float, seed: int, folder: Path | None) -> int:
    """Fuzz parsers one after the other in this process; a JSON line to stdout for each.

    In C code no handler of ours is called: there the limit of CPU time ends the process.
    """
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    cpu_s = int(len(names) * (seconds + CPU_SPARE))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    signal.signal(signal.SIGPROF, _hangs)
    sys.dont_write_bytecode = True  # what Python keeps for itself is written elsewhere
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = Path(place).resolve()
        os.chdir(root)
        os.environ["TMPDIR"] = tempfile.tempdir = str(root)
        watch = Watch(root)
        for name in names:
            fuzzer = Fuzzer(name, root, watch, seed)
            fuzzer.replay()
            fuzzer.go_on(seconds)
            row = {
                "parser": name,
                "stored": len(stored(name)),
                "inputs": fuzzer.inputs,
                "ways": len(fuzzer.ways),
                "slowest_s": round(fuzzer.slowest, 3),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
                "found": fuzzer.keep(),
            }
            print(json.dumps(row), flush=True)
    return 0


def _hangs(_signal: int, _frame: FrameType | None) -> None:
    raise _HangError


def supervise(names: Sequence[str], seconds: float, seed: int, say: Callable[[str], None]) -> bool:
    """Each parser in a process of its own; if that dies, what it was fed last is kept."""
    fine = True
    for name in names:
        args = [sys.executable, "-m", "tests.fuzz", "--here", name]
        args += ["--seconds", str(seconds), "--seed", str(seed)]
        with tempfile.TemporaryDirectory() as place:
            args += ["--folder", place]
            done = subprocess.run(args, capture_output=True, text=True, check=False)
            last = [path.read_bytes() for path in Path(place).glob("*/current")]
        if done.returncode or not done.stdout:
            say(f"{name}: DIED with {done.returncode}\n{done.stderr[-2_000:]}")
            for data in last:
                say(f"        corpus/{name}/{keep(name, data).name}")
            fine = False
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        say(
            f"{name:18} {row['inputs']:>8,} inputs  {row['ways']:>5} ways  "
            f"slowest {row['slowest_s']:.2f} s  {row['peak_mb']} MB"
        )
        for one in row["found"]:
            say(f"  WRONG {one['wrong']}\n        corpus/{name}/{one['file']}")
            fine = False
    return fine


def run(args: Sequence[str]) -> int:
    """The command; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="parsers; all, if none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each parser")
    parser.add_argument("--seed", type=int, default=1, help="of the changes")
    parser.add_argument("--here", action="store_true", help="in this process, a JSON line for each")
    parser.add_argument("--folder", type=Path, help="with --here: where to work")
    parser.add_argument("--list", action="store_true", help="name the parsers")
    given = parser.parse_args(args)
    names = given.names or list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        parser.error(f"no parser {unknown[0]}; known: {', '.join(TARGETS)}")
    if given.list:
        print("\n".join(names))
        return 0
    if given.here:
        return work(names, given.seconds, given.seed, given.folder)
    return 0 if supervise(names, given.seconds, given.seed, print) else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
