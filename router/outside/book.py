"""The books of a router that is not ours: what it sends and what comes back, written down.

Nothing is decided or guarded here. What an outside router does too much of - more lots open than
its parent has left, more filled than ordered - is booked as it is, for that is what its tests look
for. Only what cannot be true of any order goes to the account apart, as at our own desk: a fill
beyond the order's open lots or its limit. Knows no clock, link or event loop.
"""

from typing import Any, Final

from router.core.events import Outcome, ParentOrder
from router.core.orders import Child, Parent
from router.core.profile import EffectivePrices, VenueProfile
from router.core.states import OrdEvent, after
from router.core.view import MarketView
from sim.audit.records import (
    CancelSent,
    ChildSent,
    Decision,
    KnownQuote,
    ParentDone,
    ParentReceived,
    ReplaceSent,
    SessionEvent,
    Slice,
    StatusRequested,
)
from sim.protocol.enums import DecisionReason, EndReason, Side, TimeInForce, TradingState
from sim.protocol.market_data import TradingStatus
from sim.protocol.orders import (
    NewOrderSingle,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from sim.protocol.session import OrderStatusRequest, ResendRequest, SessionStatus

STRATEGY: Final = "outside"
"""What decisions call a router that is not ours."""

_AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class OutsideError(ValueError):
    """The outside router asks for what cannot be sent; says what, why, and what is allowed."""


class OutsideBook:
    """Parents, children and the market view of a router that is not ours.

    Args:
        profiles: The venues.

    Attributes:
        view: The books as they have been received.
        parents: Client orders by id, in the order of their arrival.
        children: Orders by the id that they were first sent with.
        overfilled: Per venue and side, lots that no order can have had.
    """

    def __init__(self, profiles: tuple[VenueProfile, ...]) -> None:
        self.view = MarketView(profiles)
        self.parents: dict[str, Parent] = {}
        self.children: dict[str, Child] = {}
        self.overfilled: dict[tuple[str, Any], int] = {}
        self.names: dict[str, Child] = {}  # orders and requests
        self._alone: set[str] = set()  # parents that are one order
        self._closing: set[str] = set()
        self._decisions = 0
        self._sessions: dict[str, tuple[bool, int]] = {}  # is it up, and its number
        self._effective = EffectivePrices(profiles)

    # Client orders

    def on_parent(self, order: ParentOrder, now_ns: int) -> list[Outcome]:
        """A client's order arrives.

        Raises:
            OutsideError: If one of that name has come, or it has no lots.
        """
        if order.parent_id in self.parents:
            raise OutsideError(f"parent {order.parent_id!r} has come before")
        if order.order_qty < 1:
            raise OutsideError(
                f"parent {order.parent_id!r} must have at least 1 lot, has {order.order_qty}"
            )
        parent = Parent(
            order.parent_id,
            order.side,
            order.order_qty,
            order.limit_px,
            order.deadline_ns,
            number=len(self.parents),
        )
        self.parents[parent.parent_id] = parent
        return [
            ParentReceived(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                side=parent.side,
                order_qty=parent.order_qty,
                limit_px=parent.limit_px,
                deadline_ns=parent.deadline_ns,
                bid_px=self.view.best_bid(),
                ask_px=self.view.best_ask(),
            )
        ]

    def close(self, parent: Parent, now_ns: int) -> list[Outcome]:
        """No more orders are sent for a parent; it ends as its open ones do."""
        out: list[Outcome] = []
        self._closing.add(parent.parent_id)
        self.settle(parent, now_ns, out)
        return out

    def finish(self, reason: EndReason, now_ns: int) -> list[Outcome]:
        """The run ends: every parent that has not ended does, its open lots stay open."""
        out: list[Outcome] = []
        for parent in self.parents.values():
            if parent.end_reason is None:
                self._end(parent, reason, 0, now_ns, out)
        return out

    def on_status(self, status: TradingStatus, now_ns: int) -> list[Outcome]:
        """A venue's feed says whether it trades; what it showed while it does not is forgotten."""
        if status.state is not TradingState.OPEN:
            self.view.venues[status.venue_id].drop_quote()
        return []

    # What it sends

    def on_new(
        self, venue_id: str, msg: NewOrderSingle, parent: Parent | None, now_ns: int
    ) -> list[Outcome]:
        """An order leaves; without a parent it is a client's order by itself.

        Raises:
            OutsideError: If it cannot be booked.
        """
        name, price = msg.cl_ord_id, msg.price
        if name in self.names:
            raise OutsideError(
                f"the id {name!r} was used before: each message needs one of its own"
            )
        if price is None:
            raise OutsideError(f"order {name!r} has no price: orders of a test need a limit")
        if msg.order_qty < 1:
            raise OutsideError(f"order {name!r} must have at least 1 lot, has {msg.order_qty}")
        out: list[Outcome] = []
        if parent is None:
            out += self.on_parent(ParentOrder(name, msg.side, msg.order_qty, price), now_ns)
            parent = self.parents[name]
            self._alone.add(name)
        if parent.end_reason is not None:
            raise OutsideError(
                f"order {name!r}: parent {parent.parent_id!r} has ended ({parent.end_reason.value})"
            )
        out.append(self._decision(venue_id, msg, price, parent, now_ns))
        quote = self.view.venues[venue_id].quote
        shown = self.view.venues[venue_id].shown(msg.side)
        child = Child(
            name,
            parent,
            venue_id,
            msg.side,
            msg.order_qty,
            price,
            self._decisions,
            msg.order_qty,
            best_px=self.view.best_against(msg.side),
            time_in_force=msg.time_in_force,
            min_qty=msg.min_qty,
            sent_ns=now_ns,
            name=name,
            booked_px=price,
        )
        self.children[name] = self.names[name] = parent.open[name] = child
        parent.reserved_qty += child.leaves_qty
        parent.attempts += 1
        out.append(
            ChildSent(
                t_ns=now_ns,
                cl_ord_id=name,
                parent_id=parent.parent_id,
                decision_id=self._decisions,
                venue_id=venue_id,
                side=msg.side,
                order_qty=msg.order_qty,
                price=price,
                time_in_force=msg.time_in_force,
                shown_px=shown[0][0] if shown else None,
                quote_seq=None if quote is None else quote.venue_seq,
                min_qty=msg.min_qty,
            )
        )
        return out

    def _decision(
        self, venue_id: str, msg: NewOrderSingle, price: int, parent: Parent, now_ns: int
    ) -> Decision:
        """What it knew as it sent an order: the quotes that had reached it."""
        self._decisions += 1
        part = (Slice(venue_id, price, msg.order_qty),)
        quotes: list[KnownQuote] = []
        for venue in self.view.venues.values():
            levels, quote = venue.shown(msg.side), venue.quote
            if quote is not None and levels:
                known = quote.venue_id, quote.venue_seq, now_ns - quote.published_ns
                line = self._effective.line(quote.venue_id, msg.side)
                quotes.append(KnownQuote(*known, venue.profile.latency_ns, levels, *line))
        takes = msg.time_in_force in _AT_ONCE
        sign = 1 if msg.side is Side.BUY else -1
        best = sorted(quotes, key=lambda one: sign * (one.slope * one.levels[0][0] + one.intercept))
        return Decision(
            t_ns=now_ns,
            decision_id=self._decisions,
            parent_id=parent.parent_id,
            reason=DecisionReason.OWN if parent.attempts else DecisionReason.INITIAL,
            strategy=STRATEGY,
            unreserved_qty=parent.free_qty,
            depth="full",
            effective_scale=self._effective.scale,
            quotes=tuple(quotes),
            ranking=tuple([one.venue_id for one in best]),
            split=part if takes else (),
            refused=(),
            posts=() if takes else part,
        )

    def on_request(
        self,
        venue_id: str,
        msg: OrderCancelRequest | OrderCancelReplaceRequest,
        now_ns: int,
    ) -> list[Outcome]:
        """A cancel or a replace leaves.

        Raises:
            OutsideError: If it names no order sent there, its id was used for another message, or a
                replace asks for more lots or no price.
        """
        name, original = msg.cl_ord_id, msg.orig_cl_ord_id
        child = self.names.get(original)
        if child is None or child.venue_id != venue_id:
            raise OutsideError(f"request {name!r}: no order {original!r} was sent to {venue_id}")
        if name in self.names and self.names[name] is not child:
            raise OutsideError(
                f"the id {name!r} was used before: each message needs one of its own"
            )
        if isinstance(msg, OrderCancelRequest):
            self._asked(child, name, OrdEvent.CANCEL_SENT)
            return [
                CancelSent(
                    t_ns=now_ns,
                    cl_ord_id=name,
                    orig_cl_ord_id=child.cl_ord_id,
                    venue_id=venue_id,
                    reason="own",
                )
            ]
        if msg.price is None or msg.order_qty > child.order_qty:
            raise OutsideError(
                f"request {name!r}: a replace needs a price and at most the order's "
                f"{child.order_qty} lots, it has price {msg.price} and {msg.order_qty} lots"
            )
        self._asked(child, name, OrdEvent.REPLACE_SENT)
        child.target = msg
        wider = max if _buys(child) else min
        child.price = wider(child.price, msg.price)
        return [
            ReplaceSent(
                t_ns=now_ns,
                cl_ord_id=name,
                orig_cl_ord_id=child.cl_ord_id,
                venue_id=venue_id,
                order_qty=msg.order_qty,
                price=msg.price,
                reason="own",
            )
        ]

    def on_question(
        self, venue_id: str, msg: OrderStatusRequest | ResendRequest, now_ns: int
    ) -> list[Outcome]:
        """A question leaves: what became of an order, or for reports that are missing.

        Raises:
            OutsideError: If it names no order sent there.
        """
        if isinstance(msg, ResendRequest):
            first = msg.begin_seq
            return [SessionEvent(t_ns=now_ns, venue_id=venue_id, event="gap", expected_seq=first)]
        child = self.names.get(msg.cl_ord_id)
        if child is None or child.venue_id != venue_id:
            raise OutsideError(
                f"status {msg.request_id!r}: no order {msg.cl_ord_id!r} was sent to {venue_id}"
            )
        about = {"cl_ord_id": child.cl_ord_id, "venue_id": venue_id}
        return [StatusRequested(t_ns=now_ns, reason="own", **about)]

    def on_session(self, status: SessionStatus, now_ns: int) -> list[Outcome]:
        """A session has ended or begun; that it is there as the run opens is no news."""
        was_up, known = self._sessions.get(status.venue_id, (True, status.session))
        self._sessions[status.venue_id] = status.is_up, status.session
        if (was_up, known) == (status.is_up, status.session):
            return []
        event, venue_id = "up" if status.is_up else "down", status.venue_id
        number = status.session
        return [SessionEvent(t_ns=now_ns, venue_id=venue_id, event=event, session=number)]

    def _asked(self, child: Child, name: str, event: OrdEvent) -> None:
        self.names[name] = child
        child.status = after(child.status, event) or child.status

    # Ends

    def take_off(self, child: Child, lots: int) -> None:
        """Lots of a child are open no more."""
        parent = child.parent
        child.leaves_qty -= lots
        parent.reserved_qty -= lots
        if not child.leaves_qty:
            parent.open.pop(child.cl_ord_id, None)

    def settle(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """End a parent that is filled, was closed, or is one order alone, once nothing is open."""
        if parent.end_reason is not None or parent.open:
            return
        name = parent.parent_id
        if parent.filled_qty >= parent.order_qty:
            self._end(parent, EndReason.FILLED, 0, now_ns, out)
        elif name in self._alone or name in self._closing:
            left = parent.order_qty - parent.filled_qty
            self._end(parent, EndReason.GIVEN_UP, left, now_ns, out)

    def _end(
        self, parent: Parent, reason: EndReason, left: int, now_ns: int, out: list[Outcome]
    ) -> None:
        parent.end_reason = reason
        out.append(
            ParentDone(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                filled_qty=parent.filled_qty,
                canceled_qty=left,
                end_reason=reason,
            )
        )


def _buys(child: Child) -> bool:
    return child.side is Side.BUY
