"""What a venue charges: a schedule as scenarios write it, and exact money from it.

Per-share fees are money per unit of quantity, fees in basis points are a part of the notional; a
negative fee is a rebate. Knows no order and no book.
"""

from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Annotated, Final, Literal

from pydantic import Field

from sim.protocol.config import DecimalText, ScenarioModel
from sim.protocol.enums import Side
from sim.protocol.units import Units

_BPS: Final = 10_000
# Wide enough for the longest tick, lot and fee times the largest price and quantity.
_EXACT: Final = Context(prec=250, traps=[Inexact])

Fee = Annotated[DecimalText, Field(gt=-_BPS, lt=_BPS, decimal_places=8)]
"""Money per unit of quantity, or basis points of the notional; so never the whole notional."""


class FeeSchedule(ScenarioModel):
    """Fees of one venue; nothing by default."""

    taker: Fee = Decimal(0)
    """Charged on what an order takes from the book; negative: a rebate."""
    maker: Fee = Decimal(0)
    """Charged on what a resting order gives; negative: a rebate."""
    unit: Literal["per_share", "bps"] = "per_share"
    """per_share: money per unit of quantity; bps: hundredths of a percent of the notional."""


class Fees:
    """A schedule in the units of one instrument."""

    __slots__ = ("_in_bps", "_intercept", "_maker", "_slope", "_taker")

    def __init__(self, schedule: FeeSchedule, units: Units) -> None:
        self._in_bps = schedule.unit == "bps"
        step = units.lot_size
        if self._in_bps:
            step = _EXACT.multiply(_EXACT.multiply(step, units.tick_size), Decimal("0.0001"))
        self._taker = _EXACT.multiply(schedule.taker, step)
        self._maker = _EXACT.multiply(schedule.maker, step)
        taker = Fraction(schedule.taker)
        self._slope = taker / _BPS if self._in_bps else Fraction(0)
        self._intercept = Fraction(0) if self._in_bps else taker / Fraction(units.tick_size)

    def charge(self, price_ticks: int, qty_lots: int, is_maker: bool) -> Decimal:
        """The fee of one fill as exact money; negative is a rebate."""
        rate = self._maker if is_maker else self._taker
        return _EXACT.multiply(rate, Decimal(price_ticks * qty_lots if self._in_bps else qty_lots))

    def effective(self, side: Side) -> tuple[Fraction, Fraction]:
        """``(slope, intercept)`` of a taker's price with the fee in it.

        ``price_ticks * slope + intercept``, in ticks: a buyer pays the fee on top, a seller
        receives that much less.
        """
        if side is Side.BUY:
            return 1 + self._slope, self._intercept
        return 1 - self._slope, -self._intercept
