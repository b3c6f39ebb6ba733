"""What all background flow has in common.

A flow is a sequence of order messages to one venue, each with the instant at which it reaches the
venue. It stands in the venue's entry of the scenario and has no links of its own: its times are
those of arrival.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from sim.kernel.streams import Stream
from sim.protocol.config import ScenarioModel
from sim.protocol.orders import OrderMessage
from sim.protocol.units import UnitError, Units

Problems = list[tuple[tuple[str | int, ...], str]]


class FlowConfig(ScenarioModel, ABC):
    """Base of the flows' configs; each adds its tag, ``kind: Literal[...]``."""

    @abstractmethod
    def messages(
        self, units: Units, stream: Stream, account: str, end_ns: int
    ) -> Iterator[tuple[int, OrderMessage]]:
        """Messages in order of time, none after ``end_ns``.

        Args:
            units: Tick and lot of the instrument.
            stream: Chance of this flow alone.
            account: Owner of the flow's orders; also the prefix of their ids.
            end_ns: The run's duration.
        """

    @abstractmethod
    def problems(self, units: Units) -> Problems:
        """What does not fit the instrument, with its path inside this flow's entry."""


def off_grid(path: tuple[str | int, ...], convert: Any, value: Any) -> Problems:
    """The problem of one value that ``convert`` (of ``Units``) refuses, if any."""
    try:
        convert(value)
    except UnitError as error:
        return [(path, str(error))]
    return []
