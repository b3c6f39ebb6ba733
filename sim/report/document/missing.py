"""What a log lacks, in sentences: a report says so and does the rest.

Names stand as they are in the log; who shows them escapes.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sim.protocol.enums import Outcome
from sim.report.trail.build import Trail
from sim.report.trail.market import NO_PX
from sim.report.words import count

NAMED_MAX: Final = 5
"""Names that a sentence lists; of more it gives the number."""


def missing(trail: Trail) -> list[str]:
    """All that keeps a figure of the report from being there, most general first."""
    return [*_log(trail), *_parents(trail), *_orders(trail), *_market(trail)]


def _log(trail: Trail) -> Iterator[str]:
    if trail.fault:
        yield (
            "The log could not be read to its end: this report covers its first "
            f"{count(trail.records, 'record')}. {trail.fault}"
        )
    elif trail.outcome is Outcome.ABORTED:
        yield "The run was aborted: what would have come after its end is not here."
    elif trail.outcome is Outcome.INCOMPLETE:
        yield "The run is incomplete: its duration was over before every parent order was done."
    if trail.plugin_failed is not None:
        yield f"The user's own code {trail.plugin_failed.plugin} failed and ended the run."


def _parents(trail: Trail) -> Iterator[str]:
    absent = [name for name in _expected(trail.scenario) if name not in trail.parents]
    if absent:
        which = "this parent order" if len(absent) == 1 else "these parent orders"
        yield f"The run ended before {which} reached the router: {_names(absent)}."
    if not trail.parents:
        yield "No parent order reached the router, so there is nothing to judge."
    open_ones = [name for name, parent in trail.parents.items() if parent.done is None]
    if open_ones:
        yield (
            f"Not ended as the log ends: {_names(open_ones)}. What is open of an order counts as "
            "unfilled until then."
        )
    waiting = [name for name, parent in trail.parents.items() if not parent.children]
    if waiting:
        yield f"Nothing was ever sent for {_names(waiting)}."
    no_mid = [name for name, one in trail.parents.items() if one.arrival_mid_x2 is None]
    if no_mid:
        yield (
            f"The router knew no middle of the market as {_names(no_mid)} arrived (a displayed lit "
            "bid or offer was missing), so what is measured against that price is not available."
        )


def _orders(trail: Trail) -> Iterator[str]:
    if trail.children and not any(child.executions for child in trail.children.values()):
        yield "Nothing was filled, so there are no prices, fees or benchmarks of fills."
    if len(trail.venues) == 1:
        yield "There is one venue only: nothing can be compared between venues."


def _market(trail: Trail) -> Iterator[str]:
    if trail.started.market_data == "none":
        yield (
            "The log holds no market data (audit.market_data: none): the true best prices, "
            "benchmarks of the market and price paths are not available."
        )
        return
    if not trail.lit:
        yield "No venue displays quotes, so there are no best displayed prices."
        return
    nbbo = trail.market.nbbo
    bids = any(price != NO_PX for price in nbbo.bid)
    asks = any(price != NO_PX for price in nbbo.ask)
    if not (bids or asks):
        yield "The books of the lit venues were empty all the time: there were no best prices."
    elif not (bids and asks):
        side = "bid" if asks else "offer"
        yield f"No lit venue ever displayed a {side}, so there was no middle of the market."
    quiet = [name for name in trail.venues if name not in trail.market.quotes]
    lit_quiet = [name for name in quiet if name in trail.lit]
    if lit_quiet:
        yield f"Published no quote in the log: {_names(lit_quiet)}."


def _expected(scenario: Mapping[str, Any]) -> Iterator[str]:
    """Ids of all parents that the scenario has."""
    listed = scenario.get("parents")
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict) or "id" not in one:
            continue
        repeat = one.get("repeat")
        number = repeat.get("count") if isinstance(repeat, dict) else None
        if isinstance(number, int):
            yield from (f"{one['id']}.{n + 1}" for n in range(min(number, 100_000)))
        else:
            yield str(one["id"])


def _names(names: list[str]) -> str:
    if len(names) <= NAMED_MAX:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED_MAX])} and {len(names) - NAMED_MAX:,} others"
