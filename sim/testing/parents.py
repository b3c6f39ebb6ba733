"""A client's order in the hands of the router under test."""

from typing import TYPE_CHECKING

from router.core.orders import Child, Parent
from sim.protocol.enums import EndReason, Side

if TYPE_CHECKING:
    from sim.testing.market import Market


class MarketParent:
    """A client's order in the hands of the router under test; lots and ticks.

    What is sent for it counts as its child. It ends when it is filled and nothing is open any more,
    or once ``close`` was called and nothing is open any more.
    """

    def __init__(self, market: "Market", parent: Parent) -> None:
        self._market = market
        self.book = parent

    @property
    def id(self) -> str:
        """Its name."""
        return self.book.parent_id

    @property
    def side(self) -> Side:
        """What it does."""
        return self.book.side

    @property
    def qty(self) -> int:
        """Lots that were ordered."""
        return self.book.order_qty

    @property
    def limit(self) -> int | None:
        """Its limit in ticks."""
        return self.book.limit_px

    @property
    def filled_qty(self) -> int:
        """Lots filled, too many included."""
        return self.book.filled_qty

    @property
    def open_qty(self) -> int:
        """Lots in children that may still fill."""
        return self.book.reserved_qty

    @property
    def leaves_qty(self) -> int:
        """Lots that are still to be filled; 0 where too many were."""
        return max(0, self.qty - self.filled_qty)

    @property
    def children(self) -> list[Child]:
        """The orders that were sent for it, in their order."""
        return [one for one in self._market.shell.core.children.values() if one.parent is self.book]

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended; None: it has not."""
        return self.book.end_reason

    def close(self) -> None:
        """Nothing more is sent for it: it ends as soon as nothing of it is open."""
        self._market.shell.close(self.book)

    def __repr__(self) -> str:
        return f"MarketParent({self.id}: {self.side.value} {self.filled_qty} of {self.qty})"
