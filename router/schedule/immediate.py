"""``immediate``: all lots at once, which is what a parent without a schedule does."""

from typing import Literal

from router.schedule.base import Draws, ParentFacts, Schedule, Seen, Step
from sim.protocol.config import ScenarioModel


class Immediate(Schedule):
    """Releases the whole order as it comes."""

    name = "immediate"

    def __init__(self, facts: ParentFacts) -> None:
        self._lots = facts.order_qty

    def on_time(self, now_ns: int, seen: Seen) -> Step:
        """The whole order, once."""
        return Step(1, now_ns, self._lots, self._lots, None)


class ImmediateConfig(ScenarioModel):
    """Release the whole order as it comes.

    Source: own convention: the baseline that schedules are compared with.
    """

    kind: Literal["immediate"]

    def build(self, facts: ParentFacts, draws: Draws) -> Immediate:
        """The schedule of one parent."""
        return Immediate(facts)
