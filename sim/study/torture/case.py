"""A case: a scenario, what is changed of it, and what goes wrong in it.

Changes are overrides, as ``--set`` takes them, so that a case is a command that anybody can run.
Every parent gets a deadline: only then can it be said by when it must have ended.
"""

import json
import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import msgspec

from sim.protocol.errors import ScenarioError
from sim.protocol.units import format_duration
from sim.scenario.load import LoadedScenario, load_scenario
from sim.scenario.model import Scenario
from sim.study.torture.chance import Chance
from sim.study.torture.faults import Facts, draw_faults

STRATEGIES: Final = ("greedy", "top_of_book", "pro_rata", "split_evenly", "min_impact", "min_risk")
_MS: Final = 1_000_000
_TRIES: Final = 8
_CALM_SHARE: Final = 0.6
"""Of the time until the last deadline, in which faults begin."""


class Case(msgspec.Struct, frozen=True):
    """One scenario to run, and all that is needed to run it again."""

    scenario: str
    """A file, or the name of a shipped scenario."""
    seed: int
    sets: tuple[str, ...] = ()
    """Overrides, one after the other."""
    faults: tuple[dict[str, Any], ...] = ()
    """What goes wrong, as ``faults:`` of a scenario."""
    ties: int | None = None
    """Seed of a shuffle of what meets at one instant; None: the order of every day."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """All that is changed, faults too, as ``--set`` takes it."""
        if not self.faults:
            return self.sets
        return (*self.sets, f"faults={json.dumps(self.faults)}")

    @property
    def command(self) -> str:
        """What runs it, with every rule checked after each event."""
        words = ["sorsim", "run", self.scenario, "--seed", str(self.seed)]
        for text in self.overrides:
            words += ["--set", text]
        if self.ties is not None:
            words += ["--ties", str(self.ties)]
        return shlex.join([*words, "--check-every", "1"])

    def load(self) -> LoadedScenario:
        """The scenario.

        Raises:
            ScenarioError: If it cannot be what it says.
        """
        return load_scenario(self.scenario, sets=self.overrides, seed=self.seed)


def draw_case(scenarios: Sequence[str], seed: int) -> Case:
    """The case of a seed.

    Args:
        scenarios: What it may start from.
        seed: All chance of the case comes from it.

    Raises:
        ScenarioError: If the scenario that it starts from is wrong.
    """
    chance = Chance(seed, "case")
    name = chance.one_of(scenarios)
    base = _base(name)
    ties = chance.whole(1, 1_000_000) if chance.happens(0.25) else None
    for n in range(_TRIES):
        found = Chance(seed, "case", str(n))
        few = n >= _TRIES // 2  # the changes may not fit this scenario: then only faults are drawn
        sets, last_ns = deadlines(base, found)
        if not few:
            sets += changes(base, found)
        facts = Facts(tuple([venue.id for venue in base.venues]), int(last_ns * _CALM_SHARE))
        case = Case(name, seed, tuple(sets), tuple(draw_faults(found, facts)), ties)
        try:
            loaded = case.load()
        except ScenarioError:
            continue
        return with_time(case, loaded.scenario)
    sets, _ = deadlines(base, chance)
    plain = Case(name, seed, tuple(sets), (), ties)
    return with_time(plain, plain.load().scenario)


@cache
def _base(name: str) -> Scenario:
    """What a case starts from; its seed is of no account here."""
    return load_scenario(name).scenario


def deadlines(base: Scenario, chance: Chance) -> tuple[list[str], int]:
    """A deadline for every parent, as overrides, and the last of them in ns."""
    sets, last_ns = [], 0
    for parent in base.parents:
        repeats = parent.repeat
        tail_ns = 0 if repeats is None else (repeats.count - 1) * repeats.every
        left_ns = max(base.duration - parent.at - tail_ns, 10 * _MS)
        length_ns = max(_MS, int(left_ns * chance.between(0.02, 0.7)))
        sets.append(f"parents[{parent.id}].deadline={format_duration(parent.at + length_ns)}")
        last_ns = max(last_ns, parent.at + tail_ns + length_ns)
    return sets, last_ns


def changes(base: Scenario, chance: Chance) -> list[str]:
    """What is changed of a scenario beside its deadlines."""
    sets = []
    if chance.happens(0.4):
        sets.append(f"router.strategy={{kind: {chance.one_of(STRATEGIES)}}}")
    if chance.happens(0.6):
        sets.append(f"router.ack_timeout={chance.duration(2 * _MS, 300 * _MS)}")
    if chance.happens(0.4):
        sets.append(f"router.cancel_resends={chance.whole(0, 3)}")
    if chance.happens(0.4):
        waits = chance.duration(_MS, 300 * _MS)
        sets.append(f"router.reroute.reserve_unanswered={waits}")
    if chance.happens(0.3):
        rest = f"{{price: {chance.one_of(('touch', 'limit'))}, first: {_yes(chance)}}}"
        sets.append(f"router.rest={rest}")
    sets += _manners(base, chance)
    for venue in base.venues:
        if chance.happens(0.1):
            random = (
                f'{{share: "{chance.between(0.05, 0.9)}", after: {chance.duration(_MS, 80 * _MS)}}}'
            )
            sets.append(f"venues[{venue.id}].busts={{random: {random}}}")
        if chance.happens(0.3):
            leg = chance.one_of(("order", "report", "feed"))
            sets.append(f"venues[{venue.id}].latency.{leg}={_latency(chance)}")
    for parent in base.parents:
        if parent.repeat is None and chance.happens(0.1):
            sets.append(f"parents[{parent.id}].side={chance.one_of(('buy', 'sell'))}")
    return sets


def _manners(base: Scenario, chance: Chance) -> list[str]:
    """How the router works: when it sends, how, under which controls, and how it recovers."""
    sets = []
    plain = base.router.schedule is None and all(one.schedule is None for one in base.parents)
    if plain and chance.happens(0.25):
        kind, slices = chance.one_of(("twap", "immediate")), chance.whole(2, 8)
        more = f", slices: {slices}, horizon: {chance.duration(5 * _MS, 400 * _MS)}"
        sets.append(f"router.schedule={{kind: {kind}{more if kind == 'twap' else ''}}}")
    if chance.happens(0.25):
        mode = chance.one_of(("parallel", "sequential", "latency_equalised"))
        sets.append(f"router.sending.mode={mode}")
    if base.router.controls is None and chance.happens(0.25):
        most, within = chance.whole(1, 20), chance.duration(_MS, 50 * _MS)
        which = chance.one_of(("messages", "executions"))
        sets.append(f"router.controls={{{which}: {{most: {most}, within: {within}}}}}")
    if chance.happens(0.4):
        held, wait = chance.whole(1, 50), chance.duration(2 * _MS, 100 * _MS)
        sets.append(f"router.recovery.hold_back={held}")
        sets.append(f"router.recovery.resend_timeout={wait}")
        sets.append(f"router.recovery.queries={chance.whole(0, 2)}")
        sets.append(f"router.recovery.patience={chance.duration(10 * _MS, 500 * _MS)}")
    if chance.happens(0.25):
        crossed = chance.one_of(("take", "skip"))
        age = chance.duration(5 * _MS, 500 * _MS)
        sets.append(f'router.market={{crossed: {crossed}, max_age: {age}, max_jump: "1.5"}}')
    return sets


def _yes(chance: Chance) -> str:
    return "true" if chance.happens(0.5) else "false"


def _latency(chance: Chance) -> str:
    model = chance.one_of(("fixed", "lognormal", "shifted_exponential"))
    typical = chance.duration(_MS // 100, 60 * _MS)
    if model == "fixed":
        return f"{{model: fixed, delay: {typical}}}"
    if model == "lognormal":
        return f"{{model: lognormal, median: {typical}, sigma: {chance.between(0.05, 1.0)}}}"
    return f"{{model: shifted_exponential, shift: {typical}, mean: {typical}}}"


def with_time(case: Case, scenario: Scenario) -> Case:
    """The case with a run long enough that every parent can have ended."""
    last_ns = max(
        (one.deadline or scenario.duration for entry in scenario.parents for one in entry.each()),
    )
    needed_ns = last_ns + 2 * patience_ns(scenario)
    if needed_ns <= scenario.duration:
        return case
    longer = f"duration={format_duration(needed_ns)}"
    return msgspec.structs.replace(case, sets=(*case.sets, longer))


def patience_ns(scenario: Scenario) -> int:
    """How long after its deadline, and after the last fault, a parent may take to end, ns.

    Cancels are sent and sent again, then the venue is asked, then what is missing is waited for:
    each step takes an acknowledgement timeout at most, or a way there and back where that is more.
    Slow messages are taken to be twenty times as slow as usual. A session that is down is waited
    for as long as ``router.recovery`` says.
    """
    router = scenario.router
    way_ns = 0
    for venue in scenario.venues:
        legs = venue.latency
        for leg in (legs.order, legs.report):
            way_ns = max(way_ns, _usual_ns(leg))
    recovery = router.recovery
    steps = router.cancel_resends + recovery.queries + 6
    missing_ns = (recovery.resends + 1) * recovery.resend_timeout
    return steps * 2 * router.ack_timeout + recovery.patience + missing_ns + 40 * way_ns + 100 * _MS


def _usual_ns(leg: Any) -> int:
    """The typical delay of a latency model, ns: the largest of its own times."""
    times = (getattr(leg, name, 0) for name in ("delay", "median", "mean", "shift", "value"))
    return sum(time for time in times if isinstance(time, int))
