"""All best-execution evidence of a run as one plain document, section by section.

Each section is ``{"title", "text", "approximate", "tables"}``, and each table ``{"title",
"columns": [[key, heading]], "rows"}`` with flat rows. Quantities are lots, prices and money decimal
text, times nanoseconds; what is undefined is None. Each says what it is, where it is an
approximation, and what it lacks in this log.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from sim.protocol.units import parse_decimal
from sim.report.evidence import clocks, protection, quality, routes
from sim.report.evidence.receipts import Touches, receipt
from sim.report.trail.build import Trail
from sim.report.words import Words, duration

NEAR: Final = "0.10"
"""How far behind its own side's best price an order is still near it, as a price."""
PASSED_MOST: Final = 1_000
"""Trade-throughs that are listed one by one."""
ALL_VENUES: Final = "all venues"
"""What stands for a venue's id in a row over all of them; no id has a blank."""

Section = dict[str, Any]
_Columns = list[tuple[str, str]]

_WHO: Final[_Columns] = [("venue_id", "Venue"), ("order_type", "Order type")]
_FILLS: Final[_Columns] = [
    *_WHO,
    ("orders", "Orders"),
    ("order_qty", "Asked"),
    ("executed_qty", "Executed"),
    ("fill_rate_pct", "Fill rate %"),
    ("canceled_qty", "Canceled"),
    ("open_qty", "Open"),
    ("rejected_orders", "Rejected orders"),
    ("rejected_qty", "Rejected"),
]
_SPREADS: Final[_Columns] = [
    *_WHO,
    ("measured_qty", "Measured"),
    ("quoted_spread", "Quoted spread"),
    ("effective_spread", "Effective spread"),
    ("effective_over_quoted_pct", "E/Q %"),
    ("one_sided_qty", "One-sided quote"),
    ("locked_qty", "Locked"),
    ("crossed_qty", "Crossed"),
    ("none_qty", "No quote"),
]
_IMPROVEMENT: Final[_Columns] = [
    *_WHO,
    ("improved_qty", "Better than the quote"),
    ("improved_avg", "by on average"),
    ("at_quote_qty", "At the quote"),
    ("outside_qty", "Outside"),
    ("outside_avg", "by on average"),
    ("improvement_avg", "Improvement on average"),
    ("displayed_qty", "Displayed at receipt"),
    ("size_improved_qty", "Had beyond that"),
]
_REALISED: Final[_Columns] = [
    *_WHO,
    ("horizon_ns", "After"),
    ("qty", "Executed"),
    ("spread", "Realised spread"),
    ("impact", "Impact"),
]
_ROUTES: Final[_Columns] = [
    ("venue_id", "Venue"),
    ("order_kind", "Kind of order"),
    ("orders", "Orders"),
    ("orders_pct_of_kind", "% of the kind"),
    ("orders_pct_of_all", "% of all"),
    ("net_payment", "Net payment received"),
    ("net_payment_per_100", "per 100"),
]
_ROUTED: Final[_Columns] = [
    ("venue_id", "Venue"),
    ("orders", "Orders"),
    ("routed_qty", "Routed"),
    ("executed_qty", "Executed"),
    ("fill_rate_pct", "Fill rate %"),
    ("avg_fill", "Quantity per execution"),
    ("net_payment", "Net payment received"),
    ("net_payment_per_100", "per 100"),
]
_MADE: Final[_Columns] = [
    ("venue_id", "Venue"),
    ("made_qty", "Made"),
    ("made_pct", "%"),
    ("made_fee_per_100", "Fee per 100"),
    ("made_avg_rest_ns", "Rested on average"),
    ("taken_qty", "Took"),
    ("taken_pct", "%"),
    ("taken_fee_per_100", "Fee per 100"),
]
_POSITIONS: Final[_Columns] = [
    ("venue_id", "Venue"),
    ("near_or_better_qty", "Near side or better"),
    ("near_to_mid_qty", "up to the middle"),
    ("mid_qty", "Middle"),
    ("mid_to_far_qty", "past the middle"),
    ("far_qty", "Far side"),
    ("beyond_far_qty", "beyond"),
    ("no_quote_qty", "No sound quote"),
]
_TOP: Final[_Columns] = [
    ("rank", "Rank"),
    ("venue_id", "Venue"),
    ("executed_qty", "Executed"),
    ("volume", "Volume"),
    ("volume_pct", "% of volume"),
    ("orders", "Orders"),
    ("orders_pct", "% of orders"),
    ("passive_pct", "Passive %"),
    ("aggressive_pct", "Aggressive %"),
    ("directed_pct", "Directed %"),
]
_REASONS: Final[_Columns] = [
    ("reason", "Reason"),
    ("count", "Passed quotes"),
    ("qty", "Could have had it"),
    ("what", "What it means"),
]
_PASSED: Final[_Columns] = [
    ("t_ns", "At"),
    ("cl_ord_id", "Child"),
    ("decision_id", "Decision"),
    ("venue_id", "Executed at"),
    ("px", "for"),
    ("qty", "Executed"),
    ("passed_venue_id", "Passed by"),
    ("passed_px", "which offered"),
    ("passed_qty", "Displayed there"),
    ("reason", "Reason"),
    ("detail", "Said of it"),
    ("exceptions", "Exceptions in kind"),
]
_STAMPS: Final[_Columns] = [
    ("stamp", "Stamp"),
    ("where", "In"),
    ("by", "Taken by"),
    ("when", "When"),
]
_GATEWAYS: Final[_Columns] = [
    ("venue_id", "Venue"),
    ("orders", "Answered orders"),
    ("gateway_min_ns", "Fastest answer"),
    ("gateway_median_ns", "Median"),
    ("gateway_max_ns", "Slowest"),
    ("divergence_max_ns", "Divergence allowed"),
    ("granularity_max_ns", "Step allowed"),
    ("within", "Within"),
]
_MEMBERS: Final[_Columns] = [
    ("member", "Activity"),
    ("divergence_max_ns", "Divergence allowed"),
    ("granularity_max_ns", "Step allowed"),
]
_TOTALS: Final = (
    "executions",
    "executed_qty",
    "passed_executions",
    "passed_qty",
    "count",
    "cost",
    "cost_not_swept",
)
"""Figures of the order protection check that a section carries beside its tables."""


def evidence(trail: Trail) -> dict[str, Section]:
    """``rule_605``, ``rule_606``, ``rts_28``, ``order_protection`` and ``clocks`` of a run."""
    touches = Touches(trail)
    near_ticks = int(trail.units.ticks_in(parse_decimal(NEAR)))  # whole ones, rounded down
    receipts = [receipt(trail, child, near_ticks) for child in trail.children.values()]
    table = quality.QualityTable(trail, touches)
    table.add(receipts)
    routed = routes.RouteTables(trail)
    routed.add(receipts)
    missing = _missing(trail)
    return {
        "rule_605": _rule_605(table.rows(), missing),
        "rule_606": _rule_606(routed, missing),
        "rts_28": _section(
            f"The {routes.TOP_VENUES} venues with most volume, after RTS 28 in kind",
            [],
            routes.APPROXIMATIONS_RTS_28,
            [_table("By executed volume", _TOP, routed.rts_28())],
        ),
        "order_protection": _protection(trail, touches, missing),
        "clocks": _clocks(trail),
    }


def _rule_605(rows: list[dict[str, Any]], missing: list[str]) -> Section:
    for row in rows:
        row["venue_id"] = row["venue_id"] or ALL_VENUES
        row |= {f"{why}_qty": lots for why, lots in row["excluded_qty"].items()}
    compared = [row for row in rows if row["improved_qty"] is not None]
    realised = [
        {"venue_id": row["venue_id"], "order_type": row["order_type"], **one}
        for row in rows
        for one in row["realised"]
        if one["qty"]
    ]
    edges = (
        [bucket["below_ns"] for bucket in rows[0]["time_to_execution"]["buckets"]] if rows else []
    )
    times = [_times(row) for row in rows if row["executed_qty"]]
    horizons = ", ".join(duration(ns) for ns in quality.HORIZONS_NS)
    return _section(
        "Execution quality by venue and order type, after Rule 605 in kind",
        [
            f"Realised spreads are measured {horizons} after each execution; one that would lie "
            "past the end of the log, or finds no mid there, does not count.",
            f"Near the quote is within {NEAR} of the best price of the order's own side.",
            *missing,
        ],
        quality.APPROXIMATIONS,
        [
            _table("Fill rates", _FILLS, rows),
            _table("Spreads", _SPREADS, rows),
            _table("Against the best price of the other side", _IMPROVEMENT, compared),
            _table("Realised spread and impact", _REALISED, realised),
            _table("Time to execution", _time_columns(edges), times),
        ],
    )


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    """The times of a row, flat."""
    found = row["time_to_execution"]
    flat = {key: found[key] for key in ("avg_ns", "median_ns", "p99_ns")}
    lots = {f"bucket_{n}_qty": bucket["qty"] for n, bucket in enumerate(found["buckets"])}
    return {"venue_id": row["venue_id"], "order_type": row["order_type"], **flat, **lots}


def _time_columns(edges_ns: Iterable[int | None]) -> _Columns:
    columns = [*_WHO, ("avg_ns", "Average"), ("median_ns", "Median"), ("p99_ns", "99 % within")]
    last = 0
    for n, edge_ns in enumerate(edges_ns):
        name = f"from {duration(last)}" if edge_ns is None else f"under {duration(edge_ns)}"
        columns.append((f"bucket_{n}_qty", name))
        last = edge_ns or last
    return columns


def _rule_606(routed: routes.RouteTables, missing: list[str]) -> Section:
    found = routed.rule_606()
    positions = [
        {
            "venue_id": row["venue_id"],
            **{f"{name}_qty": lots for name, lots in row["positions_qty"].items()},
        }
        for row in found["venues"]
    ]
    return _section(
        "Where orders were routed and what was paid, after Rule 606 in kind",
        missing,
        routes.APPROXIMATIONS_606,
        [
            _table("Routes by kind of order", _ROUTES, found["routes"]),
            _table("Venues", _ROUTED, found["venues"]),
            _table("Made and taken", _MADE, found["venues"]),
            _table("Where executions lay between the quotes", _POSITIONS, positions),
        ],
    )


def _protection(trail: Trail, touches: Touches, missing: list[str]) -> Section:
    found = protection.protection_section(trail, touches, PASSED_MOST)
    reasons = [
        {**row, "what": protection.MEANINGS[protection.Reason(row["reason"])]}
        for row in found["by_reason"]
    ]
    passed = [{**row, "exceptions": ", ".join(row["exceptions"])} for row in found["rows"]]
    columns = [pair for pair in _PASSED if pair[0] != "detail" or any(r["detail"] for r in passed)]
    said = Words(trail.units)
    cost, not_swept = (said.money(Decimal(found[n])) for n in ("cost", "cost_not_swept"))
    if not found["executions"]:
        says = ["No order of ours took anything, so none can have passed a quote by."]
    elif not found["passed_executions"]:
        says = [
            f"None of {found['executions']:,} executions in which our order took was at a worse "
            "price than another lit venue displayed."
        ]
    else:
        says = [
            f"{found['passed_executions']:,} of {found['executions']:,} executions in which our "
            f"order took, {said.qty(found['passed_qty'])} of {said.qty(found['executed_qty'])}, "
            "were at a worse price than another lit venue displayed.",
            f"As far as the quantity displayed there went, it was better by {cost} in all, and by "
            f"{not_swept} where no order of the same decision went for all of it.",
        ]
    if len(passed) < found["count"]:
        says.append(f"{len(passed):,} of {found['count']:,} passed quotes are listed.")
    return _section(
        "Order protection: better displayed quotes that were passed by",
        [*says, *missing],
        protection.APPROXIMATIONS,
        [_table("By reason", _REASONS, reasons), _table("One by one", columns, passed)],
    ) | {name: found[name] for name in _TOTALS}


def _clocks(trail: Trail) -> Section:
    found = clocks.clocks_section(trail)
    return _section(
        "Clocks and time stamps, beside RTS 25",
        found["statement"],
        clocks.APPROXIMATIONS,
        [
            _table("Stamps", _STAMPS, found["stamps"]),
            _table("Venues, by how fast they answer", _GATEWAYS, found["venues"]),
            _table("Members", _MEMBERS, found["members"]),
        ],
    ) | {name: found[name] for name in ("granularity_ns", "divergence_ns", "utc")}


def _section(
    title: str, text: Iterable[str], approximate: Iterable[str], tables: Iterable[Section]
) -> Section:
    """A section; tables without rows are left out."""
    return {
        "title": title,
        "text": list(text),
        "approximate": list(approximate),
        "tables": [table for table in tables if table["rows"]],
    }


def _table(title: str, columns: _Columns, rows: Iterable[Mapping[str, Any]]) -> Section:
    """A table with what its columns name of each row."""
    keys = [key for key, _ in columns]
    return {
        "title": title,
        "columns": [[key, heading] for key, heading in columns],
        "rows": [{key: row[key] for key in keys} for row in rows],
    }


def _missing(trail: Trail) -> list[str]:
    """What a log lacks that tables need which compare with the market."""
    missing = []
    if trail.started.market_data == "none":
        missing.append(
            "The log holds no market data (audit.market_data: none): nothing can be compared with "
            "quotes, and no order's receipt is known."
        )
    elif not len(trail.market.nbbo):
        missing.append("No lit venue published a quote: there are no best displayed prices.")
    if not trail.children:
        missing.append("No child order left.")
    elif not any(child.executions for child in trail.children.values()):
        missing.append("Nothing was executed.")
    return missing
