"""The one converter between decimals in files and integers inside.

Prices are ticks, quantities lots, times nanoseconds. A conversion that would lose something
raises ``UnitError``. Money is exact: ``Decimal`` with no context rounding on any path that files
or tables show.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Final, NewType

PriceTicks = NewType("PriceTicks", int)
QtyLots = NewType("QtyLots", int)
TimeNs = NewType("TimeNs", int)

NS_PER_UNIT: Final = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}
MAX_TICKS: Final = 10**12
MAX_LOTS: Final = 10**15
MAX_NS: Final = 10**18

_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ns|us|ms|s|min)", re.ASCII)
_EXACT: Final = Context(prec=60, traps=[Inexact])
# The same traps as of a context that is made for one sum, without making one.
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_AVG_PX_STEP: Final = Decimal("0.00000001")
_BPS_STEP: Final = Decimal("0.000001")


class UnitError(ValueError):
    """A number that cannot be converted without loss, or is out of bounds."""


def parse_decimal(text: str) -> Decimal:
    """Read ASCII decimal text such as ``-12.50``; no exponent, no NaN, no digits of other scripts.

    Raises:
        UnitError: If the text has any other form or more than 40 characters.
    """
    if len(text) > 40 or not _DECIMAL.fullmatch(text):
        raise UnitError(f"must be a plain decimal number such as 100.02, was {text[:40]!a}")
    return Decimal(text)


def parse_duration(text: str) -> TimeNs:
    """Read a duration with its unit, such as ``5ms``, ``1.5us`` or ``2 min``, as whole nanoseconds.

    Raises:
        UnitError: If the unit is missing or unknown, or a fraction of a nanosecond is left.
    """
    match = _DURATION.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        raise UnitError(
            f"must be a duration with a unit (ns us ms s min) such as 5ms, was {text[:40]!a}"
        )
    digits, _, decimals = match[1].partition(".")
    whole, rest = divmod(int(digits + decimals) * NS_PER_UNIT[match[2]], 10 ** len(decimals))
    if rest:
        raise UnitError(f"must be whole nanoseconds, was {text}")
    if whole > MAX_NS:
        raise UnitError(f"must be at most {MAX_NS} ns, was {text}")
    return TimeNs(whole)


def format_duration(ns: int) -> str:
    """Say a duration in its largest whole unit, so that it parses back to the same number."""
    for unit in ("min", "s", "ms", "us"):
        if ns and ns % NS_PER_UNIT[unit] == 0:
            return f"{ns // NS_PER_UNIT[unit]}{unit}"
    return f"{ns}ns"


def plain(value: Decimal) -> str:
    """Decimal text without exponent and without a trailing zero after the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class Units:
    """Tick and lot of one instrument, and every conversion that depends on them.

    Args:
        tick_size: Price of one tick, > 0.
        lot_size: Quantity of one lot, > 0.
    """

    __slots__ = ("_price_digits", "_qty_digits", "_tick_lot", "lot_size", "tick_size")

    def __init__(self, tick_size: Decimal, lot_size: Decimal) -> None:
        for name, value in (("tick_size", tick_size), ("lot_size", lot_size)):
            if not value.is_finite() or value <= 0:
                raise UnitError(f"{name} must be > 0, was {value}")
        self.tick_size = tick_size
        self.lot_size = lot_size
        self._tick_lot = _EXACT.multiply(tick_size, lot_size)
        self._price_digits = _digits(tick_size)
        self._qty_digits = _digits(lot_size)

    def price_to_ticks(self, price: str | Decimal) -> PriceTicks:
        """Whole ticks of a price (or of a signed price difference).

        Raises:
            UnitError: If the price is off tick or beyond ``MAX_TICKS``.
        """
        value = price if isinstance(price, Decimal) else parse_decimal(price)
        return PriceTicks(_steps(value, self.tick_size, MAX_TICKS, "tick size"))

    def qty_to_lots(self, qty: str | Decimal | int) -> QtyLots:
        """Whole lots of a quantity.

        Raises:
            UnitError: If the quantity is off lot or beyond ``MAX_LOTS``.
        """
        value = parse_decimal(qty) if isinstance(qty, str) else Decimal(qty)
        return QtyLots(_steps(value, self.lot_size, MAX_LOTS, "lot size"))

    def money(self, value: Decimal) -> Decimal:
        """An amount as a scenario writes it, in the instrument's currency."""
        return value

    def ticks_in(self, value: Decimal) -> Fraction:
        """Ticks of a price difference as a scenario writes it, whole or not."""
        return Fraction(self.money(value)) / Fraction(self.tick_size)

    def price_text(self, ticks: int) -> str:
        """Decimal text of a price, with as many digits as the tick has."""
        return format(self.tick_size * ticks, f".{self._price_digits}f")

    def mid_text(self, mid_x2: int | None) -> str | None:
        """Decimal text of a mid in half ticks, bid plus ask, exact; None for None."""
        if mid_x2 is None:
            return None
        return plain(_EXACT.divide(_EXACT.multiply(self.tick_size, Decimal(mid_x2)), Decimal(2)))

    def qty_text(self, lots: int) -> str:
        """Decimal text of a quantity, with as many digits as the lot has."""
        return format(self.lot_size * lots, f".{self._qty_digits}f")

    def notional(self, tick_lots: int) -> Decimal:
        """Money of a sum of ``price_ticks * qty_lots``, exact."""
        return _EXACT.multiply(self._tick_lot, Decimal(tick_lots))

    def avg_px_text(self, tick_lots: int, lots: int) -> str | None:
        """Average price with 8 decimals, half-even; None when nothing was filled."""
        return (
            quotient_text(self.tick_size * tick_lots, Decimal(lots), _AVG_PX_STEP) if lots else None
        )


class ForeignUnits(Units):
    """Units of a venue that writes its prices in another currency; quantities are as they are.

    Only conversions from its prices differ: inside, all prices are ticks of the instrument.

    Args:
        units: Those of the instrument.
        rate: What one unit of the venue's currency costs in the instrument's, > 0.
    """

    __slots__ = ("rate",)

    def __init__(self, units: Units, rate: Decimal) -> None:
        super().__init__(units.tick_size, units.lot_size)
        self.rate = rate

    def price_to_ticks(self, price: str | Decimal) -> PriceTicks:
        """Whole ticks of the instrument of a price in the venue's currency.

        Raises:
            UnitError: If the price is off tick in the instrument's currency, or beyond
                ``MAX_TICKS``.
        """
        value = price if isinstance(price, Decimal) else parse_decimal(price)
        try:
            return super().price_to_ticks(self.money(value))
        except UnitError as error:
            message = f"{plain(value)} times the rate {plain(self.rate)} {error}"
            raise UnitError(message) from None

    def money(self, value: Decimal) -> Decimal:
        """An amount in the venue's currency, in the instrument's; exact."""
        with localcontext(_EXACT):
            return value * self.rate


def quotient_text(numerator: Decimal, denominator: Decimal, step: Decimal = _BPS_STEP) -> str:
    """Quotient rounded once, half-even, to ``step`` (by default 6 decimals, for basis points)."""
    return format(_WIDE.quantize(_WIDE.divide(numerator, denominator), step), "f")


def _digits(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _steps(value: Decimal, step: Decimal, bound: int, name: str) -> int:
    if abs(value) > step * bound:
        raise UnitError(f"must be at most {bound} times the {name} {step}, was {plain(value)}")
    count, rest = divmod(value, step)
    if rest:
        raise UnitError(f"must be a whole multiple of the {name} {plain(step)}, was {plain(value)}")
    return int(count)
