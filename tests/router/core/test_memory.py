"""What the router remembers of children that have ended."""

from fractions import Fraction

from router.config import RouterConfig
from router.core import desk
from router.core.events import ParentOrder, SendTo, Stamps
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.protocol.enums import ExecType, OrdStatus, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.protocol.units import PriceTicks, QtyLots, TimeNs

FREE = (Fraction(1), Fraction(0))
NO_WAY = Stamps(0, 0, 0)


def filled(core: RouterCore, n: int) -> str:
    """Order ``n`` is sent to the only venue and filled at once; the child's name."""
    core.on_quote(BookSnapshot("A", 2 * n, TimeNs(n), (), ((100, 1),)), n)
    core.on_parent(ParentOrder(f"P{n}", Side.BUY, 1), n)
    (msg,) = [o.msg for o in core.on_wake(desk._DECIDE, n) if isinstance(o, SendTo)]
    assert isinstance(msg, NewOrderSingle)
    name = msg.cl_ord_id
    for exec_id, kind in ((2 * n, ExecType.NEW), (2 * n + 1, ExecType.TRADE)):
        done = kind is ExecType.TRADE
        report = ExecutionReport(
            kind,
            OrdStatus.FILLED if done else OrdStatus.NEW,
            name,
            "SOR",
            n,
            exec_id,
            Side.BUY,
            QtyLots(1),
            QtyLots(int(done)),
            QtyLots(int(not done)),
            TimeNs(n),
            2 * n + int(done),
            PriceTicks(100) if done else None,
            QtyLots(int(done)),
        )
        core.on_report("A", report, NO_WAY, n)
    return name


def test_P07_only_the_last_ended_children_are_remembered(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(desk, "MEMORY", 8)
    config = RouterConfig.model_validate_json('{"strategy": {"kind": "greedy"}}')
    core = RouterCore((VenueProfile("A", "lit", 1, 1, 1, FREE, FREE),), config)
    names = []
    for n in range(1, 101):
        names.append(filled(core, n))
        kept = list(core.children)
        assert kept == names[-len(kept) :], "the oldest are forgotten first"
        assert min(n, 8) <= len(kept) <= 17
        assert set(core._desk.requests.names) == set(kept)
    assert core.done
