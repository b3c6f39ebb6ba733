"""A rule of our own is broken in the middle of a run: what stops, what is said, what is kept."""

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from router.core.reports import Reports
from router.core.returns import Returns
from sim.audit.read import read_records
from sim.audit.records import ChildSent, InvariantBroken, Record, RunFinished
from sim.audit.state import LogState
from sim.audit.verify import verify
from sim.cli import main
from sim.protocol.enums import Outcome
from sim.protocol.errors import InvariantError
from sim.scenario.load import load_scenario
from sim.world import arun_world, run_world
from venues.core.matching import MatchingCore


@pytest.fixture
def loses_a_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router's own books forget one lot of each fill; its records do not."""
    book = Reports._book

    def forgetful(self: Reports, child: Any, report: Any, qty: int, came: Any) -> None:
        book(self, child, report, qty, came)
        child.parent.filled_qty -= 1

    monkeypatch.setattr(Reports, "_book", forgetful)


@pytest.fixture
def books_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router records each fill twice."""
    book = Reports._book

    def doubled(self: Reports, child: Any, report: Any, qty: int, came: Any) -> None:
        book(self, child, report, qty, came)
        came.out.append(came.out[-1])

    monkeypatch.setattr(Reports, "_book", doubled)


@pytest.fixture
def sends_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router believes that all lots of a child that ended short are free, filled ones too."""
    came_back = Returns.came_back

    def generous(self: Returns, child: Any, *rest: Any) -> None:
        child.parent.released_qty += child.cum_qty
        child.parent.order_qty += child.cum_qty
        came_back(self, child, *rest)

    monkeypatch.setattr(Returns, "came_back", generous)


def records_of(folder: Path) -> list[Record]:
    return [record for _, record in read_records(folder / "audit.jsonl")]


def names_of(records: list[Record]) -> list[str]:
    return [record.__struct_config__.tag for record in records]  # type: ignore[misc]


@pytest.mark.usefixtures("books_twice")
def test_I3_I16_a_breach_stops_the_run_at_once_and_the_log_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvariantError, match=r"I3: child P1\.NYSE\.1 is filled after") as caught:
        run_world(load_scenario("fragmented"), folder=tmp_path)
    error = caught.value
    assert (error.invariant, error.seed, error.t_ns) == ("I3", 1, 10_000_000)
    assert error.command == "sorsim run fragmented --seed 1 --check-every 1"
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if '"kind":"invariant_broken"' in line)
    assert list(error.records) == lines[place - 20 : place]
    text = str(error)
    assert text.startswith("an invariant is broken: I3: child")
    assert "at t=10000000 ns of the run with seed 1; the last records:" in text
    assert text.endswith(f"to see it again: {error.command}")
    found = verify(tmp_path / "audit.jsonl")
    assert found.ok, found.message
    records = records_of(tmp_path)
    assert names_of(records[place:]) == ["invariant_broken", "parent_done", "run_finished"]
    told, finished = records[place], records[-1]
    assert isinstance(told, InvariantBroken)
    assert (told.invariant, told.detail) == ("I3", error.what)
    assert isinstance(finished, RunFinished)
    assert finished.outcome is Outcome.ABORTED
    LogState().take(records[: place - 1])  # the line before is the second fill


@pytest.mark.usefixtures("sends_again")
def test_I2_the_order_that_breaks_a_rule_does_not_leave(tmp_path: Path) -> None:
    """Its record is the last before the breach: the venue never hears of it."""
    with pytest.raises(InvariantError, match="I2: decision 2 has"):
        run_world(load_scenario("partial_fill"), folder=tmp_path)
    records = records_of(tmp_path)
    place = names_of(records).index("invariant_broken")
    assert not [record for record in records[place:] if isinstance(record, ChildSent)]


@pytest.mark.usefixtures("loses_a_lot")
def test_I5_a_walk_finds_what_no_record_says(tmp_path: Path) -> None:
    with pytest.raises(InvariantError, match="I5: parent P1 has 9999 filled") as caught:
        run_world(load_scenario("fragmented"), check_every=1)
    assert caught.value.t_ns == 10_000_000
    with pytest.raises(InvariantError, match=r"I2: decision 2 .* of parent P1"):  # when it shows
        run_world(load_scenario("fragmented"))


def break_book(core: MatchingCore) -> None:
    level = next(iter(core._asks.level_at.values()))
    level.qty += 1


def test_I7_a_walk_finds_a_book_that_is_not_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = MatchingCore.handle

    def spoiling(self: MatchingCore, *args: Any) -> Any:
        out = handle(self, *args)
        break_book(self)
        return out

    monkeypatch.setattr(MatchingCore, "handle", spoiling)
    with pytest.raises(InvariantError, match="I7 venue NYSE: I7 asks at 10002: says") as caught:
        run_world(load_scenario("fragmented"), check_every=1)
    assert (caught.value.invariant, caught.value.t_ns) == ("I7", 5_000_000)


def test_I10_a_walk_finds_volume_that_was_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = MatchingCore.handle

    def trading(self: MatchingCore, *args: Any) -> Any:
        out = handle(self, *args)
        self.volume = type(self.volume)(self.volume + 1)
        return out

    monkeypatch.setattr(MatchingCore, "handle", trading)
    monkeypatch.setattr(MatchingCore, "check", lambda self: None)
    with pytest.raises(
        InvariantError, match=r"I10: venue NYSE traded 10001 lots, it printed 10000"
    ):
        run_world(load_scenario("fragmented"), check_every=1)


def test_I15_a_record_that_nobody_saw_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.audit.log import ChainSink

    write = ChainSink.write

    def losing(self: ChainSink, record: Record) -> None:
        write(self, record)
        self._seq += 1 if type(record) is ChildSent else 0

    monkeypatch.setattr(ChainSink, "write", losing)
    with pytest.raises(InvariantError, match=r"I15: .* records are written, .* were seen"):
        run_world(load_scenario("fragmented"), check_every=1)


@pytest.mark.usefixtures("books_twice")
async def test_I3_a_breach_stops_a_run_on_a_loop_of_the_users_own() -> None:
    with pytest.raises(InvariantError, match="I3: child") as caught:
        await arun_world(load_scenario("fragmented"), check_every=5)
    assert caught.value.command == "sorsim run fragmented --seed 1 --check-every 5"


@pytest.mark.usefixtures("loses_a_lot")
def test_I5_a_walk_stops_a_run_on_a_stock_loop() -> None:
    """There the loop only logs what a callback raises."""

    async def run() -> None:
        await arun_world(load_scenario("fragmented"), check_every=1)

    with pytest.raises(InvariantError, match="I5: parent P1"):
        asyncio.run(run())


@pytest.mark.parametrize(
    "name", ["fragmented", "partial_fill", "rejects_and_timeouts", "two_parents"]
)
def test_I12_walks_change_no_byte(name: str) -> None:
    loaded = load_scenario(name)
    logs = {run_world(loaded, check_every=every).log for every in (None, 1, 7)}
    assert len(logs) == 1


def test_I1_to_I17_hold_at_each_step_of_shipped_runs() -> None:
    for name in ("controls", "dark_first", "halt", "midpoint", "slow_venue", "venue_kinds"):
        assert run_world(load_scenario(name), check_every=1).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["equalised", "generated_books", "latency_cost", "placement"])
def test_I1_to_I17_hold_at_each_step_of_longer_runs(name: str) -> None:
    assert run_world(load_scenario(name), check_every=3).exit_code == 0


def test_I5_an_order_that_arrives_twice_counts_with_all_its_fills() -> None:
    """The second one, after the end of the first, meets an empty book."""
    fault = (
        '{"kind": "message_duplication", "at": "1ns", "venue": "NASDAQ", "count": 2, '
        '"leg": "order", "messages": "any", "after": "75300us"}'
    )
    loaded = load_scenario("two_parents", sets=(f"faults=[{fault}]",))
    assert run_world(loaded, check_every=1).exit_code in {0, 1}


# ------------------------------------------------------------ what is said


@pytest.mark.usefixtures("books_twice")
def test_the_command_names_what_was_given(tmp_path: Path) -> None:
    sets = ("name=other", "parents[P1].qty=70000")
    loaded = load_scenario("fragmented", sets=sets, seed=9)
    with pytest.raises(InvariantError) as caught:
        run_world(loaded, check_every=3, ties=2)
    assert caught.value.command == (
        "sorsim run fragmented --seed 9 --set name=other --set 'parents[P1].qty=70000' --ties 2 "
        "--check-every 3"
    )


@pytest.mark.usefixtures("books_twice")
def test_the_command_is_honest_about_a_scenario_that_was_no_file(tmp_path: Path) -> None:
    from dataclasses import replace

    loaded = replace(load_scenario("fragmented"), given=None)
    with pytest.raises(InvariantError) as caught:
        run_world(loaded)
    assert caught.value.command.startswith("no command can, since the scenario was no file")
    assert "seed 1" in caught.value.command
    with pytest.raises(InvariantError) as caught:
        run_world(loaded, folder=tmp_path)
    assert caught.value.command.startswith(f"sorsim run {tmp_path / 'resolved.yaml'} --data")


@pytest.mark.usefixtures("books_twice")
def test_an_error_crosses_to_other_processes_as_a_whole() -> None:
    with pytest.raises(InvariantError) as caught:
        run_world(load_scenario("fragmented"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.records == caught.value.records


@pytest.mark.usefixtures("books_twice")
def test_the_command_line_exits_4_and_says_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SORSIM_DEBUG", raising=False)
    out = tmp_path / "run"
    assert main(["run", "fragmented", "--out", str(out), "--quiet", "--json"]) == 4
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["error"]["exit_code"] == 4
    assert "I3: child P1.NYSE.1" in document["error"]["message"]
    assert "sorsim run fragmented --seed 1 --check-every 1" in shown.err
    assert "This is a fault of sorsim" in shown.err
    assert '"kind":"fill"' in shown.err
    assert json.loads((out / "manifest.json").read_bytes())["exit_code"] == 4


def test_S07_L06_control_codes_in_names_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    from sim.cli.errors import report

    error = InvariantError("I3: child \x1b[31m was sent before")
    error.add_run(seed=1, t_ns=5, records=("\x1b]0;title\x07",), command="sorsim run \x1b[2J")
    assert report(error, as_json=False) == 4
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown
    assert "\\x1b]0;title\\x07" in shown


def test_a_walk_needs_a_number_of_records() -> None:
    with pytest.raises(ValueError, match="check_every must be >= 1 record, was 0"):
        run_world(load_scenario("fragmented"), check_every=0)


def test_an_error_of_no_run_says_only_what_is_broken() -> None:
    error = InvariantError("asks: keys are not in order")
    assert (str(error), error.invariant) == ("asks: keys are not in order", "")
    assert InvariantError("no more", invariant="I17").invariant == "I17"
