"""``immediate``: all lots at once, which is what a parent without a schedule does."""

from typing import Literal

from router.schedule.base import Draws, ParentFacts, Schedule, Seen, Step
from sim.protocol.config import ScenarioModel


class Immediate(Schedule):
    """Releases the whole order as it comes."""

    name = "immediate"

    def start(self, facts: ParentFacts, draws: Draws) -> None:
        """Note the parent."""
        self._facts = facts

    def on_time(self, now_ns: int, seen: Seen) -> Step:
        """The whole order, once."""
        lots = self._facts.order_qty
        return Step(1, self._facts.start_ns, lots, lots, None)


class ImmediateConfig(ScenarioModel):
    """Release the whole order as it comes.

    Source: own convention: the baseline that schedules are compared with.
    """

    kind: Literal["immediate"]

    def build(self) -> Immediate:
        """The schedule of one parent."""
        return Immediate()
