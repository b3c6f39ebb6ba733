"""State machines over the router core among venues that are slow, lossy and late, or that lie.

The venues are lists. A sound one answers truly, and its answers then come in any order, twice, or
not at all: of these the ledger says to the lot what the router must have booked. A lying one says
anything; then what must hold of any ledger does.
"""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from router.core.events import ACCOUNT
from sim.audit.records import (
    SessionEvent,
)
from sim.protocol.enums import (
    CxlRejReason,
    EndReason,
    ExecType,
    OrdStatus,
    RejectReason,
    Side,
)
from sim.protocol.orders import (
    ExecutionReport,
    OrderCancelReject,
)
from sim.protocol.session import (
    FromVenue,
    ResendRequest,
    SessionStatus,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from tests.machines.router_machine import (
    AT,
    CHANGES,
    LOTS,
    NOW_STAMPS,
    VENUES,
    Answer,
    RouterMachine,
    Theirs,
)


class NumberedMachine(RouterMachine):
    """Sound venues whose reports are numbered; the line to one may break and come back."""

    numbered = True

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, list[Answer]] = {venue: [] for venue in VENUES}
        self.down: set[str] = set()

    def enter(self, answer: Answer) -> None:
        kept = self.kept[answer.venue]
        kept.append(answer)
        answer.seq = len(kept)
        if answer.venue not in self.down:
            self.answers.append(answer)

    def says_again(self, venue: str, msg: ResendRequest) -> None:
        last = msg.end_seq or len(self.kept[venue])
        again = [a for a in self.kept[venue] if msg.begin_seq <= a.seq <= last]
        if venue not in self.down:
            self.answers += again

    def hand(self, answer: Answer) -> None:
        msg = FromVenue(answer.venue, answer.report, answer.seq, 1)
        self.take(self.core.on_numbered(msg, NOW_STAMPS, self.now))

    @precondition(lambda self: any(o.fills for o in self.theirs.values()))
    @rule(at=AT)
    def is_busted(self, at: int) -> None:
        """Any fill, heard of or not: the numbers put it behind its fill."""
        fills = [(o, n) for o in self.theirs.values() for n in o.fills if n not in o.busted]
        if fills:
            order, exec_id = fills[at % len(fills)]
            order.busted.add(exec_id)
            order.filled -= order.fills[exec_id][1]
            self.say(order, ExecType.TRADE_CANCEL, OrdStatus.NEW, exec_ref_id=exec_id)

    @rule(venue=st.sampled_from(VENUES))
    def line_breaks_or_is_back(self, venue: str) -> None:
        """What is under way on it is lost."""
        if venue in self.down:
            self.down.remove(venue)
        else:
            self.down.add(venue)
            for to, msg in self.coming:
                if to == venue and not isinstance(msg, ResendRequest):
                    self.lost.add(self.child_of[msg.cl_ord_id])
            self.coming = [(to, msg) for to, msg in self.coming if to != venue]
            self.answers = [answer for answer in self.answers if answer.venue != venue]
        status = SessionStatus(venue, 1, venue not in self.down)
        self.take(self.core.on_session(status, self.now))

    @invariant()
    def books_what_venues_said(self) -> None:
        """Some of it waits for what is missing before it; nothing is booked that was not said."""
        if hasattr(self, "core"):
            for name, child in self.core.children.items():
                order = self.theirs.get(name)
                said = sum(lots for _, lots in order.fills.values()) if order is not None else 0
                assert 0 <= child.told_qty <= said, "I2"

    def all_is_quiet(self) -> None:
        for venue in sorted(self.down):
            self.line_breaks_or_is_back(venue)
        super().all_is_quiet()

    def is_true_in_the_end(self) -> None:
        """What was lost on its way back is found again, but where it was given up.

        Nor is a bust that was the last thing its venue said, of an order that had ended: no number
        behind it shows that it is missing, and nobody has a reason to ask.
        """
        given_up = {
            r.venue_id
            for r in self.records
            if isinstance(r, SessionEvent) and r.event == "given_up"
        }
        for order in self.theirs.values():
            child = self.core.children[order.child]
            silent = child.unanswered or child.parent.end_reason is EndReason.NO_ANSWER
            if order.venue not in given_up and not silent:
                unheard = self.unheard_busts(order)
                assert child.told_qty == order.filled + unheard, "nothing is lost or invented"

    def unheard_busts(self, order: Theirs) -> int:
        """Lots that a venue took back in reports behind the last one that came."""
        expected = self.core._lines[order.venue].expected
        return sum(
            order.fills[answer.report.exec_ref_id][1]
            for answer in self.kept[order.venue][expected - 1 :]
            if isinstance(answer.report, ExecutionReport)
            and answer.report.exec_type is ExecType.TRADE_CANCEL
            and answer.report.exec_ref_id in order.fills
        )


class LyingMachine(RouterMachine):
    """The same, and now and then a venue says what is not so."""

    sound = False

    @precondition(lambda self: self.child_of)
    @rule(
        at=AT,
        what=st.sampled_from([*ExecType, ExecType.TRADE, ExecType.TRADE]),
        lots=LOTS,
        more=st.sampled_from([0, 0, 0, 3, -2]),
        px=st.integers(97, 105),
        why=st.sampled_from(RejectReason),
        jump=st.integers(0, 2),
    )
    def lies(
        self, at: int, what: ExecType, lots: int, more: int, px: int, why: RejectReason, jump: int
    ) -> None:
        """About any order or request; with a number that was used before now and then."""
        names = list(self.child_of)
        name = names[-1 - at % len(names)]
        child = self.core.children.get(self.child_of[name])
        trades = what is ExecType.TRADE
        self.serial += jump
        told = 0 if child is None else child.told_qty
        is_request = name != self.child_of[name] and not trades
        report = ExecutionReport(
            what,
            OrdStatus.NEW,
            name,
            ACCOUNT,
            1,
            self.serial,
            Side.BUY if child is None else child.side,
            QtyLots(lots + more),
            QtyLots(max(0, told + lots * trades + more)),
            QtyLots(0),
            TimeNs(self.now),
            self.seq,
            PriceTicks(px) if trades else None,
            QtyLots(lots if trades else 0),
            reject_reason=why,
            orig_cl_ord_id=self.child_of[name] if is_request else None,
            exec_ref_id=self.serial - 1 if what in CHANGES else None,
        )
        venue = "A" if child is None else child.venue_id
        self.take(self.core.on_report(venue, report, NOW_STAMPS, self.now))

    @precondition(lambda self: self.child_of)
    @rule(at=AT, reason=st.sampled_from(CxlRejReason))
    def refuses_at_random(self, at: int, reason: CxlRejReason) -> None:
        names = list(self.child_of)
        name = names[-1 - at % len(names)]
        child = self.core.children.get(self.child_of[name])
        refusal = OrderCancelReject(
            name, self.child_of[name], ACCOUNT, OrdStatus.NEW, reason, TimeNs(self.now), self.seq
        )
        venue = "A" if child is None else child.venue_id
        self.take(self.core.on_report(venue, refusal, NOW_STAMPS, self.now))


def test_F05_F06_F07_F11_F12_F13_F16_I1_to_I6_the_ledger_is_what_sound_venues_said(
    run_machine: Callable[..., None],
) -> None:
    run_machine(RouterMachine)


def test_F02_F03_F06_F12_I1_to_I6_what_is_lost_on_a_numbered_line_is_found_again(
    run_machine: Callable[..., None],
) -> None:
    run_machine(NumberedMachine)


def test_F08_F09_F10_F14_F20_F21_I1_to_I6_hold_among_venues_that_lie(
    run_machine: Callable[..., None],
) -> None:
    run_machine(LyingMachine)
