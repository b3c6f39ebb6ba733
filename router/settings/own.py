"""Strategies that are the user's own code: which class, and what it is made with."""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field

from sim.protocol.config import ScenarioModel, Seq

PluginName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
"""The name of a class."""

Param = bool | int | float | Annotated[str, Field(max_length=1_000)]
Params = Annotated[dict[PluginName, Param | Seq[Param]], Field(max_length=100)]


class OwnConfig(ScenarioModel):
    """Your own router: a class with ``decide(view, state)``, or with ``async run(session)``.

    It decides what is sent, canceled and replaced. Books, records, timeouts and the guard against
    over-filling stay with sorsim; what re-routes, rests or sends blind for other strategies does
    nothing here, so those keys must keep their defaults.

    Source: own convention (docs/own_router.md).
    """

    kind: Literal["own"]
    plugin: PluginName
    """The class, by its name in ``plugins``."""
    params: Params = Field(default_factory=dict)
    """Its keyword arguments: numbers, text, true or false, and lists of them."""


class OwnSplitConfig(ScenarioModel):
    """Your own split: a subclass of ``router.allocate.base.Strategy``; all else stays with sorsim.

    Source: own convention (docs/own_router.md).
    """

    kind: Literal["own_split"]
    plugin: PluginName
    """The class, by its name in ``plugins``."""
    params: Params = Field(default_factory=dict)
    """Its keyword arguments: numbers, text, true or false, and lists of them."""


AnyOwn = OwnConfig | OwnSplitConfig
OWN: Final[tuple[type[ScenarioModel], ...]] = get_args(AnyOwn)
"""The table of kinds."""
