"""The settings on which order-driven venues disagree, as a matching core takes them.

Each member is named and explained in ``venues.kinds.lit``, which reads it from a scenario. The
disagreements, and who stands on which side, are those of the conformance cases under
``tests/conformance``.
"""

from typing import Literal

import msgspec

MarketRemainder = Literal["cancel", "rest"]
StopOnEntry = Literal["trigger", "reject"]
StopElection = Literal["fifo", "furthest"]
IcebergResidual = Literal["full_peak", "slice"]
IcebergSweep = Literal["slices", "prorata_reserve"]
IcebergSizeUp = Literal["loses_priority", "keeps_priority"]
PegWithoutReference = Literal["park", "cancel", "reject"]


class MatchingRules(msgspec.Struct, frozen=True):
    """How a book treats special orders; prices are ticks and quantities lots."""

    market_remainder: MarketRemainder = "cancel"
    reference_px: int | None = None
    stop_on_entry: StopOnEntry = "trigger"
    stop_election: StopElection = "fifo"
    iceberg_residual: IcebergResidual = "full_peak"
    iceberg_sweep: IcebergSweep = "slices"
    iceberg_size_up: IcebergSizeUp = "loses_priority"
    peg_without_reference: PegWithoutReference = "park"
    hidden_improvement: int | None = None
    hidden_min_remainder: int = 0
