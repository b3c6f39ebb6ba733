"""A run's order events in CAT terms, as CSV: one row for each event, in the order of their times.

The names of events and fields follow the public reporting plan for order events in kind. A parent
is an order of the reporting member, each child a route of it to a venue; accepts and trades are
the venue's own events with the venue's stamps. Quantities are shares, prices decimals. Times count
from the start of the run, in seconds with nine decimals, since the log holds no date.

Source: the design notes, section "event mapping and clocks"; a mapping in kind, no filing.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from sim.audit.records import CancelSent, ChildReplaced, ChildSent, ReplaceSent
from sim.protocol.enums import Side
from sim.protocol.units import NS_PER_UNIT, Units
from sim.report.trail.build import Trail
from sim.report.trail.orders import Child, Execution, Parent

FIELDS: Final = (
    "eventNumber",
    "eventTimestamp",
    "eventType",
    "reporter",
    "symbol",
    "orderID",
    "routedOrderID",
    "priorRoutedOrderID",
    "senderIMID",
    "destination",
    "session",
    "side",
    "price",
    "quantity",
    "minQty",
    "leavesQty",
    "orderType",
    "timeInForce",
    "routeRejectedFlag",
    "isoInd",
    "cancelQty",
    "tradeID",
    "tradePrice",
    "tradeQuantity",
    "reason",
)
MEMBER: Final = "ROUTER"
"""Who reports what is not a venue's: the router."""
_SIDES: Final = {Side.BUY: "B", Side.SELL: "SL", Side.SELL_SHORT: "SS"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FOREIGN: Final = (
    "reporter",
    "symbol",
    "orderID",
    "routedOrderID",
    "priorRoutedOrderID",
    "destination",
    "reason",
)
"""Fields whose text is the log's; all others are numbers or of a closed vocabulary."""
_Row = dict[str, str]


def cat_csv(trail: Trail) -> str:
    """All order events of a run, with a header; lines end with a newline.

    Executions are as they stand after busts and corrections; a route keeps its id when it is
    replaced, and the new one stands in the row of the request. Text that a spreadsheet would take
    for a formula gets an apostrophe in front, since a log may be anybody's.
    """
    events = sorted(_events(trail), key=lambda event: event[0])  # stable: ties as they came about
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    for number, (t_ns, row) in enumerate(events, 1):
        row["eventNumber"], row["eventTimestamp"] = str(number), _seconds(t_ns)
        for name in _FOREIGN:
            text = row.get(name, "")
            if text.startswith(_FORMULA):
                row[name] = f"'{text}"
        writer.writerow([row.get(name, "") for name in FIELDS])
    return out.getvalue()


def _events(trail: Trail) -> Iterator[tuple[int, _Row]]:
    maker = _Maker(trail)
    for parent in trail.parents.values():
        yield parent.received.t_ns, maker.order(parent)
        for child in parent.children:
            yield from maker.child(child)
        if parent.done is not None and parent.done.canceled_qty:
            yield parent.done.t_ns, maker.order_canceled(parent)


class _Maker:
    """Makes the rows of one run."""

    def __init__(self, trail: Trail) -> None:
        self._units: Units = trail.units
        instrument: Any = trail.scenario["instrument"]
        self._symbol = str(instrument["symbol"])
        sent: dict[int, set[str]] = {}
        for child in trail.children.values():
            sent.setdefault(child.sent.decision_id, set()).add(child.venue_id)
        self._swept = {
            number
            for number, decision in trail.decisions.items()
            if decision.protected and len(sent.get(number, ())) > 1
        }

    def order(self, parent: Parent) -> _Row:
        """MENO: the client's order came."""
        received = parent.received
        return self._row("MENO", MEMBER, received.parent_id) | {
            "side": _SIDES[received.side],
            "price": self._px(received.limit_px),
            "quantity": self._qty(received.order_qty),
            "orderType": "MKT" if received.limit_px is None else "LMT",
        }

    def order_canceled(self, parent: Parent) -> _Row:
        """MEOC: what was left of the client's order was given up."""
        done = parent.done
        assert done is not None
        return self._row("MEOC", MEMBER, parent.parent_id) | {
            "side": _SIDES[parent.received.side],
            "cancelQty": self._qty(done.canceled_qty),
            "leavesQty": self._qty(0),
            "reason": done.end_reason.value,
        }

    def child(self, child: Child) -> Iterator[tuple[int, _Row]]:
        """MEOR with what was asked later, and the venue's MEOA, MEOM, MEOT and MEOC."""
        sent = child.sent
        rejected = child.rejected
        yield (
            sent.t_ns,
            self._route("MEOR", MEMBER, child)
            | {
                "price": self._px(sent.price),
                "quantity": self._qty(sent.order_qty),
                "minQty": self._qty(sent.min_qty) if sent.min_qty else "",
                "orderType": "LMT",
                "timeInForce": sent.time_in_force.value,
                "routeRejectedFlag": "true" if rejected is not None else "false",
                "isoInd": "ISO" if sent.decision_id in self._swept else "NA",
                "reason": "" if rejected is None else rejected.reason.value,
            },
        )
        for request in child.requests:
            yield request.t_ns, self._request(child, request)
        if child.acked is not None:
            yield (
                child.acked.processed_ns,
                self._route("MEOA", sent.venue_id, child)
                | {
                    "price": self._px(sent.price),
                    "quantity": self._qty(sent.order_qty),
                },
            )
        for change in child.replaced:
            yield change.processed_ns, self._modified(child, change)
        filled = 0
        for one in child.executions:
            filled += one.qty
            yield one.done_ns, self._trade(child, one, _total(child, one.done_ns) - filled)
        if child.canceled is not None:
            yield (
                child.canceled.processed_ns,
                self._route("MEOC", sent.venue_id, child)
                | {
                    "cancelQty": self._qty(child.canceled.canceled_qty),
                    "leavesQty": self._qty(0),
                },
            )

    def _request(self, child: Child, request: CancelSent | ReplaceSent) -> _Row:
        """MEMR or MECR: a route is to be changed or canceled."""
        if isinstance(request, CancelSent):
            return self._route("MECR", MEMBER, child) | {"reason": request.reason}
        return self._route("MEMR", MEMBER, child) | {
            "routedOrderID": request.cl_ord_id,
            "priorRoutedOrderID": request.orig_cl_ord_id,
            "price": self._px(request.price),
            "quantity": self._qty(request.order_qty),
            "orderType": "LMT",
            "timeInForce": child.sent.time_in_force.value,
            "reason": request.reason,
        }

    def _modified(self, child: Child, change: ChildReplaced) -> _Row:
        return self._route("MEOM", child.venue_id, child) | {
            "priorRoutedOrderID": change.orig_cl_ord_id,
            "price": self._px(change.price),
            "quantity": self._qty(change.order_qty),
            "leavesQty": self._qty(change.leaves_qty),
        }

    def _trade(self, child: Child, one: Execution, leaves: int) -> _Row:
        return self._route("MEOT", child.venue_id, child) | {
            "tradeID": str(one.exec_id),
            "tradePrice": self._px(one.px),
            "tradeQuantity": self._qty(one.qty),
            "leavesQty": self._qty(leaves),
            "reason": "maker" if one.is_maker else "taker",
        }

    def _route(self, event: str, reporter: str, child: Child) -> _Row:
        """What every event of a route has: its key is sender, destination, id and session."""
        sent: ChildSent = child.sent
        return self._row(event, reporter, sent.parent_id) | {
            "routedOrderID": sent.cl_ord_id,
            "senderIMID": MEMBER,
            "destination": sent.venue_id,
            "session": "1",
            "side": _SIDES[sent.side],
        }

    def _row(self, event: str, reporter: str, order_id: str) -> _Row:
        return {
            "eventType": event,
            "reporter": reporter,
            "symbol": self._symbol,
            "orderID": order_id,
        }

    def _px(self, ticks: int | None) -> str:
        return "" if ticks is None else self._units.price_text(ticks)

    def _qty(self, lots: int) -> str:
        return self._units.qty_text(lots)


def _total(child: Child, t_ns: int) -> int:
    """What a child asked for in all at an instant, as its venue saw it."""
    total = child.sent.order_qty
    for change in child.replaced:
        if change.processed_ns <= t_ns:
            total = change.order_qty
    return total


def _seconds(t_ns: int) -> str:
    """Seconds since the start of the run with nine decimals."""
    second = NS_PER_UNIT["s"]
    return f"{t_ns // second}.{t_ns % second:09d}"
