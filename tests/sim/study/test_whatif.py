"""A log's run once more with one change: what differs, why, and what it costs."""

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sim.protocol.enums import Outcome
from sim.protocol.errors import AuditFormatError, ScenarioError
from sim.report.tca.costs import PARTS, parent_costs
from sim.report.trail.build import read_trail
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.study import whatif as module
from sim.study.compare_runs import RunChange, compare
from sim.study.diff import diff
from sim.study.whatif import whatif
from sim.world import World, run_world

SLOW = {"dark_learning", "dark_regimes", "leakage_sliced", "scheduled", "three_real_books"}
SLOW |= {"equalised", "tuning", "latency_cost", "monte_carlo", "latency_study", "latency_flat"}
SLOW |= {"queue_position", "strategies", "generated_books", "leakage_one_pool", "placement"}
DELAY = "venues[NYSE].latency.order.delay"
BIDS = "venues[NYSE].book.bids=[['99.98', 20000]]"

Run = Callable[..., Path]


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


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in shipped_names()
    ],
)
def test_without_a_change_nothing_differs(run: Run, name: str) -> None:
    found = whatif(run(name))
    assert found.differences == 0
    assert (found.first, found.causes, found.result) == (None, [], None)
    assert (found.settings, found.outcome, found.notes) == ([], [], [])
    for one in [found.cost_bps, *(row.cost_bps for row in found.parents)]:
        for value in [one.total, *one.parts.values(), *one.money.values()]:
            assert value is None or Decimal(value) == 0
        assert one.old == one.new
        assert (one.total is None) <= (one.why_not_available is not None)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("fragmented", f"{DELAY}=15ms"),
        ("partial_fill", "venues[NASDAQ].latency.order.delay=20ms"),
        ("stale_quotes", "venues[FAR].latency.feed.delay=160ms"),
        ("partial_fill", "router.max_attempts=1"),
        ("two_parents", "venues[NASDAQ].fees.taker='0.003'"),
        ("rejects_and_timeouts", "seed=5"),
        pytest.param("queue_position", "router.strategy.kind=top_of_book", marks=pytest.mark.slow),
        pytest.param("equalised", "seed=99", marks=pytest.mark.slow),
    ],
)
def test_it_tells_what_diff_tells_of_two_finished_runs(run: Run, name: str, change: str) -> None:
    """The records of the run are compared as they are written, and nobody reads a new log."""
    new = load_scenario(name, sets=[change])
    found, told = whatif(run(name), [change]), diff(run(name), run(name, change))
    assert run_world(new).log == run(name, change).read_bytes()
    (compared,) = compare([run(name), run(name, change)])
    assert found.settings == told.settings == compared.settings
    assert found.outcome == told.outcome == compared.outcome
    assert found.differences == told.differences == compared.differences
    assert found.cost_bps.parts == compared.cost_bps.parts
    assert (found.first is None) == (told.first is None)
    if found.first is not None and told.first is not None and compared.first is not None:
        assert _facts(found) == (told.first.t_ns, told.first.what, told.first.fields)
        assert found.causes == found.first.chain.steps
        assert found.first.chain.settings == told.first.chain.settings
        assert found.first.chain.settings[0].startswith(change.partition("=")[0])


def _facts(found: RunChange) -> tuple[Any, ...]:
    assert found.first is not None
    return found.first.t_ns, found.first.what, found.first.fields


def test_a_late_order_is_the_cause_of_a_late_fill(run: Run) -> None:
    found = whatif(run("fragmented"), [f"{DELAY}=15ms"])
    assert found.causes[1:] == [
        "the router expects an order to NYSE to take 15 ms instead of 5 ms",
        f"setting {DELAY}: 5ms -> 15ms",
    ]
    assert found.result is not None
    assert found.result.chain.steps[-2:] == [
        "the order leg of NYSE drew 15 ms instead of 5 ms",
        f"setting {DELAY}: 5ms -> 15ms",
    ]


def test_what_one_run_alone_has_is_named_by_the_run(run: Run) -> None:
    found = whatif(run("partial_fill"), ["router.max_attempts=1"])
    steps = [*found.causes, *(found.result.chain.steps if found.result else [])]
    assert any(step.endswith("in the log only") for step in steps)
    found = whatif(run("partial_fill", "router.max_attempts=1"), ["router.max_attempts=9"])
    assert any(step.endswith("in the new run only") for step in found.causes)
    assert not any("first log" in step for step in steps)


@pytest.mark.parametrize("name", ["NASDAQ", "EMPTY"])
def test_a_venue_of_one_run_alone_is_the_cause(run: Run, name: str) -> None:
    """One that is taken away, and one without a book that is added."""
    log = run("fragmented")
    venues = read_trail(log).scenario["venues"]
    if name == "EMPTY":
        changed = [*venues, {**venues[0], "id": name, "book": {}}]
    else:
        changed = [venue for venue in venues if venue["id"] != name]
    found = whatif(log, [f"venues={json.dumps(changed)}"])
    assert [one.path for one in found.settings] == [f"venues[{name}]"]
    assert found.result is not None or name == "EMPTY"
    steps = found.causes if found.result is None else found.result.chain.steps
    assert steps[-2:] == [
        f"{name} is a venue of one of the two alone",
        f"setting {found.settings[0]}",
    ]
    assert not any("second log" in step for step in steps)


@pytest.mark.parametrize("change", ["name=other", "audit.sync=each", "study.tune=null"])
def test_a_setting_that_rules_no_record_makes_no_difference(run: Run, change: str) -> None:
    found = whatif(run("fragmented"), [change])
    assert (found.differences, found.first, found.causes) == (0, None, [])


# Costs


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("two_parents", "venues[NASDAQ].fees.taker='0.003'"),
        ("two_parents", "venues[NYSE].latency.order.delay=40ms"),
        ("two_parents", "parents[SECOND].qty=60000"),
        pytest.param("equalised", "seed=99", marks=pytest.mark.slow),
        pytest.param("three_real_books", "venues[SPOT].fees.taker='11'", marks=pytest.mark.slow),
    ],
)
def test_the_parts_of_the_difference_add_up(run: Run, name: str, change: str) -> None:
    found = whatif(run(name), [change])
    trails = read_trail(run(name)), read_trail(run(name, change))
    for one in [found.cost_bps, *(row.cost_bps for row in found.parents)]:
        assert one.total is not None
        money = {part: Decimal(value or "x") for part, value in one.money.items()}
        assert sum(money[part] for part in PARTS) == money["total"]
        rounded = sum(Decimal(value or "x") for value in one.parts.values())
        assert abs(rounded - Decimal(one.total)) <= Decimal("0.000004")
        for part in ("total", *PARTS):
            change_bps = {"total": one.total, **one.parts}[part]
            new, old = (Decimal(side[part] or "x") for side in (one.new, one.old))
            assert abs(new - old - Decimal(change_bps or "x")) <= Decimal("0.000001")
    total = []
    for trail in trails:
        costs = list(parent_costs(trail).values())
        spent = sum((Fraction(one.shortfall or 0) for one in costs), Fraction(0))
        paper = sum((Fraction(one.paper or 0) for one in costs), Fraction(0))
        total.append(10_000 * spent / paper)
    whole = Fraction(Decimal(found.cost_bps.total or "x"))
    assert abs(total[1] - total[0] - whole) <= Fraction(1, 2_000_000)


def test_a_fee_costs_what_it_costs(run: Run) -> None:
    change = "venues[NASDAQ].fees.taker='0.003'"
    found = whatif(run("two_parents", "venues[NYSE].fees.taker='0.003'"), [change])
    assert found.cost_bps.money["fees"] is not None
    assert Decimal(found.cost_bps.money["fees"]) > 0
    assert found.left_out == []


def test_without_a_mid_the_cost_is_not_available_and_the_reason_is_told(run: Run) -> None:
    found = whatif(run("fragmented"), [f"{DELAY}=170ms"])
    assert found.cost_bps.total is None
    assert set(found.cost_bps.parts) == set(PARTS)
    assert set(found.cost_bps.parts.values()) == {None}
    assert "log: there is no mid at arrival" in (found.cost_bps.why_not_available or "")
    assert found.left_out == ["P1"]


def test_a_cost_that_only_one_run_has_is_no_difference(run: Run) -> None:
    found = whatif(run("fragmented"), [BIDS])
    assert found.cost_bps.total is None
    assert "P1: log: there is no mid" in (found.cost_bps.why_not_available or "")
    found = whatif(run("fragmented", BIDS), ["venues[NYSE].book.bids=[]"])
    assert "P1: new run: there is no mid" in (found.cost_bps.why_not_available or "")


def test_a_parent_of_one_run_is_left_out_and_the_others_are_told(run: Run) -> None:
    found = whatif(run("two_parents"), ["parents[THIRD].id=OTHER"])
    assert found.left_out == ["THIRD", "OTHER"]
    assert found.cost_bps.total is not None
    why = {row.parent_id: row.cost_bps.why_not_available for row in found.parents}
    assert why["FIRST"] is None
    assert (why["THIRD"], why["OTHER"]) == (
        "the order is in the log only",
        "the order is in the new run only",
    )


def test_a_parent_of_another_side_has_no_difference(run: Run) -> None:
    found = whatif(run("two_parents"), ["parents[FIRST].side=sell"])
    assert found.left_out == ["FIRST"]
    why = {row.parent_id: row.cost_bps.why_not_available for row in found.parents}
    assert why["FIRST"] == "one run buys, the other sells"


def test_another_quantity_is_noted(run: Run) -> None:
    found = whatif(run("two_parents"), ["parents[SECOND].qty=60000"])
    notes = {row.parent_id: row.notes for row in found.parents}
    assert notes["FIRST"] == []
    assert notes["SECOND"][0].endswith("lots were ordered in one run, 60,000 in the other")


def test_without_market_data_the_total_is_told_and_its_parts_are_not(run: Run) -> None:
    found = whatif(
        run("two_parents", "audit.market_data=none"), ["venues[NYSE].fees.taker='0.003'"]
    )
    assert found.cost_bps.total is not None
    assert found.cost_bps.parts["fees"] is not None
    assert found.cost_bps.parts["spread"] is None
    assert found.cost_bps.why_not_available


# Logs that are not whole, and runs that do not end


def cut(log: Path, lines: int, out: Path) -> Path:
    out.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:lines]))
    return out


def test_L01_a_cut_log_is_compared_as_far_as_it_goes(run: Run, tmp_path: Path) -> None:
    log = cut(run("two_parents"), 12, tmp_path / "cut")
    found = whatif(log)
    assert found.differences > 0
    assert found.first is not None
    assert found.first.old_line is None
    assert any("the log ends without run_finished" in note for note in found.notes)
    assert found.cost_bps.total is None
    assert "the log ends before the order did" in (found.cost_bps.why_not_available or "")
    torn = tmp_path / "torn"
    torn.write_bytes(log.read_bytes() + b'{"seq":12,')
    assert any("torn" in note for note in whatif(torn).notes)


def test_L02_a_record_that_was_changed_is_a_difference(run: Run, tmp_path: Path) -> None:
    text = run("two_parents").read_text()
    assert '"last_qty":15000' in text
    changed = tmp_path / "changed"
    changed.write_text(text.replace('"last_qty":15000', '"last_qty":14000', 1))
    found = whatif(changed)
    assert found.differences >= 1
    changed.write_text(text.replace('"last_qty":15000', '"last_qty":99000000', 1))
    found = whatif(changed)
    assert any("the fill is of 99000000" in note for note in found.notes)
    assert found.left_out[0] == "FIRST"
    assert "log: the log ends before" in (found.parents[0].cost_bps.why_not_available or "")


def test_L05_another_version_is_refused(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "x"
    log.write_bytes(run("fragmented").read_bytes().replace(b"sorsim-audit/1", b"sorsim-audit/9"))
    with pytest.raises(AuditFormatError, match="the log has schema sorsim-audit/9"):
        whatif(log)
    with pytest.raises(AuditFormatError, match="the log has schema sorsim-audit/9"):
        compare([run("fragmented"), log])


def test_a_wrong_override_is_refused_before_anything_runs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = run("fragmented")
    monkeypatch.setattr("sim.study.rerun.run_world", None)
    with pytest.raises(ScenarioError, match="found no member 'NOWHERE'"):
        whatif(log, ["venues[NOWHERE].fees.taker=1"])


def test_P01_an_interrupted_run_has_no_cost_to_compare(tmp_path: Path) -> None:
    interrupt_at("two_parents", 2_000_000, tmp_path)
    found = whatif(tmp_path)
    assert found.differences > 0
    assert found.left_out == ["SECOND"]
    assert "the run was stopped" in (found.parents[1].cost_bps.why_not_available or "")


def test_P01_an_interrupted_what_if_is_no_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    log = run("two_parents")
    stop_at(monkeypatch, 2_000_000)
    with pytest.raises(KeyboardInterrupt):
        whatif(log)


def test_a_run_that_failed_fails_again_and_a_change_that_breaks_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    from venues.core.matching import MatchingCore

    whole = run("fragmented")

    def fail(self: object, *args: object) -> None:
        raise ZeroDivisionError("broken book")

    monkeypatch.setattr(MatchingCore, "handle", fail)
    with pytest.raises(ZeroDivisionError):
        run_world(load_scenario("fragmented"), folder=tmp_path)
    found = whatif(tmp_path)
    assert found.differences == 0
    assert found.notes == ["the new run ended with ZeroDivisionError: broken book"]
    with pytest.raises(ZeroDivisionError):
        whatif(whole, [f"{DELAY}=15ms"])


def interrupt_at(name: str, t_ns: int, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, t_ns)
        assert run_world(load_scenario(name), folder=folder).outcome is Outcome.ABORTED


def stop_at(patch: pytest.MonkeyPatch, t_ns: int) -> None:
    """Interrupt as Ctrl-C does at an instant of the run."""
    start = World._start

    def start_then_stop(self: World, loop: Any, clock: Any) -> Any:
        clock.schedule(t_ns, 9, lambda event: self.interrupt())
        return start(self, loop, clock)

    patch.setattr(World, "_start", start_then_stop)


# Where the new run goes


def test_a_long_log_has_its_new_run_in_a_file_that_is_gone_afterwards(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY_BYTES_MAX", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert whatif(run("fragmented")).differences == 0
    assert list(tmp_path.iterdir()) == []


def test_the_new_run_may_be_kept(run: Run, tmp_path: Path) -> None:
    change = f"{DELAY}=15ms"
    whatif(run("fragmented"), [change], out=tmp_path)
    assert (tmp_path / "audit.jsonl").read_bytes() == run("fragmented", change).read_bytes()
    again = load_scenario(tmp_path / "scenario.yaml")
    assert again.resolved() == load_scenario("fragmented", sets=[change]).resolved()


def test_compare_needs_two_runs(run: Run) -> None:
    with pytest.raises(ValueError, match="two or more, were 1"):
        compare([run("fragmented")])


def test_compare_tells_each_run_against_the_first(run: Run) -> None:
    base, change = run("fragmented"), run("fragmented", f"{DELAY}=15ms")
    same, other = compare([base, base, change])
    assert (same.differences, same.first) == (0, None)
    assert other.differences > 0
    assert [one.path for one in other.settings] == [DELAY]
    assert "first run: there is no mid" in (other.cost_bps.why_not_available or "")
