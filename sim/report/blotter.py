"""The state of a log as plain data: parents with their children, and each venue's last market.

Quantities are lots, prices and money decimal text, times nanoseconds; what is undefined is None.
"""

from collections.abc import Mapping
from typing import Any, Final

from sim.audit.order_state import ChildState, ParentState
from sim.audit.records import Depth, Quote, TradePrint
from sim.audit.state import LogState
from sim.protocol.units import Units, plain

SCHEMA: Final = "sorsim-state/1"


def blotter(state: LogState, units: Units) -> dict[str, Any]:
    """All that a state holds.

    Raises:
        ValueError: If no record was taken yet.
    """
    if state.started is None:
        raise ValueError("the state of no record is nothing")
    scenario = state.started.scenario
    ids = [*venue_ids(scenario), *state.quotes, *state.venue_events]
    return {
        "schema": SCHEMA,
        "scenario": str(scenario.get("name")),
        "seed": state.started.seed,
        "code_version": state.started.code_version,
        "records": state.records,
        "t_ns": state.t_ns,
        "outcome": state.outcome.value if state.outcome else None,
        "parents": [_parent_row(parent, units) for parent in state.parents.values()],
        "venues": {venue_id: _venue_row(venue_id, state, units) for venue_id in dict.fromkeys(ids)},
        "participants": {
            name: {"t_ns": event.t_ns, "event": event.event, "venue_id": event.venue_id}
            for name, event in state.participants.items()
        },
        "ignored_reports": state.ignored_reports,
    }


def venue_ids(scenario: Mapping[str, Any]) -> list[str]:
    """The venues of a scenario as a log holds it; a log that is not ours may hold anything."""
    venues = scenario.get("venues")
    if not isinstance(venues, list):
        return []
    return [str(venue["id"]) for venue in venues if isinstance(venue, dict) and "id" in venue]


def _parent_row(parent: ParentState, units: Units) -> dict[str, Any]:
    received = parent.received
    return {
        "parent_id": received.parent_id,
        "side": received.side.value,
        "received_ns": received.t_ns,
        "order_qty": received.order_qty,
        "filled_qty": parent.filled_qty,
        "working_qty": parent.working_qty,
        "free_qty": parent.free_qty,
        "canceled_qty": parent.canceled_qty,
        "leaves_qty": parent.leaves_qty,
        "avg_px": units.avg_px_text(parent.tick_lots, parent.filled_qty),
        "notional": plain(units.notional(parent.tick_lots)),
        "fees": plain(parent.fees),
        "decisions": parent.decisions,
        "reallocations": parent.reallocations,
        "end_reason": parent.end_reason.value if parent.end_reason else None,
        "ended_ns": parent.ended_ns,
        "children": [_child_row(child, units) for child in parent.children],
    }


def _child_row(child: ChildState, units: Units) -> dict[str, Any]:
    return {
        "cl_ord_id": child.cl_ord_id,
        "decision_id": child.decision_id,
        "venue_id": child.venue_id,
        "status": child.status.value,
        "order_qty": child.order_qty,
        "price": units.price_text(child.price),
        "time_in_force": child.time_in_force.value,
        "cum_qty": child.cum_qty,
        "leaves_qty": child.leaves_qty,
        "canceled_qty": child.canceled_qty,
        "avg_px": units.avg_px_text(child.tick_lots, child.cum_qty),
        "fees": plain(child.fees),
        "fills": child.fills,
        "reject_reason": child.reject_reason.value if child.reject_reason else None,
        "order_id": child.order_id,
        "sent_ns": child.sent_ns,
        "arrived_ns": child.arrived_ns,
        "ended_ns": child.ended_ns,
    }


def _venue_row(venue_id: str, state: LogState, units: Units) -> dict[str, Any]:
    quote, trade = state.quotes.get(venue_id), state.trades.get(venue_id)
    event = state.venue_events.get(venue_id)
    return {
        "quote": None if quote is None else _quote_row(quote, units),
        "trade": None if trade is None else _trade_row(trade, units),
        "event": None if event is None else {"t_ns": event.t_ns, "event": event.event},
    }


def _quote_row(quote: Quote | Depth, units: Units) -> dict[str, Any]:
    bid_px, bid_qty, ask_px, ask_qty = touch(quote)
    return {
        "t_ns": quote.t_ns,
        "venue_seq": quote.venue_seq,
        "bid_px": None if bid_px is None else units.price_text(bid_px),
        "bid_qty": bid_qty,
        "ask_px": None if ask_px is None else units.price_text(ask_px),
        "ask_qty": ask_qty,
    }


def touch(quote: Quote | Depth) -> tuple[int | None, int, int | None, int]:
    """Best bid and its lots, best ask and its lots, of either form of a quote."""
    if isinstance(quote, Quote):
        return quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty
    bid = quote.bids[0] if quote.bids else (None, 0)
    ask = quote.asks[0] if quote.asks else (None, 0)
    return *bid, *ask


def _trade_row(trade: TradePrint, units: Units) -> dict[str, Any]:
    return {
        "t_ns": trade.t_ns,
        "price": units.price_text(trade.price),
        "qty": trade.qty,
        "aggressor": trade.aggressor.value,
    }
