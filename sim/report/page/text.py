"""Numbers of the document as a reader wants them: grouped, signed, with units and no noise.

What is undefined reads ``not available``, in tables an en dash. Nothing here is escaped: that is
the template's work. Pure.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from sim.protocol.units import Units, parse_decimal, plain
from sim.report.page.form import Instrument

NONE: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"

# Each begins with its name in the log, by which the headline and all other forms call it.
_CAUSES: Final = {
    "faded": "faded after our own fill",
    "own_sibling": "own sibling had it first",
    "queue": "queue: its turn did not come",
    "min_qty": "min qty: minimum not met",
    "halt": "halt: venue did not trade",
    "not_shown": "not shown: asked for more",
    "untrue_indication": "untrue indication: not there",
    "no_reference": "no reference price",
    "busted": "busted: fill taken back",
    "not_booked": "not booked: beyond the limit",
    "still_open": "still open at the end",
    "not_recorded": "not recorded: no market data",
}
_PARTS: Final = {
    "delay": ("Delay", "how the price moved while orders were on their way"),
    "spread": ("Spread", "half the spread, paid to cross it or earned by waiting"),
    "impact": ("Impact", "what our own fills moved the price by, and walking the book"),
    "timing": ("Timing", "how the market moved while the order was worked"),
    "fees": ("Fees", "fees paid, less rebates"),
    "opportunity": ("Opportunity", "what became of the price for lots that were never filled"),
}
_LEGS: Final = {
    "order": "router to venue",
    "in_venue": "inside the venue",
    "report": "venue to router",
    "feed": "market data to router",
    "quote_age": "quote age",
}


def words(name: str) -> str:
    """A name of the vocabulary as words."""
    return name.replace("_", " ")


def cause(name: str) -> str:
    """A cause of a shortfall in words."""
    return _CAUSES.get(name, words(name))


def part(name: str) -> tuple[str, str]:
    """A part of the cost: its name, and what it is."""
    return _PARTS.get(name, (words(name).capitalize(), ""))


def leg(name: str) -> str:
    """A way of messages in words."""
    return _LEGS.get(name, words(name))


def sentences(parts: Iterable[str | None]) -> str:
    """Sentences in a row, each with a capital in front and a full stop behind."""
    given = [part.strip() for part in parts if part and part.strip()]
    return " ".join(f"{one[0].upper()}{one[1:]}{'' if one[-1] in '.!?' else '.'}" for one in given)


def parts_in_order(names: Iterable[str]) -> list[str]:
    """The known parts in their order, then others as they come."""
    given = list(names)
    return [name for name in _PARTS if name in given] + [n for n in given if n not in _PARTS]


def whole(number: int) -> str:
    """A count with thousands apart."""
    return f"{number:,}".replace("-", MINUS)


def signed(text: str | None, digits: int, *, plus: bool = True) -> str:
    """A decimal rounded half-even, with its sign; what would round to nothing keeps one digit."""
    if text is None:
        return NONE
    exact = parse_decimal(text)
    value = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    sign = MINUS if exact < 0 else "+" if plus and exact else ""
    if exact and not value:
        value = Decimal(f"{exact:.1g}")
    return f"{sign}{abs(value):,f}"


def bps(text: str | None) -> str:
    """Basis points with two digits and a sign."""
    return signed(text, 2)


def money(text: str | None, *, plus: bool = False) -> str:
    """An amount with two digits."""
    return signed(text, 2, plus=plus)


def percent(numerator: int, denominator: int) -> str:
    """A share in percent: whole where it is, never 100 or 0 unless it is exactly that."""
    if not denominator:
        return NONE
    share = Decimal(100 * numerator) / denominator
    if share == share.to_integral_value():
        return f"{share:.0f} %"
    rounded = share.quantize(Decimal("0.1"))
    if rounded in {0, 100}:
        return "under 0.1 %" if rounded == 0 else "over 99.9 %"
    return f"{rounded} %"


class Figures:
    """Prices and quantities of one instrument.

    Args:
        instrument: Its tick and lot as decimal text.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._units = Units(parse_decimal(instrument.tick_size), parse_decimal(instrument.lot_size))
        self._digits = len(self._units.price_text(0).partition(".")[2])
        self._lot = self._units.lot_size

    @property
    def lot(self) -> float:
        """Size of a lot, for the axis of a chart."""
        return float(self._lot)

    @property
    def tick(self) -> float:
        """Size of a tick, for the axis of a chart."""
        return float(self._units.tick_size)

    @property
    def axis_format(self) -> str:
        """How an axis writes prices."""
        return f",.{self._digits}f"

    def qty(self, lots: int | None) -> str:
        """A quantity as traders write it."""
        if lots is None:
            return NONE
        return f"{Decimal(self._units.qty_text(lots)):,}".replace("-", MINUS)

    def about(self, lots: int) -> str:
        """A quantity in a sentence: without zeros that only line up columns."""
        text = self._units.qty_text(lots)
        return f"{Decimal(plain(Decimal(text))):,f}".replace("-", MINUS)

    def size(self, lots: int) -> float:
        """A quantity for the axis of a chart."""
        return float(self._units.qty_text(lots))

    def price(self, text: str | None) -> str:
        """A price on its tick."""
        return NONE if text is None else f"{parse_decimal(text):,}".replace("-", MINUS)

    def average(self, text: str | None) -> str:
        """An average price: two digits more than the tick, fewer where they are zeros."""
        if text is None:
            return NONE
        value = parse_decimal(text)
        digits = self._digits + 2
        rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
        while digits > self._digits and rounded == rounded.quantize(
            Decimal(1).scaleb(1 - digits), ROUND_HALF_EVEN
        ):
            digits -= 1
            rounded = rounded.quantize(Decimal(1).scaleb(-digits))
        return f"{rounded:,}".replace("-", MINUS)
