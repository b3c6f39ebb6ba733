"""``kaplan_meier``: silent pools by tails that are learnt from censored fills, lot by lot.

``router.allocate.learning.tails`` has the estimate and the split, ``router.allocate.pools`` the
rounds. A later round asks what is left of the same supply: its tail is that of what the pool has
given already, and what both rounds saw counts as one observation.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from router.allocate.base import Pool
from router.allocate.learning.tails import KaplanMeier, Tail, given, greedy_split, optimistic
from router.allocate.pools import Asked, PoolsConfig, PoolStrategy, Rest
from sim.protocol.enums import Side


class KaplanMeierStrategy(PoolStrategy):
    """Gives each next lot to the pool that most probably has one more."""

    def __init__(self, needed: int, step: int, rounds: int, rest: Rest) -> None:
        super().__init__("kaplan_meier", rounds, rest)
        self._needed = needed
        self._step = step
        self._known: dict[tuple[Side, str], KaplanMeier] = {}

    def split(
        self, side: Side, pools: Sequence[Pool], qty: int
    ) -> tuple[list[int], list[tuple[str, str]]]:
        """Greedy over the optimistic tails, rounded down to each venue's lot."""
        tails: list[Tail] = []
        notes: list[tuple[str, str]] = []
        for pool in pools:
            known = self._estimate(side, pool.venue_id)
            explored = known.explored(self._needed)
            step = -(-self._step // pool.lot) * pool.lot
            tails.append(given(optimistic(known.tail(), explored, step), pool.had_qty))
            notes.append((f"explored {pool.venue_id}", str(explored)))
        lots = greedy_split(tails, qty)
        return [n - n % pool.lot for n, pool in zip(lots, pools, strict=True)], notes

    def learn_round(self, side: Side, qty: int, asked: Asked, filled: dict[str, int]) -> None:
        """One observation per pool; one that goes on with an earlier one takes its place."""
        for venue_id, lots in filled.items():
            pool, sent = asked[venue_id]
            known, had = self._estimate(side, venue_id), pool.had_qty
            if had and known.has(had, had):  # an answer that came too late was never counted
                known.remove(had, had)
            known.add(had + sent, had + lots)

    def _estimate(self, side: Side, venue_id: str) -> KaplanMeier:
        return self._known.setdefault((side, venue_id), KaplanMeier())


class KaplanMeierConfig(PoolsConfig):
    """Give each next lot to the silent pool that most probably has one more, by what was filled.

    Source: Ganchev, Kearns, Nevmyvaka and Wortman Vaughan, Censored exploration and the dark pool
    problem (UAI 2009): the optimistic Kaplan-Meier estimate and greedy allocation.
    """

    kind: Literal["kaplan_meier"]
    needed: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """A size is well explored once this many answers speak of it. The fewer, the sooner a pool that
    was empty at first is never tried again."""
    step: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """Lots of the instrument by which the best explored size is exceeded to try a larger one; 1 in
    the source."""

    def build(self) -> KaplanMeierStrategy:
        """The strategy."""
        return KaplanMeierStrategy(self.needed, self.step, self.rounds, self.rest)
