"""A small scenario model in the style of the real one, and short ways to its problems."""

from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from sim.protocol.config import Duration, Ident, PositiveDecimal, PriceLevel, ScenarioModel, Seq
from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.document import Document, parse_document
from sim.scenario.locate import load
from sim.scenario.overrides import apply_overrides


class Fixed(ScenarioModel):
    model: Literal["fixed"]
    delay: Duration


class Lognormal(ScenarioModel):
    model: Literal["lognormal"]
    median: Duration
    sigma: Annotated[float, Field(gt=0, le=5)]


Latency = Annotated[Fixed | Lognormal, Field(discriminator="model")]


class Legs(ScenarioModel):
    order: Latency
    report: Latency


class Lit(ScenarioModel):
    id: Ident
    kind: Literal["lit"]
    latency: Legs
    asks: Seq[PriceLevel] = ()


class Dark(ScenarioModel):
    id: Ident
    kind: Literal["dark"]
    latency: Legs | None = None
    fill: Literal["full"] | Annotated[int, Field(ge=1)] | dict[str, int] = "full"
    hold: Literal["never"] | Duration = "never"


class Audit(ScenarioModel):
    market_data: Literal["full", "touch", "none"] = "touch"
    flush: bool = True


class Parent(ScenarioModel):
    id: Ident
    qty: Annotated[int, Field(ge=1)]


class MiniScenario(ScenarioModel):
    schema_version: Literal[1]
    name: Ident
    seed: Annotated[int, Field(ge=0)]
    duration: Duration
    tick_size: PositiveDecimal
    venues: Annotated[Seq[Annotated[Lit | Dark, Field(discriminator="kind")]], Field(min_length=1)]
    parents: Seq[Parent] = ()
    note: Annotated[str, Field(max_length=200)] | None = None
    probe: Fixed | list[int] | None = None
    faults: Annotated[Seq[str], Field(max_length=0)] = ()
    weights: Annotated[dict[Ident, int], Field(default_factory=dict)]
    expect: Annotated[dict[str, str], Field(default_factory=dict)]
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "MiniScenario":
        ids = [venue.id for venue in self.venues]
        if len(set(ids)) < len(ids):
            raise ValueError(f"venue ids must differ, was {ids}")
        return self


VALID = """\
schema_version: 1
name: mini
seed: 7
duration: 2s                       # with its unit
tick_size: "0.01"
venues:
  - id: NYSE
    kind: lit
    latency:
      order: {model: fixed, delay: 5ms}
      report: {model: lognormal, median: 4ms, sigma: 0.5}
    asks: [["100.02", 40000], ["100.03", 30000]]
  - id: DARK
    kind: dark
    fill: 15000
parents:
  - {id: P1, qty: 1000}
  - {id: P2, qty: 2000}
expect: {fill_rate: "== 1"}
"""


@pytest.fixture(scope="session")
def model() -> type[MiniScenario]:
    """The model that the tests validate against."""
    return MiniScenario


@pytest.fixture(scope="session")
def valid() -> str:
    """A scenario text that fits the model."""
    return VALID


@pytest.fixture
def document() -> Document:
    """The valid scenario, read."""
    return parse_document(VALID.encode(), "s.yaml")


@pytest.fixture(scope="session")
def load_text() -> Callable[..., MiniScenario]:
    """``load_text(text or bytes, *overrides)``: the model, or ScenarioError."""

    def do(text: str | bytes, *overrides: str) -> MiniScenario:
        data = text.encode() if isinstance(text, str) else text
        document = parse_document(data, "s.yaml")
        apply_overrides(document, overrides)
        return load(document, MiniScenario)

    return do


@pytest.fixture(scope="session")
def problems(load_text: Callable[..., MiniScenario]) -> Callable[..., list[Problem]]:
    """``problems(text or bytes, *overrides)``: what is wrong, in the order of the message."""

    def do(text: str | bytes, *overrides: str) -> list[Problem]:
        with pytest.raises(ScenarioError) as caught:
            load_text(text, *overrides)
        assert str(caught.value) == "\n".join(map(str, caught.value.problems))
        assert str(caught.value).replace("\n", "").isprintable()
        return caught.value.problems

    return do


@pytest.fixture(scope="session")
def lines(problems: Callable[..., list[Problem]]) -> Callable[..., list[str]]:
    """``lines(text or bytes, *overrides)``: the printed problems."""
    return lambda text, *overrides: [str(problem) for problem in problems(text, *overrides)]


@pytest.fixture(scope="session")
def changed(lines: Callable[..., list[str]]) -> Callable[[str, str], list[str]]:
    """``changed(old, new)``: the printed problems of the valid scenario with one thing replaced."""

    def do(old: str, new: str) -> list[str]:
        assert VALID.count(old) == 1
        return lines(VALID.replace(old, new))

    return do
