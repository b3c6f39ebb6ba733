"""Draws faults: any kind of the table, its keys by what they may hold.

A kind that is added to ``sim.faults`` is drawn without a line here, as long as its own keys have
one of the types below; another one raises, so that no kind is left out in silence.
"""

from collections.abc import Iterator
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import PlainSerializer, ValidationError
from pydantic.fields import FieldInfo

from sim.faults import FAULTS
from sim.faults.base import FaultConfig, MessageFault, StateFault
from sim.protocol.units import format_duration, plain
from sim.study.torture.chance import Chance

TRIES: Final = 12
"""How often a kind is drawn anew when what came is not allowed; then it is left out."""
FAULTS_MAX: Final = 5
_MS: Final = 1_000_000
_BASE: Final = frozenset({"kind", "id", "start", "stop"})
_RECORDS: Final = (
    "parent_received",
    "decision",
    "child_sent",
    "child_acked",
    "fill",
    "cancel_sent",
    "child_canceled",
    "child_rejected",
    "quote",
)
_AFTER: Final = 8


class Facts(NamedTuple):
    """What draws need to know of a scenario.

    Attributes:
        venues: Ids.
        calm_ns: From here on no fault begins by the clock.
    """

    venues: tuple[str, ...]
    calm_ns: int


class UndrawnKeyError(TypeError):
    """A key of a fault has a type that nobody here knows how to draw."""


def draw_faults(chance: Chance, facts: Facts) -> list[dict[str, Any]]:
    """Some faults, or none: of the kinds, some are fully off."""
    on = [kind for kind in FAULTS if chance.happens(0.5)]
    count = chance.whole(0, FAULTS_MAX) if on else 0
    drawn = (draw_fault(chance.one_of(on), chance, facts) for _ in range(count))
    return [fault for fault in drawn if fault is not None]


def draw_fault(kind: type[FaultConfig], chance: Chance, facts: Facts) -> dict[str, Any] | None:
    """One fault of a kind as a scenario writes it; None where none came that is allowed."""
    for _ in range(TRIES):
        fault = {
            "kind": name_of(kind),
            **_trigger(kind, chance, facts),
            **_own(kind, chance, facts),
        }
        try:
            kind.model_validate(fault)
        except ValidationError:
            continue
        return fault
    return None


def name_of(kind: type[FaultConfig]) -> str:
    """How scenarios call a kind."""
    name: str = get_args(kind.model_fields["kind"].annotation)[0]
    return name


def _trigger(kind: type[FaultConfig], chance: Chance, facts: Facts) -> dict[str, Any]:
    which = chance.one_of(kind.triggers)
    if which == "at":
        return {"at": chance.time(facts.calm_ns)}
    if which == "on":
        on: dict[str, Any] = {"record": chance.one_of(_RECORDS), "nth": chance.whole(1, _AFTER)}
        if chance.happens(0.5):
            on["venue"] = chance.one_of(facts.venues)
        return {"on": on}
    window = {"stop": format_duration(facts.calm_ns)}
    if chance.happens(0.2):
        window["start"] = chance.time(facts.calm_ns)
    if which == "rate":
        return {"rate": chance.between(1, 300) * 1e9 / max(facts.calm_ns, 1), **window}
    return {"share": chance.between(0.01, 0.6), **window}


def _own(kind: type[FaultConfig], chance: Chance, facts: Facts) -> dict[str, Any]:
    """The keys of a kind beside kind, name and trigger."""
    fault: dict[str, Any] = {}
    base = _BASE | set(kind.triggers)
    for name, field in kind.model_fields.items():
        if name in base or not (field.is_required() or chance.happens(0.6)):
            continue
        if name == "count" and issubclass(kind, MessageFault):
            fault[name] = chance.whole(1, 6)
        elif name == "lasts":  # always an end, or nothing would follow that could be judged
            fault[name] = chance.duration(_MS // 10, max(facts.calm_ns // 2, _MS))
        elif name == "venue":
            fault[name] = chance.one_of(facts.venues)
        else:
            value = _value(field, chance, facts, f"{name_of(kind)}.{name}")
            if value is not None:
                fault[name] = value
    if issubclass(kind, StateFault):
        fault.setdefault("lasts", chance.duration(_MS // 10, max(facts.calm_ns // 2, _MS)))
    return fault


def _value(field: FieldInfo, chance: Chance, facts: Facts, where: str) -> Any:
    """A value that the field may hold, or None to leave it out."""
    parts = list(_parts(field.annotation))
    if any(mark is format_duration for mark in map(_writer, _marks(field))):
        return chance.duration(1_000, max(facts.calm_ns // 4, _MS))
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    if words:
        return chance.one_of(words)
    if bool in parts:
        return chance.happens(0.5)
    low, high = _bounds(field)
    if int in parts:
        return chance.whole(int(low), int(high))
    if float in parts:
        return chance.between(high / 1_000, high)
    if Decimal in parts:
        return plain(Decimal(str(chance.between(0.001, 1_000))))
    if field.is_required():
        raise UndrawnKeyError(f"{where} is of type {field.annotation!r}, which nobody draws yet")
    return None


def _parts(annotation: Any) -> Iterator[Any]:
    """The members of a union, or the type itself; without None, and without what is annotated."""
    if get_origin(annotation) in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _parts(part)
    elif hasattr(annotation, "__metadata__"):
        yield from (annotation, *_parts(annotation.__origin__))
    elif annotation is not NoneType:
        yield annotation


def _writer(mark: Any) -> Any:
    """What writes a value into a file: durations are known by it."""
    return mark.func if isinstance(mark, PlainSerializer) else None


def _bounds(field: FieldInfo) -> tuple[float, float]:
    """The least and the most that a number may be; 1 and 1,000 where nothing says so."""
    low, high = 1.0, 1_000.0
    for mark in _marks(field):
        if isinstance(mark, Ge):
            low = float(mark.ge)  # type: ignore[arg-type]
        elif isinstance(mark, Gt):
            low = float(mark.gt) + 1  # type: ignore[arg-type]
        elif isinstance(mark, Le):
            high = min(float(mark.le), 1_000.0)  # type: ignore[arg-type]
    return min(low, high), high


def _marks(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    for part in _parts(field.annotation):
        yield from getattr(part, "__metadata__", ())
