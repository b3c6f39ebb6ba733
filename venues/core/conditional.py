"""Conditional orders in a pool: others' interest that trades only after it has been firmed up.

A conditional order is not in the book: nobody can trade with it and nothing of it shows. While a
firm order rests in the pool that it could trade with (both limits allow the price, both minimum
quantities are met), the venue invites its owner to firm up. The owner answers after its own time,
or not in time, or not at all. What is firm comes as an IOC order and takes what rests; what it did
not get is conditional again. Who does not firm up in time has fallen down: after so many of these
the order is barred for a time. An order that does not rest invites nobody: it is gone before any
answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from sim.kernel.streams import Keyed
from sim.protocol.enums import Priority, Side, TimeInForce
from sim.protocol.orders import ExecutionReport, NewOrderSingle, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import TradeLater, VenueNote, WakeAt
from venues.core.around import CoreAround
from venues.core.book import RestingOrder
from venues.core.dark import DarkCore


class Interest(NamedTuple):
    """A conditional order as it comes: ``price`` in ticks, ``qty`` and ``min_qty`` in lots."""

    name: str
    side: Side
    price: int
    qty: int
    min_qty: int
    at_ns: int


class FirmUp(NamedTuple):
    """How owners answer invitations, and what becomes of those who do not.

    Attributes:
        within_ns: An answer later than this is none, > 0.
        after_ns: How long an owner takes to answer, >= 0.
        firm_prob: Probability that it firms up at all, from 0 to 1.
        share: Of its lots that it firms up, above 0, up to 1.
        fall_downs: So many times in a row it may fall down before it is barred, > 0.
        barred_ns: For how long, > 0.
    """

    within_ns: int
    after_ns: int
    firm_prob: float
    share: Fraction
    fall_downs: int
    barred_ns: int


@dataclass(slots=True)
class _State:
    """What has become of one conditional order so far; ``waits`` is what it waits for."""

    order: Interest
    left: int
    waits: Literal["coming", "nothing", "firm", "fall", "barred"] = "coming"
    invited: int = 0
    fallen: int = 0


class ConditionalPool(CoreAround):
    """A pool with conditional orders of others beside its book.

    Args:
        inner: The pool.
        orders: The conditional orders, each name once.
        rule: How they are firmed up.
        chance: The venue's own draws; None only where nothing is drawn.

    Raises:
        ValueError: If owners may or may not firm up, and no chance is given.
    """

    def __init__(
        self, inner: DarkCore, orders: Sequence[Interest], rule: FirmUp, chance: Keyed | None
    ) -> None:
        super().__init__(inner)
        if chance is None and 0 < rule.firm_prob < 1:
            raise ValueError("firm_prob between 0 and 1 needs chance, was None")
        self._pool = inner
        self._rule = rule
        self._chance = chance
        self._states = {order.name: _State(order, order.qty) for order in orders}
        for order in orders:
            self._wait(self._states[order.name], "coming", order.at_ns)

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message, or what an invitation has led to; then invite."""
        if isinstance(msg, TradeLater):
            reports = self._on_due(self._states[msg.name], now_ns)
        else:
            reports = self._inner.handle(msg, now_ns)
        for state in self._states.values():
            if state.waits == "nothing":
                self._invite(state, now_ns)
        return reports

    # ------------------------------------------------------------ invitations

    def _invite(self, state: _State, now_ns: int) -> None:
        """Invite the owner of an order if something rests that it could trade with."""
        lots = next((lots for lots in map(self._lots_of(state), self._firm(state)) if lots), 0)
        if not lots:
            return
        state.invited += 1
        self._say("invited", state, f"{lots} lots rest that it could trade with")
        rule = self._rule
        if rule.after_ns <= rule.within_ns and self._firms_up(state):
            self._wait(state, "firm", now_ns + rule.after_ns)
        else:
            self._wait(state, "fall", now_ns + rule.within_ns)

    def _firms_up(self, state: _State) -> bool:
        prob = self._rule.firm_prob
        if self._chance is None or not 0 < prob < 1:
            return prob >= 1
        # By its name and number: the same whatever else happens.
        return self._chance.uniform("firm_up", state.order.name, state.invited) < prob

    def _firm(self, state: _State) -> Iterator[RestingOrder]:
        """The resting orders that a conditional one could trade with by price."""
        order, pool = state.order, self._pool
        buys = order.side is Side.BUY
        mid = pool.mid_half_ticks
        if pool.reference is not None and (
            mid is None or (2 * order.price < mid if buys else 2 * order.price > mid)
        ):
            return
        for resting in pool.resting(Side.SELL if buys else Side.BUY):
            price = abs(resting.key)
            limit = order.price if pool.reference is None or mid is None else Fraction(mid, 2)
            if price > limit if buys else price < limit:
                return
            yield resting

    def _lots_of(self, state: _State) -> Any:
        """How many lots of a resting order a conditional one could have; 0: too few."""
        offered, least = self._to_firm(state), state.order.min_qty

        def lots(resting: RestingOrder) -> int:
            if offered < self._pool.venue_min:
                return 0  # an order of that size would be refused
            both = min(offered, resting.leaves_qty)
            need = max(min(least, offered), min(self._pool.least_of(resting), resting.leaves_qty))
            return both if both >= need else 0

        return lots

    def _to_firm(self, state: _State) -> int:
        """Lots that an owner firms up of what is left."""
        share, lot = self._rule.share, self._pool.lot
        lots = state.left * share.numerator // (share.denominator * lot) * lot
        return max(lots, min(state.order.min_qty, state.left))

    # ------------------------------------------------------------ what follows

    def _on_due(self, state: _State, now_ns: TimeNs) -> list[VenueReport]:
        waited, state.waits = state.waits, "nothing"
        if waited == "firm":
            return self._trade(state, now_ns)
        if waited == "fall":
            state.fallen += 1
            self._say("fell_down", state, f"it did not firm up, {state.fallen} in a row")
            if state.fallen >= self._rule.fall_downs:
                state.fallen = 0
                self._wait(state, "barred", now_ns + self._rule.barred_ns)
                self._say("barred", state, "it invites nobody for a time")
        return []

    def _trade(self, state: _State, now_ns: TimeNs) -> list[VenueReport]:
        order, lots = state.order, self._to_firm(state)
        state.fallen = 0
        firm = NewOrderSingle(
            f"~{order.name}.{state.invited}",
            order.side,
            QtyLots(lots),
            PriceTicks(order.price),
            time_in_force=TimeInForce.IOC,
            min_qty=QtyLots(min(order.min_qty, lots)),
        )
        reports = self._inner.handle(firm, now_ns)
        filled = sum(
            r.last_qty
            for r in reports
            if isinstance(r, ExecutionReport) and r.cl_ord_id == firm.cl_ord_id
        )
        state.left -= filled
        self._say("firmed_up", state, f"{filled} of {lots} lots traded")
        if not state.left:
            del self._states[order.name]
        elif not filled:
            # What it was invited for has gone: nobody's fault, and not again at this instant.
            self._wait(state, "barred", now_ns + self._rule.within_ns)
        return reports

    def _wait(
        self, state: _State, waits: Literal["coming", "firm", "fall", "barred"], due_ns: int
    ) -> None:
        state.waits = waits
        due = TradeLater(due_ns, state.order.name)
        self.wakes.append(WakeAt(due_ns, Priority.FLOW, due))

    def _say(self, event: str, state: _State, detail: str) -> None:
        self.notes.append(VenueNote(event, f"conditional {state.order.name}: {detail}"))
