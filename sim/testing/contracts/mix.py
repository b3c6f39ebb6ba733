"""The messages of a contract: orders of all sorts, good and bad, and quotes of other venues."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sim.kernel.streams import Stream, Streams
from sim.protocol.enums import OrdType, PegReference, SelfTrade, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.orders import NewOrderSingle, OrderInstructions, Peg
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.api import VenueCore

ACCOUNTS: Final = ("A", "B", "C")
_RESTING: Final = (TimeInForce.GTC, TimeInForce.DAY)
_TIFS: Final = (*_RESTING, TimeInForce.IOC, TimeInForce.FOK)


@dataclass(frozen=True)
class VenueCase:
    """A venue to put to the test.

    Attributes:
        make: Makes the core anew, the same each time.
        low: Lowest limit price of the orders that it gets, in ticks, > 0, on its tick.
        high: Highest, above ``low``.
        tick: Its price step in ticks.
        lot: Its quantity step in lots.
        hears: Ids of the venues whose quotes it gets, if its rules look at any.
        shows_truth: Whether what it shows can be had: not so for indications.
        both_sides: Whether it reports the other side of each trade as well: not so where its book
            is made of no orders.
    """

    make: Callable[[], VenueCore]
    low: int
    high: int
    tick: int = 1
    lot: int = 1
    hears: tuple[str, ...] = ()
    shows_truth: bool = True
    both_sides: bool = True


class Mix:
    """Draws messages for one venue.

    Args:
        case: The venue.
        seed: Of all that is drawn.
    """

    def __init__(self, case: VenueCase, seed: int) -> None:
        self._case = case
        self._count = 0
        self._chance: Stream = Streams(seed).get("contract", "venue")

    def new(self, tif: TimeInForce | None = None, *, market: bool | None = None) -> NewOrderSingle:
        """A limit or a market order."""
        case = self._case
        if market is None:
            market = self.below(12) == 0
        ticks = (case.high - case.low) // case.tick
        return NewOrderSingle(
            self.name(),
            self.pick((Side.BUY, Side.SELL, Side.SELL_SHORT)),
            QtyLots(case.lot * (1 + self.below(20))),
            None if market else PriceTicks(case.low + case.tick * self.below(ticks + 1)),
            OrdType.MARKET if market else OrdType.LIMIT,
            tif or self.pick(_TIFS),
            self.pick(ACCOUNTS),
            self_trade=self.pick(tuple(SelfTrade)) if self.below(5) == 0 else SelfTrade.NONE,
        )

    def special(self) -> NewOrderSingle:
        """An order that is more than a limit or a market order; a kind takes it or refuses it."""
        plain = self.new(self.pick(_RESTING), market=False)
        qty, price = plain.order_qty, plain.price
        assert price is not None
        replace = msgspec.structs.replace
        peak = QtyLots(max(1, qty // (2 * self._case.lot)) * self._case.lot)
        stop = OrderInstructions(stop_px=price)
        peg = Peg(self.pick(tuple(PegReference)), self._case.tick * self.below(3))
        options = (
            replace(plain, instructions=OrderInstructions(hidden=True)),
            replace(plain, instructions=OrderInstructions(display_qty=peak)),
            replace(plain, instructions=OrderInstructions(all_or_none=True)),
            replace(plain, post_only=True),
            replace(plain, min_qty=peak),
            replace(plain, ord_type=OrdType.STOP, price=None, instructions=stop),
            replace(plain, ord_type=OrdType.STOP_LIMIT, instructions=stop),
            replace(plain, ord_type=OrdType.MARKET_TO_LIMIT, price=None),
            replace(plain, ord_type=OrdType.PEGGED, instructions=OrderInstructions(peg=peg)),
        )
        made: NewOrderSingle = self.pick(options)
        return made

    def bad_orders(self, taken: Iterable[str]) -> Iterator[NewOrderSingle]:
        """Orders that no venue can take; ``taken`` are names of open ones."""
        case, good = self._case, self.new(TimeInForce.IOC, market=False)
        price = good.price
        assert price is not None
        quantities = [0, -case.lot, 2**63 * case.lot]
        prices: list[int | None] = [0, -price, None, 2**63 * case.tick]
        if case.lot > 1:
            quantities.append(case.lot + 1)
        if case.tick > 1:
            prices.append(price + 1)
        replace = msgspec.structs.replace
        for qty in quantities:
            yield replace(good, cl_ord_id=self.name(), order_qty=QtyLots(qty))
        for px in prices:
            wrong = None if px is None else PriceTicks(px)
            yield replace(good, cl_ord_id=self.name(), price=wrong)
        yield replace(good, cl_ord_id=self.name(), ord_type=OrdType.MARKET)
        for name in taken:
            yield replace(good, cl_ord_id=name)

    def quote(self, venue_id: str, now_ns: int) -> BookSnapshot:
        """A market somewhere between the lowest and the highest limit; now and then half of one."""
        low, high, tick = self._case.low, self._case.high, self._case.tick
        middle = low + (high - low) // 2
        bid = middle - tick * (1 + self.below(3))
        ask = middle + tick * (1 + self.below(3))
        draw = self.below(12)
        bids: Levels = () if draw == 0 else ((bid, 100),)
        asks: Levels = () if draw == 1 else ((ask if draw > 2 else bid, 100),)
        return BookSnapshot(venue_id, self._count, TimeNs(now_ns), bids, asks)

    def tick(self) -> int:
        """The next number."""
        self._count += 1
        return self._count

    def name(self) -> str:
        """A name that was not used before."""
        return f"n{self.tick()}"

    def below(self, bound: int) -> int:
        """A whole number from 0 up to, not including, ``bound``."""
        return int(self._chance.uniform() * bound)

    def pick(self, options: Any) -> Any:
        """One of several."""
        return options[self.below(len(options))]
