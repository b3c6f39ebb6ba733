"""What no single model can check of schedules: horizons that parents give them, and whole lots."""

from collections.abc import Iterator

from pydantic import TypeAdapter

from router.schedule import AnySchedule, ScheduleConfig
from router.schedule.base import SlicedConfig
from sim.flow.base import off_grid
from sim.protocol.units import Units
from sim.scenario.document import Document
from sim.scenario.locate import part
from sim.scenario.model import ParentConfig
from sim.scenario.nodes import Path

_SCHEDULE: TypeAdapter[AnySchedule] = TypeAdapter(ScheduleConfig)
_ANYTHING: TypeAdapter[object] = TypeAdapter(object)
_DEFAULT: Path = ("router", "schedule")


def schedule_problems(
    document: Document, parents: dict[int, ParentConfig], units: Units | None
) -> Iterator[tuple[Path, str]]:
    """What is wrong with the router's schedule, and with that of each parent.

    Args:
        document: The scenario.
        parents: The valid ones by index, or what is valid of them.
        units: Of the instrument, None if that is wrong.
    """
    default = part(document, _DEFAULT, _SCHEDULE)
    yield from _lots(_DEFAULT, default, units)
    yield from _quiet(document, _DEFAULT, default)
    for n, parent in parents.items():
        at: Path = ("parents", n, "schedule")
        own = getattr(parent, "schedule", None)
        yield from _lots(at, own, units)
        yield from _quiet(document, at, own)
        schedule = own or default
        if not isinstance(schedule, SlicedConfig) or getattr(parent, "at", None) is None:
            continue
        deadline, horizon = getattr(parent, "deadline", None), schedule.horizon
        if horizon is None and deadline is None:
            if part(document, ("parents", n, "deadline"), _ANYTHING) is None:
                where = at if own is not None else ("parents", n)
                yield where, "its schedule needs a horizon, or the parent a deadline"
            continue
        if horizon is None:
            assert deadline is not None  # one of them is there
            horizon = deadline - parent.at
        problem = schedule.problem(horizon) if horizon > 0 else None
        if problem is not None:
            yield (at if own is not None else _DEFAULT), problem


def _lots(
    at: Path, schedule: AnySchedule | None, units: Units | None
) -> Iterator[tuple[Path, str]]:
    most = getattr(schedule, "max_slice", None)
    if most is not None and units is not None:
        yield from off_grid((*at, "max_slice"), units.qty_to_lots, most)


def _quiet(
    document: Document, at: Path, schedule: AnySchedule | None
) -> Iterator[tuple[Path, str]]:
    bound = part(document, ("router", "leakage", "max_detect"), _ANYTHING)
    if getattr(schedule, "quiet", False) and bound is None:
        yield (*at, "quiet"), "needs router.leakage.max_detect, which says how much may show"
