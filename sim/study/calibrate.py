"""Fits a flow's parameters to a recorded market, and says how well a simulation of it compares.

What each fit assumes:

- ``poisson``: messages come at a constant rate and are takers, cancels and limit orders by fixed
  shares; limit orders are uniform over the levels below and above a centre that stays.
- ``zero_intelligence``: one limit rate for all prices within reach, one cancel rate per order, one
  market rate.
- ``cont_stoikov_talreja``: limit rates and cancel rates by distance from the opposite best price,
  one market rate; beyond the table the limit rate falls as a power of the distance (least squares
  of the logarithms).
- ``hawkes``: arrivals of limit and market orders excite each other (maximum likelihood); shares of
  takers, distances and lives are independent of that.

All of them assume that rates are constant over the stretch of data and that both sides are alike.
Standard errors are those of counts: of a rate ``n / exposure`` it is ``sqrt(n) / exposure``.

Source: Cont, Stoikov and Talreja, Operations Research 58(3), 2010, section 4, for the estimators of
rates by distance; own convention: what is a market order and a cancel (``market_measure``).
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from math import exp, gcd, log, sqrt
from statistics import fmean
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sim.data.events import SCALE
from sim.data.neutral import decimal_text
from sim.study.hawkes_fit import LEAST_EVENTS, fit_hawkes
from sim.study.market_measure import Market

KINDS: Final = ("cont_stoikov_talreja", "zero_intelligence", "hawkes", "poisson")
FEW: Final = 10
"""Fewer events than this say too little of a distance by itself."""
NOTED_SHARE: Final = 0.05
"""Of limit orders beyond the distances that are told apart."""
MAX_SIZES: Final = 40
MAX_WARM_UP_NS: Final = 600 * SCALE
MAX_HAWKES: Final = 20_000
"""A Hawkes fit takes so many of the first arrivals: its time grows with them."""
_DIGITS: Final = 6


class Parameter(msgspec.Struct, frozen=True):
    """A fitted value and its standard error; None where it has none of its own."""

    name: str
    value: float
    se: float | None
    unit: str


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A flow as a scenario writes it, and what is known of its parameters."""

    kind: str
    flow: dict[str, Any]
    parameters: tuple[Parameter, ...]
    notes: tuple[str, ...] = ()


class CalibrationError(ValueError):
    """The data do not hold what the fit needs."""


def fit_flow(kind: str, market: Market, lot: int) -> Fit:
    """Fit the flow of this kind.

    Args:
        kind: One of ``KINDS``.
        market: What was counted.
        lot: Quantity step of the sizes, in 1e-9.

    Raises:
        CalibrationError: If there are no limit orders, market orders or cancels to count.
        KeyError: If the kind is unknown.
    """
    if not market.open_ns or not sum(market.limits) or not market.market_orders:
        raise CalibrationError(
            f"needs limit orders and market orders while both sides are there; found "
            f"{sum(market.limits)} and {market.market_orders} in {market.seconds:g} s"
        )
    fits = {
        "cont_stoikov_talreja": _fit_rates,
        "zero_intelligence": _fit_zero,
        "hawkes": _fit_hawkes,
        "poisson": _fit_poisson,
    }
    fit = fits[kind](market, lot)
    share = market.beyond / (market.beyond + sum(market.limits))
    if share > NOTED_SHARE:
        word = (
            f"{share:.0%} of limit orders stood further than {market.levels} ticks from the "
            "opposite best and are left out; more levels take them in"
        )
        fit = replace(fit, notes=(*fit.notes, word))
    return fit


def lot_of(sizes: Sequence[int]) -> int:
    """The largest step that all sizes are whole multiples of, in 1e-9."""
    return gcd(*sizes) if sizes else SCALE


def _common(market: Market, lot: int) -> dict[str, Any]:
    """What all flows that look at the book share."""
    rate = _cancel_parameter(market).value
    start: dict[str, Any] = {"opening": _opening(market)}
    if not all(market.opening):
        start = {"warm_up": f"{max(1, min(MAX_WARM_UP_NS, round(10e9 / (rate or 1))))}ns"}
    return {
        "per": "1s",
        "centre": _centre(market),
        **start,
        "size": _size_law(market.limit_sizes, lot),
    }


def _fit_rates(market: Market, lot: int) -> Fit:
    seconds, exposure = market.seconds, _order_seconds(market)
    canceled = _canceled_orders(market)
    limits = [count / (2 * seconds) for count in market.limits]
    used = max((i + 1 for i, count in enumerate(market.limits) if count), default=1)
    table = max((i + 1 for i, count in enumerate(market.limits) if count >= FEW), default=1)
    pooled = _cancel_parameter(market)
    cancels = [
        n / time if n >= FEW else pooled.value
        for n, time in zip(canceled[:table], exposure[:table], strict=True)
    ]
    parameters = [
        Parameter(f"limits[{i + 1}]", limits[i], sqrt(market.limits[i]) / (2 * seconds), "1/s")
        for i in range(table)
    ] + [
        Parameter(
            f"cancels[{i + 1}]",
            cancels[i],
            sqrt(canceled[i]) / exposure[i] if canceled[i] >= FEW else pooled.se,
            "1/s per order",
        )
        for i in range(table)
    ]
    flow = {"kind": "cont_stoikov_talreja", **_common(market, lot)}
    flow |= {
        "limits": [_short(rate) for rate in limits[:table]],
        "cancels": [_short(rate) for rate in cancels],
        "market_per_side": _short(market.market_orders / 2 / seconds),
        "take_size": _size_law(market.take_sizes, lot),
    }
    notes = []
    if any(n < FEW for n in canceled[:table]):
        notes.append(
            f"distances with fewer than {FEW} cancels have the rate of all distances together"
        )
    tail = _power(limits[:table]) if table < used else None
    if tail is not None:
        flow["tail"] = {"factor": _short(tail[0]), "exponent": _short(tail[1]), "levels": used}
        parameters += [
            Parameter("tail.factor", tail[0], None, "1/s"),
            Parameter("tail.exponent", tail[1], None, ""),
        ]
        notes.append(
            f"distances of {table + 1} ticks and more had fewer than {FEW} limit orders: their "
            "rates are the tail's"
        )
    parameters.append(_market_parameter("market_per_side", market, 2))
    return Fit(
        kind="cont_stoikov_talreja", flow=flow, parameters=tuple(parameters), notes=tuple(notes)
    )


def _fit_zero(market: Market, lot: int) -> Fit:
    seconds = market.seconds
    levels = _reach(market)
    count = sum(market.limits[:levels])
    limit = count / (2 * levels * seconds)
    cancel = _cancel_parameter(market)
    flow = {"kind": "zero_intelligence", **_common(market, lot)}
    flow |= {
        "limit": _short(limit),
        "market": _short(market.market_orders / seconds),
        "cancel": _short(cancel.value),
        "levels": levels,
        "take_size": _size_law(market.take_sizes, lot),
    }
    parameters = (
        Parameter("limit", limit, sqrt(count) / (2 * levels * seconds), "1/s per price and side"),
        cancel,
        _market_parameter("market", market, 1),
        Parameter("levels", levels, None, "ticks"),
    )
    return Fit(kind="zero_intelligence", flow=flow, parameters=parameters)


def _fit_hawkes(market: Market, lot: int) -> Fit:
    times = [(t - market.first_ns) / 1e9 for t in market.arrivals[:MAX_HAWKES]]
    if len(times) < LEAST_EVENTS:
        raise CalibrationError(f"a Hawkes fit needs at least {LEAST_EVENTS} arrivals")
    whole = len(market.arrivals) <= MAX_HAWKES
    end = (market.last_ns - market.first_ns) / 1e9 if whole else times[-1]
    found = fit_hawkes(times, end)
    arrivals = sum(market.limits) + market.market_orders
    take = market.market_orders / arrivals
    levels = _reach(market)
    cancel = _cancel_parameter(market)
    flow = {"kind": "hawkes", **_common(market, lot)}
    flow |= {
        "base": _short(found.mu),
        "alpha": _short(found.alpha),
        "beta": _short(found.beta),
        "take": _short(take),
        "distance": {"law": "empirical", "weights": market.limits[:levels]},
    }
    if cancel.value > 0:
        flow["life"] = {"law": "exponential", "mean": f"{max(1, round(1e9 / cancel.value))}ns"}
    ratio = found.alpha / found.beta
    parameters = (
        Parameter("base", found.mu, found.se[0], "1/s"),
        Parameter("alpha", found.alpha, found.se[1], "1/s/s"),
        Parameter("beta", found.beta, found.se[2], "1/s"),
        Parameter("alpha / beta", ratio, found.ratio_se, ""),
        Parameter("take", take, sqrt(take * (1 - take) / arrivals), ""),
        cancel,
    )
    notes = ["the sizes of market orders follow the law of limit orders: the flow has one law"]
    if not whole:
        notes.append(f"base, alpha and beta are fitted to the first {MAX_HAWKES} arrivals")
    return Fit(kind="hawkes", flow=flow, parameters=parameters, notes=tuple(notes))


def _fit_poisson(market: Market, lot: int) -> Fit:
    seconds, orders = market.seconds, sum(market.limits)
    cancels = sum(_canceled_orders(market))
    messages = orders + market.market_orders + cancels
    take, cancel = market.market_orders / messages, cancels / messages
    mean = _mean(market.limit_sizes) / lot
    flow = {
        "kind": "poisson",
        "rate": _short(messages / seconds),
        "centre": _centre(market),
        "levels": min(1000, _reach(market)),
        "lots": max(1, round(2 * mean - 1)),
        "take": _short(take),
        "cancel": _short(min(cancel, 1 - take)),
    }
    parameters = (
        Parameter("rate", messages / seconds, sqrt(messages) / seconds, "1/s"),
        Parameter("take", take, sqrt(take * (1 - take) / messages), ""),
        Parameter("cancel", cancel, sqrt(cancel * (1 - cancel) / messages), ""),
    )
    notes = (
        "the centre does not move in this flow: on data whose price wanders the spread and the "
        "depth come out wrong",
        "cancel is the share of cancels that found their order; of its own, this flow also sends "
        "some for orders that have traded",
    )
    return Fit(kind="poisson", flow=flow, parameters=parameters, notes=notes)


def _order_seconds(market: Market) -> list[float]:
    """Order-seconds by distance."""
    if not market.by_level:
        return [ns / 1e9 for ns in market.order_ns]
    mean = _mean(market.limit_sizes)
    return [qty / mean / 1e9 for qty in market.qty_ns]


def _canceled_orders(market: Market) -> list[float]:
    """Cancels by distance, in orders."""
    if not market.by_level:
        return list(market.cancels)
    mean = _mean(market.limit_sizes)
    return [qty / mean for qty in market.cancels]


def _cancel_parameter(market: Market) -> Parameter:
    """One rate for all orders within reach."""
    count, time = sum(_canceled_orders(market)), sum(_order_seconds(market))
    if time <= 0:
        raise CalibrationError("no order rested for any time")
    return Parameter("cancel", count / time, sqrt(count) / time, "1/s per order")


def _market_parameter(name: str, market: Market, sides: int) -> Parameter:
    count, time = market.market_orders, market.seconds * sides
    return Parameter(name, count / time, sqrt(count) / time, "1/s" + (" per side" * (sides > 1)))


def _reach(market: Market) -> int:
    """So many ticks hold all but a hundredth of the limit orders that were told apart."""
    total = sum(market.limits)
    for place, count in enumerate(accumulate(market.limits)):
        if count >= 0.99 * total:
            return place + 1
    return market.levels


def _power(rates: Sequence[float]) -> tuple[float, float] | None:
    """Factor and exponent of a power law through rates at 1, 2, ... ticks."""
    points = [(log(i + 1), log(rate)) for i, rate in enumerate(rates) if rate > 0]
    if len(points) < 2:
        return None
    x0, y0 = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - x0) ** 2 for x, _ in points)
    slope = sum((x - x0) * (y - y0) for x, y in points) / spread
    return exp(y0 - slope * x0), min(10.0, max(0.0, -slope))


def _centre(market: Market) -> str:
    """The median middle over time, on the tick."""
    half, passed = market.open_ns / 2, 0
    middle = 0
    for middle in sorted(market.mid_ns):
        passed += market.mid_ns[middle]
        if passed >= half:
            break
    return decimal_text(middle // 2 // market.tick * market.tick)


def _opening(market: Market) -> dict[str, list[list[Any]]]:
    mean = _mean(market.limit_sizes) if market.by_level else 1.0
    bids, asks = (
        [[decimal_text(price), max(1, min(10_000, round(n / mean)))] for price, n in levels]
        for levels in market.opening
    )
    return {"bids": bids, "asks": asks}


def _size_law(sizes: Mapping[int, int], lot: int) -> dict[str, Any]:
    """Counted sizes in lots; of many different ones so many quantiles of equal weight."""
    lots: dict[int, int] = {}
    for size, count in sizes.items():
        lots[max(1, size // lot)] = lots.get(max(1, size // lot), 0) + count
    if len(lots) == 1:
        return {"law": "fixed", "lots": next(iter(lots))}
    if len(lots) <= MAX_SIZES:
        ordered = sorted(lots)
        return {"law": "empirical", "lots": ordered, "weights": [lots[one] for one in ordered]}
    picked: dict[int, int] = {}
    total, ordered = sum(lots.values()), sorted(lots)
    sums = list(accumulate(lots[one] for one in ordered))
    place = 0
    for n in range(MAX_SIZES):
        while sums[place] < (n + 0.5) / MAX_SIZES * total:
            place += 1
        picked[ordered[place]] = picked.get(ordered[place], 0) + 1
    return {"law": "empirical", "lots": list(picked), "weights": list(picked.values())}


def _mean(sizes: Mapping[int, int]) -> float:
    total = sum(sizes.values())
    return sum(size * count for size, count in sizes.items()) / total if total else 1.0


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def statistics_of(market: Market, lot: int) -> dict[str, float]:
    """The figures that a simulation is compared in; quantities in lots, spreads in ticks.

    ``inter_arrival`` is of limit and market orders, ``cv`` its standard deviation over its mean (1
    for Poisson arrivals).
    """
    seconds = market.seconds or 1.0
    gaps = [b - a for a, b in pairwise(market.arrivals)]
    mean_gap = fmean(gaps) if gaps else 0.0
    deviation = sqrt(fmean((gap - mean_gap) ** 2 for gap in gaps)) if gaps else 0.0
    orders, cancels = sum(market.limits), sum(_canceled_orders(market))
    spread = sum(ticks * ns for ticks, ns in market.spread_ns.items())
    return {
        "spread_mean_ticks": spread / market.open_ns if market.open_ns else 0.0,
        "spread_p50_ticks": float(_quantile(market.spread_ns, 0.5)),
        "spread_p95_ticks": float(_quantile(market.spread_ns, 0.95)),
        "depth_best_lots": market.best_qty_ns / (market.open_ns or 1) / lot,
        "trade_size_mean_lots": _mean(market.take_sizes) / lot,
        "trade_size_p95_lots": _quantile(market.take_sizes, 0.95) / lot,
        "limit_orders_per_s": orders / seconds,
        "market_orders_per_s": market.market_orders / seconds,
        "cancels_per_s": cancels / seconds,
        "cancels_per_limit_order": cancels / orders if orders else 0.0,
        "inter_arrival_mean_ms": mean_gap / 1e6,
        "inter_arrival_cv": deviation / mean_gap if mean_gap else 0.0,
    }


def _quantile(weights: Mapping[int, int], level: float) -> int:
    total, passed = sum(weights.values()), 0
    for value in sorted(weights):
        passed += weights[value]
        if passed >= level * total:
            return value
    return 0
