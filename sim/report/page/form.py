"""What the page reads of a report's document, with its types.

The document is ``sorsim-report/1`` as JSON holds it: prices, money and basis points are decimal
text, quantities lots, times nanoseconds since the start of the run, undefined values None. What is
missing here has a default, so that a document of a poor log makes a page that says so.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

SCHEMA: Final = "sorsim-report/1"

Levels = list[tuple[str, int]]
Causes = dict[str, int]


class Instrument(msgspec.Struct, frozen=True):
    """What is traded, and in which steps."""

    symbol: str
    tick_size: str
    lot_size: str


class Shortfall(msgspec.Struct, frozen=True):
    """What a parent cost against the mid at its arrival."""

    total: str | None = None
    total_bps: str | None = None
    parts: dict[str, str | None] | None = None
    parts_bps: dict[str, str | None] | None = None
    why_not_available: str | None = None
    notes: list[str] = []


class Benchmark(msgspec.Struct, frozen=True):
    """One price that a parent is measured against."""

    name: str
    title: str = ""
    price: str | None = None
    cost: str | None = None
    cost_bps: str | None = None
    what: str = ""
    approximate: str | None = None
    why_not_available: str | None = None


class Markout(msgspec.Struct, frozen=True):
    """How the mid stood some time after the fills, in our favour if positive."""

    horizon_ns: int
    bps: str | None = None


class Worse(msgspec.Struct, frozen=True):
    """What was filled at a worse price than the quote acted upon."""

    qty: int = 0
    cost: str | None = None
    causes: Causes = {}


class Parent(msgspec.Struct, frozen=True):
    """A client's order."""

    parent_id: str
    side: str
    order_qty: int
    filled_qty: int
    avg_px: str | None = None
    arrival_mid: str | None = None
    end_reason: str | None = None
    shortfall: Shortfall = Shortfall()
    benchmarks: list[Benchmark] = []
    markouts: list[Markout] = []
    short_shares: int = 0
    causes: Causes = {}
    worse: Worse = Worse()
    received_ns: int | None = None
    done_ns: int | None = None
    limit_px: str | None = None
    deadline_ns: int | None = None
    canceled_qty: int = 0
    leaves_qty: int = 0
    notional: str | None = None
    fees: str | None = None
    children: int = 0
    decisions: int = 0
    reallocations: int = 0


class Execution(msgspec.Struct, frozen=True):
    """One fill."""

    px: str
    qty: int
    done_ns: int
    fee: str = "0"
    is_maker: bool = False
    best_px: str | None = None
    heard_ns: int | None = None


class Short(msgspec.Struct, frozen=True):
    """Why lots of a child were not filled."""

    causes: Causes = {}


class Child(msgspec.Struct, frozen=True):
    """One order to one venue."""

    cl_ord_id: str
    parent_id: str
    decision_id: int
    venue_id: str
    side: str
    order_qty: int
    price: str
    sent_ns: int
    requested_qty: int = 0
    time_in_force: str = ""
    min_qty: int = 0
    shown_px: str | None = None
    quote_age_ns: int | None = None
    arrived_ns: int | None = None
    ended_ns: int | None = None
    end: str = ""
    reject_reason: str | None = None
    filled_qty: int = 0
    short_qty: int = 0
    avg_px: str | None = None
    fees: str | None = None
    executions: list[Execution] = []
    arrival: Levels | None = None
    short: Short = Short()


class Ranked(msgspec.Struct, frozen=True):
    """One venue as a decision saw it."""

    venue_id: str
    rank: int | None = None
    kind: str = ""
    available_qty: int | None = None
    price: str | None = None
    effective_price: str | None = None
    levels: Levels = []
    age_ns: int | None = None
    latency_ns: int | None = None
    allocated_qty: int = 0
    filled_qty: int = 0
    avg_px: str | None = None
    why: str = ""
    evidence: str = ""


class Note(msgspec.Struct, frozen=True):
    """Something a strategy said of its split."""

    name: str
    value: str


class Decision(msgspec.Struct, frozen=True):
    """What the router chose, and from what."""

    decision_id: int
    parent_id: str
    t_ns: int
    reason: str
    rule: str = ""
    strategy: str = ""
    depth: str = ""
    unreserved_qty: int = 0
    sent_qty: int = 0
    came_back: dict[str, int] = {}
    children: list[str] = []
    venues: list[Ranked] = []
    notes: list[Note] = []
    text: list[str] = []


class Venue(msgspec.Struct, frozen=True):
    """What happened at one venue."""

    venue_id: str
    kind: str = ""
    lit: bool = False
    children: int = 0
    routed_qty: int = 0
    filled_qty: int = 0
    fill_rate: str | None = None
    avg_px: str | None = None
    fees: str | None = None
    rejects: int = 0
    busts: int = 0
    short_qty: int = 0
    causes: Causes = {}
    markouts: list[Markout] = []
    quoted_spread: str | None = None
    effective_spread: str | None = None


class Latency(msgspec.Struct, frozen=True):
    """How long messages of one way took; ``percentiles_ns`` from the 0th to the 100th."""

    venue_id: str
    leg: str
    count: int
    percentiles_ns: list[int]
    mean_ns: int | None = None
    held_ns_max: int | None = None


class Touches(msgspec.Struct, frozen=True):
    """Best bids and offers over time, as columns; ``of`` points before thinning."""

    t_ns: list[int]
    bid: list[str | None]
    ask: list[str | None]
    of: int = 0


class Happening(msgspec.Struct, frozen=True):
    """Something that happened to a venue."""

    t_ns: int
    venue_id: str
    event: str
    detail: str = ""


class Market(msgspec.Struct, frozen=True):
    """What charts need of the market."""

    window_ns: tuple[int, int] | None = None
    nbbo: Touches | None = None
    quotes: dict[str, Touches] = {}
    events: list[Happening] = []


class Document(msgspec.Struct, frozen=True):
    """A report's document; sections that are plain tables stay as they come."""

    schema: str
    scenario: str
    seed: int
    instrument: Instrument
    code_version: str = ""
    outcome: str | None = None
    fault: str = ""
    audit_head: str = ""
    records: int = 0
    end_ns: int = 0
    missing: list[str] = []
    headline: list[str] = []
    parents: list[Parent] = []
    children: list[Child] = []
    decisions: list[Decision] = []
    venues: list[Venue] = []
    latencies: list[Latency] = []
    market: Market = Market()
    wrong: dict[str, Any] = {}
    evidence: dict[str, Any] = {}
    study: list[Any] = []
    assumptions: list[str] = []

    @property
    def origin_ns(self) -> int:
        """When the first order arrived: times on the page count from it."""
        arrived = [one.received_ns for one in self.parents if one.received_ns is not None]
        return min(arrived, default=0)


def read_document(document: Mapping[str, Any]) -> Document:
    """The document with its types.

    Raises:
        ValueError: If it has another schema, or a value has another type than the page can read;
            says where.
    """
    found = document.get("schema")
    if found != SCHEMA:
        raise ValueError(f"the page reads documents of schema {SCHEMA}, this one says {found!r}")
    return msgspec.convert(document, Document)
