"""Cases are functions of their seed, and every kind of fault can come."""

from collections import Counter

import pytest

from sim.faults import FAULTS
from sim.faults.base import FaultConfig
from sim.scenario.load import load_scenario
from sim.study.torture.case import draw_case, patience_ns
from sim.study.torture.chance import Chance
from sim.study.torture.faults import Facts, draw_fault, draw_faults, name_of

FACTS = Facts(("NYSE", "NASDAQ"), 200_000_000)
SCENARIOS = ("fragmented", "two_parents", "halt")


@pytest.mark.parametrize("kind", FAULTS, ids=name_of)
def test_every_kind_can_be_drawn_and_has_an_end(kind: type[FaultConfig]) -> None:
    drawn = [draw_fault(kind, Chance(seed, "kind"), FACTS) for seed in range(40)]
    faults = [fault for fault in drawn if fault is not None]
    assert len(faults) > 30
    triggers = Counter(next(key for key in kind.triggers if key in fault) for fault in faults)
    assert set(triggers) == set(kind.triggers)
    for fault in faults:
        kind.model_validate(fault)
        at_random = {"rate", "share"} & set(kind.triggers) & set(fault)
        assert bool(at_random) == ("stop" in fault)
        if "lasts" in kind.model_fields and "share" not in fault and "count" not in fault:
            assert "lasts" in fault or "count" in kind.model_fields


def test_every_key_of_every_kind_comes_now_and_then() -> None:
    for kind in FAULTS:
        keys = set()
        for seed in range(100):
            keys |= set(draw_fault(kind, Chance(seed, "keys"), FACTS) or {})
        left = set(kind.model_fields) - keys - {"id"}
        assert not left, f"{name_of(kind)} never has {left}"


def test_some_kinds_are_off_in_a_seed() -> None:
    found = [
        {fault["kind"] for fault in draw_faults(Chance(seed, "off"), FACTS)} for seed in range(60)
    ]
    assert not all(len(kinds) == len(FAULTS) for kinds in found)
    assert set().union(*found) == {name_of(kind) for kind in FAULTS}
    assert set() in found  # days without a fault are among them


def test_a_case_is_a_function_of_its_seed() -> None:
    first = [draw_case(SCENARIOS, seed) for seed in range(12)]
    assert first == [draw_case(SCENARIOS, seed) for seed in range(12)]
    assert len({case.command for case in first}) == 12


def test_every_parent_has_a_deadline_and_the_run_has_time_for_it() -> None:
    for seed in range(20):
        scenario = draw_case(SCENARIOS, seed).load().scenario
        for parent in scenario.parents:
            assert parent.deadline is not None
            assert parent.deadline + patience_ns(scenario) <= scenario.duration


def test_the_command_of_a_case_loads_the_same_scenario() -> None:
    case = next(case for seed in range(50) if len((case := draw_case(SCENARIOS, seed)).faults) >= 2)
    again = load_scenario(case.scenario, sets=case.overrides, seed=case.seed)
    assert again.resolved() == case.load().resolved()
    assert len(again.scenario.faults) == len(case.faults)
