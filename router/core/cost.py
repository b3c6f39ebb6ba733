"""What lots cost at a venue, term by term: the one model that strategies and audit log share.

The customer's formula, for q lots at a venue v:

    ``C_v = p_v * q_v + delta_v + lambda_v``

with the price, fees and rebates in it, the impact of our own order, and what latency and fill risk
come to. Costs are signed, lower is better: a seller's price counts as less than nothing. Per lot,
with ``e`` the price with the fee, ``delta`` the own impact and ``w`` what the price may have moved
away until the order is there, a lot that is surely had costs ``b = e + delta + w`` to a buyer, and
brings ``b = e - delta - w`` to a seller. With ``lambda`` the chance that it is not had:

- ``literal``: a buyer's lot costs ``b / (1 - lambda)``, a seller's brings ``b * (1 - lambda)``;
- ``chase``: what is not had is bought at ``m``, the best ``b`` of the other venues' best levels, if
  that is dearer: ``b + lambda * max(0, m - b)``; mirrored for a seller.

The term fill risk is what that adds to ``b``, so the terms add up to ``C_v``. All is worked out in
whole numbers of ``1/scale`` ticks and in fractions. Knows no venue, order or message.

Source: the customer's routing formula; own convention for ``w``, one standard deviation of a
Brownian price over quote age and delay, and for the chase.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt, lcm
from typing import Final, Literal

import msgspec

Variant = Literal["literal", "chase"]

NS: Final = 1_000_000_000
_ZERO: Final = Fraction(0)
_MILLION: Final = 1_000_000


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What a lot costs at one venue and side: a line in the price and what comes on top.

    ``slope * price + intercept`` is the price with the fee; ``impact`` and ``latency`` are per lot;
    all in ``1/scale`` ticks. ``fill_risk`` is >= 0 and < 1. ``best`` is the venue's best price.
    """

    slope: int
    intercept: int
    impact: int = 0
    latency: int = 0
    fill_risk: Fraction = _ZERO
    best: int | None = None

    def sure(self, price: int, *, buys: bool) -> int:
        """``b``: what a lot costs (buy) or brings (sell) there if it is surely had."""
        worse = self.impact + self.latency
        return self.slope * price + self.intercept + (worse if buys else -worse)


class Cost(msgspec.Struct, frozen=True, gc=False):
    """The cost of some lots, term by term, in ``1/scale`` ticks times lots; they add up to it.

    ``fill_risk`` is rounded to the nearest whole number, halves to even; all else is exact.
    """

    qty: int
    price: int
    fees: int
    impact: int
    latency: int
    fill_risk: int

    @property
    def total(self) -> int:
        """``C_v``."""
        return self.price + self.fees + self.impact + self.latency + self.fill_risk


class Line(msgspec.Struct, frozen=True, gc=False):
    """What ranks levels: ``slope * price + intercept``, for a buyer from the lowest up.

    Where ``until`` is given, it holds for levels at which a lot that is surely had costs less
    (brings more) than ``until``; ``beyond`` holds for the others.
    """

    slope: int
    intercept: int
    until: int | None = None
    beyond: tuple[int, int] = (0, 0)


def latency_charge(volatility_ticks: Fraction, ns: int, scale: int) -> int:
    """By how much a price may have moved in ``ns``: ``volatility * sqrt(seconds)``.

    In ``1/scale`` ticks, rounded down; exact whole-number root, the same on every machine.

    Args:
        volatility_ticks: Standard deviation after one second, in ticks, >= 0.
        ns: Quote age and delay together, >= 0.
        scale: Units of the result in a tick.
    """
    if not volatility_ticks or ns <= 0:
        return 0
    numerator = volatility_ticks.numerator**2 * ns * scale**2
    return isqrt(numerator // (volatility_ticks.denominator**2 * NS))


def millionths(risk: Fraction) -> Fraction:
    """A probability below 1 rounded to a whole number of millionths, and still below 1."""
    return Fraction(min(round(risk * _MILLION), _MILLION - 1), _MILLION)


def lot_cost(terms: Terms, price: int, chase: int | None, *, buys: bool) -> Fraction:
    """What a lot of a level costs (buy) or brings (sell), with the risk that it is not had.

    Args:
        terms: Of its venue.
        price: Of the level, in ticks.
        chase: ``m`` of the variant ``chase``; None: the literal formula.
        buys: The side.
    """
    sure, risk = terms.sure(price, buys=buys), terms.fill_risk
    if not risk:
        return Fraction(sure)
    if chase is None:
        return sure / (1 - risk) if buys else sure * (1 - risk)
    worse = max(chase, sure) if buys else min(chase, sure)
    return sure + risk * (worse - sure)


def chases(all_terms: Sequence[Terms], variant: Variant, *, buys: bool) -> list[int | None]:
    """Per venue the best ``b`` of the *other* venues' best levels; None under ``literal``.

    A venue that is alone would try again where it is: its own ``b``.
    """
    if variant == "literal":
        return [None] * len(all_terms)
    best: list[tuple[int, int]] = []
    for n, terms in enumerate(all_terms):
        if terms.best is not None:
            best.append((terms.sure(terms.best, buys=buys), n))
    best.sort(reverse=not buys)
    found: list[int | None] = []
    for n, terms in enumerate(all_terms):
        others = [sure for sure, i in best[:2] if i != n]
        own = terms.sure(terms.best, buys=buys) if terms.best is not None else 0
        found.append(others[0] if others else own)
    return found


def rank_lines(
    all_terms: Sequence[Terms], variant: Variant, *, buys: bool
) -> tuple[list[Line], int]:
    """What ranks the levels of each venue by ``lot_cost``, in whole numbers, and their unit.

    Args:
        all_terms: Per venue that may be used.
        variant: How a lot that is not had is priced.
        buys: The side.

    Returns:
        A line per venue, all in the unit ``1/(scale * factor)`` ticks, and that factor.

    Raises:
        ValueError: If a fill risk is not >= 0 and < 1.
    """
    for terms in all_terms:
        if not 0 <= terms.fill_risk < 1:
            raise ValueError(f"fill_risk must be >= 0 and < 1, was {terms.fill_risk}")
    chances = [1 - terms.fill_risk for terms in all_terms]
    weights = [1 / chance if buys and variant == "literal" else chance for chance in chances]
    factor = lcm(*(weight.denominator for weight in weights))
    found: list[Line] = []
    for terms, weight, chase in zip(
        all_terms, weights, chases(all_terms, variant, buys=buys), strict=True
    ):
        times = weight.numerator * (factor // weight.denominator)
        intercept = terms.sure(0, buys=buys)
        if chase is None or not terms.fill_risk:
            found.append(Line(terms.slope * times, intercept * times))
            continue
        found.append(
            Line(
                terms.slope * times,
                intercept * times + (factor - times) * chase,
                chase,
                (terms.slope * factor, intercept * factor),
            )
        )
    return found, factor


def cost_of(
    terms: Terms,
    parts: Sequence[tuple[int, int]],
    chase: int | None,
    scale: int,
    *,
    buys: bool,
) -> Cost:
    """The cost of lots at one venue, term by term.

    Args:
        terms: Of the venue.
        parts: Price and lots of each level.
        chase: ``m`` of the variant ``chase``; None: the literal formula.
        scale: Units of ``terms`` in a tick.
        buys: The side.
    """
    sign = 1 if buys else -1
    qty = price_lots = 0
    risk = _ZERO
    for price, lots in parts:
        qty += lots
        price_lots += price * lots
        if terms.fill_risk:
            sure = terms.sure(price, buys=buys)
            risk += sign * (lot_cost(terms, price, chase, buys=buys) - sure) * lots
    plain = price_lots * scale
    with_fee = terms.slope * price_lots + terms.intercept * qty
    return Cost(
        qty,
        sign * plain,
        sign * (with_fee - plain),
        terms.impact * qty,
        terms.latency * qty,
        round(risk) if risk else 0,
    )
