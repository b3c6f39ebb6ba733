"""Parts of the page that are neither chart nor plain table: key figures, decisions, what is cut."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from sim.report.page.form import Child, Decision, Document
from sim.report.page.order_views import OrderViews
from sim.report.page.plots.timeline import VENUES_MAX
from sim.report.page.tables import Table
from sim.report.page.text import Figures, bps, money, percent, whole, words
from sim.report.words import duration, instant


class Key(msgspec.Struct, frozen=True):
    """One key figure: a number, what it is, and what it is to be seen against."""

    title: str
    value: str
    detail: str = ""


class Article(msgspec.Struct, frozen=True):
    """One decision with all that it knew and all that came of it."""

    decision_id: int
    title: str
    lead: str
    text: list[str]
    ranked: Table
    children: Table | None
    notes: list[tuple[str, str]]


def key_figures(document: Document, figures: Figures) -> list[Key]:
    """A few numbers that say how it went; for several parents those that can be added up."""
    parents = document.parents
    if not parents:
        return []
    ordered = sum(one.order_qty for one in parents)
    filled = sum(one.filled_qty for one in parents)
    found = [
        Key(
            "Filled",
            percent(filled, ordered),
            f"{figures.about(filled)} of {figures.about(ordered)} {figures.symbol}",
        )
    ]
    if len(parents) == 1:
        one = parents[0]
        mid = one.arrival_mid
        against = "no mid at arrival" if mid is None else f"mid at arrival {figures.average(mid)}"
        found.append(Key("Average price", figures.average(one.avg_px), against))
        cost = one.shortfall
        detail = "of the mid at arrival" if cost.total_bps is not None else "no mid to measure from"
        value = "not available" if cost.total_bps is None else f"{bps(cost.total_bps)} bps"
        if cost.total is not None:
            detail = f"{money(cost.total)} against the mid at arrival"
        found.append(Key("Shortfall", value, detail))
    else:
        known = [one.shortfall.total for one in parents if one.shortfall.total is not None]
        total = sum((Decimal(text) for text in known), Decimal(0))
        value = money(f"{total:f}") if known else "not available"
        of = f"{whole(len(parents))} orders, each against the mid at its arrival"
        if len(known) < len(parents):
            of = f"{whole(len(known))} of {whole(len(parents))} parents have a mid to measure from"
        found.append(Key("Shortfall", value, of))
    fees = [one.fees for one in parents if one.fees is not None]
    if fees:
        paid = sum((Decimal(text) for text in fees), Decimal(0))
        found.append(
            Key("Fees", money(f"{paid:f}"), "less rebates" if paid else "none were charged")
        )
    starts = [one.received_ns for one in parents if one.received_ns is not None]
    ends = [one.done_ns for one in parents if one.done_ns is not None]
    if starts and len(ends) == len(parents):
        children = f"{whole(len(document.children))} child orders"
        found.append(Key("Time taken", duration(max(ends) - min(starts)), children))
    return found


def decision_articles(
    decisions: Sequence[Decision], document: Document, views: OrderViews, figures: Figures
) -> list[Article]:
    """All about some decisions."""
    by_id = {child.cl_ord_id: child for child in document.children}
    return [_article(one, by_id, views, figures) for one in decisions]


def _article(
    decision: Decision, by_id: dict[str, Child], views: OrderViews, figures: Figures
) -> Article:
    sent = [by_id[one] for one in decision.children if one in by_id]
    because = words(decision.rule or decision.reason)
    to_place = f"{figures.about(decision.unreserved_qty)} of {decision.parent_id} to place"
    why = because if not decision.strategy else f"{because}; strategy {words(decision.strategy)}"
    done = f"sent {figures.about(decision.sent_qty)}" if decision.sent_qty else "waited"
    lead = f"{instant(decision.t_ns)} into the run the router had {to_place} ({why}) and {done}."
    children = views.sent(sent) if sent else None
    return Article(
        decision.decision_id,
        f"Decision {decision.decision_id}",
        lead,
        decision.text,
        views.ranked(decision),
        children,
        [(words(note.name), note.value) for note in decision.notes],
    )


def thinned(document: Document, drawn: int, detailed: int) -> list[str]:
    """What the page holds less of than the document, in sentences."""
    found: list[str] = []
    if drawn < len(document.children):
        found.append(
            f"Charts draw {whole(drawn)} of {whole(len(document.children))} child orders: "
            "the first ones, and of the others those with most not filled."
        )
    if detailed < len(document.decisions):
        found.append(
            f"{whole(detailed)} of {whole(len(document.decisions))} decisions can be opened: "
            "the first ones, and of the others those after which most was not filled."
        )
    used = len({child.venue_id for child in document.children})
    if used > VENUES_MAX:
        found.append(
            f"Child orders are drawn for the {VENUES_MAX} of {used} venues that got most of them."
        )
    series = [document.market.nbbo, *document.market.quotes.values()]
    cut = [one for one in series if one is not None and len(one.t_ns) < one.of]
    if cut:
        points = sum(one.of for one in cut)
        kept = sum(len(one.t_ns) for one in cut)
        found.append(
            f"Price lines are drawn with {whole(kept)} of {whole(points)} points; the lowest and "
            "highest of each stretch are among them."
        )
    return found
