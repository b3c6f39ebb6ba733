"""What one run of a sweep comes to: a small row of exact figures, made beside the run.

Quantities are lots, money is exact decimal text, undefined is None.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import fsum
from typing import NamedTuple

import msgspec

from sim.protocol.units import Units, plain
from sim.report.attribution.attribute import attribute
from sim.report.attribution.causes import added, as_text
from sim.report.tca.costs import PARTS, parent_costs, total_cost
from sim.report.trail.build import Trail, TrailBuilder
from sim.report.trail.orders import EXACT, Child, exact_sum
from sim.scenario.model import Scenario
from sim.study.parcel import Parcel, unpack
from sim.world import run_world


class SweepJob(NamedTuple):
    """One run: the scenario as data, its seed, and what messages call it."""

    parcel: Parcel
    seed: int
    name: str

    def __str__(self) -> str:
        return f"{self.name} with seed {self.seed}"

    def what(self) -> object:
        """All that its result depends on."""
        return self.parcel.what(), self.seed


class VenueFigures(msgspec.Struct, frozen=True):
    """What was asked of a venue in a run, and had."""

    requested: int
    filled: int
    cost: str | None
    """Of what was filled there, against the mids at arrival, with fees."""
    at_mid: str | None
    """What was filled there at the mids at arrival."""


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to, all its orders together.

    Money: ``loss`` is what buys paid less what sales received, with fees; ``cost`` that against the
    mids at arrival, None where an order had none; ``traded`` the sum of both sides without fees.
    ``shortfall`` counts what was not filled, too, at the mids as the orders ended; ``paper`` is all
    that was ordered at the mids at arrival.
    """

    seed: int
    outcome: str
    records: int
    ordered: int
    filled: int
    loss: str
    traded: str
    fees: str
    cost: str | None
    at_mid: str | None
    shortfall: str | None
    parts: dict[str, str | None]
    """Of the shortfall, by name; they add up to it exactly."""
    paper: str | None
    fill_ms: float | None
    """From an order's arrival to its average lot, as the router heard of it."""
    children: int
    requested: int
    """Lots asked for with child orders; what came back and was sent again counts again."""
    short: int
    """Lots asked for and not had."""
    causes: dict[str, int]
    """Why, lots by cause; they add up to ``short``."""
    venues: dict[str, VenueFigures]

    @property
    def is_whole(self) -> bool:
        """Whether all that was ordered is filled."""
        return self.filled == self.ordered

    @property
    def fill_rate(self) -> float | None:
        """Of what child orders asked for, the part that they had; None if none asked."""
        return self.filled / self.requested if self.requested else None


def run_job(job: SweepJob) -> RunFigures:
    """Run it in memory, with its whole analysis.

    Raises:
        ScenarioError: If the scenario is wrong.
        DataFormatError: If a data file is missing or wrong.
        KeyboardInterrupt: If the run was interrupted.
    """
    builder = TrailBuilder()
    loaded = unpack(job.parcel, job.seed)
    result = run_world(loaded, watch=[builder])
    if result.exit_code == 130:
        raise KeyboardInterrupt
    return figures_of(builder.trail(), job.seed, ordered_lots(loaded.scenario))


def ordered_lots(scenario: Scenario) -> int:
    """What a scenario orders in all, whether it comes within its duration or not."""
    orders = [order for parent in scenario.parents for order in parent.each()]
    return int(sum(order.qty for order in orders) / scenario.instrument.lot_size)


def figures_of(trail: Trail, seed: int, ordered: int) -> RunFigures:
    """The figures of a run's trail.

    Args:
        trail: Of the whole run.
        seed: What it ran with.
        ordered: Lots; orders that never reached the router count too, and have no shortfall.
    """
    units = trail.units
    parents = list(trail.parents.values())
    fees = exact_sum(parent.fees for parent in parents)
    tick_lots = sum(parent.sign * parent.tick_lots for parent in parents)
    has_mids = all(parent.arrival_mid_x2 is not None for parent in parents) and bool(parents)
    mids = {parent.parent_id: parent.arrival_mid_x2 or 0 for parent in parents}
    cost_x2 = sum(
        parent.sign * (2 * parent.tick_lots - mids[parent.parent_id] * parent.filled_qty)
        for parent in parents
    )
    at_mid_x2 = sum(mids[parent.parent_id] * parent.filled_qty for parent in parents)
    costs = parent_costs(trail).values()
    has_all = sum(parent.received.order_qty for parent in parents) == ordered
    total = total_cost(costs if has_all else ())
    shorts = attribute(trail).parents.values()
    heard = [
        (one.heard_ns - parent.received.t_ns, one.qty)
        for parent in parents
        for one in parent.executions
    ]
    lots = sum(qty for _, qty in heard)
    children = trail.children.values()
    return RunFigures(
        seed=seed,
        outcome="" if trail.outcome is None else trail.outcome.value,
        records=trail.records,
        ordered=ordered,
        filled=sum(parent.filled_qty for parent in parents),
        loss=plain(EXACT.add(units.notional(tick_lots), fees)),
        traded=plain(units.notional(sum(parent.tick_lots for parent in parents))),
        fees=plain(fees),
        cost=plain(EXACT.add(_half(units, cost_x2), fees)) if has_mids else None,
        at_mid=plain(_half(units, at_mid_x2)) if has_mids else None,
        shortfall=_text(total["total"]),
        parts={name: _text(total[name]) for name in PARTS},
        paper=_text(total["paper"]),
        fill_ms=fsum(ns * qty for ns, qty in heard) / lots / 1e6 if lots else None,
        children=len(children),
        requested=sum(child.requested_qty for child in children),
        short=sum(one.short_qty for one in shorts),
        causes=as_text(added([one.causes for one in shorts])),
        venues=_by_venue(trail, mids if has_mids else None),
    )


def _by_venue(trail: Trail, mids: Mapping[str, int] | None) -> dict[str, VenueFigures]:
    sorted_children: dict[str, list[Child]] = {name: [] for name in trail.venues}
    for child in trail.children.values():
        sorted_children.setdefault(child.venue_id, []).append(child)
    return {
        name: _at_venue(children, mids, trail.units) for name, children in sorted_children.items()
    }


def _at_venue(children: list[Child], mids: Mapping[str, int] | None, units: Units) -> VenueFigures:
    cost = at_mid = None
    if mids is not None:
        fees = exact_sum(one.fee for child in children for one in child.executions)
        pairs = [(child, mids[child.sent.parent_id] * child.filled_qty) for child in children]
        cost_x2 = sum(child.sign * (2 * child.tick_lots - at) for child, at in pairs)
        cost = plain(EXACT.add(_half(units, cost_x2), fees))
        at_mid = plain(_half(units, sum(at for _, at in pairs)))
    return VenueFigures(
        requested=sum(child.requested_qty for child in children),
        filled=sum(child.filled_qty for child in children),
        cost=cost,
        at_mid=at_mid,
    )


def _half(units: Units, half_tick_lots: int) -> Decimal:
    """Money of half ticks times lots, exact."""
    return EXACT.divide(units.notional(half_tick_lots), Decimal(2))


def _text(money: Decimal | None) -> str | None:
    return None if money is None else plain(money)
