"""Faults as data, one kind or family per file.

To add one, write its file and put its config into ``AnyFault``.
"""

from typing import Annotated, Any, Final, get_args

from pydantic import Field

from sim.faults.base import FaultConfig
from sim.faults.clock_fault import ClockFault
from sim.faults.crossed_quotes import CrossedQuote, LockedQuote
from sim.faults.disconnect import Disconnect
from sim.faults.flood import Flood
from sim.faults.latency import LatencyBurst, LatencySpike
from sim.faults.message_duplication import MessageDuplication
from sim.faults.message_loss import MessageLoss
from sim.faults.message_reordering import MessageReordering
from sim.faults.reject_storm import RejectStorm
from sim.faults.repeated_fills import DuplicateExecId, DuplicateFill
from sim.faults.router_crash import RouterCrash
from sim.faults.trading_halt import TradingHalt
from sim.faults.uncalled_fills import FillAfterCancel, OrphanFill
from sim.faults.venue_crash import VenueCrash
from sim.faults.venue_hang import VenueHang
from sim.faults.wrong_fills import FillOutsideLimit, OverFill, WrongCumQty
from sim.faults.wrong_quotes import FeedGap, MadQuote, OneSidedQuote, StaleQuote

AnyMessageFault = (
    MessageLoss
    | MessageDuplication
    | MessageReordering
    | LatencySpike
    | LatencyBurst
    | OverFill
    | DuplicateExecId
    | DuplicateFill
    | FillAfterCancel
    | FillOutsideLimit
    | OrphanFill
    | WrongCumQty
    | FeedGap
    | StaleQuote
    | CrossedQuote
    | LockedQuote
    | MadQuote
    | OneSidedQuote
    | ClockFault
)

AnyVenueFault = VenueCrash | VenueHang | Disconnect | TradingHalt | RejectStorm | Flood

AnyFault = AnyMessageFault | AnyVenueFault | RouterCrash

FaultEntry: Any = Annotated[AnyFault, Field(discriminator="kind")]
"""A fault as a scenario writes it; ``kind`` says which."""

FAULTS: Final[tuple[type[FaultConfig], ...]] = get_args(AnyFault)
"""The table of kinds."""
