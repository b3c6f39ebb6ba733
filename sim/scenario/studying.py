"""What a scenario says of the studies that run it many times: tunings and comparisons.

A run itself makes nothing of it. Paths and values are overrides (``sim.scenario.overrides``): they
are judged where they are applied.
"""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from sim.protocol.config import Ident, ScenarioModel, Seq

MAX_CHARS: Final = 1_000
MAX_NUMBER: Final = 1e15


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


class TuneConfig(ScenarioModel):
    """What `sorsim tune` tries if the command line does not say."""

    grid: Annotated[
        dict[SetPath, Annotated[Seq[SetValue], Field(min_length=1, max_length=1_000)]],
        Field(min_length=1, max_length=20),
    ]
    """Values by path, as for ``--set``; all combinations are run."""
    baselines: Annotated[Seq[Ident], Field(max_length=20)] = ()
    """Names of what the best point is compared with; see `sorsim list baselines`."""


class StudyConfig(ScenarioModel):
    """What studies of this scenario do."""

    tune: TuneConfig | None = None
    """The grid of `sorsim tune`."""
