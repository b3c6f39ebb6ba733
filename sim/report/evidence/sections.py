"""All best-execution evidence of a run as one plain document, section by section.

Quantities are lots, prices and money decimal text, times nanoseconds; what is undefined is None.
Each section says ``what`` it is, where it is an approximation, and what it lacks in this log.
"""

from typing import Any, Final

from sim.protocol.units import parse_decimal
from sim.report.evidence import clocks, protection, quality, routes
from sim.report.evidence.receipts import Touches, receipt
from sim.report.trail.build import Trail

NEAR: Final = "0.10"
"""How far behind its own side's best price an order is still near it, as a price."""
PASSED_MOST: Final = 1_000
"""Trade-throughs that are listed one by one."""


def evidence(trail: Trail) -> dict[str, Any]:
    """``rule_605``, ``rule_606``, ``rts_28``, ``order_protection`` and ``clocks`` of a run."""
    touches = Touches(trail)
    near_ticks = _near_ticks(trail)
    receipts = [receipt(trail, child, near_ticks) for child in trail.children.values()]
    table = quality.QualityTable(trail, touches)
    table.add(receipts)
    routed = routes.RouteTables(trail)
    routed.add(receipts)
    missing = _missing(trail)
    return {
        "rule_605": {
            "what": "Execution quality by venue and order type, after Rule 605 in kind.",
            "approximations": list(quality.APPROXIMATIONS),
            "missing": missing,
            "horizons_ns": list(quality.HORIZONS_NS),
            "time_edges_ns": list(quality.TIME_EDGES_NS),
            "near": NEAR,
            "rows": table.rows(),
        },
        "rule_606": {
            "what": "Where orders were routed and what was paid, after Rule 606 in kind.",
            "approximations": list(routes.APPROXIMATIONS_606),
            "missing": missing,
            **routed.rule_606(),
        },
        "rts_28": {
            "what": f"The {routes.TOP_VENUES} venues with the largest executed volume, after "
            "RTS 28 in kind.",
            "approximations": list(routes.APPROXIMATIONS_RTS_28),
            "missing": [],
            "rows": routed.rts_28(),
        },
        "order_protection": {
            "what": "Executions at a worse price than another lit venue displayed, and why.",
            "approximations": list(protection.APPROXIMATIONS),
            "missing": missing,
            **protection.protection_section(trail, touches, PASSED_MOST),
        },
        "clocks": {
            "what": "What the time stamps are, beside rules for business clocks (RTS 25).",
            "approximations": list(clocks.APPROXIMATIONS),
            "missing": [],
            **clocks.clocks_section(trail),
        },
    }


def _near_ticks(trail: Trail) -> int:
    """``NEAR`` in whole ticks, rounded down."""
    return int(trail.units.ticks_in(parse_decimal(NEAR)))


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
