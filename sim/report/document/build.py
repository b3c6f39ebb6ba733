"""Builds the report of a run as one document, ``sorsim-report/1``, from its trail alone.

All forms (page, text, figures) show this document, and JSON is the document itself. Prices, money
and basis points are decimal text, quantities lots, times nanoseconds since the start of the run;
what is undefined is null. Ids and texts from a log are as they are there: who shows them escapes.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from sim.protocol.units import plain
from sim.report.attribution.attribute import attribute
from sim.report.document.assumptions import assumptions
from sim.report.document.costs import cost_rows, venue_markouts
from sim.report.document.headline import headline
from sim.report.document.market import market_rows
from sim.report.document.missing import missing
from sim.report.document.orders import child_rows, parent_row
from sim.report.document.shortfalls import short_rows, venue_causes
from sim.report.document.venues import latency_rows, venue_rows
from sim.report.document.wrong import wrong_section
from sim.report.evidence.decisions import decision_rows, iter_decision_rows
from sim.report.evidence.sections import evidence
from sim.report.tca.costs import parent_costs
from sim.report.trail.build import Trail

SCHEMA: Final = "sorsim-report/1"


class Detail(NamedTuple):
    """Of how many rows all is given; None: of all. The others lack what makes rows long."""

    parents: int | None = None
    """With benchmarks and markouts: the largest ones."""
    children: int | None = None
    """With the quote acted upon and the causes: the first ones, and all that fell short."""
    decisions: int | None = None
    """With their table of venues: the first ones, and all whose children fell short."""


PAGE: Final = Detail(parents=100, children=1_000, decisions=300)
"""What a page can show of a long run; it says so."""


def report_document(trail: Trail, study: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Everything that a report says.

    Args:
        trail: The run.
        study: Sections that needed further runs, as ``{"title", "text", "tables"}``; they are
            passed on as they are.
    """
    return _document(trail, study, Detail())


def page_document(trail: Trail, study: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The same for a form that shows a part of long tables: short rows where many are alike.

    Sums and all rows are there; of a run that is not long it is the same document.
    """
    return _document(trail, study, PAGE)


def _document(trail: Trail, study: Sequence[Mapping[str, Any]], detail: Detail) -> dict[str, Any]:
    started, units = trail.started, trail.units
    instrument = trail.scenario["instrument"]
    costs = parent_costs(trail)
    markouts = venue_markouts(costs.values(), units)
    shorts = attribute(trail)
    causes = venue_causes(shorts)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": str(trail.scenario["name"]),
        "seed": started.seed,
        "code_version": started.code_version,
        "outcome": None if trail.outcome is None else trail.outcome.value,
        "fault": trail.fault,
        "audit_head": trail.head,
        "records": trail.records,
        "end_ns": trail.end_ns,
        "instrument": {
            "symbol": str(instrument["symbol"]),
            "tick_size": plain(units.tick_size),
            "lot_size": plain(units.lot_size),
        },
        "missing": missing(trail),
        "headline": [],
        "parents": [
            {**parent_row(parent, units), **rows, **shorts.parents[parent.parent_id].row()}
            for parent, rows in zip(
                trail.parents.values(), cost_rows(costs.values(), detail.parents), strict=True
            )
        ],
        "children": [
            {**row, **short}
            for row, short in zip(
                child_rows(trail), short_rows(shorts, detail.children), strict=True
            )
        ],
        "decisions": _decisions(trail, detail.decisions),
        "venues": [
            {
                **row,
                "causes": causes.get(row["venue_id"], {}),
                "markouts": markouts.get(row["venue_id"], []),
            }
            for row in venue_rows(trail)
        ],
        "latencies": latency_rows(trail),
        "evidence": evidence(trail),
        "assumptions": assumptions(trail.scenario, started.market_data),
        "market": market_rows(trail),
    }
    wrong = wrong_section(trail)
    if wrong is not None:
        document["wrong"] = wrong
    if study:
        document["study"] = list(study)
    document["headline"] = headline(document)
    return document


def _decisions(trail: Trail, most: int | None) -> list[dict[str, Any]]:
    if most is None or len(trail.decisions) <= most:
        return decision_rows(trail)
    shown = set(islice(trail.decisions, most))
    shown |= {child.sent.decision_id for child in trail.children.values() if child.short_qty}
    return list(iter_decision_rows(trail, lambda one: one.decision_id in shown))
