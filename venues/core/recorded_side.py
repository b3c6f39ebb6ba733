"""One side of recorded level-2 data: what is recorded at each price and what was taken of it.

Keeps the rule "what we took stays taken", which ``venues.core.recorded_book`` states; knows no
order of ours.
"""

from collections.abc import Iterable, Iterator

from sim.protocol.errors import InvariantError
from venues.core.book import PriceLevel, RestingOrder


class RecordedSide:
    """One side. Levels are keyed by ``sign * raw price``, so that both sides run best first.

    Attributes:
        sign: 1 for asks, -1 for bids.
        shift: Ticks that are added to raw prices to give displayed ones: ``anchor``, which the
            recording says, and ``moved``, what our own trades did.
        offset: The same for keys.
        recorded: Lots per level as recorded, > 0.
        taken: Lots per level that orders took and that are still recorded, > 0.
        alone: Levels known to be one stranger's alone, with nothing taken: kept by the book.
        changed: Levels that the open instant has touched.
        hidden: Whether some level may have, or have had, no price to be displayed at.
    """

    __slots__ = (
        "_lot",
        "alone",
        "anchor",
        "changed",
        "hidden",
        "moved",
        "offset",
        "recorded",
        "shift",
        "sign",
        "taken",
    )

    def __init__(self, sign: int, lot: int) -> None:
        self.sign = sign
        self.anchor = 0
        self.moved = 0
        self.shift = 0
        self.offset = 0
        self.recorded: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self.alone: dict[int, tuple[PriceLevel, RestingOrder]] = {}
        self.changed: dict[int, None] = {}
        self.hidden = False
        self._lot = lot

    def record(self, price: int, lots: int) -> None:
        """A level now has ``lots`` (0: gone); complete only after ``settle``."""
        key = self.sign * price
        if lots:
            self.recorded[key] = lots
        else:
            self.recorded.pop(key, None)
        self.changed[key] = None

    def follow(self) -> None:
        """Display raw prices by ``anchor`` and ``moved`` as they are now."""
        self.shift = self.anchor + self.moved
        self.offset = self.sign * self.shift

    def clear(self) -> None:
        """All recorded levels are gone; complete only after ``settle``."""
        self.changed.update(dict.fromkeys(self.recorded))
        self.recorded.clear()

    def settle(self) -> Iterable[int]:
        """End of an instant: what was taken is at most what is recorded; the levels touched."""
        changed, self.changed = self.changed, {}
        taken = self.taken
        if taken:
            for key in changed:
                if key in taken:
                    recorded = self.recorded.get(key, 0)
                    if not recorded:
                        del taken[key]
                    elif taken[key] > recorded:
                        taken[key] = recorded
        return changed

    def left(self, key: int) -> int:
        """Lots of a level that are there to take, in whole lots of the venue."""
        lots = self.recorded.get(key, 0)
        if key in self.taken:
            lots -= self.taken[key]
        return lots - lots % self._lot

    def take(self, key: int, lots: int) -> None:
        """Note that lots of a level were taken."""
        recorded = self.recorded.get(key, 0)
        taken = min(recorded, self.taken.get(key, 0) + lots)
        if taken:
            self.taken[key] = taken

    def displayed(self) -> Iterator[tuple[int, int]]:
        """Displayed key and lots of each level that has a price and lots, in no order.

        A level that the shift takes to 0 or below has no price: it neither shows nor trades.
        """
        sign, offset = self.sign, self.offset
        for key in self.recorded:
            if sign * (key + offset) > 0 and (lots := self.left(key)):
                yield key + offset, lots

    def check(self, name: str) -> None:
        """Walk every invariant of this side.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        if self.changed:
            raise InvariantError(f"{name}: an instant was left open")
        for key, recorded in self.recorded.items():
            if recorded <= 0:
                raise InvariantError(f"{name}: recorded {recorded} lots at raw {abs(key)}")
        for key, taken in self.taken.items():
            recorded = self.recorded.get(key, 0)
            if not 0 < taken <= recorded:
                raise InvariantError(
                    f"{name}: taken at raw {abs(key)} must be 1 to {recorded} lots (recorded), "
                    f"was {taken}"
                )
