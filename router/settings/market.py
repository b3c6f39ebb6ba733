"""What the router makes of quotes that are old, cannot be right, or meet each other."""

from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.config import DecimalText, Duration, Ident, ScenarioModel, Seq


class VenueMaxAgeConfig(ScenarioModel):
    """How old the news of one venue may be."""

    venue: Ident
    """The venue."""
    max_age: Annotated[Duration, Field(gt=0)]
    """In place of the limit for all."""


class MarketConfig(ScenarioModel):
    """What the router makes of quotes that are old, cannot be right, or meet each other.

    Whatever is doubted here stands in the record of each decision (``doubts``), whether or not
    anything follows from it. Ages count by the router's own clock from the last quote that brought
    a new state of the venue's book; what a venue writes on its quotes as their time is never asked.
    """

    crossed: Literal["take", "skip"] = "take"
    """While a displayed lit bid is at or above a displayed lit offer: whether a venue is used whose
    price has met one of the other side."""
    max_age: Annotated[Duration, Field(gt=0)] | None = None
    """A venue that has said nothing new for longer is not used before it does; without it, however
    long that is."""
    venues: Annotated[Seq[VenueMaxAgeConfig], Field(max_length=200)] = ()
    """Single venues with a limit of their own."""
    max_jump: Annotated[DecimalText, Field(gt=1, le=1_000_000, decimal_places=8)] | None = None
    """A quote whose best price is more than so many times the last good one of its side, or less
    than that part of it, is not believed: the last good quote stands. Without it every quote is."""

    def age_limits(self) -> dict[str, int]:
        """The limits of single venues, ns."""
        return {one.venue: one.max_age for one in self.venues}
