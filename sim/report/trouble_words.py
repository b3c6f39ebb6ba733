"""What people read of a run's faults, and of what followed: the rows of ``sim.report.trouble``.

Ids stand as they are in the log; who shows them escapes.
"""

from decimal import Decimal
from typing import Final

from sim.protocol.units import Units
from sim.report.trouble import FaultRow, Trouble, VenueRow
from sim.report.words import count, duration

NEVER: Final = "did not come"
_TIMES: Final = {1: "once", 2: "twice"}

HOW_COUNTED: Final = (
    "What follows a fault is what the log tells of the orders that it touched: of those a message "
    "of which it struck, and of those out at its venue while it lasted. An order that several "
    "touched counts for each of them."
)


def what_struck(found: Trouble) -> list[str]:
    """What was injected, and what it did, in sentences."""
    faults = [one for one in found.faults if one.fault_id]  # else a venue's own: it had died
    if not faults:
        return ["The scenario has no faults: what broke did so of itself."]
    came = [one for one in faults if one.began_ns is not None]
    struck = sum(one.struck for one in faults)
    did = f"{'all' if len(came) == len(faults) else len(came) or 'none'} of them came"
    if len(faults) == 1:
        did = "it came" if came else "it did not come"
    return [f"The scenario has {count(len(faults), 'fault')}: {did}, {_messages(struck)}."]


def _messages(struck: int) -> str:
    return f"and {count(struck, 'message')} {'was' if struck == 1 else 'were'} struck"


def where(row: FaultRow) -> str:
    """The venue and the leg of a fault: ``NYSE order``; ``router`` where it is about no venue."""
    return f"{row.venue_id or 'router'} {row.leg or ''}".rstrip()


def when(row: FaultRow) -> str:
    """``52 ms``, ``270 ms to 360 ms``, ``from 1.2 s``, or that it did not come."""
    if row.began_ns is None:
        return NEVER
    if row.ended_ns is None:
        return f"from {duration(row.began_ns)}"
    first, last = duration(row.began_ns), duration(row.ended_ns)
    return first if first == last else f"{first} to {last}"


def what_followed(row: FaultRow, units: Units) -> list[str]:
    """What became of the orders that a fault touched, in short pieces; nothing: nothing did."""
    pieces = _of_orders(row, units)
    if row.holds:
        pieces.append(f"venue held back {_times(row.holds)}")
    if row.quarantine:
        pieces.append("venue in quarantine")
    if row.doubted:
        pieces.append(f"quotes doubted in {count(row.doubted, 'decision')}")
    return pieces


def at_venue(row: VenueRow, units: Units) -> list[str]:
    """What was broken between the router and a venue, and what came of it, in short pieces."""
    pieces = []
    if row.down:
        pieces.append(f"session down {_times(row.down)}, for {duration(row.down_ns)}")
    if row.gaps:
        ends = [
            f"{_times(number)} {what}"
            for number, what in ((row.filled, "filled"), (row.given_up, "given up"))
            if number
        ]
        tail = f" ({', '.join(ends)})" if ends else ""
        pieces.append(f"reports missing {_times(row.gaps)}{tail}")
    pieces += _of_orders(row, units)
    if row.holds:
        pieces.append(f"held back {_times(row.holds)}")
    if row.quarantine_ns is not None:
        pieces.append(f"in quarantine from {duration(row.quarantine_ns)}")
    return pieces


def _of_orders(row: FaultRow | VenueRow, units: Units) -> list[str]:
    ends = [
        f"{_qty(lots, units)} {what}"
        for lots, what in (
            (row.settled_qty, "settled"),
            (row.written_off_qty, "written off"),
            (row.open_qty, "still open"),
        )
        if lots
    ]
    pieces = []
    if row.asked:
        pieces += [f"asked about {count(row.asked, 'order')}", ", ".join(ends) or "none of it open"]
    elif ends:
        pieces.append(", ".join(ends))
    if row.unknown:
        pieces.append(f"{count(row.unknown, 'order')} unknown there")
    return pieces


def _qty(lots: int, units: Units) -> str:
    return f"{Decimal(units.qty_text(lots)):,f}"


def _times(number: int) -> str:
    return _TIMES.get(number, f"{number:,} times")
