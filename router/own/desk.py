"""A user's own router at our desk: it says what to send, cancel and replace, we see to the rest.

What it asks for is checked, recorded as a decision, and done by the same desk that serves our
strategies; so books, timeouts, holds, limits and the guard against over-filling are the same.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from router.allocate.base import Allocation, AllocationRequest, Depth, Strategy
from router.config import RouterConfig
from router.core.desk import Desk
from router.core.events import Outcome, OwnWake, ParentOrder, Stamps, WakeAt, WakeToken
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.own import api
from router.own.api import Action, Event, Send, State, View
from router.own.checks import check_actions
from router.own.guard import Plugin
from router.own.look import Told, event_of, state_of, view_of
from sim.audit.records import ParentDone
from sim.protocol.enums import DecisionReason, EndReason
from sim.protocol.market_data import BookSnapshot, TradingStatus
from sim.protocol.orders import VenueReport
from sim.protocol.units import Units

OWN_REASON: Final = "own"
"""Why a cancel or a replace that the user's router asked for was sent, as its record says it."""

_NOTHING: Final = Allocation((), (), ())


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A parent has come."""

    t_ns: int
    parent_id: str


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A parent has ended."""

    t_ns: int
    parent_id: str
    reason: EndReason


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """A venue shows a new book, or trades or does not trade any more."""

    t_ns: int
    venue_id: str


Message = Arrived | Ended | Quoted | Event


class _Brought(msgspec.Struct, frozen=True):
    """Stands for the config of a strategy that is made already."""

    strategy: Strategy

    def build(self) -> Strategy:
        """The strategy."""
        return self.strategy


def brought(config: RouterConfig, strategy: Strategy) -> RouterConfig:
    """The same with a strategy that is made already, for one run."""
    return config.model_copy(update={"strategy": _Brought(strategy)})


class Relay(Strategy):
    """Gives the split that the user's router has chosen."""

    depth: Depth = "full"
    posts = True
    pools = True

    def __init__(self, name: str) -> None:
        self.name = f"own:{name}"
        self.chosen = _NOTHING

    def allocate(self, request: AllocationRequest) -> Allocation:
        """The split that lies ready."""
        chosen = self.chosen
        used = {part[0] for part in (*chosen.slices, *chosen.posts)}
        return msgspec.structs.replace(
            chosen,
            refused=tuple(
                [(o.venue_id, "not_chosen") for o in request.offers if o.venue_id not in used]
            ),
        )


class OwnDesk(Desk):
    """Does what a user's own router asks for.

    Args:
        profiles: The venues.
        config: The router's part of the scenario.
        units: What quantities and money of the settings are in.
        name: What records call the router.
    """

    def __init__(
        self,
        profiles: tuple[VenueProfile, ...],
        config: RouterConfig,
        units: Units,
        name: str,
    ) -> None:
        self._relay = Relay(name)
        super().__init__(profiles, brought(config, self._relay), units)

    def held(self, parent: Parent, venue_id: str) -> str | None:
        """Why nothing of a parent may go to a venue now; None: it may."""
        return self._decider.left_out(parent, venue_id)

    def act(
        self,
        parent: Parent,
        actions: tuple[Action, ...],
        reason: DecisionReason,
        now_ns: int,
        out: list[Outcome],
    ) -> None:
        """Carry out one decision, whose actions have been checked: orders first, then the rest."""
        sends = [one for one in actions if isinstance(one, Send)]
        rest = [one for one in actions if not isinstance(one, Send)]
        self._relay.chosen = Allocation(
            tuple([(one.venue_id, one.price, one.qty) for one in sends if one.tif == "IOC"]),
            tuple(dict.fromkeys([one.venue_id for one in sends])),
            (),
            posts=tuple([(one.venue_id, one.price, one.qty) for one in sends if one.tif != "IOC"]),
            notes=tuple([_note(one) for one in rest]),
        )
        if sends:
            self._decide(parent, reason, now_ns, out)
        elif rest or parent.free_qty > 0:
            # To wait is a decision, too; it is recorded once.
            parent.waiting = parent.waiting and not rest
            out += [record for record, _ in self._decider.decide(parent, reason, now_ns)]
        self._relay.chosen = _NOTHING
        for action in rest:
            if parent.stopped is not None or parent.end_reason is not None:
                break
            self._request(parent, action, now_ns, out)
        self.waiting.note(parent)

    def _request(self, parent: Parent, action: Action, now_ns: int, out: list[Outcome]) -> None:
        """What is asked for beside orders, which have left by now."""
        match action:
            case api.Cancel():
                child = parent.open[action.cl_ord_id]
                then = DecisionReason.OWN
                self.requests.cancel(child, OWN_REASON, now_ns, out, then=then)
            case api.Replace():
                child = parent.open[action.cl_ord_id]
                self.replace(child, (action.qty, action.price), OWN_REASON, now_ns, out)
            case api.WakeAt():
                out.append(WakeAt(action.t_ns, OwnWake(parent.parent_id)))

    # What happens, for the forms to hear of

    def on_message(self, message: Message, out: list[Outcome]) -> None:
        """Something has happened; called in the order of the run."""


class DecidingDesk(OwnDesk):
    """Asks a user's ``decide(view, state)`` whenever there is something new for a parent.

    ``decide`` is called at the end of an instant, once for each parent: as it arrives, as a venue
    says something about its orders, as a quote comes while it has free lots or orders that rest,
    and at the times that it asked for.
    """

    def __init__(
        self,
        profiles: tuple[VenueProfile, ...],
        config: RouterConfig,
        units: Units,
        plugin: Plugin,
    ) -> None:
        super().__init__(profiles, config, units, plugin.name)
        self._plugin = plugin
        self._decide_own: Callable[[View, State], Any] = plugin.make().decide
        self._heard: dict[str, list[Event]] = {}
        self._market = False

    def on_message(self, message: Message, out: list[Outcome]) -> None:
        """Note what matters to a parent, and have it decided."""
        if isinstance(message, Quoted):
            if not self._market and any(map(_minds_quotes, self.active.values())):
                self._market = True
                self.wake(message.t_ns, out)
        elif isinstance(message, Ended):
            self._heard.pop(message.parent_id, None)
        elif isinstance(message, Event):
            parent = self.parents[message.parent_id]
            if parent.stopped is None and parent.end_reason is None:
                self._heard.setdefault(message.parent_id, []).append(message)
                self.want(parent, DecisionReason.REPORT, message.t_ns, out)

    def decide_due(self, now_ns: int, out: list[Outcome]) -> None:
        """Ask for each parent that something is new for, in the order of their arrival."""
        self._decide_at = -1
        due, woken = self.waiting.take_due()
        if self._market or woken:
            self._market = False
            known = {parent.number for parent, _ in due}
            due += [
                (parent, DecisionReason.QUOTE_CHANGE)
                for parent in self.active.values()
                if parent.number not in known and _minds_quotes(parent)
            ]
            due.sort(key=lambda turn: turn[0].number)
        for parent, reason in due:
            if parent.stopped is None and parent.end_reason is None:
                self._ask(parent, reason, now_ns, out)

    def _ask(self, parent: Parent, reason: DecisionReason, now_ns: int, out: list[Outcome]) -> None:
        plugin, hook = self._plugin, self._decide_own
        events = tuple(self._heard.pop(parent.parent_id, ()))
        view, state = view_of(self, self.held, parent, now_ns), state_of(parent, reason, events)
        given = plugin.call(hook, view, state)
        try:
            actions = check_actions(self, self.held, parent, given, now_ns)
        except api.ActionError as error:
            plugin.failed(error, hook)
        self.act(parent, actions, reason, now_ns, out)


class OwnCore(RouterCore):
    """A router core that lets its desk hear of all that happens."""

    def __init__(
        self, profiles: tuple[VenueProfile, ...], config: RouterConfig, desk: OwnDesk
    ) -> None:
        super().__init__(profiles, config, desk=desk)
        self.own = desk

    def on_parent(self, order: ParentOrder, now_ns: int) -> list[Outcome]:
        """A client's order arrives."""
        out = super().on_parent(order, now_ns)
        self.own.on_message(Arrived(now_ns, order.parent_id), out)
        return self.told(out)

    def on_quote(self, quote: BookSnapshot, now_ns: int) -> Sequence[Outcome]:
        """A venue's book arrives."""
        out = list(super().on_quote(quote, now_ns))
        if self.view.venues[quote.venue_id].quote is quote:  # else it came too late
            self.own.on_message(Quoted(now_ns, quote.venue_id), out)
        return out

    def on_status(self, status: TradingStatus, now_ns: int) -> list[Outcome]:
        """A venue's feed says whether it trades."""
        out = super().on_status(status, now_ns)
        self.own.on_message(Quoted(now_ns, status.venue_id), out)
        return self.told(out)

    def on_report(
        self, venue_id: str, report: VenueReport, stamps: Stamps, now_ns: int
    ) -> list[Outcome]:
        """A venue's answer arrives."""
        out = super().on_report(venue_id, report, stamps, now_ns)
        for record in list(out):
            if isinstance(record, Told):
                child = self.children.get(getattr(record, "orig_cl_ord_id", record.cl_ord_id))
                if child is not None:
                    self.own.on_message(event_of(record, child), out)
        return self.told(out)

    def on_wake(self, token: WakeToken, now_ns: int) -> list[Outcome]:
        """A wake-up that was asked for."""
        if not isinstance(token, OwnWake):
            return self.told(super().on_wake(token, now_ns))
        out: list[Outcome] = []
        parent = self.parents[token.parent_id]
        if parent.stopped is None and parent.end_reason is None:
            self.own.want(parent, DecisionReason.OWN, now_ns, out)
        return out

    def told(self, out: list[Outcome]) -> list[Outcome]:
        """Let the desk hear of the parents that have ended."""
        for record in list(out):
            if isinstance(record, ParentDone):
                self.own.on_message(Ended(record.t_ns, record.parent_id, record.end_reason), out)
        return out


def _minds_quotes(parent: Parent) -> bool:
    """Whether a new quote may matter to a parent: it has free lots, or orders that rest."""
    if parent.stopped is not None:
        return False
    return parent.free_qty > 0 or any(child.rests for child in parent.open.values())


def _note(action: Action) -> tuple[str, str]:
    """What a decision's record says of an action beside its orders."""
    match action:
        case api.Cancel():
            return "cancel", action.cl_ord_id
        case api.Replace():
            return "replace", f"{action.cl_ord_id} to {action.qty} at {action.price}"
        case api.WakeAt():
            return "wake_at", str(action.t_ns)
        case api.Send():
            return "send", action.venue_id
