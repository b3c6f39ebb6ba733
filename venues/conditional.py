"""What a dark pool's entry may say of conditional orders of others: ``venues.core.conditional``."""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, Duration, Ident, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import Side
from sim.protocol.units import UnitError, plain
from venues.config import Grid
from venues.core.conditional import ConditionalPool, FirmUp, Interest
from venues.core.dark import DarkCore
from venues.rules import Found


class ConditionalOrderConfig(ScenarioModel):
    """Somebody's conditional order."""

    id: Ident
    """Names it in the records."""
    side: Literal["buy", "sell"]
    """Side of the order."""
    qty: PositiveDecimal
    """Its quantity, not lots."""
    price: PositiveDecimal
    """Its limit."""
    min_qty: PositiveDecimal | None = None
    """Fewest of one execution against a single counter-order; without it any."""
    at: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """When it comes."""


class ConditionalConfig(ScenarioModel):
    """Conditional orders of others: they trade after an invitation, if their owners firm up.

    Resting orders invite; what is immediate or cancel is gone before any answer.
    """

    orders: Annotated[Seq[ConditionalOrderConfig], Field(min_length=1, max_length=1_000)]
    """The orders, each id once."""
    within: Annotated[Duration, Field(gt=0)]
    """The time to firm up; a later answer is none."""
    after: Duration = Field(0, ge=0, json_schema_extra={"default": "0ns"})
    """How long owners take to answer, there and back."""
    firm_prob: Annotated[DecimalText, Field(ge=0, le=1, decimal_places=8)] = Decimal(1)
    """Probability that an owner firms up at all."""
    share: Annotated[DecimalText, Field(gt=0, le=1)] = Decimal(1)
    """The part of its quantity that it firms up, rounded down to the lot."""
    fall_downs: Annotated[int, Field(ge=1, le=1_000)] = 1
    """So many times in a row an owner that does not firm up makes its order barred."""
    barred: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """For how long."""

    def around(self, pool: DarkCore, grid: Grid, chance: Keyed | None) -> ConditionalPool:
        """The pool with these orders beside it.

        Raises:
            UnitError: If a price or quantity is off the grid.
            ValueError: If chance is needed and was not given.
        """
        orders = [
            Interest(
                order.id,
                Side(order.side),
                grid.price(order.price),
                grid.qty(order.qty),
                0 if order.min_qty is None else grid.qty(order.min_qty),
                order.at,
            )
            for order in self.orders
        ]
        rule = FirmUp(
            self.within,
            self.after,
            float(self.firm_prob),
            Fraction(self.share),
            self.fall_downs,
            self.barred,
        )
        return ConditionalPool(pool, orders, rule, chance)

    def problems(self, grid: Grid) -> list[Found]:
        """Orders off the grid, minima above their quantity, and ids that occur twice."""
        return [(("orders", n, *path), message) for n, path, message in self._problems(grid)]

    def _problems(self, grid: Grid) -> Iterator[tuple[int, tuple[str, ...], str]]:
        first: dict[str, int] = {}
        for n, order in enumerate(self.orders):
            if first.setdefault(order.id, n) != n:
                yield n, ("id",), f"{order.id} is the id of orders[{first[order.id]}] already"
            if order.min_qty is not None and order.min_qty > order.qty:
                yield n, ("min_qty",), f"must be at most qty, {plain(order.qty)}"
            for name, value, convert in (
                ("price", order.price, grid.price),
                ("qty", order.qty, grid.qty),
                ("min_qty", order.min_qty, grid.qty),
            ):
                try:
                    if value is not None:
                        convert(value)
                except UnitError as error:
                    yield n, (name,), str(error)
