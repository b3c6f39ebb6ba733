"""What all venues have in common in a scenario file: the base of the kinds' configs.

A config is checked in two steps. The model checks each value by itself; ``problems`` then checks
what depends on the instrument's tick and lot and on other values, and says the place of each.
``build`` and ``source`` may be called when ``problems`` found nothing, and still raise on what they
cannot convert.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sim.kernel.latency import LatencyModel, OrderLatencyModel, Resolve
from sim.kernel.streams import Keyed
from sim.protocol.config import DecimalText, Ident, PositiveDecimal, PriceLevel, ScenarioModel, Seq
from sim.protocol.enums import Side
from sim.protocol.market_data import Level, RecordedGroup
from sim.protocol.ticks import TickTable
from sim.protocol.units import ForeignUnits, PriceTicks, QtyLots, UnitError, Units, plain
from venues.core.api import VenueCore
from venues.core.gate import GateCore
from venues.core.operated import OperatedCore
from venues.core.overflow import OverflowCore
from venues.fees import FeeSchedule
from venues.legs import ProcessingConfig, SpeedBumpConfig
from venues.rules import (
    BustsConfig,
    CurrencyConfig,
    Found,
    RequestsConfig,
    ShortSaleConfig,
    ThrottleConfig,
    TickBandConfig,
    TradingConfig,
    at,
)

Visibility = Literal["dark", "maker", "lit"]


class LegLatency(ScenarioModel):
    """The three one-way delays between the router and a venue."""

    order: OrderLatencyModel
    """From the router to the venue."""
    report: OrderLatencyModel
    """From the venue to the router: what became of orders."""
    feed: LatencyModel
    """From the venue to the router: market data."""

    def files(self) -> tuple[str, ...]:
        """Names of the files that the models read, as the scenario writes them."""
        return self.order.files() + self.report.files() + self.feed.files()


class Grid:
    """A venue's own price and quantity steps, as whole multiples of the instrument's.

    Attributes:
        tick: The venue's tick, in ticks of the instrument.
        lot: The venue's lot, in lots of the instrument.
        ticks: The venue's ticks where they depend on the price, each a whole multiple of ``tick``.

    Raises:
        UnitError: If a step is no whole multiple of the instrument's.
    """

    __slots__ = ("_own", "_units", "lot", "tick", "ticks")

    def __init__(
        self,
        units: Units,
        tick_size: Decimal | None = None,
        lot_size: Decimal | None = None,
        ticks: TickTable | None = None,
    ) -> None:
        self.ticks = ticks
        self.tick: int = 1 if tick_size is None else units.price_to_ticks(tick_size)
        self.lot: int = 1 if lot_size is None else units.qty_to_lots(lot_size)
        self._units = units
        self._own = Units(tick_size or units.tick_size, lot_size or units.lot_size)

    def price(self, value: Decimal) -> PriceTicks:
        """Ticks of a price on this venue's grid.

        Raises:
            UnitError: If the price is off the grid or too large.
        """
        self._own.price_to_ticks(value)
        price = self._units.price_to_ticks(value)
        if self.ticks is not None and not self.ticks.fits(price):
            raise UnitError(f"must be on the tick of its price in tick_table, was {plain(value)}")
        return price

    def step(self, value: Decimal) -> PriceTicks:
        """Ticks of a price on the instrument's grid, which may be finer than the venue's.

        Raises:
            UnitError: If the price is off the grid or too large.
        """
        return self._units.price_to_ticks(value)

    def qty(self, value: Decimal) -> QtyLots:
        """Lots of a quantity on this venue's grid.

        Raises:
            UnitError: If the quantity is off the grid or too large.
        """
        self._own.qty_to_lots(value)
        return self._units.qty_to_lots(value)

    def level(self, level: tuple[Decimal, Decimal]) -> Level:
        """Ticks and lots of ``[price, quantity]``.

        Raises:
            UnitError: If one of them is off the grid or too large.
        """
        return self.price(level[0]), self.qty(level[1])

    def level_problems(self, level: tuple[Decimal, Decimal]) -> list[Found]:
        """What is wrong with ``[price, quantity]``: path 0 is the price, 1 the quantity."""
        found: list[Found] = []
        for place, convert in enumerate((self.price, self.qty)):
            try:
                convert(level[place])
            except UnitError as error:
                found.append(((place,), str(error)))
        return found


class BookConfig(ScenarioModel):
    """Resting levels at the start, in any order; each price once per side."""

    asks: Seq[PriceLevel] = ()
    """Offers as [price, quantity]."""
    bids: Seq[PriceLevel] = ()
    """Bids as [price, quantity], all below the lowest ask."""

    def levels(self, grid: Grid) -> Iterator[tuple[Side, int, int]]:
        """``(side, ticks, lots)`` of each level, as written.

        Raises:
            UnitError: If a level is off the grid.
        """
        for side, levels in ((Side.SELL, self.asks), (Side.BUY, self.bids)):
            for level in levels:
                yield side, *grid.level(level)

    def problems(self, grid: Grid) -> list[Found]:
        """Levels off the grid, prices that occur twice, bids that reach the lowest ask."""
        found = side_problems("asks", self.asks, grid) + side_problems("bids", self.bids, grid)
        best_ask = min((price for price, _ in self.asks), default=None)
        if best_ask is not None:
            found += [
                (("bids", n, 0), below_ask(price, best_ask))
                for n, (price, _) in enumerate(self.bids)
                if price >= best_ask
            ]
        return found


class VenueConfig(ScenarioModel, ABC):
    """What every kind of venue has."""

    visibility: ClassVar[Visibility]
    """How much others see of it; strategies group venues by this."""
    takes_resting: ClassVar[bool] = True
    """Whether orders may rest there."""
    takes_min_qty: ClassVar[bool] = False
    """Whether orders may state a minimum quantity."""
    takes_book_flow: ClassVar[bool] = False
    """Whether flow that looks at the book may run here: its core is a book of all its orders."""
    takes_special: ClassVar[bool] = False
    """Whether orders may be more than limit and market orders: stops, icebergs, pegged orders."""

    id: Ident
    """Names it in the log, in tables and in ``--set``."""
    kind: str
    latency: LegLatency
    """The three one-way delays."""
    speed_bump: SpeedBumpConfig = SpeedBumpConfig()
    """Constant delays on top of these."""
    processing: ProcessingConfig | None = None
    """The venue's own time for each order message; without it there is none."""
    fees: FeeSchedule = FeeSchedule()
    """What it charges."""
    tick_size: PositiveDecimal | None = None
    """Price step of this venue, a whole multiple of the instrument's, which is the default."""
    tick_table: Annotated[Seq[TickBandConfig], Field(max_length=100)] = ()
    """Larger ticks in bands of prices, from 0 up; without it ``tick_size`` holds at all prices."""
    currency: CurrencyConfig | None = None
    """The currency of all prices and amounts in this entry; without it the instrument's."""
    lot_size: PositiveDecimal | None = None
    """Quantity step of this venue, a whole multiple of the instrument's, which is the default."""
    depth: Annotated[int, Field(ge=5, le=1000)] = 10
    """Levels per side that the feed carries."""
    fill_risk: Annotated[DecimalText, Field(ge=0, lt=1, decimal_places=8)] = Decimal(0)
    """Probability that lots shown here are not had (`min_risk` weighs it)."""
    impact: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """Estimate of what our own order moves the price by, as a price (`min_risk` weighs it)."""
    trading: TradingConfig | None = None
    """Hours and halts; without it the venue is open all the time."""
    throttle: ThrottleConfig | None = None
    """Limit of each account's messages; without it there is none."""
    max_order_qty: PositiveDecimal | None = None
    """The largest order that the venue takes; without it there is no limit."""
    price_band: PositiveDecimal | None = None
    """How far above the last price a buy may be limited, and a sell below it."""
    short_sale: ShortSaleConfig | None = None
    """A price test for short sales; without it they are sales."""
    busts: BustsConfig | None = None
    """Trades that it takes back or corrects afterwards; without it none."""
    requests: RequestsConfig | None = None
    """How it goes about cancels and replaces; without it they are decided at once."""

    @property
    def silent(self) -> bool:
        """Whether the feed never shows what the venue holds."""
        return False

    @property
    def uses_reference(self) -> bool:
        """Whether its rules look at the quotes of other venues, as it has received them.

        Then ``links`` or the ``tape`` bring them: the core's ``handle`` gets the ``BookSnapshot``
        of each lit venue, that of the opening before the run starts.
        """
        return False

    @property
    def hears_others(self) -> bool:
        """Whether it makes use of the quotes of other venues, whether or not it needs them."""
        return self.uses_reference or self.short_sale is not None

    def build(
        self,
        units: Units,
        resolve: Resolve,
        chance: Keyed | None = None,
        *,
        operated: bool = False,
    ) -> VenueCore:
        """The venue's core with its book as it is at the start, behind the rules of this entry.

        Args:
            units: Tick and lot of the instrument.
            resolve: Finds the files that the entry names.
            chance: The venue's own draws; needed by what draws.
            operated: Whether faults may halt it, and more (``venues.core.operated``).

        Raises:
            UnitError: If a number is off the grid.
            DataFormatError: If a file cannot be read or is wrong.
            ValueError: If chance is needed and was not given.
        """
        units = self.own_units(units)
        core = self.core(units, resolve, chance)
        if self.busts is not None:
            core = self.busts.around(core, self.grid(units), chance)
        if self.short_sale is not None:
            core = self.short_sale.around(
                core,
                units,
                tick=self.grid(units).tick,
                displayed_depth=self.depth if self.visibility == "lit" else 0,
                passes_quotes=self.uses_reference,
            )
        limits = (self.throttle, self.max_order_qty, self.price_band)
        if limits != (None, None, None) or self.tick_table:
            core = GateCore(
                core,
                None if self.throttle is None else self.throttle.build(),
                None if self.max_order_qty is None else units.qty_to_lots(self.max_order_qty),
                None if self.price_band is None else units.price_to_ticks(self.price_band),
                self.grid(units).ticks,
            )
        if self.trading is not None:
            core = self.trading.around(core)
        if operated:
            core = OperatedCore(core)
        if self.requests is not None:
            core = self.requests.around(core)
        return core if self.processing is None else OverflowCore(core)

    @abstractmethod
    def core(self, units: Units, resolve: Resolve, chance: Keyed | None) -> VenueCore:
        """The core of this kind, without what ``build`` puts around it."""

    def source(
        self,
        units: Units,
        resolve: Resolve,
    ) -> Iterator[tuple[int, RecordedGroup]] | None:
        """What drives the core beside orders: ``(t_ns, message)`` in order of time, or None."""
        return None

    def files(self) -> tuple[str, ...]:
        """Names of the files that this venue reads, as the scenario writes them."""
        own = () if self.processing is None else self.processing.time.files()
        return self.latency.files() + own

    def grid(self, units: Units) -> Grid:
        """The venue's price and quantity steps.

        Raises:
            UnitError: If a step is no whole multiple of the instrument's, or a band of ticks begins
                where it may not.
        """
        units = self.own_units(units)
        ticks = None
        if self.tick_table:
            steps = Grid(units, self.tick_size)
            bands = [band.build(steps) for band in self.tick_table]
            try:
                ticks = TickTable(bands)
            except ValueError as error:
                raise UnitError(f"in ticks of the instrument, {error}") from None
        return Grid(units, self.tick_size, self.lot_size, ticks)

    def own_units(self, units: Units) -> Units:
        """The instrument's units, as far as prices of this entry are written in them."""
        if self.currency is None or isinstance(units, ForeignUnits):
            return units
        return ForeignUnits(units, self.currency.rate)

    def problems(self, units: Units) -> list[Found]:
        """Everything that is wrong with this entry beyond its single values."""
        found: list[Found] = []
        units = self.own_units(units)
        if self.currency is not None and self.tick_size is None:
            found.append((("currency",), "needs a tick_size of the venue, in this currency"))
        for name, value, convert in (
            ("tick_size", self.tick_size, units.price_to_ticks),
            ("lot_size", self.lot_size, units.qty_to_lots),
            ("max_order_qty", self.max_order_qty, units.qty_to_lots),
            ("price_band", self.price_band, units.price_to_ticks),
        ):
            try:
                if value is not None:
                    convert(value)
            except UnitError as error:
                found.append(((name,), str(error)))
        # A key that is wrong in itself is missing here, and must not hide what else is wrong.
        fees, busts = getattr(self, "fees", None), getattr(self, "busts", None)
        if fees is not None:
            found += at(("fees",), fees.problems(units))
        if self.trading is not None:
            found += at(("trading",), self.trading.problems())
        if any(path in {("tick_size",), ("lot_size",)} for path, _ in found):
            return found  # no grid to hold the levels against
        if self.currency is not None and self.tick_size is None:
            return found
        try:
            grid = self.grid(units)
        except UnitError as error:
            return [*found, (("tick_table",), str(error))]
        if busts is not None:
            found += at(("busts",), busts.problems(grid))
        return found + self.problems_on(grid)

    def problems_on(self, grid: Grid) -> list[Found]:
        """What is wrong with a kind's own levels on a valid grid."""
        return []


def side_problems(name: str, levels: Sequence[tuple[Decimal, Decimal]], grid: Grid) -> list[Found]:
    """Levels of one side off the grid, and prices that occur twice; paths begin with ``name``."""
    found: list[Found] = [
        ((name, n, *path), message)
        for n, level in enumerate(levels)
        for path, message in grid.level_problems(level)
    ]
    first: dict[Decimal, int] = {}
    for n, (price, _) in enumerate(levels):
        if first.setdefault(price, n) != n:
            found.append(
                ((name, n, 0), f"the price {plain(price)} is already at {name}[{first[price]}]")
            )
    return found


def below_ask(bid: Decimal, best_ask: Decimal) -> str:
    """Say that a bid would trade with the best ask."""
    return f"a bid must be below the lowest ask {plain(best_ask)}, was {plain(bid)}"
