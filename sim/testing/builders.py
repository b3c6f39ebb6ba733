"""Scenarios built in code, with sane defaults, for tests.

scenario(
    venue("NYSE", asks=[("100.02", 400)], latency="5ms"),
    venue("NASDAQ", asks=[("100.01", 200)]),
)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from sim.protocol.errors import Problem, ScenarioError
from sim.scenario.load import LoadedScenario, load_scenario, scenario_from_data

Level = tuple[str, int] | Sequence[Any]
Fault = Mapping[str, Any] | str
"""An entry of ``faults:``, as a mapping or as YAML text."""

_LEGS: Final = ("order", "report", "feed")
_UNUSED: Final = "unused"


def venue(
    name: str,
    *,
    kind: str = "lit",
    bids: Sequence[Level] = (),
    asks: Sequence[Level] = (),
    latency: str | Mapping[str, Any] = "1ms",
    **more: Any,
) -> dict[str, Any]:
    """A venue's entry.

    Args:
        name: Its id.
        kind: ``lit``, ``dark``, ``maker``, ...
        bids: What rests in its book, price and quantity: ``[("99.98", 200)]``.
        asks: The other side.
        latency: One delay for all three legs, or a mapping of ``order``, ``report`` and ``feed`` to
            delays or latency models.
        more: Other keys of the entry.
    """
    legs = dict.fromkeys(_LEGS, latency) if isinstance(latency, str) else dict(latency)
    entry: dict[str, Any] = {
        "id": name,
        "kind": kind,
        "latency": {
            leg: {"model": "fixed", "delay": how} if isinstance(how, str) else how
            for leg, how in legs.items()
        },
    }
    sides = {"bids": bids, "asks": asks}
    book = {side: [list(level) for level in levels] for side, levels in sides.items() if levels}
    if book:
        entry["book"] = book
    return entry | more


def scenario(
    *venues: Mapping[str, Any],
    parents: Sequence[Mapping[str, Any]] = (),
    duration: str = "10s",
    seed: int = 1,
    tick_size: str = "0.01",
    lot_size: int | str = 1,
    name: str = "test",
    sets: Sequence[str] = (),
    **more: Any,
) -> LoadedScenario:
    """A scenario.

    Args:
        venues: Their entries, as ``venue`` makes them.
        parents: Client orders, for tests that ask for them.
        duration: When the run ends at the latest.
        seed: Of all chance.
        tick_size: Of the instrument.
        lot_size: Of the instrument.
        name: Names the run.
        sets: Overrides as on the command line.
        more: Other keys, such as ``faults`` or ``links``.

    Raises:
        ScenarioError: With every problem.
    """
    data: dict[str, Any] = {
        "schema_version": 1,
        "name": name,
        "seed": seed,
        "duration": duration,
        "instrument": {"symbol": "TEST", "tick_size": tick_size, "lot_size": lot_size},
        "venues": [dict(one) for one in venues],
        "router": {"strategy": {"kind": "greedy"}},
        # The format wants one; it comes only to a test that asks for client orders.
        "parents": [dict(one) for one in parents]
        or [{"id": _UNUSED, "side": "buy", "qty": lot_size, "at": duration}],
    }
    data |= more
    return scenario_from_data(data, "scenario()", Path.cwd(), sets=_in_time(data, sets))


def loaded_scenario(
    ref: str | Path | LoadedScenario,
    *,
    seed: int | None = None,
    sets: Sequence[str] = (),
    faults: Sequence[Fault] = (),
) -> LoadedScenario:
    """A scenario by file or name, or as it was built, with more faults than it has.

    Raises:
        ScenarioError: With every problem.
    """
    if not isinstance(ref, LoadedScenario):
        found = load_scenario(ref, sets=() if faults else sets, seed=None if faults else seed)
    else:
        found = ref
    if not faults and (not isinstance(ref, LoadedScenario) or not (sets or seed is not None)):
        return found
    data = found.resolved()
    data["faults"] = [*data["faults"], *fault_entries(faults)]
    name, sets = str(found.scenario.name), _in_time(data, sets)
    return scenario_from_data(data, name, found.folder, sets=sets, seed=seed)


def _in_time(data: Mapping[str, Any], sets: Sequence[str]) -> Sequence[str]:
    """Overrides, with one more for the parent that nobody wrote: it comes as the run ends."""
    ends = [one.partition("=")[2] for one in sets if one.partition("=")[0].strip() == "duration"]
    if not ends or [one.get("id") for one in data["parents"]] != [_UNUSED]:
        return sets
    return [*sets, f"parents[{_UNUSED}].at={ends[-1]}"]


def fault_entries(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """Faults as plain data.

    Raises:
        ScenarioError: If a text is no YAML mapping, or list of mappings.
    """
    found: list[dict[str, Any]] = []
    for n, fault in enumerate(faults):
        entries: Any = fault
        if isinstance(fault, str):
            try:
                entries = yaml.safe_load(fault)
            except (yaml.YAMLError, RecursionError) as error:
                raise _no_fault(n, f"is no YAML: {error}") from None
        entries = entries if isinstance(entries, list) else [entries]
        if not entries or not all(isinstance(one, Mapping) for one in entries):
            raise _no_fault(n, "must be a mapping, such as {kind: message_loss, ...}")
        found += [dict(one) for one in entries]
    return found


def _no_fault(n: int, what: str) -> ScenarioError:
    return ScenarioError([Problem(f"faults[{n}]", 0, 0, f"faults[{n}]", what)])
