"""State machines over the book of plain orders: one of its sides, and the matching core."""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sim.protocol.enums import CxlRejReason, OrdType, SelfTrade, Side, TimeInForce
from sim.protocol.market_data import Levels
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.book import EMPTY, KEY_MAX, BookSide, RestingOrder
from venues.core.check import check_side
from venues.core.matching import MatchingCore
from venues.core.order_book import OrderBook

SIDES = st.sampled_from([Side.BUY, Side.SELL])
PRICES = st.integers(97, 103) | st.integers(85, 115)
QTYS = st.integers(1, 12) | st.sampled_from([0, -1, 40])
BACK = st.integers(1, 12)
ACCOUNTS = st.sampled_from(["", "a", "b"])
SENDERS = st.none() | ACCOUNTS
MEMORY = 3


class SideMachine(RuleBasedStateMachine):
    """One side against a list of ``[id, price, lots]``, the oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[int, RestingOrder] = {}
        self.truth: list[list[int]] = []
        self.last: Levels | None = None
        self.depth = -1
        self.serial = 0

    @initialize(sign=st.sampled_from([1, -1]), levels=st.integers(0, 25), depth=st.integers(1, 14))
    def begin(self, sign: int, levels: int, depth: int) -> None:
        self.sign = sign
        self.owner = OrderBook()
        self.side = BookSide(sign, self.owner)
        self.favourite = depth
        for n in range(levels):
            self.join(200 + n * sign, 3)

    @rule(price=st.integers(180, 230), lots=st.integers(1, 9))
    def join(self, price: int, lots: int) -> None:
        self.serial += 1
        of, n = Side.SELL if self.sign > 0 else Side.BUY, self.serial
        key = self.sign * price
        order = RestingOrder(str(n), "", of, n, n, key, lots, lots, False, SelfTrade.NONE)
        self.orders[n] = order
        self.truth.append([n, price, lots])
        self.side.join(order)

    @precondition(lambda self: self.truth)
    @rule(at=st.integers(0, 99))
    def leave(self, at: int) -> None:
        n, _, _ = self.truth.pop(at % len(self.truth))
        self.side.leave(self.orders.pop(n))

    @precondition(lambda self: self.truth)
    @rule()
    def leave_from_the_best(self) -> None:
        best = min(self.truth, key=lambda one: (self.sign * one[1], one[0]))
        self.truth.remove(best)
        self.side.leave(self.orders.pop(best[0]))

    @precondition(lambda self: any(one[2] > 1 for one in self.truth))
    @rule(at=st.integers(0, 99), lots=st.integers(1, 8))
    def shrink(self, at: int, lots: int) -> None:
        large = [one for one in self.truth if one[2] > 1]
        one = large[at % len(large)]
        lots = min(lots, one[2] - 1)
        one[2] -= lots
        self.side.shrink(self.orders[one[0]], lots)

    @rule(step=st.integers(-3, 3))
    def slide(self, step: int) -> None:
        for one in self.truth:
            one[1] += self.sign * step
        self.side.slide(step)

    @precondition(lambda self: self.truth)
    @rule()
    def read_the_front(self) -> None:
        queue = self.side.front().queue
        best = min(self.sign * price for _, price, _ in self.truth)
        assert list(queue) == [n for n, price, _ in self.truth if self.sign * price == best]

    @rule(other=st.none() | st.integers(-1, 12))
    def look(self, other: int | None) -> None:
        depth = self.favourite if other is None else other
        view = self.side.view(depth)
        assert view == self.levels()[: max(depth, 0)]
        assert view is self.side.view(depth)
        if view == self.last:
            assert view is self.last
        self.last, self.depth, self.owner.unseen = view, depth, False

    def levels(self) -> Levels:
        """Prices and lots, best first."""
        lots: dict[int, int] = {}
        for _, price, left in self.truth:
            lots[price] = lots.get(price, 0) + left
        return tuple(sorted(lots.items(), key=lambda level: self.sign * level[0]))

    @invariant()
    def holds_what_the_list_holds(self) -> None:
        side, levels = self.side, self.levels()
        queue = sorted(self.truth, key=lambda one: (self.sign * one[1], one[0]))
        living = list(side.living())
        assert [[o.order_id, abs(o.key), o.leaves_qty] for o in living] == queue
        assert side.best == (self.sign * levels[0][0] if levels else EMPTY)
        assert side.lots_to(KEY_MAX) == sum(lots for _, lots in levels)
        for price, _ in levels:
            total = sum(q for p, q in levels if self.sign * p <= self.sign * price)
            assert side.lots_to(self.sign * price) == total
            assert min(side.lots_to(self.sign * price, 4), 4) == min(total, 4)

    @invariant()
    def says_when_its_view_has_changed(self) -> None:
        if self.last is not None and self.levels()[: max(self.depth, 0)] != self.last:
            assert self.owner.unseen

    def teardown(self) -> None:
        if hasattr(self, "side"):
            check_side("side", self.side)


class BookMachine(RuleBasedStateMachine):
    """The matching core against the naive book, its own acts (seed, withdraw, reopen) included."""

    naive: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, str] = {}
        self.now = 0
        self.looked: tuple[Levels, Levels] | None = None

    @initialize(
        tick=st.integers(1, 2),
        lot=st.integers(1, 3),
        depth=st.integers(0, 11),
        levels=st.integers(0, 12),
    )
    def begin(self, tick: int, lot: int, depth: int, levels: int) -> None:
        self.tick, self.lot, self.depth = tick, lot, depth
        self.core = MatchingCore(tick, lot, MEMORY)
        self.slow = self.naive.NaiveBook(tick, lot)
        for n in range(levels):
            self.seed(Side.BUY, 99 - n, 2)
            self.seed(Side.SELL, 101 + n, 2)

    # ------------------------------------------------------------ messages

    @rule(
        side=SIDES,
        qty=QTYS,
        price=PRICES,
        ord_type=st.sampled_from([OrdType.LIMIT] * 5 + [OrdType.MARKET]),
        tif=st.sampled_from([TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK]),
        account=ACCOUNTS,
        post_only=st.sampled_from([False] * 5 + [True]),
        mode=st.sampled_from(SelfTrade),
        twist=st.integers(0, 20),
    )
    def new(
        self,
        side: Side,
        qty: int,
        price: int,
        ord_type: OrdType,
        tif: TimeInForce,
        account: str,
        post_only: bool,
        mode: SelfTrade,
        twist: int,
    ) -> None:
        name = self.name(twist)
        # Now and then off the grid, and with or without a price where the type forbids it.
        lots = qty * self.lot + (1 if self.lot > 1 and twist == 7 else 0)
        ticks = price * self.tick + (1 if self.tick > 1 and twist == 8 else 0)
        priced = (ord_type is OrdType.LIMIT) != (twist == 9)
        self.owners[name] = account
        self.both(
            NewOrderSingle(
                name,
                side,
                QtyLots(lots),
                PriceTicks(ticks) if priced else None,
                ord_type,
                tif,
                account,
                post_only,
                mode,
            )
        )

    @rule(back=BACK, account=SENDERS, twist=st.integers(0, 20))
    def cancel(self, back: int, account: str | None, twist: int) -> None:
        target, sender = self.target(back, account)
        self.both(OrderCancelRequest(self.name(twist), target, sender))

    @rule(back=BACK, qty=QTYS, account=SENDERS, twist=st.integers(0, 20))
    def reduce(self, back: int, qty: int, account: str | None, twist: int) -> None:
        target, sender = self.target(back, account)
        lots = QtyLots(qty * self.lot + (1 if self.lot > 1 and twist == 7 else 0))
        self.both(OrderReduceRequest(self.name(twist), target, lots, sender))

    @rule(back=BACK, qty=QTYS, price=PRICES, account=SENDERS, twist=st.integers(0, 20))
    def replace(self, back: int, qty: int, price: int, account: str | None, twist: int) -> None:
        target, sender = self.target(back, account)
        name = self.name(twist)
        self.owners[name] = sender
        ticks = PriceTicks(price * self.tick + (1 if self.tick > 1 and twist == 8 else 0))
        lots = QtyLots(qty * self.lot)
        priced = None if twist == 9 else ticks
        self.both(OrderCancelReplaceRequest(name, target, lots, priced, sender))

    def name(self, twist: int) -> str:
        if twist == 0 and self.owners:
            return next(reversed(self.owners))
        return f"o{len(self.owners)}"

    def target(self, back: int, account: str | None) -> tuple[str, str]:
        known = list(self.owners)
        target = known[-back] if back <= len(known) else "nobody"
        return target, self.owners.get(target, "") if account is None else account

    def both(self, msg: OrderMessage) -> None:
        """Hand a message to both, and compare what they say."""
        self.now += 1
        reports = self.core.handle(msg, TimeNs(self.now))
        said = self.slow.handle(msg)
        self.forgive(reports, said)
        assert [said_by(self.naive, report) for report in reports] == said, msg
        assert all(r.venue_seq == self.slow.seq and r.transact_ns == self.now for r in reports)
        assert [(trade.price, trade.qty) for trade in self.core.trades] == self.slow.prints
        if self.slow.prints:
            assert (self.core.last_px, self.core.last_qty) == self.slow.prints[-1]
            assert self.core.unseen
        self.core.check()

    def forgive(self, reports: list[VenueReport], said: list[Any]) -> None:
        """The core forgets orders that ended long ago; the naive book never does."""
        if len(said) != 1 or said[0].what is not CxlRejReason.TOO_LATE:
            return
        if reports[0].reason is CxlRejReason.UNKNOWN_ORDER:  # type: ignore[union-attr]
            last = list(dict.fromkeys(order.name for order in reversed(self.slow.ended)))
            assert said[0].of not in last[:MEMORY], "one of the last to end is forgotten"
            said[0] = said_by(self.naive, reports[0])

    # ------------------------------------------------------------ acts that are no messages

    @rule(side=SIDES, price=PRICES, qty=st.integers(1, 5))
    def seed(self, side: Side, price: int, qty: int) -> None:
        ticks, lots = price * self.tick, qty * self.lot
        contra = self.slow.levels(Side.SELL if side is Side.BUY else Side.BUY)
        if contra and (contra[0][0] <= ticks if side is Side.BUY else contra[0][0] >= ticks):
            return
        name = f"~{self.core.seed(side, ticks, lots)}"
        mode = SelfTrade.NONE
        self.slow.resting.append(
            self.naive.Order(
                name, "", side is Side.BUY, ticks, lots, mode, False, self.slow.arrive()
            )
        )
        self.owners[name] = ""
        self.slow.seq += 1

    @rule(side=SIDES, price=PRICES, qty=st.integers(1, 9))
    def withdraw(self, side: Side, price: int, qty: int) -> None:
        left = qty * self.lot
        for order in reversed(self.slow.queue(side)):
            if order.price == price * self.tick and not order.account:
                lots = min(left, order.left)
                left -= lots
                if lots == order.left:
                    self.slow.end(order)
                elif lots:
                    order.asked -= lots
        taken = qty * self.lot - left
        self.slow.seq += 1 if taken else 0
        assert self.core.withdraw(side, price * self.tick, qty * self.lot) == taken

    @rule(back=BACK, qty=st.integers(1, 5))
    def reopen(self, back: int, qty: int) -> None:
        """As a bust does: some of an open order's filled lots are open again, at the end."""
        known = list(self.owners)
        name = known[-back] if back <= len(known) else "nobody"
        order = self.core.open_order(name)
        of_slow = self.slow.find(name)
        assert (order is None) == (of_slow is None)
        lots = min(qty, of_slow.filled) if of_slow is not None else 0
        if order is None or not lots:
            return
        assert self.core.reopen(order, lots)
        of_slow.filled -= lots
        of_slow.arrived = self.slow.arrive()
        self.slow.seq += 1

    # ------------------------------------------------------------ looks

    @rule(other=st.none() | st.integers(0, 12))
    def look(self, other: int | None) -> None:
        depth = self.depth if other is None else other
        self.depth = depth
        self.looked = self.core.levels(Side.BUY, depth), self.core.levels(Side.SELL, depth)
        assert self.looked == self.true_views()
        self.core.unseen = False

    @invariant()
    def same_state(self) -> None:
        core, slow = self.core, self.slow
        assert core.venue_seq == slow.seq
        assert core.volume == slow.volume
        assert set(core.open_orders) == {order.name for order in slow.resting}
        for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
            levels, queue = slow.levels(side), slow.queue(side)
            assert core.best(side) == (levels[0] if levels else None)
            assert core.depth_to(side, None) == sum(lots for _, lots in levels)
            assert core.reachable(other, None, 4) == levels[:4]
            told = [
                (o.cl_ord_id, o.account, o.leaves_qty, o.cum_qty, o.order_qty, o.side is Side.BUY)
                for o in core.resting(side)
            ]
            assert told == [(o.name, o.account, o.left, o.filled, o.asked, o.buys) for o in queue]
            for price, lots in levels:
                assert core.qty_at(side, price) == lots
                assert core.count_at(side, price) == sum(o.price == price for o in queue)
                better = tuple(
                    (p, q) for p, q in levels if (p >= price if side is Side.BUY else p <= price)
                )
                assert core.depth_to(side, price) == sum(q for _, q in better)
                assert core.reachable(other, price, 99) == better
            for order in queue:
                before = [o.left for o in queue if o.price == order.price]
                place = [o.name for o in queue if o.price == order.price].index(order.name)
                assert core.lots_ahead(order.name) == sum(before[:place])
        assert core.lots_ahead("nobody") is None

    @invariant()
    def says_when_a_view_has_changed(self) -> None:
        if self.looked is not None and not self.core.unseen:
            assert self.looked == self.true_views()

    def true_views(self) -> tuple[Levels, Levels]:
        bids, asks = self.slow.levels(Side.BUY), self.slow.levels(Side.SELL)
        return bids[: self.depth], asks[: self.depth]


def said_by(naive: Any, report: VenueReport) -> Any:
    """The same words for a report as the naive book uses."""
    if isinstance(report, OrderCancelReject):
        of, who = report.orig_cl_ord_id, (report.cl_ord_id, report.account)
        return naive.Said(report.reason, report.ord_status, *who, of=of)
    return naive.Said(
        report.exec_type,
        report.ord_status,
        report.cl_ord_id,
        report.account,
        report.order_qty,
        report.cum_qty,
        report.leaves_qty,
        report.last_px,
        report.last_qty,
        report.is_maker,
        report.reject_reason,
        report.orig_cl_ord_id,
    )


def test_a_side_of_the_book_is_as_a_list(run_machine: Callable[..., None]) -> None:
    run_machine(SideMachine)


def test_the_matching_core_is_as_a_naive_book(run_machine: Callable[..., None], naive: Any) -> None:
    run_machine(BookMachine, naive=naive)
