"""Why a lot that was asked of a venue was not filled: the list of causes, and their ledger.

The ledger follows how many lots a child could have had, event by event: what is lost has a cause,
and what comes back makes up for the latest loss. What stands in it at the end adds up to what the
child did not get. Knows no record.
"""

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

import msgspec


@unique
class Cause(Enum):
    """Why lots were not filled; the text is what reports show."""

    STALE_QUOTE = "stale_quote"
    """The quote was out of date: the lots were gone before the child left."""
    GONE_BEFORE_ARRIVAL = "gone_before_arrival"
    """Withdrawn while the child was on its way; no trade was printed for them."""
    TAKEN_BY_OTHERS = "taken_by_others"
    """Others traded them while the child was on its way."""
    FADED = "faded"
    """A participant gave way after a fill of ours, and withdrew them while the child was on its
    way."""
    OWN_SIBLING = "own_sibling"
    """Another child of ours took them first."""
    QUEUE = "queue"
    """They rested at a price that the market stayed at, and their turn did not come."""
    PRICE_LIMIT = "price_limit"
    """There was a market, and the child's limit or a price rule of the venue kept it out."""
    MIN_QTY = "min_qty"
    """A minimum quantity, or all or none, forbade the trade."""
    LAST_LOOK = "last_look"
    """A dealer held the order and did not stand by its quote."""
    HALT = "halt"
    """The venue did not trade."""
    NOT_SHOWN = "not_shown"
    """More was asked than was shown, and it was not there."""
    UNTRUE_INDICATION = "untrue_indication"
    """The venue still showed them as the child came, and did not give them."""
    NO_REFERENCE = "no_reference"
    """The venue had no market of others to price by."""
    REJECTED = "rejected"
    """The venue refused the order for another reason, which the child's row names."""
    CANCELED_BY_ROUTER = "canceled_by_router"
    """The router took the order back before it could trade."""
    CANCELED_BY_VENUE = "canceled_by_venue"
    """The venue ended the order by itself, and the log does not say why."""
    BUSTED = "busted"
    """Filled, and taken back by the venue."""
    NOT_BOOKED = "not_booked"
    """Reported at a price beyond the limit, and booked to an account apart."""
    FAULT = "fault"
    """A fault of the scenario struck the order or what was said of it, and for that the venue was
    not understood, or the order was taken back."""
    NOT_ANSWERED = "not_answered"
    """The venue did not say what became of them."""
    STILL_OPEN = "still_open"
    """Open, or on the way, as the log ends."""
    NOT_RECORDED = "not_recorded"
    """The log holds no market data to tell by."""


SAYS: Final[Mapping[Cause, str]] = {
    Cause.STALE_QUOTE: "the quote was out of date: gone before the order left",
    Cause.GONE_BEFORE_ARRIVAL: "withdrawn while the order was on its way",
    Cause.TAKEN_BY_OTHERS: "traded by others while the order was on its way",
    Cause.FADED: "withdrawn by a participant after a fill of ours",
    Cause.OWN_SIBLING: "taken by another order of ours",
    Cause.QUEUE: "rested, and its turn did not come",
    Cause.PRICE_LIMIT: "its limit, or a price rule of the venue, kept it out",
    Cause.MIN_QTY: "a minimum quantity, or all or none, forbade the trade",
    Cause.LAST_LOOK: "the dealer did not stand by its quote (last look)",
    Cause.HALT: "the venue did not trade",
    Cause.NOT_SHOWN: "more was asked than was shown, and it was not there",
    Cause.UNTRUE_INDICATION: "still shown on arrival, and not given",
    Cause.NO_REFERENCE: "the venue had no market of others to price by",
    Cause.REJECTED: "refused by the venue for another reason",
    Cause.CANCELED_BY_ROUTER: "taken back by the router before it could trade",
    Cause.CANCELED_BY_VENUE: "ended by the venue, which does not say why",
    Cause.BUSTED: "filled, and taken back by the venue",
    Cause.NOT_BOOKED: "reported beyond the limit, and booked apart",
    Cause.FAULT: "a fault of the scenario struck its messages or its venue",
    Cause.NOT_ANSWERED: "the venue did not say what became of it",
    Cause.STILL_OPEN: "open, or on the way, as the log ends",
    Cause.NOT_RECORDED: "the log holds no market data to tell by",
}
"""Each cause in words."""

_ORDER: Final = {cause: place for place, cause in enumerate(Cause)}

Causes = dict[Cause, int]
"""Lots by cause; no entry is zero."""


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Lots that a child could not have any more, since when and why."""

    cause: Cause
    qty: int
    t_ns: int | None = None
    """When they were lost; None where that is not known, or nothing happened."""
    who: str = ""
    """A child of ours, or a participant, that it goes back to."""


class Ledger:
    """Losses of one child, the latest last."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []

    @property
    def total(self) -> int:
        """Lots lost and not regained."""
        return sum(one.qty for one in self._losses)

    def lose(self, cause: Cause, qty: int, t_ns: int | None = None, who: str = "") -> None:
        """Note that ``qty`` lots can no longer be had; 0 or less: nothing happened."""
        if qty <= 0:
            return
        last = self._losses[-1] if self._losses else None
        if last is not None and (last.cause, last.t_ns, last.who) == (cause, t_ns, who):
            qty += self._losses.pop().qty
        self._losses.append(Loss(cause, qty, t_ns, who))

    def regain(self, qty: int) -> None:
        """Note that ``qty`` lots can be had again: they make up for the latest losses."""
        while qty > 0 and self._losses:
            last = self._losses.pop()
            if last.qty > qty:
                self._losses.append(msgspec.structs.replace(last, qty=last.qty - qty))
            qty -= last.qty

    def settle(self, short: int) -> list[Loss]:
        """The losses that stand for ``short`` lots.

        What was lost beyond that did no harm in the end, the latest first; what is missing in the
        ledger is left to the caller.
        """
        self.regain(self.total - short)
        return list(self._losses)


def by_cause(losses: list[Loss]) -> Causes:
    """Lots by cause, in the order of the list of causes."""
    found: Causes = {}
    for one in losses:
        found[one.cause] = found.get(one.cause, 0) + one.qty
    return in_order(found)


def added(parts: list[Causes]) -> Causes:
    """The sum of several, in the order of the list of causes."""
    parts = [one for one in parts if one]
    if len(parts) < 2:
        return parts[0] if parts else {}
    found: Causes = {}
    for part in parts:
        for cause, qty in part.items():
            found[cause] = found.get(cause, 0) + qty
    return in_order(found)


def in_order(causes: Causes) -> Causes:
    """The same in the order of the list of causes, without zeros."""
    return {
        cause: causes[cause] for cause in sorted(causes, key=_ORDER.__getitem__) if causes[cause]
    }


def as_text(causes: Causes) -> dict[str, int]:
    """Lots by the cause's name."""
    return {cause.value: qty for cause, qty in causes.items()}
