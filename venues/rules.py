"""What a venue's entry may say of when it trades and how much it takes, whatever its kind.

The config models of ``venues.core.session`` and ``venues.core.gate``.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, Duration, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import TradingState
from sim.protocol.units import PriceTicks, QtyLots, UnitError, Units
from venues.core.api import TradingChange, VenueCore
from venues.core.busts import BustingCore, Listed
from venues.core.gate import Throttle
from venues.core.requests import RequestsCore
from venues.core.session import OnClose, OnHalt, SessionCore
from venues.core.short_sale import ShortSaleCore


class StepGrid(Protocol):
    """The price and quantity steps of a venue."""

    def price(self, value: Decimal, /) -> PriceTicks:
        """Ticks of a price."""
        ...

    def qty(self, value: Decimal, /) -> QtyLots:
        """Lots of a quantity."""
        ...


OrderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.~-]{1,200}$")]

Found = tuple[tuple[str | int, ...], str]
"""One thing wrong: its path inside the venue's entry, and what is wrong."""


def at(prefix: tuple[str | int, ...], found: Sequence[Found]) -> list[Found]:
    """The same problems, one level further out."""
    return [((*prefix, *path), message) for path, message in found]


class TickBandConfig(ScenarioModel):
    """A band of prices with a tick of its own; it reaches up to the next one."""

    price: Annotated[DecimalText, Field(ge=0)]
    """Where it begins, on its tick and on the one below it; 0 for the first band."""
    tick_size: PositiveDecimal
    """Price step within it, a whole multiple of the venue's ``tick_size``."""

    def build(self, grid: StepGrid) -> tuple[int, int]:
        """First price and tick, in ticks of the instrument.

        Raises:
            UnitError: If one of them is no whole multiple of the venue's tick.
        """
        return grid.price(self.price), grid.price(self.tick_size)


class CurrencyConfig(ScenarioModel):
    """A currency of a venue's own: its prices, per-share fees and amounts are written in it.

    Inside the run all prices are in the instrument's currency, at a fixed rate. So the venue's tick
    times the rate must be a whole multiple of the instrument's tick.
    """

    code: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    """Its name, for people: three capital letters (ISO 4217)."""
    rate: PositiveDecimal
    """What one unit of it costs in the instrument's currency; fixed, exact."""


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


class BustConfig(ScenarioModel):
    """A fill that the venue takes back, or corrects if it gets another quantity or price."""

    at: Duration
    """When, since the start of the run; nothing happens if there is no such fill by then."""
    order: OrderName
    """Its order, by the first id: ``P1.NYSE.2`` is the second child of P1 at NYSE."""
    fill: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Which fill of the order."""
    qty: PositiveDecimal | None = None
    """Its quantity from now on, not more than it has; without it as it was."""
    price: PositiveDecimal | None = None
    """Its price from now on; without it as it was."""

    def build(self, grid: StepGrid) -> Listed:
        """The change in ticks and lots.

        Raises:
            UnitError: If price or quantity is off the venue's grid.
        """
        return Listed(
            self.at,
            self.order,
            self.fill,
            None if self.qty is None else grid.qty(self.qty),
            None if self.price is None else grid.price(self.price),
        )


class RandomBustsConfig(ScenarioModel):
    """Trades that the venue takes back at random, each by a draw of its own."""

    share: Annotated[DecimalText, Field(ge=0, le=1)]
    """Probability of each trade, whoever made it."""
    after: Annotated[Duration, Field(gt=0)]
    """How long after the trade."""


class BustsConfig(ScenarioModel):
    """Trades that the venue takes back or corrects afterwards."""

    listed: Annotated[Seq[BustConfig], Field(max_length=10_000)] = ()
    """One by one."""
    random: RandomBustsConfig | None = None
    """At random."""

    def around(self, core: VenueCore, grid: StepGrid, chance: Keyed | None) -> BustingCore:
        """The core with these changes.

        Raises:
            UnitError: If a price or a quantity is off the venue's grid.
            ValueError: If chance is needed and was not given.
        """
        listed = [change.build(grid) for change in self.listed]
        if self.random is None:
            return BustingCore(core, listed)
        if chance is None:
            raise ValueError("random busts need chance, was None")
        share, draw = float(self.random.share), chance.uniform
        return BustingCore(
            core,
            listed,
            lambda account, name, before: draw("bust", account, name, before) < share,
            self.random.after,
        )

    def problems(self, grid: StepGrid) -> list[Found]:
        """Quantities and prices off the venue's grid."""
        found: list[Found] = []
        for n, change in enumerate(self.listed):
            for name, value, convert in (
                ("qty", change.qty, grid.qty),
                ("price", change.price, grid.price),
            ):
                try:
                    if value is not None:
                        convert(value)
                except UnitError as error:
                    found.append((("listed", n, name), str(error)))
        return found


class ShortSaleConfig(ScenarioModel):
    """A price test for short sales: none may trade or be displayed at or below the best bid.

    The best bid is the highest displayed one over this venue and those that ``links`` or the
    ``tape`` bring it, as it has received them. The test is in force from a time on, or from the
    first trade on that is far enough below a reference, here or at one of those venues.
    """

    since: Duration | None = None
    """When it comes into force, since the start of the run."""
    reference: PositiveDecimal | None = None
    """The price from which a fall counts, such as the last close."""
    fall: Annotated[DecimalText, Field(gt=0, lt=1)] | None = None
    """It comes into force when a trade is this part of the reference below it: 0.10 is 10 %."""
    action: Literal["reject", "reprice"] = "reject"
    """Whether an order at or below the best bid is refused, or its price raised to the first one
    above."""

    @model_validator(mode="after")
    def _has_one_beginning(self) -> Self:
        if (self.reference is None) != (self.fall is None):
            raise ValueError("reference and fall must be given together")
        if (self.since is None) == (self.fall is None):
            raise ValueError("must have either since, or reference and fall")
        return self

    def around(
        self,
        core: VenueCore,
        units: Units,
        *,
        tick: int,
        displayed_depth: int,
        passes_quotes: bool,
    ) -> ShortSaleCore:
        """The core with this test."""
        fallen_to = None
        if self.reference is not None and self.fall is not None:
            fallen_to = floor(units.ticks_in(self.reference) * (1 - Fraction(self.fall)))
        return ShortSaleCore(
            core,
            tick=tick,
            since_ns=self.since,
            fallen_to=fallen_to,
            reprice=self.action == "reprice",
            displayed_depth=displayed_depth,
            passes_quotes=passes_quotes,
        )


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
