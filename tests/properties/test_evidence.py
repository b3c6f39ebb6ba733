"""Best-execution evidence on any world, against a second reckoning from the records alone."""

from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.records import (
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildReplaced,
    ChildSent,
    Depth,
    Fill,
)
from sim.protocol.enums import Side
from sim.report.evidence.cat import cat_csv
from sim.report.evidence.decisions import decision_rows
from sim.report.evidence.protection import ProtectionCheck
from sim.report.evidence.quality import QualityTable
from sim.report.evidence.receipts import Touches, receipt
from sim.report.evidence.sections import evidence
from sim.report.trail.build import Trail, TrailBuilder

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
Touch = tuple[int | None, int | None]


class Naive:
    """The same questions, answered by walking all records anew for each."""

    def __init__(self, ran: "Ran", trail: Trail) -> None:
        self.ran, self.lit = ran, trail.lit
        self.sent = {one.cl_ord_id: one for one in ran.of(ChildSent)}
        self.acted = {(one.venue_id, one.t_ns) for one in ran.of(BookAtArrival)}
        self.acted |= {(one.venue_id, one.processed_ns) for one in ran.of(ChildAcked)}
        self.acted |= {(one.venue_id, one.processed_ns) for one in ran.of(ChildCanceled)}
        self.acted |= {(one.venue_id, one.processed_ns) for one in ran.of(ChildReplaced)}
        self.acted |= {(one.venue_id, one.processed_ns) for one in ran.of(Fill) if not one.is_maker}
        self.books = [one for one in ran.of(Depth) if one.venue_id in self.lit]

    def sign(self, child: str) -> int:
        return 1 if self.sent[child].side is Side.BUY else -1

    def best(self, t_ns: int) -> Touch:
        """Before the first change of the best prices of our making at the instant."""
        touches: dict[str, Touch] = {}
        found: Touch = (None, None)
        for book in self.books:
            if book.t_ns > t_ns:
                break
            opens = book.venue_id not in touches  # what a venue shows first is not ours
            touches[book.venue_id] = _touch(book)
            bids = [bid for bid, _ in touches.values() if bid is not None]
            asks = [ask for _, ask in touches.values() if ask is not None]
            now = max(bids, default=None), min(asks, default=None)
            ours = not opens and (book.venue_id, t_ns) in self.acted
            if now != found and book.t_ns == t_ns and ours:
                break
            found = now
        return found

    def shown(self, venue: str, t_ns: int) -> Touch:
        """What one venue displayed, without what it published at an instant of ours."""
        found: Touch | None = None
        for book in self.books:
            if book.venue_id == venue and book.t_ns <= t_ns:
                ours = book.t_ns == t_ns and (venue, t_ns) in self.acted
                if not ours or found is None:
                    found = _touch(book)
        return found or (None, None)

    def spreads(self) -> dict[str, Fraction]:
        """Sums over all executions at a sound quote: lots, quoted and effective spread, better."""
        came = {
            one.cl_ord_id: one.t_ns - one.queued_ns - one.processing_ns
            for one in self.ran.of(BookAtArrival)
        }
        sums = Counter[str]()
        for fill in self.ran.of(Fill):
            bid, ask = self.best(came[fill.cl_ord_id])
            if bid is None or ask is None or bid >= ask:
                continue
            sums["lots"] += fill.last_qty
            sums["quoted"] += fill.last_qty * (ask - bid)
            above = 2 * fill.last_px - bid - ask
            sums["effective"] += fill.last_qty * self.sign(fill.cl_ord_id) * above
        return {name: Fraction(sums[name]) for name in ("lots", "quoted", "effective")}

    def passed(self) -> Iterator[tuple[str, int, str, int]]:
        """``(child, exec_id, venue, price)`` of every better quote that was passed by."""
        for fill in self.ran.of(Fill):
            if fill.is_maker:
                continue
            sign = self.sign(fill.cl_ord_id)
            for venue in self.lit - {fill.venue_id}:
                bid, ask = self.shown(venue, fill.processed_ns)
                price = ask if sign > 0 else bid
                if price is not None and sign * (fill.last_px - price) > 0:
                    yield fill.cl_ord_id, fill.exec_id, venue, price


def _touch(book: Depth) -> Touch:
    return book.bids[0][0] if book.bids else None, book.asks[0][0] if book.asks else None


def _weighted(rows: list[dict[str, Any]], name: str) -> Fraction:
    """Ticks times lots behind an average, from its text of 8 decimals."""
    return sum(
        (Fraction(row[name]) * 100 * row["measured_qty"] for row in rows if row[name]), Fraction()
    )


@pytest.mark.slow
def test_evidence_of_any_world_adds_up(
    any_world: st.SearchStrategy[Data], run_checked: Callable[[Data], "Ran"]
) -> None:
    @settings(max_examples=25)
    @given(any_world)
    def check(world: Data) -> None:
        ran = run_checked(world)
        builder = TrailBuilder()
        for record in ran.records:
            builder.observe(record)
        trail = builder.trail()
        naive = Naive(ran, trail)
        found = evidence(trail)
        tables = {
            table["title"]: table["rows"] for one in found.values() for table in one["tables"]
        }
        check_spreads(quality_rows(trail), naive, trail)
        check_passed(trail, naive)
        check_rest(tables, trail)

    check()


def quality_rows(trail: Trail) -> list[dict[str, Any]]:
    table = QualityTable(trail, Touches(trail))
    table.add(receipt(trail, child, 10) for child in trail.children.values())
    return table.rows()


def check_spreads(rows: list[dict[str, Any]], naive: Naive, trail: Trail) -> None:
    every = [row for row in rows if row["venue_id"] is None]
    sums = naive.spreads()
    assert sum(row["measured_qty"] for row in every) == sums["lots"]
    for name in ("quoted", "effective"):
        # Each text is rounded to 8 decimals, and stands for so many lots.
        error = abs(_weighted(every, f"{name}_spread") - sums[name])
        assert error <= Fraction(1, 10**6) * sums["lots"]
    filled = sum(child.filled_qty for child in trail.children.values())
    for row in every:
        assert row["measured_qty"] + sum(row["excluded_qty"].values()) == row["executed_qty"]
        buckets = row["time_to_execution"]["buckets"]
        assert sum(one["qty"] for one in buckets) == row["executed_qty"]
        assert row["executed_qty"] + row["canceled_qty"] + row["open_qty"] == row["order_qty"]
    assert sum(row["executed_qty"] for row in every) == filled


def check_passed(trail: Trail, naive: Naive) -> None:
    found = [
        (one.execution.child.cl_ord_id, one.execution.exec_id, one.venue_id, one.price)
        for one in ProtectionCheck(trail, Touches(trail)).found()
    ]
    assert sorted(found) == sorted(naive.passed())


def check_rest(tables: Data, trail: Trail) -> None:
    children = list(trail.children.values())
    rows = decision_rows(trail)
    assert sum(one["sent_qty"] for row in rows for one in row["venues"]) == sum(
        child.requested_qty for child in children
    )
    for row in rows:
        shares = [one["allocated_pct"] for one in row["venues"] if one["allocated_pct"]]
        # Each is rounded to a hundredth.
        error = abs(sum(map(Fraction, shares), Fraction(-100)))
        assert not shares or error <= Fraction(len(shares), 200)
    venues = tables.get("Made and taken", [])
    assert sum(row["made_qty"] + row["taken_qty"] for row in venues) == sum(
        child.filled_qty for child in children
    )
    lines = cat_csv(trail).splitlines()
    assert sum(",MEOT," in line for line in lines) == sum(len(c.executions) for c in children)
