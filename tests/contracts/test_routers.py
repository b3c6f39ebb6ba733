"""The contract of a router over every strategy, over schedules and ways of sending, and over the
routers of the page on routers of one's own."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from router.allocate import STRATEGIES
from router.core.desk import Desk
from router.core.orders import Child
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.schedule import SCHEDULES, ScheduleConfig
from router.schedule.base import ParentFacts, Schedule
from sim.kernel.streams import Keyed
from sim.testing.contracts import (
    ContractError,
    RouterCase,
    RouterTally,
    check_router,
    own_router_case,
    router_case,
)

NEEDS: dict[str, dict[str, Any]] = {
    "single_venue": {"venue": "A"},
    "cont_kukanov": {
        "horizon": "20ms",
        "outflow": {"law": "exponential", "mean": 50},
        "lambda_under": "0.05",
        "lambda_over": "0.05",
    },
    "trial_static": {"step": "5", "theta": "0"},
}
"""Keys without which a strategy cannot be, or does nothing here."""
SCHEDULE_NEEDS: dict[str, dict[str, Any]] = {
    "pov": {"rate": "0.5"},
    "almgren_chriss": {"sigma": 0.1, "eta": 0.01, "risk_aversion": 0.1},
    "obizhaeva_wang": {"resilience": 10.0},
}


def kind_of(config: Any) -> str:
    (kind,) = get_args(config.model_fields["kind"].annotation)
    return str(kind)


KINDS = [kind_of(one) for one in STRATEGIES]
SCHEDULED = [kind_of(one) for one in SCHEDULES]
SEEDS = (1, 2)


def met(tallies: list[RouterTally], orders: int = 10) -> None:
    """A test that meets nothing shows nothing."""
    assert sum(one.orders for one in tallies) >= orders
    assert sum(one.fills for one in tallies) >= orders // 2
    assert sum(one.halts for one in tallies) >= 1


def strategy(kind: str) -> dict[str, Any]:
    return {"kind": kind, **NEEDS.get(kind, {})}


def case_of(kind: str) -> RouterCase:
    case = router_case({"strategy": strategy(kind)})
    return replace(case, step=5) if kind == "trial_static" else case  # it asks for whole steps


@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_keeps_the_contract(kind: str) -> None:
    few = kind == "trial_static"  # it waits for quotes that hold the whole order
    met([check_router(case_of(kind), seed) for seed in SEEDS], 2 if few else 10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_strategy_keeps_the_contract_for_long(kind: str) -> None:
    case = case_of(kind)
    met([check_router(case, seed, parents=12) for seed in range(10, 30)])


SETTINGS: dict[str, dict[str, Any]] = {
    "rest": {"rest": {"move_after": "2ms"}},
    "blind": {"blind": {}},
    "old quotes": {"reroute": {"fresh_quote": False, "levels": "top"}},
    "others": {"reroute": {"venues": "others"}},
    "sequential": {"sending": {"mode": "sequential"}},
    "equalised": {"sending": {"mode": "latency_equalised"}},
    "protected": {"sending": {"protect": True}},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["greedy", "pro_rata"])
def test_ways_of_sending_and_rerouting_keep_it(kind: str, name: str) -> None:
    case = router_case({"strategy": strategy(kind), **SETTINGS[name]})
    met([check_router(case, seed) for seed in SEEDS])


def scheduled(kind: str) -> Callable[[ParentFacts, Keyed], Schedule]:
    adapter: TypeAdapter[Any] = TypeAdapter(ScheduleConfig)
    config = adapter.validate_json(json.dumps({"kind": kind, **SCHEDULE_NEEDS.get(kind, {})}))
    built: Callable[[ParentFacts, Keyed], Schedule] = config.build
    return built


@pytest.mark.parametrize("schedule", SCHEDULED)
def test_every_schedule_keeps_it(schedule: str) -> None:
    case = router_case({"strategy": strategy("greedy")}, scheduled(schedule))
    met([check_router(case, seed) for seed in SEEDS])


# Routers of one's own


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Path:
    """A folder with the files of the page."""
    folder = tmp_path_factory.mktemp("page")
    text = (project_root / "docs" / "own_router.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if named := re.match(r"# (\w+\.py)\n", block):
            (folder / named[1]).write_text(block)
            assert block.count("\n") < 60
    return folder


OWN: dict[str, dict[str, Any]] = {
    "my_router.py:Patient": {"patience_ms": 20},
    "my_talker.py:RestThenTake": {"rest_ms": 15},
}


@pytest.mark.parametrize("ref", OWN)
def test_the_routers_of_the_page_keep_it(page: Path, ref: str) -> None:
    case = own_router_case(ref, page, OWN[ref])
    met([check_router(case, seed) for seed in (1, 2, 3)])


SPLIT = """
from router.allocate.base import Strategy, walk

class MySplit(Strategy):
    depth = "full"
    def allocate(self, request):
        return walk(request, [(offer,) for offer in request.offers], {})
"""


def test_a_split_of_ones_own_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "split.py").write_text(SPLIT)
    case = own_router_case("split.py:MySplit", tmp_path, kind="own_split")
    met([check_router(case, seed) for seed in SEEDS])


HASHED = """
import hashlib
from sim.testing.contracts import router_case
from sim.testing.contracts.routers import _run
lines, _ = _run(router_case({"strategy": {"kind": "greedy"}}), 1, 4)
print(hashlib.sha256(b"".join(lines)).hexdigest())
"""


@pytest.mark.slow
def test_I12_the_hash_seed_changes_nothing() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(said) == 1


# What the contract finds


def check_some(seeds: int) -> None:
    for seed in range(seeds):
        check_router(router_case({"strategy": strategy("greedy")}), seed)


def test_it_finds_a_router_that_sends_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    def free(self: Any) -> int:
        return self.order_qty - self.filled_qty  # type: ignore[no-any-return]

    monkeypatch.setattr("router.core.orders.Parent.free_qty", property(free))
    monkeypatch.setattr("router.core.orders.Parent.check", lambda self: None)
    with pytest.raises(ContractError, match="I2: never more than was asked"):
        check_router(router_case({"strategy": strategy("greedy")}), 1)


def test_it_finds_a_price_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.core.decide.within", lambda levels, *rest: levels)
    with pytest.raises(ContractError, match="I6: never beyond the parent's limit"):
        check_some(5)


def test_it_finds_an_order_to_a_halted_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.core.standing.Standing.on_state", lambda *args: False)
    with pytest.raises(ContractError, match="F19: nothing goes to a halted venue"):
        check_some(9)


def test_it_finds_a_parent_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.core.desk.Desk.stop", lambda *args: None)
    with pytest.raises(ContractError, match="I18: every parent ends"):
        check_router(router_case({"strategy": strategy("greedy")}), 1)


def test_it_finds_what_differs_from_run_to_run() -> None:
    config = [strategy("greedy"), strategy("split_evenly")]
    case = router_case({"strategy": config[0]})
    other = router_case({"strategy": config[1]})
    made = iter([case.make, other.make])

    def make(profiles: tuple[VenueProfile, ...]) -> RouterCore:
        return next(made)(profiles)

    mixed = RouterCase(make)
    with pytest.raises(ContractError, match="I12: the same seed gives the same bytes"):
        check_router(mixed, 1)


def test_it_finds_a_child_without_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    send = Desk.send

    def silent(self: Desk, record: Any, child: Child, now_ns: int, out: list[Any]) -> None:
        kept: list[Any] = []
        send(self, record, child, now_ns, kept)
        out += [one for one in kept if one is not record]

    monkeypatch.setattr(Desk, "send", silent)
    with pytest.raises(ContractError, match="I14: recorded first"):
        check_router(router_case({"strategy": strategy("greedy")}), 1)
