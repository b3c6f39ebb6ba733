"""A run in context: what latency cost it, and its place among runs with other seeds.

The log's scenario runs again, once with no time between router and venues and on the same chance,
and then as it is with other seeds. What comes out is handed to the report as a section of its own,
since a log alone cannot say it. Costs are those of ``sim.report.tca``: they hold what was missed,
so that runs which filled differently compare.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sim.protocol.enums import Outcome
from sim.protocol.errors import ScenarioError
from sim.protocol.units import plain, quotient_text
from sim.report.document.headline import money as money_text
from sim.report.tca.costs import PARTS, parent_costs
from sim.report.trail.build import Trail, TrailBuilder
from sim.report.trail.orders import EXACT, exact_sum
from sim.study.parcel import Parcel, pack, unpack
from sim.study.pool import JobError, OnDone
from sim.study.rerun import Again, load_again, run_again
from sim.study.spread import Pool, Where, spread

SEEDS_MAX: Final = 100_000
ALL: Final = ""
"""The id under which all orders stand together."""
TOLD_MAX: Final = 4
"""So many orders are told of in words; the tables have all."""
_LEGS: Final = ("order", "report", "feed")
_SEED_END: Final = 2**63
_BPS: Final = 10_000
_PERCENT: Final = Decimal("0.1")
_BPS_STEP: Final = Decimal("0.0001")


class OrderCost(msgspec.Struct, frozen=True):
    """What one parent order cost in one run; money as decimal text, null where it has none."""

    parent_id: str
    ordered: int
    filled: int
    loss: str
    """Paid with fees, or received less fees and negated: of equal fills the smaller is better."""
    total: str | None
    """The whole shortfall."""
    parts: dict[str, str | None]
    paper: str | None
    """What the order was worth at the mid as it arrived."""


class ContextJob(NamedTuple):
    """One run: which scenario, with which seed."""

    parcel: Parcel
    seed: int
    says: str

    def __str__(self) -> str:
        return f"{self.says}, seed {self.seed}"


class Latency(msgspec.Struct, frozen=True):
    """What latency cost an order: its cost less that without latency; null: not comparable."""

    parent_id: str
    cost: str | None
    cost_bps: str | None
    parts: dict[str, str | None]
    why: str
    """Why something is not available; empty where all is."""


class Place(msgspec.Struct, frozen=True):
    """An order's cost among those of the same order in runs with other seeds.

    ``unit`` is ``bps`` of the order's value at arrival, or ``per_lot`` for what a lot came to with
    fees, where there is no mid at arrival and all was filled. ``left_out`` runs have no such
    figure.
    """

    parent_id: str
    unit: str
    own: str
    n: int
    dearer: int
    equal: int
    cheaper: int
    least: str
    mean: str
    most: str
    left_out: int


class Context(msgspec.Struct, frozen=True):
    """What further runs say of a run; empty lists and reasons where they cannot."""

    seed: int
    seeds: int
    latency: list[Latency]
    places: list[Place]
    missing: list[str]

    def section(self) -> dict[str, Any]:
        """The section of the report: sentences and tables."""
        return {
            "name": "context",
            "title": "The run in context",
            "text": [
                *map(_latency_words, self.latency[:TOLD_MAX]),
                *map(_place_words, self.places[:TOLD_MAX]),
                *self.missing,
            ],
            "approximate": [_WITHOUT] if self.latency else [],
            "tables": [_latency_table(self.latency), _place_table(self.places)],
        }


_WITHOUT: Final = (
    "without latency means that orders, reports and quotes take no time between router and venues; "
    "the venues' work and speed bumps, the delays among venues, of participants and of a tape stay"
)


def context_of(
    log: str | Path,
    trail: Trail,
    *,
    seeds: int,
    where: Where | None = None,
    data: Sequence[str | Path] = (),
    allow_code: bool = False,
    on_done: OnDone | None = None,
) -> Context:
    """Run a log's scenario without latency and with other seeds, and compare.

    Args:
        log: The log, or the folder of a run.
        trail: What it holds.
        seeds: How many other seeds, those that follow the run's own.
        where: Who does the work, by default this process; the result is the same.
        data: Folders where its data files may lie.
        allow_code: Whether code that it names in ``plugins`` may run.
        on_done: Called with how many runs are done, and of how many.

    Raises:
        AuditFormatError: As ``load_again`` does; so do ScenarioError and DataFormatError.
        JobError: If a run with another seed failed.
        ValueError: If ``seeds`` is out of bounds.
    """
    if not 0 <= seeds <= SEEDS_MAX:
        raise ValueError(f"seeds must be from 0 to {SEEDS_MAX:,}, was {seeds}")
    if trail.fault or trail.outcome in {None, Outcome.ABORTED}:
        why = "The run did not come to its end, so no other run compares with it."
        return Context(trail.started.seed, 0, [], [], [why])
    again = load_again(log, data=data, allow_code=allow_code)
    seed = again.loaded.scenario.seed
    own = order_costs(trail)
    missing = [f"Runs again may differ: {note}." for note in again.notes]
    latency, why = _without(again, own, data=data, allow_code=allow_code)
    if why:
        missing.append(why)
    jobs = [
        ContextJob(parcel, (seed + n) % _SEED_END, "the scenario")
        for parcel in [pack(again.loaded)]
        for n in range(1, seeds + 1)
    ]
    others = spread(
        jobs, context_job, where=where or Pool(1), on_done=on_done, parcels=_parcels(jobs)
    )
    places = [place for one in own if (place := _place(one, others)) is not None]
    if others and not places:
        missing.append("No order has a cost that other runs' compare with.")
    return Context(seed, seeds, latency, places, missing)


def order_costs(trail: Trail) -> list[OrderCost]:
    """What each parent of a run cost, and first all of them together where they are several."""
    found = []
    for name, cost in parent_costs(trail).items():
        sign, units = cost.parent.sign, cost.units
        loss = EXACT.add(units.notional(sign * cost.total.tick_lots), cost.total.fees)
        found.append(
            OrderCost(
                parent_id=name,
                ordered=cost.parent.received.order_qty,
                filled=cost.total.lots,
                loss=plain(loss),
                total=_text(cost.shortfall),
                parts={part: _text(money) for part, money in cost.parts.items()},
                paper=_text(cost.paper),
            )
        )
    return [_together(found), *found] if len(found) > 1 else found


def context_job(job: ContextJob) -> list[OrderCost]:
    """Run it in memory, and say what its orders cost."""
    builder = TrailBuilder()
    run_again(unpack(job.parcel, job.seed), watch=[builder])
    return order_costs(builder.trail())


def no_latency_sets(scenario: Mapping[str, Any]) -> tuple[str, ...]:
    """Overrides that take all time between router and venues away.

    Args:
        scenario: With every default, as in a log.
    """
    none = ", ".join(f"{leg}: {{model: fixed, delay: 0ns}}" for leg in _LEGS)
    return tuple([f"venues[{venue['id']}].latency={{{none}}}" for venue in scenario["venues"]])


def _without(
    again: Again,
    own: Sequence[OrderCost],
    *,
    data: Sequence[str | Path],
    allow_code: bool,
) -> tuple[list[Latency], str]:
    """What latency cost, or why that cannot be told."""
    try:
        sets = no_latency_sets(again.started.scenario)
        fast = load_again(again.log, sets, data=data, allow_code=allow_code)
        job = ContextJob(pack(fast.loaded), again.started.seed, "the scenario without latency")
        (costs,) = spread([job], context_job, where=Pool(1))
    except (JobError, ScenarioError) as error:
        return [], f"What latency cost is not available: {error}."
    by_id = {one.parent_id: one for one in costs}
    return [_latency(one, by_id.get(one.parent_id)) for one in own], ""


def _latency(run: OrderCost, fast: OrderCost | None) -> Latency:
    nothing: dict[str, str | None] = dict.fromkeys(PARTS)
    if fast is None:
        why = "the order did not come in the run without latency"
        return Latency(run.parent_id, None, None, nothing, why)
    parts = {name: _less(run.parts[name], fast.parts[name]) for name in PARTS}
    cost = _less(run.total, fast.total)
    if cost is None and run.filled == fast.filled:  # then the mid at arrival cancels out
        cost = _less(run.loss, fast.loss)
    why = ""
    if cost is None:
        why = (
            f"there is no mid to value what was not filled, {run.filled:,} lots in the run and "
            f"{fast.filled:,} without latency"
        )
    bps = None
    if cost is not None and run.paper is not None and Decimal(run.paper) > 0:
        bps = _ratio(Fraction(_BPS * Fraction(cost), Fraction(run.paper)))
    return Latency(run.parent_id, cost, bps, parts, why)


def _together(costs: Sequence[OrderCost]) -> OrderCost:
    """All orders of a run as one: costs of buys and sales add up, since both are losses."""
    return OrderCost(
        parent_id=ALL,
        ordered=sum(one.ordered for one in costs),
        filled=sum(one.filled for one in costs),
        loss=_sum([one.loss for one in costs]) or "0",
        total=_sum([one.total for one in costs]),
        parts={name: _sum([one.parts[name] for one in costs]) for name in PARTS},
        paper=_sum([one.paper for one in costs]),
    )


def _place(own: OrderCost, others: Sequence[Sequence[OrderCost]]) -> Place | None:
    """Where an order stands among itself in other runs; None where nothing compares."""
    for unit, figure in (("bps", _in_bps), ("per_lot", _by_lot)):
        mine = figure(own)
        theirs = [
            found
            for run in others
            for one in run
            if one.parent_id == own.parent_id and (found := figure(one)) is not None
        ]
        if mine is not None and theirs:
            return Place(
                parent_id=own.parent_id,
                unit=unit,
                own=_ratio(mine),
                n=len(theirs),
                dearer=sum(other > mine for other in theirs),
                equal=sum(other == mine for other in theirs),
                cheaper=sum(other < mine for other in theirs),
                least=_ratio(min(theirs)),
                mean=_ratio(sum(theirs, Fraction(0)) / len(theirs)),
                most=_ratio(max(theirs)),
                left_out=len(others) - len(theirs),
            )
    return None


def _in_bps(cost: OrderCost) -> Fraction | None:
    if cost.total is None or cost.paper is None or Decimal(cost.paper) <= 0:
        return None
    return _BPS * Fraction(cost.total) / Fraction(cost.paper)


def _by_lot(cost: OrderCost) -> Fraction | None:
    """What a lot came to with fees, where all was filled; negative for a sale."""
    return Fraction(cost.loss) / cost.filled if cost.filled == cost.ordered else None


def _latency_words(one: Latency) -> str:
    if one.cost is None:
        return f"{_name(one.parent_id)}: what latency cost is not available: {one.why}."
    money = Decimal(one.cost)
    if not money:
        return f"{_name(one.parent_id)}: without any latency it would have cost the same."
    verb, less = ("cost", "more") if money > 0 else ("saved", "less")
    size = money_text(plain(abs(money)))
    if not Decimal(size.replace(",", "")):
        size = "less than a cent"
    bps = "" if one.cost_bps is None else f" ({_short(one.cost_bps)} bps)"
    return (
        f"{_name(one.parent_id)}: latency {verb} {size}{bps}, so much {less} than the same run on "
        "the same chance without it."
    )


def _short(bps: str) -> str:
    return plain(abs(Decimal(bps)).quantize(_BPS_STEP, rounding=ROUND_HALF_EVEN))


def _place_words(place: Place) -> str:
    name = _name(place.parent_id)
    runs = f"{place.n:,} runs with other seeds" if place.n > 1 else "1 run with another seed"
    out = f"; {place.left_out:,} more have no cost that compares" if place.left_out else ""
    if place.equal == place.n:
        return f"{name}: as dear as {'all of ' if place.n > 1 else ''}{runs}{out}."
    percent = quotient_text(Decimal(100 * place.dearer), Decimal(place.n), _PERCENT)
    also = f", as good as {place.equal:,}" if place.equal else ""
    return f"{name}: better than {plain(Decimal(percent))} % of {runs}{also}{out}."


def _latency_table(rows: Sequence[Latency]) -> dict[str, Any]:
    columns = [["order", "order"], ["cost", "latency cost"], ["cost_bps", "bps"]]
    return {
        "title": "What latency cost: the run less the same run without it",
        "columns": [*columns, *([name, f"of it {name}"] for name in PARTS)],
        "rows": [
            {"order": _name(one.parent_id), "cost": one.cost, "cost_bps": one.cost_bps, **one.parts}
            for one in rows
        ],
    }


def _place_table(rows: Sequence[Place]) -> dict[str, Any]:
    columns = {
        "unit": "cost in",
        "own": "this run",
        "n": "others",
        "dearer": "dearer",
        "equal": "equal",
        "cheaper": "cheaper",
        "least": "least",
        "mean": "mean",
        "most": "most",
    }
    return {
        "title": "The run among runs with other seeds",
        "columns": [["order", "order"], *([name, heading] for name, heading in columns.items())],
        "rows": [
            {"order": _name(one.parent_id)} | {name: getattr(one, name) for name in columns}
            for one in rows
        ],
    }


def _name(parent_id: str) -> str:
    return parent_id or "all orders"


def _parcels(jobs: Sequence[ContextJob]) -> list[Parcel]:
    return [job.parcel for job in jobs[:1]]


def _less(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return None
    return plain(EXACT.subtract(Decimal(one), Decimal(other)))


def _sum(values: Sequence[str | None]) -> str | None:
    known = [Decimal(value) for value in values if value is not None]
    return plain(exact_sum(known)) if len(known) == len(values) else None


def _ratio(value: Fraction) -> str:
    return quotient_text(Decimal(value.numerator), Decimal(value.denominator))


def _text(money: Decimal | None) -> str | None:
    return None if money is None else plain(money)
