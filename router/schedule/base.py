"""What every schedule gets, gives, and shares: slices, jitter, catching up, the end of the horizon.

A schedule says how many lots of a parent may be worked by when. It knows nothing of venues, orders,
messages or the audit log: the router asks it at the instants that it names, and tells it what has
become of the parent and of the market since.

The *pace* is the algorithm: how many lots it plans to have released by each slice. All else is the
same for every algorithm and stands here: when slices fall, what becomes of lots that a slice did
not fill, how many may be out at once, and what happens as the horizon ends. A plan in fractions
becomes lots by **cumulative rounding**: by each slice the whole number of lots nearest to the plan
is released, half a lot up, so the sum is exact and never more than half a lot off on the way.

Source: own convention; the algorithms name theirs.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Annotated, Final, Literal, Protocol

import msgspec
from pydantic import Field

from sim.protocol.config import Duration, PositiveDecimal, ScenarioModel
from sim.protocol.units import format_duration

GAP_MIN: Final = 1_000
"""Slices that follow each other sooner, ns, are a mistake."""
CatchUp = Literal["carry", "spread", "end"]
AtEnd = Literal["take", "cancel", "wait"]


class Draws(Protocol):
    """Keyed chance: the same meaning gives the same number."""

    def uniform(self, *meaning: int | str) -> float:
        """The draw of this meaning, in the open interval (0, 1)."""
        ...


class ParentFacts(msgspec.Struct, frozen=True):
    """What is known of a parent beforehand; ``deadline_ns`` is an instant of the run.

    ``max_slice`` are the lots that may be out at once by the scenario, None: any. ``quantity`` is
    the order in shares, for models that reckon in money.
    """

    parent_id: str
    order_qty: int
    deadline_ns: int | None = None
    max_slice: int | None = None
    quantity: float = 0.0


class Seen(msgspec.Struct, frozen=True, gc=False):
    """How things stand as a slice is due.

    Attributes:
        done_qty: Lots that need not be worked any more: filled, or taken back for good.
        open_qty: Lots that open orders may still fill.
        volume_qty: Lots that others have traded since the run began, as far as heard.
        shown_qty: Lots that are displayed at the best level of each venue.
        cap_qty: Lots that may be out at once by what may show, None: any.
    """

    done_qty: int
    open_qty: int = 0
    volume_qty: int = 0
    shown_qty: int = 0
    cap_qty: int | None = None


class Step(msgspec.Struct, frozen=True, gc=False):
    """What a schedule says at one instant.

    Attributes:
        number: Of the slice, from 1; after the horizon it counts on.
        due_ns: When the plan has it, without jitter.
        planned_qty: Lots that the plan, without jitter, has released by then.
        released_qty: Lots that may be worked from now on; never fewer than before.
        next_ns: When to ask again, None: never.
        over: What the end of the horizon asks for, None before it.
    """

    number: int
    due_ns: int
    planned_qty: int
    released_qty: int
    next_ns: int | None
    over: AtEnd | None = None


class Schedule(ABC):
    """When the lots of one parent are released.

    Attributes:
        name: As in a scenario and in the log.
        slices: How many slices it has.
        needs_volume: Whether ``Seen.volume_qty`` matters to it.
        needs_shown: Whether ``Seen.shown_qty`` matters to it.
        quiet: Whether ``Seen.cap_qty`` matters to it: no more is out at once than may show.
    """

    name: str
    slices: int = 1
    needs_volume: bool = False
    needs_shown: bool = False
    quiet: bool = False

    @abstractmethod
    def on_time(self, now_ns: int, seen: Seen) -> Step:
        """The parent has come, or the instant named last has: what is released now."""

    def notes(self) -> tuple[tuple[str, str], ...]:
        """What the log shall say of the plan, name and value; asked after the first step."""
        return ()


# The pace


class Pace(ABC):
    """How many lots an algorithm plans to have released by each slice."""

    def open(self, now_ns: int, seen: Seen) -> None:  # noqa: B027 - most need not know
        """The parent has come, and this is how things stand."""

    @abstractmethod
    def by(self, n: int, now_ns: int, seen: Seen) -> int:
        """Lots released by slice ``n`` (from 0) and with it; asked once for each, in turn.

        After the last slice it is asked on where the schedule goes on beyond its horizon.
        """


class FixedPace(Pace):
    """A plan that is known from the start.

    Args:
        weights: Of each slice, >= 0, not all 0.
        lots: The order.

    Raises:
        ValueError: If a weight is negative or all are 0.
    """

    def __init__(self, weights: Sequence[float], lots: int) -> None:
        self._plan = cumulative_lots(weights, lots)

    def by(self, n: int, now_ns: int, seen: Seen) -> int:
        """The plan; all of it after the end."""
        return self._plan[min(n, len(self._plan) - 1)]


def cumulative_lots(weights: Sequence[float], lots: int) -> list[int]:
    """Lots released by each slice: the whole number nearest to the plan, half a lot up.

    The last is ``lots`` exactly; no number is smaller than the one before it.

    Args:
        weights: Of each slice, >= 0, not all 0.
        lots: To be released in all, >= 0.

    Raises:
        ValueError: If a weight is negative or not finite, or all are 0.
    """
    if not all(0 <= weight < float("inf") for weight in weights):
        raise ValueError(f"weights must be finite and >= 0, were {list(weights)}")
    ratios = [weight.as_integer_ratio() for weight in weights]
    # Denominators of floats are powers of two: the largest is a multiple of all.
    scale = max([under for _, under in ratios], default=1)
    sums = list(accumulate(over * (scale // under) for over, under in ratios))
    if not (sums and sums[-1]):
        raise ValueError("one weight at least must be > 0")
    total = sums[-1]
    return [(2 * lots * part + total) // (2 * total) for part in sums]


def half_up(value: Fraction) -> int:
    """The whole number nearest to a value >= 0; of two as near the larger one."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


# What all schedules with slices share


class JitterConfig(ScenarioModel):
    """How far slices differ from the plan by chance, so that nobody can tell the next one."""

    time: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Each slice comes later than planned by up to this part of the time between two slices."""
    size: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Each slice is larger or smaller than planned by up to this part of it."""


class SlicedConfig(ScenarioModel):
    """The keys of all schedules with slices."""

    horizon: Annotated[Duration, Field(gt=0)] | None = None
    """How long the schedule takes, from the parent's arrival; without it until its deadline."""
    slices: Annotated[int, Field(ge=1, le=100_000)] = 10
    """How many times lots are released, at equal distances; the first at once, the last one
    distance before the end."""
    jitter: JitterConfig = JitterConfig()
    """By how much slices differ from the plan by chance."""
    catch_up: CatchUp = "carry"
    """What becomes of lots that a slice did not fill by the next one: they are worked on beside
    those of the next slice, they are spread over all slices that are left, or only the end of the
    horizon adds them again."""
    at_end: AtEnd = "take"
    """What becomes of the rest as the horizon ends: all of it is released and may only be taken,
    not rest any more; it is canceled; or it goes on as before, in as many further slices as
    ``max_slice`` or the market's volume ask for, until the parent ends."""
    max_slice: PositiveDecimal | None = None
    """The largest quantity that is out at once: a slice releases as much less as earlier ones have
    unfilled. ``at_end: take`` does not keep to it."""
    quiet: bool = False
    """Whether ``router.leakage.max_detect`` bounds what is out at once likewise: no slice is larger
    than what may show, wherever it is then sent."""

    def problem(self, horizon: int) -> str | None:
        """Why a parent cannot have it over a horizon of so many ns; None: it can."""
        gap = horizon // self.slices
        if gap < GAP_MIN:
            return (
                f"{self.slices} slices over {format_duration(horizon)} would follow each other in "
                f"less than {format_duration(GAP_MIN)}"
            )
        return None

    @property
    def follows_market(self) -> bool:
        """Whether its steps rest on what the market did, which no record of ours holds."""
        return False

    def notes(self, facts: ParentFacts, horizon: int) -> tuple[tuple[str, str], ...]:
        """What the log shall say of the plan: name and value."""
        return ()


class Sliced(Schedule):
    """A schedule in slices; what tells one from another is its pace.

    Args:
        name: The kind.
        config: The keys that all kinds share.
        facts: The parent.
        draws: Chance, of which it takes what is its parent's.
        pace: Makes the pace.
        needs_volume: Whether the pace wants the market's volume.
        needs_shown: Whether it wants the lots displayed.

    Raises:
        ValueError: If there is neither a horizon nor a deadline.
    """

    def __init__(
        self,
        name: str,
        config: SlicedConfig,
        facts: ParentFacts,
        draws: Draws,
        pace: "MakePace",
        *,
        needs_volume: bool = False,
        needs_shown: bool = False,
    ) -> None:
        if config.horizon is None and facts.deadline_ns is None:
            raise ValueError(f"parent {facts.parent_id} has neither a horizon nor a deadline")
        self.name = name
        self.slices = config.slices
        self.quiet = config.quiet
        self.needs_volume = needs_volume
        self.needs_shown = needs_shown
        self._config = config
        self._facts = facts
        self._draws = draws
        self._make_pace = pace
        self._n = -1
        self._released = 0
        self._last_wanted = 0

    def on_time(self, now_ns: int, seen: Seen) -> Step:
        """Release the slice that is due, or see to the end."""
        if self._n < 0:
            self._lay_out(now_ns)
            self._planned.open(now_ns, seen)
            self._wanted.open(now_ns, seen)
            self._n = 0
            if now_ns < self._times[0]:
                return Step(0, now_ns, 0, 0, self._times[0])
        n = self._n
        self._n += 1
        at_end = None if n < self.slices else self._config.at_end
        planned = wanted = self._planned.by(n, now_ns, seen)
        if self._wanted is not self._planned:
            wanted = self._wanted.by(n, now_ns, seen)
        if at_end is None:
            self._release(self._target(wanted, seen), seen)
        elif at_end == "take":
            self._released = self._facts.order_qty
        elif at_end == "wait":
            self._release(wanted, seen)
        self._last_wanted = wanted
        return Step(n + 1, self._due_of(n), planned, self._released, self._next(n, now_ns), at_end)

    def notes(self) -> tuple[tuple[str, str], ...]:
        """What the model says of the plan."""
        return self._config.notes(self._facts, self._horizon)

    def _lay_out(self, now_ns: int) -> None:
        """Lay the slices out over the horizon, which begins now."""
        config, n = self._config, self.slices
        horizon = config.horizon
        if horizon is None:
            assert self._facts.deadline_ns is not None  # see the constructor
            horizon = max(1, self._facts.deadline_ns - now_ns)
        self._horizon, self._end = horizon, now_ns + horizon
        self._gap = max(1, horizon // n)
        self._due = [now_ns + horizon * k // n for k in range(n)]
        self._times = self._due
        draw, name = self._draws.uniform, self._facts.parent_id
        part, size = config.jitter.time, config.jitter.size
        if part:
            later = [int(self._gap * part * draw(name, k, "time")) for k in range(n)]
            self._times = [due + more for due, more in zip(self._due, later, strict=True)]
        self._planned = self._wanted = self._make_pace(self._facts, horizon, [1.0] * n)
        if size:
            factors = [1 + size * (2 * draw(name, k, "size") - 1) for k in range(n)]
            self._wanted = self._make_pace(self._facts, horizon, factors)

    def _due_of(self, n: int) -> int:
        return self._due[n] if n < self.slices else self._end + self._gap * (n - self.slices)

    def _next(self, n: int, now_ns: int) -> int | None:
        if n + 1 < self.slices:
            return self._times[n + 1]
        if n + 1 == self.slices:
            return self._end
        waits = self._config.at_end == "wait" and self._released < self._facts.order_qty
        return now_ns + self._gap if waits else None

    def _target(self, wanted: int, seen: Seen) -> int:
        """Lots that should be released with this slice, by the rule for what others left."""
        slice_qty, order = wanted - self._last_wanted, self._facts.order_qty
        rule = self._config.catch_up
        if rule == "carry":
            return wanted
        if rule == "end":
            return seen.done_qty + seen.open_qty + slice_qty
        to_plan = order - self._last_wanted
        if not to_plan:
            return order
        return seen.done_qty + half_up(Fraction(max(0, order - seen.done_qty) * slice_qty, to_plan))

    def _release(self, target: int, seen: Seen) -> None:
        """Release up to ``target``, as far as the caps allow, and never take anything back."""
        for cap in (self._facts.max_slice, seen.cap_qty):
            if cap is not None:
                target = min(target, seen.done_qty + cap)
        self._released = max(self._released, min(target, self._facts.order_qty))


MakePace = Callable[[ParentFacts, int, Sequence[float]], Pace]
"""From a parent, the length of the horizon in ns, and factors for the sizes of slices."""


def fixed_pace(weights: Sequence[float]) -> MakePace:
    """The pace of weights that do not depend on the parent."""

    def make(facts: ParentFacts, horizon: int, factors: Sequence[float]) -> Pace:
        return FixedPace(_times(weights, factors), facts.order_qty)

    return make


def _times(weights: Sequence[float], factors: Sequence[float]) -> list[float]:
    return [weight * factor for weight, factor in zip(weights, factors, strict=True)]
