"""Baselines by name, as overrides of a scenario: what routing is compared with.

A baseline changes how the scenario's own orders are worked and nothing else: the market, its chance
and the orders stay, and so do timeouts, controls and how children leave. Names are those of the
customer's documents.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from sim.scenario.model import Scenario, VenueEntry

SLICES: Final = 20
"""Of the schedules: each slice is worked at once."""
BROKER_SLACK_BPS: Final = 100
"""How far beyond the displayed price a broker may fill: his spread is in his price."""
U_SHAPE: Final = ((0.0, 3), (0.2, 2), (0.4, 2), (0.6, 2), (0.8, 3))
"""The volume profile where the scenario's schedule has none: more as a day begins and ends."""


class Baseline(NamedTuple):
    """A baseline: what it does, where it comes from, and the overrides that make it."""

    about: str
    source: str
    sets: Callable[[Scenario], tuple[str, ...]]


class BaselineError(ValueError):
    """A baseline that is none, or that a scenario has not the venues or times for."""


def baseline_sets(name: str, scenario: Scenario) -> tuple[str, ...]:
    """The overrides that make a scenario the baseline.

    Args:
        name: Of ``BASELINES``.
        scenario: Whose orders are worked.

    Raises:
        BaselineError: If there is no such baseline, or the scenario lacks what it needs.
    """
    if name not in BASELINES:
        raise BaselineError(f"found the baseline {name!r}; allowed: {', '.join(BASELINES)}")
    own = [f"parents[{p.id}].schedule=null" for p in scenario.parents if p.schedule is not None]
    plain = ("router.rest=null", "router.blind=null", "router.schedule=null", *own)
    return (*plain, *BASELINES[name].sets(scenario))


def usual(scenario: Scenario) -> list[str]:
    """The baselines that a tuning has if none are named: best ask, and schedules if they can be."""
    timed = all(parent.deadline is not None for parent in scenario.parents)
    return ["best_ask", *(["twap", "vwap"] if timed else [])]


def _single_exchange(scenario: Scenario) -> tuple[str, ...]:
    venue = _first(scenario, "a lit venue", lambda venue: venue.visibility == "lit")
    return (f"router.strategy={{kind: single_venue, venue: {venue}}}",)


def _best_ask(scenario: Scenario) -> tuple[str, ...]:
    return ("router.strategy={kind: top_of_book}",)


def _twap(scenario: Scenario) -> tuple[str, ...]:
    return ("router.strategy={kind: greedy}", _schedule(scenario, "kind: twap"))


def _vwap(scenario: Scenario) -> tuple[str, ...]:
    return ("router.strategy={kind: pro_rata}", _schedule(scenario, "kind: vwap"))


def _vwap_profile(scenario: Scenario) -> tuple[str, ...]:
    own = getattr(scenario.router.schedule, "profile", None) or U_SHAPE
    profile = ", ".join(f"[{start!r}, {float(weight)!r}]" for start, weight in own)
    return (
        "router.strategy={kind: greedy}",
        _schedule(scenario, f"kind: vwap, profile: [{profile}]"),
    )


def _dark_pool_only(scenario: Scenario) -> tuple[str, ...]:
    pools = [venue.id for venue in scenario.venues if venue.kind == "dark" and venue.silent]
    if not pools:
        venue = _first(scenario, "a dark pool", lambda venue: venue.kind == "dark")
        return (f"router.strategy={{kind: single_venue, venue: {venue}}}",)
    lots = max(parent.qty for parent in scenario.parents) / scenario.instrument.lot_size
    named = f"venues: [{', '.join(pools)}]"
    step = max(1, int(lots / len(pools)))
    return (f"router.strategy={{kind: kaplan_meier, rest: wait, step: {step}, {named}}}",)


def _execution_broker(scenario: Scenario) -> tuple[str, ...]:
    broker = _first(scenario, "a broker", lambda venue: venue.kind == "broker")
    return (
        f"router.strategy={{kind: single_venue, venue: {broker}}}",
        f"router.blind={{venues: [{broker}], slack_bps: {BROKER_SLACK_BPS}}}",
    )


def _first(scenario: Scenario, what: str, fits: Callable[[VenueEntry], bool]) -> str:
    for venue in scenario.venues:
        if fits(venue):
            return str(venue.id)
    raise BaselineError(f"the scenario has no venue for it; it needs {what}")


def _schedule(scenario: Scenario, kind: str) -> str:
    for parent in scenario.parents:
        if parent.deadline is None:
            raise BaselineError(
                f"the order {parent.id} has no deadline; a schedule needs one as its end"
            )
    return f"router.schedule={{{kind}, slices: {SLICES}}}"


_DOCUMENTS: Final = "The customer's documents"
BASELINES: Final[dict[str, Baseline]] = {
    "single_exchange": Baseline(
        "Everything at once to the scenario's first lit venue, and to no other.",
        f"{_DOCUMENTS}: single exchange.",
        _single_exchange,
    ),
    "best_ask": Baseline(
        "At once to the best displayed price of each venue, again and again until all is filled.",
        f"{_DOCUMENTS}: best ask.",
        _best_ask,
    ),
    "twap": Baseline(
        f"In {SLICES} equal slices until the deadline, each at once by price.",
        f"{_DOCUMENTS}: TWAP.",
        _twap,
    ),
    "vwap": Baseline(
        f"In {SLICES} slices by what is displayed as each is due, split over venues by what they "
        "display.",
        f"{_DOCUMENTS}: VWAP by displayed liquidity.",
        _vwap,
    ),
    "vwap_profile": Baseline(
        f"In {SLICES} slices by the profile of router.schedule, or one that is high at both ends, "
        "each at once by price.",
        f"{_DOCUMENTS}: VWAP by a volume profile; the profile that is assumed is our own.",
        _vwap_profile,
    ),
    "dark_pool_only": Baseline(
        "To the dark pools alone; what they do not fill stays unfilled.",
        f"{_DOCUMENTS}: dark pool only.",
        _dark_pool_only,
    ),
    "execution_broker": Baseline(
        "Everything to the scenario's first broker, at its price.",
        f"{_DOCUMENTS}: execution broker.",
        _execution_broker,
    ),
}
"""The table, by name."""
