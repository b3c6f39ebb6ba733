"""What a venue adds to the drawn delays of its legs: constant speed bumps, and its own work."""

from typing import Annotated

from pydantic import Field

from sim.kernel.latency import LatencyModel
from sim.protocol.config import Duration, ScenarioModel


class SpeedBumpConfig(ScenarioModel):
    """A constant delay that a venue puts on every message of a leg, on top of the drawn one."""

    order: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On orders and cancels from the router; not on background flow, whose times are its own."""
    report: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On reports to the router."""
    feed: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """On market data, to whomever it goes."""


class ProcessingConfig(ScenarioModel):
    """The venue's own time for each order message, ours and others', one after the other.

    A message that comes while another one is worked on waits for its turn. Recorded data, and what
    the venue hears of other venues, wait for nothing.
    """

    time: LatencyModel
    """How long one message takes."""
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    """Messages that may wait; one that finds no room is refused as throttled, at once."""
