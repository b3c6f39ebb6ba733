"""Kind ``hawkes``: the flow of that name, its messages counted as they reach a venue's task."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from math import exp, sqrt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.flow.base import FlowGrid
from sim.flow.book_flow import Place
from sim.flow.hawkes import HawkesFlow, compensator
from sim.kernel.clock import clock_of, new_loop
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event
from sim.kernel.source import make_moving_source
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import Units
from venues.core.lit import LitCore
from venues.fees import Fees, FeeSchedule
from venues.task import VenuePorts, run_venue

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools

SEED: Final = 1_971
EVENTS_MIN: Final = 200_000
WINDOWS_MIN: Final = 12_000
"""Windows of the longest stated length: four standard errors of a dispersion are then about 5 %."""
LONG_WINDOW: Final = 100
"""Relaxation times after which a window counts as long."""
UNITS: Final = Units(Decimal("0.01"), Decimal(1))


class CountingCore(LitCore):
    """A lit book that notes when new orders reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def handle(self, msg: Any, now_ns: Any) -> Any:
        if type(msg) is NewOrderSingle:
            self.times.append(now_ns)
        return super().handle(msg, now_ns)


def solved(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    base, alpha, beta = rates_of(golden)
    ratio = alpha / beta
    yield {
        "branching_ratio": ratio,
        "mean_rate_per_second": flow_of(base, alpha, beta).mean_rate,
        "dispersion_long_window": 1 / (1 - ratio) ** 2,
        "covariance_decay_per_second": beta - alpha,
        **{name: dispersion(golden, window) for name, window in windows_of(golden).items()},
    }


def dispersion(golden: "Golden", window: float) -> float:
    _, alpha, beta = rates_of(golden)
    most, decay = 1 / (1 - alpha / beta) ** 2, beta - alpha
    return float(most - (most - 1) * (1 - np.exp(-decay * window)) / (decay * window))


def played(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    base, alpha, beta = rates_of(golden)
    flow = flow_of(base, alpha, beta)
    windows = windows_of(golden)
    relaxed = LONG_WINDOW / (beta - alpha)
    seconds = max(EVENTS_MIN / flow.mean_rate, WINDOWS_MIN * max([*windows.values(), relaxed / 2]))
    times = arrivals(flow, seconds)

    def estimate(value: float) -> Any:
        return tools.estimate(value, replications=len(times), seed=SEED)

    residuals = list(compensator(times.tolist(), base, alpha, beta))
    yield {
        "mean_rate_per_second": estimate(len(times) / seconds),
        "dispersion_long_window": estimate(counted(times, relaxed, seconds)),
        "time_change_residuals": tools.p_value(exponential_p(residuals), len(residuals), SEED),
        **{name: estimate(counted(times, window, seconds)) for name, window in windows.items()},
    }


def counted(times: Any, window: float, seconds: float) -> float:
    """Variance over mean of the arrivals in windows that follow each other."""
    counts = np.histogram(times, bins=int(seconds / window), range=(0, seconds))[0]
    return float(counts.var(ddof=1) / counts.mean())


def exponential_p(values: Sequence[float]) -> float:
    """Kolmogorov-Smirnov: the chance of such a distance from the exponential law of mean 1.

    Source: Kolmogorov's limit law, with the correction of Stephens (1970) for the sample's size.
    """
    n = len(values)
    law = 1 - np.exp(-np.sort(values))
    steps = np.arange(n + 1) / n
    distance = max(float((steps[1:] - law).max()), float((law - steps[:-1]).max()))
    scaled = distance * (sqrt(n) + 0.12 + 0.11 / sqrt(n))
    return float(2 * sum((-1) ** (k - 1) * exp(-2 * (k * scaled) ** 2) for k in range(1, 101)))


def rates_of(golden: "Golden") -> tuple[float, float, float]:
    inputs = golden.inputs
    return (
        inputs["base_rate_per_second"],
        inputs["alpha_per_second"],
        inputs["beta_per_second"],
    )


def windows_of(golden: "Golden") -> dict[str, float]:
    """Lengths in seconds of the windows that the file names: ``dispersion_window_0.1s``."""
    prefix = "dispersion_window_"
    return {
        name: float(name.removeprefix(prefix).removesuffix("s"))
        for name in golden.expect
        if name.startswith(prefix)
    }


def flow_of(base: float, alpha: float, beta: float) -> HawkesFlow:
    settings: Mapping[str, Any] = {
        "kind": "hawkes",
        "per": "1s",
        "centre": "10000.00",
        "base": base,
        "alpha": alpha,
        "beta": beta,
        "same_side": 0.8,
        "take": 0.0,
        "distance": {"law": "uniform", "levels": 5},
        "life": {"law": "exponential", "mean": "2s"},
    }
    return HawkesFlow.model_validate(settings)


def arrivals(flow: HawkesFlow, seconds: float) -> Any:
    """When orders reach the venue, in seconds."""
    loop = new_loop("virtual")

    async def run() -> list[int]:
        clock = clock_of(asyncio.get_running_loop(), 1.0)
        core, inbox = CountingCore(), Inbox[Event](loop, "venue")
        place = Place(core, FlowGrid(UNITS), Streams(SEED).get("hawkes"), "flow0")
        moves = flow.moves(place)
        end_ns = int(seconds * 1e9)
        first_ns = next(moves)[0]
        source = make_moving_source(
            clock, first_ns, moves, inbox.deliver, Priority.FLOW, end_ns=end_ns
        )
        source.start()
        fees = Fees(FeeSchedule(), UNITS)
        venue = run_venue(
            "V",
            core,
            inbox,
            VenuePorts(),
            fees=fees,
            depth=5,
            market_data="none",
            clock=clock,
        )
        task = loop.create_task(venue)
        await asyncio.sleep(seconds)
        task.cancel()
        return core.times

    try:
        return np.array(loop.run_until_complete(run())) / 1e9
    finally:
        loop.close()


KINDS: Final[dict[str, list["Compute"]]] = {"hawkes": [solved, played]}
CHECKS: Final[dict["Compute", Callable[[str], bool]]] = {
    solved: lambda name: name != "time_change_residuals",
    played: lambda name: name not in {"branching_ratio", "covariance_decay_per_second"},
}


def slow(compute: "Compute", golden: "Golden") -> bool:
    return compute is played
