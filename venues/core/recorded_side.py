"""One side of a book that follows recorded level-2 data: what is recorded and what was taken.

Keeps the rule "what we took stays taken", which ``venues.core.recorded_book`` states; knows no
orders and no reports.
"""

from collections.abc import Iterator
from itertools import islice

from sortedcontainers import SortedList

from sim.protocol.errors import InvariantError
from sim.protocol.market_data import Level, Levels
from venues.core.book import KEY_MAX, STALE


class RecordedSide:
    """One side. Levels are keyed by ``sign * raw price``, so that both sides run best first.

    Attributes:
        sign: 1 for asks, -1 for bids.
        shift: Ticks that are added to raw prices to give displayed ones.
        recorded: Lots per level as recorded, > 0.
        taken: Lots per level that orders took and that are still recorded, > 0.
    """

    __slots__ = (
        "_depth",
        "_dirty",
        "_keys",
        "_lot",
        "_shown",
        "_shown_to",
        "recorded",
        "shift",
        "sign",
        "taken",
    )

    def __init__(self, sign: int, lot: int) -> None:
        self.sign = sign
        self.shift = 0
        self.recorded: dict[int, int] = {}
        self.taken: dict[int, int] = {}
        self._lot = lot
        # Beside the dict and not as SortedDict: most updates are of levels that are there, and
        # then the order of the keys need not be touched.
        self._keys: SortedList[int] = SortedList()
        self._dirty: list[int] = []
        self._shown: Levels = ()
        self._shown_to = STALE
        self._depth = 0

    # ------------------------------------------------------------ the recording

    def record(self, price: int, lots: int) -> None:
        """A level now has ``lots`` (0: gone); complete only after ``settle``."""
        key = self.sign * price
        recorded = self.recorded
        if lots:
            if key not in recorded:
                self._keys.add(key)
            recorded[key] = lots
        elif key in recorded:
            del recorded[key]
            self._keys.remove(key)
        if key in self.taken:
            self._dirty.append(key)
        if key <= self._shown_to:
            self._shown_to = STALE

    def clear(self) -> None:
        """All recorded levels are gone; complete only after ``settle``."""
        self.recorded.clear()
        self._keys.clear()
        self._dirty += self.taken
        self._shown_to = STALE

    def move(self, shift: int) -> None:
        """Display raw prices plus ``shift`` from now on."""
        self.shift = shift
        self._shown_to = STALE

    def settle(self) -> None:
        """End of an instant: what was taken is at most what is recorded."""
        taken = self.taken
        for key in self._dirty:
            recorded = self.recorded.get(key, 0)
            if recorded == 0:
                taken.pop(key, None)
            elif taken[key] > recorded:
                taken[key] = recorded
        self._dirty.clear()

    # ------------------------------------------------------------ what is there to take

    def take(self, key: int, lots: int) -> None:
        """Take available lots of one level."""
        self.taken[key] = self.taken.get(key, 0) + lots
        if key <= self._shown_to:
            self._shown_to = STALE

    def available(self) -> Iterator[tuple[int, Level]]:
        """Key, and displayed price and lots, of each level with lots to take, best first.

        A level that the shift takes to 0 or below has no price: it neither shows nor trades. Nor
        does what a level has beyond whole lots of the venue.
        """
        sign, shift, lot = self.sign, self.shift, self._lot
        recorded, taken = self.recorded, self.taken
        for key in self._keys:
            lots = recorded[key]
            if key in taken:
                lots -= taken[key]
            if lots >= lot:
                price = sign * key + shift
                if price > 0:
                    yield key, (price, lots - lots % lot)

    def fills(self, limit: int | None, lots: int) -> list[tuple[int, int, int]]:
        """What ``lots`` with this limit (displayed price) would get: ``(key, price, lots)``."""
        furthest = KEY_MAX if limit is None else self.sign * (limit - self.shift)
        found = []
        for key, (price, there) in self.available():
            if key > furthest or not lots:
                break
            part = min(lots, there)
            lots -= part
            found.append((key, price, part))
        return found

    def reach(self, limit: int | None, depth: int) -> Levels:
        """The levels that this limit (displayed price) reaches, at most ``depth`` of them."""
        furthest = KEY_MAX if limit is None else self.sign * (limit - self.shift)
        best = islice(self.available(), depth)
        return tuple([level for key, level in best if key <= furthest])

    def view(self, depth: int) -> Levels:
        """The best ``depth`` displayed levels; the same tuple object while they are the same."""
        if self._shown_to != STALE and depth == self._depth:
            return self._shown
        found = list(islice(self.available(), depth))
        shown = tuple([level for _, level in found])
        if shown != self._shown:
            self._shown = shown
        self._depth = depth
        # With fewer levels than asked for, any new level would show.
        self._shown_to = found[-1][0] if depth and len(found) == depth else KEY_MAX
        return self._shown

    def check(self, name: str) -> None:
        """Walk every invariant of this side.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        if self._dirty:
            raise InvariantError(f"{name}: an instant was left open")
        if list(self._keys) != sorted(self.recorded):
            raise InvariantError(f"{name}: the order of levels is not that of the recorded ones")
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
        levels = [level for _, level in self.available()]
        if self._shown_to != STALE and list(self._shown) != levels[: self._depth]:
            raise InvariantError(f"{name}: the kept view is not that of the available levels")
