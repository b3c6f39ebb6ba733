"""Participants: others who trade at several venues, each over its own delayed links.

To add one, write its file and put its config into ``AnyParticipant``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from sim.flow.participants.base import ParticipantConfig
from sim.flow.participants.fundamental_flow import FundamentalFlowParticipant
from sim.flow.participants.informed import InformedParticipant
from sim.flow.participants.latency_arbitrageur import LatencyArbitrageurParticipant
from sim.flow.participants.market_maker import MarketMakerParticipant
from sim.flow.participants.noise import NoiseParticipant
from sim.flow.participants.predator import PredatorParticipant

AnyParticipant = (
    MarketMakerParticipant
    | InformedParticipant
    | LatencyArbitrageurParticipant
    | PredatorParticipant
    | NoiseParticipant
    | FundamentalFlowParticipant
)

Participant = Annotated[AnyParticipant, Field(discriminator="kind")]
"""A participant as a scenario writes it; ``kind`` says which."""

PARTICIPANTS: Final[tuple[type[ParticipantConfig], ...]] = get_args(AnyParticipant)
"""The table of kinds."""
