"""One execution's price against the mid at arrival, in parts that add up to the whole.

With the side's sign ``s``, half ticks throughout, ``M0`` the mid as the parent arrived, ``own(t)``
what executions of our own have moved the mid by since then and ``M'(t) = M(t) - own(t)``, for an
order that left at ``ts``, met the book at ``ta`` and executed at ``te``:

- delay ``s (M'(ta) - M'(ts))``: the market's way while the order was under way.
- timing ``s (M'(ts) - M0) + s (M'(te) - M'(ta))``: the market's way while the order waited to be
  sent, and while it waited in the venue's book.
- impact ``s own(te)``, and of a taker's price what lies beyond the best displayed one.
- spread: the rest of the way from the mid to the price. An order that rested earns it.

All of them at an instant before our own executions there. Their sum is ``s (2 price - M0)``, term
by term. Source: Perold, "The implementation shortfall: paper versus reality", Journal of Portfolio
Management 14(3), 1988; own convention: what parts it has, and that our own moves are told from the
market's by which venue published them when.
"""

from typing import NamedTuple

from sim.report.tca.mids import Mids


class Way(NamedTuple):
    """An execution and the order's way to it: instants in ns, the price in ticks."""

    sent_ns: int
    met_ns: int
    """When the order met the venue's book."""
    done_ns: int
    """When the venue executed it."""
    px: int
    is_maker: bool


class Arrival(NamedTuple):
    """The parent as it arrived: sign of its side, mid, and own moves up to then in half ticks."""

    sign: int
    mid_x2: int
    own_x2: int


class Parts(NamedTuple):
    """Half ticks per lot; positive is a cost."""

    delay: int
    spread: int
    impact: int
    timing: int
    guessed: bool
    """Whether a mid or a best price was missing at one of the instants."""


def split(mids: Mids, arrival: Arrival, way: Way) -> Parts:
    """The parts of one execution; they add up to ``sign * (2 * px - mid_x2)``.

    Where there is no mid at an instant the last one counts, and before the first the one at
    arrival. Where no best price is displayed, a taker's whole way from the mid counts as spread.
    """
    sign, mid0, own0 = arrival
    sent, done = mids.before_own(way.sent_ns), mids.before_own(way.done_ns)
    met = done if way.met_ns == way.done_ns else mids.before_own(way.met_ns)
    done_mid = _mid(mids, done, mid0)
    done_own = mids.own_x2(done) - own0
    others_sent = _mid(mids, sent, mid0) - mids.own_x2(sent) + own0
    others_met = _mid(mids, met, mid0) - mids.own_x2(met) + own0
    others_done = done_mid - done_own
    touch = None if way.is_maker else mids.best(done, ask=sign > 0)
    beyond = 0 if touch is None else max(0, 2 * sign * (way.px - touch))
    known = mids.is_known(sent) and mids.is_known(met) and mids.is_known(done)
    return Parts(
        delay=sign * (others_met - others_sent),
        spread=sign * (2 * way.px - done_mid) - beyond,
        impact=sign * done_own + beyond,
        timing=sign * (others_sent - mid0 + others_done - others_met),
        guessed=not known,
    )


def _mid(mids: Mids, index: int, otherwise: int) -> int:
    mid = mids.mid_x2(index)
    return otherwise if mid is None else mid
