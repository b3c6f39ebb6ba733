"""A busy little market with faults, and what must hold of every run in it."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest

from sim.audit.records import Fill, ParentDone, ParentReceived
from sim.faults import FAULTS
from sim.faults.base import MessageFault

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
MUST_HAVE: Final[dict[str, Data]] = {
    "message_loss": {"leg": "report"},
    "message_duplication": {"leg": "report"},
    "message_reordering": {"leg": "report"},
    "latency_spike": {"leg": "report", "by": "3ms"},
    "latency_burst": {"leg": "feed", "by": "3ms", "law": "exponential"},
    "clock_fault": {"leg": "feed", "clock": "behind"},
}
"""Keys that a kind must have beside its venue and its trigger."""


@pytest.fixture(scope="session")
def message_faults() -> tuple[str, ...]:
    """The names of all kinds that strike messages."""
    kinds = [kind for kind in FAULTS if issubclass(kind, MessageFault)]
    return tuple([str(get_args(kind.model_fields["kind"].annotation)[0]) for kind in kinds])


@pytest.fixture(scope="session")
def fault() -> Callable[..., Data]:
    """``fault(kind, at="5ms", ...)``: one at venue A with all that it must have."""

    def make(kind: str, **more: Any) -> Data:
        made = {"kind": kind, "venue": "A", **MUST_HAVE.get(kind, {}), **more}
        if kind == "latency_burst" and not {"share", "count", "lasts"} & set(made):
            made["lasts"] = "100ms"
        return {key: value for key, value in made.items() if value is not None}

    return make


@pytest.fixture(scope="session")
def busy(lit: Callable[..., Data]) -> Callable[..., Data]:
    """``busy(fault, ...)``: two venues whose books live, six orders, and these faults."""

    def make(*faults: Data, **more: Any) -> Data:
        def venue(name: str, ms: int) -> Data:
            flow = {
                "kind": "zero_intelligence",
                "per": "8ms",
                "centre": "100.00",
                "limit": 1.5,
                "market": 2.0,
                "cancel": 0.4,
                "levels": 10,
                "size": {"law": "geometric", "mean": 20},
                "warm_up": "50ms",
            }
            leg = {"model": "shifted_exponential", "shift": f"{ms}ms", "mean": "500us"}
            legs = {"order": leg, "report": leg, "feed": leg}
            made: Data = lit(name, flow=[flow], latency=legs)
            del made["book"]
            return made

        return {
            "schema_version": 1,
            "name": "busy",
            "seed": 5,
            "duration": "250ms",
            "instrument": {"symbol": "ACME", "tick_size": "0.01"},
            "venues": [venue("A", 1), venue("B", 2)],
            "router": {
                "strategy": {"kind": "greedy"},
                "ack_timeout": "15ms",
                "cancel_resends": 2,
                "rest": {"move_after": "2ms"},
            },
            "parents": [
                {
                    "id": "P",
                    "side": "buy",
                    "qty": 120,
                    "at": "5ms",
                    "limit": "100.02",
                    "deadline": "65ms",
                    "repeat": {"count": 6, "every": "20ms"},
                }
            ],
            "audit": {"market_data": "full"},
            "faults": list(faults),
            **more,
        }

    return make


@pytest.fixture(scope="session")
def check_whole() -> Callable[["Ran"], None]:
    """No lot is lost or invented: what must hold whatever went wrong (I1, I2, I5, I6, I11, I18)."""

    def check(ran: "Ran") -> None:
        asked = {one.parent_id: one for one in ran.of(ParentReceived)}
        filled: Counter[str] = Counter()
        for fill in ran.of(Fill):
            filled[fill.parent_id] += fill.last_qty
            limit = asked[fill.parent_id].limit_px
            assert limit is None or fill.last_px <= limit, fill
            assert fill.leaves_qty >= 0
        done = {one.parent_id: one for one in ran.of(ParentDone)}
        assert done.keys() == asked.keys()
        for name, parent in done.items():
            total = asked[name].order_qty
            assert parent.filled_qty == filled[name] <= total
            assert 0 <= parent.canceled_qty <= total - parent.filled_qty
        times = [record.t_ns for record in ran.records]
        assert times == sorted(times)

    return check
