"""The strategy that a scenario names, made new for one run."""

from router.allocate.base import Strategy
from router.config import RouterConfig
from router.settings.own import OwnConfig, OwnSplitConfig


def built(config: RouterConfig) -> Strategy:
    """The strategy that a scenario names, new for one run."""
    named = config.strategy
    # Code of the user's is not to be had here: who runs the scenario brings it.
    assert not isinstance(named, OwnConfig | OwnSplitConfig)
    return named.build()
