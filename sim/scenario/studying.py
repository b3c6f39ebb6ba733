"""What a scenario says of the studies that run it many times: tunings, sweeps, comparisons.

A run itself makes nothing of it. Paths and values are overrides (``sim.scenario.overrides``): they
are judged where they are applied.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from sim.protocol.config import Ident, PositiveDecimal, ScenarioModel, Seq

MAX_CHARS: Final = 1_000
MAX_NUMBER: Final = 1e15


def _own_names(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} must have names of their own: {', '.join(twice)} twice")


def _set_value(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be text as --set takes it, or a number, was {value!r}"[:200])
    if isinstance(value, str):
        if not 1 <= len(value) <= MAX_CHARS:
            raise ValueError(f"must have 1 to {MAX_CHARS} characters, had {len(value)}")
    elif not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise ValueError(f"must be between -{MAX_NUMBER:g} and {MAX_NUMBER:g}, was {value}")
    return value


SetPath = Annotated[str, Field(min_length=1, max_length=256)]
SetValue = Annotated[
    str | int | float,
    BeforeValidator(_set_value),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "minLength": 1,
            "maxLength": MAX_CHARS,
            "minimum": -MAX_NUMBER,
            "maximum": MAX_NUMBER,
        }
    ),
]
"""A value as ``--set`` takes it, as text, or a plain number."""


BaselineName = Literal[
    "single_exchange",
    "best_ask",
    "twap",
    "vwap",
    "vwap_profile",
    "dark_pool_only",
    "execution_broker",
]
"""What they are: ``sim.study.baselines``."""


class TuneConfig(ScenarioModel):
    """What `sorsim tune` tries if the command line does not say."""

    grid: Annotated[
        dict[SetPath, Annotated[Seq[SetValue], Field(min_length=1, max_length=1_000)]],
        Field(min_length=1, max_length=20),
    ]
    """Values by path, as for ``--set``; all combinations are run."""
    baselines: Annotated[Seq[BaselineName], Field(max_length=20)] = ()
    """What the best point is compared with; see `sorsim list baselines`."""


Words = Annotated[str, Field(min_length=1, max_length=200)]
Axis = Annotated[Seq[SetValue], Field(min_length=1, max_length=1_000)]


class VariantConfig(ScenarioModel):
    """One of several ways that a sweep runs side by side: the scenario with overrides."""

    name: Ident
    """Names it in tables and figures."""
    about: Words | None = None
    """What it is, in a few words."""
    baseline: BaselineName | None = None
    """How its orders are worked, in place of the scenario's own way; see `sorsim list
    baselines`."""
    sets: Annotated[dict[SetPath, SetValue], Field(max_length=50)] = Field(default_factory=dict)
    """Values by path, as for ``--set``, after the baseline; none: the scenario as it stands."""


class LineConfig(ScenarioModel):
    """One line of a sweep's figure: what takes the values of ``along``, all else as it stands."""

    name: Ident
    """Names it in tables and figures."""
    paths: Annotated[Seq[SetPath], Field(min_length=1, max_length=1_000)]
    """What is set to each value."""
    venues: Annotated[Seq[Ident], Field(max_length=200)] = ()
    """Whose child orders its fill rate counts; none: those at all venues."""


class AlongConfig(ScenarioModel):
    """Values that one or several settings take together: the horizontal axis of the figure."""

    label: Words
    """What the axis says."""
    values: Annotated[Seq[SetValue], Field(min_length=2, max_length=100)]
    """As for ``--set``; numbers and durations are drawn to scale."""
    lines: Annotated[Seq[LineConfig], Field(min_length=1, max_length=20)]
    """What takes them: one line of the figure each; names must differ."""
    scale: Literal["linear", "log"] = "linear"
    """How the axis is drawn."""


class SweepConfig(ScenarioModel):
    """What `sorsim sweep` runs if the command line does not say: all combinations."""

    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """How many, from the scenario's own on; all combinations have the same ones."""
    grid: Annotated[dict[SetPath, Axis], Field(max_length=20)] = Field(default_factory=dict)
    """Values by path, as for ``--set``."""
    along: AlongConfig | None = None
    """The horizontal axis of the figure."""
    variants: Annotated[Seq[VariantConfig], Field(max_length=20)] = ()
    """What is run side by side; names must differ."""
    reference: Ident | None = None
    """The variant that the others are compared with.  Without it the first one."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _own_names("variants", [one.name for one in self.variants])
        if self.along is not None:
            _own_names("lines", [one.name for one in self.along.lines])
        names = [one.name for one in self.variants]
        if self.reference is not None and self.reference not in names:
            found = ", ".join(names) or "there are no variants"
            raise ValueError(f"reference must be one of {found}, was {self.reference}")
        return self


class StudyConfig(ScenarioModel):
    """What studies of this scenario do."""

    tune: TuneConfig | None = None
    """The grid of `sorsim tune`."""
    sweep: SweepConfig | None = None
    """What `sorsim sweep` varies."""


class ComparedConfig(ScenarioModel):
    """One strategy of a comparison: the scenario with overrides, and what no figure can say."""

    name: Ident
    """Names it in tables."""
    about: Words
    """What it does, in a few words."""
    controls: Words
    """Who controls the venue."""
    regulatory: Words
    """Its regulatory status."""
    sets: Annotated[dict[SetPath, SetValue], Field(max_length=50)] = Field(default_factory=dict)
    """Values by path, as for ``--set``; none: the scenario as it stands."""


class ComparisonConfig(ScenarioModel):
    """Several strategies on equal chance: what `sorsim run` compares after the base case."""

    reference: Ident
    """The strategy that the others are compared with, pair by pair of equal seed."""
    seeds: Annotated[int, Field(ge=2, le=100_000)] = 200
    """How many seeds, from the scenario's own on."""
    strategies: Annotated[Seq[ComparedConfig], Field(min_length=2, max_length=20)]
    """What is compared; names must differ."""
    sizes: Annotated[Seq[PositiveDecimal], Field(max_length=20)] = ()
    """Quantities of the one parent among which each strategy's best is sought, rising."""
    size_seeds: Annotated[int, Field(ge=2, le=100_000)] = 40
    """How many seeds each of these sizes gets."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [one.name for one in self.strategies]
        _own_names("strategies", names)
        if self.reference not in names:
            raise ValueError(f"reference must be one of {', '.join(names)}, was {self.reference}")
        if any(after <= before for before, after in pairwise(self.sizes)):
            raise ValueError("sizes must rise")
        return self
