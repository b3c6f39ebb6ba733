"""What a sweep says in words: who is cheapest, who is not told apart, and what it would take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sim.study.sweep.statistics import Difference

if TYPE_CHECKING:
    from sim.study.sweep.result import PointRow, Sweep

NOISE: Final = "within the noise"
ALONG: Final = "along"
_NAMED_MAX: Final = 3
_TOLD_MAX: Final = 5


def notes_on(found: "Sweep", outcomes: Sequence[str], *, seeds_matter: bool) -> list[str]:
    """The notes of a sweep.

    Args:
        found: The sweep, without notes.
        outcomes: How each run ended.
        seeds_matter: Whether any point's runs differ from seed to seed.
    """
    notes = []
    if found.nothing_matters:
        verb = "changes" if len(found.axes) == 1 else "change"
        notes.append(f"nothing here matters: {', '.join(found.axes)} {verb} no result")
    else:
        notes += [f"{axis} changes no result, whatever the others are" for axis in found.idle]
    if len(found.seeds) == 1:
        notes.append("one seed: that is one market, and no interval says how sure anything is")
    elif not seeds_matter:
        notes.append("chance plays no part: every point came to the same with all seeds")
    notes += _unranked(found)
    bad = sum(outcome != "complete" for outcome in outcomes)
    if bad:
        notes.append(f"{bad:,} of {len(outcomes):,} runs were over before their orders had ended")
    if ALONG in found.axes:
        notes += _along(found)
    else:
        notes += [*_ranking(found), *_against(found)]
    return notes + _pairing(found)


def _against(found: "Sweep") -> list[str]:
    """Few comparisons are told one by one; many are a table's matter."""
    compared = [row for row in found.points if row.difference_bps is not None]
    if found.nothing_matters or len(compared) > _TOLD_MAX:
        return []
    return [_less_words(row, len(found.seeds)) for row in compared]


def _less_words(row: "PointRow", seeds_n: int) -> str:
    one = row.difference_bps
    assert one is not None  # callers leave out what is not compared
    if one.verdict == "the same":
        return f"{row.name} costs exactly what {row.reference} costs"
    pairs = (
        "" if one.n == seeds_n else f" (the {one.n} of {seeds_n} seeds in which both filled all)"
    )
    return f"{row.name} less {row.reference}{pairs}: {difference_words(one, 'bps')}"


def _pairing(found: "Sweep") -> list[str]:
    """What common random numbers were worth, over the comparisons that moved at all."""
    compared = [row.difference_bps for row in found.points if row.difference_bps is not None]
    ratios = [
        float(one.variance_ratio)
        for one in compared
        if one.variance_ratio is not None and one.verdict != "the same"
    ]
    if not ratios:
        return []
    least, most = min(ratios), max(ratios)
    span = f"{least:.0%}" if f"{least:.0%}" == f"{most:.0%}" else f"{least:.0%} to {most:.0%}"
    return [f"pairs by seed: differences have {span} of the variance of unpaired samples"]


def difference_words(one: Difference, unit: str) -> str:
    """A difference with its interval, and what may be said of it."""
    interval = f"[{float(one.low):+,.3f}, {float(one.high):+,.3f}]"
    words = f"{float(one.mean):+,.3f} {unit} {interval}"
    return f"{words}, {NOISE}{_further(one)}" if one.verdict == NOISE else words


def _further(one: Difference) -> str:
    if one.further_seeds is None:
        return ": no number of seeds tells it"
    seeds = "1 more seed" if one.further_seeds == 1 else f"some {one.further_seeds:,} more seeds"
    return f": {seeds} would tell a difference of that size"


def _unranked(found: "Sweep") -> list[str]:
    left_out = [row for row in found.points if row.why_unranked]
    if not left_out:
        return []
    if len(left_out) == 1:
        row = left_out[0]
        return [f"{row.name} is not ranked by cost: {row.why_unranked}"]
    notes = [
        f"{len(left_out)} of {len(found.points)} points are not ranked by cost: they did not fill "
        "all orders in every run"
    ]
    compared = [row for row in left_out if row.difference_bps is not None]
    if compared:
        notes.append(
            "their differences are over the seeds in which both filled all: those are the easy ones"
        )
    return notes


def _ranking(found: "Sweep") -> list[str]:
    if found.best is None or found.nothing_matters:
        return []
    notes = []
    ranked = sum(row.why_unranked is None for row in found.points)
    others = "all others" if ranked == len(found.points) else f"the other {ranked - 1} ranked"
    sure = f"{found.confidence:.0%} confidence over {len(found.seeds)} seeds, all pairs together"
    if found.within_noise:
        near = found.within_noise
        named = ", ".join(one.name for one in near[:_NAMED_MAX])
        more = f" and {len(near) - _NAMED_MAX} more" if len(near) > _NAMED_MAX else ""
        closest = max(near, key=lambda one: one.difference_bps.further_seeds or 0)
        notes.append(
            f"no winner: {found.best} is the cheapest here, but {named}{more} "
            f"{'is' if len(near) == 1 else 'are'} {NOISE} of it ({sure}); {closest.name}: "
            f"{difference_words(closest.difference_bps, 'bps')}"
        )
    elif found.within_noise is not None:
        notes.append(f"{found.best} is the cheapest, told apart from {others} ({sure})")
    if found.ties:
        notes.append(f"{len(found.ties)} other points cost exactly what {found.best} costs")
    return notes


def _along(found: "Sweep") -> list[str]:
    """What the last value of each line costs more than the first."""
    last = found.axes[ALONG][-1]
    rows = [row for row in found.points if row.levels[ALONG] == last]
    return [words for row in rows if (words := _line(row, found.axes[ALONG][0]))]


def _line(row: "PointRow", first: str) -> str:
    if row.difference_bps is None or row.reference is None:
        return ""
    where = ", ".join(level for axis, level in row.levels.items() if axis != ALONG)
    last = row.levels[ALONG]
    if row.difference_bps.verdict == "the same":
        return f"{where}: {last} costs exactly what {first} costs"
    return f"{where}: {last} less {first} {difference_words(row.difference_bps, 'bps')}"
