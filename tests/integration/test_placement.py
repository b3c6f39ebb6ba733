"""In the simulator a placement costs what the model says: through messages, queues and fees.

The scenario ``placement`` has flows whose laws are known exactly: Poisson numbers of sales of one
share each, so that what leaves each queue over the horizon is a Poisson number. The cash that the
parent pays over the middle, fees and rebates included, is the model's ``v`` for those outflows, and
its mean is what the router expected as it decided.
"""

from collections.abc import Callable
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

import pytest

from router.allocate.placement.model import Placement, Problem, cost_of
from sim.audit.records import Decision, Fill, Record
from sim.scenario.load import load_scenario
from sim.world import run_world

ReadRecords = Callable[[bytes], tuple[Record, ...]]

SEEDS = range(1, 201)
VENUES = ("ALPHA", "BETA")
QTY = 120


class Played(NamedTuple):
    """What a run of the scenario came to.

    ``cash`` is paid over 100.00, the middle; ``notes`` are those of the first decision; ``rested``
    are the shares that limit orders got by venue.
    """

    cash: float
    notes: dict[str, str]
    rested: dict[str, int]


@pytest.fixture
def play(read_records: ReadRecords) -> Callable[..., Played]:
    def run(seed: int, *sets: str) -> Played:
        done = run_world(load_scenario("placement", sets=sets, seed=seed))
        assert done.log is not None
        records = read_records(done.log)
        (parent,) = done.summary["parents"]
        assert parent["filled_qty"] == QTY
        assert parent["arrival_mid"] == "100"
        first = next(one for one in records if isinstance(one, Decision))
        rested = dict.fromkeys(VENUES, 0)
        for fill in records:
            if isinstance(fill, Fill) and fill.is_maker:
                rested[fill.venue_id] += fill.last_qty
        cash = float(parent["notional"]) - QTY * 100 + float(parent["fees"])
        return Played(cash, {note.name: note.value for note in first.notes}, rested)

    return run


def cost_in_the_model(played: Played) -> float:
    """``v`` of the noted placement if just what filled had left the queues behind those ahead."""
    notes = {name: float(value) for name, value in played.notes.items() if name != "solver"}
    queues = tuple([notes[f"queue {venue}"] for venue in VENUES])
    problem = Problem(
        order_qty=QTY,
        half_spread=notes["half spread"],
        taker_fee=notes["taker fee"],
        rebates=tuple([notes[f"rebate {venue}"] for venue in VENUES]),
        queues=queues,
        theta=notes["theta"],
        lambda_under=notes["lambda under"],
        lambda_over=notes["lambda over"],
    )
    placement = Placement(notes["market"], tuple([notes[f"limit {venue}"] for venue in VENUES]))
    left = [queue + played.rested[venue] for queue, venue in zip(queues, VENUES, strict=True)]
    return cost_of(problem, placement, left)


@pytest.mark.parametrize("seed", [1, 4])
def test_the_cash_of_a_run_is_the_cost_in_the_model(play: Callable[..., Played], seed: int) -> None:
    """Run by run, so that the test over seeds below is about chance alone."""
    played = play(seed)
    assert sum(played.rested.values()) > 0
    assert played.cash == pytest.approx(cost_in_the_model(played), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("sets", [(), ("router.strategy.solver=closed_form",)])
def test_the_mean_cost_is_what_the_router_expected(
    play: Callable[..., Played], sets: tuple[str, ...]
) -> None:
    """Within four standard errors over the seeds that stand above; each run by its own books."""
    runs = [play(seed, *sets) for seed in SEEDS]
    differences = [run.cash - float(run.notes["expected cost"]) for run in runs]
    error = stdev(differences) / sqrt(len(differences))
    # Chance is there: some runs fill all that they posted, others do not.
    assert error > 0
    assert abs(fmean(differences)) <= 4 * error, (fmean(differences), error)


@pytest.mark.slow
def test_the_placement_costs_less_than_all_at_market_and_than_all_posted(
    play: Callable[..., Played],
) -> None:
    chosen = fmean(play(seed).cash for seed in SEEDS[:40])
    at_market = QTY * 0.013
    # A missing share is told to cost next to nothing: all is posted.
    posted = fmean(play(seed, 'router.strategy.lambda_under="0.012"').cash for seed in SEEDS[:40])
    assert chosen < at_market < posted
