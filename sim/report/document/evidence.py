"""The best-execution evidence as sections that people read: sentences and flat tables.

The evidence's own data stays beside them in each section, so that programs find all of it. Values
keep the units that the ends of their keys name: ``_qty`` lots, ``_ns`` times, ``_pct`` percent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sim.report.words import count, duration

ROWS_MAX: Final = 200
"""Rows of a table that lists single events."""
ALL_VENUES: Final = "all venues"

Columns = Sequence[tuple[str, str]]


def evidence_sections(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Each section with ``title``, ``text``, ``approximate`` and ``tables`` beside its data."""
    found = {}
    for name, data in evidence.items():
        title, text, tables = _FORMS[name](data)
        found[name] = {
            **data,
            "title": title,
            "text": [data["what"], *data["missing"], *text],
            "approximate": data["approximations"],
            "tables": tables,
        }
    return found


_Form = tuple[str, list[str], list[dict[str, Any]]]


def _quality(data: Mapping[str, Any]) -> _Form:
    rows = [_named(row) for row in data["rows"]]
    where = (("venue_id", "venue"), ("order_type", "order type"))
    tables = [
        _table(
            "Spreads and improvement",
            (
                *where,
                ("orders", "orders"),
                ("order_qty", "asked"),
                ("executed_qty", "executed"),
                ("fill_rate_pct", "fill rate (%)"),
                ("quoted_spread", "quoted spread"),
                ("effective_spread", "effective spread"),
                ("effective_over_quoted_pct", "E/Q (%)"),
                ("improved_qty", "price improved"),
                ("at_quote_qty", "at the quote"),
                ("outside_qty", "outside it"),
                ("improvement_avg", "mean improvement"),
                ("size_improved_qty", "size improved"),
            ),
            rows,
        )
    ]
    spans = [(f"realised_{n}", duration(ns)) for n, ns in enumerate(data["horizons_ns"])]
    realised = [
        {**row, **{f"realised_{n}": one["spread"] for n, one in enumerate(row["realised"])}}
        for row in rows
        if any(one["spread"] is not None for one in row["realised"])
    ]
    tables.append(
        _table(
            "Realised spread: twice what was gained or lost against the mid after",
            (*where, *spans),
            realised,
        )
    )
    tables.append(_times(data, rows, where))
    return "Execution quality (after Rule 605)", [], tables


def _times(
    data: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], where: Columns
) -> dict[str, Any]:
    """Lots by the time to their execution."""
    edges = data["time_edges_ns"]
    names = [f"below {duration(ns)}" for ns in edges] + [f"from {duration(edges[-1])} on"]
    keys = [(f"bucket_{n}_qty", name) for n, name in enumerate(names)]
    timed = []
    for row in rows:
        took = row["time_to_execution"]
        buckets = {f"bucket_{n}_qty": one["qty"] for n, one in enumerate(took["buckets"])}
        if took["avg_ns"] is not None:
            timed.append({**row, "avg_ns": took["avg_ns"], "p99_ns": took["p99_ns"], **buckets})
    columns = (*where, ("avg_ns", "mean time"), ("p99_ns", "99 %"), *keys)
    return _table("Time to execution, lots by how long they took", columns, timed)


def _routing(data: Mapping[str, Any]) -> _Form:
    routes = _table(
        "Orders and payments by venue and kind of order",
        (
            ("venue_id", "venue"),
            ("order_kind", "kind of order"),
            ("orders", "orders"),
            ("orders_pct_of_kind", "of its kind (%)"),
            ("orders_pct_of_all", "of all (%)"),
            ("net_payment", "net payment received"),
            ("net_payment_per_100", "per 100 of quantity"),
        ),
        [_named(row) for row in data["routes"]],
    )
    flat = [
        {**_named(row), **{f"{k}_qty": lots for k, lots in row["positions_qty"].items()}}
        for row in data["venues"]
    ]
    venues = _table(
        "What became of them",
        (
            ("venue_id", "venue"),
            ("routed_qty", "routed"),
            ("executed_qty", "executed"),
            ("fill_rate_pct", "fill rate (%)"),
            ("avg_fill_qty", "mean fill"),
            ("made_qty", "resting"),
            ("taken_qty", "taking"),
            ("near_or_better_qty", "near side"),
            ("mid_qty", "at the mid"),
            ("far_qty", "far side"),
            ("beyond_far_qty", "beyond it"),
            ("no_quote_qty", "no quote to judge by"),
        ),
        flat,
    )
    return "Routing and payments (after Rule 606)", [], [routes, venues]


def _top_venues(data: Mapping[str, Any]) -> _Form:
    columns = (
        ("rank", "rank"),
        ("venue_id", "venue"),
        ("executed_qty", "executed"),
        ("volume", "volume"),
        ("volume_pct", "of volume (%)"),
        ("orders", "orders"),
        ("orders_pct", "of orders (%)"),
        ("passive_pct", "passive (%)"),
        ("aggressive_pct", "aggressive (%)"),
        ("directed_pct", "directed (%)"),
    )
    return "Top venues (after RTS 28)", [], [_table("", columns, data["rows"])]


def _protection(data: Mapping[str, Any]) -> _Form:
    text = [
        f"{count(data['executions'], 'execution')} that took were looked at; "
        f"{data['passed_executions']:,} of them passed a better displayed quote by, with "
        f"{data['passed_qty']:,} lots. The passed quotes would have cost {data['cost']} less."
    ]
    reasons = _table(
        "Passed quotes by reason",
        (("reason", "reason"), ("count", "quotes"), ("qty", "lots")),
        [{**row, "reason": row["reason"].replace("_", " ")} for row in data["by_reason"]],
    )
    single = _table(
        "Passed quotes one by one",
        (
            ("t_ns", "at"),
            ("cl_ord_id", "order"),
            ("venue_id", "executed at"),
            ("px", "price"),
            ("qty", "lots"),
            ("passed_venue_id", "passed"),
            ("passed_px", "its price"),
            ("passed_qty", "its lots"),
            ("reason", "reason"),
            ("detail", "detail"),
            ("exceptions", "exceptions in kind"),
        ),
        [
            {
                **row,
                "reason": row["reason"].replace("_", " "),
                "exceptions": ", ".join(one.replace("_", " ") for one in row["exceptions"]),
            }
            for row in data["rows"][:ROWS_MAX]
        ],
    )
    if data["count"] > ROWS_MAX:
        text.append(f"The last table lists the first {ROWS_MAX} of {data['count']:,}.")
    return "Order protection", text, [reasons, single]


def _clocks(data: Mapping[str, Any]) -> _Form:
    stamps = _table(
        "Stamps",
        (("stamp", "stamp"), ("where", "in"), ("by", "taken by"), ("when", "when")),
        data["stamps"],
    )
    venues = _table(
        "Venues by how long their gateway took",
        (
            ("venue_id", "venue"),
            ("orders", "orders"),
            ("gateway_min_ns", "shortest"),
            ("gateway_median_ns", "median"),
            ("gateway_max_ns", "longest"),
            ("divergence_max_ns", "divergence allowed"),
            ("granularity_max_ns", "step allowed"),
            ("within", "kept"),
        ),
        data["venues"],
    )
    members = _table(
        "Members, by kind of trading",
        (
            ("member", "kind"),
            ("divergence_max_ns", "divergence allowed"),
            ("granularity_max_ns", "step allowed"),
        ),
        data["members"],
    )
    return (
        "Clocks and time stamps (after RTS 25)",
        list(data["statement"]),
        [
            stamps,
            venues,
            members,
        ],
    )


_FORMS: Final[Mapping[str, Callable[[Mapping[str, Any]], _Form]]] = {
    "rule_605": _quality,
    "rule_606": _routing,
    "rts_28": _top_venues,
    "order_protection": _protection,
    "clocks": _clocks,
}


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose words people can read."""
    words = {
        key: row[key].replace("_", " ")
        for key in ("order_type", "order_kind")
        if isinstance(row.get(key), str)
    }
    venue = ALL_VENUES if row["venue_id"] is None else row["venue_id"]
    return {**row, **words, "venue_id": venue}


def _table(title: str, columns: Columns, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows with the values of the columns alone."""
    return {
        "title": title,
        "columns": [list(one) for one in columns],
        "rows": [{key: row.get(key) for key, _ in columns} for row in rows],
    }
