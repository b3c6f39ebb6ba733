"""What follows when lots are free again: one policy for all strategies.

A table from what happened to what is done, filled from ``router.reroute.on``. Pure: it is asked
and answers, and knows neither desk nor messages. Where the lots then go, of those venues that are
left, is the strategy's affair.
"""

from enum import Enum, unique
from typing import Final

from router.settings.reallocation import OnConfig, RerouteConfig
from sim.protocol.enums import Control, DecisionReason


@unique
class Trigger(Enum):
    """What made lots free, or makes the parent look at them anew; values are keys of ``on``."""

    PARTIAL_FILL = "partial_fill"
    CANCEL = "cancel"
    REJECT = "reject"
    TIMEOUT = "timeout"
    QUOTE_CHANGE = "quote_change"
    HALT = "halt"
    PRICE_COLLAR = "price_collar"
    ORDER_SIZE = "order_size"
    VOLUME = "volume"


@unique
class Action(Enum):
    """What is done then."""

    REALLOCATE = "reallocate"
    WAIT_FOR_QUOTE = "wait_for_quote"
    SAME_VENUE = "same_venue"
    OTHER_VENUES = "other_venues"
    WAIT = "wait"
    CANCEL = "cancel"
    SMALLER = "smaller"
    LEAVE = "leave"


_OF_CONTROL: Final = {
    Control.PRICE_COLLAR: Trigger.PRICE_COLLAR,
    Control.NO_REFERENCE: Trigger.PRICE_COLLAR,
    Control.MAX_ORDER_QTY: Trigger.ORDER_SIZE,
    Control.MAX_ORDER_VALUE: Trigger.ORDER_SIZE,
    Control.MAX_OPEN: Trigger.VOLUME,
    Control.MAX_TOTAL: Trigger.VOLUME,
}
_OURS: Final = frozenset(
    {
        DecisionReason.QUOTE_CHANGE,
        DecisionReason.POST_OVER,
        DecisionReason.DEADLINE_NEAR,
        DecisionReason.HALT,
    }
)
"""Reasons for which the router cancels a child to place its lots anew."""


class Reallocation:
    """The policy.

    Attributes:
        table: The action by trigger.
        reserve_ns: How long lots without an answer are kept; None: until the end.
        cross: The settings of crossing the spread near the deadline; None: not.
        usual: Whether every trigger has its default, so that nobody need ask.
    """

    def __init__(self, config: RerouteConfig) -> None:
        self.table: Final = {
            trigger: Action(getattr(config.on, trigger.value)) for trigger in Trigger
        }
        self.reserve_ns: Final = config.reserve_unanswered
        self.cross: Final = config.cross
        self.usual: Final = config.on == OnConfig()

    def after_control(self, control: Control) -> Action:
        """What follows as a control keeps an order; those of messages and fills only wait."""
        trigger = _OF_CONTROL.get(control)
        return Action.WAIT if trigger is None else self.table[trigger]

    @staticmethod
    def trigger(reason: DecisionReason | None, *, rejected: bool, rests: bool) -> Trigger | None:
        """What an end of a child is.

        Args:
            reason: Why the router asked to cancel it; None if it did not.
            rejected: Whether its venue refused it.
            rests: Whether it was sent to rest.

        Returns:
            None for a cancel of our own, after which the lots are always placed anew.
        """
        if rejected:
            return Trigger.REJECT
        if reason is DecisionReason.TIMEOUT:
            return Trigger.TIMEOUT
        if reason in _OURS:
            return None
        return Trigger.CANCEL if rests else Trigger.PARTIAL_FILL
