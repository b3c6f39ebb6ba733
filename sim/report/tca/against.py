"""The benchmarks of one parent order, from the trail of its run.

What was displayed as the order came is taken from the books in the log where it holds them, else
from what the router knew as it decided at once, else from best prices; each benchmark says which.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from sim.audit.records import KnownQuote
from sim.protocol.market_data import Levels
from sim.report.tca.benchmarks import Benchmark, Supply, Volumes, Walked, about, best_single
from sim.report.tca.mids import Mids
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX
from sim.report.trail.orders import Parent
from sim.report.words import duration

_POSTING: Final = "rest"
"""The strategy whose decisions hold the own side's prices."""
NO_DATA: Final = "the log holds no market data (audit.market_data: none)"
_NO_MID: Final = "no lit venues showed a bid and an offer"


class Yardsticks:
    """Builds benchmarks; what all parents share is worked out once.

    Args:
        trail: The run.
        mids: Its true market.
    """

    def __init__(self, trail: Trail, mids: Mids) -> None:
        self._trail = trail
        self._mids = mids
        self._volumes = {
            name: Volumes(prints.t_ns, prints.price, prints.qty)
            for name, prints in trail.market.prints.items()
        }
        self._no_data = NO_DATA if trail.started.market_data == "none" else ""

    def of(self, parent: Parent, end_ns: int) -> tuple[Benchmark, ...]:
        """All benchmarks of a parent that ended so."""
        return (
            _arrival_mid(parent),
            _arrival_touch(parent),
            *self._displayed(parent),
            self._vwap(parent, end_ns),
            self._twap(parent, end_ns),
            self._best_possible(parent),
        )

    def _displayed(self, parent: Parent) -> Iterator[Benchmark]:
        """What was displayed as the order came: the best exchange alone, and all on average."""
        books, approximate = self._books(parent)
        why = ""
        if not any(books.values()):
            why = self._no_data or "no exchange is known to have shown anything as the order came"
        best = best_single(books, parent.sign, parent.filled_qty or parent.received.order_qty)
        yield Benchmark(
            name="single_exchange",
            title="single exchange",
            about="the whole quantity at the one exchange that was cheapest for it",
            px=None if best is None else _mean(best[1]),
            lots=None if best is None else best[1].lots,
            detail="" if best is None else f"at {best[0]}",
            approximate=approximate,
            why=why,
        )
        levels = [level for book in books.values() for level in book]
        lots = sum(qty for _, qty in levels)
        yield Benchmark(
            name="displayed_vwap",
            title="VWAP by displayed liquidity",
            about="the average price of all that exchanges displayed on the other side, by "
            "quantity",
            px=Fraction(sum(px * qty for px, qty in levels), lots) if lots else None,
            detail=about(self._trail.units, lots) if lots else "",
            approximate=approximate,
            why=why,
        )

    def _books(self, parent: Parent) -> tuple[dict[str, Levels], str]:
        """What each lit venue displayed on the other side, and what is approximate about it."""
        depths = self._trail.market.arrivals.get(parent.parent_id, {})
        known = {one.venue_id: one.levels for one in _known_at_arrival(parent)}
        buys, quotes = parent.sign > 0, self._trail.market.quotes
        books: dict[str, Levels] = {}
        from_known = from_touch = False
        for venue_id in self._trail.venues:
            if venue_id not in self._trail.lit:
                continue
            if venue_id in depths:
                depth = depths[venue_id]
                levels = depth.asks if buys else depth.bids
            elif known.get(venue_id):
                levels, from_known = known[venue_id], True
            elif venue_id in quotes:
                row = quotes[venue_id].at(parent.received.t_ns)
                levels = self._touch(venue_id, row, parent.sign)
                from_touch = from_touch or bool(levels)
            else:
                levels = ()
            limit = parent.received.limit_px
            books[venue_id] = tuple(
                [level for level in levels if limit is None or _within(level[0], limit, buys)]
            )
        said = ["what was displayed as the order came, taken at once; nothing that came later"]
        if from_known:
            said.append("as the router knew it")
        if from_touch:
            said.append("where it knew nothing, best prices alone")
        return books, "; ".join(said)

    def _touch(self, venue_id: str, row: int, sign: int) -> Levels:
        """The best level that a venue displayed in a row of its quotes."""
        quotes = self._trail.market.quotes[venue_id]
        if row < 0:
            return ()
        px, qty = quotes.bid[row], quotes.bid_qty[row]
        if sign > 0:
            px, qty = quotes.ask[row], quotes.ask_qty[row]
        return () if px == NO_PX else ((px, qty),)

    def _vwap(self, parent: Parent, end_ns: int) -> Benchmark:
        tick_lots = lots = 0
        for volumes in self._volumes.values():
            some = volumes.between(parent.received.t_ns, end_ns)
            tick_lots += some.tick_lots
            lots += some.lots
        ours, detail = parent.filled_qty, ""
        if lots:
            traded, own = (about(self._trail.units, one) for one in (lots, ours))
            detail = f"{traded} traded, {own} of it this order's"
            if lots == ours:
                detail = f"nobody else traded: {traded}, all of it this order's"
        return Benchmark(
            name="market_vwap",
            title="VWAP",
            about="the average price of all trades at all venues from the order's arrival to its "
            "end, by quantity",
            px=Fraction(tick_lots, lots) if lots else None,
            detail=detail,
            approximate="our own trades count",
            why="" if lots else self._no_data or "nothing traded while the order lived",
        )

    def _twap(self, parent: Parent, end_ns: int) -> Benchmark:
        start_ns = parent.received.t_ns
        area, known_ns = self._mids.average(start_ns, end_ns)
        px, approximate, when = None, "our own impact is in it", "while the order lived"
        if known_ns:
            px = Fraction(area, 2 * known_ns)
            if known_ns < end_ns - start_ns:
                without = duration(end_ns - start_ns - known_ns)
                approximate += f"; {without} of it, without a mid, are left out"
        elif end_ns == start_ns:
            when, row = "as the order came and ended", self._mids.before_own(start_ns)
            mid = self._mids.mid_x2(row)
            if mid is not None and self._mids.is_known(row):
                px, approximate = Fraction(mid, 2), "it ended as it came: the mid of that instant"
        return Benchmark(
            name="market_twap",
            title="TWAP",
            about="the true mid of displayed lit prices, averaged over the time from the order's "
            "arrival to its end",
            px=px,
            approximate=approximate,
            why="" if px is not None else self._no_data or f"{_NO_MID} {when}",
        )

    def _best_possible(self, parent: Parent) -> Benchmark:
        supply, filled = Supply(), parent.filled_qty
        for venue_id, levels in self._seen(parent):
            supply.show(venue_id, levels)
        for one in parent.executions:
            supply.take(one.child.venue_id, one.px, one.qty)
        walked = supply.best(parent.sign, filled, parent.received.limit_px)
        return Benchmark(
            name="best_possible",
            title="best possible",
            about="as many lots at the best prices that were anywhere, had all of it been known",
            px=_mean(walked) if walked.lots else None,
            lots=walked.lots or None,
            approximate="a bound, no plan: each level counts once, at its fullest, of the books "
            "that our orders met (hidden lots too), of the best displayed prices and known books "
            "at each decision, and of what we executed",
            why="" if walked.lots else "nothing was filled",
        )

    def _seen(self, parent: Parent) -> Iterator[tuple[str, Levels]]:
        """Books and best levels that were there at what the parent did."""
        for child in parent.children:
            if child.arrival is not None:
                yield child.venue_id, child.arrival.levels
        market, sign = self._trail.market, parent.sign
        lit = [venue_id for venue_id in self._trail.venues if venue_id in self._trail.lit]
        books: dict[str, object] = {}  # what stands is looked at once
        rows = dict.fromkeys(lit, -1)
        for decision in parent.decisions:
            depths = market.depths.get(decision.decision_id, {})
            for venue_id in lit:
                book = depths.get(venue_id)
                if book is not None:
                    if books.get(venue_id) is not book:
                        books[venue_id] = book
                        yield venue_id, book.asks if sign > 0 else book.bids
                elif venue_id in market.quotes:
                    row = market.quotes[venue_id].at(decision.t_ns)
                    if rows[venue_id] != row:
                        rows[venue_id] = row
                        yield venue_id, self._touch(venue_id, row, sign)


def _arrival_mid(parent: Parent) -> Benchmark:
    mid = parent.arrival_mid_x2
    return Benchmark(
        name="arrival_mid",
        title="arrival mid",
        about="between the best displayed bid and offer as the order came",
        px=None if mid is None else Fraction(mid, 2),
        approximate="as the router knew them",
        why="" if mid is not None else no_mid(parent),
    )


def _arrival_touch(parent: Parent) -> Benchmark:
    received, buys = parent.received, parent.sign > 0
    px = received.ask_px if buys else received.bid_px
    side = "offer" if buys else "bid"
    return Benchmark(
        name="arrival_touch",
        title=f"best {side} at arrival",
        about=f"the best displayed {side} as the order came, whatever its size",
        px=None if px is None else Fraction(px),
        approximate="as the router knew it",
        why="" if px is not None else f"the router knew of no displayed {side} as the order came",
    )


def no_mid(parent: Parent) -> str:
    """Why a parent has no mid at its arrival; empty where it has one."""
    lacks = [
        name
        for name, px in (("bid", parent.received.bid_px), ("offer", parent.received.ask_px))
        if px is None
    ]
    if not lacks:
        return ""
    return f"the router knew of no displayed {' and no '.join(lacks)} as the order came"


def _known_at_arrival(parent: Parent) -> Sequence[KnownQuote]:
    """What the router knew of others' offers as it decided at once; later it knew what came later.

    An order that rests first, or waits, has no such decision.
    """
    for decision in parent.decisions:
        if decision.t_ns > parent.received.t_ns:
            break
        if decision.strategy != _POSTING and decision.quotes:
            return decision.quotes
    return ()


def _mean(walked: Walked) -> Fraction:
    return Fraction(walked.tick_lots, walked.lots)


def _within(px: int, limit: int, buys: bool) -> bool:
    return px <= limit if buys else px >= limit
