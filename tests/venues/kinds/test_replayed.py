"""Kind replayed: the recording's opening book, what drives it later, and what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import RecordedGroup
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.protocol.units import TimeNs, Units
from venues.config import VenueConfig
from venues.core.api import VenueCore
from venues.kinds.replayed import ReplayedVenue

MakeConfig = Callable[..., VenueConfig]
MakeOrder = Callable[..., NewOrderSingle]
Serve = Callable[..., Any]

RECORDING = """\
t_ns,event,side,price,qty
0,clear,,,
0,level,bid,99.98,200
0,level,ask,100.02,400
0,trade,buy,100.02,3
1000,level,ask,100.01,50
2000,shift,ask,0.05,
2000,trade,sell,99.98,7
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], None]:
    """Put a recording where the venue looks for it."""

    def put(text: str) -> None:
        (tmp_path / "v.l2.csv").write_text(text, encoding="utf-8")

    return put


@pytest.fixture
def open_venue(
    make_config: MakeConfig, units: Units, tmp_path: Path
) -> Callable[..., tuple[VenueCore, list[tuple[int, RecordedGroup]]]]:
    """The core at the start, and all that drives it later."""

    def build(**settings: Any) -> tuple[VenueCore, list[tuple[int, RecordedGroup]]]:
        config = make_config("replayed", file="v.l2.csv", **settings)
        assert config.problems(units) == []
        source = config.source(units, tmp_path.joinpath)
        assert source is not None
        return config.build(units, tmp_path.joinpath), list(source)

    return build


def test_state_at_time_zero_is_the_opening_book(
    write: Callable[[str], None], open_venue: Callable[..., Any]
) -> None:
    write(RECORDING)
    core, later = open_venue()
    assert core.published(10) == (((9_998, 200),), ((10_002, 400),))
    assert (core.last_px, core.volume) == (10_002, 3)
    assert [t_ns for t_ns, _ in later] == [1000, 2000]
    for t_ns, group in later:
        assert core.handle(group, TimeNs(t_ns)) == []
    assert core.published(10) == (((9_998, 200),), ((10_006, 50), (10_007, 400)))
    assert core.volume == 10
    core.check()


def test_recording_that_starts_later_opens_empty(
    write: Callable[[str], None], open_venue: Callable[..., Any]
) -> None:
    write("t_ns,event,side,price,qty\n5,level,ask,100.02,1\n")
    core, later = open_venue()
    assert core.published(10) == ((), ())
    assert [t_ns for t_ns, _ in later] == [5]


def test_kinds_without_a_recording_have_no_source(
    make_config: MakeConfig, units: Units, tmp_path: Path
) -> None:
    assert make_config("lit").source(units, tmp_path.joinpath) is None


def test_missing_or_wrong_recording_is_named(
    make_config: MakeConfig, units: Units, tmp_path: Path, write: Callable[[str], None]
) -> None:
    config = make_config("replayed", file="v.l2.csv")
    with pytest.raises(DataFormatError, match=r"v\.l2\.csv: cannot be read"):
        config.build(units, tmp_path.joinpath)
    write("t_ns,event,side,price,qty\n0,level,ask,100.021,1\n")
    with pytest.raises(DataFormatError, match=r"v\.l2\.csv:2: .*100\.021"):
        config.build(units, tmp_path.joinpath)


async def test_orders_meet_the_book_of_their_instant(
    write: Callable[[str], None],
    open_venue: Callable[..., Any],
    order: MakeOrder,
    serve: Serve,
) -> None:
    write(RECORDING)
    core, later = open_venue()
    orders = [
        (500, order("buy", 100, 10_002)),
        (1500, order("buy", 100, 10_002)),
        (2500, order("buy", 400, 10_007)),
    ]
    heard = await serve(core, sorted(later + orders, key=lambda pair: pair[0]))
    got = [
        (r.transact_ns, r.last_px, r.last_qty)
        for r in heard.reports
        if isinstance(r, ExecutionReport) and r.last_px is not None
    ]
    assert got == [
        (500, 10_002, 100),
        (1500, 10_001, 50),
        (1500, 10_002, 50),
        (2500, 10_007, 250),
    ]
    assert [(s.published_ns, s.asks) for s in heard.feed] == [
        (500, ((10_002, 300),)),
        (1000, ((10_001, 50), (10_002, 300))),
        (1500, ((10_002, 250),)),
        (2000, ((10_007, 250),)),
        (2500, ()),
    ]
    assert heard.feed[-1].volume == 3 + 7 + 450


# ---------------------------------------------------------------- neutral events

EVENTS = """\
t_ns,venue,event,side,price,qty,order_id
5000,A,add,bid,99.98,200,1
5000,A,add,ask,100.02,400,2
6000,A,execute,bid,99.98,150,1
7000,A,add,bid,99.98,70,3
8000,A,execute,bid,99.98,50,1
8000,A,execute,bid,99.98,40,3
"""


async def test_recorded_orders_hit_ours_when_it_is_their_turn(
    make_config: MakeConfig, units: Units, tmp_path: Path, order: MakeOrder, serve: Serve
) -> None:
    (tmp_path / "v.events.csv").write_text(EVENTS, encoding="utf-8")
    config = make_config("replayed", file="v.events.csv")
    core = config.build(units, tmp_path.joinpath)
    assert core.published(10) == (((9_998, 200),), ((10_002, 400),))
    source = config.source(units, tmp_path.joinpath)
    assert source is not None
    ours = (500, order("buy", 30, 9_998, tif="GTC"))
    heard = await serve(core, sorted([*source, ours], key=lambda pair: pair[0]))
    got = [
        (r.transact_ns, r.last_px, r.last_qty, r.is_maker)
        for r in heard.reports
        if isinstance(r, ExecutionReport) and r.last_px is not None
    ]
    assert got == [(3000, 9_998, 30, True)]


def test_levels_among_the_events_get_an_estimator(
    make_config: MakeConfig, units: Units, tmp_path: Path
) -> None:
    text = "t_ns,venue,event,side,price,qty,order_id\n1,A,level,bid,99.98,200,\n"
    path = tmp_path / "v.events.csv"
    path.write_text(text, encoding="utf-8")
    named = make_config("replayed", file=path.name, queue={"model": "power", "exponent": 3})
    assert isinstance(named, ReplayedVenue)
    named.check_file(path, units)
    places = [
        getattr(config.build(units, tmp_path.joinpath), "place", None)
        for config in (named, make_config("replayed", file=path.name))
    ]
    assert places == ["power", "risk_averse"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queue": {"model": "optimistic"}}, "places are known"),
        ({"source_venue": "B"}, "no venue 'B'"),
    ],
)
def test_settings_that_do_not_fit_the_file_are_refused(
    make_config: MakeConfig, units: Units, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    path = tmp_path / "v.events.csv"
    path.write_text(EVENTS, encoding="utf-8")
    config = make_config("replayed", file=path.name, **settings)
    assert isinstance(config, ReplayedVenue)
    with pytest.raises(DataFormatError, match=message):
        config.check_file(path, units)


def test_level_data_of_our_own_format_has_no_venues(
    make_config: MakeConfig, units: Units, tmp_path: Path, write: Callable[[str], None]
) -> None:
    write(RECORDING)
    config = make_config("replayed", file="v.l2.csv", source_venue="A")
    assert isinstance(config, ReplayedVenue)
    with pytest.raises(DataFormatError, match="source_venue must be left out"):
        config.check_file(tmp_path / "v.l2.csv", units)


def test_level_data_may_start_later(
    write: Callable[[str], None], open_venue: Callable[..., Any]
) -> None:
    write(RECORDING)
    core, later = open_venue(starts_at_ns=1500)
    assert core.published(10) == (((9_998, 200),), ((10_001, 50), (10_002, 400)))
    assert [t_ns for t_ns, _ in later] == [500]


@pytest.mark.parametrize("start", [2000, 10**15])
def test_start_behind_all_that_is_recorded_is_refused(
    make_config: MakeConfig,
    units: Units,
    tmp_path: Path,
    write: Callable[[str], None],
    start: int,
) -> None:
    write(RECORDING)
    config = make_config("replayed", file="v.l2.csv", starts_at_ns=start)
    assert isinstance(config, ReplayedVenue)
    with pytest.raises(DataFormatError, match=f"nothing after starts_at_ns, {start}"):
        config.check_file(tmp_path / "v.l2.csv", units)
