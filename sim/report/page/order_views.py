"""The page's own tables of child orders, fills and decisions, from the document."""

from collections.abc import Sequence

from sim.report.page.form import Child, Decision, Ranked
from sim.report.page.tables import Cell, Column, Table, choose, number, shown_of
from sim.report.page.text import NONE, Figures, cause, money, words
from sim.report.page.views import Views
from sim.report.words import duration

CHILDREN_MAX = 300
DECISIONS_MAX = 200
FILLS_MAX = 200


class OrderViews(Views):
    """Tables of what was sent and decided, beside those of ``Views``."""

    def children(self, children: Sequence[Child], of: int, linked: set[int]) -> Table:
        """Child orders, each leading to its decision."""
        figures = self.figures
        rows = [
            [
                Cell(
                    one.cl_ord_id,
                    href=f"#decision-{one.decision_id}" if one.decision_id in linked else "",
                ),
                self.venue(one.venue_id),
                self.at(one.sent_ns),
                number(NONE if one.quote_age_ns is None else duration(one.quote_age_ns)),
                number(NONE if one.arrived_ns is None else duration(one.arrived_ns - one.sent_ns)),
                number(figures.qty(one.requested_qty or one.order_qty)),
                number(figures.price(one.price)),
                number(figures.qty(one.filled_qty), soft=not one.filled_qty),
                number(figures.average(one.avg_px)),
                number(figures.qty(one.short_qty), soft=not one.short_qty),
                Cell(ending(one)),
            ]
            for one in children
        ]
        columns = [
            Column("Child"),
            Column("Venue"),
            Column("Sent at", number=True),
            Column("Quote age", number=True),
            Column("On its way", number=True),
            Column("Asked for", number=True),
            Column("Limit", number=True),
            Column("Filled", number=True),
            Column("Average", number=True),
            Column("Not filled", number=True),
            Column("Why", wrap=True),
        ]
        note = shown_of(len(children), of, "child orders", "those with most not filled")
        return Table("Child orders", columns, rows, note, wide=True)

    def fills(self, children: Sequence[Child]) -> Table:
        """Every fill of these children, in the order in which venues did them."""
        every = [(one, child) for child in children for one in child.executions]
        every.sort(key=lambda pair: pair[0].done_ns)
        shown = choose(every, FILLS_MAX, lambda pair: pair[0].qty)
        rows = [
            [
                self.at(one.done_ns),
                self.venue(child.venue_id),
                Cell(child.cl_ord_id),
                number(self.figures.qty(one.qty)),
                number(self.figures.price(one.px)),
                number(self.figures.price(one.best_px)),
                Cell("maker" if one.is_maker else "taker"),
                number(money(one.fee)),
            ]
            for one, child in shown
        ]
        columns = [
            Column("At", number=True),
            Column("Venue"),
            Column("Child"),
            Column("Quantity", number=True),
            Column("Price", number=True),
            Column("Best known as sent", number=True),
            Column("As"),
            Column("Fee", number=True),
        ]
        note = shown_of(len(shown), len(every), "fills", "the largest")
        return Table("Fills", columns, rows, note, wide=True)

    def depth(self, decision: Decision, children: Sequence[Child]) -> Table | None:
        """What a decision knew of each level, and what its children met there; None of none."""
        figures = self.figures
        met = {child.venue_id: dict(child.arrival or []) for child in children}
        rows: list[list[Cell]] = []
        for one in decision.venues:
            known, found = dict(one.levels), met.get(one.venue_id, {})
            for price in dict.fromkeys([*known, *found]):
                rows.append(
                    [
                        self.venue(one.venue_id),
                        number(figures.price(price)),
                        number(figures.qty(known.get(price))),
                        number(figures.qty(found.get(price))),
                    ]
                )
        columns = [
            Column("Venue"),
            Column("Price", number=True),
            Column("Known", number=True),
            Column("Met on arrival", number=True),
        ]
        return Table("Depth by level, best first", columns, rows) if rows else None

    def sent(self, children: Sequence[Child]) -> Table:
        """What one decision sent: what it rested on, what it met, and what came of it."""
        figures = self.figures
        rows = []
        for one in children:
            met = None if one.arrival is None else sum(qty for _, qty in one.arrival)
            rows.append(
                [
                    Cell(one.cl_ord_id),
                    self.venue(one.venue_id),
                    number(figures.qty(one.requested_qty or one.order_qty)),
                    number(figures.price(one.price)),
                    number(figures.price(one.shown_px)),
                    number(NONE if one.quote_age_ns is None else duration(one.quote_age_ns)),
                    number(figures.qty(met)),
                    number(figures.qty(one.filled_qty), soft=not one.filled_qty),
                    number(figures.average(one.avg_px)),
                    number(figures.qty(one.short_qty), soft=not one.short_qty),
                    Cell(ending(one)),
                ]
            )
        columns = [
            Column("Child"),
            Column("Venue"),
            Column("Asked for", number=True),
            Column("Limit", number=True),
            Column("Quote", number=True),
            Column("Its age", number=True),
            Column("Met there", number=True),
            Column("Filled", number=True),
            Column("Average", number=True),
            Column("Not filled", number=True),
            Column("Why", wrap=True),
        ]
        caption = "What it sent: on which quote, what its limit reached on arrival, what came of it"
        return Table(caption, columns, rows, wide=True)

    def decisions(self, decisions: Sequence[Decision], of: int, linked: set[int]) -> Table:
        """Decisions, each leading to all that it knew."""
        figures = self.figures
        rows = []
        for one in decisions:
            back = ", ".join(f"{v} {figures.qty(q)}" for v, q in one.came_back.items() if q)
            sent = [row for row in one.venues if row.allocated_qty]
            split = ", ".join(f"{row.venue_id} {figures.qty(row.allocated_qty)}" for row in sent)
            filled = sum(row.filled_qty for row in sent)
            rows.append(
                [
                    Cell(
                        f"{one.decision_id}",
                        href=f"#decision-{one.decision_id}" if one.decision_id in linked else "",
                    ),
                    self.at(one.t_ns),
                    Cell(one.parent_id),
                    Cell(words(one.rule or one.reason)),
                    number(figures.qty(one.unreserved_qty)),
                    Cell(back or NONE, soft=not back),
                    Cell(split or "waits", soft=not split),
                    Cell(
                        figures.qty(filled) if sent else NONE,
                        bar=filled / one.sent_qty if one.sent_qty else None,
                        soft=not sent,
                    ),
                ]
            )
        columns = [
            Column("Decision"),
            Column("At", number=True),
            Column("Parent"),
            Column("Because"),
            Column("To place", number=True),
            Column("Came back", wrap=True),
            Column("Sent to", wrap=True),
            Column("Filled of it", number=True),
        ]
        note = shown_of(len(decisions), of, "decisions", "those after which most was not filled")
        return Table("Decisions of the router", columns, rows, note, wide=True)

    def ranked(self, decision: Decision) -> Table:
        """What one decision knew of each venue, what it sent there, and what came of it."""
        figures = self.figures
        most = max((row.available_qty or 0 for row in decision.venues), default=0)
        rows = [self._ranked_row(row, most, figures) for row in decision.venues]
        columns = [
            Column("Rank", number=True),
            Column("Venue"),
            Column("Available", number=True),
            Column("Price", number=True),
            Column("Quote age", number=True),
            Column("Delay", number=True),
            Column("Allocation", number=True),
            Column("Filled", number=True),
            Column("Evidence", wrap=True),
        ]
        return Table("Venues as the router ranked them", columns, rows, wide=True)

    def _ranked_row(self, row: Ranked, most: int, figures: Figures) -> list[Cell]:
        idle = not row.allocated_qty
        evidence = row.evidence or words(row.why)
        price = figures.price(row.price)
        effective = "" if row.effective_price is None else f"with its fee {row.effective_price}"
        return [
            number(NONE if row.rank is None else str(row.rank)),
            self.venue(row.venue_id),
            Cell(
                figures.qty(row.available_qty),
                bar=(row.available_qty or 0) / most if most else None,
                inner=min(row.allocated_qty / most, 1.0) if most else None,
                soft=row.available_qty is None,
            ),
            Cell(price, title=effective, soft=row.price is None),
            number(NONE if row.age_ns is None else duration(row.age_ns)),
            number(NONE if row.latency_ns is None else duration(row.latency_ns)),
            number(figures.qty(row.allocated_qty), soft=idle),
            number(NONE if idle else figures.qty(row.filled_qty), soft=idle),
            Cell(evidence[:1].upper() + evidence[1:], soft=idle),
        ]


def ending(child: Child) -> str:
    """Why a child ended as it did, in a few words."""
    if child.reject_reason:
        return f"rejected: {words(child.reject_reason)}"
    found = sorted(child.short.causes.items(), key=lambda pair: (-pair[1], pair[0]))
    reasons = ", ".join(cause(name) for name, lots in found if lots)
    return reasons or words(child.end)
