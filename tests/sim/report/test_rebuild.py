"""The state at an instant comes from the log's prefix, and a log that ends early says so."""

from pathlib import Path

import msgspec
import pytest

import sim
from sim.audit.read import read_records
from sim.audit.records import RECORD_TYPES, RunFinished, RunStarted
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError
from sim.report.rebuild import rebuild, replay
from sim.report.words import Words, count, duration, instant, listed, units_of
from sim.scenario.load import load_scenario
from sim.world import run_world


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run_world(load_scenario("partial_fill"), folder=folder)
    return folder / "audit.jsonl"


def test_I13_the_state_at_any_instant_is_that_of_the_records_up_to_it(log: Path) -> None:
    records = [record for _, record in read_records(log)]
    for t_ns in sorted({record.t_ns for record in records}):
        for until in (t_ns - 1, t_ns):
            expected = LogState()
            expected.take([record for record in records if record.t_ns <= until])
            if not expected.records:
                continue
            found = rebuild(log, until)
            assert found.state.records == expected.records
            assert found.state.children == expected.children
            assert found.state.quotes == expected.quotes
            assert found.fault == ""


def test_the_instant_itself_counts(log: Path) -> None:
    before, at = replay(log, until="89999999ns"), replay(log.parent, until="90ms")
    assert [row["parents"][0]["filled_qty"] for row in (before, at)] == [65_000, 75_000]
    assert at["outcome"] is None
    assert at["timeline"][-1]["says"] == "P1.DARK_B.2 sent: buy 5,000 at 100.00, IOC"


def test_the_timeline_keeps_the_newest_events(log: Path) -> None:
    found = rebuild(log, timeline_max=3)
    assert [type(event.record).__name__ for event in found.timeline] == [
        "Fill",
        "ParentDone",
        "RunFinished",
    ]
    assert found.timeline[-1].line == found.state.records
    assert found.events > 20


def test_L01_a_torn_log_gives_the_state_before_the_tear(log: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.jsonl"
    data = log.read_bytes()
    torn.write_bytes(data[:-20])
    found = rebuild(torn)
    assert "the line is torn" in found.fault
    assert found.state.records == data.count(b"\n") - 1
    assert rebuild(torn, 100_000_000).fault == ""


def test_L03_a_log_without_its_end_says_so(log: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:-1]))
    assert "ends after record 40 without run_finished" in rebuild(cut).fault


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff" * 100, b"[" * 100_000 + b"\n"])
def test_L06_what_is_no_log_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "no.jsonl"
    file.write_bytes(content)
    with pytest.raises(AuditFormatError):
        rebuild(file)


def test_L06_a_wrong_line_ends_the_state_and_is_named(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    lines[20] = b'{"seq":20,"kind":"\x1b[31m"}\n'
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"".join(lines))
    found = rebuild(bad)
    assert "bad.jsonl:21: record 20" in found.fault
    assert "\x1b" not in found.fault
    assert found.state.records == 20


def test_L06_a_scenario_without_an_instrument_is_refused(log: Path) -> None:
    with pytest.raises(AuditFormatError, match="it must be run_started"):
        units_of(None)
    _, started = next(read_records(log))
    assert isinstance(started, RunStarted)
    for name in ("instrument", "venues", "name"):
        scenario = {key: value for key, value in started.scenario.items() if key != name}
        with pytest.raises(AuditFormatError, match=f"missing required field `{name}`"):
            units_of(msgspec.structs.replace(started, scenario=scenario))


def test_a_log_without_market_data_has_no_quotes() -> None:
    result = sim.run("fragmented", sets=["audit.market_data=none"])
    assert result.log is not None
    state = LogState()
    for record in result.log.splitlines():
        assert b'"kind":"quote"' not in record
    assert state.quotes == {}


def test_every_kind_of_record_has_words(log: Path) -> None:
    records = [record for _, record in read_records(log)]
    words = Words(units_of(rebuild(log).state.started))
    assert words.kinds == set(RECORD_TYPES)
    said = [words.say(record) for record in records]
    assert all(said)
    assert isinstance(records[-1], RunFinished)
    assert said[-1] == "run finished: complete"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0 s"), (999, "999 ns"), (1_500_000, "1.5 ms"), (999_999_999, "1 s"), (-2_000, "-2 us")],
)
def test_durations_for_reading(ns: int, text: str) -> None:
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (45_000_000, "45 ms"),
        (26_076_500_000, "26.0765 s"),
        (1_500, "0.002 ms"),
        (60_000_000_000, "60 s"),
    ],
)
def test_instants_for_reading(ns: int, text: str) -> None:
    assert instant(ns) == text


def test_numbers_agree_with_their_nouns() -> None:
    assert [count(n, "quote") for n in (0, 1, 2, 1200)] == [
        "no quotes",
        "1 quote",
        "2 quotes",
        "1,200 quotes",
    ]
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
