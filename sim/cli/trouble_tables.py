"""What went wrong in a run, as tables for people."""

from rich.console import Group, RenderableType

from sim.audit.read import printable
from sim.cli.output import UNDEFINED
from sim.cli.tables import Column, make_table
from sim.protocol.units import Units
from sim.report.trouble import Trouble
from sim.report.trouble_words import at_venue, what_followed, when, where

FAULTS_MAX = 20
"""Faults that are shown one by one."""


def trouble_tables(found: Trouble, units: Units, width: int) -> RenderableType:
    """The faults of a run, two lines each, and what broke between the router and its venues.

    Args:
        found: The account.
        units: Of the instrument.
        width: Columns that there are to fill.
    """
    shown = found.faults[:FAULTS_MAX]
    kinds = [one.kind.replace("_", " ") for one in shown]
    columns = [
        Column(
            "Fault",
            [f"{printable(one.fault_id)}\n{kind}" for one, kind in zip(shown, kinds, strict=True)],
            "left",
        ),
        Column(
            "Where and when", [f"{printable(where(one))}\n{when(one)}" for one in shown], "left"
        ),
        Column("Messages\nstruck", [f"{one.struck:,}" for one in shown]),
        Column("Orders\ntouched", [f"{one.orders:,}" for one in shown], rank=1),
        Column("What followed", [_pieces(what_followed(one, units)) for one in shown], "left"),
    ]
    parts: list[RenderableType] = ["Faults", "", make_table(columns, width, "top")]
    if len(shown) < len(found.faults):
        left = len(found.faults) - len(shown)
        parts.append(f"and {left:,} more faults, all in `sorsim query`, table faults")
    if found.venues:
        rows = [
            Column("Venue", [printable(one.venue_id) for one in found.venues], "left"),
            Column(
                "What broke, and what followed",
                ["; ".join(at_venue(one, units)) for one in found.venues],
                "left",
            ),
        ]
        parts += ["", make_table(rows, width, "top")]
    return Group(*parts)


def _pieces(pieces: list[str]) -> str:
    return "\n".join(pieces) or UNDEFINED
