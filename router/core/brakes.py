"""What follows at the desk as a control keeps an order: the controls judge, this acts.

Between the desk and the venues: each new order and each replace passes here, and what breaches a
control does not leave. It is recorded, its lots are free, and ``router.reroute.on`` says what is
done. Nothing is tried again before something has changed: a quote, an answer, or the time.
"""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from router.core.controls import Breach, Controls, Leaving
from router.core.events import HoldOver, Kill, Outcome, Release, WakeAt
from router.core.orders import CAPPED, EXECUTIONS, Child, Parent
from router.core.reallocation import Action, Reallocation
from sim.audit.order_records import taken_back
from sim.audit.records import Bust, ControlBreach, Correction, Kept
from sim.protocol.enums import Control, DecisionReason, EndReason
from sim.protocol.market_data import BookSnapshot

if TYPE_CHECKING:
    from fractions import Fraction

    from router.core.desk import Desk

_Known = tuple[Parent, BookSnapshot | None, "Fraction | None"]
_COLLAR: Final = frozenset({Control.PRICE_COLLAR, Control.NO_REFERENCE})
_VOLUME: Final = frozenset({Control.MAX_OPEN, Control.MAX_TOTAL})


class Brakes:
    """Lets orders pass or keeps them.

    Attributes:
        barred: By parent and venue, what was known as the collar kept an order from there: the
            quote of the venue and the reference price. What has changed since lets it go on.
    """

    def __init__(self, desk: "Desk", controls: Controls, policy: Reallocation) -> None:
        self.controls = controls
        self.barred: dict[tuple[str, str], _Known] = {}
        self._desk = desk
        self._policy = policy
        self._cut: dict[str, Parent] = {}
        self._capped: dict[str, tuple[Parent, int]] = {}  # with the room that was left
        self._held: list[tuple[Parent, Breach]] = []  # by fills of this report
        self._until: dict[str, int] = {}  # by parent, when somebody lets it go on
        self._killed = False
        self._at_ns = None if controls.config.kill is None else controls.config.kill.at

    # What is about to leave

    def lets_pass(self, child: Child, now_ns: int, out: list[Outcome]) -> bool:
        """Whether a new child may leave, made smaller where that is what follows."""
        parent = child.parent
        while True:
            lot = self._desk.view.venues[child.venue_id].profile.lot
            order = Leaving(parent, child.venue_id, child.side, child.leaves_qty, child.price, lot)
            breach = self._breach(order, now_ns)
            if breach is None:
                return True
            action = self._policy.after_control(breach.control)
            allowed = breach.allowed_qty if action is Action.SMALLER else 0
            then = self._then(breach, action, allowed)
            self._record(parent, breach, then, now_ns, out, order=_kept(child), allowed=allowed)
            if not self._killed and not allowed:
                self._keep(child, breach, action, now_ns, out)
            if not allowed:
                child.leaves_qty = 0  # it never was
                parent.on_kept(child.venue_id)
                return False
            self._make_smaller(child, allowed)
            if breach.control in _VOLUME:
                self._cap(parent, allowed)
            else:
                self._cut[parent.parent_id] = parent

    def lets_replace(
        self, child: Child, target: tuple[int, int], now_ns: int, out: list[Outcome]
    ) -> bool:
        """Whether a replace may leave; if not, the order stays as it is until something changes."""
        total, price = target
        parent, venue_id = child.parent, child.venue_id
        order = Leaving(
            parent, venue_id, child.side, total - child.told_qty, price, 1, replaces=True
        )
        breach = self._breach(order, now_ns)
        if breach is None:
            return True
        then = "later" if breach.control is Control.MESSAGES else Action.WAIT_FOR_QUOTE.value
        kept = _kept(child, total, price)
        self._record(parent, breach, then, now_ns, out, order=kept)
        if self._killed:
            return False
        if breach.control is Control.MESSAGES:
            self._pause(venue_id, breach, now_ns, out)
        else:
            self._bar(parent, venue_id)
        return False

    def _breach(self, order: Leaving, now_ns: int) -> Breach | None:
        if self._killed:
            return Breach(Control.KILL_SWITCH, now_ns, now_ns)
        return self.controls.check(order, now_ns)

    def _then(self, breach: Breach, action: Action, allowed: int) -> str:
        """What follows, in the record's words."""
        if breach.control is Control.KILL_SWITCH:
            return "end"
        if breach.control is Control.MESSAGES:
            return "later"
        if action is not Action.SMALLER or allowed:
            return action.value
        return "wait_for_answer" if breach.control in _VOLUME else Action.OTHER_VENUES.value

    def _make_smaller(self, child: Child, lots: int) -> None:
        """The smaller order is one of its own, with the next id."""
        parent, venue_id, old = child.parent, child.venue_id, child.cl_ord_id
        parent.children_at[venue_id] += 1
        parent.on_kept(venue_id)
        child.cl_ord_id = f"{parent.parent_id}.{venue_id}.{parent.children_at[venue_id]}"
        child.order_qty = child.leaves_qty = lots
        child.min_qty = min(child.min_qty, lots)
        resting = self._desk.resting
        if resting is not None and resting.children.pop(old, None) is not None:
            resting.children[child.cl_ord_id] = child

    def _record(
        self,
        parent: Parent | None,
        breach: Breach,
        then: str,
        now_ns: int,
        out: list[Outcome],
        *,
        order: Kept | None = None,
        allowed: int = 0,
    ) -> None:
        out.append(
            ControlBreach(
                t_ns=now_ns,
                control=breach.control,
                found=breach.found,
                limit=breach.limit,
                then=then,
                parent_id=None if parent is None else parent.parent_id,
                order=order,
                allowed_qty=allowed or None,
                until_ns=breach.until_ns,
            )
        )
        if breach.control is not Control.KILL_SWITCH:
            self.controls.breaches += 1
            self._look_for_kill(now_ns, out)

    # What is done instead

    def _keep(
        self, child: Child, breach: Breach, action: Action, now_ns: int, out: list[Outcome]
    ) -> None:
        """An order did not leave: see to it that it is not tried again before something changes."""
        desk, control, parent, venue_id = self._desk, breach.control, child.parent, child.venue_id
        if action is Action.LEAVE:
            desk.stop(parent, EndReason.CONTROL, now_ns, out)
            return
        parent.rule = control.value
        if control is Control.MESSAGES:
            self._pause(venue_id, breach, now_ns, out)
        elif control in _VOLUME:
            if self.controls.used_up(parent):
                desk.stop(parent, EndReason.CONTROL, now_ns, out)
            else:
                self._cap(parent, 0)
            return
        elif action is Action.WAIT_FOR_QUOTE:
            self._bar(parent, venue_id)
        else:
            parent.excluded[venue_id] = _reason(control)
        desk.want(parent, DecisionReason.CONTROL, now_ns, out)

    def _bar(self, parent: Parent, venue_id: str) -> None:
        venue = self._desk.view.venues[venue_id]
        reference = self.controls.reference(parent.side)
        self.barred[parent.parent_id, venue_id] = parent, venue.quote, reference
        parent.barred[venue_id] = Control.PRICE_COLLAR.value

    def _pause(self, venue_id: str, breach: Breach, now_ns: int, out: list[Outcome]) -> None:
        """Nothing leaves for a venue, or for any, until the window lets it."""
        rule = self.controls.config.messages
        assert rule is not None
        assert breach.until_ns is not None
        desk = self._desk
        venues = [venue_id] if rule.per == "venue" else list(desk.view.venues)
        for name in venues:
            if desk.standing.pause(name, breach.until_ns):
                out.append(WakeAt(breach.until_ns, HoldOver(name)))

    def _cap(self, parent: Parent, leaving: int) -> None:
        """The parent waits until more may be open of it than now, with what is leaving."""
        parent.held |= CAPPED
        self._capped[parent.parent_id] = parent, self.controls.room(parent) - leaving

    # What lets it go on

    def on_quote(self, now_ns: int, out: list[Outcome]) -> None:
        """A quote came: venues that show a new book, or another reference, are tried again."""
        desk = self._desk
        for (name, venue_id), (parent, quote, reference) in list(self.barred.items()):
            if parent.end_reason is not None or parent.stopped is not None:
                del self.barred[name, venue_id]
            elif (
                desk.view.venues[venue_id].quote is not quote
                or self.controls.reference(parent.side) != reference
            ):
                del self.barred[name, venue_id]
                del parent.barred[venue_id]
                if parent.free_qty > 0:
                    desk.want(parent, DecisionReason.QUOTE_CHANGE, now_ns, out)

    def answered(self, parent: Parent, now_ns: int, out: list[Outcome]) -> None:
        """A venue has said something about a child: what waited for that goes on, or is held."""
        held, self._held = self._held, []
        for one, breach in held:
            self._hold(one, breach, now_ns, out)
        self._look_for_kill(now_ns, out)
        if self._cut.pop(parent.parent_id, None) is not None and parent.free_qty > 0:
            parent.rule = Action.SMALLER.value
            self._desk.want(parent, DecisionReason.CONTROL, now_ns, out)
        for one, room in list(self._capped.values()):
            if one.end_reason is not None or one.stopped is not None:
                del self._capped[one.parent_id]
            elif self.controls.used_up(one):
                del self._capped[one.parent_id]
                self._desk.stop(one, EndReason.CONTROL, now_ns, out)
            elif self.controls.room(one) > room:
                del self._capped[one.parent_id]
                self._let_go_on(one, CAPPED, now_ns, out)

    def on_release(self, token: Release, now_ns: int, out: list[Outcome]) -> None:
        """Somebody lets a parent go on that was filled too often."""
        if now_ns < self._until[token.parent_id]:
            return  # it was held once more since
        self._let_go_on(self._desk.parents[token.parent_id], EXECUTIONS, now_ns, out)

    def _let_go_on(self, parent: Parent, why: int, now_ns: int, out: list[Outcome]) -> None:
        parent.held &= ~why
        if parent.held or parent.stopped is not None or parent.end_reason is not None:
            return
        self._desk.waiting.note(parent)
        if parent.free_qty > 0:
            parent.rule = "released" if why == EXECUTIONS else Action.SMALLER.value
            self._desk.want(parent, DecisionReason.CONTROL, now_ns, out)

    # Fills, and the end of all trading

    def on_fill(self, child: Child, booked: tuple[int, int, Decimal | None], now_ns: int) -> None:
        """A fill was booked: price, lots and fee; what follows is done with its report."""
        px, lots, fee = booked
        self.controls.book(child.side, lots, lots * px, fee or Decimal(0))
        breach = self.controls.on_fill(child.parent, now_ns)
        if breach is not None:
            self._held.append((child.parent, breach))

    def on_taken_back(self, child: Child, record: Bust | Correction, fee: Decimal) -> None:
        """A fill was taken back or corrected."""
        lots, tick_lots = taken_back(record)
        self.controls.book(child.side, -lots, -tick_lots, fee)

    def on_parent(self, now_ns: int, out: list[Outcome]) -> None:
        """A client's order arrives: the first sets the alarm of the kill switch."""
        if self._at_ns is not None:
            at_ns, self._at_ns = self._at_ns, None
            if at_ns > now_ns:
                out.append(WakeAt(at_ns, Kill()))
            else:
                self.on_kill(now_ns, out)

    def again(self, record: ControlBreach) -> None:
        """A breach from before the router came back: it counts, and what it holds stays held."""
        if record.control is Control.KILL_SWITCH:
            self._killed = True
            return
        self.controls.breaches += 1
        until_ns, parent_id = record.until_ns, record.parent_id
        if record.control is Control.EXECUTIONS and until_ns is not None and parent_id is not None:
            self._desk.parents[parent_id].held |= EXECUTIONS
            self._until[parent_id] = until_ns

    def come_back(self, now_ns: int, out: list[Outcome]) -> None:
        """The router is back: alarms are set anew, and what old fills led to is known already."""
        self._held.clear()
        for name, until_ns in self._until.items():
            out.append(WakeAt(max(now_ns, until_ns), Release(name)))
        if self._desk.parents and not self._killed:
            self.on_parent(now_ns, out)

    def on_kill(self, now_ns: int, out: list[Outcome]) -> None:
        """Somebody pulls the kill switch."""
        kill = self.controls.config.kill
        assert kill is not None
        assert kill.at is not None
        self._kill(Breach(Control.KILL_SWITCH, now_ns, kill.at), now_ns, out)

    def _look_for_kill(self, now_ns: int, out: list[Outcome]) -> None:
        breach = None if self._killed else self.controls.killed_by()
        if breach is not None:
            self._kill(breach, now_ns, out)

    def _kill(self, breach: Breach, now_ns: int, out: list[Outcome]) -> None:
        if self._killed:
            return
        self._killed = True
        self._record(None, breach, "end", now_ns, out)
        self._desk.end_all(EndReason.KILL_SWITCH, now_ns, out)

    def _hold(self, parent: Parent, breach: Breach, now_ns: int, out: list[Outcome]) -> None:
        """A parent was filled too often: it takes nothing more, for a time or for good."""
        if parent.end_reason is not None or parent.stopped is not None:
            return
        until_ns = breach.until_ns
        self._record(parent, breach, "leave" if until_ns is None else "later", now_ns, out)
        if self._killed:
            return  # that breach was one too many
        if until_ns is None:
            self._desk.stop(parent, EndReason.CONTROL, now_ns, out)
            return
        parent.held |= EXECUTIONS
        self._until[parent.parent_id] = until_ns
        self._desk.waiting.note(parent)
        out.append(WakeAt(until_ns, Release(parent.parent_id)))


def _reason(control: Control) -> str:
    """Why a venue is left out for a parent."""
    return (Control.PRICE_COLLAR if control in _COLLAR else control).value


def _kept(child: Child, total: int | None = None, price: int | None = None) -> Kept:
    return Kept(
        child.cl_ord_id,
        child.decision_id,
        child.venue_id,
        child.side,
        child.order_qty if total is None else total,
        child.price if price is None else price,
        replaces=total is not None,
    )
