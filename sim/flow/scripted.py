"""``scripted``: the orders of others written out one by one, for lessons and tests."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowConfig, FlowGrid, Problems, off_grid
from sim.kernel.streams import Stream
from sim.protocol.config import Duration, Ident, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import OrdType, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderCancelRequest, OrderMessage
from sim.protocol.units import QtyLots, plain


class ScriptedOrder(ScenarioModel):
    """A new order of somebody else; without ``price`` it is a market order."""

    at: Duration
    """When it reaches the venue."""
    id: Ident
    """For a later ``cancel``."""
    side: Literal["buy", "sell"]
    """Side of the order."""
    qty: PositiveDecimal
    """Quantity, not lots."""
    price: PositiveDecimal | None = None
    """Its limit; without one it is a market order."""
    tif: Literal["DAY", "GTC", "IOC", "FOK"] = "GTC"
    """Time in force."""
    min_qty: PositiveDecimal | None = None
    """Fewest of one execution against a single counter-order; only dark venues take such orders."""


class ScriptedCancel(ScenarioModel):
    """Cancels an order of the same flow."""

    at: Duration
    """When it reaches the venue."""
    cancel: Ident
    """``id`` of the order."""


class ScriptedFlow(FlowConfig):
    """Orders and cancels of others, each with its time.

    Source: own convention: nothing is drawn.
    """

    kind: Literal["scripted"]
    orders: Annotated[Seq[ScriptedOrder | ScriptedCancel], Field(min_length=1, max_length=10_000)]
    """New orders and cancels, in order of time."""

    @model_validator(mode="after")
    def _in_order(self) -> "ScriptedFlow":
        times = [order.at for order in self.orders]
        for n, (before, after) in enumerate(pairwise(times)):
            if after < before:
                raise ValueError(f"orders[{n + 1}] is earlier than the one before it")
        return self

    @model_validator(mode="after")
    def _ids_are_known(self) -> "ScriptedFlow":
        seen: set[str] = set()
        for n, order in enumerate(self.orders):
            if isinstance(order, ScriptedOrder):
                if order.id in seen:
                    raise ValueError(f"orders[{n}] has the id {order.id}, as one before it")
                seen.add(order.id)
            elif order.cancel not in seen:
                raise ValueError(f"orders[{n}] cancels {order.cancel}, but none before it is that")
        return self

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        found: Problems = []
        for n, order in enumerate(self.orders):
            if isinstance(order, ScriptedOrder):
                found += off_grid(("orders", n, "qty"), grid.qty, order.qty)
                if order.min_qty is not None:
                    found += off_grid(("orders", n, "min_qty"), grid.qty, order.min_qty)
                    if order.min_qty > order.qty:
                        message = f"must be at most qty, {plain(order.qty)}"
                        found.append((("orders", n, "min_qty"), message))
                if order.price is not None:
                    found += off_grid(("orders", n, "price"), grid.price, order.price)
        return found

    @property
    def rests(self) -> bool:
        """See the base."""
        orders = [order for order in self.orders if isinstance(order, ScriptedOrder)]
        return any(o.price is not None and o.tif not in {"IOC", "FOK"} for o in orders)

    @property
    def states_min_qty(self) -> bool:
        """See the base."""
        return any(isinstance(o, ScriptedOrder) and o.min_qty is not None for o in self.orders)

    def messages(
        self, grid: FlowGrid, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """See the base; nothing here is drawn."""
        for n, order in enumerate(self.orders):
            if order.at > end_ns:
                return
            if isinstance(order, ScriptedCancel):
                target = f"{account}.{order.cancel}"
                yield order.at, OrderCancelRequest(f"{account}.C{n}", target, account)
            else:
                yield order.at, _new(order, grid, account)


def _new(order: ScriptedOrder, grid: FlowGrid, account: str) -> NewOrderSingle:
    price: Decimal | None = order.price
    return NewOrderSingle(
        cl_ord_id=f"{account}.{order.id}",
        side=Side(order.side),
        order_qty=grid.qty(order.qty),
        price=None if price is None else grid.price(price),
        ord_type=OrdType.MARKET if price is None else OrdType.LIMIT,
        time_in_force=TimeInForce(order.tif),
        account=account,
        min_qty=QtyLots(0) if order.min_qty is None else grid.qty(order.min_qty),
    )
