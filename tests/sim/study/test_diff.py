"""Two logs that differ in one setting: it is named as the cause, by its path."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import AuditFormatError
from sim.scenario.load import load_scenario
from sim.study.diff import DiffResult, diff
from sim.world import run_world

Run = Callable[..., Path]
LEGS = ("order", "report", "feed")
DELAYS = {"order": ("1ms", "160ms"), "report": ("1ms", "160ms"), "feed": ("1ms", "160ms")}


def slow(*values: object) -> Any:
    """Parameters of a test that runs three_real_books."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``run("fragmented", "seed=3")``: the log of a shipped scenario with these settings."""
    logs: dict[tuple[str, ...], Path] = {}

    def log(name: str, *sets: str) -> Path:
        key = (name, *sets)
        if key not in logs:
            folder = tmp_path_factory.mktemp("run")
            run_world(load_scenario(name, sets=list(sets)), folder=folder)
            logs[key] = folder / "audit.jsonl"
        return logs[key]

    return log


def named(result: DiffResult) -> set[str]:
    """Every setting that a chain ends in."""
    found = [one for one in (result.first, result.result) if one is not None]
    return {setting.partition(":")[0] for one in found for setting in one.chain.settings}


def steps(result: DiffResult) -> list[str]:
    assert result.first is not None
    return result.first.chain.steps


def delays(scenario: str, venues: Sequence[str]) -> list[tuple[str, str, str]]:
    return [
        (scenario, f"venues[{venue}].latency.{leg}.delay", delay)
        for venue in venues
        for leg in LEGS
        for delay in DELAYS[leg]
    ]


def laws(venues: Sequence[str]) -> list[Any]:
    name = "three_real_books"
    parts = [("order.fraction", "0.45"), ("report.fraction", "0.7"), ("feed.median", "28ms")]
    return [
        slow(name, f"venues[{venue}].latency.{part}", value)
        for venue in venues
        for part, value in parts
    ]


@pytest.mark.parametrize(
    ("scenario", "path", "value"),
    [
        *delays("fragmented", ["NYSE", "DARK_A", "DARK_B"]),
        *delays("partial_fill", ["NASDAQ", "DARK_B", "MM"]),
        *delays("slow_venue", ["NEAR", "SLOW"]),
        *delays("stale_quotes", ["NEAR", "FAR"]),
        *laws(["SPOT", "USDM", "COINM"]),
    ],
)
def test_one_delay_is_named_as_the_cause(run: Run, scenario: str, path: str, value: str) -> None:
    result = diff(run(scenario), run(scenario, f"{path}={value}"))
    assert not result.equal
    assert [one.path for one in result.settings] == [path]
    if result.verdict == "settings_only":
        return  # the delay is the one difference that there is
    assert named(result) == {path}
    leg = path.split(".")[2]
    venue = path.partition("]")[0].partition("[")[2]
    root = steps(result)[-2]
    assert venue in root
    if leg == "report":
        assert root.startswith(f"the report leg of {venue} drew")
    if leg == "feed":
        assert f"the feed of {venue} had brought" in root or f"quotes of {venue} reached" in root


def test_a_fill_comes_late_because_its_order_arrived_late(run: Run) -> None:
    path = "venues[NYSE].latency.order.delay"
    result = diff(run("fragmented"), run("fragmented", f"{path}=15ms"))
    assert steps(result)[-2:] == [
        "the router expects an order to NYSE to take 15 ms instead of 5 ms",
        f"setting {path}: 5ms -> 15ms",
    ]
    assert result.result is not None
    assert result.result.what == "fill of P1.NYSE.1"
    assert result.result.chain.steps == [
        "P1.NYSE.1 filled 10,000 at 100.02: at 10 ms and 20 ms, 10 ms later",
        "P1.NYSE.1 arrived at NYSE; within reach: 40,000 at 100.02: at 5 ms and 15 ms, 10 ms later",
        "the order leg of NYSE drew 15 ms instead of 5 ms",
        f"setting {path}: 5ms -> 15ms",
    ]
    assert (result.result.old_line, result.result.new_line) == (21, 24)
    assert [one.path for one in result.outcome] == [
        "venues[NYSE].order_latency_ns_mean",
        "venues[NYSE].order_latency_ns_max",
    ]


@pytest.mark.slow
def test_a_long_chain_goes_back_over_decisions(run: Run) -> None:
    path = "venues[USDM].latency.order.fraction"
    result = diff(run("three_real_books"), run("three_real_books", f"{path}=0.4"))
    assert result.result is not None
    kinds = ["filled", "arrived", "sent", "decision D4", "canceled", "arrived", "the order leg of"]
    for kind, step in zip(kinds, result.result.chain.steps, strict=False):
        assert kind in step
    assert result.result.chain.settings == [f"{path}: 0.5 -> 0.4"]


@pytest.mark.parametrize(
    ("scenario", "sets", "expected"),
    [
        slow("three_real_books", ["seed=5"], {"seed"}),
        slow("three_real_books", ["venues[SPOT].fees.taker='11'"], {"venues[SPOT].fees.taker"}),
        ("fragmented", ["venues[NYSE].fees.taker='0.003'"], {"venues[NYSE].fees.taker"}),
        ("fragmented", ["venues[NASDAQ].fees.taker='0.0001'"], {"venues[NASDAQ].fees.taker"}),
        (
            "fragmented",
            ["venues[NASDAQ].book.asks[0]=['100.00', 20000]"],
            {"venues[NASDAQ].book.asks[0]"},
        ),
        (
            "fragmented",
            ["venues[NASDAQ].book.asks[1]=['100.01', 19000]"],
            {"venues[NASDAQ].book.asks[1]"},
        ),
        ("fragmented", ["router.strategy.kind=top_of_book"], {"router.strategy.kind"}),
        ("fragmented", ["router.ack_timeout=60ms"], {"router.ack_timeout"}),
        ("partial_fill", ["router.max_attempts=1"], {"router.max_attempts"}),
        ("partial_fill", ["router.reroute.venues=others"], {"router.reroute.venues"}),
        ("fragmented", ["parents[P1].qty=90000"], {"parents[P1].qty"}),
        ("fragmented", ["parents[P1].limit='100.01'"], {"parents[P1].limit"}),
        ("fragmented", ["audit.market_data=none"], {"audit.market_data"}),
        ("partial_fill", ["duration=150ms"], {"duration"}),
        (
            "partial_fill",
            ["venues[DARK_B].fill.at=[['99.99', 9000]]"],
            {"venues[DARK_B].fill.at[0]"},
        ),
    ],
)
def test_other_settings_are_named(
    run: Run, scenario: str, sets: Sequence[str], expected: set[str]
) -> None:
    result = diff(run(scenario), run(scenario, *sets))
    assert result.verdict == "records"
    assert named(result) == expected


def test_a_turn_after_a_hold_is_led_back_to_that_hold(run: Run) -> None:
    """Not to the first hold that differs, which is of another venue."""
    name = "rejects_and_timeouts"
    result = diff(run(name), run(name, "router.backoff.first=60ms"))
    assert result.result is not None
    told = result.result.chain.steps
    assert "BUSY until 83 ms" in told[-3]
    assert told[-2:] == [
        "the router backs off from BUSY otherwise",
        "setting router.backoff.first: 50ms -> 60ms",
    ]
    assert not any("HALTED" in step for step in told)


def test_an_order_that_the_router_ended_is_led_back_to_its_request(run: Run) -> None:
    sets = ["router.rest={venue: NYSE, tif: GTC}", "parents[P1].limit='99.00'"]
    old, new = (run("fragmented", *sets, f"parents[P1].deadline={at}ms") for at in (300, 320))
    result = diff(old, new)
    assert result.result is not None
    told = result.result.chain.steps
    assert told[0].startswith("P1.NYSE.1 canceled: 100,000 unfilled: at 310 ms and 330 ms")
    assert told[1].startswith("cancel of P1.NYSE.1 sent")
    assert named(result) == {"parents[P1].deadline"}


def test_an_order_that_a_control_kept_is_led_back_to_the_controls(run: Run) -> None:
    result = diff(run("controls"), run("controls", "router.controls.max_order_qty=2000"))
    assert result.first is not None
    told = result.first.chain.steps
    assert told[0].startswith("COLLAR.A.2 sent")
    assert told[1] == "the controls of the router are set otherwise"
    assert named(result) == {"router.controls.max_order_qty"}


def test_another_strategy_is_no_other_risk(run: Run) -> None:
    result = diff(run("fragmented"), run("fragmented", "router.strategy={kind: min_risk}"))
    assert "the router made something else of what it knew" in steps(result)


def test_a_cancel_that_an_answer_spares_is_led_back_to_the_answer(run: Run) -> None:
    name = "rejects_and_timeouts"
    result = diff(run(name), run(name, "venues[SLOW].latency.report.delay=100ms"))
    assert steps(result) == [
        "cancel of P1.SLOW.1 sent: no answer: at 400 ms, in the first log only",
        "the report leg of SLOW drew 100 ms instead of 300 ms",
        "setting venues[SLOW].latency.report.delay: 300ms -> 100ms",
    ]


def test_of_two_changed_settings_the_one_at_work_is_named(run: Run) -> None:
    idle = "venues[MM].latency.report.delay=7ms"
    result = diff(
        run("fragmented"), run("fragmented", idle, "venues[NYSE].latency.report.delay=9ms")
    )
    assert [one.path for one in result.settings] == [
        "venues[NYSE].latency.report.delay",
        "venues[MM].latency.report.delay",
    ]
    assert named(result) == {"venues[NYSE].latency.report.delay"}


LOST = "kind: message_loss, venue: NYSE, leg: {}, at: 0s"


@pytest.mark.parametrize("leg", ["order", "report"])
@pytest.mark.parametrize("name", ["", "id: lost, "])
def test_F04_what_a_fault_kept_back_is_led_back_to_that_fault(
    run: Run, leg: str, name: str
) -> None:
    """Whether it has an id or its place alone, and whatever else differs."""
    fault = "{" + name + LOST.format(leg) + "}"
    other = "{id: other, kind: trading_halt, venue: MM, at: 1s, lasts: 1ms}"
    found = diff(run("fragmented"), run("fragmented", f"faults=[{fault}, {other}]"))
    assert named(found) == {"faults[lost]" if name else "faults[0]"}
    assert steps(found)[-2].startswith("fault lost is not" if name else "fault fault0 is not")


def test_the_same_log_is_equal(run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(run("fragmented").read_bytes())
    assert diff(run("fragmented"), copy).equal


def test_a_name_changes_nothing_but_the_bytes(run: Run) -> None:
    result = diff(run("fragmented"), run("fragmented", "name=other"))
    assert (result.verdict, result.first) == ("settings_only", None)
    assert [str(one) for one in result.settings] == ["name: fragmented -> other"]


def test_equal_settings_and_other_records_name_no_setting(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "x"
    log.write_bytes(run("partial_fill").read_bytes().replace(b'"last_px":9999', b'"last_px":9998'))
    result = diff(run("partial_fill"), log)
    assert (result.verdict, result.settings) == ("records", [])
    assert result.first is not None
    assert result.first.what == "fill of P1.DARK_B.1"
    assert [str(one) for one in result.first.fields] == ["last_px: 9999 -> 9998"]
    assert result.first.chain.settings == []


def test_equal_records_in_other_bytes_are_told(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "x"
    data = run("fragmented").read_bytes()
    at = data.rindex(b'"prev":"') + 8
    log.write_bytes(data[:at] + (b"0" if data[at : at + 1] != b"0" else b"1") + data[at + 1 :])
    assert diff(run("fragmented"), log).verdict == "bytes_only"


def test_L01_a_cut_log_is_compared_as_far_as_it_goes(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "cut"
    log.write_bytes(run("partial_fill").read_bytes()[:-900])
    result = diff(run("partial_fill"), log)
    assert result.verdict == "records"
    assert "the line is torn" in result.notes[0]
    assert result.first is not None
    assert result.first.new is None


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x00" * 50 + b"\n"])
def test_L06_what_is_no_log_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "no"
    log.write_bytes(content)
    for pair in ((run("fragmented"), log), (log, run("fragmented"))):
        with pytest.raises(AuditFormatError):
            diff(*pair)


@pytest.mark.slow
def test_memory_holds_the_market_streams_only_until_they_part(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both logs have 3,000 quotes and trades; none waits while all of them are equal."""
    from sim.study.pairs import Entry, Pairs, read_pairs

    most = 0

    def take(self: Pairs, which: int, entry: Entry) -> None:
        nonlocal most
        took(self, which, entry)
        waiting = sum(len(queue) for both in self._waiting.values() for queue in both)
        most = max(most, waiting)

    took = Pairs.take
    monkeypatch.setattr(Pairs, "take", take)
    logs = (
        run("three_real_books"),
        run("three_real_books", "venues[SPOT].latency.report.fraction=0.7"),
    )
    pairs = read_pairs(*logs)
    assert 0 < most < 50
    assert len(pairs.old.order) < 150
