"""A file of a foreign format is converted, and a run trades on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.audit.order_records import CancelSent
from sim.audit.records import BookAtArrival, ChildCanceled
from sim.data import converter

QUOTES = """\
34200000,1000000,100,0,0,N,1,0
34200000,0,0,1000200,200,N,1,0
34200500,0,0,1000100,300,P,1,0
"""


def test_a_run_buys_at_the_quotes_of_a_converted_file(
    tmp_path: Path,
    market: Callable[..., dict[str, Any]],
    run_data: Callable[..., Any],
) -> None:
    """300 shares are offered at 100.01 from half a second on; 100 come too early for it."""
    (tmp_path / "q.csv").write_text(QUOTES)
    out = tmp_path / "nbbo.events.csv"
    converter("us_quotes")([tmp_path / "q.csv"], out, {"read_as": "nbbo"})
    leg = {"model": "fixed", "delay": "1ms"}
    venue = {
        "id": "R",
        "kind": "replayed",
        "file": out.name,
        "latency": {"order": leg, "report": leg, "feed": leg},
    }
    early = run_data(market([venue], qty=100, at="10ms"), beside=tmp_path)
    late = run_data(market([venue], qty=100, at="600ms"), beside=tmp_path)
    assert [float(ran.parent["avg_px"]) for ran in (early, late)] == [100.02, 100.01]


def test_measured_creates_and_cancels_differ_in_a_run(
    tmp_path: Path,
    market: Callable[..., dict[str, Any]],
    run_data: Callable[..., Any],
) -> None:
    """From a log of order states to the legs of a run: 44 ms for an order, 30 ms for a cancel."""
    log = "Timestamp,Order_ID,Status\n"
    log += "1000,A,PENDING_CREATE\n1044,A,CREATED\n2000,A,PENDING_CANCEL\n2030,A,CANCELED\n"
    (tmp_path / "log.csv").write_text(log)
    converter("order_latency")([tmp_path / "log.csv"], tmp_path / "rt.csv", {})
    law = {"model": "empirical", "file": "rt.csv", "fraction": 1}
    still = {"model": "fixed", "delay": "0ns"}
    venue = {
        "id": "L",
        "kind": "lit",
        "latency": {
            "order": {"model": "by_message", "create": law, "cancel": law | {"kind": "cancel"}},
            "report": still,
            "feed": still,
        },
    }
    rest = {"strategy": {"kind": "greedy"}, "rest": {"venue": "L", "price": "limit"}}
    data = market([venue], qty=100, limit="99.00", deadline="1s", router=rest)
    ran = run_data(data, beside=tmp_path)
    (arrived,), (asked,) = ran.of(BookAtArrival), ran.of(CancelSent)
    (canceled,) = ran.of(ChildCanceled)
    assert arrived.drawn_ns == 44_000_000
    assert canceled.processed_ns - asked.t_ns == 30_000_000
