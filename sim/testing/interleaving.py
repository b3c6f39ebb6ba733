"""Other orders of what may fall either way, drawn from a seed.

A router that is right only because two messages always came in the same order is not right. An
interleaving holds each message back at the router's own end of its link for a drawn time, up to
that venue's usual delay; in each leg of a venue none overtakes another. What falls on one instant,
and tasks that start together, come in another order as well (``sim.kernel.shuffle``). Number 0 is
the run as the scenario has it.
"""

from typing import Final

from sim.kernel.streams import Stream, Streams

LEAST_NS: Final = 1_000_000
"""What a venue without delays has its messages held back by at most."""


class Interleaving:
    """One of them.

    Args:
        number: Its seed; not 0.

    Attributes:
        usual_ns: What messages of each venue are held back by at most; the market sets it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.usual_ns: dict[str, int] = {}
        self._streams = Streams(number)
        self._of: dict[tuple[str, str], Stream] = {}

    def draw(self, venue_id: str, leg: str) -> int:
        """How long the next message of a leg is held back, in nanoseconds."""
        place = venue_id, leg
        if place not in self._of:
            self._of[place] = self._streams.get("interleaving", *place)
        most_ns = max(LEAST_NS, self.usual_ns.get(venue_id, 0))
        return int(self._of[place].uniform() * (most_ns + 1))
