"""What a venue's entry may say of when it trades and how much it takes, whatever its kind.

The config models of ``venues.core.session`` and ``venues.core.gate``.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from sim.protocol.config import Duration, ScenarioModel, Seq
from sim.protocol.enums import TradingState
from venues.core.api import TradingChange, VenueCore
from venues.core.gate import Throttle
from venues.core.requests import RequestsCore
from venues.core.session import OnClose, OnHalt, SessionCore

Found = tuple[tuple[str | int, ...], str]
"""One thing wrong: its path inside the venue's entry, and what is wrong."""


def at(prefix: tuple[str | int, ...], found: Sequence[Found]) -> list[Found]:
    """The same problems, one level further out."""
    return [((*prefix, *path), message) for path, message in found]


class HaltConfig(ScenarioModel):
    """A time without trading inside the hours."""

    at: Duration
    """When it begins, since the start of the run."""
    until: Duration
    """When trading goes on."""


class TradingConfig(ScenarioModel):
    """When a venue trades, and what becomes of the orders in its book when it stops.

    Outside of these hours and in halts new orders, replaces and reductions are refused; cancels are
    taken. There is no auction at the open or after a halt.
    """

    open: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """When trading begins, since the start of the run."""
    close: Duration | None = None
    """When trading ends for good; without it not within the run."""
    last_entry: Duration | None = None
    """From here on new orders are refused as too late, while the book goes on trading until the
    close; without it they are taken until then."""
    halts: Annotated[Seq[HaltConfig], Field(max_length=1_000)] = ()
    """In order of time, within the hours, apart from each other."""
    on_halt: OnHalt = "keep"
    """Whether orders in the book stay there or are canceled as a halt begins."""
    on_close: OnClose = "expire_day"
    """Which orders end at the close: those with time in force DAY expire, all expire, or those
    with time in force DAY are reported as done for the day."""

    def around(self, core: VenueCore) -> SessionCore:
        """The core with these hours."""
        state = TradingState.OPEN if self.open == 0 else TradingState.PRE_OPEN
        changes = [] if self.open == 0 else [TradingChange(self.open, TradingState.OPEN, "opened")]
        for halt in self.halts:
            changes.append(TradingChange(halt.at, TradingState.HALTED, "halted"))
            changes.append(TradingChange(halt.until, TradingState.OPEN, "resumed"))
        if self.close is not None:
            changes.append(TradingChange(self.close, TradingState.CLOSED, "closed"))
        return SessionCore(
            core,
            state,
            changes,
            on_halt=self.on_halt,
            on_close=self.on_close,
            last_entry=self.last_entry,
        )

    def problems(self) -> list[Found]:
        """Times out of order."""
        found: list[Found] = []
        if self.close is not None and self.close <= self.open:
            found.append((("close",), "must be later than open"))
        if self.last_entry is not None:
            if self.last_entry < self.open:
                found.append((("last_entry",), "must not be earlier than open"))
            if self.close is not None and self.last_entry >= self.close:
                found.append((("last_entry",), "must be earlier than close"))
        for n, halt in enumerate(self.halts):
            if halt.at < self.open:
                found.append((("halts", n, "at"), "must not be earlier than open"))
            if halt.until <= halt.at:
                found.append((("halts", n, "until"), "must be later than at"))
            if self.close is not None and halt.until > self.close:
                found.append((("halts", n, "until"), "must not be later than close"))
        for n, (before, after) in enumerate(pairwise(self.halts)):
            if after.at <= before.until:
                message = f"must be later than the end of halts[{n}]"
                found.append((("halts", n + 1, "at"), message))
        return found


class RequestsConfig(ScenarioModel):
    """How a venue goes about cancels and replaces of open orders.

    One request for an order is pending at a time, and no id of a request may have been used before;
    what breaks this is refused.
    """

    decision: Annotated[Duration, Field(gt=0)]
    """From the arrival of a request to its acceptance or refusal; the order may fill meanwhile."""
    report_pending: bool = True
    """Whether it says at once that a request is pending; then all reports until the decision have
    that status."""

    def around(self, core: VenueCore) -> RequestsCore:
        """The core with this way of deciding."""
        return RequestsCore(core, lambda _: self.decision, report_pending=self.report_pending)


class ThrottleConfig(ScenarioModel):
    """How many new orders and replaces an account may send; what is beyond that is refused.

    Cancels and reductions pass always and do not count. Nor does what the throttle itself refuses;
    an order that something else refuses does.
    """

    messages: Annotated[int, Field(ge=1, le=100_000)]
    """The most in any window of time ``per``."""
    per: Annotated[Duration, Field(gt=0)]
    """Length of the window."""

    def build(self) -> Throttle:
        """The limit."""
        return Throttle(self.messages, self.per)
