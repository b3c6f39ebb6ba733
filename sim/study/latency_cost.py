"""What latency costs a pegged passive order, in any market: the model of Moallemi and Saglam.

One share is to be sold by a horizon. The bid is a Brownian martingale. A limit price takes a
latency to become active and is then active for as long; while it is, an impatient buyer who comes
pays it if it lies between the bid and the bid plus a price jump, and a limit at or below the bid
sells at the bid. Without latency the limit would always stand a jump above the bid, worth
``jump * (1 - exp(-rate * horizon))`` more than selling at once. With latency it must stand lower,
for fear that the bid runs away from it or into it. The cost is the fraction of that value that is
lost.

Source: Moallemi and Saglam, "The cost of latency in high-frequency trading", Operations Research
61(5), 2013.
"""

from math import erf, exp, expm1, isfinite, log, pi, sqrt
from typing import Final, NamedTuple

_COARSE: Final = 400
_FINE: Final = 24
_RATIO: Final = (sqrt(5) - 1) / 2
_STAGES_MAX: Final = 1_000_000


class PeggedSale(NamedTuple):
    """The market of the model: prices in one currency, times in seconds.

    Attributes:
        jump: How much above the bid an impatient buyer pays, per share.
        sigma: Standard deviation of the bid's change, per square root of a second.
        rate: Impatient buyers per second.
        horizon: Seconds until the share must be sold.
    """

    jump: float
    sigma: float
    rate: float
    horizon: float


def latency_cost_formula(market: PeggedSale, latency: float) -> float:
    """The leading term for a small latency, as a fraction of the value without latency.

    ``(sigma * sqrt(dt) / jump) * sqrt(ln(jump^2 / (2 * pi * sigma^2 * dt)))``.

    Args:
        market: Prices, rates and horizon.
        latency: Seconds, > 0.

    Raises:
        ValueError: If a number is not finite and > 0, or the latency is too large for the formula.
    """
    _check(market, latency)
    deviation = market.sigma * sqrt(latency)
    inside = market.jump**2 / (2 * pi * deviation**2)
    if inside <= 1:
        raise ValueError(
            f"latency must be small: sigma * sqrt(2 * pi * latency) < jump, was {latency} s"
        )
    return deviation / market.jump * sqrt(log(inside))


def latency_cost_program(market: PeggedSale, latency: float) -> float:
    """The cost of the best policy, by dynamic programming over steps of one latency.

    In each step the seller chooses how far above the bid the limit stands that will be active in
    the next one; none is active in the first. With ``X`` the bid's change in a step and ``p`` the
    probability of a buyer, the value of a step is ``p * E[u - X; u - jump < X < u]`` plus what the
    steps after it are worth, if the share is not sold: ``X < u - jump``, or no buyer came.

    Args:
        market: Prices, rates and horizon.
        latency: Seconds, > 0; at most half the horizon.

    Raises:
        ValueError: If a number is not finite and > 0, or the horizon has fewer than two steps, or
            more than a million.
    """
    _check(market, latency)
    steps = round(market.horizon / latency)
    if not 2 <= steps <= _STAGES_MAX:
        raise ValueError(
            f"the horizon must have 2 to {_STAGES_MAX:,} steps of the latency, had {steps}"
        )
    deviation = market.sigma * sqrt(latency)
    buyer = -expm1(-market.rate * latency)
    stage = _Stage(market.jump, deviation, buyer)
    worth = 0.0
    limit = stage.first_limit()
    for _ in range(steps - 1):
        limit, worth = stage.best(limit, worth)
    without = -market.jump * expm1(-market.rate * market.horizon)
    return 1 - worth / without


class _Stage:
    """One step of the program: a limit, and what it is worth given what comes after."""

    def __init__(self, jump: float, deviation: float, buyer: float) -> None:
        self._jump = jump
        self._deviation = deviation
        self._buyer = buyer

    def first_limit(self) -> float:
        """The best limit of the last step, where nothing comes after, to a coarse grid."""
        top = self._jump + 6 * self._deviation
        return max((top * n / _COARSE for n in range(1, _COARSE)), key=lambda u: self.value(u, 0.0))

    def best(self, near: float, worth: float) -> tuple[float, float]:
        """The best limit and its value, searched around that of the step before it in time."""
        reach = max(self._deviation, self._jump / _COARSE)
        low, high = near - reach, near + reach
        left, right = high - _RATIO * (high - low), low + _RATIO * (high - low)
        at_left, at_right = self.value(left, worth), self.value(right, worth)
        for _ in range(_FINE):
            if at_left < at_right:
                low, left, at_left = left, right, at_right
                right = low + _RATIO * (high - low)
                at_right = self.value(right, worth)
            else:
                high, right, at_right = right, left, at_left
                left = high - _RATIO * (high - low)
                at_left = self.value(left, worth)
        limit = (low + high) / 2
        return limit, self.value(limit, worth)

    def value(self, limit: float, worth: float) -> float:
        """What a limit so far above the bid is worth, if an unsold share is worth ``worth``."""
        deviation, buyer = self._deviation, self._buyer
        upper, lower = limit / deviation, (limit - self._jump) / deviation
        above, below = _normal(upper), _normal(lower)
        between = above - below
        gain = limit * between + deviation * (_density(upper) - _density(lower))
        return buyer * gain + worth * (below + (1 - buyer) * between)


def _normal(x: float) -> float:
    return 0.5 * (1 + erf(x / sqrt(2)))


def _density(x: float) -> float:
    return exp(-x * x / 2) / sqrt(2 * pi)


def _check(market: PeggedSale, latency: float) -> None:
    for name, value in (*zip(market._fields, market, strict=True), ("latency", latency)):
        if not (isfinite(value) and value > 0):
            raise ValueError(f"{name} must be finite and > 0, was {value}")
