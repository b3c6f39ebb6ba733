"""``almgren_chriss``: the cheapest schedule for its risk, front-loaded by risk aversion.

Slice j has what the efficient trajectory ``sinh(kappa (T - t)) / sinh(kappa T)`` uses up in period
j, and is released as the period begins. See ``execution_cost`` for the formulas.
"""

from collections.abc import Sequence
from math import inf
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from router.schedule.base import Draws, FixedPace, Pace, ParentFacts, Sliced, SlicedConfig
from router.schedule.execution_cost import (
    Impact,
    decay_rate,
    efficient,
    least_value_at_risk,
    trajectory,
)
from sim.protocol.config import Duration

Positive = Annotated[float, Field(gt=0, le=1e15)]
NotNegative = Annotated[float, Field(ge=0, le=1e15)]


class AlmgrenChrissConfig(SlicedConfig):
    """Release what minimises expected cost plus risk aversion times its variance.

    Money is that of prices, quantities are shares, not lots.

    Source: Almgren & Chriss, "Optimal execution of portfolio transactions", 2000, with temporary
    impact less half a period's permanent one, as there.
    """

    kind: Literal["almgren_chriss"]
    sigma: Positive
    """Standard deviation of the price over one ``time_unit``."""
    eta: Positive
    """Temporary impact: what each share per ``time_unit`` moves our own price by."""
    gamma: NotNegative = 0.0
    """Permanent impact: what each share moves the price by for good."""
    epsilon: NotNegative = 0.0
    """Fixed cost of each share, half the spread and fees; it does not change the schedule."""
    risk_aversion: NotNegative | None = None
    """Weight of the variance of cost, per money; 0 gives equal slices."""
    z: Annotated[float, Field(gt=0, le=100)] | None = None
    """In place of ``risk_aversion``: the one with the least expected cost plus this many standard
    deviations, the liquidity-adjusted value at risk."""
    time_unit: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """The unit of time of ``sigma`` and ``eta``; ``390min`` for a trading day."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.risk_aversion is None) == (self.z is None):
            raise ValueError("needs either risk_aversion or z")
        return self

    def problem(self, horizon: int) -> str | None:
        """Temporary impact must outweigh the permanent one of half a period."""
        try:
            self._market.eta_tilde(self._tau(horizon))
        except ValueError as error:
            return f"with {self.slices} slices {error}, tau being the time between two slices"
        return super().problem(horizon)

    def build(self, facts: ParentFacts, draws: Draws) -> Sliced:
        """The schedule of one parent."""
        return Sliced(self.kind, self, facts, draws, self._pace)

    def notes(self, facts: ParentFacts, horizon: int) -> tuple[tuple[str, str], ...]:
        """The model's decay rate, expected cost and risk, in money and ``time_unit``."""
        tau, aversion = self._tau(horizon), self._aversion(facts, horizon)
        kappa = inf if aversion == inf else decay_rate(self._market, aversion, tau)
        cost = efficient(self._market, facts.quantity, aversion, tau, self.slices)
        return (
            ("risk_aversion", f"{aversion:.10g}"),
            ("kappa", f"{kappa:.10g}"),
            ("expected_cost", f"{cost.expected_cost:.10g}"),
            ("sd_cost", f"{cost.sd_cost:.10g}"),
        )

    @property
    def _market(self) -> Impact:
        return Impact(self.sigma, self.eta, self.gamma, self.epsilon)

    def _tau(self, horizon: int) -> float:
        return horizon / self.slices / self.time_unit

    def _aversion(self, facts: ParentFacts, horizon: int) -> float:
        if self.risk_aversion is not None:
            return self.risk_aversion
        assert self.z is not None  # one of the two is given
        tau = self._tau(horizon)
        point = least_value_at_risk(self._market, facts.quantity, tau, self.slices, self.z)
        return point.risk_aversion

    def _pace(self, facts: ParentFacts, horizon: int, factors: Sequence[float]) -> Pace:
        aversion = self._aversion(facts, horizon)
        if aversion == inf:
            left = [1.0] + [0.0] * self.slices
        else:
            tau = self._tau(horizon)
            left = trajectory(decay_rate(self._market, aversion, tau), tau, self.slices)
        weights = [
            (before - after) * factor
            for before, after, factor in zip(left, left[1:], factors, strict=False)
        ]
        return FixedPace(weights, facts.order_qty)
