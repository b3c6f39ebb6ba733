"""``scripted``: the orders of others written out one by one, for lessons and tests."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sim.flow.base import FlowConfig, FlowGrid, Problems
from sim.flow.scripted_orders import (
    ScriptedCancel,
    ScriptedOrder,
    ScriptedReduce,
    ScriptedReplace,
)
from sim.kernel.streams import Stream
from sim.protocol.config import Seq
from sim.protocol.orders import (
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    OrderReduceRequest,
)

ScriptedEntry = ScriptedOrder | ScriptedCancel | ScriptedReplace | ScriptedReduce


class ScriptedFlow(FlowConfig):
    """Orders of others and requests for them, each with its time.

    Source: own convention: nothing is drawn.
    """

    kind: Literal["scripted"]
    orders: Annotated[Seq[ScriptedEntry], Field(min_length=1, max_length=10_000)]
    """New orders, cancels, replaces and reductions, in order of time."""

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
                continue
            verb, target = _asks(order)
            if target not in seen:
                raise ValueError(f"orders[{n}] {verb}s {target}, but none before it is that")
        return self

    def problems(self, grid: FlowGrid) -> Problems:
        """See the base."""
        return [
            (("orders", n, *path), message)
            for n, order in enumerate(self.orders)
            if not isinstance(order, ScriptedCancel)
            for path, message in order.problems(grid)
        ]

    @property
    def rests(self) -> bool:
        """See the base."""
        return any(isinstance(order, ScriptedOrder) and order.rests for order in self.orders)

    @property
    def states_min_qty(self) -> bool:
        """See the base."""
        return any(isinstance(o, ScriptedOrder) and o.min_qty is not None for o in self.orders)

    @property
    def special(self) -> bool:
        """See the base."""
        return any(
            order.special
            if isinstance(order, ScriptedOrder)
            else isinstance(order, ScriptedReplace)
            and (order.min_qty is not None or order.stop_price is not None)
            for order in self.orders
        )

    def messages(
        self, grid: FlowGrid, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """See the base; nothing here is drawn.

        A replace renames its order; what comes later takes it that the replace was accepted.
        """
        names: dict[str, str] = {}
        for n, order in enumerate(self.orders):
            if order.at > end_ns:
                return
            if isinstance(order, ScriptedOrder):
                names[order.id] = f"{account}.{order.id}"
                yield order.at, order.message(grid, account)
                continue
            verb, target = _asks(order)
            name, request = names[target], f"{account}.{verb[0].upper()}{n}"
            if isinstance(order, ScriptedCancel):
                yield order.at, OrderCancelRequest(request, name, account)
            elif isinstance(order, ScriptedReduce):
                yield order.at, OrderReduceRequest(request, name, grid.qty(order.by), account)
            else:
                names[target] = request
                yield order.at, _replace(order, grid, request, name, account)


def _asks(order: ScriptedCancel | ScriptedReplace | ScriptedReduce) -> tuple[str, str]:
    """What a request asks for, and the ``id`` of its order."""
    if isinstance(order, ScriptedCancel):
        return "cancel", order.cancel
    if isinstance(order, ScriptedReplace):
        return "replace", order.replace
    return "reduce", order.reduce


def _replace(
    order: ScriptedReplace, grid: FlowGrid, request: str, name: str, account: str
) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        request,
        name,
        grid.qty(order.qty),
        None if order.price is None else grid.price(order.price),
        account,
        None if order.min_qty is None else grid.qty(order.min_qty),
        None if order.stop_price is None else grid.price(order.stop_price),
    )
