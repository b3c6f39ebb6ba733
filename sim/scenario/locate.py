"""A document and a model class to a model, or to every problem with its place.

The data is validated as JSON, so that a strict model takes lists for tuples and text for enums but
converts nothing else. Each error of pydantic becomes one ``Problem`` in our words; the branches of
an untagged union become one problem together, and a misspelt key is not reported a second time as a
missing one.
"""

import json
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from sim.protocol.errors import Problem
from sim.scenario.document import Document, plain_data, raise_problems
from sim.scenario.nodes import ListNode, MapNode, Node, Path, ScalarNode
from sim.scenario.scalars import ScalarError, resolve_plain, shown
from sim.scenario.schema_view import MAX_LISTED, SchemaView, Spot, Union
from sim.scenario.wording import did_you_mean, found, nearest, shown_words

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

MAX_ERRORS: Final = 300

_BOUNDS: Final = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
    "multiple_of": ("multiple_of", "a multiple of"),
}
# An issue that only follows from something else that is reported.
_FOLLOWS: Final = "follows"
_WRONG_KEY: Final = "wrong_key"
_OWN_WORDS: Final = frozenset({"value_error", "assertion_error"})
# The value has another shape than the branch: it was not meant for it.
_OTHER_SHAPE: Final = frozenset({"literal_error", "enum", "is_instance_of", "none_required"})
_YES_NO: Final = frozenset({"yes", "no", "on", "off", "y", "n"})


class _Issue(NamedTuple):
    """One thing wrong, before it has a place.

    ``key`` is the unknown or missing key of the mapping at ``path``.
    """

    path: Path
    message: str
    kind: str
    unions: tuple[Union, ...] = ()
    key: str = ""
    allowed: tuple[str, ...] = ()


def load(document: Document, model: type[M], *, context: dict[str, Any] | None = None) -> M:
    """The model of a document.

    Raises:
        ScenarioError: With every problem of reading, overrides and validation, ordered by place.
    """
    value, problems = validate(document, model, context=context)
    if value is None:
        raise_problems(problems)
    return value


def validate(
    document: Document, model: type[M], *, context: dict[str, Any] | None = None
) -> tuple[M | None, list[Problem]]:
    """The model of a document, or None and every problem of reading, overrides and validation.

    For callers that have more to check: they add ``document.problem(path, message)`` of their own
    and end with ``raise_problems``.
    """
    problems = document.problems()
    data = document.data()
    try:
        value = model.model_validate_json(json.dumps(data), context=context)
    except ValidationError as error:
        issues = _issues(error, SchemaView(model), document, data)
        problems += [_placed(issue, document) for issue in issues]
        if (left_out := error.error_count() - MAX_ERRORS) > 0:
            more = f"and {left_out} more errors, not looked at"
            problems.append(Problem(document.source, 0, 0, "", more))
        return None, problems
    return (None if problems else value), problems


def part(document: Document, path: Path, adapter: TypeAdapter[T]) -> T | None:
    """The valid value at a path, None if it is missing or wrong (which ``validate`` reports).

    So a check over several parts can be made although something else in the document is wrong.
    """
    node = document.node(path)
    if node is None or document.is_suspect(path) or _holds_refused(node):
        return None
    try:
        return adapter.validate_json(json.dumps(plain_data(node)))
    except ValidationError:
        return None


def members(document: Document, path: Path, adapter: TypeAdapter[T]) -> dict[int, T]:
    """The valid members of the list at a path by their index; empty if there is no list."""
    node = document.node(path)
    if not isinstance(node, ListNode):
        return {}
    valid = ((index, part(document, (*path, index), adapter)) for index in range(len(node.items)))
    return {index: value for index, value in valid if value is not None}


def known(document: Document, path: Path, model: type[M]) -> M | None:
    """The model at a path with those of its keys that are valid; None if there is no mapping.

    Reading a key that is missing or wrong, or that a misspelt one may have meant, raises
    AttributeError. For checks that other mistakes in the same mapping shall not hide.
    """
    node = document.node(path)
    if not isinstance(node, MapNode) or node.refused:
        return None
    misspelt = {nearest(key, model.model_fields) for key in node.items.keys() - model.model_fields}
    values: dict[str, Any] = {}
    unknown: list[str] = []
    for name, field in model.model_fields.items():
        inner = node.items.get(name)
        if inner is None:
            if field.is_required() or node.incomplete or name in misspelt:
                unknown.append(name)
        elif _holds_refused(inner):
            unknown.append(name)
        else:
            try:
                data = json.dumps(plain_data(inner))
                values[name] = _of_key(model, name).validate_json(data, strict=True)
            except ValidationError:
                unknown.append(name)
    value = model.model_construct(None, **values)
    for name in unknown:
        vars(value).pop(name, None)
    return value


@lru_cache(maxsize=512)
def _of_key(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """What validates one key of a model by itself."""
    field = model.model_fields[name]
    kind: Any = Annotated[field.annotation, field]
    return TypeAdapter(kind)


def _issues(
    error: ValidationError, view: SchemaView, document: Document, data: dict[str, Any]
) -> list[_Issue]:
    issues = []
    # Each error costs a search for near words: a file with a hundred thousand must not take
    # minutes.
    for detail in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]:
        spot = view.follow(detail["loc"], data)
        issues.append(_issue(detail, spot, view, document))
    located = _merged(issues, 0, view, document)
    return _without_misspelt([issue for issue in located if issue.kind != _FOLLOWS])


def _issue(detail: ErrorDetails, spot: Spot, view: SchemaView, document: Document) -> _Issue:
    special = _SPECIAL.get(detail["type"])
    if special is not None and (spot.path or detail["type"] != "missing"):
        return special(detail, spot, view, document)
    node = document.node(spot.path)
    if document.is_suspect(spot.path) or (node is not None and _only_follows(detail, node)):
        return _Issue(spot.path, "", _FOLLOWS, spot.unions)
    if spot.of_key:
        return _wrong_key(detail, spot)
    return _Issue(spot.path, _message(detail, spot, view, node), detail["type"], spot.unions)


def _only_follows(detail: ErrorDetails, node: Node) -> bool:
    """Whether an error of a whole list or mapping comes from members that have their own errors."""
    if isinstance(node, ScalarNode):
        return False
    if detail["type"] in _OWN_WORDS:
        return _holds_refused(node)
    # pydantic counts the valid members only.
    return detail["type"] == "too_short" and len(node.items) >= int(detail["ctx"]["min_length"])


def _wrong_key(detail: ErrorDetails, spot: Spot) -> _Issue:
    key = str(spot.path[-1])
    pattern = " or ".join(spot.parent.get("patternProperties", {}))
    allowed = f"text matching {pattern}" if pattern else shown_words(detail["msg"])
    message = f"found the key {shown(key)}; allowed: {allowed}"
    return _Issue(spot.path[:-1], message, _WRONG_KEY, spot.unions, key)


def _unknown_key(detail: ErrorDetails, spot: Spot, view: SchemaView, document: Document) -> _Issue:
    path, key = spot.path[:-1], str(spot.path[-1])
    if document.is_suspect(path):
        return _Issue(path, "", _FOLLOWS, spot.unions)
    variant = f" with {spot.variant}" if spot.variant else ""
    message = f"unknown key {shown(key)}{variant}"
    allowed = tuple(view.properties(spot.parent))
    return _Issue(path, message, detail["type"], spot.unions, key, allowed)


def _missing(detail: ErrorDetails, spot: Spot, view: SchemaView, document: Document) -> _Issue:
    path, key = spot.path[:-1], spot.path[-1]
    if document.is_suspect(spot.path):
        return _Issue(path, "", _FOLLOWS, spot.unions)
    if isinstance(key, int):  # a short tuple
        message = f"found {found(document.node(path))}; allowed: {view.describe(spot.parent)}"
        return _Issue(path, message, "too_short", spot.unions)
    required = view.describe(spot.schema)
    message = f"the key {shown(key)} is missing" + (f"; required: {required}" if required else "")
    return _Issue(path, message, detail["type"], spot.unions, key)


def _unknown_tag(detail: ErrorDetails, spot: Spot, view: SchemaView, document: Document) -> _Issue:
    path = (*spot.path, _tag_key(detail))
    if document.is_suspect(path):
        return _Issue(spot.path, "", _FOLLOWS, spot.unions)
    tags = list(view.tags(spot.schema))
    node = document.node(path)
    allowed = " or ".join(shown(name) for name in tags) or detail["ctx"]["expected_tags"]
    message = f"found {found(node)}; allowed: {allowed}{_near_choice(node, tags)}"
    return _Issue(path, message, detail["type"], spot.unions)


def _missing_tag(detail: ErrorDetails, spot: Spot, view: SchemaView, document: Document) -> _Issue:
    tag = _tag_key(detail)
    if document.is_suspect((*spot.path, tag)):
        return _Issue(spot.path, "", _FOLLOWS, spot.unions)
    node = document.node(spot.path)
    held = list(node.items) if isinstance(node, MapNode) else []
    tags = " or ".join(shown(name) for name in view.tags(spot.schema))
    known = {key for name in view.tags(spot.schema).values() for key in view.properties(name)}
    meant = nearest(tag, [key for key in held if key not in known])
    if meant is not None:
        allowed = (tag, *sorted(known - {tag}))
        message = f"unknown key {shown(meant)}"
        return _Issue(spot.path, message, "extra_forbidden", spot.unions, meant, allowed)
    message = f"the key {shown(tag)} is missing; required: {tags}"
    return _Issue(spot.path, message, "missing", spot.unions, tag)


_SPECIAL: Final = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": _missing_tag,
}


def _tag_key(detail: ErrorDetails) -> str:
    return str(detail["ctx"]["discriminator"]).strip("'")


def _message(detail: ErrorDetails, spot: Spot, view: SchemaView, node: Node | None) -> str:
    kind = detail["type"]
    if kind in _OWN_WORDS:
        own = _own_words(detail)
        if isinstance(node, ScalarNode) and not ("was " in own or "found " in own):
            return f"found {found(node)}: {own}"
        return own
    if kind in _BOUNDS:
        name, sign = _BOUNDS[kind]
        return f"found {found(node)}; allowed: {sign} {detail['ctx'][name]}"
    allowed = view.describe(spot.schema)
    if not allowed:
        words = detail["msg"].removeprefix("Input should be ")
        allowed = shown_words(words[:1].lower() + words[1:])
    choices = [choice for choice in view.choices(spot.schema) if isinstance(choice, str)]
    hints = _near_choice(node, choices) + _hint(spot, view, node)
    return f"found {found(node)}; allowed: {allowed}{hints}"


def _own_words(detail: ErrorDetails) -> str:
    for name in ("Value error, ", "Assertion failed, "):
        if detail["msg"].startswith(name):
            return shown_words(detail["msg"].removeprefix(name))
    return shown_words(detail["msg"])


def _near_choice(node: Node | None, choices: list[str]) -> str:
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return did_you_mean(node.value, choices)
    return ""


def _hint(spot: Spot, view: SchemaView, node: Node | None) -> str:
    """What a reader who does not know YAML's rules by heart needs to hear."""
    if not isinstance(node, ScalarNode):
        return ""
    types = view.types(spot.schema)
    value = node.value
    if isinstance(value, str):
        if "boolean" in types and value.lower() in _YES_NO:
            return " (yes, no, on and off are text)"
        if types & {"integer", "number"} and _is_number(value):
            return " (in quotes it is text)"
        return ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and "string" in types and "pattern" not in spot.schema:
        quoted = json.dumps(node.text)
        return "" if view.choices(spot.schema) else f" (write it in quotes: {quoted})"
    return ""


def _is_number(text: str) -> bool:
    try:
        value = resolve_plain(text)
    except ScalarError:
        return False
    return isinstance(value, int | float) and not isinstance(value, bool)


def _merged(issues: list[_Issue], depth: int, view: SchemaView, document: Document) -> list[_Issue]:
    """Issues, those of each untagged union at this depth reduced to the branch that was meant."""
    result: list[_Issue] = []
    groups: dict[Path, list[_Issue]] = {}
    for issue in issues:
        if len(issue.unions) <= depth:
            result.append(issue)
        else:
            groups.setdefault(issue.unions[depth].path, []).append(issue)
    for path, group in groups.items():
        if any(issue.kind == _FOLLOWS and issue.path == path for issue in group):
            continue
        branches: dict[str, list[_Issue]] = {}
        for issue in group:
            branches.setdefault(issue.unions[depth].branch, []).append(issue)
        meant = [
            branch
            for branch in branches.values()
            if not any(issue.path == path and _is_other_shape(issue.kind) for issue in branch)
        ]
        if len(meant) == 1 or (meant and not isinstance(document.node(path), ScalarNode)):
            fewest = min(meant, key=len)
            own_words = fewest[0].kind in _OWN_WORDS and fewest[0].path == path
            if len(branches) == 1 or not own_words:
                result += _merged(fewest, depth + 1, view, document)
                continue
        schema = group[0].unions[depth].schema
        node = document.node(path)
        choices = [choice for choice in view.choices(schema) if isinstance(choice, str)]
        message = (
            f"found {found(node)}; allowed: {view.describe(schema)}{_near_choice(node, choices)}"
        )
        result.append(_Issue(path, message, "union"))
    return result


def _is_other_shape(kind: str) -> bool:
    return kind in _OTHER_SHAPE or kind.endswith(("_type", "_parsing")) or kind == "int_from_float"


def _without_misspelt(issues: list[_Issue]) -> list[_Issue]:
    """Issues with the right key named for each unknown one, without it as missing once more."""
    missing: dict[Path, set[str]] = {}
    for issue in issues:
        if issue.kind == "missing":
            missing.setdefault(issue.path, set()).add(issue.key)
    result: list[_Issue] = []
    explained: set[tuple[Path, str]] = set()
    for issue in issues:
        if issue.kind != "extra_forbidden":
            result.append(issue)
            continue
        meant = nearest(issue.key, missing.get(issue.path, ()))
        if meant is not None and (issue.path, meant) not in explained:
            explained.add((issue.path, meant))
            hint = f"; did you mean {shown(meant)}?"
        else:
            hint = did_you_mean(issue.key, issue.allowed)
        names = issue.allowed[:MAX_LISTED]
        allowed = f"; allowed: {', '.join(names) or 'no keys'}"
        result.append(issue._replace(message=issue.message + allowed + hint))
    return [
        issue
        for issue in result
        if not (issue.kind == "missing" and (issue.path, issue.key) in explained)
    ]


def _placed(issue: _Issue, document: Document) -> Problem:
    path = (*issue.path, issue.key) if issue.key else issue.path
    at_key = issue.kind in {"extra_forbidden", _WRONG_KEY}
    return document.problem(path, issue.message, at_key=at_key)


def _holds_refused(node: Node) -> bool:
    open_nodes = [node]
    while open_nodes:
        here = open_nodes.pop()
        if here.refused:
            return True
        if isinstance(here, ListNode):
            open_nodes += here.items
        elif isinstance(here, MapNode):
            if here.incomplete:
                return True
            open_nodes += here.items.values()
    return False
