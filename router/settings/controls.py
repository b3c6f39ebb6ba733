"""Settings of the controls between the router and its venues (``router.controls``)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sim.protocol.config import DecimalText, Duration, PositiveDecimal, ScenarioModel

_Count = Annotated[int, Field(ge=1, le=1_000_000)]


class PriceCollarConfig(ScenarioModel):
    """How far beyond a reference price the limit of an order may be.

    Only the dear side counts: a buy above, a sell below.
    """

    bps: Annotated[DecimalText, Field(ge=0, lt=10_000, decimal_places=8)] | None = None
    """Distance in basis points of the reference; of this and ``ticks`` the wider one counts."""
    ticks: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    """Distance in ticks of the instrument."""
    reference: Literal["touch", "mid"] = "touch"
    """The best displayed lit price that the order could trade at, or the middle of the best
    displayed lit prices, as received."""
    without_reference: Literal["block", "pass"] = "block"
    """What happens to orders while there is no such price."""

    @model_validator(mode="after")
    def _some_distance(self) -> Self:
        if self.bps is None and self.ticks is None:
            raise ValueError("must have bps or ticks")
        return self


class VolumeLimitConfig(ScenarioModel):
    """A most of lots at a time or in all."""

    qty: PositiveDecimal
    """The most, in the unit of ``parents[].qty``."""
    per: Literal["parent", "run"] = "parent"
    """Whether each parent has this much, or all of the run together."""


class MessageThrottleConfig(ScenarioModel):
    """A most of messages within a time that slides along.

    New orders, replaces and cancels count. A cancel is never held back, since it makes less.
    """

    most: _Count
    """Messages within the time."""
    within: Duration = Field(gt=0)
    """The time. A message counts from when it leaves until just before this much later."""
    per: Literal["venue", "all"] = "venue"
    """Whether each venue is counted by itself, or all together."""


class ExecutionThrottleConfig(ScenarioModel):
    """A parent that is filled too often within a time is held.

    Source: Commission Delegated Regulation (EU) 2017/589 (RTS 6), article 15: repeated automated
    execution throttles.
    """

    most: _Count
    """Fills within the time at which the parent is held."""
    within: Duration = Field(gt=0)
    """The time. A fill counts from when it is known until just before this much later."""
    release: Duration | None = Field(None, gt=0)
    """How long the parent is held, until somebody lets it go on; without it nobody does: it takes
    no more, and ends with its open children."""


class KillSwitchConfig(ScenarioModel):
    """When all trading ends: open orders are canceled, none is sent, each parent ends.

    Source: Commission Delegated Regulation (EU) 2017/589 (RTS 6), article 12: kill functionality.
    """

    at: Duration | None = None
    """At this time of the run: somebody pulls it."""
    loss: PositiveDecimal | None = None
    """At a loss of this much money: what was paid and received with fees, and what is held at the
    middle of the best displayed lit prices as received. Worked out as each fill becomes known."""
    qty: PositiveDecimal | None = None
    """At this much filled in all, in the unit of ``parents[].qty``."""
    breaches: _Count | None = None
    """At so many breaches of other controls."""

    @model_validator(mode="after")
    def _for_some_reason(self) -> Self:
        if self.at is None and self.loss is None and self.qty is None and self.breaches is None:
            raise ValueError("must have at least one of at, loss, qty and breaches")
        return self


class ControlsConfig(ScenarioModel):
    """What is looked at as an order or a replace is about to leave for its venue.

    What breaches a control does not leave; its lots are free again, and ``reroute.on`` says what
    follows.

    Source: Commission Delegated Regulation (EU) 2017/589 (RTS 6), articles 12 and 15; SEC rule
    15c3-5. In kind: the figures are the scenario's.
    """

    price_collar: PriceCollarConfig | None = None
    """How far beyond a reference price a limit may be."""
    max_order_qty: PositiveDecimal | None = None
    """The largest order, in the unit of ``parents[].qty``."""
    max_order_value: PositiveDecimal | None = None
    """The largest order in money: its limit times its quantity."""
    max_open: VolumeLimitConfig | None = None
    """How much may be open at venues at a time."""
    max_total: VolumeLimitConfig | None = None
    """How much may be filled and open in all."""
    messages: MessageThrottleConfig | None = None
    """How many messages may leave within a time."""
    executions: ExecutionThrottleConfig | None = None
    """How often a parent may be filled within a time."""
    kill: KillSwitchConfig | None = None
    """When all trading ends."""
