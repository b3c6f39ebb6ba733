"""Docstrings of fields are read from the source, and reach the JSON Schema."""

from enum import Enum
from typing import Annotated

import msgspec
from pydantic import Field

from sim.protocol.config import ScenarioModel
from sim.protocol.field_docs import field_docs


class Base(ScenarioModel):
    """Has a field for its kinds."""

    shared: int
    """In every kind."""


class Kind(Base):
    """A kind."""

    own: Annotated[int, Field(alias="from")]
    """Of this kind,
    on two lines."""
    mute: int = 0
    given: Annotated[int, Field(description="Said otherwise.")] = 0
    """Not this."""


class Message(msgspec.Struct):
    """No model at all."""

    qty: int
    """Lots."""


def test_fields_of_bases_and_lines_are_read() -> None:
    assert field_docs(Kind) == {
        "shared": "In every kind.",
        "own": "Of this kind,\non two lines.",
        "given": "Not this.",
    }
    assert field_docs(Message) == {"qty": "Lots."}


class Answer(Enum):
    """A vocabulary."""

    YES = "yes"
    """It is so."""
    NO = "no"


def test_members_of_an_enum_are_read_too() -> None:
    assert field_docs(Answer) == {"YES": "It is so."}


def test_a_class_without_a_source_has_none() -> None:
    assert field_docs(type("Made", (), {"__module__": "nowhere"})) == {}
    assert field_docs(int) == {}


def test_they_describe_the_keys_of_the_schema() -> None:
    properties = Kind.model_json_schema()["properties"]
    assert properties["shared"]["description"] == "In every kind."
    assert properties["from"]["description"] == "Of this kind,\non two lines."
    assert properties["given"]["description"] == "Said otherwise."
    assert "description" not in properties["mute"]
