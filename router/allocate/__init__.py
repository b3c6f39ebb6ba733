"""Allocation strategies, one algorithm per file; this table is all that knows them by name."""

from typing import Annotated, Final

from pydantic import Field

from router.allocate.greedy import GreedyConfig, TopOfBookConfig
from router.allocate.min_impact import MinImpactConfig
from router.allocate.single_venue import SingleVenueConfig

STRATEGIES: Final = (GreedyConfig, TopOfBookConfig, MinImpactConfig, SingleVenueConfig)
StrategyConfig = Annotated[
    GreedyConfig | TopOfBookConfig | MinImpactConfig | SingleVenueConfig,
    Field(discriminator="kind"),
]
