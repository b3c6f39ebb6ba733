"""P02, L01, L02: a log of 200 lines, damaged at every byte and at every line, is told rightly."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sim.audit.log import open_audit_log
from sim.audit.read import read_records
from sim.audit.records import RunFinished
from sim.audit.verify import VerifyResult, verify
from sim.protocol.enums import Outcome
from sim.scenario.load import load_scenario
from sim.world import run_world

LINES = 200
Check = Callable[[bytes], VerifyResult]
FLIPS = (0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF)
"""Each bit of a byte alone, and all of them; which of them strikes goes round byte by byte."""
STEP = 97
"""Of the quick form: a prime, so that it meets every part of lines that are alike."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The first 199 records of a run, and an end."""
    folder = tmp_path_factory.mktemp("run")
    run_world(load_scenario("generated_books"), folder=folder)
    t_ns = 0
    with open_audit_log(None) as target:
        for _, record in read_records(folder / "audit.jsonl"):
            if target.records == LINES - 1 or isinstance(record, RunFinished):
                break
            target.emit(record)
            t_ns = record.t_ns
        target.finish(t_ns, Outcome.COMPLETE)
    data = target.data
    assert data.count(b"\n") == LINES
    return data


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Check]:
    """Verify bytes, as the file that they are."""
    memory = Path("/dev/shm")
    folder = tmp_path_factory.mktemp("log")
    path = (memory if memory.is_dir() else folder) / f"{folder.name}-{id(folder)}"

    def run(data: bytes) -> VerifyResult:
        path.write_bytes(data)
        return verify(path)

    yield run
    path.unlink(missing_ok=True)
    shutil.rmtree(folder)


def flips_are_laid_to_their_lines(check: Check, log: bytes, step: int) -> None:
    damaged = bytearray(log)
    line = 0
    for at, byte in enumerate(log):
        if at % step == 0 or byte == 0x0A:
            damaged[at] = byte ^ FLIPS[(at // step) % len(FLIPS)]
            found = check(bytes(damaged))
            damaged[at] = byte
            assert not found.ok
            assert found.first_bad is not None
            assert found.first_bad.seq == line, (at, found.message)
        line += byte == 0x0A
    assert line == LINES


def test_L02_flipped_bytes_are_laid_to_their_lines(check: Check, log: bytes) -> None:
    """One byte in 97, and each newline."""
    flips_are_laid_to_their_lines(check, log, STEP)


@pytest.mark.slow
def test_L02_every_byte_that_is_flipped_is_laid_to_its_line(check: Check, log: bytes) -> None:
    flips_are_laid_to_their_lines(check, log, 1)


def bad(found: VerifyResult) -> tuple[str, int, bool]:
    assert found.first_bad is not None
    return found.state, found.first_bad.seq, found.complete


def test_L02_every_line_that_is_removed_doubled_or_swapped_is_named(
    check: Check, log: bytes
) -> None:
    lines = log.splitlines(keepends=True)
    last = LINES - 1
    for n in range(LINES):
        without = check(b"".join(lines[:n] + lines[n + 1 :]))
        assert bad(without) == ("cut" if n == last else "broken", n, False), n
        doubled = check(b"".join(lines[: n + 1] + lines[n:]))
        assert bad(doubled) == ("broken", n + 1, n == last), n
        if n < last:
            swapped = check(b"".join([*lines[:n], lines[n + 1], lines[n], *lines[n + 2 :]]))
            assert bad(swapped) == ("broken", n, False), n


def cuts_are_told(check: Check, log: bytes, step: int) -> None:
    borders = [at for at, byte in enumerate(log) if byte == 0x0A]
    near = {at + more for at in borders for more in (0, 1, 2)}
    whole = 0
    for size in range(len(log)):
        whole += size > 0 and log[size - 1] == 0x0A
        if size % step and size not in near:
            continue
        found = check(log[:size])
        torn = size - (log.rfind(b"\n", 0, size) + 1)
        assert bad(found) == ("cut", whole, False), size
        assert (found.records, found.torn_bytes, found.outcome) == (whole, torn, None), size
        expected = f"complete up to record {whole - 1}, " if whole else "no whole record, "
        why = f"torn tail of {torn} bytes, without newline" if torn else "no run_finished"
        assert found.message == f"{expected}then the log ends: {why}", size


def test_L01_cuts_are_told_with_what_is_left(check: Check, log: bytes) -> None:
    """One size in 97, and all at and about a line's end."""
    cuts_are_told(check, log, STEP)


@pytest.mark.slow
def test_L01_every_cut_is_told_with_what_is_left(check: Check, log: bytes) -> None:
    cuts_are_told(check, log, 1)
