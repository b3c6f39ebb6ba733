"""Tuning: which point of a grid of parameters works a scenario's orders at the least cost.

Every point of the grid and every baseline runs the same scenario with the same seeds, so that all
meet the same market and the same chance. Only runs that filled all of their orders are ranked.
Points that cost exactly the same are ties and named as such; with several seeds a point is within
noise of the best if the paired interval of their difference holds 0. Which point is the best is
chance too, so the intervals hold for all pairs of ranked points at once (Bonferroni): with one pair
after the other at 95% some of many points would pass for worse by luck alone. Money is exact, with
fees; what is printed is rounded once.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

import msgspec

from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.load import LoadedScenario
from sim.study.baselines import baseline_sets
from sim.study.costs import Cost, cost_of, savings_bps
from sim.study.grid import Axis, Point, expand, idle_axes, sets_of
from sim.study.paired import Paired, paired
from sim.study.pool import OnDone, run_many
from sim.study.runs import OneFill, RunFigures, RunJob, Source, check_sides, fitting, run_job

SCHEMA: Final = "sorsim-tune/1"
CONFIDENCE: Final = 0.95
BEST: Final = "best parameters"
"""What a curve and a table call the best point."""

_CONTEXT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PRICE_STEP: Final = Decimal("0.00000001")
_BPS_STEP: Final = Decimal("0.000001")


class Interval(msgspec.Struct, frozen=True):
    """A mean over seeds in bps, and with several seeds the ends of its confidence interval."""

    mean: str
    low: str | None = None
    high: str | None = None


class Row(msgspec.Struct, frozen=True):
    """One point or baseline: means over the seeds, as decimal text.

    ``why_unranked`` says why its cost is not compared; then costs of what did fill are left out.
    """

    name: str
    parameters: dict[str, str]
    filled_qty: list[int]
    """Lots, seed by seed."""
    total_cash: str | None
    """Paid by a buy, received by a sale, with fees."""
    avg_px: str | None
    """Cash per unit of quantity, fees included."""
    cost_bps: str | None
    """Against the mid at arrival, with fees; null where there was none."""
    fees: str | None
    last_fill_ns: int | None
    """When the last fill was heard of, with the first seed."""
    why_unranked: str | None


class Tuning(msgspec.Struct, frozen=True):
    """What a tuning found: the content of ``tune.json``. Parameters are values as of ``--set``."""

    schema: str
    scenario: str
    side: str
    order_qty: int
    """Lots, all orders together."""
    lot_size: str
    tick_size: str
    seeds: list[int]
    grid: dict[str, list[str]]
    best_parameters: dict[str, str] | None
    """Null if no point filled all orders."""
    best: Row | None
    ties: list[dict[str, str]]
    """Points that cost exactly what the best one costs, with every seed."""
    within_noise: list[dict[str, str]] | None
    """Points whose paired difference from the best has an interval that holds 0, all pairs of
    ranked points taken together; null: one seed."""
    nothing_matters: bool
    """Whether all points of the grid came to the same."""
    idle: list[str]
    """Paths whose value changes nothing, whatever the others are."""
    baselines: list[Row]
    savings_vs_baselines_bps: dict[str, Interval | None]
    """Of the best point, in bps of the baseline's cash; null: not compared."""
    points: list[Row]
    notes: list[str]
    """What a reader of the ranking must know, in words."""


class Curve(NamedTuple):
    """The fills of a variant with the first seed, for the figure; and the mid as it began."""

    name: str
    fills: tuple[OneFill, ...]
    arrival_mid: str | None


class _Variant(NamedTuple):
    name: str
    parameters: Point
    more: tuple[tuple[str, str], ...]


class _Ran(NamedTuple):
    variant: _Variant
    costs: tuple[Cost, ...]
    fills: tuple[OneFill, ...]
    arrival_mid: str | None

    @property
    def is_whole(self) -> bool:
        return all(cost.is_whole for cost in self.costs)

    def loss(self) -> Fraction:
        return sum((cost.loss for cost in self.costs), Fraction(0))


def tune(
    source: Source,
    grid: Sequence[Axis],
    baselines: Sequence[str],
    *,
    seeds_n: int = 1,
    jobs_n: int = 1,
    on_done: OnDone | None = None,
) -> tuple[Tuning, list[Curve]]:
    """Run grid and baselines, and rank them.

    Args:
        source: The scenario.
        grid: The axes; points are run in the order of ``expand``.
        baselines: Names of ``sim.study.baselines``.
        seeds_n: How many seeds from the scenario's own on, >= 1.
        jobs_n: Worker processes; the result is the same with any number.
        on_done: Called as runs end.

    Returns:
        The tuning, and the curves of the best point and the baselines.

    Raises:
        ScenarioError: If the scenario, a point of the grid or a baseline is wrong; nothing has run.
        JobError: If a run failed.
    """
    loaded = source.load()
    seed = loaded.scenario.seed
    seeds = list(range(seed, seed + seeds_n))
    check_sides(loaded, source)
    variants = [
        _Variant(_words(point), point, tuple([("--grid", text) for text in sets_of(point)]))
        for point in expand(grid)
    ]
    count = len(variants)
    for name in baselines:
        sets = baseline_sets(name, loaded.scenario)
        variants.append(_Variant(name, {}, tuple([(f"baseline {name}", one) for one in sets])))
    variants = _fitted(source, loaded, variants)
    jobs = [
        RunJob(source, variant.more, one, fills=n == 0)
        for variant in variants
        for n, one in enumerate(seeds)
    ]
    figures = run_many(jobs, run_job, jobs_n=jobs_n, on_done=on_done)
    ran = [
        _ran(variant, figures[n * seeds_n : (n + 1) * seeds_n])
        for n, variant in enumerate(variants)
    ]
    best = _best(ran[:count])
    tuning = _tuning(loaded, seeds, grid, ran[:count], ran[count:])
    shown = [*([best] if best is not None else []), *ran[count:]]
    curves = [
        Curve(BEST if one is best else one.variant.name, one.fills, one.arrival_mid)
        for one in shown
    ]
    return tuning, curves


def _fitted(source: Source, loaded: LoadedScenario, variants: Sequence[_Variant]) -> list[_Variant]:
    """Every variant must load: what is wrong with a value is said before anything has run."""
    problems: dict[Problem, None] = {}
    exact: set[str] = set()
    fitted = []
    for variant in variants:
        try:
            fitted.append(variant._replace(more=fitting(source, loaded, variant.more, exact)))
        except ScenarioError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ScenarioError(list(problems))
    return fitted


def _ran(variant: _Variant, figures: Sequence[RunFigures]) -> _Ran:
    costs = tuple([cost_of(one.summary) for one in figures])
    mid = figures[0].summary["parents"][0]["arrival_mid"]
    return _Ran(variant, costs, figures[0].fills, mid)


def _best(points: Sequence[_Ran]) -> _Ran | None:
    """The cheapest of those that filled all; the first of them in a tie."""
    whole = [one for one in points if one.is_whole]
    return min(whole, key=_Ran.loss) if whole else None


def _tuning(
    loaded: LoadedScenario,
    seeds: Sequence[int],
    grid: Sequence[Axis],
    points: Sequence[_Ran],
    baselines: Sequence[_Ran],
) -> Tuning:
    scenario = loaded.scenario
    best = _best(points)
    ties: list[Point] = []
    noise: list[Point] | None = None
    savings: dict[str, Interval | None] = {one.variant.name: None for one in baselines}
    if best is not None:
        others = [one for one in points if one.is_whole and one is not best]
        ties = [one.variant.parameters for one in others if _losses(one) == _losses(best)]
        if len(seeds) > 1:
            level = confidence_of_each(len(others) + 1)
            noise = [one.variant.parameters for one in others if _is_near(best, one, level)]
        for one in baselines:
            if one.is_whole:
                savings[one.variant.name] = _savings(best, one)
    results = [tuple((cost.filled, cost.loss) for cost in one.costs) for one in points]
    same = len(points) > 1 and len(set(results)) == 1
    found = Tuning(
        schema=SCHEMA,
        scenario=scenario.name,
        side="buy" if points[0].costs[0].buys else "sell",
        order_qty=points[0].costs[0].ordered,
        lot_size=f"{scenario.instrument.lot_size.normalize():f}",
        tick_size=f"{scenario.instrument.tick_size.normalize():f}",
        seeds=list(seeds),
        grid={axis.path: list(axis.values) for axis in grid},
        best_parameters=None if best is None else best.variant.parameters,
        best=None if best is None else _row(best),
        ties=ties,
        within_noise=noise,
        nothing_matters=same,
        idle=idle_axes(grid, [one.variant.parameters for one in points], results),
        baselines=[_row(one) for one in baselines],
        savings_vs_baselines_bps=savings,
        points=[_row(one) for one in points],
        notes=[],
    )
    return msgspec.structs.replace(found, notes=[*_notes(found), *_notes_on_chance(found)])


def _losses(one: _Ran) -> list[Fraction]:
    return [cost.loss for cost in one.costs]


def confidence_of_each(points: int) -> float:
    """The confidence of each pair's interval for which all pairs of points have that of a study.

    Args:
        points: Points that are ranked, >= 1.

    Source: Bonferroni's inequality over all pairs, since any of them may hold the best.
    """
    return 1 - (1 - CONFIDENCE) / max(1, points * (points - 1) // 2)


def _is_near(best: _Ran, other: _Ran, confidence: float) -> bool:
    """Whether more seeds might turn the order of the two round."""
    return _difference(best, other, confidence).low <= 0


def _difference(first: _Ran, second: _Ran, confidence: float) -> Paired:
    """In bps of the second one's cash: second less first."""
    pairs = [float(savings_bps(a, b)) for a, b in zip(first.costs, second.costs, strict=True)]
    return paired("cash in bps", [0.0] * len(pairs), pairs, confidence)


def _savings(best: _Ran, baseline: _Ran) -> Interval:
    found = [savings_bps(a, b) for a, b in zip(best.costs, baseline.costs, strict=True)]
    mean = _text(sum(found, Fraction(0)) / len(found), _BPS_STEP)
    if len(found) < 2:
        return Interval(mean)
    numbers = [float(one) for one in found]
    spread = paired("savings", [0.0] * len(numbers), numbers, CONFIDENCE)
    return Interval(mean, f"{spread.low:.6f}", f"{spread.high:.6f}")


def _row(one: _Ran) -> Row:
    costs = one.costs
    n = len(costs)
    why = None
    cash = avg = bps = fees = None
    if one.is_whole:
        cash = _text(sum((cost.cash for cost in costs), Fraction(0)) / n, _PRICE_STEP)
        fees = _text(sum((cost.fees for cost in costs), Fraction(0)) / n, _PRICE_STEP)
        avg = _mean([cost.avg_px for cost in costs], _PRICE_STEP)
        bps = _mean([cost.bps for cost in costs], _BPS_STEP)
    else:
        least = min(costs, key=lambda cost: cost.filled)
        why = f"filled {least.filled:,} of {least.ordered:,} lots"
    return Row(
        name=one.variant.name,
        parameters=one.variant.parameters,
        filled_qty=[cost.filled for cost in costs],
        total_cash=cash,
        avg_px=avg,
        cost_bps=bps,
        fees=fees,
        last_fill_ns=max((fill.t_ns for fill in one.fills), default=None),
        why_unranked=why,
    )


def _notes(found: Tuning) -> list[str]:
    notes = []
    if found.nothing_matters:
        paths = ", ".join(found.grid)
        verb = "changes" if len(found.grid) == 1 else "change"
        notes.append(f"nothing in this grid matters: {paths} {verb} no result")
    else:
        notes += [f"{path} changes no result, whatever the others are" for path in found.idle]
    left_out = [row for row in found.points if row.why_unranked]
    if found.best is None:
        notes.append("no point filled all orders: nothing is ranked")
    elif left_out:
        notes.append(
            f"{len(left_out)} of {len(found.points)} points did not fill all orders and are not "
            "ranked"
        )
    notes += [
        f"{row.name} is not compared: it {row.why_unranked}"
        for row in found.baselines
        if row.why_unranked
    ]
    if found.ties and not found.nothing_matters:
        notes.append(f"{len(found.ties)} other points cost exactly what the best one costs")
    return notes


def _notes_on_chance(found: Tuning) -> list[str]:
    """How sure the ranking is."""
    if found.best is None:
        return []
    if found.within_noise is None:
        return ["one seed: the ranking is that of one market, and no interval says how sure it is"]
    notes = []
    if found.within_noise:
        notes.append(
            f"{len(found.within_noise)} other points are within noise of the best "
            f"({CONFIDENCE:.0%} confidence over {len(found.seeds)} seeds, for all pairs of points)"
        )
    if len(found.points) > 1:
        notes.append(
            "savings are measured with the seeds that chose the best point, which flatters it"
        )
    return notes


def _mean(values: Sequence[Fraction | None], step: Decimal) -> str | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return _text(sum(known, Fraction(0)) / len(known), step)


def _text(value: Fraction, step: Decimal) -> str:
    """Rounded once, half-even."""
    exact = _CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))
    return f"{exact.quantize(step, context=_CONTEXT):f}"


def _words(point: Mapping[str, Any]) -> str:
    """A point in a few words: the last part of each path is mostly enough."""
    parts = [f"{path.rpartition('.')[2]}={value}" for path, value in point.items()]
    return " ".join(parts) or "as it stands"
