"""Optimal placement: the exact solver, the published algorithm, and a table of both.

The problem is that of the published tables: 500 shares, Poisson outflows of which six tenths are
common to all venues. ``ck_exact_5`` solves five venues that differ in queue, rebate and outflow, at
an optimum that overbooks; ``detail`` has the time for five that are alike. Independent outflows and
laws of few points take some two to seven times as long.

``ck_stochastic_1000`` makes a thousand steps over five venues, outflows drawn beforehand.
``ck_table_15`` is the published kind of table: for one to five venues and three sizes of order the
outflows are made, and both answers found with what they and three fixed placements cost. Tables of
laws are kept between rounds, as in a run. The peer of the first and the last is the second.
"""

from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from router.allocate.placement.exact import near_cost, solve
from router.allocate.placement.laws import poisson
from router.allocate.placement.model import Placement, Problem
from router.allocate.placement.outflows import Outflows, even_outflows
from router.allocate.placement.stochastic import stochastic_approximation

MEAN: Final = 2_200.0
STEPS: Final = 1_000
SIZES: Final = (300.0, 500.0, 800.0)
MOST_VENUES: Final = 5


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` repeats less."""
    rounds = 3 if quick else 5
    times = 5 if quick else 20
    problem, outflows = alike(500.0, MOST_VENUES)
    rows = even_outflows(outflows, STEPS)

    def approximate() -> float:
        return rate(times, lambda: [approximated(problem, rows) for _ in range(times)])

    peers = {"ck_stochastic_1000": approximate}
    exact = compare(
        "ck_exact_5",
        "problems/s",
        lambda: solved_rate(unlike(), times),
        peers,
        rounds=rounds,
        value_min=50,  # 20 ms each
    )
    alike_ms = 1_000 / solved_rate((problem, outflows), times)
    return [
        {
            **exact,
            "detail": {
                "ms": round(1_000 / exact["value"], 1),
                "alike_ms": round(alike_ms, 1),
            },
        },
        compare(
            "ck_stochastic_1000",
            "steps/s",
            lambda: STEPS * approximate(),
            {NAME: reference_rate},
            rounds=rounds,
            value_min=STEPS / 0.05,  # 50 ms for all steps
        ),
        compare(
            "ck_table_15",
            "cells/s",
            lambda: rate(len(SIZES) * MOST_VENUES, table),
            peers,
            rounds=rounds,
            value_min=len(SIZES) * MOST_VENUES / 2,  # two seconds for all
        ),
    ]


def alike(size: float, venues: int) -> tuple[Problem, Outflows]:
    """The published problem, for this order."""
    problem = Problem(
        order_qty=size,
        half_spread=2.0,
        taker_fee=0.3,
        rebates=(0.2,) * venues,
        queues=(2_000.0,) * venues,
        theta=0.05,
        lambda_under=5.0,
        lambda_over=5.0,
    )
    law = poisson(MEAN)
    return problem, Outflows([law] * venues, law, 0.6, 0.4)


def unlike() -> tuple[Problem, Outflows]:
    """Five venues that differ, and an optimum that overbooks."""
    problem = Problem(
        order_qty=500.0,
        half_spread=2.0,
        taker_fee=0.3,
        rebates=(0.2, 0.25, 0.1, 0.3, 0.0),
        queues=(2_100.0, 2_150.0, 2_150.0, 2_100.0, 2_120.0),
        theta=0.02,
        lambda_under=6.0,
        lambda_over=2.6,
    )
    own = [poisson(mean) for mean in (2_200.0, 2_210.0, 2_190.0, 2_150.0, 2_200.0)]
    return problem, Outflows(own, poisson(MEAN), 0.6, 0.4)


def solved_rate(case: tuple[Problem, Outflows], times: int) -> float:
    """Problems solved per second, once the laws' tables are there."""
    solve(*case)
    return rate(times, lambda: [solve(*case) for _ in range(times)])


def approximated(problem: Problem, rows: list[list[float]]) -> Placement:
    """The published algorithm's answer."""
    return stochastic_approximation(problem, rows, STEPS)


def table() -> list[list[float]]:
    """Costs per share by size and venues: published algorithm, exact, and three fixed ones."""
    cells = []
    for size in SIZES:
        for venues in range(1, MOST_VENUES + 1):
            problem, outflows = alike(size, venues)
            nothing = (0.0,) * venues
            equal = size / (venues + 1)
            placements = [
                approximated(problem, even_outflows(outflows, STEPS)),
                solve(problem, outflows).placement,
                Placement(size, nothing),
                Placement(0.0, (size, *nothing[1:])),
                Placement(equal, (equal,) * venues),
            ]
            costs = [near_cost(problem, outflows, placement) for placement in placements]
            cells.append([cost / size for cost in costs])
    return cells
