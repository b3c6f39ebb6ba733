"""Lots that were filled at a worse price than the quote acted upon had shown for them, and why.

The best lots that were shown are put beside the best that were filled, one by one. A lot whose fill
is worse than what was shown for it was lost at the better price on the way there, so it has a cause
of the same list as a lot that was not filled at all.
"""

from typing import Final, NamedTuple

import msgspec

from sim.report.attribution.causes import Cause, Causes, Loss, by_cause
from sim.report.attribution.path import Path, Walk, path_of
from sim.report.attribution.surroundings import Lots, Surroundings, takes
from sim.report.attribution.taking import meet
from sim.report.trail.orders import Child


class Worse(msgspec.Struct, frozen=True):
    """What of a child's, or a parent's, fills was worse than the quotes acted upon.

    ``qty`` lots cost ``tick_lots`` (ticks times lots) more than shown; ``causes`` add up to
    ``qty``. ``unquoted_qty`` are filled lots that rest on no quote: there is nothing to compare.
    """

    qty: int = 0
    tick_lots: int = 0
    unquoted_qty: int = 0
    causes: Causes = {}


_AS_SHOWN: Final = Worse()


class _Pair(NamedTuple):
    """Lots with the key that was shown for them and the key at which they filled."""

    shown: int
    filled: int
    qty: int


def worse_of(child: Child, around: Surroundings, total: int) -> Worse:
    """What of a child's ``total`` filled lots was worse than what its decision had been shown.

    A child that was sent to rest trades at its own price: nothing is compared for it.
    """
    known = child.known
    if known is None or not takes(child):
        return Worse(unquoted_qty=total)
    sign, shown = child.sign, known.levels
    if shown and max(sign * one.px for one in child.executions) <= sign * shown[0][0]:
        unquoted = total
        for _, qty in shown:
            unquoted -= qty
            if unquoted <= 0:
                return _AS_SHOWN
        return Worse(unquoted_qty=unquoted)
    filled = sorted([(sign * one.px, one.qty) for one in child.executions if one.qty])
    pairs = _pairs([(sign * px, qty) for px, qty in shown], filled)
    worse = [one for one in pairs if one.filled > one.shown]
    unquoted = total - sum(one.qty for one in pairs)
    if not worse:
        return Worse(unquoted_qty=unquoted)
    qty = sum(one.qty for one in worse)
    cost = sum((one.filled - one.shown) * one.qty for one in worse)
    path = path_of(child, around)
    if path is None:
        return Worse(qty, cost, unquoted, {Cause.NOT_RECORDED: qty})
    losses = _why(path, around, pairs, filled)
    return Worse(qty, cost, unquoted, by_cause(losses))


def _pairs(shown: list[Lots], filled: list[Lots]) -> list[_Pair]:
    """Best beside best, as far as both reach."""
    found: list[_Pair] = []
    left = shown[::-1]
    for key, lots in filled:
        qty = lots
        while qty and left:
            at, have = left.pop()
            part = min(qty, have)
            found.append(_Pair(at, key, part))
            qty -= part
            if have > part:
                left.append((at, have - part))
    return found


def _why(path: Path, around: Surroundings, pairs: list[_Pair], filled: list[Lots]) -> list[Loss]:
    """At each price that was shown: why what filled worse was not had there.

    What was lost at a better price is lost at this one too: as much of it as fills beyond this one
    is told already.
    """
    found: list[Loss] = []
    want = 0
    for at in dict.fromkeys(one.shown for one in pairs):
        here = [one for one in pairs if one.shown == at]
        want += sum(one.qty for one in here)
        worse = sum(one.qty for one in here if one.filled > at)
        if not worse:
            continue
        told = sum(one.qty for one in pairs if one.shown < at < one.filled)
        walk = Walk(path, around, at, want)
        meet(walk, path, around, at, sum(qty for key, qty in filled if key <= at))
        losses = _less(walk.ledger.settle(worse + told), by_cause(found), told)
        missing = worse - sum(one.qty for one in losses)
        if missing:
            losses.append(Loss(Cause.NOT_SHOWN, missing))
        found += losses
    return found


def _less(losses: list[Loss], told: Causes, lots: int) -> list[Loss]:
    """Losses without ``lots`` of them: first such as have causes that are told already."""
    kept: list[Loss] = []
    spare = dict(told)
    for one in losses:
        part = min(one.qty, lots, spare.get(one.cause, 0))
        if part:
            spare[one.cause] -= part
            lots -= part
        if one.qty > part:
            kept.append(msgspec.structs.replace(one, qty=one.qty - part))
    rest: list[Loss] = []
    for one in kept:
        part = min(one.qty, lots)
        lots -= part
        if one.qty > part:
            rest.append(msgspec.structs.replace(one, qty=one.qty - part))
    return rest
