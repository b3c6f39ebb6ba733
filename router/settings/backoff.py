"""Settings of how venues that refuse or are silent are left alone (``router.backoff``)."""

from typing import Annotated

from pydantic import Field

from sim.protocol.config import Duration, Ident, ScenarioModel, Seq

_Strikes = Annotated[int, Field(ge=1, le=1_000)]
_Factor = Annotated[int, Field(ge=1, le=100)]


class VenueBackoffConfig(ScenarioModel):
    """What is different for one venue; what is left out is as for the others."""

    venue: Ident
    """The venue."""
    after: _Strikes | None = None
    """Strikes in a row at which it is held for the first time."""
    first: Duration | None = Field(None, gt=0)
    """How long its first hold lasts."""
    factor: _Factor | None = None
    """Each further strike makes its hold this many times as long."""
    max: Duration | None = Field(None, gt=0)
    """No hold of it is longer."""
    stop_after: _Strikes | None = None
    """Strikes in a row at which it is not used again in this run."""


class BackoffConfig(ScenarioModel):
    """When a venue that refuses for the time being, or is silent, is left alone, and how long.

    Such a refusal (closed, throttled, down) or an ``ack_timeout`` is a strike. A child that the
    venue accepts clears its strikes.
    """

    after: _Strikes = 1
    """Strikes in a row at which the venue is held for the first time."""
    first: Duration = Field(50_000_000, gt=0, json_schema_extra={"default": "50ms"})
    """How long the first hold lasts."""
    factor: _Factor = 2
    """Each further strike makes the hold this many times as long."""
    max: Duration = Field(5_000_000_000, gt=0, json_schema_extra={"default": "5s"})
    """No hold is longer."""
    stop_after: _Strikes = 10
    """Strikes in a row at which the venue is not used again in this run."""
    venues: Seq[VenueBackoffConfig] = ()
    """Venues for which some of this is different."""

    def of(self, venue_id: str) -> "BackoffConfig":
        """What holds for a venue."""
        for one in self.venues:
            if one.venue == venue_id:
                own = {name: getattr(one, name) for name in type(one).model_fields}
                del own["venue"]
                return self.model_copy(update={k: v for k, v in own.items() if v is not None})
        return self
