"""A fixed piece of pure Python whose speed stands for that of the machine and the interpreter.

A benchmark without a peer is compared with this loop, measured in the same rounds: the ratio holds
where the machine is slower or busy, which the value alone does not. The loop does what the hot
paths do (a heap, dictionaries, small objects, method calls, integers, formatted bytes) and uses
nothing of the project, so that no change to the project moves it. It must not be changed either:
every committed ratio to it would be void.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final

from benchmarks.measure import rate

NAME: Final = "reference_loop"
"""The peer's name in the rows of benchmarks."""

_STEPS: Final = 60_000


class _Account:
    __slots__ = ("items", "total")

    def __init__(self) -> None:
        self.total = 0
        self.items: deque[tuple[int, int]] = deque()

    def take(self, item: tuple[int, int]) -> int:
        self.items.append(item)
        if len(self.items) > 32:
            self.total += self.items.popleft()[1]
        return self.total


def reference_rate() -> float:
    """Steps per second of CPU time of the reference loop."""
    return rate(_STEPS, lambda: reference_loop(_STEPS))


def reference_loop(steps: int) -> int:
    """Do the work and return a check sum of it, the same on every machine."""
    heap: list[tuple[int, int]] = []
    accounts = {f"a{n}": _Account() for n in range(64)}
    index: dict[str, int] = {}
    state = 1
    size = 0
    for n in range(steps):
        state = state * 1_103_515_245 + 12_345 & 0x7FFF_FFFF
        heappush(heap, (state % 100_000 + n, n))
        if len(heap) > 64:
            due, m = heappop(heap)
            name = f"a{due & 63}"
            index[name] = accounts[name].take((due, m))
            if m & 3 == 0:
                size += len(b'{"seq":%d,"name":"%b"}' % (m, name.encode()))
    return size + sum(index.values()) + sum(account.total for account in accounts.values())
