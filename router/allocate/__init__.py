"""Allocation strategies, one algorithm per file.

To add one, write its file and put its config into ``AnyStrategy``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from router.allocate.cont_kukanov import ContKukanovConfig
from router.allocate.exponentiated_gradient import ExponentiatedGradientConfig
from router.allocate.greedy import GreedyConfig, TopOfBookConfig
from router.allocate.kaplan_meier import KaplanMeierConfig
from router.allocate.min_impact import MinImpactConfig
from router.allocate.min_risk import MinRiskConfig
from router.allocate.oracle import OracleConfig
from router.allocate.pro_rata import ProRataConfig
from router.allocate.reinforcement import ReinforcementConfig
from router.allocate.single_venue import SingleVenueConfig
from router.allocate.split_evenly import SplitEvenlyConfig
from router.allocate.stochastic_split import StochasticSplitConfig
from router.allocate.trial_static import TrialStaticConfig
from sim.protocol.config import ScenarioModel

AnyStrategy = (
    GreedyConfig
    | TopOfBookConfig
    | MinImpactConfig
    | MinRiskConfig
    | SingleVenueConfig
    | ProRataConfig
    | SplitEvenlyConfig
    | KaplanMeierConfig
    | ExponentiatedGradientConfig
    | StochasticSplitConfig
    | ReinforcementConfig
    | OracleConfig
    | TrialStaticConfig
    | ContKukanovConfig
)

StrategyConfig = Annotated[AnyStrategy, Field(discriminator="kind")]
"""A strategy as a scenario writes it; ``kind`` says which."""

STRATEGIES: Final[tuple[type[ScenarioModel], ...]] = get_args(AnyStrategy)
"""The table of kinds."""
