"""Strategies of one scenario compared on equal chance: figures in place of words where there are.

Each strategy runs the same scenario with the same seeds. Costs are compared pair by pair of equal
seed, and only where both filled all of the order: what a strategy leaves unfilled costs it nothing,
so a partial fill would flatter it. How many pairs that left is part of the result. A sweep over the
size of the order finds for which of them each strategy does best beside the others.
"""

from collections.abc import Callable, Mapping, Sequence
from math import fsum
from typing import Any, Final, NamedTuple

import msgspec

from sim.protocol.errors import Problem, ScenarioError
from sim.protocol.units import plain
from sim.scenario.load import LoadedScenario
from sim.scenario.studying import ComparedConfig, ComparisonConfig
from sim.study.costs import BPS, Cost, cost_of
from sim.study.grid import set_text
from sim.study.paired import paired
from sim.study.pool import OnDone, run_many
from sim.study.runs import More, RunFigures, RunJob, Source, check_sides, fitting, run_job

SCHEMA: Final = "sorsim-comparison/1"
CONFIDENCE: Final = 0.95
DIGITS: Final = 6


class Estimate(msgspec.Struct, frozen=True):
    """A mean over ``n`` runs or pairs with the ends of its confidence interval, as decimal text."""

    n: int
    mean: str
    low: str
    high: str


class Sized(msgspec.Struct, frozen=True):
    """A strategy at one size of the order."""

    qty: str
    filled_share: str
    cost_bps: Estimate | None
    """Null where fewer than two runs filled all."""
    above_cheapest_bps: str | None
    """Over the cheapest of those that filled all in every run; null: it is none of them."""


class Compared(msgspec.Struct, frozen=True):
    """One strategy: words from the scenario, figures from its runs."""

    name: str
    about: str
    controls: str
    regulatory: str
    venues: dict[str, str]
    """Share of the filled lots by venue, over all runs."""
    venues_per_run: str
    """How many venues filled something, on average."""
    filled_share: Estimate
    """Of the order: how much of the liquidity it needed it found."""
    filled_all: int
    """Runs that filled all of the order."""
    mean_fill_ms: Estimate | None
    """From the order's arrival to its average lot, as the router heard of it."""
    last_fill_ms: Estimate | None
    detect_probability: Estimate | None
    """By the scenario's leakage model; null where the scenario has none."""
    price_bps: Estimate | None
    """Slippage without fees: average price against the mid at arrival, where all was filled."""
    fees_bps: Estimate | None
    cost_bps: Estimate | None
    """Both together."""
    against_reference_bps: Estimate | None
    """Cost less the reference's, over pairs of equal seed in which both filled all."""
    best_size: str | None
    """Of the sweep: where it is least above the cheapest; of equals the largest."""
    sizes: list[Sized]


class Comparison(msgspec.Struct, frozen=True):
    """What a comparison found: the content of ``comparison.json``."""

    schema: str
    scenario: str
    reference: str
    side: str
    order_qty: str
    first_seed: int
    seeds: int
    size_seeds: int
    confidence: float
    strategies: list[Compared]


class _One(NamedTuple):
    """One run of one strategy."""

    cost: Cost
    venues: dict[str, int]
    mean_ms: float | None
    last_ms: float | None
    detect: float | None


def check_comparison(source: Source) -> None:
    """Nothing, if the comparison of a scenario can be run.

    Raises:
        ScenarioError: As ``compare``.
    """
    loaded, config = _checked(source)
    _fitted(source, loaded, config)


def compare(
    source: Source,
    *,
    seed: int | None = None,
    jobs_n: int = 1,
    on_done: OnDone | None = None,
) -> Comparison:
    """Run the comparison of a scenario's ``comparison``.

    Args:
        source: The scenario.
        seed: Replaces the scenario's seed as the first one.
        jobs_n: Worker processes; the result is the same with any number.
        on_done: Called as runs end.

    Raises:
        ScenarioError: If the scenario has no comparison, or a strategy's overrides are wrong;
            nothing has run.
        JobError: If a run failed.
    """
    loaded, config = _checked(source)
    first = loaded.scenario.seed if seed is None else seed
    mores = _fitted(source, loaded, config)
    sizes = [plain(size) for size in config.sizes]
    jobs = [
        RunJob(source, more, one, fills=True)
        for more in mores
        for one in range(first, first + config.seeds)
    ]
    jobs += [
        RunJob(source, (*more, _sized(size)), one)
        for more in mores
        for size in sizes
        for one in range(first, first + config.size_seeds)
    ]
    figures = run_many(jobs, run_job, jobs_n=jobs_n, on_done=on_done)
    base = len(mores) * config.seeds
    ran = [
        [_one(one, loaded) for one in figures[n * config.seeds : (n + 1) * config.seeds]]
        for n in range(len(mores))
    ]
    swept = _swept(figures[base:], config, len(sizes))
    return _comparison(loaded, config, first, ran, swept)


def _checked(source: Source) -> tuple[LoadedScenario, ComparisonConfig]:
    loaded = source.load()
    config = loaded.scenario.comparison
    if config is None:
        message = "must be there to compare strategies"
        raise ScenarioError([Problem(source.ref, 0, 0, "comparison", message)])
    check_sides(loaded, source)
    return loaded, config


def _more(one: ComparedConfig) -> More:
    return tuple([(f"strategy {one.name}", f"{k}={set_text(v)}") for k, v in one.sets.items()])


def _sized(size: str) -> tuple[str, str]:
    return "comparison.sizes", f'parents[0].qty="{size}"'


def _fitted(source: Source, loaded: LoadedScenario, config: ComparisonConfig) -> list[More]:
    """The overrides of each; what is wrong with them is said before anything has run."""
    problems: dict[Problem, None] = {}
    exact: set[str] = set()
    fitted = []
    for one in config.strategies:
        try:
            fitted.append(fitting(source, loaded, _more(one), exact))
        except ScenarioError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise ScenarioError(list(problems))
    return fitted


def _one(figures: RunFigures, loaded: LoadedScenario) -> _One:
    summary = figures.summary
    began = min(parent.at for parent in loaded.scenario.parents)
    venues = {
        name: row["filled_qty"] for name, row in summary["venues"].items() if row["filled_qty"]
    }
    lots = sum(fill.qty for fill in figures.fills)
    mean = last = None
    if lots:
        mean = fsum((fill.t_ns - began) * fill.qty for fill in figures.fills) / lots / 1e6
        last = (max(fill.t_ns for fill in figures.fills) - began) / 1e6
    return _One(cost_of(summary), venues, mean, last, _detect(summary))


def _detect(summary: Mapping[str, Any]) -> float | None:
    """The chance that any parent was noticed, if the scenario has a model of that."""
    found = [parent.get("leakage") for parent in summary["parents"]]
    known = [one["detect_prob_max"] for one in found if one]
    return max(map(float, known)) if known else None


def _swept(
    figures: Sequence[RunFigures], config: ComparisonConfig, sizes_n: int
) -> list[list[list[Cost]]]:
    """Costs by strategy, size and seed."""
    costs = iter([cost_of(one.summary) for one in figures])
    return [
        [[next(costs) for _ in range(config.size_seeds)] for _ in range(sizes_n)]
        for _ in config.strategies
    ]


def _comparison(
    loaded: LoadedScenario,
    config: ComparisonConfig,
    first: int,
    ran: Sequence[Sequence[_One]],
    swept: Sequence[Sequence[Sequence[Cost]]],
) -> Comparison:
    names = [one.name for one in config.strategies]
    reference = ran[names.index(config.reference)]
    sized = _sized_rows(config, swept)
    rows = [
        _row(one, runs, None if runs is reference else reference, sizes)
        for one, runs, sizes in zip(config.strategies, ran, sized, strict=True)
    ]
    parents = loaded.scenario.parents
    return Comparison(
        schema=SCHEMA,
        scenario=loaded.scenario.name,
        reference=config.reference,
        side=parents[0].side,
        order_qty=plain(sum((parent.qty for parent in parents), start=parents[0].qty * 0)),
        first_seed=first,
        seeds=config.seeds,
        size_seeds=config.size_seeds,
        confidence=CONFIDENCE,
        strategies=rows,
    )


def _row(
    one: ComparedConfig,
    runs: Sequence[_One],
    reference: Sequence[_One] | None,
    sizes: Sequence[Sized],
) -> Compared:
    whole = [run for run in runs if run.cost.is_whole]
    total: dict[str, int] = {}
    for run in runs:
        for venue, lots in run.venues.items():
            total[venue] = total.get(venue, 0) + lots
    filled = sum(total.values())
    against = None
    if reference is not None:
        pairs = [
            (theirs, ours)
            for ours, theirs in zip(runs, reference, strict=True)
            if ours.cost.is_whole and theirs.cost.is_whole and ours.cost.bps is not None
        ]
        against = _estimate([_bps(ours.cost) - _bps(theirs.cost) for theirs, ours in pairs])
    shares = _estimate([run.cost.filled / run.cost.ordered for run in runs])
    assert shares is not None  # a comparison has two seeds at least
    return Compared(
        name=one.name,
        about=one.about,
        controls=one.controls,
        regulatory=one.regulatory,
        venues={venue: _text(total[venue] / filled) for venue in sorted(total)},
        venues_per_run=_text(sum(len(run.venues) for run in runs) / len(runs)),
        filled_share=shares,
        filled_all=len(whole),
        mean_fill_ms=_estimate([run.mean_ms for run in runs if run.mean_ms is not None]),
        last_fill_ms=_estimate([run.last_ms for run in runs if run.last_ms is not None]),
        detect_probability=_estimate([run.detect for run in runs if run.detect is not None]),
        price_bps=_mean_of(whole, lambda cost: _bps(cost) - _fees_bps(cost)),
        fees_bps=_mean_of(whole, _fees_bps),
        cost_bps=_mean_of(whole, _bps),
        against_reference_bps=against,
        best_size=_best_size(sizes),
        sizes=list(sizes),
    )


def _sized_rows(
    config: ComparisonConfig, swept: Sequence[Sequence[Sequence[Cost]]]
) -> list[list[Sized]]:
    """Per strategy its rows by size; one that did not always fill all is nobody's yardstick."""
    means: list[list[float | None]] = [
        [
            fsum(map(_bps, costs)) / len(costs)
            if all(cost.is_whole and cost.bps is not None for cost in costs)
            else None
            for costs in by_size
        ]
        for by_size in swept
    ]
    rows = []
    for by_size, own in zip(swept, means, strict=True):
        row = []
        for n, (size, costs) in enumerate(zip(config.sizes, by_size, strict=True)):
            known = [mean for one in means if (mean := one[n]) is not None]
            mean = own[n]
            whole = [_bps(cost) for cost in costs if cost.is_whole and cost.bps is not None]
            row.append(
                Sized(
                    qty=plain(size),
                    filled_share=_text(
                        sum(cost.filled for cost in costs) / sum(cost.ordered for cost in costs)
                    ),
                    cost_bps=_estimate(whole),
                    above_cheapest_bps=None if mean is None else _text(mean - min(known)),
                )
            )
        rows.append(row)
    return rows


def _best_size(sizes: Sequence[Sized]) -> str | None:
    known = [one for one in sizes if one.above_cheapest_bps is not None]
    if not known:
        return None
    least = min(float(one.above_cheapest_bps or 0) for one in known)
    return [one.qty for one in known if float(one.above_cheapest_bps or 0) == least][-1]


def _bps(cost: Cost) -> float:
    assert cost.bps is not None  # callers leave out what has none
    return float(cost.bps)


def _fees_bps(cost: Cost) -> float:
    assert cost.at_mid  # as above
    return float(BPS * cost.fees / cost.at_mid)


def _mean_of(runs: Sequence[_One], figure: Callable[[Cost], float]) -> Estimate | None:
    return _estimate([figure(run.cost) for run in runs if run.cost.bps is not None])


def _estimate(values: Sequence[float]) -> Estimate | None:
    """Mean and interval; None for fewer than two values."""
    if len(values) < 2:
        return None
    found = paired("", [0.0] * len(values), values, CONFIDENCE)
    return Estimate(len(values), _text(found.mean), _text(found.low), _text(found.high))


def _text(value: float) -> str:
    return f"{value + 0.0:.{DIGITS}f}"
