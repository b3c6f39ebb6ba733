"""Tables of the scenario file's keys, from its models.

A block is named by its path in the file: ``the file`` itself, ``router``, ``venues.latency``. It
holds the model that stands there and all models below it, save those that a deeper block holds; so
a new model comes into the page by itself.
"""

import types
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generate.text import DocsError, cell, paragraphs, table
from sim.cli.listing import source
from sim.protocol.config import IDENT_PATTERN
from sim.protocol.field_docs import field_docs
from sim.protocol.units import format_duration, plain
from sim.scenario.model import Scenario

Model = type[BaseModel]
TOP: Final = "the file"
_PLACES_MAX: Final = 3


class Field(NamedTuple):
    """A type with what narrows it down."""

    annotation: Any
    metadata: tuple[Any, ...]


class Nested(NamedTuple):
    """The models that a key may hold; ``tag`` is the key that tells them apart, if one does."""

    key: str
    tag: str | None
    models: tuple[Model, ...]


class KeyReference:
    """The blocks of one page. Knows which block each model of the file belongs to."""

    def __init__(self, blocks: list[str]) -> None:
        self._roots = {path: _at(path) for path in blocks}
        self._owner: dict[Model, str] = {}
        for path in sorted(blocks, key=lambda path: (path == TOP, -path.count("."))):
            for model in self._roots[path].models:
                self._own(model, path)
        if blocks:
            missing = [m.__name__ for m in _all_models() if m not in self._owner]
            if missing:
                raise DocsError(f"no block holds {', '.join(missing)}")

    def _own(self, model: Model, path: str) -> None:
        if model in self._owner:
            return
        self._owner[model] = path
        for nested in nested_of(model):
            for one in nested.models:
                self._own(one, path)

    def block(self, path: str) -> list[str]:
        """The lines of one block."""
        return [line for part in self._sections(self._roots[path], path, set()) for line in part]

    def _sections(self, root: Nested, path: str, done: set[Model]) -> Iterator[list[str]]:
        """Tables, each with what stands above it, a blank line between two."""
        parts = list(self._parts(root, path, done))
        for n, part in enumerate(parts):
            yield part if n == len(parts) - 1 else [*part, ""]

    def _parts(self, root: Nested, path: str, done: set[Model]) -> Iterator[list[str]]:
        models = [m for m in root.models if self._owner[m] == path and m not in done]
        if not models:
            return
        done.update(models)
        if root.tag is None:
            for model in models:
                yield _model_part(model, root.key, with_words=root.key != TOP)
                yield from self._below(nested_of(model), path, done)
            return
        yield _kinds_table(root, models)
        common = _common(models, root.tag) if len(models) > 1 else ()
        if common:
            yield _key_table("key of all kinds", models[0], only=common)
            yield from self._below(
                [one for one in nested_of(models[0]) if one.key in common], path, done
            )
        for model in models:
            yield from self._kind_part(model, root.tag, common, path, done)

    def _kind_part(
        self, model: Model, tag: str, common: tuple[str, ...], path: str, done: set[Model]
    ) -> Iterator[list[str]]:
        name, more = tag_of(model, tag), paragraphs(model)[1:]
        own = tuple(key for key in keys_of(model) if key != tag and key not in common)
        words = [f"`{name}`: {' '.join(more)}"] if more else []
        if own:
            gap = [""] if words else []
            yield [*words, *gap, *_key_table(f"key of `{name}`", model, only=own)]
        elif words:
            yield words
        yield from self._below(
            [one for one in nested_of(model) if one.key not in common], path, done
        )

    def _below(self, nested: list[Nested], path: str, done: set[Model]) -> Iterator[list[str]]:
        for one in nested:
            yield from self._parts(one, path, done)


def keys_of(model: Model) -> dict[str, FieldInfo]:
    """The keys that a file may use, by their name in the file."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def words_of(model: Model, key: str) -> str:
    """The docstring of the field that holds a key; empty without one."""
    names = {info.alias or name: name for name, info in model.model_fields.items()}
    return field_docs(model).get(names[key], "")


def tag_of(model: Model, tag: str) -> str:
    """The value that chooses this model."""
    (name,) = get_args(keys_of(model)[tag].annotation)
    return str(name)


def nested_of(model: Model) -> list[Nested]:
    """What models stand below, key by key."""
    found = []
    for key, info in keys_of(model).items():
        models, tag = _models_in(Field(info.annotation, tuple(info.metadata))), info.discriminator
        if models:
            found.append(Nested(key, tag if isinstance(tag, str) else models[1], models[0]))
    return found


def _models_in(field: Field) -> tuple[tuple[Model, ...], str | None] | None:
    """The models inside a type, and the tag that tells them apart."""
    kind, metadata = _bare(field)
    tag = next(
        (m.discriminator for m in metadata if isinstance(m, FieldInfo) and m.discriminator), None
    )
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return (kind,), None
    found: list[Model] = []
    for part in get_args(kind):
        inner = _models_in(Field(part, ()))
        if inner:
            found += inner[0]
            tag = tag or inner[1]
    return (tuple(dict.fromkeys(found)), tag if isinstance(tag, str) else None) if found else None


def _at(path: str) -> Nested:
    """What stands at a path of the file."""
    here = Nested(TOP, None, (Scenario,))
    if path == TOP:
        return here
    for step in path.split("."):
        steps = [one for model in here.models for one in nested_of(model) if one.key == step]
        if not steps:
            raise DocsError(f"the scenario file has no mapping at {path!r}")
        here = steps[0]
    return here


def _all_models() -> list[Model]:
    found: list[Model] = [Scenario]
    for model in found:
        for nested in nested_of(model):
            found += [one for one in nested.models if one not in found]
    return found


def _common(models: list[Model], tag: str) -> tuple[str, ...]:
    """Keys that all models have, with the same meaning."""
    first = keys_of(models[0])
    return tuple(
        key
        for key in first
        if key != tag
        and all(key in keys_of(m) and words_of(m, key) == words_of(models[0], key) for m in models)
    )


# Tables


def _model_part(model: Model, key: str, *, with_words: bool) -> list[str]:
    header = "key" if key == TOP else f"key of `{key}`"
    words = [f"`{key}`: {' '.join(paragraphs(model))}", ""] if with_words else []
    return [*words, *_key_table(header, model, only=tuple(keys_of(model)))]


def _kinds_table(root: Nested, models: list[Model]) -> list[str]:
    assert root.tag is not None
    sources = [source(model) for model in models]
    rows = []
    for model, origin in zip(models, sources, strict=True):
        words = paragraphs(model)
        if not words:
            raise DocsError(f"{model.__module__}: {model.__name__} has no docstring")
        row = (f"`{tag_of(model, root.tag)}`", words[0])
        rows.append((*row, origin) if any(sources) else row)
    keys = [f"`{key}`" for key in _keys_with(root.models)]
    place = f" of {', '.join(keys)}" if len(keys) <= _PLACES_MAX else ""
    header = (f"`{root.tag}`{place}", "is", *(["source"] if any(sources) else []))
    return table(header, rows)


def _keys_with(models: tuple[Model, ...]) -> list[str]:
    """The keys of the file below which exactly these models may stand."""
    found = [n.key for m in _all_models() for n in nested_of(m) if n.models == models]
    return list(dict.fromkeys(found))


def _key_table(header: str, model: Model, *, only: tuple[str, ...]) -> list[str]:
    rows = []
    for key, info in keys_of(model).items():
        if key in only:
            rows.append((f"`{key}`", _type(key, info), _default(info), _means(model, key)))
    return table((header, "type", "default", "means"), rows)


def _means(model: Model, key: str) -> str:
    words = words_of(model, key)
    if not words:
        raise DocsError(
            f"{model.__module__}: {model.__name__}.{key} has no docstring below it: "
            "say what it means, with its unit"
        )
    return cell(words)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if value is PydanticUndefined:
        value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{_flow(given)}`" if given else "see below"
    if isinstance(value, int) and _pattern(tuple(info.metadata)).endswith("min)$"):
        value = format_duration(value)
    text = _flow(value)
    return text if text == "none" else f"`{text}`"


def _flow(value: Any) -> str:
    """A value in YAML's flow form."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return f"{{{', '.join(f'{name}: {_flow(one)}' for name, one in value.items())}}}"
    return str(value)


# Types in words


def _type(key: str, info: FieldInfo) -> str:
    word = _words(Field(info.annotation, tuple(info.metadata)))
    return "file" if key == "file" and word.startswith("text") else word


def _bare(field: Field) -> Field:
    """The type without ``Annotated`` and ``| None``, and all that stood there."""
    annotation, metadata = field
    while True:
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            annotation, metadata = inner, (*more, *metadata)
        elif get_origin(annotation) in {Union, types.UnionType}:
            parts = [part for part in get_args(annotation) if part is not types.NoneType]
            if len(parts) != 1:
                return Field(annotation, metadata)
            annotation = parts[0]
        else:
            return Field(annotation, metadata)


def _words(field: Field) -> str:
    kind, metadata = _bare(field)
    facts = _facts(metadata)
    if scalar := _scalar_words(kind, facts, _pattern(metadata)):
        return scalar
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return _list_words(get_args(kind), facts)
    if get_origin(kind) is dict:
        return f"mapping{_count(facts)}"
    if _models_in(field):
        return "mapping"
    if not get_args(kind):
        raise DocsError(f"no words for the type {kind}")
    return " or ".join(_words(Field(part, ())) for part in get_args(kind))


def _scalar_words(kind: Any, facts: dict[type, Any], pattern: str) -> str:
    if pattern.endswith("min)$"):
        return f"duration{_range(facts)}"
    if kind is str:
        return "name" if pattern == IDENT_PATTERN else "text"
    words = {Decimal: "decimal", int: "integer", float: "number", bool: "boolean"}
    return words[kind] + _range(facts) if kind in words else ""


def _list_words(parts: tuple[Any, ...], facts: dict[type, Any]) -> str:
    if len(parts) == 2 and parts[1] is ...:
        inner = "mapping" if _models_in(Field(parts[0], ())) else _words(Field(parts[0], ()))
        if inner.startswith("`"):
            return f"list of {inner}{_count(facts)}"
        plural = {"mapping": "mappings", "level": "levels", "name": "names", "text": "texts"}
        return f"list of {plural.get(inner, inner)}{_count(facts)}"
    words = [_words(Field(part, ())) for part in parts]
    return "level" if words == ["decimal > 0"] * 2 else f"[{', '.join(words)}]"


def _pattern(metadata: tuple[Any, ...]) -> str:
    for one in metadata:
        if isinstance(one, WithJsonSchema) and one.json_schema:
            return str(one.json_schema.get("pattern", ""))
        if isinstance(one, FieldInfo) and (pattern := _pattern(tuple(one.metadata))):
            return pattern
        if getattr(one, "pattern", None):
            return str(one.pattern)
    return ""


def _facts(metadata: tuple[Any, ...]) -> dict[type, Any]:
    """Bounds by their type."""
    found: dict[type, Any] = {}
    for one in metadata:
        if isinstance(one, FieldInfo):
            found |= _facts(tuple(one.metadata))
        elif isinstance(one, Ge | Gt | Le | Lt | MinLen | MaxLen):
            (found[type(one)],) = (getattr(one, name) for name in type(one).__slots__)
    return found


def _range(facts: dict[type, Any]) -> str:
    if Ge in facts and Le in facts:
        return f", {_number(facts[Ge])} to {_number(facts[Le])}"
    signs = ((Gt, ">"), (Ge, ">="), (Lt, "<"), (Le, "<="))
    bounds = [f"{sign} {_number(facts[kind])}" for kind, sign in signs if kind in facts]
    return f" {' and '.join(bounds)}" if bounds else ""


def _count(facts: dict[type, Any]) -> str:
    low, high = facts.get(MinLen), facts.get(MaxLen)
    if high is None:
        return f", at least {low}" if low else ""
    return f", {low} to {high:,}" if low else f", up to {high:,}"


def _number(value: Any) -> str:
    if isinstance(value, int) and value > 10**9 and value.bit_count() == 1:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}" if abs(value) >= 10_000 else f"{value:g}"
