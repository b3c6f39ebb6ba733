"""What orders cost by part, why lots were not had, and how long messages took."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sim.report.document.headline import PART_WORDS
from sim.report.figures.base import (
    BAD,
    COLOURS,
    DARK,
    GOOD,
    LIGHT,
    lots_label,
    name_of,
    say_instead,
    thousands,
    time_unit,
    venue_colours,
)

VENUES_MAX: Final = 16
LEG_WORDS: Final = {
    "order": "orders on their way",
    "report": "reports on their way",
    "in_venue": "orders inside the venue",
    "quote_age": "age of quotes acted upon",
}

_LOG_FROM: Final = 20


def draw_shortfall(figure: Any, document: Mapping[str, Any]) -> None:
    """A waterfall: part by part from nothing to the whole shortfall, in money."""
    axis = figure.subplots()
    parents = document["parents"]
    known = [one for one in parents if (one.get("shortfall") or {}).get("total") is not None]
    axis.set_title("Implementation shortfall by part")
    if not known:
        reasons = [(one.get("shortfall") or {}).get("why_not_available") for one in parents]
        reason = next((one for one in reasons if one), "no order was worked")
        say_instead(axis, f"Not available: {reason}.")
        return
    parts: dict[str, Decimal] = {}
    for one in known:
        for name, value in one["shortfall"]["parts"].items():
            parts[name] = parts.get(name, Decimal(0)) + Decimal(value or 0)
    so_far = Decimal(0)
    marks = []
    for place, value in enumerate(parts.values()):
        axis.barh(
            -place,
            float(value),
            left=float(so_far),
            height=0.62,
            color=BAD if value > 0 else GOOD,
        )
        so_far += value
        marks.append((max(so_far, so_far - value), value))
        axis.plot([float(so_far)] * 2, [-place - 1, -place], color="#777777", linewidth=0.8)
    axis.barh(-len(parts), float(so_far), height=0.62, color=DARK)
    marks.append((max(so_far, Decimal(0)), so_far))
    for place, (at, value) in enumerate(marks):
        axis.annotate(
            f"{value:+,.2f}" if value else "0",
            (float(at), -place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    words = [PART_WORDS.get(name, name) for name in parts]
    axis.set_yticks([-n for n in range(len(words) + 1)], [*words, "all"])
    axis.axvline(0, color="#222222", linewidth=0.9)
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.16)
    thousands(axis.xaxis)
    axis.set_xlabel(f"money against the mid at arrival, a cost is positive{_of(known, parents)}")


def draw_causes(figure: Any, document: Mapping[str, Any]) -> None:
    """Of what each venue was asked for, what it filled and why the rest did not come."""
    axis = figure.subplots()
    axis.set_title("What child orders asked for, and what became of it")
    venues = [one for one in document["venues"] if one["filled_qty"] + one["short_qty"]]
    shown = venues[:VENUES_MAX]
    if not shown:
        say_instead(axis, "No child order was sent.")
        return
    causes = list(
        dict.fromkeys(
            name
            for one in shown
            for name, lots in sorted((one.get("causes") or {}).items(), key=lambda two: -two[1])
            if lots
        )
    )
    left = [0] * len(shown)
    bars: list[tuple[str, list[int], str]] = [
        ("filled", [one["filled_qty"] for one in shown], DARK)
    ]
    bars += [
        (
            name.replace("_", " "),
            [(one.get("causes") or {}).get(name, 0) for one in shown],
            COLOURS[(n + 1) % len(COLOURS)],
        )
        for n, name in enumerate(causes)
    ]
    if not causes:
        bars.append(("not filled", [one["short_qty"] for one in shown], LIGHT))
    places = [-n for n in range(len(shown))]
    for label, values, colour in bars:
        if any(values):
            axis.barh(places, values, left=left, height=0.6, color=colour, label=label)
            left = [before + value for before, value in zip(left, values, strict=True)]
    axis.set_yticks(places, [name_of(one["venue_id"]) for one in shown])
    axis.grid(axis="y", visible=False)
    thousands(axis.xaxis)
    axis.set_xlabel(lots_label(document))
    axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def draw_latencies(figure: Any, document: Mapping[str, Any]) -> None:
    """For each way, the part of messages that took no longer than a time."""
    rows = document["latencies"]
    legs = [leg for leg in LEG_WORDS if any(one["leg"] == leg for one in rows)]
    if not legs:
        axis = figure.subplots()
        axis.set_title("Delays")
        say_instead(axis, "The log holds no message that tells of delays.")
        return
    colours = venue_colours(document)
    axes = figure.subplots(1, len(legs), sharey=True, squeeze=False)[0]
    labelled: dict[str, Any] = {}
    for axis, leg in zip(axes, legs, strict=True):
        mine = [one for one in rows if one["leg"] == leg]
        most = max(one["percentiles_ns"][-1] for one in mine)
        least = min(one["percentiles_ns"][0] for one in mine)
        unit = time_unit(most)
        for one in mine:
            times = [unit.of(ns) for ns in one["percentiles_ns"]]
            # From 0 up, so that a delay that is always the same shows as a step.
            (line,) = axis.step(
                [times[0], *times],
                [0, *range(len(times))],
                where="post",
                color=colours[one["venue_id"]],
                linewidth=1.8,
            )
            labelled.setdefault(one["venue_id"], line)
        if least > 0 and most > _LOG_FROM * least:
            axis.set_xscale("log")
        else:
            axis.set_xlim(left=0)
        thousands(axis.xaxis)
        axis.set_xlabel(f"{unit.name}")
        axis.set_title(LEG_WORDS[leg])
    axes[0].set_ylabel("messages that took no longer (%)")
    axes[0].set_ylim(0, 102)
    names = list(labelled)[:VENUES_MAX]
    figure.legend(
        [labelled[name] for name in names],
        [name_of(name) for name in names],
        loc="outside lower center",
        ncols=min(8, len(names)),
        fontsize=9,
    )


def _of(known: list[Any], parents: list[Any]) -> str:
    if len(parents) == 1:
        return ""
    if len(known) == len(parents):
        return f"; {len(parents):,} orders together"
    return f"; {len(known):,} of {len(parents):,} orders that have one"
