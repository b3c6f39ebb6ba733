"""A run's trail from records written by hand: prices in ticks of 0.01, lots of 1, times in ms."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Decision,
    Fill,
    KnownQuote,
    ParentReceived,
    Quote,
    Record,
    Refused,
    RunFinished,
    RunStarted,
)
from sim.protocol.enums import DecisionReason, Outcome, RejectReason, Side, TimeInForce
from sim.report.trail.build import Trail, TrailBuilder

MS = 1_000_000


class Story:
    """Records one after the other; the venues are A and B (lit) and D (dark)."""

    def __init__(self, side: Side = Side.BUY, market_data: str = "touch", **scenario: Any) -> None:
        self.side = side
        self.records: list[Record] = []
        self._seq: dict[str, int] = {}
        self._children: dict[str, ChildSent] = {}
        self._execs = 0
        venues = [{"id": "A", "kind": "lit"}, {"id": "B", "kind": "lit"}]
        names = {
            "name": "story",
            "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
            "venues": [*venues, {"id": "D", "kind": "dark"}],
        }
        started = RunStarted(
            t_ns=0,
            schema="sorsim-audit/1",
            code_version="0",
            seed=1,
            sync="end",
            market_data=market_data,
            files={},
            scenario=names | scenario,
        )
        self.records.append(started)

    def quote(
        self, ms: int, venue: str, bid: int | None, ask: int | None, qty: int = 100
    ) -> "Story":
        self._seq[venue] = self._seq.get(venue, 0) + 1
        return self.add(
            Quote(
                t_ns=ms * MS,
                venue_id=venue,
                venue_seq=self._seq[venue],
                bid_px=bid,
                bid_qty=0 if bid is None else qty,
                ask_px=ask,
                ask_qty=0 if ask is None else qty,
            )
        )

    def parent(self, ms: int = 0, qty: int = 1_000) -> "Story":
        return self.add(
            ParentReceived(
                t_ns=ms * MS,
                parent_id="P",
                side=self.side,
                order_qty=qty,
                limit_px=None,
                deadline_ns=None,
                bid_px=None,
                ask_px=None,
            )
        )

    def decision(
        self,
        ms: int = 0,
        known: tuple[KnownQuote, ...] = (),
        refused: tuple[Refused, ...] = (),
        **more: Any,
    ) -> "Story":
        number = sum(isinstance(one, Decision) for one in self.records) + 1
        return self.add(
            Decision(
                **{
                    "t_ns": ms * MS,
                    "decision_id": number,
                    "parent_id": "P",
                    "reason": DecisionReason.INITIAL,
                    "strategy": "greedy",
                    "unreserved_qty": 1_000,
                    "depth": "full",
                    "effective_scale": 1,
                    "quotes": known,
                    "ranking": tuple(one.venue_id for one in known),
                    "split": (),
                    "refused": refused,
                    **more,
                }
            )
        )

    def child(
        self,
        name: str,
        venue: str,
        ms: int,
        price: int,
        qty: int = 100,
        tif: TimeInForce = TimeInForce.IOC,
        decision_id: int = 1,
    ) -> "Story":
        sent = ChildSent(
            t_ns=ms * MS,
            cl_ord_id=name,
            parent_id="P",
            decision_id=decision_id,
            venue_id=venue,
            side=self.side,
            order_qty=qty,
            price=price,
            time_in_force=tif,
            shown_px=None,
            quote_seq=None,
        )
        self._children[name] = sent
        return self.add(sent)

    def arrives(self, name: str, ms: int, queued_ms: int = 0, ack: bool = True) -> "Story":
        """It met the book ``queued_ms`` after it arrived, and was taken there and then."""
        sent = self._children[name]
        way = {"sent_ns": sent.t_ns, "drawn_ns": ms * MS - sent.t_ns, "held_ns": 0}
        met = (ms + queued_ms) * MS
        self.add(
            BookAtArrival(
                t_ns=met,
                cl_ord_id=name,
                venue_id=sent.venue_id,
                venue_seq=1,
                queued_ns=queued_ms * MS,
                levels=(),
                **way,
            )
        )
        if ack:
            self.add(
                ChildAcked(
                    t_ns=met,
                    cl_ord_id=name,
                    venue_id=sent.venue_id,
                    order_id=1,
                    processed_ns=met,
                    **_report(met),
                )
            )
        return self

    def fill(
        self, name: str, ms: int, px: int, qty: int, fee: str = "0", maker: bool = False
    ) -> "Story":
        sent = self._children[name]
        self._execs += 1
        return self.add(
            Fill(
                t_ns=ms * MS,
                cl_ord_id=name,
                parent_id="P",
                venue_id=sent.venue_id,
                exec_id=self._execs,
                last_px=px,
                last_qty=qty,
                cum_qty=0,
                leaves_qty=0,
                fee=fee,
                is_maker=maker,
                best_px=None,
                processed_ns=ms * MS,
                **_report(ms * MS),
            )
        )

    def canceled(self, name: str, ms: int, qty: int) -> "Story":
        return self.add(
            ChildCanceled(
                t_ns=ms * MS,
                cl_ord_id=name,
                venue_id=self._children[name].venue_id,
                canceled_qty=qty,
                cum_qty=0,
                processed_ns=ms * MS,
                **_report(ms * MS),
            )
        )

    def rejected(self, name: str, ms: int) -> "Story":
        return self.add(
            ChildRejected(
                t_ns=ms * MS,
                cl_ord_id=name,
                venue_id=self._children[name].venue_id,
                reason=RejectReason.THROTTLED,
                processed_ns=ms * MS,
                **_report(ms * MS),
            )
        )

    def trail(self, end_ms: int = 10_000) -> Trail:
        end = RunFinished(t_ns=end_ms * MS, records=len(self.records) + 1, outcome=Outcome.COMPLETE)
        builder = TrailBuilder()
        for record in (*self.records, end):
            builder.observe(record)
        return builder.trail()

    def add(self, record: Record) -> "Story":
        self.records.append(record)
        return self


def _report(t_ns: int) -> dict[str, int]:
    return {"sent_ns": t_ns, "drawn_ns": 0, "held_ns": 0}


@pytest.fixture
def story() -> Callable[..., Story]:
    """``story(side)``: an empty run; each method adds a record, ``trail()`` ends it."""
    return Story


@pytest.fixture
def known() -> Callable[..., KnownQuote]:
    """``known("A", 1, 10_001)``: venue, number and best price of a quote of 100 lots."""

    def make(venue: str, seq: int, price: int, **more: Any) -> KnownQuote:
        plain = {"age_ns": 0, "latency_ns": 0, "slope": 1, "intercept": 0} | more
        return KnownQuote(venue_id=venue, venue_seq=seq, levels=((price, 100),), **plain)

    return make
