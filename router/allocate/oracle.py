"""``oracle``: knows what is there, hidden or not. It cheats, so that regret can be measured.

Nobody has what it knows: the true books of all venues at the instant of the decision, as an order
of ours would meet them if it were there at once. What happens while the order travels it does not
know, nor what other orders of ours that travel will take.
"""

from typing import Literal

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy, walk
from sim.protocol.config import ScenarioModel


class Oracle(Strategy):
    """Walks what is truly there, by effective price; the router puts it into the offers."""

    name = "oracle"
    depth: Depth = "full"
    needs_truth = True

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split by price, then the tie rules."""
        return walk(request, (request.offers,), {})


class OracleConfig(ScenarioModel):
    """Walk what is truly there, hidden lots too: it cheats, and is a measure for the others.

    It knows the books as they are when it decides, not as they will be when its orders arrive.

    Source: own convention: the best in hindsight that regret is counted from.
    """

    kind: Literal["oracle"]

    def build(self) -> Oracle:
        """The strategy."""
        return Oracle()
