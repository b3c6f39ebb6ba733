"""The base of faults that may strike any message of any leg."""

from functools import cached_property
from typing import Any, Final, Self, get_args

from pydantic import model_validator

from sim.faults.base import Leg, MessageFault, Tools
from sim.faults.messages import FeedKind, OrderKind, ReportKind, matcher

_KINDS: Final[dict[Leg, tuple[str, ...]]] = {
    "order": get_args(OrderKind),
    "report": get_args(ReportKind),
    "feed": get_args(FeedKind),
}


class AnyLegFault(MessageFault):
    """A fault of the line: it knows kinds of messages, and not what they say."""

    leg: Leg
    """``order`` to the venue, ``report`` from it, ``feed`` for its market data."""
    messages: OrderKind | ReportKind | FeedKind = "any"
    """Which messages of the leg."""

    @model_validator(mode="after")
    def _leg_has_them(self) -> Self:
        kinds = _KINDS[self.leg]
        if self.messages not in kinds:
            allowed = ", ".join(kinds)
            raise ValueError(
                f"messages on leg {self.leg} must be one of {allowed}, was {self.messages}"
            )
        return self

    @cached_property
    def _matches(self) -> Any:
        return matcher(self.messages)

    @property
    def on_leg(self) -> Leg:
        """See the base."""
        return self.leg

    def may_strike(self, msg: Any, tools: Tools) -> bool:
        """See the base."""
        return bool(self._matches(msg))
