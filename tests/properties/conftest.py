"""Draws small random worlds, and runs them with every venue checking itself after each message."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import strategies as st

import sim.wiring
from venues.core.api import VenueCore
from venues.task import run_venue

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
MID = 10_000  # ticks
DURATION_MS = 800


class Checked:
    """A venue's core that walks its invariants after each message."""

    def __init__(self, core: VenueCore) -> None:
        self._core = core

    def handle(self, msg: Any, now_ns: Any) -> Any:
        reports = self._core.handle(msg, now_ns)
        self._core.check()
        return reports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


async def run_checked_venue(venue_id: str, core: Any, *args: Any, **more: Any) -> NoReturn:
    await run_venue(venue_id, Checked(core), *args, **more)


@pytest.fixture(scope="session")
def run_checked(
    run_data: Callable[..., "Ran"], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Data], "Ran"]:
    """``run_checked(world)``: run a drawn world, after writing the recordings that it names."""
    folder = tmp_path_factory.mktemp("worlds")

    def run(world: Data) -> "Ran":
        for name, text in world["recordings"].items():
            Path(folder, name).write_text(text, encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sim.wiring, "run_venue", run_checked_venue)
            return run_data(world["scenario"], beside=folder)

    return run


def ms(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map("{}ms".format)


def px(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


legs = st.one_of(
    st.builds(lambda delay: {"model": "fixed", "delay": delay}, ms(0, 20)),
    st.builds(
        lambda median, sigma: {"model": "lognormal", "median": median, "sigma": sigma},
        ms(1, 15),
        st.floats(0.1, 1.5),
    ),
    st.builds(
        lambda shift, mean: {"model": "shifted_exponential", "shift": shift, "mean": mean},
        ms(0, 5),
        ms(1, 20),
    ),
)
fees = st.builds(
    lambda taker, maker, unit: {"taker": taker, "maker": maker, "unit": unit},
    st.sampled_from(["0", "0.003", "-0.002", "1.5"]),
    st.sampled_from(["0", "-0.001"]),
    st.sampled_from(["per_share", "bps"]),
)


@st.composite
def side_levels(draw: st.DrawFn, sign: int, tick: int, lot: int) -> list[tuple[int, int]]:
    """Levels of one side as (ticks, lots): ``sign`` 1 for asks above the middle, -1 for bids."""
    steps = draw(st.lists(st.integers(1, 8), max_size=5, unique=True))
    return [
        (MID + sign * tick * step, lot * draw(st.integers(1, 60 // lot))) for step in sorted(steps)
    ]


@st.composite
def hours(draw: st.DrawFn, kind: str) -> Data:
    """Up to two halts, perhaps a late open and an early close."""
    times = sorted(draw(st.sets(st.integers(1, 600), min_size=2, max_size=5)))
    pairs = zip(times[::2], times[1::2], strict=False)  # an odd time begins no halt
    halts = [{"at": f"{a}ms", "until": f"{b}ms"} for a, b in pairs]
    trading: Data = {"halts": halts}
    if draw(st.booleans()):
        trading["open"] = f"{draw(st.integers(0, times[0]))}ms"
    if draw(st.booleans()):
        trading["close"] = f"{times[-1] + draw(st.integers(1, 200))}ms"
    if kind != "replayed":
        trading["on_halt"] = draw(st.sampled_from(["keep", "cancel"]))
        trading["on_close"] = draw(st.sampled_from(["expire_day", "expire_all"]))
    return trading


@st.composite
def venues(draw: st.DrawFn, venue_id: str) -> tuple[Data, str]:
    """One venue, and the text of its recording if it replays one."""
    kind = draw(st.sampled_from(["lit", "lit", "dark", "maker", "replayed"]))
    tick, lot = draw(st.sampled_from([1, 1, 5])), draw(st.sampled_from([1, 1, 5]))
    asks, bids = draw(side_levels(1, tick, lot)), draw(side_levels(-1, tick, lot))
    venue: Data = {
        "id": venue_id,
        "kind": kind,
        "latency": {leg: draw(legs) for leg in ("order", "report", "feed")},
        "fees": draw(fees),
        "tick_size": px(tick),
        "lot_size": lot,
        "fill_risk": draw(st.sampled_from(["0", "0.25", "0.999"])),
        "impact": draw(st.sampled_from(["0", "0.02", "0.005"])),
        "depth": 40,  # so that book_at_arrival holds all that there is
    }
    book = {
        "asks": [[px(price), qty] for price, qty in asks],
        "bids": [[px(price), qty] for price, qty in bids],
    }
    text = ""
    if kind == "maker":
        venue["quote"] = {"ask": [px(MID + 2 * tick), 30], "bid": [px(MID - 2 * tick), 30]}
        if draw(st.booleans()):
            shift = px(draw(st.integers(0, 2)) * tick)
            venue["refresh"] = {"delay": draw(ms(1, 60)), "shift": shift}
    elif kind == "replayed":
        venue["file"] = f"{venue_id}.l2.csv"
        text = draw(recordings(asks, bids, tick, lot))
    else:
        venue["book"] = book
    if kind == "dark":
        venue["indications"] = draw(st.booleans())
        venue["indication_factor"] = draw(st.sampled_from(["1", "0.5", "3"]))
        model = draw(st.sampled_from(["full", "scripted", "fraction", "random"]))
        if model == "scripted" and asks:
            price, qty = asks[0]
            there = draw(st.integers(0, qty // lot)) * lot
            venue["fill"] = {"model": "scripted", "at": [[px(price), there]]}
        elif model == "fraction":
            venue["fill"] = {"model": "fraction", "share": f"0.{draw(st.integers(0, 99)):02d}"}
        elif model == "random":
            venue["fill"] = {"model": "random", "low": f"0.{draw(st.integers(0, 99)):02d}"}
        if draw(st.booleans()):
            venue["min_qty"] = draw(st.integers(1, 3)) * lot
    if draw(st.integers(0, 3)) == 0:
        venue["throttle"] = {"messages": draw(st.integers(1, 5)), "per": draw(ms(1, 100))}
    if draw(st.integers(0, 3)) == 0:
        venue["max_order_qty"] = draw(st.integers(1, 30)) * lot
    if draw(st.integers(0, 3)) == 0:
        venue["price_band"] = px(draw(st.integers(1, 6)))
    if draw(st.integers(0, 3)) == 0:
        venue["trading"] = draw(hours(kind))
    if draw(st.booleans()):
        rests = kind in {"lit", "dark"}
        venue["flow"] = [
            {
                "kind": "poisson",
                "rate": draw(st.integers(20, 300)),
                "centre": px(MID),
                "levels": draw(st.integers(2, 8)),
                "lots": draw(st.integers(1, 30)),
                "take": 0.2 if rests else 1.0,
                "cancel": 0.3 if rests else 0.0,
            }
        ]
    return venue, text


@st.composite
def recordings(
    draw: st.DrawFn,
    asks: list[tuple[int, int]],
    bids: list[tuple[int, int]],
    tick: int,
    lot: int,
) -> str:
    """A recording on its venue's grid: a book, then changes of its sizes and shifts of prices."""
    rows = ["t_ns,event,side,price,qty"]
    rows += [f"0,level,ask,{px(price)},{qty}" for price, qty in asks]
    rows += [f"0,level,bid,{px(price)},{qty}" for price, qty in bids]
    levels = [("ask", price) for price, _ in asks] + [("bid", price) for price, _ in bids]
    for n in range(1, draw(st.integers(1, 20))):
        t_ns = n * 30_000_000
        if draw(st.booleans()) and levels:
            side, price = draw(st.sampled_from(levels))
            rows.append(f"{t_ns},level,{side},{px(price)},{draw(st.integers(0, 60 // lot)) * lot}")
        else:
            shift = draw(st.integers(-3, 3)) * tick / 100
            rows += [f"{t_ns},shift,{side},{shift:.2f}," for side in ("ask", "bid")]
    return "\n".join(rows) + "\n"


@st.composite
def parents(draw: st.DrawFn, name: str) -> Data:
    side = draw(st.sampled_from(["buy", "sell", "sell_short"]))
    at = draw(st.integers(0, 400))
    parent: Data = {"id": name, "side": side, "qty": draw(st.integers(1, 250)), "at": f"{at}ms"}
    if draw(st.booleans()):
        away = draw(st.integers(-2, 20))
        parent["limit"] = px(MID + away if side == "buy" else MID - away)
    if draw(st.booleans()):
        parent["deadline"] = f"{at + draw(st.integers(1, 350))}ms"
    return parent


@st.composite
def worlds(draw: st.DrawFn) -> Data:
    """``{"scenario": plain data, "recordings": {file name: text}}``."""
    drawn = [draw(venues(name)) for name in "ABCD"[: draw(st.integers(2, 4))]]
    kinds = st.sampled_from(["greedy", "top_of_book", "min_impact", "min_risk", "single_venue"])
    strategy: Data = {"kind": draw(kinds)}
    if strategy["kind"] == "single_venue":
        strategy["venue"] = "B"
    reroute = {
        "levels": draw(st.sampled_from(["top", "all"])),
        "venues": draw(st.sampled_from(["all", "others"])),
        "fresh_quote": draw(st.booleans()),
        "prefer": draw(st.sampled_from(["strategy", "dark"])),
    }
    ties = ["price", "latency", "id"], ["price", "visibility", "latency", "id"]
    scenario = {
        "schema_version": 1,
        "name": "drawn",
        "seed": draw(st.integers(0, 2**63 - 1)),
        "duration": f"{DURATION_MS}ms",
        "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
        "venues": [venue for venue, _ in drawn],
        "router": {
            "strategy": strategy,
            "ack_timeout": draw(st.sampled_from(["4ms", "15ms", "1s"])),
            "cancel_resends": 1_000,  # slow venues are waited for, not given up
            "reroute": reroute,
            "blind": draw(st.sampled_from([None, {}, {"fraction": "0.4"}])),
            "tie": draw(st.sampled_from(ties)),
            "max_attempts": draw(st.integers(1, 40)),
            "sending": draw(
                st.sampled_from(
                    [
                        {},
                        {"protect": True},
                        {"mode": "sequential"},
                        {"mode": "latency_equalised", "max_wait": "8ms"},
                    ]
                )
            ),
        },
        "parents": [draw(parents(f"P{n}")) for n in range(draw(st.integers(1, 3)))],
        "audit": {"market_data": "full"},
    }
    texts = {venue["file"]: text for venue, text in drawn if text}
    return {"scenario": scenario, "recordings": texts}


@pytest.fixture(scope="session")
def any_world() -> st.SearchStrategy[Data]:
    """Small random worlds."""
    return worlds()
