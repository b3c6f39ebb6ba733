"""A decision and the router's consolidated view, by themselves.

``decision``: six lit venues with fees show ten levels each; a parent that wants lots of several
venues is decided, and what comes of it is written: the decision's record and one ``child_sent``
record for each child, encoded, hashed and buffered for a log that nobody keeps. Everything between
``Decider.decide`` being called and the last record being in the buffer counts; the parent's
arrival, messages and links do not. Before each decision all six venues send a new book, and taking
those in counts too, so that nothing kept from the last decision serves the next one. Our own
children are gone by then. A decision sends two children on average.

``allocate_greedy``: the split alone, by ``greedy`` over five venues of ten levels with a fee each;
500 lots take about five of the fifty levels.

``consolidated_view_N``: touches of N venues, any venue each time, both sides anew within five ticks
of the best; one change in and both best prices read after each. The peer looks at all venues each
time. ``from_books`` is the same through the router's whole view: a book snapshot in, both bests
read.
"""

import os
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from benchmarks.calibration import NAME, reference_rate
from benchmarks.measure import compare, rate
from router.allocate.base import USUAL_TIE, AllocationRequest, Offer
from router.allocate.greedy import Greedy
from router.config import RouterConfig
from router.core.decide import Decider
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.view import MarketView
from sim.audit.log import open_audit_log
from sim.protocol.enums import DecisionReason, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.nbbo import Nbbo
from sim.protocol.units import TimeNs

VENUES: Final = 6
SPLIT_VENUES: Final = 5
LEVELS: Final = 10
STATES: Final = 61
LOTS: Final = 500
DECISIONS: Final = 4_000
TOUCHES: Final = 200_000
SIZES: Final = (4, 16, 64)
Touch = tuple[str, int, int]


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer decisions, touches and rounds."""
    decisions = DECISIONS // 4 if quick else DECISIONS
    touches = TOUCHES // 4 if quick else TOUCHES
    rounds = 3 if quick else 5
    return [
        compare(
            "decision",
            "decisions/s",
            lambda: decision_rate(decisions),
            {NAME: reference_rate},
            rounds=rounds,
            value_min=25_000,  # 40 microseconds each
        ),
        compare(
            "allocate_greedy",
            "allocations/s",
            lambda: allocation_rate(decisions),
            {NAME: reference_rate},
            rounds=rounds,
            value_min=100_000,  # 10 microseconds each
        ),
        *[view_row(size, touches, rounds) for size in SIZES],
    ]


def view_row(size: int, count: int, rounds: int) -> dict[str, Any]:
    """The row for this many venues."""
    touches = random_touches(size, count)
    row = compare(
        f"consolidated_view_{size}",
        "touches/s",
        lambda: rate(count, lambda: follow(touches)),
        {"all_venues": lambda: rate(count // 10, lambda: look_at_all(touches[: count // 10]))},
        rounds=rounds,
        value_min=1_500_000,
    )
    return {**row, "detail": {"from_books": round(books_rate(size, touches[: count // 10]))}}


def random_touches(size: int, count: int) -> list[Touch]:
    """Touches of ``size`` venues: any venue, both sides anew, up to five ticks from the best."""
    draw = random.Random(size)
    return [
        (f"V{draw.randrange(size)}", 10_000 - draw.randint(0, 5), 10_001 + draw.randint(0, 5))
        for _ in range(count)
    ]


def follow(touches: list[Touch]) -> int:
    """Ours: each touch in, both bests read."""
    nbbo = Nbbo()
    on_touch = nbbo.on_touch
    crossed = 0
    for venue_id, bid_px, ask_px in touches:
        on_touch(venue_id, bid_px, ask_px)
        bid, ask = nbbo.bid, nbbo.ask
        if bid is not None and ask is not None and bid > ask:
            crossed += 1
    return crossed


def books_rate(size: int, touches: list[Touch]) -> float:
    """Ours, through the router's view: each touch as a book snapshot."""
    view = MarketView(tuple([profile(n) for n in range(size)]))
    books = [
        BookSnapshot(venue_id, n, TimeNs(n), ((bid_px, 1),), ((ask_px, 1),))
        for n, (venue_id, bid_px, ask_px) in enumerate(touches)
    ]
    venues = view.venues

    def work() -> None:
        for book in books:
            venues[book.venue_id].on_quote(book)
            view.best_bid()
            view.best_ask()

    return rate(len(books), work)


def look_at_all(touches: list[Touch]) -> int:
    """The plain way: the highest and the lowest over all venues, after each touch."""
    bids: dict[str, int] = {}
    asks: dict[str, int] = {}
    crossed = 0
    for venue_id, bid_px, ask_px in touches:
        bids[venue_id] = bid_px
        asks[venue_id] = ask_px
        if max(bids.values()) > min(asks.values()):
            crossed += 1
    return crossed


def decision_rate(count: int) -> float:
    """Decisions with their records per second of CPU time; what is not timed is made before."""
    profiles = tuple([profile(n) for n in range(VENUES)])
    config = RouterConfig.model_validate_json('{"strategy": {"kind": "greedy"}}')
    view = MarketView(profiles)
    decider = Decider(view, profiles, config, {})
    parents = [Parent(f"P{n}", Side.BUY if n % 2 else Side.SELL, LOTS) for n in range(count)]
    states = [[quote(n, k) for n in range(VENUES)] for k in range(STATES)]
    changes: list[Callable[[BookSnapshot], bool]] = [
        view.venues[one.venue_id].on_quote for one in profiles
    ]
    with open_audit_log(Path(os.devnull)) as log:
        emit, decide = log.emit, decider.decide

        def work() -> None:
            for parent, books in zip(parents, cycle(states), strict=False):
                for change, book in zip(changes, books, strict=True):
                    change(book)
                for record, _ in decide(parent, DecisionReason.INITIAL, 50_000_000):
                    emit(record)

        return rate(count, work)


def allocation_rate(count: int) -> float:
    """Splits over five venues per second of CPU time; offers and requests are made before."""
    requests = []
    for k in range(STATES):
        books = [quote(n, k) for n in range(SPLIT_VENUES)]
        offers = tuple(
            [
                Offer(book.venue_id, "lit", 1_000_000 + n, 1, book.asks, 100, 10 + n)
                for n, book in enumerate(books)
            ]
        )
        requests.append(AllocationRequest(Side.BUY, LOTS, offers, "full", USUAL_TIE))
    allocate = Greedy("greedy", "full").allocate

    def work() -> None:
        for _, request in zip(range(count), cycle(requests), strict=False):
            allocate(request)

    return rate(count, work)


def profile(n: int) -> VenueProfile:
    """Lit venue ``n`` with a fee of its own."""
    fee = Fraction(10 + n, 100)
    one = Fraction(1)
    return VenueProfile(f"V{n}", "lit", 1_000_000 + n, 1, 1, (one, fee), (one, -fee))


def quote(n: int, k: int) -> BookSnapshot:
    """Book state ``k`` of venue ``n``: ten levels a side. All have one number, so all are taken."""
    mid = 10_000 + (k * 7 + n) % 11
    bids = tuple([(mid - 1 - i, 100 + (k + i) % 90) for i in range(LEVELS)])
    asks = tuple([(mid + 1 + i, 100 + (k + i) % 90) for i in range(LEVELS)])
    return BookSnapshot(f"V{n}", 1, TimeNs(k), bids, asks)
