"""How the children of a decision leave: when each does, and what they may not pass by."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from sim.protocol.config import Duration, Ident, PositiveDecimal, ScenarioModel, Seq


class VenueMinQty(ScenarioModel):
    """The minimum quantity of children to one venue."""

    venue: Ident
    """The venue."""
    qty: PositiveDecimal
    """The least quantity of one execution against a single counter-order."""


class MinQtyConfig(ScenarioModel):
    """The least quantity that one execution of a child may have, by kind of venue.

    A child that is smaller asks for all of itself. What rests asks for none. A venue that does not
    take minimum quantities rejects the child, and is left out for the rest of that parent.
    """

    dark: PositiveDecimal | None = None
    """At dark venues; without it none."""
    maker: PositiveDecimal | None = None
    """At makers; without it none."""
    lit: PositiveDecimal | None = None
    """At lit venues; without it none."""
    venues: Seq[VenueMinQty] = ()
    """At single venues, whatever their kind says."""

    def of(self, venue_id: str, visibility: Literal["dark", "maker", "lit"]) -> Decimal | None:
        """What children to a venue ask for; None: nothing."""
        own = {one.venue: one.qty for one in self.venues}
        kinds = {"dark": self.dark, "maker": self.maker, "lit": self.lit}
        return own.get(venue_id, kinds[visibility])


class SendingConfig(ScenarioModel):
    """How the children of a decision leave for their venues."""

    mode: Literal["parallel", "sequential", "latency_equalised"] = "parallel"
    """All at once; or one venue after the other in order of preference, each once the child before
    it has ended; or so that they arrive at the same time: the nearer the venue, the later."""
    estimate: Literal["measured", "nominal"] = "measured"
    """For ``latency_equalised``, how long an order takes to a venue: by the router's own reports,
    and as long as there are none as the scenario expects; or always as the scenario expects."""
    max_wait: Duration = Field(100_000_000, gt=0, json_schema_extra={"default": "100ms"})
    """For ``latency_equalised``, how long a child waits at most for those that take longer."""
    protect: bool = False
    """Whether no child may trade at a price worse than a better one that is displayed at a lit
    venue: that venue then gets at least what it displays there, from the worst part of the
    split."""
    min_qty: MinQtyConfig | None = None
    """The least quantity of an execution that children ask for; without it none."""

    @model_validator(mode="after")
    def _a_sweep_leaves_together(self) -> "SendingConfig":
        if self.protect and self.mode == "sequential":
            raise ValueError(
                "protect must not stand beside mode: sequential: what protects a quote must be "
                "sent together with what passes it by"
            )
        return self
