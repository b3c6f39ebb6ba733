"""The time of a test's market: virtual, in whole nanoseconds."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

from sim.protocol.enums import Priority
from sim.protocol.units import parse_duration

if TYPE_CHECKING:
    from sim.testing.market import Market

_LAST = len(Priority)
"""Rank after every other event of an instant."""


class Done:
    """What there is to await of what is done already."""

    def __await__(self) -> Generator[Any, None, None]:
        return
        yield


class SimClock:
    """The clock of the run. In an async test ``await`` what it does; in another it is done at once.

    ``asyncio.sleep`` and ``asyncio.timeout`` run on the same time.
    """

    def __init__(self, market: "Market") -> None:
        self._market = market

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the start of the run."""
        return self._market.now_ns

    def advance(self, by: str | int) -> "Coroutine[Any, Any, None] | Done":
        """Let time pass: a duration such as ``"5ms"``, or nanoseconds.

        Raises:
            ValueError: If it is no duration, or negative.
        """
        return self._market.drive(self._until(self.now_ns + ns_of(by)))

    def until(self, t: str | int) -> "Coroutine[Any, Any, None] | Done":
        """Let time pass until an instant of the run, all that happens at it included.

        Raises:
            ValueError: If it is no duration, or past.
        """
        t_ns = ns_of(t)
        if t_ns < self.now_ns:
            raise ValueError(f"until {t!r}: it is {self.now_ns} ns by now")
        return self._market.drive(self._until(t_ns))

    def idle(self) -> "Coroutine[Any, Any, None] | Done":
        """Let time pass until no order, request or report of ours is on its way any more.

        Quotes, and timers of the code under test, do not count.
        """
        return self._market.drive(self._idle())

    async def _until(self, t_ns: int) -> None:
        come: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            if not come.done():
                come.set_result(None)

        self._market.call_at(t_ns, _LAST, arrive)
        await come

    async def _idle(self) -> None:
        while True:
            # First whatever can go on now: it may send.
            await self._until(self.now_ns)
            t_ns = self._market.next_of_ours()
            if t_ns is None:
                return
            await self._until(t_ns)


def ns_of(t: str | int) -> int:
    """Nanoseconds of a duration.

    Raises:
        ValueError: If it is none, or negative.
    """
    if isinstance(t, str):
        return parse_duration(t)
    if isinstance(t, bool) or t < 0:
        raise ValueError(f'must be a duration such as "5ms" or whole nanoseconds >= 0, was {t!r}')
    return t
