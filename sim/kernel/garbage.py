"""How often Python looks for garbage in cycles while a run goes on."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLD: Final = 100_000
"""Containers that may be made, beyond those freed, before young ones are searched."""

_holders = 0
_before = (0, 0, 0)


@contextmanager
def no_collections() -> Iterator[None]:
    """Search for no garbage in cycles until the block is left: for work that keeps what it makes.

    Not for what may last: cycles that it drops stay in memory meanwhile.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Search for garbage more rarely than Python does by default, until the block is left.

    The messages of a run are freed as they are dropped, for they hold no cycles, but each search
    walks books and logs that live on. Blocks may overlap, as those of two runs on one loop do: the
    first to come changes the process's setting, the last to leave restores it. A setting that is
    as rare already, or off (0), stays as it is.
    """
    global _holders, _before  # noqa: PLW0603 - the setting is the process's own
    if _holders == 0:
        _before = gc.get_threshold()
        if 0 < _before[0] < THRESHOLD:
            gc.set_threshold(THRESHOLD, *_before[1:])
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
        if _holders == 0:
            gc.set_threshold(*_before)
