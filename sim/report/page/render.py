"""Makes the page: one HTML file with its style, script, charts, tables and data, nothing outside.

A content security policy lets no outside address be asked for and no script run but the two that
are put in here, told by their hashes. All text of the document is escaped by the template; data in
JSON holds no ``<``. The bytes are a function of the document. Needs the extra ``report``.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

from sim.audit.read import printable_json
from sim.protocol.errors import MissingExtraError
from sim.report.page.flow import flow
from sim.report.page.form import Child, Decision, Document, Parent, read_document
from sim.report.page.given import Given, Section, shortened
from sim.report.page.order_views import CHILDREN_MAX, DECISIONS_MAX, OrderViews
from sim.report.page.plots.base import Marks, Plot
from sim.report.page.plots.causes import cause_bars
from sim.report.page.plots.cost import cost_steps, markouts
from sim.report.page.plots.depth import depth_profile
from sim.report.page.plots.latency import latencies
from sim.report.page.plots.price import price_path
from sim.report.page.plots.timeline import timeline
from sim.report.page.sections import decision_articles, key_figures, thinned
from sim.report.page.tables import Table, choose
from sim.report.page.text import Figures, sentences
from sim.report.page.views import PARENTS_MAX
from sim.report.words import instant

_BLANKS: Final = "\n\t"
PLOTLY: Final = "plotly-basic-4.1.1.min.js"
DRAWN_MAX: Final = 600
"""Child orders that charts draw."""
DETAILS_MAX: Final = 100
"""Decisions that the page holds whole, for a click."""
DETAIL_ROWS_MAX: Final = 1_500
"""Venues of all these decisions together, at about half a kilobyte each."""
BENCHMARKS_MAX: Final = 5
"""Parents whose benchmarks have a table."""
_EVIDENCE: Final = {
    "rule_605": "Execution quality, in kind with Rule 605",
    "rule_606": "Where orders were routed, in kind with Rule 606",
    "rts_28": "Top venues, in kind with RTS 28",
    "order_protection": "Order protection",
    "clocks": "Clocks and time stamps",
}


def render(document: Mapping[str, Any]) -> str:
    """The page of a report's document.

    Raises:
        MissingExtraError: If jinja2 is not installed.
        ValueError: If the document is of another schema, or a value has another type than it must.
    """
    page: str = _template().render(_context(read_document(document)))
    return page


def visible(value: Any) -> Any:
    """A text with what would turn or hide the words behind it spelt out, such as U+202E."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(
        one if one.isprintable() or one in _BLANKS else ascii(one)[1:-1] for one in value
    )


def asset(name: str) -> str:
    """Text of a file that comes with the page."""
    return (files("sim.report.page") / "assets" / name).read_text(encoding="utf-8")


def _template() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report", "writing the report's page") from error
    environment = jinja2.Environment(
        autoescape=True,
        loader=jinja2.FunctionLoader(asset),
        undefined=jinja2.StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.j2")


def _context(document: Document) -> dict[str, Any]:
    figures = Figures(document.instrument)
    marks = Marks([one.venue_id for one in document.venues])
    views = OrderViews(figures, marks, document.origin_ns)
    ids = [one.venue_id for one in document.venues]
    given = Given(figures, marks, ids, document.origin_ns)
    drawn = choose(document.children, DRAWN_MAX, lambda one: one.short_qty)
    short = {child.cl_ord_id: child.short_qty for child in document.children}

    def lost(decision: Decision) -> int:
        return sum(short.get(cl_ord_id, 0) for cl_ord_id in decision.children)

    venues = max((len(one.venues) for one in document.decisions), default=1)
    detailed = choose(
        document.decisions, min(DETAILS_MAX, DETAIL_ROWS_MAX // max(venues, 1) + 1), lost
    )
    linked = {one.decision_id for one in detailed}
    plots = _plots(document, drawn, figures, marks)
    scripts = {"library": asset(PLOTLY), "script": asset("page.js")}
    shown = _Shown(
        choose(document.parents, PARENTS_MAX, lambda one: one.order_qty - one.filled_qty),
        choose(document.children, CHILDREN_MAX, lambda one: one.short_qty),
        choose(document.decisions, DECISIONS_MAX, lost),
        linked,
    )
    return {
        "document": document,
        "figures": figures,
        "instant": instant,
        "lacking": [
            (one.parent_id, sentences([cost.why_not_available, *cost.notes]))
            for one in document.parents
            if (cost := one.shortfall).why_not_available or cost.notes
        ],
        "short": sum(child.short_qty for child in document.children),
        "marks": marks,
        "style": asset("page.css"),
        **scripts,
        "policy": _policy(list(scripts.values())),
        "plots": {plot.name: plot for plot in plots},
        "parts_known": all(
            None not in (one.shortfall.parts_bps or {}).values() for one in document.parents
        ),
        "plots_json": json_text([msgspec.to_builtins(plot) for plot in plots]),
        "data_json": json_text(_embedded(document, shown)),
        "keys": key_figures(document, figures),
        "tables": _tables(document, views, shown),
        "flow": flow(document.children, document.decisions, figures, marks),
        "articles": decision_articles(detailed, document, views, figures),
        "wrong": given.sections(document.wrong, "What went wrong") if document.wrong else [],
        "evidence": _evidence(document, given),
        "study": [
            section
            for number, one in enumerate(document.study, start=1)
            for section in given.sections(one, f"Study {number}")
        ],
        "thinned": thinned(document, len(drawn), len(detailed)),
    }


class _Shown(msgspec.Struct, frozen=True):
    """Rows that the page holds."""

    parents: list[Parent]
    children: list[Child]
    decisions: list[Decision]
    linked: set[int]


def _plots(
    document: Document, drawn: Sequence[Child], figures: Figures, marks: Marks
) -> list[Plot]:
    first = _first_sent(document)
    found = [
        cost_steps(document.parents),
        markouts(document.parents, document.venues, marks),
        timeline(document, drawn, figures, marks),
        price_path(document, drawn, figures, marks),
        None if first is None else depth_profile(*first, figures, marks, "plot-depth"),
        cause_bars(document.venues, figures, marks),
        latencies(document.latencies, marks),
    ]
    return [plot for plot in found if plot is not None]


def _first_sent(document: Document) -> tuple[Decision, list[Child]] | None:
    """The first decision that sent something, the one whose depth is shown, and what it sent."""
    for decision in document.decisions:
        if decision.children:
            names = set(decision.children)
            return decision, [one for one in document.children if one.cl_ord_id in names]
    return None


def _tables(document: Document, views: OrderViews, shown: _Shown) -> dict[str, Any]:
    first = _first_sent(document)
    causes: dict[str, int] = {}
    worse: dict[str, int] = {}
    for parent in document.parents:
        for name, lots in parent.causes.items():
            causes[name] = causes.get(name, 0) + lots
        for name, lots in parent.worse.causes.items():
            worse[name] = worse.get(name, 0) + lots
    short = sum(parent.short_shares for parent in document.parents)
    benchmarks: list[Table | None] = [views.benchmarks(one) for one in _largest(document.parents)]
    return {
        "parents": views.parents(shown.parents, len(document.parents)),
        "cost": views.cost_parts(document.parents),
        "benchmarks": [one for one in benchmarks if one is not None],
        "against": views.against_benchmarks(document.parents),
        "markouts": views.markouts(document.parents, document.venues),
        "causes": views.causes(causes, short),
        "worse": views.worse(worse, sum(one.worse.qty for one in document.parents)),
        "fills": views.fills(document.children),
        "depth": None if first is None else views.depth(*first),
        "venues": views.venues(document.venues),
        "latencies": views.latencies(document.latencies),
        "children": views.children(shown.children, len(document.children), shown.linked),
        "decisions": views.decisions(shown.decisions, len(document.decisions), shown.linked),
    }


def _largest(parents: Sequence[Parent]) -> list[Parent]:
    return choose(parents, BENCHMARKS_MAX, lambda one: one.order_qty)


def _evidence(document: Document, given: Given) -> list[Section]:
    order = [name for name in _EVIDENCE if name in document.evidence]
    order += [name for name in document.evidence if name not in _EVIDENCE]
    return [
        section
        for name in order
        for section in given.sections(document.evidence[name], _EVIDENCE.get(name, name))
    ]


def _embedded(document: Document, shown: _Shown) -> dict[str, Any]:
    """The document as far as the page's tables show it."""
    kept = msgspec.structs.replace(
        document,
        parents=shown.parents,
        children=shown.children,
        decisions=[one for one in shown.decisions if one.decision_id in shown.linked],
        wrong=shortened(document.wrong),
        evidence={name: shortened(part) for name, part in document.evidence.items()},
        study=[shortened(part) for part in document.study],
    )
    found: dict[str, Any] = msgspec.to_builtins(kept)
    if not document.wrong:  # as the document itself has no such key then
        del found["wrong"]
    return found


def json_text(value: Any) -> str:
    """JSON that may stand between the tags of a script: no ``<`` ends it, none begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return printable_json(text).replace("<", "\\u003c")


def _policy(scripts: Sequence[str]) -> str:
    """What the page may do: nothing outside, and no script but these."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
