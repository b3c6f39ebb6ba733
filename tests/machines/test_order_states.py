"""A state machine over the life of a child order, held against what is known of it."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.core.states import FINAL, OrdEvent, after
from sim.protocol.enums import OrdStatus

ENDS = {
    OrdEvent.FULL: OrdStatus.FILLED,
    OrdEvent.CANCELED: OrdStatus.CANCELED,
    OrdEvent.EXPIRED: OrdStatus.EXPIRED,
    OrdEvent.DONE_FOR_DAY: OrdStatus.DONE_FOR_DAY,
}
OPEN = {
    "unheard": OrdStatus.PENDING_NEW,
    "known": OrdStatus.NEW,
    "told": OrdStatus.PARTIALLY_FILLED,
}
ASKED = {"cancel": OrdStatus.PENDING_CANCEL, "replace": OrdStatus.PENDING_REPLACE}


class StatesMachine(RuleBasedStateMachine):
    """What is known of the order (``heard``), what was asked of it last, and how it ended.

    ``heard`` is ``told`` once more than its arrival is known of an open order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.status = OrdStatus.PENDING_NEW
        self.heard = "unheard"
        self.asked = ""
        self.end: OrdStatus | None = None

    @rule(event=st.sampled_from(OrdEvent))
    def happens(self, event: OrdEvent) -> None:
        came = after(self.status, event)
        if self.may(event):
            self.follow(event)
            assert came is self.expected(), (self.status, event)
            self.status = came
        else:
            assert came is None, (self.status, event)

    def may(self, event: OrdEvent) -> bool:
        """Whether a sound router and venue can get there."""
        refused = event in {OrdEvent.CANCEL_REFUSED, OrdEvent.REPLACE_REFUSED}
        if self.end is not None:
            # The refusal of what crossed the end; an order that was refused cannot be replaced.
            return event is OrdEvent.CANCEL_REFUSED or (
                event is OrdEvent.REPLACE_REFUSED and self.end is not OrdStatus.REJECTED
            )
        if event in {OrdEvent.REPLACED, OrdEvent.CLOSED} or refused:
            of_cancel = event is OrdEvent.CANCEL_REFUSED
            return self.asked == "cancel" or (self.asked == "replace" and not of_cancel)
        match event:
            case OrdEvent.ACK:
                return bool(self.asked) or self.heard != "known"
            case OrdEvent.REJECT:
                return self.asked == "cancel" or (self.heard == "unheard" and not self.asked)
            case OrdEvent.CANCEL_SENT:
                return self.asked != "cancel"
            case OrdEvent.REPLACE_SENT:
                return not self.asked and self.heard != "unheard"
            case _:
                return True

    def follow(self, event: OrdEvent) -> None:
        if self.end is not None:
            return
        self.end = ENDS.get(event)
        match event:
            case OrdEvent.REJECT:
                self.end = OrdStatus.REJECTED
            case OrdEvent.CLOSED:
                self.end = OrdStatus.FILLED
            case OrdEvent.ACK if self.heard == "unheard":
                self.heard = "known"
            case OrdEvent.PARTIAL:
                self.heard = "told"
            case OrdEvent.CANCEL_SENT:
                self.asked = "cancel"
            case OrdEvent.REPLACE_SENT:
                self.asked = "replace"
            case OrdEvent.CANCEL_REFUSED:
                self.asked, self.heard = "", "told"
            case OrdEvent.REPLACED | OrdEvent.REPLACE_REFUSED if self.asked == "replace":
                self.asked, self.heard = "", "told"

    def expected(self) -> OrdStatus:
        return self.end or ASKED.get(self.asked) or OPEN[self.heard]

    @invariant()
    def ends_once_and_for_all(self) -> None:
        """I3, I4."""
        assert (self.status in FINAL) == (self.end is not None)
        if self.end is not None:
            assert {after(self.status, event) for event in OrdEvent} <= {None, self.end}


def test_I3_I4_an_order_lives_as_the_table_says(run_machine: Callable[..., None]) -> None:
    run_machine(StatesMachine)


def test_I3_I4_of_every_pair_the_table_says_what_the_model_says() -> None:
    """All that a life can come to, one step after the other: nothing is left to chance.

    The model reaches every pair and has one answer to each, so no change of the table passes.
    """
    todo: list[tuple[str, str, OrdStatus | None]] = [("unheard", "", None)]
    seen, order = set(todo), StatesMachine()
    answers: dict[tuple[OrdStatus, OrdEvent], set[OrdStatus | None]] = {}
    while todo:
        life = todo.pop()
        for event in OrdEvent:
            order.heard, order.asked, order.end = life
            pair = order.expected(), event
            may = order.may(event)
            if may:
                order.follow(event)
            answers.setdefault(pair, set()).add(order.expected() if may else None)
            then = order.heard, order.asked, order.end
            if then not in seen:
                seen.add(then)
                todo.append(then)
    pairs = [(status, event) for status in OrdStatus for event in OrdEvent]
    assert answers == {pair: {after(*pair)} for pair in pairs}
    assert {end for _, _, end in seen} - {None} == FINAL
