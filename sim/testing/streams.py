"""What arrives, one after the other, for the task that waits for it."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class MarketError(Exception):
    """A test asks of its market what it cannot do; says what, and what is allowed."""


class Arrivals(Generic[_T]):
    """Messages in the order of their arrival: ``await it.next()``, or ``async for one in it``.

    Each message goes to one reader. The iteration ends with the run.

    Args:
        name: What errors call it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: deque[_T] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._over = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: _T) -> None:
        """A message arrives."""
        self._items.append(item)
        self._wake()

    def end(self) -> None:
        """Nothing comes any more; what has come can still be read."""
        self._over = True
        while self._waiters:
            self._wake()

    async def next(self) -> _T:
        """The next message, waiting for it; ``asyncio.timeout`` bounds the wait in virtual time.

        Raises:
            MarketError: If the run is over and nothing is left.
        """
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise MarketError(f"the run is over: nothing more comes from {self._name}") from None

    def __aiter__(self) -> "Arrivals[_T]":
        return self

    async def __anext__(self) -> _T:
        while not self._items:
            if self._over:
                raise StopAsyncIteration
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._items:
                    self._wake()  # it was our turn, which somebody else takes now
                raise
        return self._items.popleft()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
