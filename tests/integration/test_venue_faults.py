"""What befalls whole venues: every kind survives each fault, and the router gets over it.

All invariants of a run are checked as it goes; what is asserted here is that nothing of ours is
lost or invented by it, and what the log says.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.audit.records import ChildSent, Fault, ParentDone, VenueEvent
from sim.protocol.errors import ScenarioError
from venues.kinds import VENUE_KINDS

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Make = Callable[..., Data]
RunData = Callable[..., "Ran"]

MS = 1_000_000
BOOK = {"asks": [["100.05", 50]], "bids": [["99.95", 50]]}
OWN: dict[str, Data] = {
    "lit": {"book": BOOK, "requests": {"decision": "2ms"}},
    "dark": {"book": BOOK, "pricing": "midpoint"},
    "maker": {"quote": {"bid": ["99.95", 50], "ask": ["100.05", 50]}},
    "replayed": {"file": "a.l2.csv"},
    "auction": {"book": BOOK, "every": "7ms"},
    "rfq": {
        "spread": {"half": "0.05"},
        "sizes": [50],
        "last_look": {"hold": "3ms", "tolerance": "0.05"},
    },
    "wholesaler": {},
    "broker": {"spread": {"half": "0.05"}, "delay": "3ms"},
}
DEALERS = ("rfq", "wholesaler", "broker")
KINDS = [kind.model_fields["kind"].annotation.__args__[0] for kind in VENUE_KINDS]  # type: ignore[union-attr]
STATES: dict[str, Data] = {
    "crash": {"kind": "venue_crash", "lasts": "20ms"},
    "crash_lost": {"kind": "venue_crash", "lasts": "20ms", "orders": "lost"},
    "crash_for_good": {"kind": "venue_crash"},
    "hang": {"kind": "venue_hang", "lasts": "20ms"},
    "hang_for_good": {"kind": "venue_hang"},
    "disconnect": {"kind": "disconnect", "lasts": "20ms"},
    "cancel_on_disconnect": {
        "kind": "disconnect",
        "lasts": "20ms",
        "cancel_on_disconnect": True,
        "market_data": True,
    },
    "halt": {"kind": "trading_halt", "lasts": "20ms"},
    "halt_cancels": {"kind": "trading_halt", "lasts": "20ms", "orders": "cancel"},
    "storm": {"kind": "reject_storm", "lasts": "20ms"},
    "half_a_storm": {"kind": "reject_storm", "lasts": "20ms", "share": 0.5},
    "flood": {"kind": "flood", "lasts": "20ms", "messages": 200},
}


@pytest.fixture
def world(market: Make, lit: Make, tmp_path: Path) -> Callable[..., Data]:
    """``world(kind, fault)``: a venue A of a kind with traffic, beside a lit one, B."""
    rows = ["t_ns,event,side,price,qty", "0,level,ask,100.05,50", "0,level,bid,99.95,50"]
    rows += [f"{n * MS},level,ask,100.05,{50 - n % 7}" for n in range(1, 90)]
    (tmp_path / "a.l2.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def make(kind: str, *faults: Data) -> Data:
        venue = {**lit("A", ms=1), "kind": kind}
        del venue["book"]
        venue |= OWN[kind]
        flow = {"kind": "poisson", "rate": 2000, "centre": "100.00", "lots": 5}
        if kind in {"lit", "dark"}:
            venue |= {"flow": [flow]}
        leg = {"model": "fixed", "delay": "1ms"}
        links = [{"from": "B", "to": "A", "latency": leg}] if kind in {*DEALERS, "dark"} else []
        parents = [
            {
                "id": f"P{n}",
                "side": "buy",
                "qty": 30,
                "at": f"{7 * n}ms",
                "limit": "100.10",
                "deadline": "90ms",
            }
            for n in range(6)
        ]
        router: Data = {"strategy": {"kind": "greedy"}, "ack_timeout": "8ms"}
        if kind in {"dark", "auction", "wholesaler", "broker"}:
            router["blind"] = {"fraction": "0.5"}
        lit_b = lit("B", [["100.05", 40], ["100.06", 400]], ms=2, flow=[flow])
        lit_b["book"]["bids"] = [["99.95", 40]]
        return market(
            [venue, lit_b],
            links=links,
            parents=parents,
            duration="120ms",
            router=router,
            faults=list(faults),
        )

    return make


@pytest.mark.parametrize("name", list(STATES))
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_venue_survives_every_fault(
    world: Callable[..., Data], run_data: RunData, tmp_path: Path, kind: str, name: str
) -> None:
    data = world(kind, {**STATES[name], "venue": "A", "at": "15ms"})
    ran = run_data(data, beside=tmp_path)
    phases = [one.phase for one in ran.of(Fault) if one.phase != "struck"]
    ends = "lasts" in STATES[name]
    assert phases == (["began", "ended"] if ends else ["began"])
    sent = [one.t_ns for one in ran.of(ChildSent) if one.venue_id == "A"]
    assert sent
    assert sent[0] < 15 * MS
    done = ran.of(ParentDone)
    assert len(done) == 6, "I18: every parent has ended"
    if name.startswith("crash"):
        events = [one.event for one in ran.of(VenueEvent) if one.event in {"down", "up"}]
        assert events == (["down", "up"] if ends else ["down"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_never_comes_changes_nothing(
    world: Callable[..., Data], run_data: RunData, tmp_path: Path, kind: str
) -> None:
    """A venue that faults may stop has another core and inbox; nobody must notice."""
    never = {"kind": "venue_hang", "venue": "A", "on": {"record": "plugin_failed"}}
    without = run_data(world(kind), beside=tmp_path).records
    guarded = run_data(world(kind, never), beside=tmp_path).records
    assert guarded[1:-1] == without[1:-1]  # the first holds the scenario, the last the head


def test_a_fault_of_an_unknown_venue_is_refused_with_its_place(
    world: Callable[..., Data], load_data: Any, tmp_path: Path
) -> None:
    wrong = {"kind": "venue_crash", "venue": "AA", "at": "1ms"}
    with pytest.raises(ScenarioError, match=r"faults\[0\]\.venue: no venue has the id AA.*A, B"):
        load_data(world("lit", wrong), beside=tmp_path)
