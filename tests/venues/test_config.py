"""What a venue's entry may say: places of problems, own grids, files, and the way back to text."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from sim.protocol.units import UnitError, Units
from venues.config import Grid, VenueConfig, Visibility
from venues.kinds import VENUE_KINDS, Venue
from venues.rules import Found

MakeConfig = Callable[..., VenueConfig]

BOOK = {"asks": [["100.02", 400], ["100.03", 300]], "bids": [["99.98", 200]]}
SETTINGS: dict[str, dict[str, Any]] = {
    "lit": {"book": BOOK},
    "dark": {"book": BOOK, "fill": {"model": "scripted", "at": [["100.02", 0]]}},
    "maker": {"quote": {"bid": ["99.98", 200], "ask": ["100.02", 400]}},
    "replayed": {"file": "spot.l2.csv"},
    "auction": {"book": BOOK, "every": "10ms"},
    "rfq": {"spread": {"half": "0.01"}, "sizes": [100, 500]},
    "wholesaler": {"improvement": "0.25"},
    "broker": {"spread": {"half": "0.01"}, "delay": "5ms"},
}


def name_of(kind: type[VenueConfig]) -> str:
    return str(get_args(kind.model_fields["kind"].annotation)[0])


def paths(found: list[Found]) -> list[str]:
    return [".".join(map(str, path)) for path, _ in found]


@pytest.mark.parametrize("kind", VENUE_KINDS, ids=name_of)
def test_every_kind_is_named_sorted_and_goes_back_to_the_same_text(
    kind: type[VenueConfig], make_config: MakeConfig, units: Units
) -> None:
    name = name_of(kind)
    config = make_config(name, **SETTINGS[name])
    assert type(config) is kind
    assert config.visibility in get_args(Visibility)
    assert config.problems(units) == []
    adapter: TypeAdapter[VenueConfig] = TypeAdapter(Venue)
    text = config.model_dump_json()
    again = adapter.validate_python(config.model_dump(mode="json"))
    assert again == config
    assert again.model_dump_json() == text


@pytest.mark.parametrize("kind", ["lit", "dark"])
def test_book_problems_are_all_found_and_placed(
    kind: str, make_config: MakeConfig, units: Units
) -> None:
    asks = [["100.02", 4], ["100.025", 3], ["100.03", "0.5"], ["100.020", 1]]
    bids = [["99.98", 2], ["100.02", 1], ["100.50", 1]]
    config = make_config(kind, book={"asks": asks, "bids": bids})
    assert sorted(config.problems(units), key=str) == [
        (("book", "asks", 1, 0), "must be a whole multiple of the tick size 0.01, was 100.025"),
        (("book", "asks", 2, 1), "must be a whole multiple of the lot size 1, was 0.5"),
        (("book", "asks", 3, 0), "the price 100.02 is already at asks[0]"),
        (("book", "bids", 1, 0), "a bid must be below the lowest ask 100.02, was 100.02"),
        (("book", "bids", 2, 0), "a bid must be below the lowest ask 100.02, was 100.5"),
    ]


def test_script_problems_are_all_found_and_placed(make_config: MakeConfig, units: Units) -> None:
    script = [["100.02", 401], ["100.01", 1], ["100.03", "0.5"], ["99.98", 0], ["99.98", 1]]
    config = make_config("dark", book=BOOK, fill={"model": "scripted", "at": script})
    assert sorted(config.problems(units), key=str) == [
        (("fill", "at", 0, 1), "must be at most 400, the book's, was 401"),
        (("fill", "at", 1, 0), "no level of this venue's book has the price 100.01"),
        (("fill", "at", 2, 1), "must be a whole multiple of the lot size 1, was 0.5"),
        (("fill", "at", 4, 0), "the price 99.98 is already at at[3]"),
    ]


def test_quote_problems_are_all_found_and_placed(make_config: MakeConfig, units: Units) -> None:
    quote = {"bid": ["100.025", 1], "ask": ["100.02", "1.5"]}
    assert paths(make_config("maker", quote=quote).problems(units)) == [
        "quote.bid.0",
        "quote.ask.1",
        "quote.bid.0",
    ]


def test_tiers_of_a_quote_must_get_worse(make_config: MakeConfig, units: Units) -> None:
    quote = {
        "bid": ["99.98", 1],
        "more_bids": [["99.97", 1], ["99.97", 1], ["99.99", "0.5"]],
        "ask": ["100.02", 1],
        "more_asks": [["100.02", 1], ["100.03", 1], ["100.035", 1]],
    }
    assert make_config("maker", quote=quote).problems(units) == [
        (("quote", "more_bids", 1, 0), "must be below 99.97, was 99.97"),
        (("quote", "more_bids", 2, 1), "must be a whole multiple of the lot size 1, was 0.5"),
        (("quote", "more_bids", 2, 0), "must be below 99.97, was 99.99"),
        (("quote", "more_asks", 0, 0), "must be above 100.02, was 100.02"),
        (
            ("quote", "more_asks", 2, 0),
            "must be a whole multiple of the tick size 0.01, was 100.035",
        ),
    ]


def test_own_grid_holds_for_the_book(make_config: MakeConfig, units: Units) -> None:
    config = make_config("lit", tick_size="0.02", lot_size=100, book=BOOK)
    assert config.problems(units) == [
        (("book", "asks", 1, 0), "must be a whole multiple of the tick size 0.02, was 100.03")
    ]
    grid = config.grid(units)
    assert (grid.tick, grid.lot) == (2, 100)
    assert grid.level((Decimal("100.02"), Decimal(400))) == (10_002, 400)
    with pytest.raises(UnitError, match="lot size 100, was 450"):
        grid.qty(Decimal(450))


def test_own_grid_must_fit_the_instruments(make_config: MakeConfig, units: Units) -> None:
    config = make_config("lit", tick_size="0.015", lot_size="0.5", book=BOOK)
    assert paths(config.problems(units)) == ["tick_size", "lot_size"]
    with pytest.raises(UnitError, match=r"tick size 0.01, was 0.015"):
        Grid(units, Decimal("0.015"))


def test_numbers_beyond_all_bounds_are_placed_too(make_config: MakeConfig, units: Units) -> None:
    asks = [["9" * 40, 1], ["100.02", "9" * 40]]
    config = make_config("lit", tick_size="1" + "0" * 10, book={"asks": asks})
    assert paths(config.problems(units)) == ["book.asks.0.0", "book.asks.1.0", "book.asks.1.1"]


def test_files_of_legs_and_recording_are_named(make_config: MakeConfig) -> None:
    assert make_config("lit").files() == ()
    fixed = {"model": "fixed", "delay": "1ms"}
    measured = {"model": "empirical", "file": "rtt.csv", "fraction": 0.5}
    legs = {"order": measured, "report": fixed, "feed": fixed}
    config = make_config("replayed", file="spot.l2.csv", latency=legs)
    assert config.files() == ("rtt.csv", "spot.l2.csv")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("lit", {"depth": 4}),
        ("lit", {"depth": 1001}),
        ("lit", {"tick_size": 0}),
        ("lit", {"id": "9"}),
        ("lit", {"quote": {}}),
        ("lit", {"book": {"asks": [["100.02", 0]]}}),
        ("lit", {"book": {"asks": [["100.02"]]}}),
        ("lit", {"book": {"asks": [[100.02, 1]]}}),
        ("dark", {"indication_factor": 0}),
        ("dark", {"fill": {"model": "scripted", "at": []}}),
        ("dark", {"fill": {"model": "scripted", "at": [["100.02", -1]]}}),
        ("maker", {}),
        ("maker", {"quote": {}}),
        ("maker", {"quote": {"bid": None, "ask": None}}),
        ("maker", {"quote": {"bid": ["99.98", 1], "more_asks": [["100.02", 1]]}}),
        ("replayed", {}),
        ("replayed", {"file": ""}),
    ],
)
def test_wrong_values_are_refused(
    kind: str, settings: dict[str, Any], make_config: MakeConfig
) -> None:
    with pytest.raises(ValidationError):
        make_config(kind, **settings)
