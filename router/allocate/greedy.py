"""``greedy`` and ``top_of_book``: best effective price first, by full depth or best levels."""

from typing import Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy, walk
from sim.protocol.config import ScenarioModel


class Greedy(Strategy):
    """Walks levels by effective price; the depth is what tells the two kinds apart."""

    def __init__(self, name: str, depth: Depth) -> None:
        self.name = name
        self.depth: Depth = depth

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by price, then the tie rules."""
        return walk(request, (request.offers,), {})


class GreedyConfig(ScenarioModel):
    """Walk the full depth of all venues, best effective price first.

    Source: price priority over all venues, as in the worked example of the customer's document;
    own convention: equal prices by delay, then by id.
    """

    kind: Literal["greedy"]

    def build(self) -> Greedy:
        """The strategy."""
        return Greedy(self.kind, "full")


class TopOfBookConfig(ScenarioModel):
    """Use the best level of each venue only, best effective price first.

    Source: the worked example of the customer's document, which splits best levels only.
    """

    kind: Literal["top_of_book"]

    def build(self) -> Greedy:
        """The strategy."""
        return Greedy(self.kind, "top")
