"""The router's part of a scenario file."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from router.allocate import StrategyConfig
from router.allocate.base import USUAL_TIE, TieRule
from sim.protocol.config import Duration, ScenarioModel, Seq


class RerouteConfig(ScenarioModel):
    """Where lots go that a venue did not fill."""

    levels: Literal["top", "all"] = "all"
    """Best level of each venue only, or the full depth."""
    venues: Literal["all", "others"] = "all"
    """Whether a venue that filled short may be used again for the same parent."""
    fresh_quote: bool = True
    """Use the newest quotes received; else those of the parent's first decision, less what was
    used of them."""


class RouterConfig(ScenarioModel):
    """How the router splits, waits and re-routes."""

    strategy: StrategyConfig
    """How a parent is split."""
    ack_timeout: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """Without any answer of the venue for this long, a child is canceled."""
    reroute: RerouteConfig = RerouteConfig()
    """Where lots go that a venue did not fill."""
    tie: Seq[TieRule] = USUAL_TIE
    """What ranks levels; the first rule that tells two apart decides."""
    max_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Decisions with children that one parent may have."""

    @field_validator("tie")
    @classmethod
    def _each_rule_once(cls, tie: tuple[TieRule, ...]) -> tuple[TieRule, ...]:
        if sorted(tie) != ["id", "latency", "price"]:
            raise ValueError("must name price, latency and id once each")
        return tie
