"""What strategies that learn where hidden supply is have in common.

They split over silent pools alone, round by round: all answers of a round come in before the next
one is split. A pool that gave all it was asked for is asked again, one that fell short is not. When
a round brought nothing, or after ``rounds`` of them, what is left goes by ``rest``: over what is
displayed, by price, or nowhere. What was learnt serves all later parents of the run; buyers and
sellers are told apart.
"""

from abc import abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Generic, Literal, TypeVar

from pydantic import Field, field_validator

from router.allocate.base import (
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Depth,
    Pool,
    Strategy,
    walk,
)
from router.allocate.rounding import split_lots
from sim.protocol.config import DecimalText, Ident, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import Side

Rest = Literal["greedy", "wait"]
Asked = dict[str, tuple[Pool, int]]
"""By venue: what it was offered as, and the lots asked of it."""

_DIGITS: Final = 4


class PoolStrategy(Strategy):
    """Splits over pools, and what is left over what is displayed.

    Args:
        name: As in a scenario.
        rounds: How often one parent's lots may be split over pools.
        rest: What becomes of lots that the pools did not give.
    """

    pools = True
    learns = True
    depth: Depth = "full"

    def __init__(self, name: str, rounds: int, rest: Rest) -> None:
        self.name = name
        self.rounds = rounds
        self._rest = rest
        self._rounds: dict[str, _Round] = {}  # by parent, while answers are due

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split over the pools that are offered; without any, by ``rest``."""
        self._close(request.parent_id)
        pools = sorted(request.pools, key=lambda pool: (pool.latency_ns, pool.venue_id))
        lots: list[int] = []
        notes: list[tuple[str, str]] = []
        if pools:
            lots, notes = self.split(request.side, pools, request.qty)
        if not sum(lots):
            refused = [(pool.venue_id, "ranked_behind") for pool in pools]
            return self._split_rest(request, refused, notes)
        asked = {pool.venue_id: (pool, n) for pool, n in zip(pools, lots, strict=True)}
        self._rounds[request.parent_id] = _Round(request.side, request.qty, asked)
        shown = [(offer.venue_id, "pools_first") for offer in request.offers]
        return Allocation(
            tuple([(venue_id, pool.price, n) for venue_id, (pool, n) in asked.items() if n]),
            tuple([venue_id for venue_id, (_, n) in asked.items() if n]),
            tuple(
                [(venue_id, "ranked_behind") for venue_id, (_, n) in asked.items() if not n] + shown
            ),
            notes=tuple(notes),
        )

    def _split_rest(
        self,
        request: AllocationRequest,
        refused: list[tuple[str, str]],
        notes: list[tuple[str, str]],
    ) -> Allocation:
        if self._rest == "greedy":
            found = walk(request, (request.offers,), dict(refused))
            return Allocation(found.slices, found.ranking, found.refused, notes=tuple(notes))
        refused += [(offer.venue_id, "pools_only") for offer in request.offers]
        return Allocation((), (), tuple(refused), notes=tuple(notes))

    def learn(self, outcome: ChildOutcome) -> None:
        """Hear an answer; with the last one of its round, learn from the round."""
        due = self._rounds.get(outcome.parent_id)
        if due is None or outcome.venue_id not in due.open:
            return
        due.open.remove(outcome.venue_id)
        if not outcome.rejected:  # a refusal says nothing of what is there
            due.filled[outcome.venue_id] = outcome.cum_qty
        if not due.open:
            self._close(outcome.parent_id)

    def _close(self, parent_id: str) -> None:
        """Learn from a round: from the answers that have come by now; others may never come."""
        due = self._rounds.pop(parent_id, None)
        if due is not None and due.filled:
            self.learn_round(due.side, due.qty, due.asked, due.filled)

    @abstractmethod
    def split(
        self, side: Side, pools: Sequence[Pool], qty: int
    ) -> tuple[list[int], list[tuple[str, str]]]:
        """The lots for each pool, at most ``qty`` together, and what the record shall say."""

    @abstractmethod
    def learn_round(self, side: Side, qty: int, asked: Asked, filled: dict[str, int]) -> None:
        """All answers of a round are in.

        Args:
            side: Of the parent.
            qty: Lots that were split.
            asked: All pools that were offered, with the lots asked of each, which may be 0.
            filled: Lots filled, of those that were asked and did not refuse.
        """


class _Round:
    """One split over pools: what was asked of whom, and the answers so far."""

    __slots__ = ("asked", "filled", "open", "qty", "side")

    def __init__(self, side: Side, qty: int, asked: Asked) -> None:
        self.side = side
        self.qty = qty
        self.asked = asked
        self.open = {venue_id for venue_id, (_, lots) in asked.items() if lots}
        self.filled: dict[str, int] = {}


L = TypeVar("L")


class ShareStrategy(PoolStrategy, Generic[L]):
    """Splits each order in proportion to learnt shares, by largest remainder.

    ``L`` is the law that learns shares of pools by their number; each side has one of its own.
    """

    def __init__(self, name: str, rounds: int, rest: Rest) -> None:
        super().__init__(name, rounds, rest)
        self._laws: dict[Side, tuple[L, dict[str, int]]] = {}

    @abstractmethod
    def make(self, venue_ids: Sequence[str]) -> L:
        """A new law for these venues."""

    @abstractmethod
    def grow(self, law: L, venue_id: str) -> None:
        """One more venue: it begins with an even share."""

    @abstractmethod
    def shares(self, law: L) -> list[float]:
        """The part of an order for each pool."""

    @abstractmethod
    def tell(self, law: L, qty: int, answers: list[tuple[int, int] | None]) -> None:
        """Let the law learn from ``(asked, filled)`` per pool; None: it could not be asked."""

    def _law(self, side: Side, venue_ids: Sequence[str]) -> tuple[L, dict[str, int]]:
        """The law of a side, and the numbers of its venues, these among them."""
        names = sorted(venue_ids)
        if side not in self._laws:
            self._laws[side] = self.make(names), {name: n for n, name in enumerate(names)}
        law, numbers = self._laws[side]
        for name in names:
            if name not in numbers:
                self.grow(law, name)
                numbers[name] = len(numbers)
        return law, numbers

    def split(
        self, side: Side, pools: Sequence[Pool], qty: int
    ) -> tuple[list[int], list[tuple[str, str]]]:
        """In proportion to the shares of those offered."""
        law, numbers = self._law(side, [pool.venue_id for pool in pools])
        shares = self.shares(law)
        mine = [shares[numbers[pool.venue_id]] for pool in pools]
        notes = [
            (f"share {pool.venue_id}", rounded(share))
            for pool, share in zip(pools, mine, strict=True)
        ]
        if not sum(mine):  # those that have a share are not offered
            mine = [1.0] * len(pools)
        return split_lots(mine, qty, [pool.lot for pool in pools]), notes

    def learn_round(self, side: Side, qty: int, asked: Asked, filled: dict[str, int]) -> None:
        """Tell the law, pool by pool in its own numbers."""
        law, numbers = self._law(side, list(asked))
        answers: list[tuple[int, int] | None] = [None] * len(numbers)
        for venue_id, (_, lots) in asked.items():
            if not lots:
                answers[numbers[venue_id]] = 0, 0
            elif venue_id in filled:
                answers[numbers[venue_id]] = lots, filled[venue_id]
        self.tell(law, qty, answers)


class PoolsConfig(ScenarioModel):
    """What the configs of these strategies share."""

    uses_pools: ClassVar[bool] = True

    rounds: Annotated[int, Field(ge=1, le=100)] = 1
    """How often one parent's lots may be split over pools: a further time over those that gave all
    they were asked for."""
    rest: Rest = "greedy"
    """What becomes of lots that the pools did not give: over what is displayed, best price first,
    or they wait, for good if no schedule gives the pools another turn."""
    venues: Annotated[Seq[Ident], Field(max_length=200)] = ()
    """Which silent venues are pools to it; without it all."""


class WorthConfig(PoolsConfig):
    """And what those share that know what a lot is worth at each pool."""

    worth: Seq[
        Annotated[
            tuple[Ident, Annotated[PositiveDecimal, Field(le=1_000_000)]], Field(strict=False)
        ]
    ] = ()
    """[venue, worth]: what a lot filled there is worth beside others; 1 where it is not said."""

    @field_validator("worth")
    @classmethod
    def _each_once(cls, worth: tuple[tuple[str, Decimal], ...]) -> tuple[tuple[str, Decimal], ...]:
        names = [name for name, _ in worth]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"must name each venue once: {', '.join(twice)}")
        return worth

    def worth_of(self, venue_ids: Sequence[str]) -> list[float]:
        """The worth of each of these venues."""
        known = dict(self.worth)
        return [float(known.get(venue_id, 1)) for venue_id in venue_ids]


Share = Annotated[DecimalText, Field(ge=0, lt=1)]


def rounded(value: float) -> str:
    """A number for the record."""
    return f"{value:.{_DIGITS}f}"
