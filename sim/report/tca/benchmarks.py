"""What an order's average price is held against: benchmarks by name, without fees.

A benchmark is a price for a number of lots. Where a price would need what nobody can know, such as
what was displayed where nobody looked, the benchmark says what it leaves out. Prices are exact
fractions of a tick inside. Knows levels, prints and instants; no record.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from operator import itemgetter, mul
from typing import Any, Final, NamedTuple

import msgspec

from sim.protocol.market_data import Levels
from sim.protocol.units import Units, plain, quotient_text
from sim.report.trail.orders import EXACT

BPS: Final = 10_000
PX_STEP: Final = Decimal("0.00000001")
"""To which prices and money of benchmarks are rounded, half-even: most are quotients."""


def about(units: Units, lots: int) -> str:
    """A quantity as people write it: in units of the instrument, thousands apart."""
    return f"{Decimal(plain(Decimal(units.qty_text(lots)))):,f}"


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """A price to compare with.

    ``px`` is in ticks, None where there is none, and then ``why`` says why. ``lots`` is how many
    the price holds for; None: for any number.
    """

    name: str
    title: str
    about: str
    px: Fraction | None = None
    lots: int | None = None
    detail: str = ""
    """What the price was made of in this run, such as a venue."""
    approximate: str = ""
    """What about it is an approximation; empty where nothing is."""
    why: str = ""

    def row(self, sign: int, tick_lots: int, lots: int, units: Units) -> dict[str, Any]:
        """Plain data, with the average price of ``lots`` for ``tick_lots`` held against it.

        ``cost`` is money and positive where the benchmark was better. It is None where
        nothing was filled, or the benchmark holds for fewer lots: no part compares with a whole.
        """
        px, why = self.px, self.why
        paid = money = bps = None
        if px is not None:
            num, den = px.numerator, px.denominator
            paid = _quotient(units.tick_size, num, den)
            if not lots:
                why = "nothing was filled"
            elif self.lots is not None and self.lots < lots:
                held, whole = (about(units, one) for one in (self.lots, lots))
                why = f"it holds for {held} of {whole}, and no part compares with a whole"
            else:
                worse = sign * (tick_lots * den - num * lots)
                money = _quotient(units.notional(1), worse, den)
                if num > 0:
                    bps = quotient_text(Decimal(BPS * worse), Decimal(num * lots))
        return {
            "name": self.name,
            "title": self.title,
            "about": self.about,
            "px": paid,
            "lots": self.lots,
            "cost": money,
            "cost_bps": bps,
            "detail": self.detail or None,
            "approximate": self.approximate or None,
            "why_not_available": why or None,
        }


class Walked(NamedTuple):
    """What was taken from levels: ticks times lots, and lots, which may be fewer than wanted."""

    tick_lots: int
    lots: int


def walk(levels: Iterable[tuple[int, int]], lots: int) -> Walked:
    """Take lots from levels of (ticks, lots) in their order."""
    paid, left = 0, lots
    for px, there in levels:
        taken = min(there, left)
        paid += px * taken
        left -= taken
        if not left:
            break
    return Walked(paid, lots - left)


def best_single(books: Mapping[str, Levels], sign: int, lots: int) -> tuple[str, Walked] | None:
    """The venue that alone sells the lots at least cost; None where no venue has any.

    Where none has enough it is the one that has most, and of these the cheapest. Of equals it is
    the first.
    """
    best: tuple[int, Fraction, str, Walked] | None = None
    for venue_id, levels in books.items():
        walked = walk(levels, lots)
        if not walked.lots:
            continue
        rank = (-walked.lots, sign * Fraction(walked.tick_lots, walked.lots))
        if best is None or rank < best[:2]:
            best = (*rank, venue_id, walked)
    return None if best is None else best[2:]


class Supply:
    """Lots that a run has shown to exist, by venue and price: each level once, at its fullest."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, int], int] = {}
        self._taken: dict[tuple[str, int], int] = {}

    def show(self, venue_id: str, levels: Iterable[tuple[int, int]]) -> None:
        """A book was seen: its levels are there together."""
        shown = self._shown
        for px, lots in levels:
            key = venue_id, px
            if shown.get(key, 0) < lots:
                shown[key] = lots

    def take(self, venue_id: str, px: int, lots: int) -> None:
        """Lots were executed: they were there, perhaps one after the other."""
        self._taken[venue_id, px] = self._taken.get((venue_id, px), 0) + lots

    def best(self, sign: int, lots: int, limit: int | None = None) -> Walked:
        """The cheapest lots within a limit."""
        both = self._shown | {
            key: max(taken, self._shown.get(key, 0)) for key, taken in self._taken.items()
        }
        levels = [
            (px, there)
            for (_, px), there in both.items()
            if limit is None or sign * (px - limit) <= 0
        ]
        return walk(sorted(levels, key=itemgetter(0), reverse=sign < 0), lots)


class Volumes:
    """What traded at one venue: prints with sums, so that any stretch of time costs the same.

    Args:
        t_ns: When, ascending.
        prices: Ticks.
        lots: How many.
    """

    __slots__ = ("_lots", "_t", "_tick_lots")

    def __init__(self, t_ns: Sequence[int], prices: Sequence[int], lots: Sequence[int]) -> None:
        self._t = t_ns
        self._lots = [0, *accumulate(lots)]
        self._tick_lots = [0, *accumulate(map(mul, prices, lots))]

    def between(self, from_ns: int, until_ns: int) -> Walked:
        """All that traded from an instant until another, both included."""
        a, b = bisect_left(self._t, from_ns), bisect_right(self._t, until_ns)
        return Walked(self._tick_lots[b] - self._tick_lots[a], self._lots[b] - self._lots[a])


def _quotient(size: Decimal, numerator: int, denominator: int) -> str:
    """``size * numerator / denominator``, rounded once."""
    exact = EXACT.multiply(size, Decimal(numerator))
    return quotient_text(exact, Decimal(denominator), PX_STEP)
