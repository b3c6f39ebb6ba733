"""Sizes of Binance's markets as base quantity: spot's own, and coin-margined contracts'.

A coin-margined contract is worth a fixed number of USD, so its base quantity depends on the price.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sim.data.events import SCALE
from sim.data.numbers import NanoTable, QtyTable
from sim.protocol.units import MAX_LOTS, PriceTicks, QtyLots, UnitError, Units, parse_decimal

BTC_CONTRACT_USD: Final = 100
OTHER_CONTRACT_USD: Final = 10


def contract_usd(symbol: str) -> int:
    """What one coin-margined contract is worth (the exchange's contract specifications)."""
    return BTC_CONTRACT_USD if symbol.startswith("BTC") else OTHER_CONTRACT_USD


@dataclass(slots=True)
class Rounding:
    """What rounding sizes down to whole lots has taken from one market so far.

    ``rounded`` counts the sizes that were no whole number of lots, ``lots`` sums all sizes after
    rounding, and ``lost_micro_lots`` what was taken, in millionths of a lot.
    """

    sizes: int = 0
    rounded: int = 0
    lots: int = 0
    lost_micro_lots: int = 0


class BaseSizes:
    """Sizes that already are base quantity.

    The exchange now and then shows a size that is finer than its own lot (25.426189 at a lot of
    0.00001); it is rounded down like a contract's, so that a venue never shows more than was there.
    """

    def __init__(self, units: Units) -> None:
        self.rounding = Rounding()
        self._qtys = QtyTable(units)
        self._lot_size = units.lot_size

    def lots(self, text: str, price: PriceTicks) -> QtyLots:
        """Lots of a quantity, rounded down; the price plays no part.

        Raises:
            UnitError: If the text is no decimal >= 0, or out of bounds.
        """
        rounding = self.rounding
        try:
            lots = self._qtys[text]
        except UnitError:
            value = parse_decimal(text)
            if not 0 <= value <= self._lot_size * MAX_LOTS:
                raise
            lots = QtyLots(int(value // self._lot_size))
            rounding.rounded += 1
            rounding.lost_micro_lots += int(value % self._lot_size * 1_000_000 / self._lot_size)
        rounding.sizes += lots > 0
        rounding.lots += lots
        return lots


class ContractSizes:
    """Sizes in inverse contracts of ``usd`` each."""

    def __init__(self, units: Units, usd: int) -> None:
        self.rounding = Rounding()
        per_lot = Fraction(units.tick_size) * Fraction(units.lot_size)
        self._num = usd * per_lot.denominator
        self._den = per_lot.numerator

    def lots(self, text: str, price: PriceTicks) -> QtyLots:
        """Lots that ``text`` contracts are worth at ``price``, rounded down.

        Raises:
            UnitError: If the text is no whole number >= 0, or the quantity is out of bounds.
        """
        below = price * self._den
        lots, rest = divmod(whole_contracts(text) * self._num, below)
        if lots > MAX_LOTS:
            raise UnitError(f"must be at most {MAX_LOTS} lots, was {text} contracts")
        rounding = self.rounding
        rounding.sizes += lots > 0
        rounding.rounded += rest > 0
        rounding.lots += lots
        rounding.lost_micro_lots += rest * 1_000_000 // below
        return QtyLots(lots)


class NanoSizes:
    """Sizes in 1e-9 of the base currency, exact or, of contracts, rounded down.

    Args:
        usd: Worth of one contract; None: sizes are base quantity already.
    """

    def __init__(self, usd: int | None) -> None:
        self.rounding = Rounding()
        self._table = NanoTable(positive=False)
        self._value = None if usd is None else usd * SCALE * SCALE

    def lots(self, text: str, price: PriceTicks) -> QtyLots:
        """Size of ``text`` at ``price``, which is in 1e-9 too.

        Raises:
            UnitError: If the text is no decimal >= 0 with at most 9 decimals, or out of bounds.
        """
        if self._value is None:
            return QtyLots(self._table[text])
        size, rest = divmod(whole_contracts(text) * self._value, price)
        self.rounding.sizes += size > 0
        self.rounding.rounded += rest > 0
        return QtyLots(size)


def whole_contracts(text: str) -> int:
    """A number of contracts.

    Raises:
        UnitError: If it is no whole number >= 0 of at most 15 digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise UnitError(f"must be a whole number of contracts, was {text[:40]!a}")
    return int(text)
