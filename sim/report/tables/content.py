"""What a run's tables hold, column by column, from its trail. Knows no library of data frames.

Quantities are lots as everywhere, times nanoseconds since the start of the run. Prices and money
are exact decimals outside; here prices are ticks, which ``Column.kind`` tells apart, and ``NO_PX``
or None where there is none.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, Final, Literal, NamedTuple

from sim.audit.records import Decision
from sim.report.trail.build import Trail
from sim.report.trail.market import Prints, Quotes
from sim.report.trail.orders import Child, Execution, Parent
from sim.report.trouble import fault_rows

Kind = Literal["text", "int", "price", "money", "bool"]
Values = Sequence[Any] | array  # type: ignore[type-arg]


class Column(NamedTuple):
    """One column; ``price`` counts ticks and ``money`` is a decimal until a frame is made of it."""

    name: str
    kind: Kind
    about: str


class Table(NamedTuple):
    """A table by its name in queries; ``content`` gives the values of each of its columns."""

    name: str
    about: str
    columns: tuple[Column, ...]
    content: Callable[[Trail], list[Values]]


def _rows(rows: Iterable[tuple[Any, ...]], width: int) -> list[Values]:
    columns = list(zip(*rows, strict=True))
    return [list(column) for column in columns] if columns else [[] for _ in range(width)]


# ---------------------------------------------------------------- orders

_PARENT: Final = (
    Column("parent_id", "text", "the client's order"),
    Column("side", "text", "buy or sell"),
    Column("order_qty", "int", "lots ordered"),
    Column("limit_px", "price", "its limit; null: none"),
    Column("received_ns", "int", "when it came"),
    Column("bid_px", "price", "best displayed lit bid that the router knew then"),
    Column("ask_px", "price", "best displayed lit offer that the router knew then"),
    Column("filled_qty", "int", "lots filled"),
    Column("notional", "money", "price times quantity of its fills"),
    Column("fees", "money", "fees paid; negative: rebates"),
    Column("children", "int", "orders sent for it"),
    Column("ended_ns", "int", "when it ended; null: not in this run"),
    Column("end_reason", "text", "why it ended"),
)


def _parents(trail: Trail) -> list[Values]:
    def row(parent: Parent) -> tuple[Any, ...]:
        got, done = parent.received, parent.done
        return (
            got.parent_id,
            got.side.value,
            got.order_qty,
            got.limit_px,
            got.t_ns,
            got.bid_px,
            got.ask_px,
            parent.filled_qty,
            trail.units.notional(parent.tick_lots),
            parent.fees,
            len(parent.children),
            None if done is None else done.t_ns,
            None if done is None else done.end_reason.value,
        )

    return _rows(map(row, trail.parents.values()), len(_PARENT))


_CHILD: Final = (
    Column("cl_ord_id", "text", "the child order"),
    Column("parent_id", "text", "the client's order that it works"),
    Column("decision_id", "int", "the decision that sent it"),
    Column("venue_id", "text", "where it was sent"),
    Column("side", "text", "buy or sell"),
    Column("time_in_force", "text", "how long it lives at the venue"),
    Column("price", "price", "its limit as it was sent"),
    Column("order_qty", "int", "lots as it was sent"),
    Column("requested_qty", "int", "the most that was ever asked with it"),
    Column("filled_qty", "int", "lots filled"),
    Column("short_qty", "int", "asked for and not filled"),
    Column("notional", "money", "price times quantity of its fills"),
    Column("fees", "money", "fees paid; negative: rebates"),
    Column("shown_px", "price", "best price that the venue showed, as the router knew it"),
    Column("quote_age_ns", "int", "age of that quote at the decision; null: none"),
    Column("sent_ns", "int", "when it left"),
    Column("arrived_ns", "int", "when it met the venue's book; null: never"),
    Column("acked_ns", "int", "when the router heard that it was accepted"),
    Column("ended_ns", "int", "when the router knew that nothing more of it fills"),
    Column("canceled_qty", "int", "lots canceled"),
    Column("reject_reason", "text", "why the venue refused it; null: it did not"),
)


def _child(child: Child, trail: Trail) -> tuple[Any, ...]:
    sent = child.sent
    return (
        sent.cl_ord_id,
        sent.parent_id,
        sent.decision_id,
        sent.venue_id,
        sent.side.value,
        sent.time_in_force.value,
        sent.price,
        sent.order_qty,
        child.requested_qty,
        child.filled_qty,
        child.short_qty,
        trail.units.notional(child.tick_lots),
        child.fees,
        sent.shown_px,
        None if child.known is None else child.known.age_ns,
        sent.t_ns,
        None if child.arrival is None else child.arrival.t_ns,
        None if child.acked is None else child.acked.t_ns,
        child.ended_ns,
        0 if child.canceled is None else child.canceled.canceled_qty,
        None if child.rejected is None else child.rejected.reason.value,
    )


def _children(trail: Trail) -> list[Values]:
    rows = (_child(child, trail) for child in trail.children.values())
    return _rows(rows, len(_CHILD))


_FILL: Final = (
    Column("cl_ord_id", "text", "the child order"),
    Column("parent_id", "text", "the client's order"),
    Column("venue_id", "text", "where it traded"),
    Column("exec_id", "int", "the venue's number of it"),
    Column("side", "text", "buy or sell"),
    Column("price", "price", "what was paid, after corrections"),
    Column("qty", "int", "lots, after corrections and busts"),
    Column("notional", "money", "price times quantity"),
    Column("fee", "money", "fee paid; negative: a rebate"),
    Column("is_maker", "bool", "whether the child rested in the book"),
    Column("best_px", "price", "best displayed lit price that the router knew as the child left"),
    Column("executed_ns", "int", "when the venue did it"),
    Column("heard_ns", "int", "when the router heard of it"),
)


def _fill(one: Execution, trail: Trail) -> tuple[Any, ...]:
    sent = one.child.sent
    return (
        sent.cl_ord_id,
        sent.parent_id,
        sent.venue_id,
        one.exec_id,
        sent.side.value,
        one.px,
        one.qty,
        trail.units.notional(one.px * one.qty),
        one.fee,
        one.is_maker,
        one.best_px,
        one.done_ns,
        one.heard_ns,
    )


def _fills(trail: Trail) -> list[Values]:
    """In the order in which the router heard of them."""
    every = [one for child in trail.children.values() for one in child.executions]
    every.sort(key=lambda one: one.heard_ns)
    return _rows((_fill(one, trail) for one in every), len(_FILL))


# ---------------------------------------------------------------- decisions

_DECISION: Final = (
    Column("decision_id", "int", "its number"),
    Column("t_ns", "int", "when"),
    Column("parent_id", "text", "the client's order"),
    Column("reason", "text", "what made the router decide"),
    Column("rule", "text", "the rule behind it; empty: free lots are simply placed"),
    Column("strategy", "text", "what split"),
    Column("unreserved_qty", "int", "lots that were to be placed"),
    Column("taken_qty", "int", "lots sent to take"),
    Column("posted_qty", "int", "lots sent to rest"),
    Column("venues", "int", "venues that got any"),
)


def _decision(one: Decision) -> tuple[Any, ...]:
    slices = (*one.split, *one.posts)
    return (
        one.decision_id,
        one.t_ns,
        one.parent_id,
        one.reason.value,
        one.rule,
        one.strategy,
        one.unreserved_qty,
        sum(part.qty for part in one.split),
        sum(part.qty for part in one.posts),
        len({part.venue_id for part in slices}),
    )


def _decisions(trail: Trail) -> list[Values]:
    return _rows(map(_decision, trail.decisions.values()), len(_DECISION))


_ALTERNATIVE: Final = (
    Column("decision_id", "int", "the decision"),
    Column("venue_id", "text", "a venue that it looked at"),
    Column("rank", "int", "place by best level, 1 the best; null: not ranked"),
    Column("best_px", "price", "best usable price known; null: none"),
    Column("usable_qty", "int", "lots usable at all known levels"),
    Column("quote_age_ns", "int", "age of the quote; null: there was none"),
    Column("latency_ns", "int", "expected delay of an order there"),
    Column("sent_qty", "int", "lots that it got"),
    Column("refused", "text", "why it was left out; null: it was not"),
)


def _alternatives_of(one: Decision) -> Iterable[tuple[Any, ...]]:
    ranks = {venue: n for n, venue in enumerate(one.ranking, 1)}
    known = {quote.venue_id: quote for quote in one.quotes}
    blind = {order.venue_id: order for order in one.blind}
    refused = {each.venue_id: each for each in one.refused}
    sent: dict[str, int] = {}
    for part in (*one.split, *one.posts):
        sent[part.venue_id] = sent.get(part.venue_id, 0) + part.qty
    for venue in dict.fromkeys([*ranks, *known, *sent, *refused]):
        quote, left, asked = known.get(venue), refused.get(venue), blind.get(venue)
        source = quote or left
        reached = quote or asked
        yield (
            one.decision_id,
            venue,
            ranks.get(venue),
            quote.levels[0][0] if quote and quote.levels else None,
            sum(qty for _, qty in quote.levels) if quote else 0,
            None if source is None else source.age_ns,
            None if reached is None else reached.latency_ns,
            sent.get(venue, 0),
            None if left is None else left.reason,
        )


def _alternatives(trail: Trail) -> list[Values]:
    rows = (row for one in trail.decisions.values() for row in _alternatives_of(one))
    return _rows(rows, len(_ALTERNATIVE))


# ---------------------------------------------------------------- market

_QUOTE: Final = (
    Column("t_ns", "int", "when the venue published it"),
    Column("venue_id", "text", "the venue"),
    Column("venue_seq", "int", "its number of it"),
    Column("bid_px", "price", "best bid; null: none"),
    Column("bid_qty", "int", "lots at it"),
    Column("ask_px", "price", "best offer; null: none"),
    Column("ask_qty", "int", "lots at it"),
)
_TRADE: Final = (
    Column("t_ns", "int", "when"),
    Column("venue_id", "text", "the venue"),
    Column("venue_seq", "int", "its number of it"),
    Column("price", "price", "where it traded"),
    Column("qty", "int", "lots"),
    Column("aggressor", "text", "the side that took"),
)


def _quotes(trail: Trail) -> list[Values]:
    def columns(name: str, one: Quotes) -> list[Values]:
        ids = list(repeat(name, len(one)))
        return [one.t_ns, ids, one.seq, one.bid, one.bid_qty, one.ask, one.ask_qty]

    found = [columns(name, one) for name, one in trail.market.quotes.items()]
    return _by_time(found, len(_QUOTE))


def _trades(trail: Trail) -> list[Values]:
    def columns(name: str, one: Prints) -> list[Values]:
        ids = list(repeat(name, len(one)))
        sides = ["buy" if sign > 0 else "sell" for sign in one.aggressor]
        return [one.t_ns, ids, one.seq, one.price, one.qty, sides]

    found = [columns(name, one) for name, one in trail.market.prints.items()]
    return _by_time(found, len(_TRADE))


def _by_time(found: Sequence[Sequence[Values]], width: int) -> list[Values]:
    """The columns of all venues as one, by time; at one instant venue by venue."""
    together = [[value for part in found for value in part[n]] for n in range(width)]
    times = together[0]
    order = sorted(range(len(times)), key=times.__getitem__)
    if order == list(range(len(times))):
        return list(together)
    return [[column[n] for n in order] for column in together]


# ---------------------------------------------------------------- faults

_FAULT: Final = (
    Column("fault_id", "text", "its id in the scenario"),
    Column("kind", "text", "what it does"),
    Column("venue_id", "text", "the venue that it is about; null: none, or all"),
    Column("leg", "text", "order, report or feed, of messages; null: of a venue or the router"),
    Column("began_ns", "int", "when it first did something; null: it did not come"),
    Column("ended_ns", "int", "when it last did or was over; null: not in this log"),
    Column("struck", "int", "messages that it struck"),
    Column("orders", "int", "orders touched: struck, or out at its venue while it lasted"),
    Column("asked", "int", "of these: those that the router then asked its venue about"),
    Column("unknown", "int", "of these: those of which its venue then knew nothing"),
    Column("asked_qty", "int", "lots open as the router first asked"),
    Column("settled_qty", "int", "of these lots: what became of them was learnt"),
    Column("written_off_qty", "int", "lots of these orders given up"),
    Column("open_qty", "int", "lots asked about and open as the log ends"),
    Column("holds", "int", "how often a venue was held back for a while for them"),
    Column("quarantine", "bool", "whether one was put into quarantine for them"),
    Column("doubted", "int", "decisions in its time that doubted its venue's quotes"),
)


def _faults(trail: Trail) -> list[Values]:
    return _rows(fault_rows(trail), len(_FAULT))


TABLES: Final[tuple[Table, ...]] = (
    Table("parents", "clients' orders", _PARENT, _parents),
    Table("children", "orders sent to venues", _CHILD, _children),
    Table("fills", "what traded, as the router heard of it", _FILL, _fills),
    Table("decisions", "what the router decided", _DECISION, _decisions),
    Table("alternatives", "what each decision knew of each venue", _ALTERNATIVE, _alternatives),
    Table("quotes", "true touches of every venue", _QUOTE, _quotes),
    Table("trades", "prints of every venue, ours and others'", _TRADE, _trades),
    Table("faults", "what went wrong by the scenario, and what followed", _FAULT, _faults),
)
"""All tables of a run."""
