"""``cont_kukanov``: part at market now, part as limit orders that wait for the queue to leave.

The placement of Cont and Kukanov over all lit venues that a limit order can join, with the spread,
fees and rebates of the moment and a law for what leaves each queue by the horizon. At the horizon
what is posted is canceled, and the rest is taken.

A router must not have more open than it was asked for, so ``M + sum L`` is the order, never more:
the paper's overbooking is left out (``router.allocate.placement.exact`` can do it). Then the best
placement is known exactly for any number of venues, and ``lambda_over`` only stands in the
assumptions that the notes check. What is at market is taken by price with fee over all offers, one
level after the other, and the split weighs each at its own price.

Prices count from the middle of the best displayed lit prices; everything is in ticks and lots.
"""

from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

import msgspec
from pydantic import Field

from router.allocate.base import (
    Allocation,
    AllocationRequest,
    ChildOutcome,
    Depth,
    Join,
    Strategy,
    walk,
)
from router.allocate.cont_kukanov_outflow import (
    Lessons,
    OutflowConfig,
    Posted,
    even_law,
    part_of,
)
from router.allocate.placement.closed_form import closed_form
from router.allocate.placement.laws import Law
from router.allocate.placement.model import Placement, Problem
from router.allocate.placement.outflows import Outflows, even_outflows
from router.allocate.placement.stochastic import stochastic_approximation
from router.allocate.placement.without_overbooking import (
    cost_without_overbooking,
    without_overbooking,
)
from router.allocate.rounding import split_lots
from sim.protocol.config import DecimalText, Duration, PositiveDecimal, ScenarioModel
from sim.protocol.enums import Side
from sim.protocol.units import plain

Solver = Literal["exact", "closed_form", "stochastic", "samples"]
NotNegative = Annotated[DecimalText, Field(ge=0)]


class _Case(NamedTuple):
    """One decision: where it may post, what that is worth, and what the market order costs.

    ``market`` holds ``(cost per lot over the middle, lots)``, cheapest first.
    """

    joins: list[Join]
    problem: Problem
    laws: list[Law]
    market: list[tuple[float, float]]
    exposed_ns: int


class ContKukanov(Strategy):
    """Splits between market and limit orders, and learns from what the limit orders filled."""

    name = "cont_kukanov"
    depth: Depth = "full"
    posts = True
    learns = True

    def __init__(self, config: "ContKukanovConfig") -> None:
        self._config = config
        self.post_for_ns = config.horizon
        self._lessons = Lessons()

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split all of it: what is not posted is taken, as far as it is offered."""
        if not request.joins or request.mid2 is None or not request.qty:
            return walk(request, (request.offers,), {})
        case = self._case(request, request.mid2)
        failing = _failing(case.problem)
        try:
            found = self._solve(case, exact=failing is not None)
        except ValueError as error:
            taken = walk(request, (request.offers,), {})
            return msgspec.structs.replace(taken, notes=(("assumption", str(error)),))
        lots = [1, *(join.lot for join in case.joins)]
        weights = [round(one, 6) for one in (found.market, *found.limits)]
        market, *limits = split_lots(weights, request.qty, lots)
        posts = tuple(
            [
                (join.venue_id, join.price, n)
                for join, n in zip(case.joins, limits, strict=True)
                if n
            ]
        )
        self._note_posts(request.parent_id, case, limits)
        taken = walk(msgspec.structs.replace(request, qty=market), (request.offers,), {})
        notes = self._notes(case, Placement(market, tuple(limits)), failing)
        used = {post[0] for post in posts}
        refused = tuple([one for one in taken.refused if one[0] not in used])
        return msgspec.structs.replace(taken, refused=refused, posts=posts, notes=notes)

    def learn(self, outcome: ChildOutcome) -> None:
        """Hear how a child ended."""
        self._lessons.on_over(outcome)

    # The problem

    def _case(self, request: AllocationRequest, mid2: int) -> _Case:
        config, sign = self._config, 1 if request.side is Side.BUY else -1
        tick = 1 if self.units is None else self.units.tick_size
        lot_size = Decimal(1) if self.units is None else self.units.lot_size
        joins = sorted(request.joins, key=lambda join: join.venue_id)
        market = sorted(
            (sign * ((offer.slope * px + offer.intercept) / self.scale - mid2 / 2), float(qty))
            for offer in request.offers
            for px, qty in offer.levels
        )
        away = [sign * (mid2 / 2 - join.price) for join in joins]
        half_spread = max(0.0, min(away))
        left = part_of(config.horizon, request.left_ns, request.post_left_ns)
        laws, queue_costs = [], []
        for join in joins:
            factor = self._lessons.factor(request.side, join.venue_id)
            known = factor if config.outflow.learn else 1.0
            laws.append(config.outflow.law_of(join.venue_id, known * left, lot_size))
            queue_costs.append(float(config.theta_queue / tick) * join.queue_qty / factor)
        problem = Problem(
            order_qty=float(request.qty),
            half_spread=half_spread,
            taker_fee=market[0][0] - half_spread if market else 0.0,
            rebates=tuple(
                [
                    float(join.rebate) + far - half_spread
                    for join, far in zip(joins, away, strict=True)
                ]
            ),
            queues=tuple([float(join.queue_qty) for join in joins]),
            theta=float(config.theta / tick),
            lambda_under=float(config.lambda_under / tick),
            lambda_over=float(config.lambda_over / tick),
            queue_costs=tuple(queue_costs),
        )
        return _Case(joins, problem, laws, market, int(left * config.horizon))

    def _solve(self, case: _Case, *, exact: bool) -> Placement:
        """By the solver of the settings; where an assumption of it fails, exactly."""
        problem, laws, size = case.problem, case.laws, case.problem.order_qty
        match "exact" if exact else self._config.solver:
            case "closed_form":
                return _one_venue(problem, laws)
            case "stochastic":
                n = self._config.iterations
                found = stochastic_approximation(problem, even_outflows(Outflows(laws), n), n)
                return _fitted(found, size)
            case "samples":
                laws = [even_law(law, self._config.iterations) for law in laws]
        return without_overbooking(problem, laws, case.market)

    # What is kept, and told

    def _note_posts(self, parent_id: str, case: _Case, limits: list[int]) -> None:
        for k, (join, lots) in enumerate(zip(case.joins, limits, strict=True)):
            if lots:
                expected = case.laws[k].expected_fill(case.problem.queues[k], lots) / lots
                posted = Posted(join.price, lots, expected, case.exposed_ns)
                self._lessons.on_post(parent_id, join.venue_id, posted)

    def _notes(
        self, case: _Case, placement: Placement, failing: str | None
    ) -> tuple[tuple[str, str], ...]:
        """What went into the split and what is expected of it; money and quantities."""
        problem, config = case.problem, self._config
        tick = 1.0 if self.units is None else float(self.units.tick_size)
        lot = 1.0 if self.units is None else float(self.units.lot_size)
        cost = cost_without_overbooking(
            problem, placement, case.laws, _walked(case.market, placement.market)
        )
        solver = config.solver if failing is None else "exact"
        notes = [
            ("solver", solver.replace("_", " ")),
            ("expected cost", _text(cost * tick * lot)),
            ("market", _text(placement.market * lot)),
            ("half spread", _text(problem.half_spread * tick)),
            ("taker fee", _text(problem.taker_fee * tick)),
            ("theta", plain(config.theta)),
            ("theta queue", plain(config.theta_queue)),
            ("lambda under", plain(config.lambda_under)),
            ("lambda over", plain(config.lambda_over)),
        ]
        if failing is not None:
            notes.append(("assumption", failing))
        for k, join in enumerate(case.joins):
            name = join.venue_id
            fill = case.laws[k].expected_fill(problem.queues[k], placement.limits[k])
            notes += [
                (f"limit {name}", _text(placement.limits[k] * lot)),
                (f"queue {name}", _text(problem.queues[k] * lot)),
                (f"queue cost {name}", _text(problem.queue_costs[k] * tick)),
                (f"rebate {name}", _text(problem.rebates[k] * tick)),
                (f"outflow {name}", _text(case.laws[k].mean * lot)),
                (f"expected fill {name}", _text(fill * lot)),
            ]
        return tuple(notes)


def _failing(problem: Problem) -> str | None:
    """Which assumption of the model the market of the moment does not meet."""
    try:
        problem.check()
    except ValueError as error:
        return str(error)
    return None


def _one_venue(problem: Problem, laws: list[Law]) -> Placement:
    """The closed form at the one venue where it expects the least cost; ties: the first."""
    found = []
    for k, law in enumerate(laws):
        alone = msgspec.structs.replace(
            problem,
            rebates=problem.rebates[k : k + 1],
            queues=problem.queues[k : k + 1],
            queue_costs=problem.queue_costs[k : k + 1],
        )
        answer = closed_form(alone, law)
        found.append((answer.cost, k, answer.placement))
    _, k, placement = min(found, key=lambda one: one[:2])
    limits = [0.0] * len(laws)
    limits[k] = placement.limits[0]
    return Placement(placement.market, tuple(limits))


def _fitted(placement: Placement, size: float) -> Placement:
    """The same without overbooking: limits shrink together; what is missing goes to market."""
    market, posted = placement.market, sum(placement.limits)
    if market + posted <= size:
        return Placement(size - posted, placement.limits)
    part = (size - market) / posted
    return Placement(market, tuple([part * limit for limit in placement.limits]))


def _walked(market: list[tuple[float, float]], lots: float) -> float:
    """What so many lots at market cost over the middle; beyond what is shown at the last price."""
    cost, price = 0.0, 0.0
    for price, shown in market:
        taken = min(shown, lots)
        cost += price * taken
        lots -= taken
    return cost + price * lots


def _text(value: float) -> str:
    text = plain(Decimal(f"{value:.6f}"))
    return "0" if text == "-0" else text


class ContKukanovConfig(ScenarioModel):
    """Split between market now and limits that wait in queues, for the least expected cost.

    Limit orders join the best own price of each lit venue and wait for the horizon; then they are
    canceled and the rest is taken. Spread, queues, fees and rebates are those of the moment, money
    below is per share. Market and limit orders together never exceed the order: unlike the paper's
    this placement does not overbook.

    Source: Cont and Kukanov, Optimal order placement in limit order markets, arXiv 1210.1625v4;
    own convention: no overbooking, each level of the market leg at its own price, and
    ``theta_queue`` after the customer's document.
    """

    kind: Literal["cont_kukanov"]
    horizon: Duration = Field(gt=0)
    """How long limit orders wait; then the rest is taken."""
    outflow: OutflowConfig
    """What leaves the front of a queue over the horizon."""
    lambda_under: PositiveDecimal
    """What a share costs that is still missing at the horizon, over the middle."""
    lambda_over: PositiveDecimal
    """What a share beyond the order would cost. As nothing is overbooked it only has to meet the
    model's assumptions, and changes no split."""
    theta: NotNegative = Decimal(0)
    """Impact per share ordered, also of a shortfall."""
    theta_queue: NotNegative = Decimal(0)
    """Queue risk: per share posted and per lot that is ahead of it. Where posts fill less than
    expected it grows, where they fill more it falls."""
    solver: Solver = "exact"
    """``closed_form`` posts at one venue only, the one where that is expected to cost least;
    ``stochastic`` is the paper's algorithm, on outflows that stand for the law; ``samples`` takes
    so many outflows in place of the law. Where the market does not meet an assumption of the
    model, the notes say which, and the split is made by ``exact``, which does not need it."""
    iterations: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Of ``stochastic``; the number of outflows of ``samples``."""

    def build(self) -> ContKukanov:
        """The strategy."""
        return ContKukanov(self)
