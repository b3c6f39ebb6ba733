"""What the market offers before an order is sent: per venue how much, at which cost, how soon.

The world runs without its parent orders until the instant that was asked for, so that quotes are
as old as they would be. Then the scenario's own router gets the order and decides; nothing is sent.
Ranking, refusals and split are those of its decision record, not computed a second time here.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import chain
from typing import Any, Final

import msgspec

from router.core.events import Decide, ParentOrder, WakeAt
from router.core.orders import Child
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.own.desk import OwnCore
from router.own.session import SessionDesk
from sim.audit.records import ChildSent, Decision, Record
from sim.kernel.clock import clock_of, new_loop
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority, Side
from sim.protocol.errors import Problem, ScenarioError
from sim.protocol.market_data import Levels
from sim.protocol.units import Units, plain, quotient_text
from sim.scenario.load import LoadedScenario
from sim.scenario.model import AuditConfig, VenueEntry
from sim.wiring import Wiring

_LAST: Final = len(Priority)
"""Rank after every other event of an instant."""
_PARENT_ID: Final = "LIQUIDITY"


class PriceLevel(msgspec.Struct, frozen=True):
    """One level of a venue: ``cum_qty`` lots are there at this price or a better one."""

    price: str
    effective_px: str
    qty: int
    cum_qty: int


class Cost(msgspec.Struct, frozen=True):
    """Taking ``qty`` lots, at most what was asked for; prices are null where nothing is there.

    ``avg_px`` is without fees, ``effective_px`` with them: a buyer pays them on top, a seller
    receives that much less. ``fees`` is money.
    """

    qty: int
    avg_px: str | None
    effective_px: str | None
    fees: str


class VenueLiquidity(msgspec.Struct, frozen=True, kw_only=True):
    """What the router knows of one venue.

    ``shows`` is ``quotes``, ``indications`` (a dark venue: less may be there) or ``nothing``.
    ``fill_risk`` is the probability that lots shown are not had, as the scenario states it.
    ``rank`` counts from 1 as the strategy ranks it; ``refused`` says why the split leaves it out.
    ``alone`` is the cost of the order if this venue alone got it.
    """

    venue_id: str
    kind: str
    visibility: str
    shows: str
    fill_risk: str
    rank: int | None
    refused: str | None
    available_qty: int
    levels: list[PriceLevel]
    alone: Cost
    order_latency_ns: int
    round_trip_ns: int
    quote_age_ns: int | None


class SingleVenue(msgspec.Struct, frozen=True):
    """The venue that fills most of the order, at the best price with fees where several do."""

    venue_id: str
    cost: Cost


class SplitPart(msgspec.Struct, frozen=True):
    """One child order: its limit, and what it is to cost on the quotes at hand.

    ``blind`` is true for an order to a venue that shows nothing: its cost is that of its limit.
    """

    venue_id: str
    price: str
    cost: Cost
    blind: bool


class Split(msgspec.Struct, frozen=True):
    """What the scenario's router would send; ``unplaced_qty`` lots find no place."""

    strategy: str
    parts: list[SplitPart]
    cost: Cost
    unplaced_qty: int


class Liquidity(msgspec.Struct, frozen=True):
    """The whole answer; venues come as they are ranked, those without a rank last.

    Quantities are lots of the instrument, prices and money decimal text, times nanoseconds.
    """

    total_available: int
    venues: list[VenueLiquidity]
    best_single: SingleVenue | None
    split: Split


def liquidity(loaded: LoadedScenario, side: Side, order_qty: int, at_ns: int = 0) -> Liquidity:
    """Ask what the market offers an order that nobody has sent yet.

    Args:
        loaded: The scenario; its parent orders play no part.
        side: Side of the order.
        order_qty: Lots, > 0.
        at_ns: Instant of the run, from 0 to the scenario's duration.

    Raises:
        ValueError: If the quantity or the instant is out of range.
        DataFormatError: If a data file of the scenario is wrong.
    """
    duration = loaded.scenario.duration
    if order_qty <= 0:
        raise ValueError(f"order_qty must be > 0 lots, was {order_qty}")
    if not 0 <= at_ns <= duration:
        raise ValueError(f"at_ns must be from 0 to the run's duration {duration}, was {at_ns}")
    router = _router_at(loaded, at_ns)
    order = ParentOrder(_PARENT_ID, side, order_qty)
    known = {venue_id: venue.available(side) for venue_id, venue in router.view.venues.items()}
    decision, children = _decide(router, order, at_ns)
    costs = _Costs(loaded, router, side)
    refused = {one.venue_id: one.reason for one in decision.refused}
    rank = {venue_id: n for n, venue_id in enumerate(decision.ranking, 1)}
    streams = Streams(loaded.scenario.seed)
    venues = []
    for venue in loaded.scenario.venues:
        view, levels = router.view.venues[venue.id], known[venue.id]
        profile, quote = view.profile, view.quote
        venues.append(
            VenueLiquidity(
                venue_id=venue.id,
                kind=venue.kind,
                visibility=profile.visibility,
                shows=_shows(profile),
                fill_risk=plain(venue.fill_risk),
                rank=rank.get(venue.id),
                refused=refused.get(venue.id),
                available_qty=sum(qty for _, qty in levels),
                levels=list(costs.levels(venue.id, levels)),
                alone=costs.of(_taken(venue.id, levels, order_qty, profile)),
                order_latency_ns=profile.latency_ns,
                round_trip_ns=profile.latency_ns + _report_latency(venue, loaded, streams),
                quote_age_ns=None if quote is None else at_ns - quote.published_ns,
            )
        )
    venues.sort(key=lambda venue: len(venues) if venue.rank is None else venue.rank)
    return Liquidity(
        total_available=sum(venue.available_qty for venue in venues),
        venues=venues,
        best_single=_best_single(venues, side),
        split=_split(decision, children, costs),
    )


# The market as the router knows it


def _router_at(loaded: LoadedScenario, at_ns: int) -> RouterCore:
    """The router at the end of an instant of a run that has no orders of ours."""
    # No audit log is kept, so the venues need not make records of the market for it.
    update = {"parents": (), "audit": AuditConfig(market_data="none")}
    silent = loaded.scenario.model_copy(update=update)
    loop = new_loop("virtual")
    try:
        return loop.run_until_complete(_run_until(replace(loaded, scenario=silent), at_ns))
    finally:
        loop.close()


async def _run_until(loaded: LoadedScenario, at_ns: int) -> RouterCore:
    loop = asyncio.get_running_loop()
    clock = clock_of(loop)
    over: asyncio.Future[None] = loop.create_future()

    def fail(venue_id: str, error: Exception) -> None:
        if not over.done():
            over.set_exception(error)

    def end(event: object) -> None:
        if not over.done():
            over.set_result(None)

    wiring = Wiring(
        loaded,
        Streams(loaded.scenario.seed),
        loop,
        clock=clock,
        emit=_forget,
        on_error=fail,
    )
    core = wiring.router.core
    if isinstance(core, OwnCore) and isinstance(core.own, SessionDesk):
        why = "a router with async run decides as it runs: ask by another strategy, or run it"
        raise ScenarioError([Problem(loaded.scenario.name, 0, 0, "router.strategy", why)])
    clock.schedule(at_ns, _LAST, end)
    # One parent is promised and never comes: so the router listens until it is canceled.
    tasks: list[asyncio.Future[Any]] = [loop.create_task(wiring.router.run(1), name="router")]
    services = chain(wiring.services(), wiring.participants.services())
    tasks += [loop.create_task(service, name=name) for name, service in services]
    for source in wiring.sources:
        source.start()
    try:
        done, _ = await asyncio.wait([over, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            one.result()
    finally:
        for source in wiring.sources:
            source.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return wiring.router.core


def _forget(record: Record) -> None:
    """No log is kept of a question."""


def _decide(
    router: RouterCore, order: ParentOrder, now_ns: int
) -> tuple[Decision, list[ChildSent | Child]]:
    """The router's decision about an order that arrives now, and the children it would send.

    In the order of the split, whenever each leaves.
    """
    outcomes = list(router.on_parent(order, now_ns))
    for wake in [one for one in outcomes if isinstance(one, WakeAt)]:
        if isinstance(wake.token, Decide):
            outcomes += router.on_wake(wake.token, now_ns)
    (decision,) = (one for one in outcomes if isinstance(one, Decision))
    sent = [one for one in outcomes if isinstance(one, ChildSent)]
    children: list[ChildSent | Child] = [*sent, *router.parents[order.parent_id].leaving.values()]
    venues = [part.venue_id for part in (*decision.split, *decision.posts)]
    return decision, sorted(children, key=lambda one: venues.index(one.venue_id))


def _shows(profile: VenueProfile) -> str:
    if profile.silent:
        return "nothing"
    return "indications" if profile.visibility == "dark" else "quotes"


def _report_latency(venue: VenueEntry, loaded: LoadedScenario, streams: Streams) -> int:
    """Expected delay of a report; the sampler is asked for its mean, nothing is drawn."""
    stream = streams.get("venue", venue.id, "latency", "report")
    nominal_ns = venue.latency.report.sampler(stream, loaded.resolve).nominal_ns
    return nominal_ns + venue.speed_bump.report


# What it costs

_Part = tuple[str, int, int]
"""Venue, price in ticks, lots."""


class _Costs:
    """Prices and costs in the text of files."""

    def __init__(self, loaded: LoadedScenario, router: RouterCore, side: Side) -> None:
        instrument = loaded.scenario.instrument
        self._units = Units(instrument.tick_size, instrument.lot_size)
        self._sign = 1 if side is Side.BUY else -1
        self._lines = {
            venue_id: venue.profile.buy if side is Side.BUY else venue.profile.sell
            for venue_id, venue in router.view.venues.items()
        }

    def price(self, ticks: int) -> str:
        return self._units.price_text(ticks)

    def levels(self, venue_id: str, levels: Levels) -> Iterator[PriceLevel]:
        cum_qty = 0
        for price, qty in levels:
            cum_qty += qty
            effective = self._average(self._effective(venue_id, price), 1)
            yield PriceLevel(self.price(price), effective, qty, cum_qty)

    def of(self, parts: Sequence[_Part]) -> Cost:
        """What it costs to take these parts."""
        lots = sum(qty for _, _, qty in parts)
        if not lots:
            return Cost(0, None, None, "0")
        plain_sum = Fraction(sum(price * qty for _, price, qty in parts))
        effective_sum = sum(
            (self._effective(venue_id, price) * qty for venue_id, price, qty in parts),
            Fraction(0),
        )
        step = Fraction(self._units.tick_size) * Fraction(self._units.lot_size)
        fees = self._sign * (effective_sum - plain_sum) * step
        with localcontext(prec=80):  # fees have finitely many decimals: this is exact
            money = Decimal(fees.numerator) / Decimal(fees.denominator)
        return Cost(
            lots,
            self._average(plain_sum, lots),
            self._average(effective_sum, lots),
            plain(money),
        )

    def _effective(self, venue_id: str, price: int) -> Fraction:
        slope, intercept = self._lines[venue_id]
        return slope * price + intercept

    def _average(self, tick_lots: Fraction, lots: int) -> str:
        value = tick_lots * Fraction(self._units.tick_size) / lots
        numerator, denominator = value.as_integer_ratio()
        return quotient_text(Decimal(numerator), Decimal(denominator), Decimal("0.00000001"))


def _taken(venue_id: str, levels: Levels, order_qty: int, profile: VenueProfile) -> list[_Part]:
    """The best levels of one venue for an order, in whole lots of the venue."""
    parts: list[_Part] = []
    for price, qty in levels:
        lots = min(qty, order_qty)
        lots -= lots % profile.lot
        if lots:
            parts.append((venue_id, price, lots))
            order_qty -= lots
    return parts


def _best_single(venues: Sequence[VenueLiquidity], side: Side) -> SingleVenue | None:
    sign = 1 if side is Side.BUY else -1

    def key(venue: VenueLiquidity) -> tuple[int, Decimal, int, str]:
        price = Decimal(venue.alone.effective_px or 0)
        return -venue.alone.qty, sign * price, venue.order_latency_ns, venue.venue_id

    best = min((venue for venue in venues if venue.alone.qty), key=key, default=None)
    return None if best is None else SingleVenue(best.venue_id, best.alone)


def _split(decision: Decision, children: Sequence[ChildSent | Child], costs: _Costs) -> Split:
    chosen = [(part.venue_id, part.price, part.qty) for part in decision.split]
    blind = {one.venue_id for one in decision.blind}
    parts = [
        SplitPart(
            child.venue_id,
            costs.price(child.price),
            costs.of([part for part in chosen if part[0] == child.venue_id]),
            child.venue_id in blind,
        )
        for child in children
    ]
    cost = costs.of(chosen)
    return Split(decision.strategy, parts, cost, decision.unreserved_qty - cost.qty)
