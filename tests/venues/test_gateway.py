"""The session with our account: numbers, what is said again, and what an order has come to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

import venues.gateway
from sim.kernel.latency import LatencySampler
from sim.kernel.loop import Event, SimLoop
from sim.kernel.server import Server
from sim.protocol.enums import ExecType, OrdStatus, Priority, RejectReason
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest, SessionStatus
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore
from venues.gateway import Deliver, Gateway, InTurn, at_once

OURS = "router"
BOOK = {"asks": [["100.02", 400], ["100.03", 300]], "bids": [["99.98", 200]]}
MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]


@dataclass
class Line:
    """A gateway before a core that handles each message as it gets it."""

    core: VenueCore
    heard: list[Any] = field(default_factory=list)
    t_ns: int = 0

    def __post_init__(self) -> None:
        self.gateway = self.connect(at_once)

    def connect(self, in_turn: InTurn, deliver: Deliver | None = None) -> Gateway:
        return Gateway(
            "V",
            self.core,
            send=self.heard.append,
            deliver=deliver or self.handle,
            in_turn=in_turn,
            tell=self.heard.append,
        )

    def handle(self, event: Event) -> None:
        for report in self.core.handle(event.msg, TimeNs(event.t_ns)):
            if report.account == OURS:
                self.gateway.report(report)

    def send(self, *messages: Any) -> list[Any]:
        """What is heard when these arrive."""
        heard = len(self.heard)
        for msg in messages:
            self.t_ns += 1
            self.gateway.deliver(Event(self.t_ns, 0, 0, print, msg))
        return self.heard[heard:]

    def ask(self, cl_ord_id: str, account: str = OURS) -> ExecutionReport:
        (heard,) = self.send(OrderStatusRequest(cl_ord_id, "Q1", account))
        assert isinstance(heard.report, ExecutionReport)
        assert heard.report.exec_type is ExecType.ORDER_STATUS
        return heard.report


@pytest.fixture
def line(make_core: MakeCore) -> Line:
    return Line(make_core("lit", book=BOOK))


def numbers(heard: list[FromVenue]) -> list[int]:
    return [one.seq for one in heard]


def test_F06_reports_are_numbered_from_1_and_said_again_under_their_numbers(
    line: Line, order: MakeOrder
) -> None:
    first = line.send(order("buy", 500, 10_003), order("buy", 900, 10_003))
    assert numbers(first) == list(range(1, len(first) + 1))
    assert {one.session for one in first} == {1}
    assert line.send(ResendRequest(2, 4, OURS)) == first[1:4]
    assert line.send(ResendRequest(3, 0, OURS)) == first[2:]
    assert line.send(ResendRequest(1, 99, OURS)) == first
    assert line.send(ResendRequest(99, 0, OURS)) == []
    (after,) = line.send(OrderCancelRequest("c1", "nobody", OURS))
    assert after.seq == len(first) + 1


def test_an_order_is_as_it_was_reported_last(line: Line, order: MakeOrder) -> None:
    line.send(order("buy", 500, 10_002, "GTC"))
    told = line.ask("o1")
    assert (told.ord_status, told.cum_qty, told.leaves_qty) == (
        OrdStatus.PARTIALLY_FILLED,
        400,
        100,
    )
    assert (told.exec_id, told.last_px, told.last_qty) == (0, None, 0)
    line.send(OrderCancelRequest("c1", "o1", OURS))
    told = line.ask("o1")
    assert (told.ord_status, told.cl_ord_id, told.leaves_qty) == (OrdStatus.CANCELED, "o1", 0)
    assert told.transact_ns == line.t_ns


def test_an_order_answers_to_all_its_names(line: Line, order: MakeOrder) -> None:
    line.send(order("buy", 100, 9_900, "GTC"))
    line.send(OrderCancelReplaceRequest("o1.R1", "o1", QtyLots(150), PriceTicks(9_901), OURS))
    assert line.ask("o1").leaves_qty == line.ask("o1.R1").leaves_qty == 150


def test_F04_an_order_that_never_came_is_unknown(line: Line, order: MakeOrder) -> None:
    told = line.ask("o1")
    assert (told.ord_status, told.reject_reason) == (
        OrdStatus.REJECTED,
        RejectReason.UNKNOWN_ORDER,
    )
    line.send(order("buy", 100, 9_900, "GTC", account="other"))
    assert line.ask("o1").reject_reason is RejectReason.UNKNOWN_ORDER


def test_F03_an_id_that_is_used_again_says_nothing_new_of_the_order(
    line: Line, order: MakeOrder
) -> None:
    line.send(order("buy", 100, 9_900, "GTC"))
    (refused,) = line.send(order("buy", 100, 9_900, "GTC", cl_ord_id="o1"))
    assert refused.report.reject_reason is RejectReason.DUPLICATE_ORDER
    assert (line.ask("o1").ord_status, line.ask("o1").leaves_qty) == (OrdStatus.NEW, 100)


def test_an_order_that_a_dealer_works_on_is_pending(make_core: MakeCore, order: MakeOrder) -> None:
    spread = {"half": "0.01", "widening": "0.02", "size": 100}
    look = {"hold": "10ms", "tolerance": "0.05"}
    core = make_core("rfq", sizes=[1000], spread=spread, last_look=look)
    core.handle(BookSnapshot("X", 1, TimeNs(0), ((9_999, 9),), ((10_001, 9),)), TimeNs(0))
    line = Line(core)
    assert line.send(order("buy", 100, 10_100)) == []
    told = line.ask("o1")
    assert (told.ord_status, told.cum_qty, told.leaves_qty) == (OrdStatus.PENDING_NEW, 0, 100)


def test_a_question_is_answered_after_what_waits_before_it(line: Line, order: MakeOrder) -> None:
    loop = SimLoop()
    server = Server(
        loop,
        LatencySampler(lambda: [10] * 8, 10),
        0,
        line.handle,
        lambda event: pytest.fail("turned away"),
        priority=Priority.ORDER,
    )
    line.gateway = line.connect(server.in_turn, server.deliver)
    gateway = line.gateway
    loop.schedule(5, Priority.ORDER, gateway.deliver, order("buy", 100, 9_900, "GTC"))
    loop.schedule(6, Priority.ORDER, gateway.deliver, OrderStatusRequest("o1", "Q1", OURS))
    loop.schedule(15, Priority.ORDER, gateway.deliver, order("buy", 100, 9_900, "GTC"))
    loop.run_forever()
    assert [
        (one.report.cl_ord_id, one.report.exec_type, one.report.transact_ns) for one in line.heard
    ] == [
        ("o1", ExecType.NEW, 15),
        ("o1", ExecType.ORDER_STATUS, 15),
        ("o2", ExecType.NEW, 25),
    ]


def test_I17_old_reports_are_let_go_and_their_orders_still_known(
    line: Line, order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venues.gateway, "KEPT", 5)
    line.send(*[order("buy", 1, 9_900, "GTC") for _ in range(23)])
    again = line.send(ResendRequest(1, 0, OURS))
    assert numbers(again) == list(range(16, 24))
    assert line.ask("o1").ord_status is OrdStatus.NEW
    assert line.ask("o23").ord_status is OrdStatus.NEW


def test_F23_a_session_that_begins_anew_has_a_number_of_its_own_and_knows_nothing(
    line: Line, order: MakeOrder
) -> None:
    line.send(order("buy", 1, 10_002))
    line.gateway.begin_anew()
    assert line.send(ResendRequest(1, 0, OURS)) == []
    line.gateway.tell(is_up=True)
    assert line.heard[-1] == SessionStatus("V", 2, is_up=True)
    assert line.ask("o1").reject_reason is RejectReason.UNKNOWN_ORDER
    assert (line.heard[-1].seq, line.heard[-1].session) == (1, 2)


def test_I5_a_fill_of_the_first_of_two_orders_of_one_name_may_be_taken_back(
    line: Line, order: MakeOrder
) -> None:
    msg = order("buy", 100, 10_002, cl_ord_id="A")
    heard = line.send(msg, msg)
    first = heard[0].report.order_id
    assert line.gateway.filled("A") == 200
    (fill,) = [
        said.report
        for said in heard
        if said.report.exec_type is ExecType.TRADE and said.report.order_id == first
    ]
    line.gateway.report(
        replace(fill, exec_type=ExecType.TRADE_CANCEL, exec_id=99, cum_qty=QtyLots(0))
    )
    assert line.gateway.filled("A") == 100
    assert line.ask("A").cum_qty == 100
