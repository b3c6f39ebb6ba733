"""A fault of ours is found, named, and made small; a sound simulator passes."""

import os
import signal
from typing import Any

import pytest

from router.core import reports, sessions
from router.core.told import Came
from sim.audit.records import ParentReceived
from sim.protocol.errors import InvariantError
from sim.study.torture.case import Case, draw_case
from sim.study.torture.run import torture
from sim.study.torture.shrink import fails_as, shrink
from sim.study.torture.trial import Failure, _Watch, try_case

SCENARIOS = ("fragmented", "partial_fill", "two_parents")


def test_sound_seeds_pass_and_say_what_struck() -> None:
    found = torture(SCENARIOS, seeds=8)
    assert found.failures == ()
    assert found.seeds == 8
    assert found.events > 8 * 10
    assert sum(found.faults.values()) > 3


@pytest.mark.slow
def test_any_number_of_workers_finds_the_same() -> None:
    alone = torture(SCENARIOS, seeds=6, base=100)
    assert torture(SCENARIOS, seeds=6, base=100, jobs_n=2) == alone


def test_F10_a_router_that_takes_what_it_cannot_have_is_found_and_the_case_made_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reports, "judge", lambda child, px, qty: (None, qty))
    over_fill = {"kind": "over_fill", "venue": "NYSE", "at": "0s"}
    faults: tuple[dict[str, Any], ...] = (
        {"kind": "message_loss", "venue": "DARK_A", "leg": "feed", "share": 0.2},
        {**over_fill, "count": 3},
        {"kind": "message_duplication", "venue": "NASDAQ", "leg": "report", "at": "1ms"},
    )
    case = Case("fragmented", 1, ("router.cancel_resends=1", "duration=3s"), faults)
    failure = fails_as(case)
    assert failure is not None
    assert failure.rule == "I2"
    smallest, found = shrink(case, failure)
    assert smallest == Case("fragmented", 1, ("duration=3s",), (over_fill,))
    assert found.rule == "I2"


@pytest.mark.slow
def test_F07_I3_a_router_that_books_repeated_fills_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two guards keep it from that, the number and the id of a report: without both it books."""

    def on_seen(self: Any, msg: Any, came: Came) -> None:
        came.out.extend(self._apply(msg.venue_id, msg.report, came.stamps, came.now_ns))

    def on_repeated(self: Any, child: Any, known: Any, report: Any, came: Came) -> None:
        if report.last_qty:
            self._on_trade(child, report, came)

    monkeypatch.setattr(sessions.Sessions, "_on_seen", on_seen)
    monkeypatch.setattr(reports.Reports, "_on_repeated", on_repeated)
    found = torture(SCENARIOS, seeds=60)
    assert "I3" in {failed.failure.rule for failed in found.failures}


def test_shrinking_leaves_what_the_failure_needs_and_nothing_else() -> None:
    faults: tuple[dict[str, Any], ...] = (
        {"kind": "message_loss", "venue": "NYSE", "leg": "feed", "at": "1ms"},
        {"kind": "message_loss", "venue": "NASDAQ", "leg": "order", "at": "0s", "count": 4},
        {"kind": "message_duplication", "venue": "NYSE", "leg": "report", "share": 0.5},
    )
    sets = ("parents[P1].deadline=1s", "router.ack_timeout=20ms", "router.cancel_resends=1")
    case = Case("fragmented", 3, sets, faults, 7)
    failure = Failure("I2", "planted")

    def judge(case: Case) -> Failure | None:
        lost = any(fault.get("leg") == "order" and "venue" in fault for fault in case.faults)
        return Failure("I2", "smaller") if lost and sets[1] in case.sets else None

    smallest, found = shrink(case, failure, judge=judge)
    assert found.message == "smaller"
    assert smallest.sets == sets[:2]
    assert smallest.ties is None
    assert smallest.faults == (
        {"kind": "message_loss", "venue": "NASDAQ", "leg": "order", "at": "0s"},
    )


def test_shrinking_keeps_to_one_rule() -> None:
    case = draw_case(SCENARIOS, 3)
    other = Failure("I5", "another fault")
    assert shrink(case, Failure("I2", "first"), judge=lambda case: other)[0] == case


def test_I18_a_parent_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from router.core.desk import Desk

    monkeypatch.setattr(Desk, "settle", lambda *args: None)  # nobody ends a parent
    found = torture(("partial_fill",), seeds=1)
    assert {failed.failure.rule for failed in found.failures} == {"I18"}
    assert "was still open at" in found.failures[0].failure.message


def test_what_breaks_in_a_run_is_told_with_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    from router.core.orders import Parent

    def check(self: Parent) -> None:
        raise InvariantError("planted")

    monkeypatch.setattr(Parent, "check", check)
    verdict = try_case(draw_case(("fragmented",), 2))
    assert verdict.failure is not None
    assert "planted" in verdict.failure.message


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_P01_an_interrupt_ends_the_search_and_not_the_case_alone(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A case that was cut short says nothing of its rules, and nobody wants the next one."""
    heard = _Watch._on_parent

    def strike(watch: _Watch, record: ParentReceived) -> None:
        heard(watch, record)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(_Watch, "_on_parent", strike)
    with pytest.raises(KeyboardInterrupt):
        torture(["fragmented"], seeds=3)
