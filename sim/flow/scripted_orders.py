"""The entries of a scripted flow: orders of every type, and requests for them."""

from decimal import Decimal
from typing import Final, Literal

from sim.flow.base import FlowGrid, Problems, off_grid
from sim.protocol.config import DecimalText, Duration, Ident, PositiveDecimal, ScenarioModel
from sim.protocol.enums import OrdType, PegReference, SelfTrade, Side, TimeInForce
from sim.protocol.orders import NewOrderSingle, OrderInstructions, Peg
from sim.protocol.units import PriceTicks, QtyLots, plain

_STOPS: Final = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
_NEED_PRICE: Final = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
_MAY_HAVE_PRICE: Final = _NEED_PRICE | {OrdType.PEGGED}


class PegTo(ScenarioModel):
    """What the price of a pegged order follows: a best price of the venue's own book."""

    reference: Literal["bid", "ask", "mid", "primary"]
    """The best bid, the best offer, their middle, or the best price of the order's own side; of
    displayed orders that are not pegged themselves."""
    offset: DecimalText = Decimal(0)
    """How far away from it, as a price: below for a buy, above for a sell. Negative: towards the
    other side."""


class ScriptedOrder(ScenarioModel):
    """A new order of somebody else.

    What goes beyond limit and market orders only lit venues take; minimum quantities dark ones too.
    """

    at: Duration
    """When it reaches the venue."""
    id: Ident
    """For a later ``cancel``, ``replace`` or ``reduce``."""
    side: Literal["buy", "sell"]
    """Side of the order."""
    qty: PositiveDecimal
    """Quantity, not lots."""
    price: PositiveDecimal | None = None
    """Its limit; of a pegged order the price that it never passes."""
    type: Literal["limit", "market", "stop", "stop_limit", "market_to_limit", "pegged"] | None = (
        None
    )
    """Type of the order; without it a limit order if it has a price, else a market order."""
    tif: Literal["DAY", "GTC", "IOC", "FOK"] = "GTC"
    """Time in force."""
    min_qty: PositiveDecimal | None = None
    """Fewest of one execution against a single counter-order."""
    stop_price: PositiveDecimal | None = None
    """The last price that elects a stop or stop-limit order: at it or above for a buy, at it or
    below for a sell."""
    display: PositiveDecimal | None = None
    """The most that shows at a time (an iceberg's peak); without it all shows."""
    min_display: PositiveDecimal | None = None
    """As soon as less than this shows, the peak is made whole again; without it when none shows."""
    hidden: bool = False
    """Whether nothing of it shows."""
    all_or_none: bool = False
    """Whether it trades whole or not at all."""
    peg: PegTo | None = None
    """What a pegged order follows."""
    post_only: bool = False
    """Whether it is refused if it would take."""
    self_trade: Literal["none", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"] = (
        "none"
    )
    """What happens when it meets an order of the same flow."""

    @property
    def ord_type(self) -> OrdType:
        """The type, also where it is not written."""
        if self.type is not None:
            return OrdType(self.type)
        return OrdType.MARKET if self.price is None else OrdType.LIMIT

    @property
    def rests(self) -> bool:
        """Whether what it leaves unfilled may rest in a book."""
        return self.ord_type is not OrdType.MARKET and self.tif not in {"IOC", "FOK"}

    @property
    def instructed(self) -> bool:
        """Whether it has anything that travels as an instruction."""
        return (
            self.display is not None
            or self.min_display is not None
            or self.hidden
            or self.all_or_none
            or self.stop_price is not None
            or self.peg is not None
        )

    @property
    def special(self) -> bool:
        """Whether it is more than a limit or a market order."""
        return self.instructed or self.ord_type not in {OrdType.LIMIT, OrdType.MARKET}

    def problems(self, grid: FlowGrid) -> Problems:
        """What a venue with this grid would refuse about it."""
        return self._off_grid(grid) + self._contradictions() + self._beyond()

    def _off_grid(self, grid: FlowGrid) -> Problems:
        found: Problems = []
        for name, convert, value in (
            ("qty", grid.qty, self.qty),
            ("price", grid.price, self.price),
            ("min_qty", grid.qty, self.min_qty),
            ("stop_price", grid.price, self.stop_price),
            ("display", grid.qty, self.display),
            ("min_display", grid.qty, self.min_display),
        ):
            if value is not None:
                found += off_grid((name,), convert, value)
        if self.peg is not None and self.peg.offset:
            found += off_grid(("peg", "offset"), grid.price, abs(self.peg.offset))
        return found

    def _beyond(self) -> Problems:
        """Quantities above what they are a part of."""
        found: Problems = []
        for name, value, whole_name, whole in (
            ("min_qty", self.min_qty, "qty", self.qty),
            ("display", self.display, "qty", self.qty),
            ("min_display", self.min_display, "display", self.display),
        ):
            if value is not None and whole is not None and value > whole:
                found.append(((name,), f"must be at most {whole_name}, {plain(whole)}"))
        return found

    def _contradictions(self) -> Problems:
        kind = self.ord_type
        name, at_once = kind.value.replace("_", "-"), self.tif in {"IOC", "FOK"}
        rules: tuple[tuple[str, bool, str], ...] = (
            ("price", self.price is None and kind in _NEED_PRICE, f"a {name} order needs one"),
            (
                "price",
                self.price is not None and kind not in _MAY_HAVE_PRICE,
                f"a {name} order has none",
            ),
            (
                "stop_price",
                (self.stop_price is None) == (kind in _STOPS),
                "stops have one, and no other orders",
            ),
            (
                "peg",
                (self.peg is None) == (kind is OrdType.PEGGED),
                "pegged orders have one, and no others",
            ),
            ("tif", at_once and kind is OrdType.PEGGED, "a pegged order must be DAY or GTC"),
            (
                "min_display",
                self.min_display is not None and self.display is None,
                "needs display",
            ),
            ("display", self.display is not None and self.hidden, "a hidden order shows nothing"),
            (
                "display",
                self.display is not None and (self.all_or_none or self.min_qty is not None),
                "must not stand beside all_or_none or min_qty",
            ),
            (
                "min_qty",
                self.min_qty is not None and self.all_or_none,
                "must not stand beside all_or_none",
            ),
            (
                "post_only",
                self.post_only and (at_once or kind is not OrdType.LIMIT),
                "only a limit order that may rest can be post-only",
            ),
        )
        return [((key,), message) for key, broken, message in rules if broken]

    def message(self, grid: FlowGrid, account: str) -> NewOrderSingle:
        """The order as it reaches the venue.

        Raises:
            UnitError: If a number is off the grid.
        """
        return NewOrderSingle(
            cl_ord_id=f"{account}.{self.id}",
            side=Side(self.side),
            order_qty=grid.qty(self.qty),
            price=None if self.price is None else grid.price(self.price),
            ord_type=self.ord_type,
            time_in_force=TimeInForce(self.tif),
            account=account,
            post_only=self.post_only,
            self_trade=SelfTrade(self.self_trade),
            min_qty=QtyLots(0) if self.min_qty is None else grid.qty(self.min_qty),
            instructions=self._instructions(grid) if self.instructed else None,
        )

    def _instructions(self, grid: FlowGrid) -> OrderInstructions:
        peg = None
        if self.peg is not None:
            offset = self.peg.offset
            ticks = grid.price(abs(offset)) if offset else 0
            peg = Peg(PegReference(self.peg.reference), -ticks if offset < 0 else ticks)
        return OrderInstructions(
            None if self.display is None else grid.qty(self.display),
            QtyLots(0) if self.min_display is None else grid.qty(self.min_display),
            self.hidden,
            self.all_or_none,
            None if self.stop_price is None else PriceTicks(grid.price(self.stop_price)),
            peg,
        )


class ScriptedCancel(ScenarioModel):
    """Cancels an order of the same flow."""

    at: Duration
    """When it reaches the venue."""
    cancel: Ident
    """``id`` of the order."""


class ScriptedReplace(ScenarioModel):
    """Asks for another price and total quantity of an order of the same flow."""

    at: Duration
    """When it reaches the venue."""
    replace: Ident
    """``id`` of the order."""
    qty: PositiveDecimal
    """The new total quantity, what is filled included."""
    price: PositiveDecimal | None = None
    """The new limit; without it the order has none: a market order, a stop, a pegged order."""
    stop_price: PositiveDecimal | None = None
    """The new price of a waiting stop; without it that stays as it is."""
    min_qty: PositiveDecimal | None = None
    """The new minimum quantity; without it that stays as it is."""

    def problems(self, grid: FlowGrid) -> Problems:
        """Numbers that are off the grid."""
        found = off_grid(("qty",), grid.qty, self.qty)
        for name, convert, value in (
            ("price", grid.price, self.price),
            ("stop_price", grid.price, self.stop_price),
            ("min_qty", grid.qty, self.min_qty),
        ):
            if value is not None:
                found += off_grid((name,), convert, value)
        return found


class ScriptedReduce(ScenarioModel):
    """Takes a part off an order of the same flow, which keeps its place."""

    at: Duration
    """When it reaches the venue."""
    reduce: Ident
    """``id`` of the order."""
    by: PositiveDecimal
    """How much; as much as is open, or more, cancels it."""

    def problems(self, grid: FlowGrid) -> Problems:
        """A quantity that is off the grid."""
        return off_grid(("by",), grid.qty, self.by)
