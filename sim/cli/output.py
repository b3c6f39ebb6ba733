"""The terminal: consoles that obey NO_COLOR, the progress bar in simulated time, number formats.

Imported by commands that show something to people, since rich takes its time to load.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

OnProgress = Callable[[int, int], None]
REFRESH_SECONDS: Final = 0.1
UNDEFINED: Final = "-"
WIDTH_MIN: Final = 80
"""A narrower terminal breaks our lines itself: a number that is cut could be misread."""

_LATENCY_UNITS: Final = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns"))


def console(stream: IO[str] | None = None) -> Console:
    """A console on ``stream`` (stdout by default): no escape codes under NO_COLOR or in a file."""
    plain: dict[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    out = _Console(file=stream or sys.stdout, highlight=False, emoji=False, **plain)
    out.width = max(out.width, WIDTH_MIN)
    return out


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the command line say how it ended: rich would exit with 1, which means "no"."""
        raise BrokenPipeError


@contextmanager
def progress_bar(label: str, *, quiet: bool) -> Iterator[OnProgress | None]:
    """A bar on stderr that shows the time of the run; None if nobody would see it.

    It is drawn where the run calls it and by no thread, so that it takes nothing from the run.
    """
    out = console(sys.stderr)
    if quiet or not out.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[at]} of {task.fields[end]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label, total=1, at="0 s", end="?")
        drawn = bar.get_time()

        def on_progress(now_ns: int, end_ns: int) -> None:
            nonlocal drawn
            bar.update(
                task,
                completed=now_ns,
                total=end_ns,
                at=short_duration(now_ns),
                end=short_duration(end_ns),
            )
            if bar.get_time() - drawn >= REFRESH_SECONDS:
                drawn = bar.get_time()
                bar.refresh()

        yield on_progress


@contextmanager
def count_bar(label: str, *, quiet: bool) -> Iterator[OnProgress | None]:
    """A bar on stderr that counts what is done of many; None if nobody would see it."""
    out = console(sys.stderr)
    if quiet or not out.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total} runs"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, auto_refresh=False, transient=True) as bar:
        task = bar.add_task(label, total=None)
        drawn = bar.get_time()

        def on_done(done: int, total: int) -> None:
            nonlocal drawn
            bar.update(task, completed=done, total=total)
            if done == total or bar.get_time() - drawn >= REFRESH_SECONDS:
                drawn = bar.get_time()
                bar.refresh()

        yield on_done


def short_duration(ns: int | None) -> str:
    """Three significant digits and a unit, for reading; ``-`` for None."""
    if ns is None:
        return UNDEFINED
    for size, unit in _LATENCY_UNITS:
        value = Decimal(f"{Decimal(ns) / size:.3g}")  # rounded before the unit is chosen
        if value >= 1:
            return f"{value.normalize():f} {unit}"
    return "0 s"


def number_column(
    texts: Sequence[str | None], digits_min: int = 0, digits_max: int = 8
) -> list[str]:
    """Decimals for one column: thousands apart, equally many digits, as few as none needs more.

    Beyond ``digits_max`` they are rounded half-even.
    """
    values = [None if text is None else Decimal(text) for text in texts]
    needed = max((_digits(value) for value in values if value is not None), default=0)
    digits = min(digits_max, max(digits_min, needed))
    return [UNDEFINED if value is None else f"{value:,.{digits}f}" for value in values]


def _digits(value: Decimal) -> int:
    """Digits after the point, without trailing zeros."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
