"""How a resting child's wait in the lines of its venue is told."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from sim.audit.records import QueuePosition
from sim.report.words import Words, count, duration, instant

STEPS_TOLD: Final = 12
"""Moves of one wait that are told one by one; of more, the first and the last of them."""


def waiting(places: Sequence[QueuePosition], words: Words) -> Iterator[str]:
    """One line per move, and what they came to."""
    if not places:
        return
    model = places[0].model
    yield (
        "Its venue knew its place exactly."
        if model == "exact"
        else f"The data tells levels alone: its place is an estimate ({model.replace('_', ' ')})."
    )
    told = list(places)
    left_out = len(told) - STEPS_TOLD
    for n, one in enumerate(told):
        if left_out > 0 and STEPS_TOLD // 2 <= n < STEPS_TOLD // 2 + left_out:
            if n == STEPS_TOLD // 2:
                yield f"  ... {count(left_out, 'more move')} ..."
            continue
        yield f"  {instant(one.t_ns)}: {words.place(one)}"
    yield from _sum(places, words)


def _sum(places: Sequence[QueuePosition], words: Words) -> Iterator[str]:
    traded = canceled = 0
    for before, after in pairwise(places):
        moved = before.ahead_qty - after.ahead_qty
        if after.reason == "canceled":
            canceled += moved
        elif after.reason != "joined":
            traded += max(0, moved)
    waited = duration(places[-1].t_ns - places[0].t_ns)
    yield (
        f"In {waited}, {words.qty(traded)} ahead of it traded and {words.qty(canceled)} "
        "were canceled."
    )
    hits = [one for one in places if one.reason == "filled"]
    if hits:
        first = duration(hits[0].t_ns - places[0].t_ns)
        yield f"It was first hit {first} after it had joined."
    elif places[-1].ahead_qty:
        yield f"It was not hit: {words.qty(places[-1].ahead_qty)} were ahead of it at the last."
    else:
        yield "It was not hit, though nothing was ahead of it at the last."
