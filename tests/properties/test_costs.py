"""On any world the parts of what an order cost add up exactly, and are what they are said to be.

The second opinion reads the records from the first to the last for each question, and takes what
was paid from ``summary.json``, which is worked out apart.
"""

from collections.abc import Callable
from decimal import Decimal
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
    ParentDone,
    ParentReceived,
    Quote,
    Record,
)
from sim.report.tca.costs import PARTS, parent_costs, total_cost
from sim.report.trail.build import TrailBuilder

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
TICK = Decimal("0.01")
rests = st.sampled_from([None, {"move_after": "5ms"}, {"first": True, "take_after": "60ms"}])
State = tuple[int, int | None, int | None, bool]
"""When, best bid, best offer, and whether we made it."""


@pytest.mark.parametrize("examples", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_the_parts_of_any_cost_add_up_exactly(
    any_world: st.SearchStrategy[Data], run_checked: Callable[[Data], "Ran"], examples: int
) -> None:
    @settings(max_examples=examples)
    @given(any_world, rests, st.sampled_from(["full", "full", "touch", "none"]))
    def check(world: Data, rest: Data | None, market_data: str) -> None:
        scenario = world["scenario"]
        scenario["router"]["rest"] = rest
        scenario["audit"] = {"market_data": market_data}
        check_world(world, run_checked(world))

    check()


def check_world(world: Data, ran: "Ran") -> None:
    builder = TrailBuilder()
    for record in ran.records:
        builder.observe(record)
    costs = parent_costs(builder.trail())
    summaries = {row["parent_id"]: row for row in ran.result.summary["parents"]}
    assert list(costs) == list(summaries)
    market = Market(world, ran.records)
    for name, cost in costs.items():
        row, paid = cost.row(), summaries[name]
        check_sum(row["shortfall"], paid, market.end_mid(name))
        check_venues(row["shortfall"], paid)
        if row["shortfall"]["parts"]["delay"] is not None:
            check_parts(row["shortfall"], name, market)
        check_benchmarks(row["benchmarks"], paid)
        for markout in row["markouts"]:
            assert sum(one["lots"] for one in markout["venues"].values()) == markout["lots"]
            assert (markout["money"] is None) == (markout["lots"] == 0)
            lots, half_ticks = market.gained(name, markout["horizon_ns"])
            assert markout["lots"] == lots
            assert Decimal(markout["money"] or 0) == TICK * half_ticks / 2
    total = total_cost(costs.values())
    if total["total"] is not None and None not in [total[part] for part in PARTS]:
        assert sum(Decimal(str(total[part])) for part in PARTS) == total["total"]


def check_sum(shortfall: Data, paid: Data, end_mid: Decimal | None) -> None:
    """The whole is what the summary says was paid, against the mid at arrival, and its parts."""
    parts = [shortfall["parts"][name] for name in PARTS]
    assert Decimal(shortfall["parts"]["fees"]) == Decimal(paid["fees"])
    if paid["arrival_mid"] is None:
        assert shortfall["total"] is None
        assert shortfall["why_not_available"]
        return
    sign = 1 if paid["side"] == "buy" else -1
    mid, missed = Decimal(paid["arrival_mid"]), paid["order_qty"] - paid["filled_qty"]
    if missed and end_mid is None:
        assert shortfall["total"] is shortfall["parts"]["opportunity"] is None
        assert shortfall["why_not_available"]
        return
    lost = sign * (end_mid - mid) * missed if missed and end_mid is not None else Decimal(0)
    way = sign * (Decimal(paid["notional"]) - mid * paid["filled_qty"])
    assert Decimal(shortfall["total"]) == way + lost + Decimal(paid["fees"])
    if None not in parts:
        assert sum(map(Decimal, parts)) == Decimal(shortfall["total"])
        halves = shortfall["half_tick_lots"]
        assert sum(halves[name] for name in PARTS if name != "fees") == halves["total"]
        assert TICK * halves["total"] / 2 == way + lost


def check_venues(shortfall: Data, paid: Data) -> None:
    """What venues add is the whole."""
    rows = shortfall["venues"].values()
    assert sum(row["filled_qty"] for row in rows) == paid["filled_qty"]
    for name in PARTS[:5]:
        parts = [row["parts"][name] for row in rows]
        whole = shortfall["parts"][name]
        assert (None in parts) <= (whole is None)
        if whole is not None:
            assert sum(map(Decimal, parts), Decimal(0)) == Decimal(whole)


def check_parts(shortfall: Data, name: str, market: "Market") -> None:
    """Each part is what its definition says, execution by execution."""
    parts = dict.fromkeys(PARTS[:4], 0)
    for fill in market.fills_of(name):
        for part, half_ticks in market.parts(fill).items():
            parts[part] += half_ticks * fill.last_qty
    assert parts == {part: shortfall["half_tick_lots"][part] for part in parts}


def check_benchmarks(rows: list[Data], paid: Data) -> None:
    found = {row["name"]: row for row in rows}
    assert found["arrival_mid"]["px"] is None or Decimal(found["arrival_mid"]["px"]) == Decimal(
        paid["arrival_mid"]
    )
    for row in rows:
        assert (row["cost"] is None) == (row["why_not_available"] is not None)
        if row["cost"] is not None:
            sign = 1 if paid["side"] == "buy" else -1
            cost = sign * (Decimal(paid["notional"]) - Decimal(row["px"]) * paid["filled_qty"])
            assert abs(Decimal(row["cost"]) - cost) < Decimal("0.0001")
    best = found["best_possible"]
    assert (best["cost"] is None) == (paid["filled_qty"] == 0)
    assert best["cost"] is None or Decimal(best["cost"]) >= 0, "nobody does better than the best"


def touch_of(record: Quote | Depth) -> tuple[int | None, int | None]:
    if isinstance(record, Quote):
        return record.bid_px, record.ask_px
    bid, ask = [side[0][0] if side else None for side in (record.bids, record.asks)]
    return bid, ask


class Market:
    """Answers by reading all records again."""

    def __init__(self, world: Data, records: tuple[Record, ...]) -> None:
        self.records = records
        kinds = {venue["id"]: venue["kind"] for venue in world["scenario"]["venues"]}
        self.sent = {r.cl_ord_id: r for r in records if isinstance(r, ChildSent)}
        self.met = {r.cl_ord_id: r.t_ns for r in records if isinstance(r, BookAtArrival)}
        self.received = {r.parent_id: r for r in records if isinstance(r, ParentReceived)}
        acted = {(r.venue_id, r.t_ns) for r in records if isinstance(r, BookAtArrival)}
        acted |= {
            (r.venue_id, r.processed_ns)
            for r in records
            if isinstance(r, ChildAcked | ChildCanceled | ChildReplaced | Fill)
            and not getattr(r, "is_maker", False)
        }
        self.states: list[State] = []
        books: dict[str, tuple[int | None, int | None]] = {}
        for r in records:
            if not isinstance(r, Quote | Depth) or kinds[r.venue_id] not in {"lit", "replayed"}:
                continue
            opens = r.venue_id not in books  # what a venue shows first is never of our making
            books[r.venue_id] = touch_of(r)
            bid = max((one for one, _ in books.values() if one is not None), default=None)
            ask = min((one for _, one in books.values() if one is not None), default=None)
            if not self.states or self.states[-1][1:3] != (bid, ask):
                own = not opens and (r.venue_id, r.t_ns) in acted
                self.states.append((r.t_ns, bid, ask, own))

    def before_own(self, t_ns: int) -> list[State]:
        """All states until an instant, up to the first of our making at it."""
        found = []
        for state in self.states:
            if state[0] > t_ns or (state[0] == t_ns and state[3]):
                break
            found.append(state)
        return found

    def mid_and_own(self, states: list[State]) -> tuple[int | None, int]:
        """The last mid of states, and how much of its way is of our making; half ticks."""
        mid, moved = None, 0
        for _, bid, ask, own in states:
            if bid is not None and ask is not None:
                moved += bid + ask - mid if own and mid is not None else 0
                mid = bid + ask
        return mid, moved

    def end_mid(self, name: str) -> Decimal | None:
        ends = [r.t_ns for r in self.records if isinstance(r, ParentDone) and r.parent_id == name]
        end_ns = ends[0] if ends else self.records[-1].t_ns
        mid, _ = self.mid_and_own([state for state in self.states if state[0] <= end_ns])
        return None if mid is None else TICK * mid / 2

    def gained(self, name: str, horizon_ns: int) -> tuple[int, int]:
        """Lots whose horizon the log holds, and half ticks times lots that they gained by it."""
        lots = gained = 0
        for fill in self.fills_of(name):
            later_ns = fill.processed_ns + horizon_ns
            mid, _ = self.mid_and_own([state for state in self.states if state[0] <= later_ns])
            if mid is not None and later_ns <= self.records[-1].t_ns:
                sign = 1 if self.received[name].side.value == "buy" else -1
                lots += fill.last_qty
                gained += sign * (mid - 2 * fill.last_px) * fill.last_qty
        return lots, gained

    def fills_of(self, name: str) -> list[Fill]:
        return [r for r in self.records if isinstance(r, Fill) and r.parent_id == name]

    def parts(self, fill: Fill) -> dict[str, int]:
        received = self.received[fill.parent_id]
        assert received.bid_px is not None
        assert received.ask_px is not None
        mid0 = received.bid_px + received.ask_px
        sign = 1 if received.side.value == "buy" else -1
        _, own0 = self.mid_and_own(self.before_own(received.t_ns))

        def look(t_ns: int) -> tuple[int, int]:
            mid, own = self.mid_and_own(self.before_own(t_ns))
            return mid0 if mid is None else mid, own - own0

        sent_mid, sent_own = look(self.sent[fill.cl_ord_id].t_ns)
        met_mid, met_own = look(self.met[fill.cl_ord_id])
        mid, own = look(fill.processed_ns)
        last = self.before_own(fill.processed_ns)[-1:]
        touch = last[0][2 if sign > 0 else 1] if last and not fill.is_maker else None
        beyond = 0 if touch is None else max(0, 2 * sign * (fill.last_px - touch))
        return {
            "delay": sign * (met_mid - met_own - sent_mid + sent_own),
            "timing": sign * (sent_mid - sent_own - mid0 + mid - own - met_mid + met_own),
            "impact": sign * own + beyond,
            "spread": sign * (2 * fill.last_px - mid) - beyond,
        }
