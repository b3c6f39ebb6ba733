"""One side of a book that follows recorded level-2 data: what is recorded, taken and available.

Keeps the rule "what we took stays taken", which ``venues.core.recorded_book`` states; knows no
orders and no reports.
"""

from collections.abc import Iterator
from itertools import islice

from sortedcontainers import SortedDict

from sim.protocol.errors import InvariantError
from sim.protocol.market_data import Levels
from venues.core.book import KEY_MAX, STALE


class RecordedSide:
    """One side. Levels are keyed by ``sign * raw price``, so that both sides run best first.

    Attributes:
        sign: 1 for asks, -1 for bids.
        shift: Ticks that are added to raw prices to give displayed ones.
        recorded: Lots per level as recorded, > 0.
        taken: Lots per level that orders took and that are still recorded, > 0.
        available: ``recorded - taken`` in whole lots of the venue, where above 0.
    """

    __slots__ = (
        "_dirty",
        "_lot",
        "_shown_to",
        "_view",
        "_view_depth",
        "available",
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
        self.available: SortedDict[int, int] = SortedDict()
        self._lot = lot
        self._dirty: list[int] = []
        self._view: Levels = ()
        self._view_depth = 0
        self._shown_to = STALE

    # ------------------------------------------------------------ the recording

    def record(self, price: int, lots: int) -> None:
        """A level now has ``lots`` (0: gone); complete only after ``settle``."""
        key = self.sign * price
        if lots:
            self.recorded[key] = lots
        else:
            self.recorded.pop(key, None)
        if key in self.taken:
            self._dirty.append(key)
        else:
            self._offer(key, lots)

    def clear(self) -> None:
        """All recorded levels are gone; complete only after ``settle``."""
        self.recorded.clear()
        self.available.clear()
        self._dirty = list(self.taken)
        self._shown_to = STALE

    def move(self, shift: int) -> None:
        """Display raw prices plus ``shift`` from now on."""
        self.shift = shift
        self._shown_to = STALE

    def settle(self) -> None:
        """End of an instant: what was taken is at most what is recorded."""
        if not self._dirty:
            return
        for key in self._dirty:
            recorded = self.recorded.get(key, 0)
            taken = min(self.taken.get(key, 0), recorded)
            if taken:
                self.taken[key] = taken
            else:
                self.taken.pop(key, None)
            self._offer(key, recorded - taken)
        self._dirty.clear()

    def _offer(self, key: int, lots: int) -> None:
        lots -= lots % self._lot
        if lots:
            self.available[key] = lots
        else:
            self.available.pop(key, None)
        if key <= self._shown_to:
            self._shown_to = STALE

    # ------------------------------------------------------------ orders

    def take(self, key: int, lots: int) -> None:
        """Take available lots of one level."""
        self.taken[key] = taken = self.taken.get(key, 0) + lots
        self._offer(key, self.recorded[key] - taken)

    def fills(self, limit: int | None, lots: int) -> list[tuple[int, int, int]]:
        """What ``lots`` with this limit (displayed price) would get: ``(key, price, lots)``."""
        sign, shift = self.sign, self.shift
        furthest = KEY_MAX if limit is None else sign * (limit - shift)
        found = []
        for key in self.visible():
            if key > furthest or not lots:
                break
            part = min(lots, self.available[key])
            lots -= part
            found.append((key, sign * key + shift, part))
        return found

    def visible(self) -> Iterator[int]:
        """Keys of the available levels, best first.

        A level that the shift takes to 0 or below has no price: it neither shows nor trades.
        """
        if self.shift >= 0:
            return iter(self.available)
        if self.sign > 0:
            return self.available.irange(minimum=1 - self.shift)
        return self.available.irange(maximum=self.shift - 1)

    def view(self, depth: int) -> Levels:
        """The best ``depth`` displayed levels; the same tuple object while they are the same."""
        if self._shown_to != STALE and depth == self._view_depth:
            return self._view
        sign, shift, available = self.sign, self.shift, self.available
        keys = list(islice(available, depth))
        if shift < 0 and keys and sign * keys[0 if sign > 0 else -1] + shift <= 0:
            keys = list(islice(self.visible(), depth))
        view = tuple([(sign * key + shift, available[key]) for key in keys])
        if view != self._view:
            self._view = view
        self._view_depth = depth
        # With fewer levels than asked for, any new level would show.
        self._shown_to = keys[-1] if len(keys) == depth else KEY_MAX
        return self._view

    def check(self, name: str) -> None:
        """Walk every invariant of this side.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        if self._dirty:
            raise InvariantError(f"{name}: an instant was left open")
        for key, taken in self.taken.items():
            if not 0 < taken <= self.recorded.get(key, 0):
                raise InvariantError(
                    f"{name}: taken at raw {abs(key)} must be 1 to {self.recorded.get(key, 0)} "
                    f"lots (recorded), was {taken}"
                )
        expected = {}
        for key, recorded in self.recorded.items():
            if recorded <= 0:
                raise InvariantError(f"{name}: recorded {recorded} lots at raw {abs(key)}")
            lots = recorded - self.taken.get(key, 0)
            if lots >= self._lot:
                expected[key] = lots - lots % self._lot
        if dict(self.available) != expected:
            raise InvariantError(f"{name}: available lots are not recorded - taken")
        levels = [(self.sign * key + self.shift, expected[key]) for key in sorted(expected)]
        shown = [level for level in levels if level[0] > 0]
        if list(self.view(self._view_depth)) != shown[: self._view_depth]:
            raise InvariantError(f"{name}: the displayed levels are not the available ones")
