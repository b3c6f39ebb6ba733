"""Records made by hand, one after the other, held against the rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sim.audit.invariants import Invariants
from sim.audit.records import (
    SCHEMA,
    Bust,
    CancelSent,
    ChildReplaced,
    ChildSent,
    Decision,
    Fill,
    KnownQuote,
    Overfill,
    ParentDone,
    ParentReceived,
    ReplaceSent,
    RunStarted,
    Slice,
)
from sim.protocol.enums import DecisionReason, EndReason, Side, TimeInForce
from sim.protocol.errors import InvariantError

STAMPS: dict[str, int] = {"processed_ns": 0, "sent_ns": 0, "drawn_ns": 0, "held_ns": 0}


@dataclass
class Forge:
    """Makes the records of parent P, which buys 100 at 50, and feeds them."""

    rules: Invariants = field(default_factory=Invariants)
    t_ns: int = 0
    decisions: int = 0
    children: int = 0
    limit: int | None = 50
    strategy: str = "greedy"
    quotes: tuple[KnownQuote, ...] = ()

    def take(self, kind: Callable[..., Any], **fields: Any) -> None:
        self.rules.take([kind(t_ns=self.t_ns, **fields)])

    def report(self, kind: Callable[..., Any], **fields: Any) -> None:
        self.take(kind, **{"cl_ord_id": "P.A.1", "venue_id": "A", **STAMPS, **fields})

    def begin(self, *, resends: int = 1, busted: bool = False) -> "Forge":
        scenario = {
            "venues": [],
            "router": {"cancel_resends": resends, "reroute": {"busted": busted}},
        }
        self.take(
            RunStarted,
            schema=SCHEMA,
            code_version="0",
            seed=1,
            sync="end",
            market_data="none",
            scenario=scenario,
            files={},
        )
        return self

    def parent(self, name: str = "P", qty: int = 100, deadline_ns: int | None = None) -> "Forge":
        self.take(
            ParentReceived,
            parent_id=name,
            side=Side.BUY,
            order_qty=qty,
            limit_px=self.limit,
            deadline_ns=deadline_ns,
            bid_px=None,
            ask_px=None,
        )
        return self

    def decide(
        self, *parts: tuple[str, int, int], name: str = "P", unreserved: int | None = None
    ) -> None:
        self.decisions += 1
        wanted = sum(qty for _, _, qty in parts)
        self.take(
            Decision,
            decision_id=self.decisions,
            parent_id=name,
            reason=DecisionReason.INITIAL,
            strategy=self.strategy,
            unreserved_qty=wanted if unreserved is None else unreserved,
            depth="full",
            effective_scale=1,
            quotes=self.quotes,
            ranking=(),
            split=tuple(Slice(*part) for part in parts),
            refused=(),
        )

    def send(self, qty: int = 60, price: int = 50, name: str = "P", venue: str = "A") -> str:
        self.decide((venue, price, qty), name=name)
        return self.leave(qty, price, name, venue)

    def leave(
        self,
        qty: int,
        price: int = 50,
        name: str = "P",
        venue: str = "A",
        decision: int | None = None,
    ) -> str:
        """A child of the last decision, or of another, is sent."""
        self.children += 1
        child = f"{name}.{venue}.{self.children}"
        self.take(
            ChildSent,
            cl_ord_id=child,
            parent_id=name,
            decision_id=self.decisions if decision is None else decision,
            venue_id=venue,
            side=Side.BUY,
            order_qty=qty,
            price=price,
            time_in_force=TimeInForce.DAY,
            shown_px=None,
            quote_seq=None,
        )
        return child

    def fill(self, qty: int, cum: int, leaves: int, px: int = 50, exec_id: int = 1) -> None:
        fill = {"last_px": px, "last_qty": qty, "cum_qty": cum, "leaves_qty": leaves}
        more = {"parent_id": "P", "fee": "0", "is_maker": False, "best_px": None}
        self.report(Fill, exec_id=exec_id, **fill, **more)

    def overfill(self, last: int, booked: int, excess: int, leaves: int) -> None:
        lots = {"last_qty": last, "booked_qty": booked, "excess_qty": excess, "leaves_qty": leaves}
        self.report(Overfill, exec_id=2, last_px=50, reason="too_much", **lots)

    def bust(self, was: int, cum: int, leaves: int, **more: Any) -> None:
        lots = {"was_qty": was, "cum_qty": cum, "leaves_qty": leaves, "reopened_qty": 0}
        known = {"parent_id": "P", "exec_id": 9, "exec_ref_id": 1, "was_px": 50, "excess_qty": 0}
        self.report(Bust, fee="0", **{**lots, **known, **more})

    def replace(self, qty: int, price: int, name: str = "P.A.1.R1") -> None:
        self.take(
            ReplaceSent,
            cl_ord_id=name,
            orig_cl_ord_id="P.A.1",
            venue_id="A",
            order_qty=qty,
            price=price,
            reason="quote_change",
        )

    def replaced(self, price: int, leaves: int, cum: int = 0, name: str = "P.A.1.R1") -> None:
        lots = {"order_qty": cum + leaves, "cum_qty": cum, "leaves_qty": leaves}
        self.report(ChildReplaced, cl_ord_id=name, orig_cl_ord_id="P.A.1", price=price, **lots)

    def cancel(self, name: str = "P.A.1.C1") -> None:
        self.take(CancelSent, cl_ord_id=name, orig_cl_ord_id="P.A.1", venue_id="A", reason="x")

    def done(self, filled: int, canceled: int, reason: EndReason = EndReason.DEADLINE) -> None:
        lots = {"filled_qty": filled, "canceled_qty": canceled}
        self.take(ParentDone, parent_id="P", end_reason=reason, **lots)

    def check(self) -> None:
        self.rules.check()


def broken(says: str) -> Any:
    return pytest.raises(InvariantError, match=says)
