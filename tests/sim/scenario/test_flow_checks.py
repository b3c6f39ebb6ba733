from pathlib import Path

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario

FLOW = '{kind: poisson, rate: 100, centre: "100.00"}'


def problems(*sets: str) -> list[str]:
    with pytest.raises(ScenarioError) as error:
        load_scenario("fragmented", sets=sets)
    return [f"{problem.path}: {problem.message}" for problem in error.value.problems]


def test_flow_that_would_rest_at_a_maker_is_refused() -> None:
    found = problems(f"venues[MM].flow=[{FLOW}]")
    assert found == ["venues[MM].flow[0]: has orders that may rest, which a maker venue refuses"]


def test_minimum_quantities_go_to_dark_and_lit_venues_alone() -> None:
    flow = "{kind: scripted, orders: [{at: 1ms, id: a, side: buy, qty: 5, min_qty: 5}]}"
    for venue in ("DARK_A", "NYSE"):
        loaded = load_scenario("fragmented", sets=[f"venues[{venue}].flow=[{flow}]"])
        flows = [one for entry in loaded.scenario.venues for one in entry.flow]
        assert [one.states_min_qty for one in flows] == [True]
    assert problems(f"venues[MM].flow=[{flow}]") == [
        "venues[MM].flow[0]: states minimum quantities, which a maker venue refuses"
    ]
    more = flow.replace("min_qty: 5", "min_qty: 6")
    (found,) = problems(f"venues[DARK_A].flow=[{more}]")
    assert found.endswith("min_qty: must be at most qty, 5")


@pytest.mark.parametrize(
    "order",
    [
        "type: market_to_limit, tif: IOC",
        'type: stop, stop_price: "100.00", tif: IOC',
        'price: "100.00", tif: IOC, hidden: true',
        "all_or_none: true, tif: IOC",
    ],
)
def test_special_orders_go_to_lit_venues_alone(order: str) -> None:
    flow = f"{{kind: scripted, orders: [{{at: 1ms, id: a, side: buy, qty: 5, {order}}}]}}"
    loaded = load_scenario("fragmented", sets=[f"venues[NYSE].flow=[{flow}]"])
    assert [one.special for entry in loaded.scenario.venues for one in entry.flow] == [True]
    for venue, kind in (("DARK_A", "dark"), ("MM", "maker")):
        assert problems(f"venues[{venue}].flow=[{flow}]") == [
            f"venues[{venue}].flow[0]: has orders of types that a {kind} venue refuses"
        ]


def test_D07_flow_is_held_against_the_venues_own_tick() -> None:
    found = problems(
        'venues[NYSE].tick_size="0.05"',
        "venues[NYSE].book={}",
        'venues[NYSE].flow=[{kind: poisson, rate: 100, centre: "100.01"}]',
    )
    assert len(found) == 1
    assert found[0].startswith("venues[NYSE].flow[0].centre: must be a whole multiple")


def test_flow_that_only_takes_may_go_to_a_maker() -> None:
    flow = (
        '{kind: scripted, orders: [{at: 1ms, id: a, side: buy, qty: 5, price: "100.05", tif: IOC}]}'
    )
    loaded = load_scenario("fragmented", sets=[f"venues[MM].flow=[{flow}]"])
    assert len(loaded.scenario.venues[4].flow) == 1


def test_hashes_of_the_files_that_a_scenario_names_are_known() -> None:
    hashes = load_scenario("three_real_books").file_hashes()
    assert len(hashes) == 6
    assert all(
        len(digest) == 64 and not Path(name).is_absolute() for name, digest in hashes.items()
    )


BOOK_FLOW = (
    '{kind: zero_intelligence, per: 1s, centre: "100.00", '
    "limit: 1, market: 1, cancel: 1, levels: 5}"
)


def test_flow_that_looks_at_the_book_goes_to_lit_venues_alone() -> None:
    assert problems(f"venues[DARK_A].flow=[{BOOK_FLOW}]") == [
        "venues[DARK_A].flow[0]: looks at the book, which flow cannot do at a dark venue"
    ]
    processing = "{time: {model: fixed, delay: 1us}, queue: 10}"
    assert problems(
        f"venues[NYSE].flow=[{BOOK_FLOW}]", f"venues[NYSE].processing={processing}"
    ) == [
        "venues[NYSE].flow[0]: looks at the book at once: the venue must not have a processing time"
    ]


def test_D07_an_opening_is_held_against_the_venues_own_tick() -> None:
    opening = 'opening: {bids: [["99.97", 1]], asks: [["99.95", 2]]}'
    found = problems(
        'venues[NYSE].tick_size="0.05"',
        "venues[NYSE].book={}",
        f"venues[NYSE].flow=[{BOOK_FLOW[:-1]}, {opening}}}]",
    )
    assert [text.partition(": ")[0] for text in found] == [
        "venues[NYSE].flow[0].opening.bids[0][0]"
    ] * 2
    assert "below the lowest ask" in found[0]
    assert "whole multiple" in found[1]
