"""Calibrates a flow from a file of neutral events: counts, fits, simulates, compares.

The simulation is the fitted flow alone at one lit venue, without any router, written as events and
counted by the same code as the data. So what differs is the model, not the way of counting.
"""

from collections.abc import Sequence
from math import gcd
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import numpy as np
import yaml

from sim.data.events import ORDER_EVENTS, Event, EventBlock
from sim.data.neutral import decimal_text, read_events
from sim.scenario.load import load_scenario
from sim.study.calibrate import CalibrationError, Fit, fit_flow, statistics_of
from sim.study.generate import generate_market
from sim.study.market_measure import Market, MarketMeasure

VENUE: Final = "FITTED"
_BOOK_EVENTS: Final = [int(one) for one in (*ORDER_EVENTS, Event.LEVEL)]
_LOTS_MAX: Final = 10**9
_FEWEST_EVENTS: Final = 100
_OPEN_SHARE: Final = 0.95
"""Of the time; a book that has both sides for less of it makes figures that must be read so."""


class Grid(msgspec.Struct, frozen=True):
    """What a file's numbers are multiples of, in 1e-9, and the venue that is looked at."""

    venue: str
    number: int
    tick: int
    lot: int


class Comparison(msgspec.Struct, frozen=True):
    """One figure of the data and of the simulation."""

    name: str
    real: float
    simulated: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a calibration; ``scenario_text`` is a part to paste into a venue's entry."""

    data: str
    venue: str
    seconds: float
    events: int
    unknown_orders: int
    tick_size: str
    lot_size: str
    fit: Fit
    simulated_seconds: float
    seed: int
    comparison: tuple[Comparison, ...]
    scenario_text: str


def look(path: Path, venue: str | None) -> Grid:
    """Find the venue, and the steps of its prices and quantities.

    Raises:
        DataFormatError: If the file is wrong.
        CalibrationError: If the venue is not there, or is not named and there are several.
    """
    reader = read_events(path)
    ticks: dict[int, int] = {}
    lots: dict[int, int] = {}
    for block in reader.blocks():
        book = np.isin(block.event, _BOOK_EVENTS)
        for number in np.unique(block.venue[book]).tolist():
            own = book & (block.venue == number)
            ticks[number] = gcd(ticks.get(number, 0), int(np.gcd.reduce(block.price[own])))
            lots[number] = gcd(lots.get(number, 0), int(np.gcd.reduce(block.qty[own])))
    names = {reader.venues[number]: number for number in ticks}
    if venue is None and len(names) != 1:
        found = ", ".join(names) or "none"
        raise CalibrationError(f"name one venue with --venue; with a book there are: {found}")
    name = next(iter(names)) if venue is None else venue
    if name not in names:
        raise CalibrationError(f"venue {name!r} has no book; there are: {', '.join(names)}")
    number = names[name]
    return Grid(name, number, ticks[number] or 1, lots[number] or 1)


def measure(path: Path, grid: Grid, levels: int, length_ns: int | None = None) -> Market:
    """Count the events of the grid's venue, over all of the file or a first part of it.

    Raises:
        DataFormatError: If the file is wrong.
    """
    counter = MarketMeasure(grid.number, grid.tick, levels)
    end_ns = None
    for block in read_events(path).blocks():
        part: EventBlock = block
        if length_ns is not None:
            end_ns = int(block.t_ns[0]) + length_ns if end_ns is None else end_ns
            part = block.take(block.t_ns < end_ns)
        counter.take(part)
        if len(part) < len(block):
            break
    return counter.finish()


def scenario_of(fit: Fit, grid: Grid, seed: int, duration_ns: int) -> dict[str, Any]:
    """A scenario whose only venue has the fitted flow."""
    leg = {"model": "fixed", "delay": "0ns"}
    return {
        "schema_version": 1,
        "name": "fitted",
        "seed": seed,
        "duration": f"{duration_ns}ns",
        "instrument": {
            "symbol": "FITTED",
            "tick_size": decimal_text(grid.tick),
            "lot_size": decimal_text(grid.lot),
        },
        "venues": [
            {
                "id": VENUE,
                "kind": "lit",
                "latency": {"order": leg, "report": leg, "feed": leg},
                "flow": [fit.flow],
            }
        ],
        "router": {"strategy": {"kind": "greedy"}},
        "parents": [{"id": "P", "side": "buy", "qty": decimal_text(grid.lot), "at": "0s"}],
    }


def simulate(fit: Fit, grid: Grid, *, levels: int, seed: int, duration_ns: int) -> Market:
    """Run the fitted flow for so long, and count what happened.

    Raises:
        ScenarioError: If the fit is none that a scenario takes.
    """
    with TemporaryDirectory(prefix="sorsim-") as folder:
        scenario, events = Path(folder) / "fitted.yaml", Path(folder) / "fitted.events.csv"
        text = msgspec.json.encode(scenario_of(fit, grid, seed, duration_ns))  # JSON is YAML too
        scenario.write_bytes(text)
        generate_market(load_scenario(scenario), events)
        return measure(events, Grid(VENUE, 0, grid.tick, grid.lot), levels)


def calibrate(
    path: Path,
    kind: str,
    *,
    venue: str | None = None,
    tick: int | None = None,
    lot: int | None = None,
    levels: int = 30,
    length_ns: int | None = None,
    simulate_ns: int | None = None,
    seed: int = 1,
) -> tuple[Calibration, Market, Market]:
    """Fit a flow to a file of events and compare it with a simulation of itself.

    Args:
        path: Neutral events.
        kind: Kind of the flow.
        venue: Whose events; None: the only one's.
        tick: Price step in 1e-9; None: the largest that fits all prices.
        lot: Quantity step in 1e-9; None: the largest that fits all quantities.
        levels: Distances from the opposite best price that are told apart.
        length_ns: So much of the file from its begin; None: all.
        simulate_ns: How long the simulation is; None: as long as the data.
        seed: Chance of the simulation.

    Returns:
        The result, and what was counted in the data and in the simulation.

    Raises:
        DataFormatError: If the file is wrong.
        CalibrationError: If it does not hold what the fit needs.
    """
    found = look(path, venue)
    grid = msgspec.structs.replace(found, tick=tick or found.tick, lot=lot or found.lot)
    real = measure(path, grid, levels, length_ns)
    if real.events < _FEWEST_EVENTS:
        raise CalibrationError(
            f"only {real.events} events while both sides are there; needs {_FEWEST_EVENTS}"
        )
    largest = max((*real.limit_sizes, *real.take_sizes), default=0)
    if largest // grid.lot > _LOTS_MAX:
        raise CalibrationError(
            f"sizes up to {decimal_text(largest)} at a lot of {decimal_text(grid.lot)}: name a "
            "larger --lot"
        )
    fit = fit_flow(kind, real, grid.lot)
    duration = real.last_ns - real.first_ns if simulate_ns is None else simulate_ns
    simulated = simulate(fit, grid, levels=levels, seed=seed, duration_ns=duration)
    words = (*_one_sided("data", real, None), *_one_sided("simulation", simulated, duration))
    fit = msgspec.structs.replace(fit, notes=(*fit.notes, *words))
    result = Calibration(
        data=str(path),
        venue=grid.venue,
        seconds=real.seconds,
        events=real.events,
        unknown_orders=real.unknown,
        tick_size=decimal_text(grid.tick),
        lot_size=decimal_text(grid.lot),
        fit=fit,
        simulated_seconds=simulated.seconds,
        seed=seed,
        comparison=compared(real, simulated, grid.lot),
        scenario_text=scenario_text(fit, grid, real),
    )
    return result, real, simulated


def _one_sided(name: str, market: Market, duration_ns: int | None) -> tuple[str, ...]:
    """Says that rates and times between arrivals do not have one clock, where it matters."""
    whole = market.last_ns - market.first_ns if duration_ns is None else duration_ns
    share = market.open_ns / whole if whole else 1.0
    if share >= _OPEN_SHARE:
        return ()
    return (
        f"the book of the {name} has both sides, not crossed, in only {share:.0%} of the time: "
        "spreads, depths and rates per second are of that time, inter_arrival of all of it",
    )


def compared(real: Market, simulated: Market, lot: int) -> tuple[Comparison, ...]:
    """The figures of both, side by side."""
    ours, theirs = statistics_of(simulated, lot), statistics_of(real, lot)
    return tuple([Comparison(name, theirs[name], ours[name]) for name in theirs])


def scenario_text(fit: Fit, grid: Grid, market: Market) -> str:
    """The flow as YAML for a venue's entry, with what it was fitted to."""
    head = (
        f"# Fitted to {market.events} events of venue {grid.venue} in {market.seconds:.6g} s,\n"
        f"# at tick_size {decimal_text(grid.tick)} and lot_size {decimal_text(grid.lot)}.\n"
    )
    body = yaml.dump({"flow": [fit.flow]}, Dumper=_Dumper, sort_keys=False, width=96)
    return head + body


class _Dumper(yaml.SafeDumper):
    """Prices as texts in quotes, so that they stay as they are; short lists on one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent list members under their key."""
        return super().increase_indent(flow, False)


def _sequence(dumper: yaml.SafeDumper, data: Sequence[Any]) -> yaml.SequenceNode:
    flat = not any(isinstance(one, (dict, list)) for one in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


_Dumper.add_representer(list, _sequence)
