"""Kinds ``cst_*``: the model of Cont, Stoikov and Talreja, solved exactly and played by a venue.

Each value is computed twice: by a linear solver from the rates alone, and by the flow
``cont_stoikov_talreja`` at a venue's task on the loop in virtual time: the flow's messages go into
the inbox, the book matches them, and what happened is read off the feed and the reports.
"""

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from math import exp, log, prod, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from sim.flow.cont_stoikov_talreja import ContStoikovTalrejaFlow
from sim.protocol.enums import ExecType, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import ExecutionReport

if TYPE_CHECKING:
    from tests.golden.conftest import Compute, Computed, Golden, Tools
    from tests.golden.venue_episodes import SEED, UNITS, Watch, play
else:
    # Tests cannot import each other, so the venue is loaded from its file.
    _spec = importlib.util.spec_from_file_location(
        "golden_venue_episodes", Path(__file__).with_name("venue_episodes.py")
    )
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = _module
    _spec.loader.exec_module(_module)
    SEED, UNITS, Watch, play = _module.SEED, _module.UNITS, _module.Watch, _module.play

EPISODES: Final = 5_000
ASK: Final = 10_000
"""Best ask in ticks as an episode begins."""
WALL: Final = 1_000_000
"""Lots of an order of ours that no episode uses up."""
MINUTE: Final = 60_000_000_000
SPARE: Final = 30
"""Orders beyond those asked for at which the solver cuts a queue: longer ones never come."""
LONGEST: Final = 64
"""Orders up to which lengths of a queue are told apart."""
BATCHES: Final = 200
BATCH_MINUTES: Final = 150


# ------------------------------------------------------------ the rates


class Table(NamedTuple):
    """Rates per minute; beyond the table limit orders follow the paper's power law."""

    limits: tuple[float, ...]
    cancels: tuple[float, ...]
    market: float

    def limit(self, distance: int) -> float:
        if distance <= len(self.limits):
            return self.limits[distance - 1]
        return 1.92 * exp(-0.52 * log(distance))

    def cancel(self, distance: int) -> float:
        return self.cancels[min(distance, len(self.cancels)) - 1]


def table_of(golden: "Golden") -> Table:
    rates = golden.shared["rates"]
    assert rates["order_size_units"] == 1
    return Table(
        tuple(rates["limit_rate_per_minute"]),
        tuple(rates["cancel_rate_per_order_per_minute"]),
        rates["market_rate_per_minute"],
    )


def flow_of(table: Table, reach: int, opening: Mapping[str, Any]) -> ContStoikovTalrejaFlow:
    """The flow of a scenario; ``reach``: how far limit orders come from the opposite best."""
    return ContStoikovTalrejaFlow.model_validate(
        {
            "kind": "cont_stoikov_talreja",
            "per": "1min",
            "centre": text(ASK),
            "limits": [table.limit(i) for i in range(1, reach + 1)],
            "cancels": list(table.cancels),
            "market_per_side": table.market,
            "opening": opening,
        }
    )


def text(ticks: int) -> str:
    return UNITS.price_text(ticks)


# ------------------------------------------------------------ what episodes come to


def lots_at(levels: Iterable[tuple[int, int]], price: int) -> int:
    return next((lots for at, lots in levels if at == price), 0)


def share(tools: "Tools", found: Sequence[bool]) -> Any:
    return tools.estimate(sum(found) / len(found), replications=len(found), seed=SEED)


# ------------------------------------------------------------ kind "cst_mid_up"


def queues_of(golden: "Golden") -> tuple[int, int, int]:
    """Orders at the best bid and ask, and ticks between them."""
    inputs = golden.inputs
    return inputs["bid_queue_orders"], inputs["ask_queue_orders"], inputs["spread_ticks"]


def opening_of(bid: int, ask: int, spread: int) -> dict[str, Any]:
    bids = [[text(ASK - spread), bid]] if bid else []
    return {"bids": bids, "asks": [[text(ASK), ask]] if ask else []}


def mid_up_solved(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    bid, ask, spread = queues_of(golden)
    value = float(p_mid_up(table_of(golden), spread, max(bid, ask) + SPARE)[bid, ask])
    yield {"p_mid_up": value, "p_mid_up_printed": value}


@cache
def p_mid_up(table: Table, spread: int, cut: int) -> Any:
    """P(mid up first) by the orders at bid and ask: element [b, a], both up to ``cut``."""
    birth = table.limit(spread)
    inside = sum(table.limit(i) for i in range(1, spread))
    size = cut + 1
    matrix, right = np.zeros((size * size, size * size)), np.zeros(size * size)
    for b, a in product(range(size), repeat=2):
        row = b * size + a
        if not b or not a:
            matrix[row, row] = 1
            right[row] = 1.0 if b else 0.0 if a else 0.5
            continue
        moves = [
            ((b - 1) * size + a, table.market + b * table.cancel(spread)),
            (b * size + a - 1, table.market + a * table.cancel(spread)),
        ]
        moves += [((b + 1) * size + a, birth)] if b < cut else []
        moves += [(b * size + a + 1, birth)] if a < cut else []
        matrix[row, row] = sum(rate for _, rate in moves) + 2 * inside
        right[row] = inside
        for to, rate in moves:
            matrix[row, to] -= rate
    return np.linalg.solve(matrix, right).reshape(size, size)


def mid_up_played(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    bid, ask, spread = queues_of(golden)
    flow = flow_of(table_of(golden), spread, opening_of(bid, ask, spread))

    def watch() -> Watch:
        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> bool | None:
            assert isinstance(message, BookSnapshot)
            return mid_moved(message, spread)

        return see

    found = play(flow, (), watch, episodes=EPISODES, label=f"mid {bid} {ask} {spread}")
    yield {"p_mid_up": share(tools, found)}


def mid_moved(book: BookSnapshot, spread: int) -> bool | None:
    """Whether the mid is above that of the start (True) or below (False)."""
    bid = book.bids[0][0] if book.bids else ASK - spread - 1
    ask = book.asks[0][0] if book.asks else ASK + 1
    twice = bid + ask - (2 * ASK - spread)
    return None if not twice else twice > 0


# ------------------------------------------------------------ kind "cst_fill_before_move"


def fill_solved(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    bid, ask, spread = queues_of(golden)
    table = table_of(golden)
    law = p_fill(table, spread, max(bid, ask) + SPARE)
    transposed = 1 - float(law[ask, bid])
    yield {
        "p_fill_before_mid_moves": float(law[bid, ask]),
        "one_minus_transpose": transposed,
        "printed_cell": transposed,
    }


@cache
def p_fill(table: Table, spread: int, cut: int) -> Any:
    """P(an own order that is b-th trades before the mid moves): element [b, a], both up to ``cut``.

    The mid moves as the ask queue empties or an order comes between bid and ask.
    """
    birth, size = table.limit(spread), cut + 1
    inside = 2 * sum(table.limit(i) for i in range(1, spread))
    result = np.zeros((size, size))
    result[0, :] = 1.0
    for b in range(1, size):
        ahead = table.market + (b - 1) * table.cancel(spread)
        matrix, right = np.eye(size), np.zeros(size)
        for a in range(1, size):
            down = table.market + a * table.cancel(spread)
            up = birth if a < cut else 0.0
            total = ahead + down + up + inside
            matrix[a, a - 1] -= down / total
            if up:
                matrix[a, a + 1] -= up / total
            right[a] = ahead / total * result[b - 1, a]
        result[b] = np.linalg.solve(matrix, right)
        result[b, 0] = 0.0
    return result


def fill_played(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    bid, ask, spread = queues_of(golden)
    flow = flow_of(table_of(golden), spread, opening_of(bid - 1, ask, spread))

    def watch() -> Watch:
        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> bool | None:
            if isinstance(message, ExecutionReport):
                # It comes before the quote of the same instant: a trade that empties the queue
                # comes before the move that it causes.
                return True if message.exec_type is ExecType.TRADE else None
            return None if mid_moved(message, spread) is None else False

        return see

    ours = [(Side.BUY, ASK - spread, 1)]
    found = play(flow, ours, watch, episodes=EPISODES, label=f"fill {bid} {ask} {spread}")
    yield {"p_fill_before_mid_moves": share(tools, found)}


# ------------------------------------------------------------ kind "cst_first_fill"


def first_fill_solved(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    table = table_of(golden)

    def rate(position: int) -> float:
        return table.market + (position - 1) * table.cancel(1)

    def bid_first(b: int, a: int) -> float:
        if not b or not a:
            return 0.0 if b else 1.0
        bid, ask = rate(b), rate(a)
        return (bid * bid_first(b - 1, a) + ask * bid_first(b, a - 1)) / (bid + ask)

    inputs = golden.inputs
    yield {"p_bid_trades_first": bid_first(inputs["bid_position"], inputs["ask_position"])}


def first_fill_played(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    """Two orders of ours, last in the queues of both sides; neither queue can empty before."""
    bid, ask = golden.inputs["bid_position"], golden.inputs["ask_position"]
    flow = flow_of(table_of(golden), 1, opening_of(bid - 1, ask - 1, 1))

    def watch() -> Watch:
        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> bool | None:
            is_fill = isinstance(message, ExecutionReport) and message.exec_type is ExecType.TRADE
            return message.side is Side.BUY if is_fill else None  # type: ignore[union-attr]

        return see

    ours = [(Side.BUY, ASK - 1, 1), (Side.SELL, ASK, 1)]
    found = play(flow, ours, watch, episodes=EPISODES, label=f"first {bid} {ask}")
    yield {"p_bid_trades_first": share(tools, found)}


# ------------------------------------------------------------ kind "cst_queue_laws"


def laws_solved(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    inputs, table = golden.inputs, table_of(golden)
    if "queue_orders" in inputs:
        at = inputs["ticks_from_opposite"]
        death = (table.market if at == 1 else 0.0) + inputs["queue_orders"] * table.cancel(at)
        growth = table.limit(at) / (table.limit(at) + death)
        # The file prints eight decimals, fewer than its tolerance would need: compared as printed.
        yield {"p_next_change_is_growth": round(growth, 8)}
    elif inputs.get("reflected_at_zero"):
        law = isolated(table, inputs["ticks_from_opposite"])
        mean = sum(n * p for n, p in enumerate(law))
        yield {"p_queue_orders_0_to_9": law[:10], "mean_queue_orders": mean}
    else:
        rates = [table.market + i * table.cancel(1) for i in range(inputs["own_position"])]
        yield {
            "mean_time_to_fill_minutes": sum(1 / rate for rate in rates),
            "sd_time_to_fill_minutes": sqrt(sum(1 / rate**2 for rate in rates)),
        }


def isolated(table: Table, at: int) -> list[float]:
    """Detailed balance of one queue that nothing ends."""
    market = table.market if at == 1 else 0.0
    weights = [
        prod(table.limit(at) / (market + k * table.cancel(at)) for k in range(1, n + 1))
        for n in range(LONGEST)
    ]
    return [weight / sum(weights) for weight in weights]


def laws_played(golden: "Golden", tools: "Tools") -> Iterable["Computed"]:
    inputs = golden.inputs
    if "queue_orders" in inputs:
        yield one_step(golden, tools)
    elif inputs.get("reflected_at_zero"):
        yield time_averages(golden, tools)
    else:
        yield waiting_times(golden, tools)


def one_step(golden: "Golden", tools: "Tools") -> "Computed":
    """The first change of a queue between walls of ours, which keep the best prices in place."""
    at, orders = golden.inputs["ticks_from_opposite"], golden.inputs["queue_orders"]
    price = ASK - at
    flow = flow_of(table_of(golden), at, {"bids": [[text(price), orders]]})
    ours = [(Side.SELL, ASK, WALL)]
    if at > 1:
        ours.append((Side.BUY, ASK - 1, WALL))

    def watch() -> Watch:
        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> bool | None:
            if isinstance(message, ExecutionReport):
                return None
            lots = lots_at(message.bids, price)
            return None if lots == orders else lots > orders

        return see

    found = play(flow, ours, watch, episodes=EPISODES, label=f"step {at} {orders}")
    return {"p_next_change_is_growth": share(tools, found)}


def time_averages(golden: "Golden", tools: "Tools") -> "Computed":
    """How long a bid queue below a wall of ours has which length, over a long time."""
    at = golden.inputs["ticks_from_opposite"]
    price = ASK - at
    flow = flow_of(table_of(golden), at, {})
    ours = [(Side.SELL, ASK, WALL), *([(Side.BUY, ASK - 1, WALL)] if at > 1 else [])]
    end_ns = (BATCHES + 1) * BATCH_MINUTES * MINUTE
    spent = np.zeros((BATCHES + 1, LONGEST))

    def watch() -> Watch:
        last_ns, orders = 0, 0

        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> bool | None:
            nonlocal last_ns, orders
            if isinstance(message, ExecutionReport):
                return None
            while last_ns < now_ns:
                batch = last_ns // (BATCH_MINUTES * MINUTE)
                until = min(now_ns, (batch + 1) * BATCH_MINUTES * MINUTE)
                spent[batch, orders] += until - last_ns
                last_ns = until
            orders = lots_at(message.bids, price)
            return True if now_ns >= end_ns else None

        return see

    play(flow, ours, watch, episodes=1, label="queue", end_ns=end_ns)
    shares = spent[1:] / spent[1:].sum(axis=1, keepdims=True)  # the first: from empty

    def averaged(batches: Any) -> Any:
        values = [float(value) for value in batches]
        error = stdev(values) / sqrt(len(values))
        return tools.estimate(fmean(values), replications=len(values), seed=SEED, error=error)

    return {
        "p_queue_orders_0_to_9": [averaged(shares[:, n]) for n in range(10)],
        "mean_queue_orders": averaged(shares @ np.arange(LONGEST)),
    }


def waiting_times(golden: "Golden", tools: "Tools") -> "Computed":
    """When an order of ours trades that is b-th below a wall of ours."""
    b = golden.inputs["own_position"]
    flow = flow_of(table_of(golden), 1, {"bids": [[text(ASK - 1), b - 1]]} if b > 1 else {})

    def watch() -> Watch:
        def see(message: BookSnapshot | ExecutionReport, now_ns: int) -> float | None:
            filled = isinstance(message, ExecutionReport) and message.side is Side.BUY
            return now_ns / MINUTE if filled else None

        return see

    ours = [(Side.SELL, ASK, WALL), (Side.BUY, ASK - 1, 1)]
    times = play(flow, ours, watch, episodes=EPISODES, label=f"wait {b}")
    mean, sd = fmean(times), stdev(times)
    fourth = fmean((one - mean) ** 4 for one in times)
    sd_error = sqrt((fourth - sd**4) / len(times)) / (2 * sd)

    def estimate(value: float, error: float) -> Any:
        return tools.estimate(value, replications=len(times), seed=SEED, error=error)

    return {
        "mean_time_to_fill_minutes": estimate(mean, sd / sqrt(len(times))),
        "sd_time_to_fill_minutes": estimate(sd, sd_error),
    }


KINDS: Final[dict[str, list["Compute"]]] = {
    "cst_mid_up": [mid_up_solved, mid_up_played],
    "cst_fill_before_move": [fill_solved, fill_played],
    "cst_first_fill": [first_fill_solved, first_fill_played],
    "cst_queue_laws": [laws_solved, laws_played],
}
CHECKS: Final[dict["Compute", frozenset[str]]] = {
    mid_up_played: frozenset({"p_mid_up"}),
    fill_played: frozenset({"p_fill_before_mid_moves"}),
}


def slow(compute: "Compute", golden: "Golden") -> bool:
    return compute in {mid_up_played, fill_played, first_fill_played, laws_played}
