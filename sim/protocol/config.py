"""The base of every config model, and the text types that scenario files use.

A model is frozen, forbids unknown keys and converts nothing by itself: decimals stand as quoted
text or integers, durations as text with a unit. Prices and quantities stay ``Decimal`` here;
ticks and lots are made by the builders with ``Units``.
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sim.protocol.units import format_duration, parse_decimal, parse_duration, plain

IDENT_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


class ScenarioModel(BaseModel):
    """Frozen, strict, without unknown keys; the docstring below a field is its description."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the docstrings of fields, which are read now and not at each start."""
        from sim.protocol.field_docs import field_docs

        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        docs = field_docs(cls)
        for name, field in cls.model_fields.items():
            key = field.alias or name
            if name in docs and key in properties:
                properties[key].setdefault("description", docs[name])
        return schema


def _duration(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError(
            f"must be a duration with a unit (ns us ms s min) such as 5ms, was {value!r}"
        )
    return parse_duration(value)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return parse_decimal(str(value))
    raise ValueError(
        f'must be a whole number or quoted decimal text such as "100.02", was {value!r}'
    )


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]+(\.[0-9]+)? ?(ns|us|ms|s|min)$",
            "examples": ["5ms"],
        }
    ),
]
"""Nanoseconds, written as ``5ms``."""

DecimalText = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": r"^[+-]?[0-9]+(\.[0-9]+)?$",
            "examples": ["100.02"],
        }
    ),
]
"""An exact decimal, written as quoted text or as a whole number."""

PositiveDecimal = Annotated[DecimalText, Field(gt=0)]
Ident = Annotated[str, Field(pattern=IDENT_PATTERN)]
T = TypeVar("T")
Seq = Annotated[tuple[T, ...], Strict(False)]
"""A list in the file, an immutable tuple in the model; its members stay strict."""

PriceLevel = Annotated[tuple[PositiveDecimal, PositiveDecimal], Strict(False)]
"""``[price, quantity]`` of one level."""
