"""Decimal text to ticks and lots at the speed of recorded data.

The conversion itself is ``Units``; here are tables that remember what they converted, since
recorded files repeat their numbers, and a short cut for texts in the very form that our writer
gives them.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

from sim.protocol.units import PriceTicks, QtyLots, UnitError, Units, parse_decimal

# Bounded, so that a file in which every number is new cannot fill the memory.
_TABLE_SIZE: Final = 1 << 16

MAX_TIME_NS: Final = 8 * 10**18
"""Times of a source's clock stay below it, so that one that is shifted still fits into 64 bits."""

_Int = TypeVar("_Int", bound=int)


def clock_time(t_ns: int) -> int:
    """A time of a source's clock as it is.

    Raises:
        UnitError: If it is negative or beyond ``MAX_TIME_NS``.
    """
    if not 0 <= t_ns <= MAX_TIME_NS:
        raise UnitError(f"time must be from 0 to {MAX_TIME_NS} ns, was {t_ns}")
    return t_ns


class PriceTable(dict[str, PriceTicks]):
    """Price text -> ticks > 0.

    Raises:
        UnitError: On look-up of a text that is no price on the tick grid, or not > 0.
    """

    def __init__(self, units: Units) -> None:
        self._convert = exact_steps(units.tick_size, units.price_to_ticks)

    def __missing__(self, text: str) -> PriceTicks:
        ticks = PriceTicks(self._convert(text))
        if ticks <= 0:
            raise UnitError(f"price must be > 0, was {text}")
        return _remember(self, text, ticks)


class ShiftTable(dict[str, PriceTicks]):
    """Signed price difference -> ticks.

    Raises:
        UnitError: On look-up of a text that is no difference on the tick grid.
    """

    def __init__(self, units: Units) -> None:
        self._convert = exact_steps(units.tick_size, units.price_to_ticks)

    def __missing__(self, text: str) -> PriceTicks:
        return _remember(self, text, PriceTicks(self._convert(text)))


class QtyTable(dict[str, QtyLots]):
    """Quantity text -> lots >= 0.

    Raises:
        UnitError: On look-up of a text that is no quantity on the lot grid, or is negative.
    """

    def __init__(self, units: Units) -> None:
        self._convert = exact_steps(units.lot_size, units.qty_to_lots)

    def __missing__(self, text: str) -> QtyLots:
        lots = QtyLots(self._convert(text))
        if lots < 0:
            raise UnitError(f"qty must be >= 0, was {text}")
        return _remember(self, text, lots)


class NanoTable(dict[str, PriceTicks]):
    """Decimal text -> whole number of 1e-9, > 0 or, if not ``positive``, >= 0.

    Raises:
        UnitError: On look-up of a text that is no such decimal, has more than 9 decimals, or is
            beyond the range of 64 bits.
    """

    def __init__(self, *, positive: bool = True) -> None:
        self._least = int(positive)

    def __missing__(self, text: str) -> PriceTicks:
        scaled = parse_decimal(text).scaleb(9)
        value = int(scaled)
        if value != scaled:
            raise UnitError(f"must have at most 9 decimals, was {text[:40]!a}")
        if not self._least <= value < 1 << 63:
            sign = "> 0" if self._least else ">= 0"
            raise UnitError(f"must be {sign} and below 9.2e9, was {text[:40]!a}")
        return _remember(self, text, PriceTicks(value))


def exact_steps(step: Decimal, convert: Callable[[str], int]) -> Callable[[str], int]:
    """Give ``convert`` a short cut for texts with exactly as many digits as a decimal ``step`` has.

    ``61837.63`` at a step of 0.01 is the integer 6183763: four times faster than by ``Decimal``,
    and the same number. Every other text, and every step that is not 0.1, 0.01, ..., goes to
    ``convert``.
    """
    exponent = step.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0 or step != Decimal(1).scaleb(exponent):
        return convert
    point = exponent - 1

    def fast(text: str) -> int:
        # At most 12 digits: far below the bounds of price and quantity that ``convert`` checks.
        if -point < len(text) < 14 and text[point] == ".":
            digits = text.replace(".", "", 1)
            if digits.isdigit() and digits.isascii():
                return int(digits)
        return convert(text)

    return fast


def _remember(table: dict[str, _Int], text: str, value: _Int) -> _Int:
    if len(table) >= _TABLE_SIZE:
        table.clear()
    table[text] = value
    return value
