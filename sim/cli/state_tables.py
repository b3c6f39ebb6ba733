"""The state of a log as tables for people."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from sim.audit.order_state import ChildState, ParentState
from sim.audit.read import printable
from sim.audit.state import LogState
from sim.cli.tables import Column, make_table
from sim.report.blotter import touch, venue_ids
from sim.report.rebuild import Rebuilt
from sim.report.words import Words, instant, units_of, words

ROWS_MAX: Final = 100
"""Parents, and children, that a table shows; ``--json`` has them all."""

_NONE: Final = "-"


def state_tables(rebuilt: Rebuilt, width: int) -> RenderableType:
    """Parents, children, venues and timeline of a state.

    Args:
        rebuilt: The state.
        width: Columns that there are to fill.
    """
    state = rebuilt.state
    assert state.started is not None  # rebuild refuses a log without
    say = Words(units_of(state.started))
    head = Text.assemble(
        (printable(str(state.started.scenario.get("name"))), "bold"),
        f"  seed {state.started.seed}  {state.records:,} records to {instant(state.t_ns)}  ",
        state.outcome.value if state.outcome else "still running",
    )
    parents, children = list(state.parents.values()), list(state.children.values())
    parts: list[RenderableType] = [head]
    if parents:
        parts += ["", make_table(_parents(parents[:ROWS_MAX], say), width)]
        parts += _more(parents, "parents")
    if children:
        parts += ["", make_table(_children(children[:ROWS_MAX], say), width)]
        parts += _more(children, "children")
    parts += ["", make_table(_venues(state, say), width)]
    if rebuilt.timeline:
        parts += ["", make_table(_timeline(rebuilt, say), width, "top")]
        before = rebuilt.events - len(rebuilt.timeline)
        if before:
            parts.append(f"{before:,} earlier events: --timeline says how many to list")
    return Group(*parts)


def _more(rows: Sequence[object], what: str) -> list[RenderableType]:
    more = len(rows) - ROWS_MAX
    return [f"and {more:,} more {what}, all in --json"] if more > 0 else []


def _parents(parents: list[ParentState], say: Words) -> list[Column]:
    received = [parent.received for parent in parents]
    return [
        Column("Parent", [Text(printable(one.parent_id)) for one in received], "left"),
        Column("Side", [words(one.side.value) for one in received], "left"),
        Column("Ordered", [say.qty(one.order_qty) for one in received]),
        Column("Filled", [say.qty(parent.filled_qty) for parent in parents]),
        Column("Working", [say.qty(parent.working_qty) for parent in parents]),
        Column("Free", [say.qty(parent.free_qty) for parent in parents], rank=1),
        Column("Average\nprice", [_average(parent, say) for parent in parents]),
        Column("Fees", [say.money(parent.fees) for parent in parents], rank=2),
        Column("State", [_state(parent) for parent in parents], "left"),
    ]


def _children(children: list[ChildState], say: Words) -> list[Column]:
    return [
        Column("Child", [Text(printable(child.cl_ord_id)) for child in children], "left"),
        Column("Decision", [f"D{child.decision_id}" for child in children], rank=2),
        Column("Sent at", [instant(child.sent_ns) for child in children]),
        Column("Quantity", [say.qty(child.order_qty) for child in children]),
        Column("Limit", [say.px(child.price) for child in children]),
        Column("Filled", [say.qty(child.cum_qty) for child in children]),
        Column("Leaves", [say.qty(child.leaves_qty) for child in children], rank=1),
        Column("Average\nprice", [_average(child, say) for child in children], rank=3),
        Column("Fees", [say.money(child.fees) for child in children], rank=4),
        Column("State", [_child_state(child) for child in children], "left"),
    ]


def _average(order: ParentState | ChildState, say: Words) -> str:
    filled = order.filled_qty if isinstance(order, ParentState) else order.cum_qty
    return say.average(order.tick_lots, filled) if filled else _NONE


def _state(parent: ParentState) -> str:
    return words(parent.end_reason.value) if parent.end_reason else "working"


def _child_state(child: ChildState) -> str:
    why = f": {words(child.reject_reason.value)}" if child.reject_reason else ""
    return words(child.status.value) + why


def _venues(state: LogState, say: Words) -> list[Column]:
    assert state.started is not None
    ids = [*venue_ids(state.started.scenario), *state.quotes, *state.trades, *state.venue_events]
    rows = list(dict.fromkeys(ids))
    quotes = [state.quotes.get(venue) for venue in rows]
    bests = [None if quote is None else touch(quote) for quote in quotes]
    trades = [state.trades.get(venue) for venue in rows]
    events = [state.venue_events.get(venue) for venue in rows]
    return [
        Column("Venue", [Text(printable(venue)) for venue in rows], "left"),
        Column("Bid", [_NONE if best is None else _side(best[0], best[1], say) for best in bests]),
        Column("Ask", [_NONE if best is None else _side(best[2], best[3], say) for best in bests]),
        Column("Quoted at", [instant(one.t_ns) if one else _NONE for one in quotes], rank=1),
        Column("Last trade", [_side(one.price, one.qty, say) if one else _NONE for one in trades]),
        Column("Event", [Text(words(one.event)) if one else "" for one in events], "left", rank=2),
    ]


def _side(px: int | None, qty: int, say: Words) -> str:
    return _NONE if px is None else f"{say.qty(qty)} at {say.px(px)}"


def _timeline(rebuilt: Rebuilt, say: Words) -> list[Column]:
    events = rebuilt.timeline
    return [
        Column("At", [instant(event.record.t_ns) for event in events]),
        Column("Line", [f"{event.line}" for event in events], rank=1),
        Column("Event", [Text(say.say(event.record)) for event in events], "left"),
    ]
