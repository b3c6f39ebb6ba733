"""What holds of an order's reports whatever happens, with pending requests and busts.

While an order works, what it has filled and what is open of it make up its quantity; what it has
filled falls by busts and corrections alone; every request ends in one acceptance or one refusal; a
closed order never reopens.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sim.kernel.streams import Streams
from sim.protocol.enums import ExecType, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderReduceRequest,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from venues.config import VenueConfig
from venues.core.api import TimedCore
from venues.kinds import Venue

LEG = {"model": "fixed", "delay": "1ms"}
SETTINGS: dict[str, Any] = {
    "book": {"asks": [["1.02", 20]], "bids": [["0.98", 20]]},
    "requests": {"decision": "7ns"},
    "busts": {"random": {"share": "0.4", "after": "5ns"}},
    "trading": {"close": "150ns", "on_close": "done_for_day"},
}
PENDING = {ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE}
CHANGES = {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}
_ADAPTER: TypeAdapter[VenueConfig] = TypeAdapter(Venue)


class Life:
    """A core, its clock, and what its reports have said of each order."""

    def __init__(self, kind: str, units: Units) -> None:
        legs = {"order": LEG, "report": LEG, "feed": LEG}
        config = _ADAPTER.validate_python({"id": "V", "kind": kind, "latency": legs, **SETTINGS})
        assert config.problems(units) == []
        chance = Streams(1).keyed("venue", "V")
        self.core = config.build(units, lambda name: name, chance)  # type: ignore[arg-type, return-value]
        self.now = 0
        self.wakes: list[tuple[int, int, int, Any]] = []
        self.numbers = count()
        self.last: dict[int, ExecutionReport] = {}
        self.asked: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self._serve()

    def say(self, msg: Any) -> None:
        if not isinstance(msg, NewOrderSingle):
            self.asked[msg.cl_ord_id] += 1
        self._handle(msg)

    def later(self, ns: int) -> None:
        end = self.now + ns
        while self.wakes and self.wakes[0][0] <= end:
            self.now, _, _, msg = heappop(self.wakes)
            self._handle(msg)
        self.now = end

    def _handle(self, msg: Any) -> None:
        reports = self.core.handle(msg, TimeNs(self.now))
        self.core.check()
        for report in reports:
            self._took(report)
        self._serve()

    def _serve(self) -> None:
        assert isinstance(self.core, TimedCore)
        for wake in self.core.wakes:
            heappush(self.wakes, (wake.t_ns, int(wake.rank), next(self.numbers), wake.msg))
        self.core.wakes.clear()
        self.core.changes.clear()

    def _took(self, report: VenueReport) -> None:
        if isinstance(report, OrderCancelReject):
            self.answers[report.cl_ord_id] += 1
            return
        if report.orig_cl_ord_id is not None and report.exec_type not in PENDING:
            self.answers[report.cl_ord_id] += 1
        if not report.order_id:
            return
        before = self.last.get(report.order_id)
        if report.leaves_qty:
            assert report.cum_qty + report.leaves_qty == report.order_qty, report
        if before is not None:
            if report.exec_type not in CHANGES:
                assert report.cum_qty == before.cum_qty + report.last_qty, (before, report)
            else:
                assert report.cum_qty <= before.cum_qty
            if not before.leaves_qty:
                assert not report.leaves_qty, "a closed order never reopens"
        self.last[report.order_id] = report


@pytest.mark.parametrize("kind", ["lit", "dark"])
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_what_holds_of_every_order(kind: str, data: st.DataObject) -> None:
    life = Life(kind, Units(Decimal("0.01"), Decimal(1)))
    draw: Callable[..., Any] = data.draw
    names: list[str] = []
    for n in range(draw(st.integers(1, 40))):
        act = draw(st.sampled_from("oooocrdt"))
        if act == "t":
            life.later(draw(st.integers(1, 12)))
            continue
        name, qty = f"n{n}", QtyLots(draw(st.integers(1, 20)))
        price = PriceTicks(draw(st.integers(97, 103)))
        old = draw(st.sampled_from(names)) if names else "never"
        if act == "o":
            side = draw(st.sampled_from([Side.BUY, Side.SELL]))
            tif = draw(st.sampled_from(TimeInForce))
            life.say(NewOrderSingle(name, side, qty, price, time_in_force=tif, account="A"))
        elif act == "c":
            life.say(OrderCancelRequest(name, old, "A"))
        elif act == "r":
            life.say(OrderCancelReplaceRequest(name, old, qty, price, "A"))
        else:
            life.say(OrderReduceRequest(name, old, qty, "A"))
        names.append(name)
    life.later(1_000)
    assert life.answers == life.asked, "each request ends in one acceptance or one refusal"
