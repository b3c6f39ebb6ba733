"""The base of faults of a whole venue."""

from collections.abc import Iterator

from sim.faults.base import StateFault
from sim.protocol.config import Ident


class VenueFault(StateFault):
    """Something is the matter with a venue, for a time or to the end of the run."""

    venue: Ident
    """The venue."""

    def named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """See the base."""
        yield ("venue",), self.venue
        yield from super().named()

    @property
    def venue_id(self) -> str:
        """See the base."""
        return self.venue
