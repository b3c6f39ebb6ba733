"""``sorsim liquidity``."""

from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import click

from sim.cli.echo import print_json
from sim.cli.options import CONTEXT, FINE, allow_code_option, json_option

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sim.cli.tables import Column
    from sim.scenario.model import Scenario
    from sim.study.liquidity import Cost, Liquidity, Split, SplitPart, VenueLiquidity

_REFUSED: Final = {"ranked_behind": "behind", "nothing_available": "empty"}
DEPTH_MAX: Final = 15
"""Levels of the table of depth; --json has them all."""


@click.command(context_settings=CONTEXT)
@click.argument("scenario")
@click.option(
    "--at",
    default="0s",
    show_default=True,
    metavar="T",
    help="Instant of the run, such as 26s: the market as the router has heard of it by then.",
)
@click.option(
    "--side", required=True, type=click.Choice(["buy", "sell", "sell_short"]), help="Of the order."
)
@click.option("--qty", required=True, metavar="N", help="Quantity of the order, not lots.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a value of the scenario, as often as needed.",
)
@click.option("--seed", type=int, help="Replace the scenario's seed.")
@allow_code_option
@json_option
def liquidity(
    *,
    scenario: str,
    at: str,
    side: str,
    qty: str,
    sets: tuple[str, ...],
    seed: int | None,
    allow_code: bool,
    as_json: bool,
) -> int:
    """Say what the venues of SCENARIO offer, before anything is traded.

    Per venue how much there is at which cost, how visible the order would be there, how soon it
    would arrive, and its rank; then the total, the best single venue, and the split that the
    scenario's own router would choose. The scenario's parent orders play no part.
    """
    from sim.protocol.enums import Side
    from sim.scenario.load import load_scenario
    from sim.study.liquidity import liquidity as ask

    loaded = load_scenario(scenario, sets=sets, seed=seed, allow_code=allow_code)
    at_ns = _instant(at, loaded.scenario.duration)
    lots = _lots(qty, loaded.scenario)
    found = ask(loaded, Side(side), lots, at_ns)
    if as_json:
        print_json(found)
    else:
        from sim.cli.output import console

        out = console()
        out.print(_words(found, loaded.scenario, (at, side, lots), out.width))
    return FINE


def _instant(text: str, duration: int) -> int:
    from sim.protocol.units import UnitError, format_duration, parse_duration

    try:
        at_ns = parse_duration(text)
    except UnitError as error:
        raise click.BadParameter(str(error), param_hint="--at") from error
    if at_ns > duration:
        message = f"must be at most the scenario's duration {format_duration(duration)}, was {text}"
        raise click.BadParameter(message, param_hint="--at")
    return at_ns


def _lots(text: str, scenario: "Scenario") -> int:
    from sim.protocol.units import UnitError, Units

    units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
    try:
        lots = units.qty_to_lots(text)
    except UnitError as error:
        raise click.BadParameter(str(error), param_hint="--qty") from error
    if lots <= 0:
        raise click.BadParameter(f"must be > 0, was {text}", param_hint="--qty")
    return lots


# Words and tables


def _words(
    found: "Liquidity", scenario: "Scenario", asked: tuple[str, str, int], width: int
) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from sim.protocol.units import Units

    units = Units(scenario.instrument.tick_size, scenario.instrument.lot_size)
    at, side, lots = asked
    head = Text.assemble(
        (scenario.name, "bold"),
        f"  {scenario.instrument.symbol}  {side.replace('_', ' ')} ",
        f"{_qty(units, lots)}, as the router knows the market at {at}",
    )
    dark = any(venue.shows == "indications" and venue.levels for venue in found.venues)
    depth = _depth_table(found, side, units, width) if found.total_available else []
    return Group(
        head,
        "",
        _venues_table(found.venues, units, width),
        *(["", "What a dark venue shows is an indication: it may fill less."] if dark else []),
        "",
        *[line for part in depth for line in (part, "")],
        *_answers(found, lots, units),
        "",
        _split_table(found.split, units, width),
    )


def _venues_table(venues: "list[VenueLiquidity]", units: Any, width: int) -> "RenderableType":
    from sim.cli.output import UNDEFINED, short_duration
    from sim.cli.tables import Column, make_table

    tops = [venue.levels[0] if venue.levels else None for venue in venues]
    refused = [_refused(venue.refused or "") for venue in venues]
    columns = [
        Column("Rank", [str(venue.rank or UNDEFINED) for venue in venues]),
        Column("Venue", [venue.venue_id for venue in venues], "left"),
        Column("Visible", [venue.visibility for venue in venues], "left"),
        Column("Best\nprice", _prices([top.price if top else None for top in tops], units)),
        Column("At best", [_qty(units, top.qty) if top else UNDEFINED for top in tops], rank=2),
        Column("Available", [_qty(units, venue.available_qty) for venue in venues]),
        Column("Alone\nfills", [_qty(units, venue.alone.qty) for venue in venues], rank=3),
        Column("Average\nwith fees", _prices([one.alone.effective_px for one in venues], units)),
        *_risk_column(venues),
        Column("Order\nlatency", [short_duration(venue.order_latency_ns) for venue in venues]),
        Column("Round\ntrip", [short_duration(venue.round_trip_ns) for venue in venues], rank=4),
        Column("Quote\nage", [short_duration(venue.quote_age_ns) for venue in venues], rank=5),
        *([Column("Left out", refused, "left", rank=1)] if any(refused) else []),
    ]
    return make_table(columns, width)


def _risk_column(venues: "list[VenueLiquidity]") -> "list[Column]":
    """How unreliable venues are, where the scenario says it of any."""
    from sim.cli.output import number_column
    from sim.cli.tables import Column

    if not any(Decimal(venue.fill_risk) for venue in venues):
        return []
    shares = number_column([str(100 * Decimal(venue.fill_risk)) for venue in venues], 0, 4)
    return [Column("Fill\nrisk", [f"{share} %" for share in shares])]


def _depth_table(found: "Liquidity", side: str, units: Any, width: int) -> "list[RenderableType]":
    """All levels, the cheapest first: how much there is in all at a price with fees."""
    from sim.cli.tables import Column, make_table

    sign = 1 if side == "buy" else -1
    levels = [(level, venue.venue_id) for venue in found.venues for level in venue.levels]
    levels.sort(key=lambda pair: sign * Decimal(pair[0].effective_px))  # ties as ranked
    shown = levels[:DEPTH_MAX]
    sums = accumulate(level.qty for level, _ in shown)
    columns = [
        Column("With fees", _prices([level.effective_px for level, _ in shown], units)),
        Column("Price", _prices([level.price for level, _ in shown], units)),
        Column("Venue", [venue_id for _, venue_id in shown], "left"),
        Column("Quantity", [_qty(units, level.qty) for level, _ in shown]),
        Column("Up to here", [_qty(units, total) for total in sums]),
    ]
    more = len(levels) - len(shown)
    tail: list[RenderableType] = [f"and {more:,} more levels, all in --json"] if more else []
    return [make_table(columns, width), *tail]


def _answers(found: "Liquidity", lots: int, units: Any) -> list[str]:
    count = sum(1 for venue in found.venues if venue.available_qty)
    total, single = _qty(units, found.total_available), found.best_single
    best = "none: nothing is known to be there"
    if single is not None:
        best = f"{single.venue_id}: {_filled(single.cost, lots, units)}"
    return [
        f"Total available    {total} at {count} of {len(found.venues)} venues",
        f"Best single venue  {best}",
        f"Suggested split    {found.split.strategy}: {_filled(found.split.cost, lots, units)}",
    ]


def _split_table(split: "Split", units: Any, width: int) -> "RenderableType":
    from sim.cli.output import number_column
    from sim.cli.tables import Column, make_table

    if not split.parts:
        return "Nothing to send: the router would wait for quotes."
    costs = [part.cost for part in split.parts]
    columns = [
        Column("Send to", [_named(part) for part in split.parts], "left"),
        Column("Quantity", [_qty(units, cost.qty) for cost in costs]),
        Column("Limit", _prices([part.price for part in split.parts], units)),
        Column("Average\nwith fees", _prices([cost.effective_px for cost in costs], units)),
        Column("Fees", number_column([cost.fees for cost in costs], 2, 4)),
    ]
    return make_table(columns, width)


def _named(part: "SplitPart") -> str:
    return f"{part.venue_id} (blind)" if part.blind else part.venue_id


def _refused(reason: str) -> str:
    """Why a venue is left out, in a word or two."""
    return _REFUSED.get(reason, reason).replace("_", " ")


def _filled(cost: "Cost", lots: int, units: Any) -> str:
    if not cost.qty:
        return "nothing"
    (price,) = _prices([cost.effective_px], units)
    short = f", {_qty(units, lots - cost.qty)} short" if cost.qty < lots else ""
    return f"{_qty(units, cost.qty)} at {price} with fees{short}"


def _prices(texts: "list[str | None] | list[str]", units: Any) -> list[str]:
    """For one column: as many digits as the tick has, and up to four more where they tell more."""
    from sim.cli.output import number_column

    digits = len(units.price_text(0).partition(".")[2])
    return number_column(texts, digits, digits + 4)


def _qty(units: Any, lots: int) -> str:
    return f"{Decimal(units.qty_text(lots)):,f}"
