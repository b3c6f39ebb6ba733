"""When the children of a decision leave, and what its split may not pass by.

Sequential: only the first venue's part is sent, the rest is decided anew once that child has ended.
Latency-equalised: the child with the longest way leaves at once, each other one as much later as
its own way is shorter, so that they arrive together and nobody who learns of the first of them can
react before the others are there.

Source: US patent 8,984,137, "Synchronized processing of data by networked computing resources"
(2015), the routing known as Thor; the race that it avoids as in Budish, Cramton and Shim (2015).
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from router.allocate.base import Allocation, Offer
from router.core.protection import Part, passed_by, protect
from router.settings.sending import SendingConfig
from sim.audit.records import PlannedLeave, Protected, Refused
from sim.protocol.enums import Side
from sim.protocol.market_data import Levels

NOT_ITS_TURN: Final = "not_its_turn"


class Sending:
    """What the settings make of a split.

    Args:
        config: The settings.
        delay_ns: How long an order is thought to take to a venue.
    """

    def __init__(self, config: SendingConfig, delay_ns: Callable[[str], int]) -> None:
        self.protects = config.protect
        self.sequential = config.mode == "sequential"
        self._equalises = config.mode == "latency_equalised"
        self._max_wait = config.max_wait
        self._delay_ns = delay_ns

    def leaves(self, parts: Iterable[Part], left_ns: int | None) -> tuple[PlannedLeave, ...]:
        """When the child to each venue of the split leaves; empty if all do at once.

        Args:
            parts: The split.
            left_ns: Time to the parent's deadline. A child that would leave then or later leaves at
                once.
        """
        if not self._equalises:
            return ()
        delays = {part[0]: 0 for part in parts}
        if len(delays) < 2:
            return ()
        for venue_id in delays:
            delays[venue_id] = self._delay_ns(venue_id)
        return tuple(
            [
                PlannedLeave(venue_id, delays[venue_id], wait)
                for venue_id, wait in waits(delays, self._max_wait, left_ns).items()
            ]
        )


def waits(delays: dict[str, int], max_wait: int, left_ns: int | None) -> dict[str, int]:
    """How long each child waits so that all arrive together, ns.

    Args:
        delays: How long an order takes, by venue, >= 0.
        max_wait: No child waits longer.
        left_ns: Who would have to leave only then or later leaves at once.
    """
    longest = max(delays.values())
    found = {}
    for venue_id, delay in delays.items():
        wait = min(longest - delay, max_wait)
        found[venue_id] = 0 if left_ns is not None and wait >= left_ns else wait
    return found


def first_venue(
    blind: tuple[Part, ...], allocation: Allocation
) -> tuple[tuple[Part, ...], Allocation]:
    """The part of a split that goes to its first venue; the others are refused for now."""
    parts = (*blind, *allocation.slices)
    if not parts:
        return blind, allocation
    first = parts[0][0]
    later = dict.fromkeys(part[0] for part in parts if part[0] != first)
    if not later:
        return blind, allocation
    refused = [*allocation.refused, *((venue_id, NOT_ITS_TURN) for venue_id in later)]
    slices = tuple([part for part in allocation.slices if part[0] == first])
    kept = tuple([part for part in blind if part[0] == first])
    return kept, msgspec.structs.replace(allocation, slices=slices, refused=tuple(refused))


def protected(
    side: Side,
    allocation: Allocation,
    offers: tuple[Offer, ...],
    refused: Iterable[Refused],
    shown: dict[str, Levels],
) -> tuple[Allocation, tuple[Protected, ...]]:
    """A split that passes no displayed lit quote by, with the record of what that took.

    Args:
        side: Of the parent.
        allocation: What the strategy chose.
        offers: What it could use.
        refused: Venues that may not be used, and why.
        shown: What each of them displays on the side that the parent trades against; empty for
            venues that are not lit.
    """
    slices, notes = protect(side, allocation.slices, offers)
    found = list(notes)
    for one in refused:
        levels = shown[one.venue_id]
        if not levels or one.reason in {"no_quote", "nothing_available"}:
            continue  # what is displayed there is ours to take already, or gone
        price, qty = levels[0]
        if passed_by(side, slices, one.venue_id, price):
            found.append(Protected(one.venue_id, price, qty, 0, one.reason))
    if slices == allocation.slices:
        return allocation, tuple(found)
    used = {part[0] for part in slices}
    still = tuple([one for one in allocation.refused if one[0] not in used])
    return msgspec.structs.replace(allocation, slices=slices, refused=still), tuple(found)
