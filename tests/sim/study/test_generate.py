"""A market without router and parents, as a file that a replay plays back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.data.events import Event
from sim.data.neutral import read_events
from sim.scenario.load import load_scenario
from sim.study.generate import generate_market

Data = dict[str, Any]
FLOW: Data = {
    "kind": "cont_stoikov_talreja",
    "per": "1s",
    "centre": "100.00",
    "limits": [18.5, 15.1, 10.9, 8.8, 7.7],
    "cancels": [7.1, 8.1, 6.8, 5.6, 4.7],
    "market_per_side": 9.4,
    "warm_up": "1s",
    "size": {"law": "geometric", "mean": 2.0},
}


@pytest.fixture
def scenario(market: Any, lit: Any) -> Callable[..., Data]:
    """Two venues with flow, and whatever is given."""

    def make(**more: Any) -> Data:
        venues = [lit("A", ms=1, flow=[FLOW], depth=50), lit("B", ms=1, flow=[FLOW])]
        made: Data = market(venues, duration="3s", **more)
        return made

    return make


def book_of(path: Path, venue: str) -> dict[tuple[int, int], list[int]]:
    """Open quantities by side and price, in the order of the line, at the end of a file."""
    reader = read_events(path)
    orders: dict[int, list[int]] = {}
    levels: dict[tuple[int, int], list[int]] = {}
    for block in reader.blocks():
        columns = (block.venue, block.event, block.side, block.price, block.qty, block.order_id)
        for number, event, side, price, qty, order_id in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            if reader.venues[number] != venue:
                continue
            if event == Event.ADD:
                orders[order_id] = [side, price, qty]
            elif event == Event.DELETE:
                del orders[order_id]
            elif event == Event.EXECUTE:
                orders[order_id][2] -= qty
                if not orders[order_id][2]:
                    del orders[order_id]
            elif event == Event.LEVEL:
                levels[side, price] = [qty]
                if not qty:
                    del levels[side, price]
    for side, price, qty in orders.values():
        levels.setdefault((side, price), []).append(qty)
    return levels


@pytest.mark.parametrize("name", ["m.events.csv", "m.events.csv.gz", "m.events.parquet"])
def test_every_format_holds_the_same_market(
    load_data: Any, scenario: Callable[..., Data], tmp_path: Path, name: str
) -> None:
    loaded = load_data(scenario())
    made = generate_market(loaded, tmp_path / name)
    again = generate_market(loaded, tmp_path / "other.events.csv")
    assert made.rows == again.rows == sum(made.venues.values()) == sum(made.events.values()) > 500
    for venue in ("A", "B"):
        expected = book_of(tmp_path / "other.events.csv", venue)
        assert book_of(tmp_path / name, venue) == expected


def test_equal_scenarios_give_equal_bytes(
    load_data: Any, scenario: Callable[..., Data], tmp_path: Path
) -> None:
    contents = []
    for n in range(2):
        path = tmp_path / f"{n}.events.csv"
        generate_market(load_data(scenario()), path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_router_and_parents_change_nothing(
    load_data: Any, scenario: Callable[..., Data], tmp_path: Path
) -> None:
    plain, other = tmp_path / "plain.events.csv", tmp_path / "other.events.csv"
    generate_market(load_data(scenario()), plain)
    busy = scenario(qty=5_000, router={"strategy": {"kind": "min_impact"}})
    generate_market(load_data(busy), other)
    assert plain.read_bytes() == other.read_bytes()


def test_a_further_venue_changes_no_draw_of_the_others(
    load_data: Any, scenario: Callable[..., Data], lit: Any, tmp_path: Path
) -> None:
    plain, other = tmp_path / "plain.events.csv", tmp_path / "other.events.csv"
    generate_market(load_data(scenario()), plain)
    more = scenario()
    more["venues"].insert(0, lit("Z", flow=[FLOW]))
    generate_market(load_data(more), other)
    kept = [line for line in other.read_text().splitlines() if ",Z," not in line]
    assert kept == plain.read_text().splitlines()


def test_a_replay_of_the_file_has_the_same_book(
    load_data: Any, scenario: Callable[..., Data], market: Any, lit: Any, tmp_path: Path
) -> None:
    """Generated order by order, replayed as a recorded venue, and compared level by level."""
    path = tmp_path / "m.events.csv"
    generate_market(load_data(scenario()), path)
    replayed = lit("R", ms=1, depth=50)
    del replayed["book"]
    replayed |= {"kind": "replayed", "file": path.name, "source_venue": "A", "starts_at_ns": 0}
    data = market([replayed], duration="3s")
    generate_market(load_data(data, beside=tmp_path), tmp_path / "r.events.csv")
    orders = book_of(path, "A")
    assert len(orders) > 5
    assert {at: [sum(line)] for at, line in orders.items()} == book_of(
        tmp_path / "r.events.csv", "R"
    )


def test_venues_of_other_kinds_and_halts_are_told_as_well(
    load_data: Any, market: Any, lit: Any, tmp_path: Path
) -> None:
    taker = {"at": "5ms", "id": "o", "side": "buy", "qty": 5, "price": "100.00", "tif": "IOC"}
    maker = lit("M", ms=1)
    del maker["book"]
    maker |= {"kind": "maker", "quote": {"ask": ["100.00", 20], "bid": ["99.00", 20]}}
    maker["flow"] = [{"kind": "scripted", "orders": [taker]}]
    halted = lit("H", [["101.00", 7]], ms=1)
    halted["trading"] = {"halts": [{"at": "10ms", "until": "20ms"}]}
    path = tmp_path / "m.events.csv"
    made = generate_market(load_data(market([maker, halted], duration="1s")), path)
    assert path.read_text().splitlines()[1:] == [
        "0,M,level,bid,99,20,",
        "0,M,level,ask,100,20,",
        "0,H,add,ask,101,7,1",
        "5000000,M,trade,buy,100,5,",
        "5000000,M,level,ask,100,15,",
        "10000000,H,halt,,,,",
        "20000000,H,resume,,,,",
    ]
    assert made.venues == {"M": 4, "H": 3}


@pytest.mark.slow
def test_participants_trade_while_the_router_is_away(tmp_path: Path) -> None:
    contents = []
    for n in range(2):
        path = tmp_path / f"{n}.events.csv"
        made = generate_market(load_scenario("latency_cost"), path)
        contents.append(path.read_bytes())
        assert made.events["execute"] > 10
        assert min(made.venues.values()) > 100
    assert contents[0] == contents[1]


def test_a_tick_finer_than_the_format_is_refused(
    load_data: Any, market: Any, lit: Any, tmp_path: Path
) -> None:
    data = market([lit("A")], instrument={"symbol": "X", "tick_size": "0.0000000001"})
    with pytest.raises(ValueError, match="more than nine decimals"):
        generate_market(load_data(data), tmp_path / "m.events.csv")
    assert not list(tmp_path.glob("*.events.csv"))
