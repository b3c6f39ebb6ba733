"""``trial_static``: the widely copied enumerating allocator, which is greedy in disguise.

Public copies go through all splits in steps of 100 shares, each at most what is displayed, keep
those that sum to the order, and price them with a rebate and with penalties ``lambda_over``,
``lambda_under`` and ``theta``. But a split that sums to the order and never exceeds what is
displayed fills whole: nothing is ever over or under, no rebate is ever earned, and the penalties
multiply 0. So the cheapest split is the one that takes the lowest ask with fee first, whatever the
three are, and it is found here in that way; going through all splits takes time that grows with
the power of the venues.

Source: public pseudo-code of a "static cost" allocator after Cont and Kukanov, and its unit cases.
"""

from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from router.allocate.base import Allocation, AllocationRequest, Depth, Offer, Strategy, walk
from sim.protocol.config import DecimalText, PositiveDecimal, ScenarioModel

Penalty = Annotated[DecimalText, Field(ge=0)]

DEGENERATE: Final = (
    ("degenerate", "lambda_over, lambda_under and theta cannot change this split"),
)


class TrialStatic(Strategy):
    """Takes the best levels by price with fee, in whole steps, or nothing."""

    name = "trial_static"
    depth: Depth = "top"

    def __init__(self, step: Decimal) -> None:
        self._step = step

    def allocate(self, request: AllocationRequest) -> Allocation:
        """Split all of it, or none of it where no split in whole steps comes to it."""
        step = self._step_lots()
        offers = tuple([_in_steps(offer, step) for offer in request.offers])
        shown = sum(offer.levels[0][1] for offer in offers if offer.levels)
        if request.qty % step or shown < request.qty:
            ranking = walk(request, (offers,), {}).ranking
            refused = tuple([(offer.venue_id, "no_whole_split") for offer in request.offers])
            return Allocation((), ranking, refused, notes=DEGENERATE)
        top = msgspec.structs.replace(request, depth="top")
        return msgspec.structs.replace(walk(top, (offers,), {}), notes=DEGENERATE)

    def _step_lots(self) -> int:
        lot_size = Decimal(1) if self.units is None else self.units.lot_size
        return max(1, int(self._step / lot_size))


def _in_steps(offer: Offer, step: int) -> Offer:
    """The best level alone, in whole steps and lots of the venue."""
    levels = offer.levels[:1]
    if levels:
        price, qty = levels[0]
        qty -= qty % step
        qty -= qty % offer.lot
        levels = ((price, qty),) if qty else ()
    return msgspec.structs.replace(offer, levels=levels)


class TrialStaticConfig(ScenarioModel):
    """Cheapest best ask with fee first, or nothing; its three parameters cannot change that.

    ``lambda_over``, ``lambda_under`` and ``theta`` cannot change its result, and every decision's
    notes say so: a split that is kept fills whole, so they multiply 0. What is no whole number of
    steps, or more than all best levels show, is not sent at all.

    Source: the widely copied enumerating "static cost" allocator; own convention: computed as
    greedy by price with fee, which is the same split, with the usual rules for ties.
    """

    kind: Literal["trial_static"]
    lambda_over: Penalty = Decimal("0.4")
    """Penalty per share beyond the order, as money. It has no effect."""
    lambda_under: Penalty = Decimal("0.6")
    """Penalty per share short of the order, as money. It has no effect."""
    theta: Penalty = Decimal("0.3")
    """Penalty per share over or short, as money. It has no effect."""
    step: PositiveDecimal = Decimal(100)
    """Quantity of the steps in which splits are made."""

    def build(self) -> TrialStatic:
        """The strategy."""
        return TrialStatic(self.step)
