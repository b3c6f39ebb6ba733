"""What the router has open, and what it does: decide, send, cancel, stop, end.

Shared by the parts of the router core: ``router`` and ``reports`` learn, the desk acts. Each act
appends to the outcomes of the event that caused it, the record before the message.
"""

from typing import Final

import msgspec
from msgspec import structs

from router.config import RouterConfig
from router.core.brakes import Brakes
from router.core.controls import Controls
from router.core.decide import Decider
from router.core.departures import Departures
from router.core.doubts import Doubts
from router.core.events import (
    Decide,
    HoldOver,
    Moves,
    Outcome,
    PostOver,
    SendTo,
    WakeAt,
)
from router.core.experience import Experience
from router.core.memory import MEMORY, forget
from router.core.orders import Child, Parent
from router.core.profile import VenueProfile
from router.core.reallocation import Reallocation
from router.core.recovery import Recovery
from router.core.requests import Requests, new_order
from router.core.resting import Resting
from router.core.returns import Returns
from router.core.standing import Hold, Standing
from router.core.truth import Truth
from router.core.view import MarketView
from router.core.waiting import Waiting
from sim.audit.records import ParentDone, Record, RouteHold
from sim.protocol.enums import DecisionReason, EndReason, Side
from sim.protocol.units import Units

_DECIDE: Final = Decide()
_GOES_ON: Final = frozenset({EndReason.ATTEMPTS_EXHAUSTED, EndReason.GIVEN_UP, EndReason.CONTROL})
"""Reasons for which a parent takes no more, and its open children go on."""


class Desk:
    """The router's parents, children and market view, and its acts.

    Attributes:
        experience: What was learnt of the venues from their reports.
        overfilled: The account apart: per venue and side the lots that no parent ordered.
        reroutes_busted: Whether lots that a venue took back after an order's end are sent anew.
        stopping: Why all is being broken off, and nothing is sent but cancels; None: it is not.
        policy: What follows when lots are free again; ``returns`` sees to it.
        doubts: What is doubted of quotes; None: nothing is.
        brakes: The controls between router and venues; None: nothing is controlled.
    """

    def __init__(
        self, profiles: tuple[VenueProfile, ...], config: RouterConfig, units: Units
    ) -> None:
        self.view = MarketView(profiles)
        cost = config.cost
        self.experience = Experience(profiles, *(() if cost is None else (cost.prior_weight,)))
        self.parents: dict[str, Parent] = {}
        self.children: dict[str, Child] = {}
        self.active: dict[str, Parent] = {}
        self.overfilled: dict[tuple[str, Side], int] = {}
        self.stopping: EndReason | None = None
        self.policy = Reallocation(config.reroute)
        self.returns = Returns(self, self.policy)
        self.requests = Requests(config.ack_timeout, config.cancel_resends)
        self.recovery = Recovery(self, config.recovery, config.cancel_resends)
        self.standing = Standing(tuple(self.view.venues), config.backoff)
        self.waiting = Waiting(self.view, self.standing.out, config)
        self._max_attempts = config.max_attempts
        self.reroutes_busted = config.reroute.busted
        out = self.standing.out
        self.doubts: Doubts | None = None
        if config.market is not None:
            self.doubts = Doubts(self.view, profiles, config.market)
        self._decider = Decider(
            self.view, profiles, config, out, self.experience, units=units, doubts=self.doubts
        )
        self.resting: Resting | None = None
        if config.rest is not None:
            self.resting = Resting(self.view, out, config.rest, self.doubts)
        self._asks = self._decider.asks
        self._sequential = config.sending.mode == "sequential"
        self.departures = Departures(self)
        self.brakes: Brakes | None = None
        if config.controls is not None:
            controls = Controls(config.controls, units, self.view, self.parents)
            self.brakes = Brakes(self, controls, self.policy)
            self.requests.on_message = controls.left
        self._decide_at = -1
        self._moves_at = -1
        self._forget_at = 2 * MEMORY

    # Decisions

    def tell(self, truth: Truth) -> None:
        """Hand what is truly there to the strategy, if it is one that is told."""
        self._decider.tell(truth)

    def number_from(self, decision_id: int) -> None:
        """Decisions up to this number were made before the router came back."""
        self._decider.number_from(decision_id)

    @property
    def post_for_ns(self) -> int | None:
        """How long what the strategy posts may rest; None: as long as it takes."""
        return self._decider.post_for_ns

    def want(self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]) -> None:
        """Have ``parent`` decided at the end of this instant.

        The first reason stands, but what came back tells more than that a quote changed.
        """
        self.waiting.add_due(parent, reason)
        self.wake(now_ns, out)

    def wake(self, now_ns: int, out: list[Outcome]) -> None:
        """Have decisions made at the end of this instant."""
        if self._decide_at != now_ns:
            self._decide_at = now_ns
            out.append(WakeAt(now_ns, _DECIDE))

    def wake_short(self, now_ns: int, out: list[Outcome]) -> None:
        """Lots may be free in the view, for any parent: a quote can be quicker than a report."""
        if self.waiting.on_freed():
            self.wake(now_ns, out)

    def decide_due(self, now_ns: int, out: list[Outcome]) -> None:
        """Decide for the parents that are due at this instant, in the order of their arrival."""
        self._decide_at = -1
        for parent, reason in self.waiting.turns():
            self._decide(parent, reason, now_ns, out)
            self.waiting.note(parent)

    def _decide(
        self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]
    ) -> None:
        if not parent.may_take() or self._is_busy(parent):
            return
        parent.waits = False
        if parent.attempts >= self._max_attempts:
            self.stop(parent, EndReason.ATTEMPTS_EXHAUSTED, now_ns, out)
            return
        if self.resting is not None and self.resting.first and self._may_rest(parent):
            self._rest(self.resting, parent, reason, now_ns, out)
            if not parent.may_take() or parent.attempts >= self._max_attempts:
                return
        posts = False
        for record, child in self._decider.decide(parent, reason, now_ns):
            if child is None:
                out.append(record)
            elif parent.stopped is not None and self.stopping is None:
                # A control has kept one before it; what the kill switch keeps is recorded as such.
                self.departures.never(child, "parent_stopped", now_ns, out)
            elif parent.stopped is None and child.sent_ns > now_ns:
                self.departures.hold(record, child, out)
            else:
                self.send(record, child, now_ns, out)
                posts = posts or (child.rests and child.leaves_qty > 0)
        if posts:
            self._watch_posts(parent, self._decider.post_for_ns, now_ns, out)
        if self.resting is not None and self._may_rest(parent):
            self._rest(self.resting, parent, reason, now_ns, out)
        self.settle(parent, now_ns, out)

    def _watch_posts(
        self, parent: Parent, length: int | None, now_ns: int, out: list[Outcome]
    ) -> None:
        """Take what was posted out of the books as its time is over: counted from the first."""
        if length is not None and not parent.post_over_ns:
            parent.post_over_ns = now_ns + length
            out.append(WakeAt(parent.post_over_ns, PostOver(parent.parent_id)))

    def child_over(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """A child has ended; called once for each, after its last report is booked."""
        child.told = True
        self.recovery.over(child)
        self.experience.on_over(child)
        if self._decider.over(child, now_ns):
            self._go_on(child.parent, DecisionReason.ANSWERED, now_ns, out)
        if self._sequential:
            self._go_on(child.parent, DecisionReason.NEXT_VENUE, now_ns, out)

    def _go_on(
        self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]
    ) -> None:
        """What a parent's free lots have waited for has come, or is given up."""
        if parent.free_qty > 0 and parent.stopped is None and parent.end_reason is None:
            self.want(parent, reason, now_ns, out)

    def _is_busy(self, parent: Parent) -> bool:
        """Whether free lots of a parent wait: for the child before theirs, or for an answer."""
        if self._sequential and parent.is_busy:
            return True
        return self._asks and self._decider.holds_back(parent)

    def _may_rest(self, parent: Parent) -> bool:
        """Whether what is left of a parent may be posted."""
        if parent.crossing or parent.attempts >= self._max_attempts:
            return False
        return parent.may_take() and not self._is_busy(parent)

    def _rest(
        self,
        resting: Resting,
        parent: Parent,
        reason: DecisionReason,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """Post what a decision has left over."""
        if not parent.may_post:
            return
        posted = resting.post(parent, reason, self._decider.next_id, now_ns)
        if posted is not None:
            decision, sent, child = posted
            part = child.venue_id, child.price, child.order_qty
            exposure = self._decider.exposure(parent, (part,))
            if exposure is not None:
                decision = msgspec.structs.replace(decision, leakage=exposure)
            out.append(decision)
            self.send(sent, child, now_ns, out)
            if child.leaves_qty:  # no control has kept it
                self._watch_posts(parent, resting.take_after_ns, now_ns, out)

    def move_resting(self, resting: Resting, now_ns: int, out: list[Outcome]) -> None:
        """Move the resting children that the market asks for, or see to it that they are later."""
        later_ns = -1
        for move in resting.moves():
            child = move.child
            if move.not_before_ns > now_ns:
                later_ns = min(move.not_before_ns, later_ns if later_ns >= 0 else 1 << 62)
            elif move.total <= child.told_qty:
                then = DecisionReason.QUOTE_CHANGE
                self.requests.cancel(child, move.reason, now_ns, out, then=then)
            else:
                self.replace(child, (move.total, move.price), move.reason, now_ns, out)
        if later_ns >= 0 and (self._moves_at <= now_ns or later_ns < self._moves_at):
            self._moves_at = later_ns
            out.append(WakeAt(later_ns, Moves()))

    # Children

    def reserve(self, child: Child) -> None:
        """Take a child's lots off what its parent and the view have left."""
        parent = child.parent
        self.view.venues[child.venue_id].on_sent(child)
        self.waiting.on_sent(child)
        parent.reserved_qty += child.order_qty
        parent.check()

    def send(self, sent: Record, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """Have a child leave, if the controls let it; ``sent`` is the record of that."""
        if self.brakes is not None:
            if not self.brakes.lets_pass(child, now_ns, out):
                return
            sent = structs.replace(
                sent,
                cl_ord_id=child.cl_ord_id,
                order_qty=child.order_qty,
                min_qty=child.min_qty,
            )
        self.reserve(child)
        out.append(sent)
        child.name = child.cl_ord_id
        child.booked_px = child.price
        child.sent_ns = now_ns
        self.children[child.cl_ord_id] = child
        self.requests.names[child.cl_ord_id] = child
        if len(self.children) > self._forget_at:
            forget(self.children, self.requests.names, MEMORY)
            self._forget_at = len(self.children) + MEMORY
        child.parent.open[child.cl_ord_id] = child
        out.append(SendTo(child.venue_id, new_order(child)))
        self.requests.count(child.venue_id, now_ns)
        self.requests.watch(child, child.cl_ord_id, now_ns, out)
        if child.rests:
            self.recovery.rests(child.venue_id, now_ns, out)

    def replace(
        self,
        child: Child,
        target: tuple[int, int],
        reason: str,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """Ask to replace an open child; until the answer either price may hold."""
        if self.brakes is not None and not self.brakes.lets_replace(child, target, now_ns, out):
            return
        self.reprice(child, wider(child, target[1]))
        self.requests.replace(child, target, reason, now_ns, out)

    def reprice(self, child: Child, price: int) -> None:
        """From now on a child may fill up to this limit."""
        if price != child.price:
            venue = self.view.venues[child.venue_id]
            venue.on_less(child, child.leaves_qty)
            child.price = price
            venue.on_sent(child)
            self.waiting.on_sent(child)

    def reopen(self, child: Child, lots: int) -> None:
        """Lots of an open child are open again."""
        venue, parent = self.view.venues[child.venue_id], child.parent
        venue.on_less(child, child.leaves_qty)
        child.leaves_qty += lots
        parent.reserved_qty += lots
        parent.check()
        venue.on_sent(child)
        self.waiting.on_sent(child)

    def go_on_without(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """A child was given up: lots that waited for its answer have their turn."""
        if self._sequential or self._asks:
            # Nothing else may come that gives them one.
            reason = DecisionReason.NEXT_VENUE if self._sequential else DecisionReason.TIMEOUT
            self._go_on(child.parent, reason, now_ns, out)
            self.waiting.note(child.parent)

    def take_off(self, child: Child, lots: int) -> None:
        """Take lots off what a child may still fill."""
        parent = child.parent
        child.leaves_qty -= lots
        parent.reserved_qty -= lots
        parent.check()
        self.view.venues[child.venue_id].on_less(child, lots)
        if not child.leaves_qty:
            del parent.open[child.cl_ord_id]

    def heard(self, child: Child, now_ns: int, out: list[Outcome]) -> None:
        """A venue says something about a child after all."""
        if child.unanswered:
            self.returns.heard(child)
            child.unanswered = False
            child.parent.unanswered_qty -= child.leaves_qty
        self.on_answered(child.venue_id, now_ns, out)

    # Venues that get nothing

    def on_silent(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue says nothing any more: it gets nothing until it does."""
        self._note_hold(self.standing.silent(venue_id), out, now_ns)

    def on_answered(self, venue_id: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue says something."""
        self._note_hold(self.standing.answered(venue_id, now_ns), out, now_ns)

    def strike(self, child: Child, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue refused a child for the time being, or was silent about it."""
        hold = self.standing.strike(child.venue_id, reason, child.sent_ns, now_ns)
        self._note_hold(hold, out, now_ns)

    def quarantine(self, child: Child, reason: str, now_ns: int, out: list[Outcome]) -> None:
        """A venue reported what cannot be: use it no more, and pull back what may be wrong too.

        That is what is open at the venue, and what is open anywhere of the same parent.
        """
        hold = self.standing.quarantine(child.venue_id, reason)
        self._note_hold(hold, out, now_ns)
        planned = self.departures.of(child.parent)
        if hold is not None:
            planned += [one for one in self.departures.at(child.venue_id) if one not in planned]
        self.departures.drop(planned, "quarantine", now_ns, out)
        there = list(self.view.venues[child.venue_id].flying.values()) if hold is not None else []
        for other in [*child.parent.open.values(), *there]:
            self.requests.cancel(other, "quarantine", now_ns, out)

    def _note_hold(self, hold: Hold | None, out: list[Outcome], now_ns: int) -> None:
        if hold is None:
            return
        out.append(
            RouteHold(
                t_ns=now_ns,
                venue_id=hold.venue_id,
                until_ns=hold.until_ns,
                strikes=hold.strikes,
                reason=hold.reason,
            )
        )
        if hold.until_ns is None:
            for parent in self.waiting.all():
                self.settle(parent, now_ns, out)
        elif hold.until_ns > now_ns:
            out.append(WakeAt(hold.until_ns, HoldOver(hold.venue_id)))
        else:
            self.on_venue_back(now_ns, out)

    def on_venue_back(self, now_ns: int, out: list[Outcome]) -> None:
        """A venue may be used again: everybody who has lots to place looks at the market anew."""
        if self.waiting.on_venue():
            self.wake(now_ns, out)

    # Ends

    def stop(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """No new children; the parent ends when the open ones have, or are given up."""
        parent.stopped = reason
        if reason is not EndReason.ATTEMPTS_EXHAUSTED:
            self.departures.drop(self.departures.of(parent), "parent_stopped", now_ns, out)
        if reason not in _GOES_ON:
            for child in list(parent.open.values()):
                self.requests.cancel(child, "parent_stopped", now_ns, out)
        self.settle(parent, now_ns, out)
        self.waiting.note(parent)

    def settle(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """End a parent for which there is nothing left to do or to wait for."""
        if parent.end_reason is not None:
            return
        if parent.filled_qty == parent.order_qty:
            self.end(parent, EndReason.FILLED, now_ns, out)
        elif parent.filled_qty + parent.busted_qty == parent.order_qty:
            self.end(parent, EndReason.BUSTED, now_ns, out)
        elif parent.reserved_qty != parent.unanswered_qty:
            return  # something that is open will still be answered
        elif parent.stopped is not None:
            self.end(parent, parent.stopped, now_ns, out)
        elif parent.free_qty > 0 or parent.released_qty < parent.order_qty:
            if self._hopeless(parent):
                self.end(parent, EndReason.NO_VENUE, now_ns, out)
        elif parent.deadline_ns is None and self.policy.reserve_ns is None:
            # All the rest lies with venues that do not answer. A deadline would wait for them.
            self.end(parent, EndReason.NO_ANSWER, now_ns, out)

    def _hopeless(self, parent: Parent) -> bool:
        """Whether no venue will take an order of this parent again."""
        gone, excluded = self.standing.gone, parent.excluded
        if not (gone or excluded):
            return False
        return all(venue_id in gone or venue_id in excluded for venue_id in self.view.venues)

    def end_all(self, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """No new orders from now on, cancels for what is open, whoever comes later ends as well."""
        self.stopping = reason
        for parent in list(self.active.values()):
            self.stop(parent, reason, now_ns, out)

    def end(self, parent: Parent, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """The parent has ended; what does not answer is neither filled nor canceled."""
        gone_qty = parent.order_qty - parent.filled_qty - parent.unanswered_qty
        self._close(parent, reason, gone_qty, now_ns, out)

    def break_off(self, reason: EndReason, now_ns: int, out: list[Outcome]) -> None:
        """The run ends: active parents end as they are, what is open stays open."""
        for parent in list(self.active.values()):
            for child in self.departures.of(parent):
                self.departures.forget(child, reason.value, now_ns, out)
            self._close(parent, reason, parent.busted_qty, now_ns, out)

    def _close(
        self, parent: Parent, reason: EndReason, gone_qty: int, now_ns: int, out: list[Outcome]
    ) -> None:
        parent.end_reason = reason
        del self.active[parent.parent_id]
        self.waiting.note(parent)
        out.append(
            ParentDone(
                t_ns=now_ns,
                parent_id=parent.parent_id,
                filled_qty=parent.filled_qty,
                canceled_qty=gone_qty,
                end_reason=reason,
            )
        )


def wider(child: Child, price: int) -> int:
    """Of a child's limit and another price the one that allows more."""
    return max(child.price, price) if child.side is Side.BUY else min(child.price, price)
