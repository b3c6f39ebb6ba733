"""What a venue adds to the drawn delays of its legs: constant speed bumps."""

from pydantic import Field

from sim.protocol.config import Duration, ScenarioModel


class SpeedBumpConfig(ScenarioModel):
    """A constant delay that a venue puts on every message of a leg, on top of the drawn one."""

    order: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On orders and cancels from the router; not on background flow, whose times are its own."""
    report: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On reports to the router."""
    feed: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On market data, to whomever it goes."""
