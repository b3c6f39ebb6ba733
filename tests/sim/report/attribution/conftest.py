"""Runs scenarios and attributes what they did not fill."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.report.attribution.attribute import Attribution, attribute
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import LoadedScenario
from sim.world import run_world

Attribute = Callable[..., Attribution]


@pytest.fixture
def attributed(load_data: Callable[..., LoadedScenario]) -> Attribute:
    """``attributed(data, *sets)``: run plain data in memory and attribute it."""

    def run(data: dict[str, Any], *sets: str) -> Attribution:
        builder = TrailBuilder()
        run_world(load_data(data, *sets), watch=[builder])
        return attribute(builder.trail())

    return run
