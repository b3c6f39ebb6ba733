"""Any bytes as a scenario, an override, a log or a data file: an error that says where, no crash.

The command line turns what nobody expected into exit code 4, so that is what must never come.
"""

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cli import main
from sim.data import converter
from sim.data.conversion import ConversionError
from sim.data.recorded import HEADER, read_recorded
from sim.kernel.latency.round_trips import HEADER as ROUND_TRIPS
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.errors import DataFormatError
from sim.protocol.units import Units, parse_decimal
from sim.scenario.shipped import shipped_scenario

pytestmark = pytest.mark.slow

UNITS = Units(parse_decimal("0.01"), parse_decimal("1"))


class Said(NamedTuple):
    code: int
    out: str
    err: str


def call(*args: str) -> Said:
    """The command line in this process, which never raises."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(args)
    said = Said(code, out.getvalue(), err.getvalue())
    assert code in {0, 1, 2}, said
    assert "Traceback" not in said.err
    assert said.err.replace("\n", "").isprintable()
    return said


PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        b"|: |- |\n|\n  |[|]|{|}|,|\"|'|#|&a|*a|!!python/object:x |null|true|-1|0|1e999|.nan|NaN"
        b"|99999999999999999999|\xe2\x80\xae|\xef\xbb\xbf|\x00|\x1b[31m|\r|\t|%|@|`|ask|buy|level"
        b"|0.001|-0|1e3|=cmd()|\xff|\xed\xa0\x80|:5:|\\u0000".split(b"|")
    ),
)
CUTS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), PIECES), min_size=1, max_size=4)
Cuts = Sequence[tuple[float, int, bytes]]


def mutated(data: bytes, cuts: Cuts) -> bytes:
    """The bytes with pieces of them replaced."""
    for where, length, piece in cuts:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + length :]
    return data


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of two venues."""
    folder = tmp_path_factory.mktemp("bad")
    assert call("run", "fragmented", "--quiet", "--out", str(folder / "run")).code == 0
    return folder


# ------------------------------------------------------------ scenarios and overrides


@pytest.mark.parametrize("name", ["fragmented", "partial_fill"])
@given(cuts=CUTS)
def test_S03_S07_any_change_of_a_scenario_is_fine_or_said_with_its_place(
    scratch: Path, name: str, cuts: Cuts
) -> None:
    path = scratch / "s.yaml"
    path.write_bytes(mutated((shipped_scenario(name) or Path()).read_bytes(), cuts))
    said = call("validate", str(path))
    if said.code:
        assert all(line.startswith(f"{path}:") for line in said.err.splitlines())


@given(st.binary(max_size=300))
def test_S03_S07_any_bytes_as_a_scenario(scratch: Path, data: bytes) -> None:
    path = scratch / "s.yaml"
    path.write_bytes(data)
    assert call("validate", str(path)).code == 2


PATHS = st.sampled_from([
    *("seed", "name", "duration", "venues", "venues[NYSE]", "venues[0].fees.taker", "x.y.z"),
    *("venues[NYSE].book.asks[0][0]", "venues[NYSE].latency.order.delay", "venues[9].id"),
    *("router.strategy.kind", "router", "parents[0].qty", "parents[0].limit", "expect", "links"),
    *("expect.fill_rate", "audit.sync", "instrument.tick_size", "tape", "venues[NYSE].depth"),
    *("parents[0].at", "schema_version"),
])  # fmt: skip
VALUES = st.text(max_size=20) | st.sampled_from([
    *("", "null", "~", "-1", "0", "1.5", ".nan", "1e999", "NO", "10:30", "010", "[]", "{}"),
    *("[[1,2]]", "{a: b}", "5ms", "-5ms", "'1e3'", '"0.0"', "*a", "!x y", "&a 1", "{", "[", "'"),
    *("99999999999999999999", "0x10", "true", "lit", "\u202e", "\uff11"),
])  # fmt: skip


@settings(max_examples=100)
@given(sets=st.lists(st.tuples(PATHS, VALUES), min_size=1, max_size=3))
def test_S03_D05_any_value_of_an_override_is_fine_or_said_with_it(
    scratch: Path, sets: list[tuple[str, str]]
) -> None:
    texts = [f"--set={path}={value}" for path, value in sets]
    said = call("run", "fragmented", "--quiet", "--out", str(scratch / "none" / "x"), *texts)
    if said.code == 2:
        assert "--set" in said.err
        assert not (scratch / "none").exists()
    else:
        for file in (scratch / "none" / "x").iterdir():
            file.unlink()
        (scratch / "none" / "x").rmdir()
        (scratch / "none").rmdir()


@given(st.text(max_size=40))
def test_S03_any_text_as_an_override(scratch: Path, text: str) -> None:
    assert call("liquidity", "fragmented", "--side=buy", "--qty=1", f"--set={text}").code in {0, 2}


# ------------------------------------------------------------ logs


def read_all(scratch: Path, data: bytes) -> None:
    path = scratch / "log"
    path.write_bytes(data)
    original = (scratch / "run" / "audit.jsonl").read_bytes()
    verified = call("verify", str(path))
    assert verified.code == (0 if data == original else 1)
    for args in (["replay"], ["replay", "--check"], ["diff", str(scratch / "run")]):
        said = call(*args, str(path))
        assert said.code or data == original or args == ["replay"]
        assert said.out.replace("\n", "").isprintable()


@settings(max_examples=60)
@given(cuts=CUTS)
def test_L02_L06_any_change_of_a_log_is_told_by_every_command(scratch: Path, cuts: Cuts) -> None:
    read_all(scratch, mutated((scratch / "run" / "audit.jsonl").read_bytes(), cuts))


@settings(max_examples=40)
@given(data=st.binary(max_size=300))
def test_L06_any_bytes_as_a_log(scratch: Path, data: bytes) -> None:
    read_all(scratch, data)


@settings(max_examples=60)
@given(line=st.integers(0, 30), at=st.floats(0, 1), value=PIECES)
def test_L06_a_record_that_is_wrong_in_a_chain_that_is_right(
    scratch: Path, line: int, at: float, value: bytes, relinked: Callable[[list[bytes]], bytes]
) -> None:
    """Whoever rewrites a chain can say anything: no command may break on it."""
    lines = (scratch / "run" / "audit.jsonl").read_bytes().splitlines()
    line %= len(lines)
    body = lines[line].rsplit(b',"prev"', 1)[0]
    cut = int(at * len(body))
    lines[line] = body[:cut] + value + body[cut + len(value) :] + lines[line][len(body) :]
    path = scratch / "log"
    path.write_bytes(relinked(lines))
    for args in (["verify"], ["replay"], ["replay", "--check"], ["diff", str(scratch / "run")]):
        call(*args, str(path))


_VALUE = re.compile(rb':(-?[0-9]+|"[^"]*"|null|true|false)(?=[,}\]])')
OTHER_VALUES = st.sampled_from([
    *(b"0", b"1", b"-1", b"2", b"50000", b"1000000000", b"9223372036854775807", b"null", b"true"),
    *(b'"P1"', b'"X"', b'""', b'"NYSE"', b'"P1.NYSE.1"', b'"buy"', b'"sell"', b'"0"', b'"1e9"'),
    *(b'"filled"', b'"limit"', b'"timeout"', b'"NaN"', b'"-0.0"', b"[]", b"{}"),
])  # fmt: skip


@settings(max_examples=60)
@given(
    edits=st.lists(st.tuples(st.integers(0), st.integers(0), OTHER_VALUES), min_size=1, max_size=3)
)
def test_L06_values_that_contradict_each_other_in_a_chain_that_is_right(
    scratch: Path, edits: list[tuple[int, int, bytes]], relinked: Callable[[list[bytes]], bytes]
) -> None:
    """A story that nobody could have lived: shares from nowhere, answers before questions."""
    lines = (scratch / "run" / "audit.jsonl").read_bytes().splitlines()
    for number, which, value in edits:
        line = lines[number % len(lines)]
        found = list(_VALUE.finditer(line.rsplit(b',"prev"', 1)[0]))
        spot = found[which % len(found)]
        lines[number % len(lines)] = line[: spot.start(1)] + value + line[spot.end(1) :]
    path = scratch / "log"
    path.write_bytes(relinked(lines))
    other = str(scratch / "run")
    for args in (["verify"], ["replay"], ["replay", "--until", "50ms"], ["replay", "--check"]):
        call(*args, str(path))
    call("diff", other, str(path))
    for what in ("P1.NYSE.1", "1"):
        call("explain", str(path), what)


# ------------------------------------------------------------ data files

RECORDED = (
    f"{HEADER}\n0,level,bid,99.98,10\n0,level,ask,100.02,10\n7,shift,ask,-0.01,\n9,clear,,,\n"
    "9,level,bid,99.97,0\n12,trade,buy,100.02,3\n"
).encode()
MEASURED = f"# where\n{ROUND_TRIPS}\ncreate,1.5\ncancel,2\ncreate,0.000001\n".encode()
STATES = b"Timestamp,Order_ID,Status\n1000,1,PENDING_CREATE\n1012,1,CREATED\n1013,2,CANCELED\n"
BINANCE = b"\n".join(
    b"%d %b" % (1_000 + n, json.dumps(message).encode())
    for n, message in enumerate(
        [
            {"lastUpdateId": 5, "bids": [["99.9", "1"]], "asks": [["100.1", "2"]]},
            {
                "stream": "btcusdt@depth",
                "data": {"e": "depthUpdate", "s": "BTCUSDT", "U": 6, "u": 7, "b": [], "a": []},
            },
            {"stream": "btcusdt@trade", "data": {"e": "trade", "p": "100", "q": "1", "m": True}},
        ]
    )
)


@given(cuts=CUTS, packed=st.booleans())
def test_D04_D05_D07_any_change_of_a_recording_is_fine_or_said_with_its_line(
    scratch: Path, cuts: Cuts, packed: bool
) -> None:
    data = mutated(RECORDED, cuts)
    path = scratch / "recorded"
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    try:
        groups = list(read_recorded(path, UNITS))
    except DataFormatError as error:
        assert error.file == str(path)  # noqa: PT017 - the error is one of two good ends
        assert error.line >= 1  # noqa: PT017
        assert str(error).replace("\\", "").isprintable()  # noqa: PT017
    else:
        times = [group.t_ns for group in groups]
        assert times == sorted(set(times))


@given(cuts=CUTS)
def test_D05_a_damaged_gzip_file_is_said(scratch: Path, cuts: Cuts) -> None:
    path = scratch / "packed"
    path.write_bytes(mutated(gzip.compress(RECORDED * 20, mtime=0), cuts))
    try:
        list(read_recorded(path, UNITS))
    except DataFormatError as error:
        assert error.file == str(path)  # noqa: PT017


@given(cuts=CUTS)
def test_D05_any_change_of_measured_latencies_is_fine_or_said_with_its_line(
    scratch: Path, cuts: Cuts
) -> None:
    path = scratch / "measured"
    path.write_bytes(mutated(MEASURED, cuts))
    try:
        assert all(delay >= 0 for delay in read_round_trips(path, "create"))
    except DataFormatError as error:
        assert error.file == str(path)  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "sample", "options"),
    [
        ("order_latency", STATES, {}),
        ("binance_l2", BINANCE, {"start": "0ns", "length": "1ns", "levels": "1"}),
    ],
)
@given(cuts=CUTS)
def test_D04_D05_any_change_of_a_converters_input_is_fine_or_said(
    scratch: Path, name: str, sample: bytes, options: dict[str, str], cuts: Cuts
) -> None:
    path, out = scratch / "input", scratch / "output"
    path.write_bytes(mutated(sample, cuts))
    inputs = [path, path] if name == "binance_l2" else [path]
    try:
        converter(name)(inputs, out, options)
    except (DataFormatError, ConversionError) as error:
        assert str(error)  # noqa: PT017
    else:
        assert out.exists()
    if out.is_file():
        out.unlink()
    assert not out.with_name("output.part").exists()


@pytest.fixture(scope="session")
def relinked() -> Callable[[list[bytes]], bytes]:
    """``relinked(lines)``: the same lines with a chain that is right, and the right seal."""

    def relink(lines: list[bytes]) -> bytes:
        head, made = "0" * 64, []
        for line in lines:
            linked = re.sub(rb'"prev":"[0-9a-f]{64}"', f'"prev":"{head}"'.encode(), line)
            if b',"seal":"' in linked:
                stem = linked[: linked.rindex(b',"seal":"')]
                linked = stem + b',"seal":"%b"}' % hashlib.sha256(stem).hexdigest().encode()
            head = hashlib.sha256(linked).hexdigest()
            made.append(linked)
        return b"\n".join(made) + b"\n"

    return relink
