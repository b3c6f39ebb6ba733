"""How all benchmarks compare: CPU time, peers in the same run, repeats interleaved.

A contender is a function that does its work once and returns a rate (higher is better), measured
in CPU time of this process. One round runs every contender once, so that what slows the machine
for a while slows all alike; a ratio is the median over the rounds of ours / peer.
"""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

Contender = Callable[[], float]


def rate(count: int, work: Callable[[], object]) -> float:
    """How many of ``count`` per second of CPU time ``work()`` does; garbage is collected before."""
    gc.collect()
    before = time.process_time_ns()
    work()
    return count / ((time.process_time_ns() - before) / 1e9)


def compare(
    name: str,
    unit: str,
    ours: Contender,
    peers: Mapping[str, Contender],
    *,
    rounds: int,
    value_min: float | None = None,
    ratio_min: Mapping[str, float] | None = None,
    aim: float | None = None,
) -> dict[str, Any]:
    """Run all contenders and return one row of the result.

    Args:
        name: Of the benchmark.
        unit: Of the values, such as ``deliveries/s``.
        ours: Our contender.
        peers: Their contenders, by name.
        rounds: How often each runs; an odd number has a run in its middle.
        value_min: The least that ours must reach, in ``unit``.
        ratio_min: Peer -> the least ratio that must be reached.
        aim: What ours aims at, in ``unit``; not judged.

    Returns:
        ``name``, ``value`` (median), ``unit``, ``peers`` (medians), ``ratio`` (medians),
        ``target`` (``value``, ``ratio``, ``aim``) and ``met``.
    """
    contenders = {"": ours, **peers}
    rates: dict[str, list[float]] = {who: [] for who in contenders}
    for _ in range(rounds):
        for who, contender in contenders.items():
            rates[who].append(contender())
    ratio = {
        who: median(o / p for o, p in zip(rates[""], rates[who], strict=True)) for who in peers
    }
    wanted = dict(ratio_min or {})
    value = median(rates[""])
    reached = value_min is None or value >= value_min
    return {
        "name": name,
        "value": round(value),
        "unit": unit,
        "peers": {who: round(median(rates[who])) for who in peers},
        # Two decimals of a small ratio would be too coarse to compare with the committed one.
        "ratio": {who: round(x, 2 if x >= 1 else 4) for who, x in ratio.items()},
        "target": {"value": value_min, "ratio": wanted, "aim": aim},
        "met": reached and all(ratio[who] >= least for who, least in wanted.items()),
    }
