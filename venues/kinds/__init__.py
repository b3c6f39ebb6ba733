"""Venue kinds, one per file, each a config over a pure core.

To add one, write its file and put its config into ``AnyVenue``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from venues.config import VenueConfig
from venues.kinds.auction import AuctionVenue
from venues.kinds.broker import BrokerVenue
from venues.kinds.dark import DarkVenue
from venues.kinds.lit import LitVenue
from venues.kinds.maker import MakerVenue
from venues.kinds.replayed import ReplayedVenue
from venues.kinds.rfq import RfqVenue
from venues.kinds.wholesaler import WholesalerVenue

__all__ = ["VENUE_KINDS", "AnyVenue", "Venue", "VenueConfig"]

AnyVenue = (
    LitVenue
    | DarkVenue
    | MakerVenue
    | ReplayedVenue
    | AuctionVenue
    | RfqVenue
    | WholesalerVenue
    | BrokerVenue
)

Venue = Annotated[AnyVenue, Field(discriminator="kind")]
"""A venue as a scenario writes it; ``kind`` says which."""

VENUE_KINDS: Final[tuple[type[VenueConfig], ...]] = get_args(AnyVenue)
"""The table of kinds."""
