"""What strategies that post or use silent pools are told, and what becomes of what they post."""

from collections.abc import Sequence
from fractions import Fraction

from router.allocate.base import (
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Depth,
    Join,
    Pool,
    Strategy,
)
from router.config import RouterConfig
from router.core.events import Decide, Outcome, ParentOrder, PostOver, SendTo, Stamps, WakeAt
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.audit.records import BlindOrder, Decision, KnownQueue, ParentDone, Record
from sim.protocol.enums import (
    DecisionReason,
    EndReason,
    ExecType,
    OrdStatus,
    Side,
    TimeInForce,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderCancelRequest
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
CHEAP = (Fraction(1), Fraction(-1, 5))
NO_WAY = Stamps(0, 0, 0)


class Told(Strategy):
    """Does as the test says, and keeps what it was told."""

    name = "told"
    depth: Depth = "full"
    posts = True
    pools = True
    learns = True
    post_for_ns = 100

    def __init__(self, *plans: Allocation) -> None:
        self.plans = list(plans)
        self.requests: list[AllocationRequest] = []
        self.outcomes: list[ChildOutcome] = []

    def build(self) -> "Told":
        return self

    def allocate(self, request: AllocationRequest) -> Allocation:
        self.requests.append(request)
        return self.plans.pop(0) if self.plans else Allocation((), (), ())

    def learn(self, outcome: ChildOutcome) -> None:
        self.outcomes.append(outcome)


class Bench:
    """A router over a lit venue that takes resting orders, another one, and a silent pool."""

    def __init__(self, strategy: Told) -> None:
        settings = RouterConfig.model_validate({"strategy": {"kind": "greedy"}})
        profiles = (
            VenueProfile("A", "lit", 1, 2, 1, FREE, FREE, takes_resting=True, maker_buy=CHEAP),
            VenueProfile("B", "lit", 2, 1, 1, FREE, FREE),
            VenueProfile("D", "dark", 3, 1, 1, FREE, FREE, silent=True),
        )
        self.core = RouterCore(profiles, settings.model_copy(update={"strategy": strategy}))
        self.records: list[Record] = []
        self.orders: list[NewOrderSingle] = []
        self.cancels: list[OrderCancelRequest] = []
        self.wakes: list[WakeAt] = []

    def do(self, outcomes: Sequence[Outcome], now: int) -> None:
        for one in outcomes:
            if isinstance(one, WakeAt) and isinstance(one.token, Decide):
                self.do(self.core.on_wake(one.token, now), now)
            elif isinstance(one, WakeAt):
                self.wakes.append(one)
            elif isinstance(one, SendTo):
                msg = one.msg
                if isinstance(msg, NewOrderSingle):
                    self.orders.append(msg)
                elif isinstance(msg, OrderCancelRequest):
                    self.cancels.append(msg)
            else:
                self.records.append(one)

    def quote(self, venue_id: str, bid: tuple[int, int], ask: tuple[int, int]) -> None:
        book = BookSnapshot(venue_id, 7, TimeNs(0), (bid,), (ask,))
        self.do(self.core.on_quote(book, 0), 0)

    def buy(self, qty: int, limit: int | None = None, deadline: int | None = None) -> None:
        order = ParentOrder("P", Side.BUY, qty, limit, deadline)
        self.do(self.core.on_parent(order, 5), 5)

    def report(self, n: int, exec_type: ExecType, status: OrdStatus, now: int, **more: int) -> None:
        order = self.orders[n]
        venue_id = order.cl_ord_id.split(".")[1]
        report = ExecutionReport(
            exec_type=exec_type,
            ord_status=status,
            cl_ord_id=order.cl_ord_id,
            account="SOR",
            order_id=n,
            exec_id=more.get("exec_id", now),
            side=Side.BUY,
            order_qty=order.order_qty,
            cum_qty=QtyLots(more.get("cum", 0)),
            leaves_qty=QtyLots(0),
            transact_ns=TimeNs(now),
            venue_seq=now,
            last_px=PriceTicks(order.price or 0) if "last" in more else None,
            last_qty=QtyLots(more.get("last", 0)),
        )
        self.do(self.core.on_report(venue_id, report, NO_WAY, now), now)

    def decisions(self) -> list[Decision]:
        return [one for one in self.records if isinstance(one, Decision)]


def plan(
    *, take: Sequence[tuple[str, int, int]] = (), post: Sequence[tuple[str, int, int]] = ()
) -> Allocation:
    return Allocation(tuple(take), (), (), tuple(post), (("size", "3"),))


def test_a_strategy_is_told_of_queues_pools_the_middle_and_the_time_left() -> None:
    told = Told()
    bench = Bench(told)
    bench.quote("A", (99, 40), (102, 10))
    bench.quote("B", (98, 10), (101, 10))
    bench.buy(50, deadline=1_005)
    request = told.requests[0]
    assert request.joins == (Join("A", 98, 40, 1, 1, Fraction(1, 5)),), "on its grid, as a maker"
    assert request.pools == (Pool("D", 101, 1, 3),)
    assert request.mid2 == 99 + 101
    assert request.left_ns == 1_000
    assert request.parent_id == "P"
    assert bench.decisions()[0].queues == (KnownQueue("A", 98, 40, 7, 5),)


def test_a_join_stays_within_the_limit() -> None:
    told = Told()
    bench = Bench(told)
    bench.quote("A", (98, 40), (102, 10))
    bench.buy(50, limit=97)
    assert told.requests[0].joins == (Join("A", 96, 40, 1, 1, Fraction(1, 5)),)
    assert told.requests[0].pools == (Pool("D", 97, 1, 3),)


def test_posts_rest_are_canceled_when_their_time_is_over_and_the_rest_is_taken() -> None:
    told = Told(plan(take=[("B", 101, 10)], post=[("A", 98, 30)]), plan(take=[("B", 101, 20)]))
    bench = Bench(told)
    bench.quote("A", (98, 40), (102, 10))
    bench.quote("B", (98, 10), (101, 10))
    bench.buy(40)
    assert [(o.price, o.order_qty, o.time_in_force) for o in bench.orders] == [
        (101, 10, TimeInForce.IOC),
        (98, 30, TimeInForce.DAY),
    ]
    decision = bench.decisions()[0]
    assert [(p.venue_id, p.price, p.qty) for p in decision.posts] == [("A", 98, 30)]
    assert [(note.name, note.value) for note in decision.notes] == [("size", "3")]
    bench.report(0, ExecType.TRADE, OrdStatus.FILLED, 20, last=10, cum=10)
    bench.report(1, ExecType.NEW, OrdStatus.NEW, 21)
    bench.report(1, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 22, last=10, cum=10)
    (over,) = [w for w in bench.wakes if isinstance(w.token, PostOver)]
    assert over.t_ns == 105
    bench.do(bench.core.on_wake(over.token, 105), 105)
    assert [c.orig_cl_ord_id for c in bench.cancels] == ["P.A.1"]
    bench.report(1, ExecType.CANCELED, OrdStatus.CANCELED, 120, cum=10)
    last = bench.decisions()[-1]
    assert last.reason is DecisionReason.POST_OVER
    assert last.unreserved_qty == 20
    assert told.requests[-1].joins == (), "from now on it only takes"
    bench.report(2, ExecType.TRADE, OrdStatus.FILLED, 130, last=20, cum=20)
    (done,) = [one for one in bench.records if isinstance(one, ParentDone)]
    assert (done.filled_qty, done.end_reason) == (40, EndReason.FILLED)
    heard = [(o.venue_id, o.order_qty, o.cum_qty, o.posted) for o in told.outcomes]
    assert heard == [("B", 10, 10, False), ("A", 30, 10, True), ("B", 20, 20, False)]


def test_a_pool_that_gets_a_part_is_recorded_as_resting_on_no_quote() -> None:
    told = Told(plan(take=[("D", 101, 25)]))
    bench = Bench(told)
    bench.quote("B", (98, 10), (101, 10))
    bench.buy(25)
    decision = bench.decisions()[0]
    assert decision.blind == (BlindOrder("D", 3, 101, 101),)
    assert [(p.venue_id, p.qty) for p in decision.split] == [("D", 25)]
    assert [(o.price, o.order_qty) for o in bench.orders] == [(101, 25)]
