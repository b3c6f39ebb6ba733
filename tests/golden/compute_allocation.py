"""Kind ``allocation``: an order is split by the router and filled by the venues."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from router.allocate import StrategyConfig
from router.allocate.base import AllocationRequest, Offer
from router.config import RouterConfig
from router.core.profile import Visibility
from sim.audit.records import ChildSent, Decision, Fill
from sim.protocol.enums import EndReason, Outcome, Side

if TYPE_CHECKING:
    from tests.conftest import Ran
    from tests.golden.conftest import Compute, Computed, Golden, Tools

VISIBILITY: Final[dict[str, Visibility]] = {"lit": "lit", "dark": "dark", "mm": "maker"}

# Where the left-over of a partial fill goes is a policy; each reading is one or more of ours.
READINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "left-over goes to the best unused top level": [
        {"levels": "top", "venues": "all", "fresh_quote": False},
    ],
    "left-over goes to the best unused level of the full book, the short-filled venue left out": [
        {"levels": "all", "venues": "others", "fresh_quote": fresh} for fresh in (True, False)
    ],
    "left-over goes to the best unused level of the full book, the short-filled venue included": [
        {"levels": "all", "venues": "all", "fresh_quote": fresh} for fresh in (True, False)
    ],
}


def allocation(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """An order is split by the router and filled by the venues, once for each policy that fits."""
    inputs = golden.inputs
    reading = inputs.get("reroute_policy")
    short = "real_fill_at_venue_price_cents_qty_shares" in inputs
    assert short == (reading is not None), "a partial fill needs a policy, and a policy one"
    for reroute in READINGS[str(reading)] if short else [{}]:
        ran = tools.run_data(allocation_scenario(inputs, reroute, attempts=2 if short else 1))
        computed = allocation_results(ran)
        if not short:  # then the rules alone decide: the strategy by itself must agree
            split = split_alone(inputs)
            assert split == computed["child_allocations_venue_price_cents_qty_shares"]
        yield computed


def allocation_scenario(
    inputs: Mapping[str, Any], reroute: dict[str, Any], *, attempts: int
) -> dict[str, Any]:
    short = inputs.get("real_fill_at_venue_price_cents_qty_shares", [None])
    return {
        "schema_version": 1,
        "name": "golden",
        "seed": 1,
        "duration": "10min",
        "instrument": {"symbol": "ACME", "tick_size": "0.01"},
        "venues": [
            venue_entry(inputs["side"], venue, short[1:] if venue["name"] == short[0] else None)
            for venue in inputs["venues"]
            if usable_levels(venue, inputs["depth"])
        ],
        "router": {
            "strategy": strategy(inputs),
            "ack_timeout": "1min",
            "reroute": reroute,
            "max_attempts": attempts,  # R3: one pass, and one more for a partial fill
        },
        "parents": [
            {"id": "P", "side": inputs["side"], "qty": inputs["order_qty_shares"], "at": "0s"}
        ],
    }


def strategy(inputs: Mapping[str, Any]) -> dict[str, Any]:
    match inputs["strategy"], inputs["depth"]:
        case "greedy", "top":
            return {"kind": "top_of_book"}
        case "greedy", "full":
            return {"kind": "greedy"}
        case "min_impact", depth:
            return {"kind": "min_impact", "depth": depth}
        case "single_venue", depth:
            return {"kind": "single_venue", "venue": inputs["venue"], "depth": depth}
        case unknown:
            raise ValueError(f"no strategy of ours is {unknown}")


def lot_of(venue: dict[str, Any]) -> int:
    return 1 if venue.get("accepts_odd_lots") else int(venue.get("lot_size_shares", 1))


def usable_levels(venue: dict[str, Any], depth: str) -> list[tuple[int, int]]:
    """The levels as a book of the venue has them: in whole lots of its own.

    That takes nothing from the rules: what is rounded down after taking the minimum with the rest
    of the order is rounded down before it as well.
    """
    lot = lot_of(venue)
    levels = [(px, qty - qty % lot) for px, qty in venue["levels_price_cents_qty_shares"]]
    if depth == "top" and levels and not levels[0][1]:
        return []  # R5: its best level is all that may be used, and it is no whole lot
    return [level for level in levels if level[1]]


def venue_entry(side: str, venue: dict[str, Any], short: list[int] | None) -> dict[str, Any]:
    leg = {"model": "fixed", "delay": f"{venue['latency_ms']}ms"}
    levels = [[f"{px / 100:.2f}", qty] for px, qty in usable_levels(venue, "full")]
    entry: dict[str, Any] = {
        "id": venue["name"],
        "kind": VISIBILITY[venue["kind"]],
        "latency": {"order": leg, "report": leg, "feed": leg},
        "lot_size": lot_of(venue),
        "depth": max(5, len(levels)),
    }
    name = "asks" if side == "buy" else "bids"
    if entry["kind"] == "maker":
        entry["quote"] = {name[:-1]: levels[0]}
        if levels[1:]:
            entry["quote"][f"more_{name}"] = levels[1:]
    else:
        entry["book"] = {name: levels}
    if entry["kind"] == "dark":
        entry["indications"] = True
    if short is not None:
        assert entry["kind"] == "dark", "only a dark venue may have less than it indicates"
        entry["fill"] = {"model": "scripted", "at": [[f"{short[0] / 100:.2f}", short[1]]]}
    return entry


def allocation_results(ran: "Ran") -> "Computed":
    """What the golden files ask for, from the log's records and the summary."""
    decisions = ran.of(Decision)
    fills = ran.of(Fill)
    splits = [
        [[part.venue_id, part.price, part.qty] for part in decision.split] for decision in decisions
    ]
    filled_by_venue: dict[str, int] = {}
    for fill in fills:
        filled_by_venue[fill.venue_id] = filled_by_venue.get(fill.venue_id, 0) + fill.last_qty
    filled, notional = sum(filled_by_venue.values()), sum(f.last_px * f.last_qty for f in fills)
    row = ran.parent
    assert row["filled_qty"] == filled
    assert Decimal(row["notional"]) * 100 == notional
    assert ran.result.outcome in {Outcome.COMPLETE, Outcome.INCOMPLETE}
    if filled == row["order_qty"]:
        assert row["end_reason"] == EndReason.FILLED.value
    return {
        "child_allocations_venue_price_cents_qty_shares": splits[0],
        "reroute_venue_price_cents_qty_shares": [part for split in splits[1:] for part in split],
        "child_fills_venue_price_cents_qty_shares": fills_in_order_of_choice(ran),
        "filled_by_venue_shares": filled_by_venue,
        "filled_shares": filled,
        "unfilled_shares": row["order_qty"] - filled,
        "notional_cents": notional,
        "average_price_usd": row["avg_px"],
    }


def fills_in_order_of_choice(ran: "Ran") -> list[list[Any]]:
    """Fills per chosen level in the order of the decisions; reports come in order of latency."""
    child_of = {(c.decision_id, c.venue_id): c.cl_ord_id for c in ran.of(ChildSent)}
    result = []
    for decision in ran.of(Decision):
        for part in decision.split:
            child = child_of[decision.decision_id, part.venue_id]
            lots = sum(
                fill.last_qty
                for fill in ran.of(Fill)
                if fill.cl_ord_id == child and fill.last_px == part.price
            )
            result.append([part.venue_id, part.price, lots])
    return result


def split_alone(inputs: Mapping[str, Any]) -> list[list[Any]]:
    """The split by the strategy on the levels as the file has them, without a world around it."""
    offers = [
        Offer(
            venue["name"],
            VISIBILITY[venue["kind"]],
            int(Decimal(str(venue["latency_ms"])) * 1_000_000),
            lot_of(venue),
            tuple([(px, qty) for px, qty in venue["levels_price_cents_qty_shares"]]),
            1,
            0,
        )
        for venue in inputs["venues"]
    ]
    chosen = TypeAdapter(StrategyConfig).validate_python(strategy(inputs)).build()
    request = AllocationRequest(
        Side(inputs["side"]),
        inputs["order_qty_shares"],
        tuple(offers),
        chosen.depth,
        RouterConfig.model_fields["tie"].default,
    )
    return [list(part) for part in chosen.allocate(request).slices]


KINDS: Final[dict[str, list["Compute"]]] = {"allocation": [allocation]}
