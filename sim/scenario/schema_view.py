"""What a model allows at each place, read from its JSON Schema.

pydantic names the place of an error by its own inner path, with the names of union branches between
keys and indexes. ``SchemaView.follow`` turns that into the path in the data and finds the schema
that holds there, and ``describe`` says a schema in words. Knows no file, no place and no message.

Source: JSON Schema 2020-12 as pydantic writes it, with the ``discriminator`` of OpenAPI 3.1.
"""

import json
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema

from sim.scenario.nodes import Path
from sim.scenario.scalars import shown

Schema = dict[str, Any]

MAX_LISTED: Final = 30

_WORDS: Final = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
}
# How pydantic's names of union branches begin, per JSON type.
_BRANCH_STARTS: Final = {
    "boolean": ("bool",),
    "integer": ("int", "constrained-int"),
    "number": ("float", "constrained-float", "decimal"),
    "string": ("str", "constrained-str"),
    "array": ("list", "tuple", "set", "frozenset", "constrained-list"),
    "object": ("dict", "constrained-dict"),
}


class Union(NamedTuple):
    """A choice without a tag: where it stands, the branch that was tried, the choice's schema."""

    path: Path
    branch: str
    schema: Schema


class Spot(NamedTuple):
    """One error's place: its path, the schema there and that of the mapping or list around it.

    Attributes:
        variant: ``kind: lit`` if the mapping around it was chosen by a tag, else empty.
        of_key: Whether the path's last key is wrong itself, and not the value there.
        unions: The untagged choices passed on the way, outermost first.
    """

    path: Path
    schema: Schema
    parent: Schema
    variant: str
    of_key: bool
    unions: tuple[Union, ...]


class SchemaView:
    """The JSON Schema of one model, with a way through it."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._root: Schema = _json_schema(model)
        self._definitions: dict[str, Schema] = self._root.get("$defs", {})

    def follow(self, loc: tuple[str | int, ...], data: object) -> Spot:
        """The spot of an inner path of pydantic, walking the data beside the schema."""
        path: Path = ()
        schema, parent, variant = self._root, {}, ""
        unions: list[Union] = []
        here = data
        for index, step in enumerate(loc):
            schema = self.resolved(schema)
            tags = self.tags(schema)
            options = self._options(schema)
            if step in tags:
                variant = f"{schema['discriminator']['propertyName']}: {step}"
                schema = tags[str(step)]
            elif len(options) > 1 and isinstance(step, str):
                unions.append(Union(path, step, schema))
                schema = _branch(options, step)
            elif step != "[key]" and (schema or _is_child(here, step) or index == len(loc) - 1):
                path = (*path, step)
                parent, schema = schema, self._child(schema, step)
                here = _get(here, step)
                variant = variant if index == len(loc) - 1 else ""
        of_key = bool(path) and loc[-1] == "[key]"
        return Spot(
            path, self.resolved(schema), self.resolved(parent), variant, of_key, tuple(unions)
        )

    def resolved(self, schema: Schema) -> Schema:
        """The schema behind a reference, and behind ``X | None`` the one of X."""
        while True:
            if "$ref" in schema:
                schema = self._definitions.get(schema["$ref"].rpartition("/")[2], {})
            elif len(options := self._options(schema)) == 1:
                schema = options[0]
            else:
                return schema

    def tags(self, schema: Schema) -> dict[str, Schema]:
        """Schemas of a tagged union by tag; empty for anything else."""
        mapping = schema.get("discriminator", {}).get("mapping", {})
        return {tag: {"$ref": reference} for tag, reference in mapping.items()}

    def properties(self, schema: Schema) -> dict[str, Schema]:
        """Schemas of the named keys of a mapping."""
        named: dict[str, Schema] = self.resolved(schema).get("properties", {})
        return named

    def choices(self, schema: Schema) -> list[object]:
        """The constants that a schema allows, through all its branches."""
        schema = self.resolved(schema)
        if "const" in schema:
            return [schema["const"]]
        if "enum" in schema:
            return list(schema["enum"])
        return [choice for option in self._options(schema) for choice in self.choices(option)]

    def types(self, schema: Schema) -> set[str]:
        """The JSON types that a schema allows, through all its branches."""
        schema = self.resolved(schema)
        held = schema.get("type", [])
        found = {held} if isinstance(held, str) else set(held)
        return found.union(*(self.types(option) for option in self._options(schema)))

    def describe(self, schema: Schema, depth: int = 3) -> str:
        """What a schema allows, in words; empty if it says nothing, or beyond this depth."""
        if depth == 0:
            return ""
        schema = self.resolved(schema)
        if choices := (schema.get("enum") or ([schema["const"]] if "const" in schema else [])):
            return _listed([_constant(choice) for choice in choices], " or ")
        if tags := self.tags(schema):
            key = schema["discriminator"]["propertyName"]
            return f"a mapping with {key}: {_listed(list(tags), ' or ')}"
        if options := self._options(schema):
            words = [word for option in options if (word := self.describe(option, depth))]
            return " or ".join(dict.fromkeys(words))
        held = schema.get("type", [])
        names = [held] if isinstance(held, str) else list(held)
        return " or ".join(self._describe_type(name, schema, depth) for name in names)

    def _describe_type(self, name: str, schema: Schema, depth: int) -> str:
        word = _WORDS.get(name, name)
        if name in {"integer", "number"}:
            return word + _range(schema)
        if name == "string":
            if examples := schema.get("examples"):
                return f"{word} such as {examples[0]}"
            pattern = f" matching {schema['pattern']}" if "pattern" in schema else ""
            return word + _count(schema, "Length", "character(s)") + pattern
        if name == "array" and schema.get("maxItems") == 0:
            return "an empty list"
        if name == "array":
            if parts := schema.get("prefixItems"):
                return (
                    f"a list [{', '.join(self.describe(one, depth - 1) or '...' for one in parts)}]"
                )
            inner = self.describe(schema.get("items", {}), depth - 1)
            each = f", each {inner}" if inner and len(inner) <= 60 else ""
            return word + _count(schema, "Items", "member(s)") + each
        if name == "object":
            keys = list(schema.get("properties", {}))
            named = f" with the keys {_listed(keys, ', ')}"
            return word + (named if keys else _count(schema, "Properties", "key(s)"))
        return word

    def _options(self, schema: Schema) -> list[Schema]:
        """The branches of an untagged choice, null left out."""
        if "discriminator" in schema:
            return []
        options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or []
        return [option for option in options if option.get("type") != "null"]

    def _child(self, schema: Schema, step: str | int) -> Schema:
        if isinstance(step, int):
            parts = schema.get("prefixItems", [])
            child = parts[step] if 0 <= step < len(parts) else schema.get("items", {})
        else:
            child = schema.get("properties", {}).get(step, _of_any_key(schema))
        return child if isinstance(child, dict) else {}


@lru_cache(maxsize=8)
def _json_schema(model: type[BaseModel]) -> Schema:
    """Made once per model, since that takes longer than all else that is done with one file."""
    try:
        return model.model_json_schema()
    except PydanticInvalidForJsonSchema:
        # A user's model may use types without a JSON Schema: its errors then say less.
        return {}


def _of_any_key(schema: Schema) -> object:
    """The schema of the values of a mapping with free keys; pydantic writes one pattern of keys."""
    patterns = list(schema.get("patternProperties", {}).values())
    return patterns[0] if patterns else schema.get("additionalProperties", {})


def _is_child(data: object, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data)


def _get(data: object, step: str | int) -> object:
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None


def _branch(options: list[Schema], label: str) -> Schema:
    """The branch that pydantic calls ``label``; nothing known of it if none fits."""
    for option in options:
        name = option["$ref"].rpartition("/")[2] if "$ref" in option else option.get("title")
        if name == label or (
            label.startswith("literal[") and ("const" in option or "enum" in option)
        ):
            return option
        if label.startswith("tagged-union[") and "discriminator" in option:
            return option
        if label.partition("[")[0] in _BRANCH_STARTS.get(str(option.get("type")), ()):
            return option
    return {}


def _constant(value: object) -> str:
    return shown(value) if isinstance(value, str) else json.dumps(value)


def _listed(words: list[str], glue: str) -> str:
    more = [f"{len(words) - MAX_LISTED} more"] if len(words) > MAX_LISTED else []
    return glue.join(words[:MAX_LISTED] + more)


def _range(schema: Schema) -> str:
    bounds = [
        f"{sign} {schema[name]}"
        for name, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("exclusiveMaximum", "<"),
            ("maximum", "<="),
        )
        if name in schema
    ]
    return f" {' and '.join(bounds)}" if bounds else ""


def _count(schema: Schema, what: str, unit: str) -> str:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    if low and high is not None:
        return f" of {low} to {high} {unit}" if low != high else f" of {low} {unit}"
    if low:
        return f" of at least {low} {unit}"
    return "" if high is None else f" of at most {high} {unit}"
