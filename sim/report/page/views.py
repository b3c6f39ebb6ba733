"""The page's own tables of parents, their costs and causes, and of venues, from the document."""

from collections.abc import Sequence
from decimal import Decimal

from sim.report.page.form import Causes, Latency, Parent, Venue
from sim.report.page.plots.base import Marks
from sim.report.page.tables import Cell, Column, Table, choose, number, shown_of
from sim.report.page.text import (
    NONE,
    Figures,
    bps,
    cause,
    leg,
    money,
    part,
    parts_in_order,
    percent,
    sentences,
    whole,
    words,
)
from sim.report.words import duration, instant

PARENTS_MAX = 100


class Views:
    """Makes tables of one document's rows.

    Args:
        figures: Says prices and quantities.
        marks: Colours of venues.
        origin_ns: When the first order arrived.
    """

    def __init__(self, figures: Figures, marks: Marks, origin_ns: int) -> None:
        self.figures = figures
        self._origin = origin_ns
        self.marks = marks

    def venue(self, venue_id: str) -> Cell:
        """A venue's name with its mark."""
        return Cell(venue_id, venue=self.marks.dot(venue_id))

    def at(self, t_ns: int) -> Cell:
        """An instant since the first order's arrival; pointed at, since the start of the run."""
        return Cell(instant(t_ns - self._origin), title=f"{instant(t_ns)} into the run")

    def parents(self, shown: Sequence[Parent], of: int) -> Table:
        """What each order asked for, got and cost; ``of`` is how many there are."""
        figures = self.figures
        rows = [
            [
                Cell(one.parent_id),
                Cell(words(one.side)),
                number(figures.qty(one.order_qty)),
                Cell(
                    figures.qty(one.filled_qty),
                    bar=one.filled_qty / one.order_qty if one.order_qty else None,
                ),
                number(figures.average(one.avg_px)),
                number(figures.average(one.arrival_mid)),
                number(bps(one.shortfall.total_bps)),
                number(money(one.fees)),
                number(whole(one.children)),
                number(whole(one.reallocations)),
                Cell(words(one.end_reason) if one.end_reason else "not ended"),
            ]
            for one in shown
        ]
        columns = [
            Column("Parent"),
            Column("Side"),
            Column("Ordered", number=True),
            Column("Filled", number=True),
            Column("Average price", number=True),
            Column("Mid at arrival", number=True),
            Column("Shortfall, bps", number=True),
            Column("Fees", number=True),
            Column("Children", number=True),
            Column("Sent again", number=True),
            Column("End"),
        ]
        note = shown_of(len(shown), of, "parents", "those with most left unfilled")
        return Table("Parent orders", columns, rows, note, wide=True)

    def cost_parts(self, parents: Sequence[Parent]) -> Table | None:
        """The parts of each parent's shortfall in money and basis points; None if none has any."""
        known = [
            one
            for one in parents
            if any(value is not None for value in (one.shortfall.parts or {}).values())
        ]
        if not known:
            return None
        shown = choose(known, PARENTS_MAX, lambda one: abs(int(Decimal(one.shortfall.total or 0))))
        names = parts_in_order(
            dict.fromkeys(name for one in shown for name in one.shortfall.parts or ())
        )
        rows: list[list[Cell]] = []
        for one in shown:
            parts, in_bps = one.shortfall.parts or {}, one.shortfall.parts_bps or {}
            rows.append(
                [
                    Cell(one.parent_id),
                    *(
                        Cell(money(parts.get(name)), title=f"{bps(in_bps.get(name))} bps")
                        for name in names
                    ),
                    number(money(one.shortfall.total)),
                    number(bps(one.shortfall.total_bps)),
                ]
            )
        columns = [
            Column("Parent"),
            *(Column(part(name)[0], number=True) for name in names),
            Column("Whole", number=True),
            Column("Whole, bps", number=True),
        ]
        note = shown_of(len(shown), len(known), "parents", "the costliest")
        return Table("Shortfall in money, by part", columns, rows, note, wide=True)

    def benchmarks(self, parent: Parent) -> Table | None:
        """One parent against its benchmarks."""
        if not parent.benchmarks:
            return None
        rows = []
        for one in parent.benchmarks:
            more = sentences([one.what, one.approximate, one.why_not_available])
            rows.append(
                [
                    Cell(one.title or words(one.name), below=more),
                    number(self.figures.average(one.price)),
                    number(money(one.cost, plus=True)),
                    number(bps(one.cost_bps)),
                ]
            )
        columns = [
            Column("Benchmark", wrap=True),
            Column("Price", number=True),
            Column("Cost against it", number=True),
            Column("bps", number=True),
        ]
        return Table(f"{parent.parent_id} against benchmarks", columns, rows)

    def against_benchmarks(self, parents: Sequence[Parent]) -> Table | None:
        """Several parents against their benchmarks, in basis points."""
        known = [one for one in parents if one.benchmarks]
        titles: dict[str, str] = {}
        for each in [mark for one in known for mark in one.benchmarks]:
            title = each.title or words(each.name)
            if titles.setdefault(each.name, title) != title:  # a bid for sells, an offer for buys
                titles[each.name] = words(each.name)
        if not known:
            return None
        shown = choose(known, PARENTS_MAX, lambda one: one.order_qty)
        rows: list[list[Cell]] = []
        for one in shown:
            found = {mark.name: mark for mark in one.benchmarks}
            row = [Cell(one.parent_id), number(self.figures.average(one.avg_px))]
            for name in titles:
                mark = found.get(name)
                row.append(number(NONE if mark is None else bps(mark.cost_bps)))
            rows.append(row)
        columns = [Column("Parent"), Column("Average price", number=True)]
        columns += [Column(title, number=True) for title in titles.values()]
        note = shown_of(len(shown), len(known), "parents", "the largest")
        caption = "Against benchmarks, in basis points (a cost is positive)"
        return Table(caption, columns, rows, note, wide=True)

    def markouts(self, parents: Sequence[Parent], venues: Sequence[Venue]) -> Table | None:
        """Mid after the fills, by parent and venue."""
        lines = [(Cell(one.parent_id), one.markouts) for one in parents[:PARENTS_MAX]]
        lines += [(self.venue(one.venue_id), one.markouts) for one in venues]
        lines = [(name, points) for name, points in lines if points]
        if not lines:
            return None
        horizons = sorted({point.horizon_ns for _, points in lines for point in points})
        rows = []
        for name, points in lines:
            found = {point.horizon_ns: point.bps for point in points}
            rows.append([name, *(number(bps(found.get(horizon))) for horizon in horizons)])
        columns = [Column("Of"), *(Column(duration(one), number=True) for one in horizons)]
        return Table("Markouts in basis points, by time after the fill", columns, rows)

    def causes(self, causes: Causes, short: int) -> Table | None:
        """Lots by cause and their share of all that was not filled."""
        found = sorted(
            ((name, lots) for name, lots in causes.items() if lots),
            key=lambda pair: (-pair[1], pair[0]),
        )
        if not found:
            return None
        rows = [
            [
                Cell(cause(name)),
                Cell(self.figures.qty(lots), bar=lots / short if short else None),
                number(percent(lots, short)),
            ]
            for name, lots in found
        ]
        columns = [Column("Cause"), Column("Quantity", number=True), Column("Share", number=True)]
        return Table("Asked for and not filled, by cause", columns, rows)

    def worse(self, causes: Causes, qty: int) -> Table | None:
        """Lots filled worse than the quote acted upon, by cause; None if there are none."""
        found = self.causes(causes, qty)
        if found is None:
            return None
        return Table("Filled worse than the quote acted upon, by cause", found.columns, found.rows)

    def venues(self, venues: Sequence[Venue]) -> Table:
        """What was sent to and filled at each venue."""
        most = max((one.routed_qty for one in venues), default=0)
        spreads = any(one.quoted_spread or one.effective_spread for one in venues)
        rows = []
        for one in venues:
            rate = percent(one.filled_qty, one.routed_qty)
            idle = not one.children
            row = [
                self.venue(one.venue_id),
                Cell(words(one.kind), soft=True),
                number(whole(one.children), soft=idle),
                Cell(
                    self.figures.qty(one.routed_qty),
                    bar=one.routed_qty / most if most else None,
                    inner=one.filled_qty / most if most else None,
                    soft=idle,
                ),
                number(self.figures.qty(one.filled_qty), soft=idle),
                number(rate),
                number(self.figures.average(one.avg_px)),
                number(money(one.fees), soft=idle),
                number(whole(one.rejects), soft=not one.rejects),
            ]
            if spreads:
                row += [number(one.quoted_spread or NONE), number(one.effective_spread or NONE)]
            rows.append(row)
        columns = [
            Column("Venue"),
            Column("Kind"),
            Column("Children", number=True),
            Column("Sent", number=True),
            Column("Filled", number=True),
            Column("Fill rate", number=True),
            Column("Average price", number=True),
            Column("Fees", number=True),
            Column("Rejects", number=True),
        ]
        if spreads:
            columns += [
                Column("Quoted spread", number=True),
                Column("Effective spread", number=True),
            ]
        return Table("Venues: sent (pale bar) and filled (dark bar)", columns, rows, wide=True)

    def latencies(self, rows: Sequence[Latency]) -> Table:
        """Figures of the delays."""
        cells = []
        for row in rows:
            at = row.percentiles_ns
            cells.append(
                [
                    self.venue(row.venue_id),
                    Cell(leg(row.leg)),
                    number(whole(row.count)),
                    *(number(duration(at[place])) for place in (0, 25, 50, 75, 99, 100)),
                ]
            )
        titles = ("Messages", "Least", "25 %", "Median", "75 %", "99 %", "Most")
        columns = [
            Column("Venue"),
            Column("Way"),
            *(Column(title, number=True) for title in titles),
        ]
        return Table("Delays by venue and way", columns, cells, wide=True)
