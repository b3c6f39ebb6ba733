"""Faults of ours that are planted are found: the sessions', the halts', the faults' own."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from router.core import answers, sessions
from router.core.doubts import Doubts
from router.core.router import RouterCore
from router.core.states import FINAL
from sim.outages import Outages
from sim.protocol.enums import ExecType
from sim.study.torture.case import Case
from sim.study.torture.trial import Failure, try_case
from venues.core import operated
from venues.door import Door
from venues.gateway import Gateway
from venues.line import Line

Plant = Callable[[pytest.MonkeyPatch], None]
NYSE: dict[str, Any] = {"venue": "NYSE"}
LOST_FILL = {**NYSE, "kind": "message_loss", "leg": "report", "messages": "fill", "at": "0s"}
LOST_REQUESTS = {
    **NYSE,
    "kind": "message_loss",
    "leg": "order",
    "messages": "resend_request",
    "at": "0s",
    "count": 2,
}
ALL_LOST = {**NYSE, "kind": "venue_crash", "at": "50ms", "lasts": "20ms", "orders": "lost"}
HALT = {**NYSE, "kind": "trading_halt", "at": "2ms", "lasts": "90ms"}
HANG = {**NYSE, "kind": "venue_hang", "at": "2ms", "lasts": "90ms"}
ASKED = [LOST_FILL, LOST_REQUESTS]  # what leads to a question about an order
PATIENT = "router.recovery={resend_timeout: 12ms, resends: 1, queries: 3}"


def cut(at: str) -> dict[str, Any]:
    return {**NYSE, "kind": "disconnect", "at": at, "lasts": "20ms"}


def judged(*faults: dict[str, Any], sets: tuple[str, ...] = ()) -> Failure | None:
    """What is found where these faults are ordered."""
    return try_case(Case("two_parents", 1, sets, faults)).failure


@pytest.mark.parametrize(
    "faults",
    [(LOST_FILL, LOST_REQUESTS), (LOST_FILL,), (ALL_LOST,), (HALT,), (HANG,), (cut("2ms"),)],
)
def test_what_is_planted_below_is_not_found_where_it_is_not(faults: tuple[dict[str, Any]]) -> None:
    assert judged(*faults, sets=(PATIENT,)) is None


# ------------------------------------------------------------ the venue's end of the session


def swallow(patch: pytest.MonkeyPatch) -> None:
    honest, count = Gateway.report, [0]

    def report(self: Gateway, said: Any) -> None:
        count[0] += 1
        if count[0] != 2:
            honest(self, said)

    patch.setattr(Gateway, "report", report)


def send_again_all_but_the_last(patch: pytest.MonkeyPatch) -> None:
    honest = Gateway._say_again

    def say_again(self: Gateway, msg: Any) -> None:
        last = (msg.end_seq or self.seq) - 1
        if last >= msg.begin_seq:
            honest(self, type(msg)(msg.begin_seq, last, msg.account))

    patch.setattr(Gateway, "_say_again", say_again)


def send_again_the_wrong_ones(patch: pytest.MonkeyPatch) -> None:
    honest = Gateway._say_again

    def say_again(self: Gateway, msg: Any) -> None:
        self._kept.insert(0, self._kept.pop())
        honest(self, msg)
        self._kept.append(self._kept.pop(0))

    patch.setattr(Gateway, "_say_again", say_again)


def answer_with(**fields: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        honest = Gateway._status

        def status(self: Gateway, msg: Any, now_ns: int) -> Any:
            return msgspec.structs.replace(honest(self, msg, now_ns), **fields)

        patch.setattr(Gateway, "_status", status)

    return plant


def say_nothing(patch: pytest.MonkeyPatch) -> None:
    honest = Gateway.report

    def report(self: Gateway, said: Any) -> None:
        if said.exec_type is not ExecType.ORDER_STATUS:
            honest(self, said)

    patch.setattr(Gateway, "report", report)


def keep_numbers(patch: pytest.MonkeyPatch) -> None:
    def begin_anew(self: Gateway) -> None:
        self.session += 1
        self._indexed = 0
        self._kept.clear()
        self._orders.clear()

    patch.setattr(Gateway, "begin_anew", begin_anew)


@pytest.mark.parametrize(
    ("plant", "faults", "says"),
    [
        (swallow, [], "it reported of FIRST.NYSE.1, and 0 reports left"),
        (send_again_all_but_the_last, [LOST_FILL], "2 to 2 were asked for again, [] were sent"),
        (send_again_the_wrong_ones, [LOST_FILL], "number 2 is sent again with another report"),
        (keep_numbers, [ALL_LOST], "venue NYSE, session 2: number 8 follows number 0"),
        (answer_with(cum_qty=7), ASKED, "says that 7 lots of FIRST.NYSE.1 are filled, it has"),
        (answer_with(order_id=99), ASKED, "says that it does not know FIRST.NYSE.1, of which"),
        (answer_with(cl_ord_id="X"), ASKED, "asked about FIRST.NYSE.1, and said something else"),
        (say_nothing, ASKED, "it was asked about FIRST.NYSE.1, and gave 0 answers"),
    ],
)
def test_F06_F23_I15_a_gateway_that_loses_or_mixes_up_reports_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, faults: list[dict[str, Any]], says: str
) -> None:
    plant(monkeypatch)
    found = judged(*faults, sets=(PATIENT,))
    assert found is not None
    assert found.rule == "I15"
    assert says in found.message


# ------------------------------------------------------------ the router's


def test_F06_I2_an_answer_that_frees_lots_before_their_fills_have_come_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = answers.Answers._take

    def take(self: Any, child: Any, report: Any, came: Any) -> None:
        if report.ord_status in FINAL and report.cum_qty > child.told_qty:
            self._on_ended(child, report, came)
        else:
            honest(self, child, report, came)

    monkeypatch.setattr(answers.Answers, "_take", take)
    found = judged(LOST_FILL, LOST_REQUESTS, sets=(PATIENT,))
    assert found is not None
    assert found.rule == "I2"
    assert "is canceled with 5000 lots filled, NYSE has counted 25000" in found.message


def test_F23_I3_numbers_that_are_kept_over_a_new_session_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = sessions.Sessions._begin

    def begin(self: Any, venue_id: str, session: int, now_ns: int, out: Any) -> None:
        expected = self.lines[venue_id].expected
        honest(self, venue_id, session, now_ns, out)
        self.lines[venue_id].expected = expected

    monkeypatch.setattr(sessions.Sessions, "_begin", begin)
    found = judged(ALL_LOST)
    assert found is not None
    assert found.rule == "I3"
    assert "NYSE is in quarantine (reset), no fault has it say what is not so" in found.message


def test_I15_reports_that_are_missing_without_a_cause_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = RouterCore.on_numbered
    count = [0]

    def on_numbered(self: RouterCore, msg: Any, *more: Any) -> Any:
        count[0] += 1
        return [] if count[0] == 2 else honest(self, msg, *more)

    monkeypatch.setattr(RouterCore, "on_numbered", on_numbered)
    found = judged()
    assert found is not None
    assert found.rule == "I15"
    assert "reports of NYSE are missing (gap 2 missing), no fault loses any" in found.message


def test_F19_I14_orders_to_a_venue_that_is_known_to_be_halted_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RouterCore, "on_status", lambda self, status, now_ns: [])
    found = try_case(
        Case("rejects_and_timeouts", 1, ("router.sending.mode=latency_equalised",))
    ).failure
    assert found is not None
    assert found.rule == "I14"
    assert "leaves for HALTED, halted since 4000000 ns" in found.message


def test_D02_nothing_is_posted_first_at_a_venue_that_has_been_silent_for_too_long() -> None:
    """Who posts asks for itself: nobody may have looked since the venue fell silent."""
    rest = "router.rest={price: touch, first: true}"
    assert judged(sets=("router.market={max_age: 20ms}", rest, "parents[FIRST].at=90ms")) is None


def test_D02_I14_orders_on_quotes_that_are_too_old_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sets = ("router.market={max_age: 20ms}", "parents[FIRST].at=90ms")
    assert judged(sets=sets) is None
    monkeypatch.setattr(Doubts, "look", lambda self, now_ns: False)
    found = judged(sets=sets)
    assert found is not None
    assert found.rule == "I14"
    assert "uses a quote of NYSE that is 85000000 ns old" in found.message


# ------------------------------------------------------------ the faults' own


def trade_in_a_halt(patch: pytest.MonkeyPatch) -> None:
    def while_shut(self: Any, msg: Any, now_ns: Any) -> Any:
        return self._inner.handle(msg, now_ns)

    patch.setattr(operated.OperatedCore, "_while_shut", while_shut)


def never_resume(patch: pytest.MonkeyPatch) -> None:
    def resume(self: Outages, venue_id: str, fault_id: str) -> None:
        self._ends(venue_id, "trading_halt", fault_id)

    patch.setattr(Outages, "resume", resume)


def work_while_hanging(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Door, "hold", lambda self: None)


def leak(leg: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        honest = Line.cut

        def only(self: Line, *legs: Any) -> None:
            honest(self, *[one for one in legs if one != leg])

        patch.setattr(Line, "cut", only)

    return plant


@pytest.mark.parametrize(
    ("plant", "fault", "says"),
    [
        (trade_in_a_halt, HALT, "I10: NYSE trades, it is halted since 2000000 ns"),
        (never_resume, HALT, "I10: NYSE stays halted as a fault ends at 92000000 ns"),
        (work_while_hanging, HANG, "I10: NYSE trades, it hangs since 2000000 ns"),
        (leak("order"), cut("2ms"), "I15: order FIRST.NYSE.1 crosses the line to NYSE, cut since"),
        (leak("report"), cut("7ms"), "I15: a report of FIRST.NYSE.1 crosses the line to NYSE, cut"),
    ],
)
def test_F02_F03_F19_a_fault_that_stops_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, fault: dict[str, Any], says: str
) -> None:
    plant(monkeypatch)
    found = judged(fault)
    assert found is not None
    assert says in f"{found.rule}: {found.message}"


def keep_orders(do: type) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(operated.OperatedCore._DO, do, lambda self, msg, now_ns: [])

    return plant


@pytest.mark.parametrize(
    ("plant", "fault", "ns"),
    [
        (keep_orders(operated.CancelAll), {**cut("50ms"), "cancel_on_disconnect": True}, 50),
        (keep_orders(operated.Forget), ALL_LOST, 70),
    ],
)
def test_F03_I4_orders_that_live_on_after_a_fault_has_ended_them_are_found(
    monkeypatch: pytest.MonkeyPatch, plant: Plant, fault: dict[str, Any], ns: int
) -> None:
    """FIRST rests at the venue, whose next seller would fill it."""
    late = "{at: 90ms, id: late, side: sell, qty: 90000, price: '99.90'}"
    sets = (
        "router.rest={price: limit, first: true}",
        "parents[FIRST].limit='99.99'",
        f"venues[NYSE].flow=[{{kind: scripted, orders: [{late}]}}]",
    )
    assert judged(fault, sets=sets) is None
    plant(monkeypatch)
    found = judged(fault, sets=sets)
    assert found is not None
    assert found.rule == "I4"
    assert f"which had canceled or lost it at {ns}000000 ns" in found.message
