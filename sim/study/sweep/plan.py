"""What a sweep runs: its points, each with the overrides that make it, and what it is held against.

A point takes one level of every axis. Axes are the variants, the lines with the values along them,
and the parameters of a grid; all combinations are run, variants outermost and the grid innermost.
Everything is read and checked here, so that what is wrong is said before anything has run.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

from sim.protocol.errors import Problem, ScenarioError
from sim.protocol.units import parse_decimal, parse_duration
from sim.scenario.load import LoadedScenario
from sim.scenario.studying import AlongConfig, LineConfig, SweepConfig, VariantConfig
from sim.study.baselines import BaselineError, baseline_sets
from sim.study.grid import MAX_POINTS, Axis, GridError, axis_of, expand, grid_of, set_text
from sim.study.parcel import Parcel, pack
from sim.study.runs import More, Source, fitted
from sim.study.sweep.figures import SweepJob

VARIANT: Final = "variant"
LINE: Final = "line"
ALONG: Final = "along"
"""Names of the axes that are no paths."""
RUNS_MAX: Final = 10_000_000


class Point(NamedTuple):
    """One point: what it is called, its level of each axis, and the scenario that it makes.

    ``reference`` is the place of the point that it is compared with; its own if it is the one.
    """

    name: str
    levels: dict[str, str]
    sets: tuple[str, ...]
    reference: int
    parcel: Parcel


class Plan(NamedTuple):
    """A sweep before it runs."""

    source: Source
    loaded: LoadedScenario
    config: SweepConfig
    axes: dict[str, list[str]]
    seeds: list[int]
    points: list[Point]

    def jobs(self) -> tuple[list[SweepJob], list[list[int]]]:
        """The runs, and by point which of them are its own, seed by seed.

        Points that are the same scenario share their runs.
        """
        jobs: list[SweepJob] = []
        first: dict[Parcel, int] = {}
        for point in self.points:
            if point.parcel not in first:
                first[point.parcel] = len(jobs)
                jobs += [SweepJob(point.parcel, seed, point.name) for seed in self.seeds]
        rows = [first[point.parcel] for point in self.points]
        return jobs, [list(range(row, row + len(self.seeds))) for row in rows]


class _Draft(NamedTuple):
    levels: dict[str, str]
    more: More


def plan_of(source: Source, grid: Sequence[Axis] = (), seeds_n: int | None = None) -> Plan:
    """The plan of a scenario's ``study.sweep``, or of a grid in its place.

    Args:
        source: The scenario.
        grid: Takes the place of all that ``study.sweep`` varies, if there is any.
        seeds_n: How many seeds; None: as many as ``study.sweep`` says.

    Raises:
        ScenarioError: If there is nothing to vary, or a point is wrong; it has every problem.
    """
    loaded = source.load()
    own = loaded.scenario.study.sweep
    config = own or SweepConfig()
    if grid:
        config = SweepConfig(seeds=config.seeds)
    axes = tuple(grid) if grid else _axes(config, source)
    if own is None and not grid:
        raise _wrong(source, "study.sweep", "must be there to know what to sweep, or --grid given")
    _check_venues(config, loaded, source)
    drafts = _drafts(config, axes, loaded, source)
    first = loaded.scenario.seed
    seeds = list(range(first, first + (seeds_n or config.seeds)))
    if len(drafts) * len(seeds) > RUNS_MAX:
        message = f"spans {len(drafts) * len(seeds):,} runs; allowed: at most {RUNS_MAX:,}"
        raise _wrong(source, "study.sweep", message)
    names = _names(drafts)
    parcels = _parcels(source, loaded, drafts)
    references = _references(drafts, config)
    points = [
        Point(name, draft.levels, tuple([text for _, text in draft.more]), reference, parcel)
        for name, draft, reference, parcel in zip(names, drafts, references, parcels, strict=True)
    ]
    return Plan(source, loaded, config, _levels(config, axes), seeds, points)


def number_of(value: str) -> float | None:
    """Where a value stands on an axis that is drawn to scale; None: nowhere.

    Durations are seconds.
    """
    try:
        return parse_duration(value) / 1e9
    except ValueError:
        pass
    try:
        return float(parse_decimal(value))
    except ValueError:
        return None


def _check_venues(config: SweepConfig, loaded: LoadedScenario, source: Source) -> None:
    known = [venue.id for venue in loaded.scenario.venues]
    for line in () if config.along is None else config.along.lines:
        unknown = [name for name in line.venues if name not in known]
        if unknown:
            path = f"study.sweep.along.lines[{line.name}].venues"
            message = f"found no venue {', '.join(unknown)}; allowed: {', '.join(known)}"
            raise _wrong(source, path, message)


def _axes(config: SweepConfig, source: Source) -> tuple[Axis, ...]:
    try:
        return grid_of([axis_of(path, values) for path, values in config.grid.items()])
    except GridError as error:
        raise _wrong(source, "study.sweep.grid", str(error)) from error


def _drafts(
    config: SweepConfig, axes: Sequence[Axis], loaded: LoadedScenario, source: Source
) -> list[_Draft]:
    """All points, not yet checked."""
    variants = [_variant(one, loaded, source) for one in config.variants] or [_Draft({}, ())]
    along = _along(config.along)
    grid = [
        _Draft(dict(point), tuple([("--grid", f"{path}={value}") for path, value in point.items()]))
        for point in expand(axes)
    ]
    count = len(variants) * len(along) * len(grid)
    if count > MAX_POINTS:
        message = f"spans {count:,} points; allowed: at most {MAX_POINTS:,}"
        raise _wrong(source, "study.sweep", message)
    return [
        _Draft({**a.levels, **b.levels, **c.levels}, (*a.more, *b.more, *c.more))
        for a, b, c in product(variants, along, grid)
    ]


def _variant(config: VariantConfig, loaded: LoadedScenario, source: Source) -> _Draft:
    place = f"variant {config.name}"
    sets = [f"{path}={set_text(value)}" for path, value in config.sets.items()]
    if config.baseline is not None:
        try:
            sets = [*baseline_sets(config.baseline, loaded.scenario), *sets]
        except BaselineError as error:
            raise _wrong(source, "study.sweep.variants", f"{place}: {error}") from error
    return _Draft({VARIANT: config.name}, tuple([(place, text) for text in sets]))


def _along(config: AlongConfig | None) -> list[_Draft]:
    if config is None:
        return [_Draft({}, ())]
    return [
        _Draft(
            {LINE: line.name, ALONG: set_text(value)},
            tuple([(f"line {line.name}", f"{path}={set_text(value)}") for path in line.paths]),
        )
        for line in config.lines
        for value in config.values
    ]


def _parcels(source: Source, loaded: LoadedScenario, drafts: Sequence[_Draft]) -> list[Parcel]:
    """Every point must load: what is wrong with one is said before anything has run."""
    problems: dict[Problem, None] = {}
    exact: set[str] = set()
    found = []
    for draft in drafts:
        try:
            _, made = fitted(source, loaded, draft.more, exact)
        except ScenarioError as error:
            problems |= dict.fromkeys(error.problems)
            continue
        found.append(pack(made))
    if problems:
        raise ScenarioError(list(problems))
    return found


def _references(drafts: Sequence[_Draft], config: SweepConfig) -> list[int]:
    """What each point is compared with.

    The start of its line, else the reference variant at the same point of the grid, else the first
    point of all.
    """
    places = {_key(draft.levels): n for n, draft in enumerate(drafts)}
    if config.along is not None:
        change = {ALONG: set_text(config.along.values[0])}
    elif config.variants:
        change = {VARIANT: config.reference or config.variants[0].name}
    else:
        return [0] * len(drafts)
    return [places[_key({**draft.levels, **change})] for draft in drafts]


def _key(levels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(levels.values())


def _levels(config: SweepConfig, axes: Sequence[Axis]) -> dict[str, list[str]]:
    levels: dict[str, list[str]] = {}
    if config.variants:
        levels[VARIANT] = [one.name for one in config.variants]
    if config.along is not None:
        levels[LINE] = [one.name for one in config.along.lines]
        levels[ALONG] = [set_text(value) for value in config.along.values]
    return levels | {axis.path: list(axis.values) for axis in axes}


def _names(drafts: Sequence[_Draft]) -> list[str]:
    """Each point in a few words, no two alike."""
    paths = [key for key in drafts[0].levels if key not in {VARIANT, LINE, ALONG}]
    short = _short(paths)
    return [_name(draft.levels, short) for draft in drafts]


def _name(levels: Mapping[str, str], short: Mapping[str, str]) -> str:
    parts = [
        levels[key] if key in {VARIANT, LINE, ALONG} else f"{short[key]}={levels[key]}"
        for key in levels
    ]
    return " ".join(parts) or "as it stands"


def _short(paths: Sequence[str]) -> dict[str, str]:
    """The last part of each path; the whole of it where that would be no name."""
    ends = [path.rpartition(".")[2] for path in paths]
    return {
        path: end if ends.count(end) == 1 else path for path, end in zip(paths, ends, strict=True)
    }


def _wrong(source: Source, path: str, message: str) -> ScenarioError:
    return ScenarioError([Problem(source.ref, 0, 0, path, message)])


def line_of(config: AlongConfig, name: str) -> LineConfig:
    """The line of this name."""
    return next(line for line in config.lines if line.name == name)
