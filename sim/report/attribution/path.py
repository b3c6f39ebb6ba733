"""What a child could still have had at its venue, from the quote that it acted upon to its arrival.

The levels that the decision knew are carried forward by the venue's true touches: what was better
than a new best price is gone, at the best price as many lots are left as it shows, deeper levels
stay as they were last known. Of that a child may have what is within its limit, less what children
of ours ahead of it may take, and no more than it asks for. Each fall of this figure is a loss; its
cause is what the venue printed at that book and what else was known of that time.

Only the touch is seen move; whatever is found missing deeper on arrival was withdrawn at some time
between. With ``market_data: full`` the whole book as the child was decided is known as well.
"""

from bisect import bisect_right
from typing import NamedTuple

from sim.report.attribution.causes import Cause, Ledger
from sim.report.attribution.surroundings import Faded, Lots, Pending, Surroundings
from sim.report.trail.market import NO_PX, Prints, Quotes
from sim.report.trail.orders import Child


class Traded(NamedTuple):
    """Lots that were taken from the side of the book that the child takes from."""

    key: int
    qty: int
    who: str
    """The child of ours that took them, or the participant, where that is known; else empty."""
    is_own: bool


class Step(NamedTuple):
    """A book that the venue published. Keys are prices times the child's sign."""

    t_ns: int
    seq: int
    touch: Lots | None
    """Best price and its lots; None: nothing was shown."""
    trades: tuple[Traded, ...]
    """What had been printed since the book before."""
    levels: tuple[Lots, ...] | None
    """The whole side, where that is known."""


class Path(NamedTuple):
    """The way from the quote to the arrival."""

    child: Child
    since_ns: int
    """When the quote was published."""
    levels: tuple[Lots, ...]
    """What the decision could use, best first, with what children ahead of it may take."""
    pending: tuple[Pending, ...]
    steps: tuple[Step, ...]
    touch: Lots | None
    """What the venue showed best as the child met the book."""


def path_of(child: Child, around: Surroundings) -> Path | None:
    """The way of a child; None without a quote of the side it takes from, or without an arrival."""
    known, arrival, decision = child.known, child.arrival, child.decision
    quotes = around.trail.market.quotes.get(child.venue_id)
    if known is None or arrival is None or decision is None or quotes is None:
        return None
    sign = child.sign
    shown = tuple([(sign * px, qty) for px, qty in known.levels])
    pending = tuple(around.pending(child, known.venue_seq))
    levels = shown
    if shown and pending:
        best = shown[0][0]
        more = sum(one.qty for one in pending if one.limit >= best)
        levels = ((best, shown[0][1] + more), *shown[1:])
    end = bisect_right(quotes.seq, arrival.venue_seq)
    steps = tuple(_steps(child, around, quotes, bisect_right(quotes.seq, known.venue_seq), end))
    touch = _touch(quotes, end - 1, sign) if end else None
    since_ns = decision.t_ns - known.age_ns
    return Path(child, since_ns, levels, pending, steps, touch)


def _steps(child: Child, around: Surroundings, quotes: Quotes, start: int, end: int) -> list[Step]:
    market = around.trail.market
    prints = market.prints.get(child.venue_id)
    known = child.known
    assert known is not None
    row = 0 if prints is None else bisect_right(prints.seq, known.venue_seq)
    depth = market.depths.get(child.sent.decision_id, {}).get(child.venue_id)
    found: list[Step] = []
    for at in range(start, end):
        seq = quotes.seq[at]
        trades: tuple[Traded, ...] = ()
        if prints is not None and row < len(prints) and prints.seq[row] <= seq:
            until = bisect_right(prints.seq, seq)
            trades = tuple(_trades(child, around, prints, row, until))
            row = until
        levels = None
        if depth is not None and depth.venue_seq == seq:
            side = depth.asks if child.sign > 0 else depth.bids
            levels = tuple([(child.sign * px, qty) for px, qty in side])
        found.append(Step(quotes.t_ns[at], seq, _touch(quotes, at, child.sign), trades, levels))
    return found


def _trades(
    child: Child, around: Surroundings, prints: Prints, start: int, end: int
) -> list[Traded]:
    """Prints of who took from the side that the child takes from, ours apart from others'."""
    sign, found = child.sign, []
    ours: dict[tuple[int, int], list[tuple[str, int]]] = {}
    t_ns = -1
    for row in range(start, end):
        if prints.aggressor[row] != sign:
            continue
        if prints.t_ns[row] != t_ns:
            t_ns = prints.t_ns[row]
            for take in around.takes_at(child.venue_id, sign, t_ns):
                if take.seq is not None and take.seq >= prints.seq[end - 1]:
                    continue  # at the same instant, after these prints
                ours.setdefault((t_ns, take.price), []).append((take.cl_ord_id, take.qty))
        price, left = prints.price[row], prints.qty[row]
        own = ours.get((t_ns, price), [])
        while own and left:
            who, qty = own.pop()
            part = min(qty, left)
            found.append(Traded(sign * price, part, who, is_own=True))
            left -= part
            if qty > part:
                own.append((who, qty - part))
        if left:
            who = around.taker(child.venue_id, sign, t_ns)
            found.append(Traded(sign * price, left, who, is_own=False))
    return found


def _touch(quotes: Quotes, row: int, sign: int) -> Lots | None:
    price = quotes.ask[row] if sign > 0 else quotes.bid[row]
    if price == NO_PX:
        return None
    return sign * price, quotes.ask_qty[row] if sign > 0 else quotes.bid_qty[row]


class Walk:
    """Walks a path and keeps the ledger of one limit.

    Args:
        path: The way.
        around: What surrounds it.
        limit: Key of the worst price that counts.
        want: Lots that are wanted within it.

    Attributes:
        ledger: Losses so far; lots that were never shown are its first entry (``not_shown``).
        levels: The book as known so far, best first.
        had: Lots that could be had by now.
    """

    def __init__(self, path: Path, around: Surroundings, limit: int, want: int) -> None:
        self._path = path
        self._around = around
        self._limit = limit
        self._want = want
        self._faded: dict[Faded, int] = {}
        self.ledger = Ledger()
        self.levels = path.levels
        self._pending = path.pending
        self.had = self._count()
        self.ledger.lose(Cause.NOT_SHOWN, want - self.had)
        for step in path.steps:
            self._take(step)

    def _count(self) -> int:
        return min(self._want, within(self.levels, self._pending, self._limit))

    def _take(self, step: Step) -> None:
        if step.levels is not None:
            self.levels = step.levels
        elif step.touch is None:
            self.levels = ()
        else:
            best = step.touch[0]
            deeper = [one for one in self.levels if one[0] > best]
            self.levels = (step.touch, *deeper)
        if self._pending:
            self._pending = tuple(
                [one for one in self._pending if one.seq is None or one.seq >= step.seq]
            )
        now = self._count()
        if now < self.had:
            self._lose(step, self.had - now)
        else:
            self.ledger.regain(now - self.had)
        self.had = now

    def _lose(self, step: Step, lots: int) -> None:
        """Say what became of lots that a book has no more: traded first, else withdrawn."""
        t_ns, child = step.t_ns, self._path.child
        is_late = t_ns > child.sent.t_ns
        for trade in step.trades:
            if trade.key > self._limit:
                continue
            part = min(trade.qty, lots)
            cause = Cause.TAKEN_BY_OTHERS if is_late else Cause.STALE_QUOTE
            self.ledger.lose(Cause.OWN_SIBLING if trade.is_own else cause, part, t_ns, trade.who)
            lots -= part
        if not lots:
            return
        if self._around.is_shut(child.venue_id, t_ns):
            self.ledger.lose(Cause.HALT, lots, t_ns)
        elif not is_late:
            self.ledger.lose(Cause.STALE_QUOTE, lots, t_ns)
        else:
            self.withdrawn(t_ns, lots)

    def withdrawn(self, t_ns: int, lots: int) -> None:
        """Lots were withdrawn by ``t_ns``: by who gave way, as far as it may have shown them."""
        child = self._path.child
        for one in self._around.faded(child.venue_id, child.sign, self._path.since_ns, t_ns):
            left = one.most - self._faded.get(one, 0) if one.most else lots
            part = min(lots, left)
            if part > 0:
                self._faded[one] = self._faded.get(one, 0) + part
                self.ledger.lose(Cause.FADED, part, t_ns, one.who)
                lots -= part
        self.ledger.lose(Cause.GONE_BEFORE_ARRIVAL, lots, t_ns)


def within(levels: tuple[Lots, ...], pending: tuple[Pending, ...], limit: int) -> int:
    """Lots within a limit, less what orders ahead may take: each from the best in its own limit."""
    if not pending:
        return sum(qty for key, qty in levels if key <= limit)
    left = [[key, qty] for key, qty in levels]
    for one in pending:
        wants = one.qty
        for level in left:
            if level[0] > one.limit or not wants:
                break
            part = min(level[1], wants)
            level[1] -= part
            wants -= part
    return sum(qty for key, qty in left if key <= limit)
