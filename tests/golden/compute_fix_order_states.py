"""Kind ``fix_order_states``: scripts of an order's life, played through a real venue.

Every script runs through the asyncio shell of a lit venue, its inbox, and an order link and a
report link. Step n of a script happens at its own instant. The order link is given the delays that
make the venue see a message when the script says so: at the first venue step that is about it,
else at the step at which it is sent. What a ``venue`` step says is then brought about by the
venue's own settings and by the orders of somebody else, never by hand.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from sim.kernel.inbox import Inbox
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import FIX_CXL_REJ_REASON, FIX_ORD_REJ_REASON, Priority, Side, TimeInForce
from sim.protocol.orders import (
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
    OrderMessage,
    VenueReport,
)
from sim.protocol.units import PriceTicks, QtyLots, Units
from venues.config import VenueConfig
from venues.core.api import Request, VenueCore
from venues.core.overflow import OverflowCore, TurnedAway
from venues.core.requests import RequestsCore
from venues.fees import Fees, FeeSchedule
from venues.kinds import Venue
from venues.task import VenuePorts, run_venue

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools

STEP_NS: Final = 10_000_000
CLIENT: Final = "client"
OTHER: Final = "other"
PRICE: Final = 10_000
LEG: Final = {"model": "fixed", "delay": "1ms"}
UNITS: Final = Units(Decimal("0.01"), Decimal(1))

TIFS: Final = {
    "day": TimeInForce.DAY,
    "gtc": TimeInForce.GTC,
    "goodtillcancel": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "immediateorcancel": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "fillorkill": TimeInForce.FOK,
}
AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})
# What the venue does to an order unasked: what the hours of the venue must be for it.
ENDS: Final[dict[str, dict[str, str]]] = {
    "expire": {"on_close": "expire_all"},
    "done_for_day": {"on_close": "done_for_day"},
    "cancel": {"on_halt": "cancel"},
    "unsolicited_cancel": {"on_halt": "cancel"},
}
BUSTS: Final = frozenset({"bust", "trade_cancel", "cancel_trade"})
FILL_KEYS: Final = ("of_step", "fill_step", "exec_of_step", "exec_ref_step", "of")
TO_QTY_KEYS: Final = ("to_qty_shares", "new_qty_shares")
TO_PX_KEYS: Final = ("to_px_cents", "to_price_cents", "new_px_cents", "price_cents", "px_cents")
CORRECTIONS: Final = frozenset({"correct", "trade_correct", "correct_trade"})


def fix_order_states(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """All answers to a script; of each row the fields that the file's row names."""
    script = Script(golden.inputs["script"])
    rows = [row_of(report, script) for report in played(script)]
    expected = golden.expect["reports"]["value"]
    if len(rows) == len(expected):
        rows = [
            {key: row.get(key) for key in named} for row, named in zip(rows, expected, strict=True)
        ]
    yield {"reports": rows}


@dataclass
class Sent:
    """A client's message, the step at which it is sent, and the one at which the venue sees it."""

    msg: OrderMessage
    step: int
    seen: int
    decided: int = -1
    refused: bool = False
    ends: list[int] = field(default_factory=list)


class Script:
    """A script as messages with their times; steps count from 0, in the order of the file."""

    def __init__(self, steps: Sequence[Mapping[str, Any]]) -> None:
        self.steps = steps
        self.sent: dict[str, list[Sent]] = {}
        self.order: list[Sent] = []
        self.pending = any(step.get("venue") == "ack_pending" for step in steps)
        for n, step in enumerate(steps):
            if "client" in step:
                self._on_client(n, step)
        for n, step in enumerate(steps):
            if "venue" in step:
                self._on_venue(n, step)
        for n, one in reversed(list(enumerate(self.order))):
            one.seen = one.step if one.seen < 0 else one.seen
            if n + 1 < len(self.order):  # the link keeps the order of messages
                one.seen = min(one.seen, max(one.step, self.order[n + 1].seen))

    def _on_client(self, n: int, step: Mapping[str, Any]) -> None:
        message = message_of(step, self._first_order(step.get("orig_cl_ord_id", "")))
        one = Sent(message, n, -1)
        self.sent.setdefault(message.cl_ord_id, []).append(one)
        self.order.append(one)

    def _on_venue(self, n: int, step: Mapping[str, Any]) -> None:
        what = step["venue"]
        if what in {"accept", "reject", "ack_pending", "decide"}:
            one = self._about(n, step)
            if one.seen < 0:
                one.seen = n
            if what == "decide":
                one.decided = n
            elif what == "reject":
                one.refused = True
            one.ends.append(n)
        elif what not in ENDS and what not in BUSTS | CORRECTIONS and what != "fill":
            raise ValueError(f"step {step['step']}: no event of a venue of ours is {what!r}")

    def _about(self, n: int, step: Mapping[str, Any]) -> Sent:
        """The message that a step is about: the one it names, else the first without an answer."""
        news = step["venue"] == "accept" or ("cl_ord_id" not in step and step["venue"] == "reject")
        candidates = self.sent.get(step.get("cl_ord_id", ""), self.order)
        if step["venue"] in {"accept", "reject"}:  # of two of one name that without an answer
            open_ones = [one for one in candidates if one.step < n and not one.ends]
            candidates = open_ones or candidates
        for one in candidates:
            is_new = isinstance(one.msg, NewOrderSingle)
            if one.step < n and ("cl_ord_id" in step or (is_new == news and not one.ends)):
                return one
        raise ValueError(f"step {step['step']}: is about no message before it")

    def _first_order(self, name: str) -> NewOrderSingle | None:
        """The order that a name has been given to, by itself or by replaces."""
        for one in self.sent.get(name, ()):
            if isinstance(one.msg, NewOrderSingle):
                return one.msg
            if name != one.msg.orig_cl_ord_id:
                return self._first_order(one.msg.orig_cl_ord_id)
        return None

    def order_at(self, n: int) -> NewOrderSingle:
        """The order that a fill is of: the one it names, else the last one sent before it."""
        name = self.steps[n].get("cl_ord_id", "")
        named = self._first_order(name) if name else None
        orders = [one.msg for one in self.order if one.step < n]
        news = [msg for msg in orders if isinstance(msg, NewOrderSingle)]
        return named or self._first_order(news[-1].cl_ord_id) or news[-1]

    def is_duplicate(self, one: Sent) -> bool:
        """Whether a new order has the name of one that is open as the venue sees it."""
        first = self._first_order(one.msg.cl_ord_id)
        if first is None or first is one.msg or not isinstance(one.msg, NewOrderSingle):
            return False
        filled = sum(self.steps[n]["qty_shares"] for n in self.fills(first) if n < one.seen)
        ended = any(step.get("venue") in ENDS for step in self.steps[: one.seen])
        canceled = any(
            isinstance(other.msg, OrderCancelRequest)
            and other.msg.orig_cl_ord_id == first.cl_ord_id
            and other.seen < one.seen
            for other in self.order
        )
        return filled < first.order_qty and not ended and not canceled

    def fills(self, order: NewOrderSingle) -> list[int]:
        """The steps at which this order fills."""
        steps = [n for n, step in enumerate(self.steps) if step.get("venue") == "fill"]
        return [n for n in steps if self.order_at(n) is order]

    def at_once(self) -> list[Sent]:
        """The orders that end as they come: all that happens to them happens at one instant."""
        return [
            one
            for one in self.order
            if isinstance(one.msg, NewOrderSingle) and one.msg.time_in_force in AT_ONCE
        ]

    def decision_ns(self, request: Request) -> int:
        """How long the venue takes over a request."""
        for one in self.sent[request.cl_ord_id]:
            if one.msg is request:
                return max(0, one.decided - one.seen) * STEP_NS
        raise AssertionError(f"{request} is not of the script")

    def busts(self) -> list[dict[str, Any]]:
        """The trades that the venue changes: the step names the fill, else it is the last one.

        A name is the step of the fill or the quantity that it had.
        """
        listed = []
        for n, step in enumerate(self.steps):
            if step.get("venue") not in BUSTS | CORRECTIONS:
                continue
            order = self.order_at(n)
            fills = [k for k in self.fills(order) if k < n]
            named = next((step[key] for key in FILL_KEYS if key in step), None)
            qty = step.get("qty_shares", step.get("last_qty_shares"))
            corrects = step["venue"] in CORRECTIONS
            at_step = [k for k in fills if self.steps[k].get("step") == named]
            of_qty = [k for k in fills if self.steps[k]["qty_shares"] == qty]
            fill = (at_step or of_qty or fills[-1:])[-1]
            change: dict[str, Any] = {
                "at": f"{at(n)}ns",
                "order": order.cl_ord_id,
                "fill": fills.index(fill) + 1,
            }
            if corrects:
                to_qty = next((step[key] for key in TO_QTY_KEYS if key in step), None)
                to_px = next((step[key] for key in TO_PX_KEYS if key in step), None)
                if to_qty is None and not of_qty:
                    to_qty = qty
                change |= {} if to_qty is None else {"qty": to_qty}
                change |= {} if to_px is None else {"price": str(Decimal(to_px) / 100)}
            listed.append(change)
        return listed

    def trading(self) -> dict[str, Any]:
        """Hours of the venue that bring about its unasked ends of orders."""
        hours: dict[str, Any] = {}
        for n, step in enumerate(self.steps):
            how = ENDS.get(step.get("venue", ""))
            if how is None or any(n > one.seen >= 0 for one in self.at_once()):
                continue  # what does not rest ends by itself
            if "on_halt" in how:
                halt = {"at": f"{at(n)}ns", "until": f"{at(n) + 1}ns"}
                hours["halts"] = [*hours.get("halts", ()), halt]
            elif "close" in hours:
                raise ValueError(f"step {step['step']}: the venue has closed before")
            else:
                hours["close"] = f"{at(n)}ns"
            hours |= how
        return hours


def at(n: int) -> int:
    """When a step happens, ns."""
    return (n + 1) * STEP_NS


def message_of(step: Mapping[str, Any], order: NewOrderSingle | None) -> OrderMessage:
    """A client's step as a message; ``order`` is the one that a request is about."""
    name, orig = step["cl_ord_id"], step.get("orig_cl_ord_id", "")
    match step["client"]:
        case "NewOrderSingle":
            tif = str(step.get("time_in_force", "day")).replace("_", "").replace(" ", "").lower()
            return NewOrderSingle(
                name,
                Side(str(step.get("side", "buy")).lower()),
                QtyLots(step["order_qty_shares"]),
                PriceTicks(price_of(step)),
                time_in_force=TIFS[tif],
                account=CLIENT,
            )
        case "OrderCancelRequest":
            return OrderCancelRequest(name, orig, CLIENT)
        case "OrderCancelReplaceRequest":
            price = price_of(step, PRICE if order is None else order.price or PRICE)
            return OrderCancelReplaceRequest(
                name, orig, QtyLots(step["order_qty_shares"]), PriceTicks(price), CLIENT
            )
        case unknown:
            raise ValueError(f"step {step['step']}: no message of ours is {unknown!r}")


def price_of(step: Mapping[str, Any], default: int = PRICE) -> int:
    """The price that a step names, in cents."""
    return int(step.get("price_cents", step.get("px_cents", default)))


def played(script: Script) -> list[VenueReport]:
    """The reports that reach the client, in the order in which they do."""
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        return runner.run(play(script))


async def play(script: Script) -> list[VenueReport]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    heard: list[VenueReport] = []
    inbox: Inbox[Event] = Inbox(loop, "V")
    delays = [(one.seen - one.step) * STEP_NS for one in script.order]
    order_link = make_link(loop, LatencySampler(lambda: delays, 0), inbox.deliver, Priority.ORDER)
    report_link = make_link(
        loop, LatencySampler(lambda: [3], 3), lambda event: heard.append(event.msg), Priority.REPORT
    )
    task = loop.create_task(
        run_venue(
            "V",
            venue_core(script),
            inbox,
            VenuePorts({CLIENT: report_link.send}),
            fees=Fees(FeeSchedule(), UNITS),
            depth=10,
            market_data="none",
            clock=loop,
        )
    )
    for one in script.order:
        loop.call_at_ns(at(one.step), order_link.send, as_sent(one, script))
    for t_ns, msg in others(script):
        loop.schedule(t_ns, Priority.FLOW, inbox.deliver, msg)
    await asyncio.sleep((len(script.steps) + 2) * STEP_NS / 1e9)
    if task.done():
        task.result()
    task.cancel()
    return heard


def as_sent(one: Sent, script: Script) -> Any:
    """What leaves for the venue: what it shall refuse is something that it must refuse.

    A new order has the name of an open one or no valid price; a request finds the venue's queue
    full.
    """
    if not one.refused or script.is_duplicate(one):
        return one.msg
    if isinstance(one.msg, NewOrderSingle):
        fields = {name: getattr(one.msg, name) for name in one.msg.__struct_fields__}
        return NewOrderSingle(**(fields | {"price": PriceTicks(0)}))
    return TurnedAway(one.msg)


def venue_core(script: Script) -> VenueCore:
    """A lit venue with the settings that a script needs."""
    settings: dict[str, Any] = {}
    trading = script.trading()
    if trading:
        settings["trading"] = trading
    busts = script.busts()
    if busts:
        settings["busts"] = {"listed": busts}
    adapter: TypeAdapter[VenueConfig] = TypeAdapter(Venue)
    legs = {"order": LEG, "report": LEG, "feed": LEG}
    config = adapter.validate_python({"id": "V", "kind": "lit", "latency": legs, **settings})
    assert config.problems(UNITS) == []
    core = config.build(UNITS, lambda name: name)  # type: ignore[arg-type, return-value]
    return OverflowCore(RequestsCore(core, script.decision_ns, report_pending=script.pending))


def others(script: Script) -> Iterable[tuple[int, NewOrderSingle]]:
    """The orders of somebody else at the venue which bring about the fills."""
    at_once = {id(one.msg): one for one in script.at_once()}
    for n, step in enumerate(script.steps):
        if step.get("venue") != "fill":
            continue
        order = script.order_at(n)
        taken = at_once.get(id(order))
        assert order.price is not None
        yield (
            at(n) if taken is None else at(taken.seen) - 1,
            NewOrderSingle(
                f"fill{n}",
                Side.SELL if order.side is Side.BUY else Side.BUY,
                QtyLots(step["qty_shares"]),
                order.price,
                time_in_force=TimeInForce.IOC if taken is None else TimeInForce.GTC,
                account=OTHER,
            ),
        )


def row_of(report: VenueReport, script: Script) -> dict[str, Any]:
    """A report in the words of the files."""
    after = script.steps[step_of(report, script)].get("step")
    row: dict[str, Any] = {
        "after": after,
        "cl_ord_id": report.cl_ord_id,
        "orig_cl_ord_id": report.orig_cl_ord_id,
        "ord_status": camel(report.ord_status.value),
        "order_id": str(report.order_id) if report.order_id else "NONE",
    }
    if not isinstance(report, ExecutionReport):
        return row | {
            "msg": "OrderCancelReject",
            "cxl_rej_reason": FIX_CXL_REJ_REASON[report.reason],
            "response_to": report.response_to.value,
        }
    reason = report.reject_reason
    return row | {
        "msg": "ExecutionReport",
        "exec_type": camel(report.exec_type.value),
        "order_qty_shares": report.order_qty,
        "cum_qty_shares": report.cum_qty,
        "leaves_qty_shares": report.leaves_qty,
        "last_qty_shares": report.last_qty,
        "last_px_cents": report.last_px,
        "ord_rej_reason": None if reason is None else FIX_ORD_REJ_REASON[reason],
    }


def step_of(report: VenueReport, script: Script) -> int:
    """The step that caused a report: the one of its instant.

    All that happens to an order that does not rest happens as it comes, so of such an order the
    n-th fill is that of the n-th step that fills it, and its end that of the last step about it.
    """
    n = report.transact_ns // STEP_NS - 1
    for one in script.at_once():
        if one.msg.cl_ord_id != report.cl_ord_id or not isinstance(report, ExecutionReport):
            continue
        assert isinstance(one.msg, NewOrderSingle)
        fills = script.fills(one.msg)
        if report.last_qty:
            done = report.cum_qty - report.last_qty
            for fill in fills:
                if not done:
                    return fill
                done -= script.steps[fill]["qty_shares"]
        if report.leaves_qty == 0 and report.exec_type.value != "rejected":
            ends = [k for k, step in enumerate(script.steps) if step.get("venue") in ENDS]
            return max([*one.ends, *fills, *(k for k in ends if k > one.step)])
    return n


def camel(text: str) -> str:
    return "".join(part.capitalize() for part in text.split("_"))


KINDS: Final[dict[str, list["Compute"]]] = {"fix_order_states": [fix_order_states]}
