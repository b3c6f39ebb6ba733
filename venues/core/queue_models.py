"""How much of a cancel at a price level came from ahead of an order that waits there.

Level-2 data says that a level has shrunk and not where in its line. A ``QueueModel`` says which
share of the lots that were canceled, on average, lay ahead of a resting order; trades need none,
since they take from the front. The names are those of the practice: *risk averse* moves the order
only where nothing behind it is left to cancel, the *probabilistic* families give the probability
that a canceled lot lay behind as ``f(behind) / (f(behind) + f(ahead))``.

Pure and without chance: shares are expectations, and whole lots come of them by ``Split``.
"""

import math
from collections.abc import Callable

QueueModel = Callable[[int, int], float]
"""``model(ahead, behind)``: lots on either side of the order, >= 0 and not both 0, to the share of
a canceled lot that lay ahead of it, 0 to 1."""


def risk_averse(ahead: int, behind: int) -> float:
    """All cancels are behind the order, as long as there is anybody."""
    return 0.0


def optimistic(ahead: int, behind: int) -> float:
    """All cancels are ahead of the order, as long as there is anybody."""
    return 1.0


def proportional(ahead: int, behind: int) -> float:
    """Each lot is as likely to be canceled as any other."""
    return ahead / (ahead + behind)


def power(exponent: float) -> QueueModel:
    """The family ``f(x) = x ** exponent``; 1 is ``proportional``, more prefers the longer part."""

    def share(ahead: int, behind: int) -> float:
        # Of the ratio alone: the power of a large queue would not fit in a float.
        if ahead <= behind:
            ratio = math.pow(ahead / behind, exponent)
            return ratio / (1.0 + ratio)
        return 1.0 / (1.0 + math.pow(behind / ahead, exponent))

    return share


def logarithmic(ahead: int, behind: int) -> float:
    """The family ``f(x) = log(1 + x)``, x in lots of the instrument."""
    front = math.log1p(ahead)
    return front / (front + math.log1p(behind))


class Split:
    """Divides the canceled lots of a level between ahead of an order and behind it.

    The rule of rounding: whole lots of the venue, rounded down, and the rest is carried to the next
    cancel, so that no expectation is lost. What a part cannot give comes from the other one. One
    cancel never clears the line: as long as lots of others are left at the level, one of them
    stays ahead.

    Args:
        model: Says the share that lay ahead.
        lot: Quantity step of the venue, > 0.
    """

    __slots__ = ("_carried", "_lot", "_model")

    def __init__(self, model: QueueModel, lot: int) -> None:
        self._model = model
        self._lot = lot
        self._carried = 0.0

    def ahead_of(self, canceled: int, ahead: int, behind: int) -> int:
        """How many of ``canceled`` lots leave from ahead; the others leave from behind.

        Args:
            canceled: Lots that are gone, 0 <= canceled <= ahead + behind.
            ahead: Others' lots ahead of the order.
            behind: Others' lots behind it.
        """
        if not canceled or not ahead:
            return 0
        expected = canceled * self._model(ahead, behind) + self._carried
        lots = int(expected) - int(expected) % self._lot
        self._carried = expected - lots
        least, most = max(0, canceled - behind), min(ahead, canceled)
        if canceled < ahead + behind:
            most = max(least, min(most, ahead - self._lot))
        if not least <= lots <= most:
            self._carried = 0.0
            lots = max(least, min(lots, most))
        return lots
