"""A small document in the form that the page reads: two venues, one reallocation, hostile names."""

from typing import Any

import pytest

EVIL = "</script><img src=x onerror=alert(1)>&{{ 7*7 }}"
"""A venue that would break out, were it let."""


def child(number: int, decision: int, venue: str, asked: int, filled: int) -> dict[str, Any]:
    start = decision * 10_000_000
    return {
        "cl_ord_id": f"C{number}",
        "parent_id": "P1",
        "decision_id": decision,
        "venue_id": venue,
        "side": "buy",
        "order_qty": asked,
        "requested_qty": asked,
        "price": "100.02",
        "time_in_force": "IOC",
        "min_qty": 0,
        "shown_px": "100.01",
        "quote_age_ns": 4_000_000,
        "sent_ns": start,
        "arrived_ns": start + 5_000_000,
        "ended_ns": start + 10_000_000,
        "end": "filled" if asked == filled else "canceled",
        "reject_reason": None,
        "filled_qty": filled,
        "short_qty": asked - filled,
        "avg_px": "100.01000000" if filled else None,
        "fees": "0.30",
        "executions": [
            {
                "px": "100.01",
                "qty": filled,
                "fee": "0.30",
                "is_maker": False,
                "best_px": "100.01",
                "done_ns": start + 5_000_000,
                "heard_ns": start + 10_000_000,
            }
        ]
        if filled
        else [],
        "arrival": [["100.01", filled]] if filled else [],
        "short": {"causes": {"gone_before_arrival": asked - filled} if asked > filled else {}},
    }


def decision(number: int, reason: str, *children: dict[str, Any]) -> dict[str, Any]:
    asked = {one["venue_id"]: one for one in children}
    return {
        "decision_id": number,
        "parent_id": "P1",
        "t_ns": number * 10_000_000,
        "reason": reason,
        "strategy": "greedy",
        "depth": "full",
        "unreserved_qty": sum(one["order_qty"] for one in children),
        "sent_qty": sum(one["order_qty"] for one in children),
        "came_back": {EVIL: 40} if number > 1 else {},
        "children": [one["cl_ord_id"] for one in children],
        "venues": [
            {
                "rank": rank,
                "venue_id": venue,
                "kind": "lit",
                "available_qty": 100,
                "price": "100.01",
                "levels": [["100.01", 60], ["100.02", 40]],
                "age_ns": 4_000_000,
                "latency_ns": 5_000_000,
                "allocated_qty": asked[venue]["order_qty"] if venue in asked else 0,
                "filled_qty": asked[venue]["filled_qty"] if venue in asked else 0,
                "why": "" if venue in asked else "ranked_behind",
                "evidence": f"{venue} was number {rank}.",
            }
            for rank, venue in enumerate(("NYSE", EVIL), start=1)
        ],
        "notes": [{"name": "why", "value": EVIL}],
        "text": [],
    }


def venue(venue_id: str, *children: dict[str, Any]) -> dict[str, Any]:
    filled = sum(one["filled_qty"] for one in children)
    asked = sum(one["order_qty"] for one in children)
    causes = {"gone_before_arrival": asked - filled} if asked > filled else {}
    return {
        "venue_id": venue_id,
        "kind": "lit",
        "lit": True,
        "children": len(children),
        "routed_qty": asked,
        "filled_qty": filled,
        "fill_rate": None,
        "avg_px": "100.01000000",
        "fees": "0.60",
        "rejects": 0,
        "busts": 0,
        "short_qty": asked - filled,
        "causes": causes,
        "markouts": [{"horizon_ns": 1_000_000, "bps": "0.5"}, {"horizon_ns": 10**9, "bps": None}],
    }


@pytest.fixture
def evil() -> str:
    """The name of the second venue."""
    return EVIL


@pytest.fixture
def document() -> dict[str, Any]:
    """One buy of 160 lots: 100 to NYSE, 60 to a venue that had only 20, 40 to NYSE once more."""
    children = [
        child(1, 1, "NYSE", 100, 100),
        child(2, 1, EVIL, 60, 20),
        child(3, 2, "NYSE", 40, 40),
    ]
    quotes = {
        "t_ns": [0, 12_000_000],
        "bid": ["100.00", "99.99"],
        "ask": ["100.01", None],
        "of": 2,
    }
    return {
        "schema": "sorsim-report/1",
        "scenario": f"small {EVIL}",
        "seed": 7,
        "code_version": "0",
        "outcome": "complete",
        "fault": "",
        "audit_head": "ab" * 32,
        "records": 40,
        "end_ns": 40_000_000,
        "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": "1"},
        "missing": [f"No trade of others was printed at {EVIL}."],
        "headline": ["160 ACME were bought at 100.01 on average."],
        "assumptions": ["Books do not react to our orders."],
        "parents": [
            {
                "parent_id": "P1",
                "side": "buy",
                "order_qty": 160,
                "filled_qty": 160,
                "avg_px": "100.01000000",
                "arrival_mid": "100.005",
                "end_reason": "filled",
                "received_ns": 10_000_000,
                "done_ns": 30_000_000,
                "fees": "0.90",
                "children": 3,
                "decisions": 2,
                "reallocations": 1,
                "short_shares": 40,
                "causes": {"gone_before_arrival": 40},
                "worse": {"qty": 0, "cost": "0", "causes": {}},
                "shortfall": {
                    "total": "1.70",
                    "parts": {
                        "delay": "0.2",
                        "spread": "0.8",
                        "impact": "0",
                        "timing": "-0.2",
                        "fees": "0.9",
                        "opportunity": "0",
                    },
                    "total_bps": "1.062447",
                    "parts_bps": {
                        "delay": "0.124994",
                        "spread": "0.499975",
                        "impact": "0",
                        "timing": "-0.124994",
                        "fees": "0.562472",
                        "opportunity": "0",
                    },
                    "why_not_available": None,
                },
                "benchmarks": [
                    {
                        "name": "arrival_mid",
                        "title": "arrival mid",
                        "price": "100.005",
                        "cost": "1.70",
                        "cost_bps": "1.062447",
                        "what": "The middle at arrival.",
                        "approximate": None,
                        "why_not_available": None,
                    },
                    {
                        "name": "market_vwap",
                        "price": None,
                        "cost": None,
                        "cost_bps": None,
                        "what": "Trades of others.",
                        "approximate": None,
                        "why_not_available": "Nobody else traded.",
                    },
                ],
                "markouts": [{"horizon_ns": 1_000_000, "bps": "-0.25"}],
            }
        ],
        "children": children,
        "decisions": [
            decision(1, "initial", children[0], children[1]),
            decision(2, "partial_fill", children[2]),
        ],
        "venues": [venue("NYSE", children[0], children[2]), venue(EVIL, children[1])],
        "latencies": [
            {
                "venue_id": "NYSE",
                "leg": "order",
                "count": 2,
                "mean_ns": 5_000_000,
                "held_ns_max": 0,
                "percentiles_ns": [5_000_000] * 101,
            }
        ],
        "market": {
            "window_ns": [0, 40_000_000],
            "nbbo": quotes,
            "quotes": {"NYSE": quotes, EVIL: quotes},
            "events": [{"t_ns": 20_000_000, "venue_id": "NYSE", "event": "halted", "detail": ""}],
        },
        "evidence": {
            "rule_605": {
                "title": "Execution quality",
                "text": ["In kind."],
                "approximate": ["The true best prices stand for the national ones."],
                "tables": [
                    {
                        "title": "By venue",
                        "columns": [["venue_id", "Venue"], ["spread", "Spread"]],
                        "rows": [{"venue_id": EVIL, "spread": "0.01"}],
                    }
                ],
            },
            "clocks": {"resolution_ns": 1, "says": "One clock.", "rows": [{"at": 1, "x_ns": 5}]},
        },
        "study": [],
    }
