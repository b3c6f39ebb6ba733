"""Schedules: when the lots of a parent are sent, one algorithm per file.

To add one, write its file and put its config into ``AnySchedule``.
"""

from typing import Annotated, Final, get_args

from pydantic import Field

from router.schedule.almgren_chriss import AlmgrenChrissConfig
from router.schedule.immediate import ImmediateConfig
from router.schedule.obizhaeva_wang import ObizhaevaWangConfig
from router.schedule.pov import PovConfig
from router.schedule.twap import TwapConfig
from router.schedule.vwap import VwapConfig
from sim.protocol.config import ScenarioModel

AnySchedule = (
    ImmediateConfig
    | TwapConfig
    | VwapConfig
    | PovConfig
    | AlmgrenChrissConfig
    | ObizhaevaWangConfig
)

ScheduleConfig = Annotated[AnySchedule, Field(discriminator="kind")]
"""A schedule as a scenario writes it; ``kind`` says which."""

SCHEDULES: Final[tuple[type[ScenarioModel], ...]] = get_args(AnySchedule)
"""The table of kinds."""
