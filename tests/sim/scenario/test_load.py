"""Loading whole scenarios: what no single value shows, names, files, overrides."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.protocol.errors import DataFormatError, ScenarioError
from sim.scenario.load import find_scenario, load_scenario, resolve_file
from sim.scenario.shipped import shipped_names

SCENARIO = """\
schema_version: 1
name: cross
seed: 1
duration: 2s
instrument: {symbol: ACME, tick_size: "0.01", lot_size: 10}
venues:
  - id: NYSE
    kind: lit
    latency:
      order: {model: fixed, delay: 5ms}
      report: {model: fixed, delay: 5ms}
      feed: {model: empirical, file: rtt.csv, fraction: 0.5}
    book: {asks: [["100.02", 400]], bids: [["99.98", 200]]}
    flow: [{kind: scripted, orders: [{at: 1ms, id: o1, side: buy, qty: 10, price: "99.00"}]}]
  - id: POOL
    kind: replayed
    file: pool.l2.csv
    latency:
      order: {model: fixed, delay: 5ms}
      report: {model: fixed, delay: 5ms}
      feed: {model: fixed, delay: 5ms}
router: {strategy: {kind: single_venue, venue: NYSE}}
parents:
  - {id: P1, side: buy, qty: 100, at: 1s, limit: "100.02", deadline: 1500ms}
  - {id: P2, side: sell_short, qty: 100}
expect: {fill_rate: ">= 0.5"}
"""

Lines = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scenario that is right, beside the files that it names."""
    (tmp_path / "cross.yaml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "rtt.csv").write_text("kind,round_trip_ms\ncreate,2\n", encoding="utf-8")
    pool = "t_ns,event,side,price,qty\n0,level,ask,100.03,10\n"
    (tmp_path / "pool.l2.csv").write_text(pool, encoding="utf-8")
    return tmp_path


@pytest.fixture
def wrong(folder: Path) -> Lines:
    """``wrong((old, new), ...)``: each problem of the scenario with these texts replaced."""

    def problems(*changes: tuple[str, str]) -> list[str]:
        text = SCENARIO
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        path = folder / "wrong.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ScenarioError) as caught:
            load_scenario(path)
        start = f"{path}:"
        assert all(line.startswith(start) for line in str(caught.value).splitlines())
        return [line.removeprefix(start) for line in str(caught.value).splitlines()]

    return problems


def test_the_scenario_without_changes_loads(folder: Path) -> None:
    loaded = load_scenario(folder / "cross.yaml")
    assert [venue.id for venue in loaded.scenario.venues] == ["NYSE", "POOL"]
    assert loaded.text == SCENARIO.encode()
    assert loaded.folder == folder


# ------------------------------------------------------------ between the parts of a scenario


@pytest.mark.parametrize(
    ("old", "new", "at", "path", "said"),
    [
        ("id: POOL", "id: NYSE", "NYSE\n    kind: replayed", "venues[1].id", "venues[0] already"),
        ("id: P2", "id: P1", "P1, side: sell_short", "parents[1].id", "parents[0] already"),
        ("at: 1s, limit", "at: 1500ms, limit", "1500ms}", "parents[P1].deadline", "later than at"),
        ("qty: 100}", "qty: 100, at: 3s}", "3s}", "parents[P2].at", "than the run's duration"),
        ("venue: NYSE", "venue: NYS", "NYS}", "router.strategy.venue", "did you mean 'NYSE'"),
        ("fill_rate", "fil_rate", '">= 0.5"', "expect.fil_rate", "did you mean 'fill_rate'"),
        ('">= 0.5"', '"=> 0.5"', '"=> 0.5"', "expect.fill_rate", "must be one of == != < <= > >="),
        ('">= 0.5"', '">= NaN"', '">= NaN"', "expect.fill_rate", "a plain decimal number"),
        ('"100.02", 4', '"100.025", 4', '"100.025"', "venues[NYSE].book.asks[0][0]", "tick size"),
        ("400]", "405]", "405]", "venues[NYSE].book.asks[0][1]", "lot size 10, was 405"),
        ('"99.98"', '"100.02"', '"100.02", 200', "venues[NYSE].book.bids[0][0]", "below the low"),
        ('"99.00"', '"99.001"', '"99.001"', "venues[NYSE].flow[0].orders[o1].price", "tick size"),
        ("qty: 10,", "qty: 5,", "5, price", "venues[NYSE].flow[0].orders[o1].qty", "lot size"),
        ("qty: 100, at", "qty: 101, at", "101, at", "parents[P1].qty", "lot size 10, was 101"),
        ('limit: "100.02"', 'limit: "0.001"', '"0.001"', "parents[P1].limit", "tick size 0.01"),
    ],
)
def test_cross_checks_say_place_path_and_reason(
    wrong: Lines, old: str, new: str, at: str, path: str, said: str
) -> None:
    (problem,) = wrong((old, new))
    before = SCENARIO.replace(old, new).partition(at)[0]
    line, col = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert problem.startswith(f"{line}:{col}: {path}: ")
    assert said in problem


def test_problems_of_all_parts_come_out_at_once_in_order_of_place(wrong: Lines) -> None:
    """And nothing is said about what another mistake has caused."""
    found = wrong(
        ("seed: 1", "seed: -1"),
        ("id: POOL", "id: NYSE"),
        ("pool.l2.csv", "../pool.l2.csv"),
        ("kind: single_venue", "kind: singel_venue"),
        ("qty: 100, at", "qty: 105, at"),
        ("fill_rate", "fil_rate"),
    )
    assert [line.split(": ")[1] for line in found] == [
        "seed",
        "venues[1].id",
        "venues[1].file",
        "router.strategy.kind",
        "parents[P1].qty",
        "expect.fil_rate",
    ]


def test_an_instrument_that_is_wrong_brings_up_no_grid_problems(wrong: Lines) -> None:
    found = wrong(('tick_size: "0.01"', 'tick_size: "0"'), ('"100.02", 400', '"100.025", 400'))
    assert [line.split(": ")[1] for line in found] == ["instrument.tick_size"]


def test_zero_venues_and_zero_parents_are_refused(wrong: Lines, folder: Path) -> None:
    start, end = SCENARIO.index("venues:"), SCENARIO.index("router:")
    (problem,) = wrong((SCENARIO[start:end], "venues: []\n"))
    assert problem.startswith("6:9: venues: ")
    (problem,) = wrong((SCENARIO[SCENARIO.index("parents:") :], "parents: []\n"))
    assert problem.startswith("23:10: parents: ")


# ------------------------------------------------------------ files that a scenario names


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.csv", "no such file in the scenario's folder: 'gone.csv'"),
        ("sub", "no such file"),
        ("../rtt.csv", "must lie inside the scenario's folder"),
        ("sub/../../rtt.csv", "must lie inside the scenario's folder"),
        ("/etc/passwd", "must be a path inside the scenario's folder"),
        ("out.csv", "must lie inside the scenario's folder"),
        ("/dev/zero", "must be a path inside the scenario's folder"),
        ("pipe", "no such file"),
    ],
)
def test_S06_files_outside_the_folder_or_no_files_are_refused(
    wrong: Lines, folder: Path, tmp_path_factory: pytest.TempPathFactory, name: str, said: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rtt.csv"
    outside.write_text("", encoding="utf-8")
    (folder / "sub").mkdir()
    (folder / "out.csv").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    (problem,) = wrong(("rtt.csv", name))
    assert problem.startswith("12:38: venues[NYSE].latency.feed.file: ")
    assert said in problem


def test_S06_a_name_with_a_zero_byte_is_refused(folder: Path) -> None:
    with pytest.raises(DataFormatError, match="must be a path inside"):
        resolve_file(folder, "rtt.csv\0.png")


def test_S06_symlinks_inside_the_folder_are_fine(folder: Path) -> None:
    (folder / "link.csv").symlink_to("rtt.csv")
    assert resolve_file(folder, "link.csv") == (folder / "rtt.csv").resolve()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("5,level,ask,100.03", "line 3: a row must have 5 fields"),
        ("5,level,ask,100.035,10", "line 3: must be a whole multiple of the tick size 0.01"),
        ("5,level,ask,100.03,15", "line 3: must be a whole multiple of the lot size 10"),
        ("5,level,ask,0,10", "line 3: price must be > 0, was 0"),
        ("5,level,ask,-1,10", "line 3: price must be > 0, was -1"),
        ("5,level,ask,nan,10", "line 3: must be a plain decimal number such as 100.02, was 'nan'"),
        ("5,level,ask,1e999,10", "line 3: must be a plain decimal number"),
        ("5,level,ask,100.03,-10", "line 3: qty must be >= 0, was -10"),
        (f"5,level,ask,100.03,{10**30}", "line 3: must be at most 1000000000000000 times"),
        ("5,level,sell,100.03,10", "line 3: side of level must be bid or ask, was 'sell'"),
        ("5,=cmd(),,,", "line 3: event must be one of"),
        ("\uff15,level,ask,100.03,10", r"nanoseconds >= 0, was '\uff15'"),
        ("5,trade,buy,100.03,0", "line 3: qty of a trade must be > 0, was 0"),
        ("5,level,ask,100.03,10\n4,clear,,,", "line 4: t_ns must not go back, was 4 after 5"),
    ],
)
def test_S06_D04_D05_D06_D07_every_row_of_a_recording_is_checked_before_the_run(
    wrong: Lines, folder: Path, row: str, said: str
) -> None:
    with (folder / "pool.l2.csv").open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    (problem,) = wrong(("id: POOL", "id: OTHER"))
    assert problem.startswith("17:11: venues[OTHER].file: the file 'pool.l2.csv' line ")
    assert said in problem


def test_D07_a_recording_off_the_venues_own_tick_is_refused(wrong: Lines) -> None:
    (problem,) = wrong(("pool.l2.csv", 'pool.l2.csv\n    tick_size: "0.05"'))
    assert (
        "the file 'pool.l2.csv' line 2: must be a whole multiple of the tick size 0.05" in problem
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "ends before its header"),
        ("kind,round_trip_ms\n", "holds no round trip of kind create"),
        ("kind,round_trip_ms\ncreate,-1\n", "line 2: round_trip_ms must be a decimal >= 0"),
        ("kind,round_trip_ms\ncreate,inf\n", "line 2: round_trip_ms must be a decimal >= 0"),
        ("kind,round_trip_ms\ncreate,1,2\n", "line 2: round_trip_ms must be a decimal >= 0"),
        ("kind,round_trip_ms\ncreate,1\nfill,2\n", "line 3: must be create or cancel"),
    ],
)
def test_D05_every_row_of_measured_latencies_is_checked_before_the_run(
    wrong: Lines, folder: Path, content: str, said: str
) -> None:
    (folder / "rtt.csv").write_text(content, encoding="utf-8")
    (problem,) = wrong(("id: POOL", "id: OTHER"))
    assert problem.startswith("12:38: venues[NYSE].latency.feed.file: the file 'rtt.csv'")
    assert said in problem


def test_a_wrong_instrument_leaves_the_rows_of_recordings_unread(
    wrong: Lines, folder: Path
) -> None:
    (folder / "pool.l2.csv").write_text("rubbish", encoding="utf-8")
    (problem,) = wrong(('tick_size: "0.01"', 'tick_size: "0"'))
    assert "instrument.tick_size" in problem


# ------------------------------------------------------------ one mistake hides no other


@pytest.mark.parametrize(
    "mistake",
    [
        ("id: NYSE", "id: 5"),
        ("kind: lit", "kind: lit\n    zzz: 1"),
        ("kind: lit", "kind: lit\n    fees: {taker: 0.003}"),
        ("order: {model: fixed, delay: 5ms}\n      report: {model: fixed, delay: 5ms}\n      "
         "feed: {model: emp", "order: {model: fixed, delay: 5}\n      report: {model: fixed, "
         "delay: 5ms}\n      feed: {model: emp"),
        ("kind: lit", "kind: lit\n    depth: 0"),
        ("flow: [{", "flow: [{}, {"),
    ],
)  # fmt: skip
def test_a_wrong_key_of_a_venue_hides_no_other_mistake(
    wrong: Lines, mistake: tuple[str, str]
) -> None:
    found = wrong(
        mistake,
        ('"100.02", 4', '"100.025", 4'),
        ('"99.00"', '"99.001"'),
        ("qty: 100, at", "qty: x, at"),
        ('limit: "100.02"', 'limit: "0.001"'),
    )
    paths = " ".join(line.split(": ")[1] for line in found)
    assert ".book.asks[0][0]" in paths
    assert ".orders[o1].price" in paths
    assert "parents[P1].qty" in paths
    assert "parents[P1].limit" in paths
    assert len(found) == 5
    assert not any("router.strategy.venue" in line for line in found)


def test_what_a_wrong_or_misspelt_key_would_have_said_is_not_guessed(wrong: Lines) -> None:
    """The tick of the venue is not known, so nothing can be off it."""
    for key in ("tick_size: 0.05", 'tick_siez: "0.05"'):
        (problem,) = wrong(("kind: lit", f"kind: lit\n    {key}"), ('"100.02", 4', '"100.025", 4'))
        assert "tick_si" in problem


# ------------------------------------------------------------ names and overrides


def test_a_shipped_scenario_is_found_by_its_bare_name() -> None:
    assert load_scenario("fragmented").scenario.name == "fragmented"
    assert find_scenario("fragmented").is_absolute()


@pytest.mark.parametrize("ref", ["fragmentd", "nothing_like_it"])
def test_an_unknown_name_lists_the_shipped_ones(ref: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(ref)
    said = str(caught.value).lower()
    assert f"shipped: {', '.join(shipped_names())}" in said
    assert ("did you mean fragmented" in said) == (ref == "fragmentd")


@pytest.mark.parametrize("ref", ["gone.yaml", "sub/gone", "/gone"])
def test_a_path_is_a_path_and_not_a_name(ref: str) -> None:
    with pytest.raises(ScenarioError, match="gone"):
        load_scenario(ref)


def test_overrides_and_seed_are_checked_like_the_file(folder: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(
            folder / "cross.yaml", sets=["router.strategy.venue=NY", "parents[P1].qty=5"], seed=-1
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert sum("--set" in line for line in lines) == 2
    assert sum("--seed" in line for line in lines) == 1


def test_what_is_resolved_loads_again_to_the_same(folder: Path) -> None:
    """With overrides and seed in it, and with every default."""
    import msgspec

    sets = ["venues[NYSE].latency.order.delay=7ms", "audit.market_data=none"]
    loaded = load_scenario(folder / "cross.yaml", sets=sets, seed=9)
    plain = loaded.resolved()
    assert plain["seed"] == 9
    assert plain["venues"][0]["latency"]["order"]["delay"] == "7ms"
    assert plain["router"]["reroute"] == {
        "levels": "all",
        "venues": "all",
        "prefer": "strategy",
        "fresh_quote": True,
        "busted": False,
        "on": {
            **dict.fromkeys(
                ("partial_fill", "cancel", "reject", "timeout", "quote_change"), "reallocate"
            ),
            "halt": "leave",
            "price_collar": "wait_for_quote",
            "order_size": "smaller",
            "volume": "smaller",
        },
        "reserve_unanswered": None,
        "cross": None,
    }
    again = folder / "again.yaml"
    again.write_bytes(msgspec.json.encode(plain))
    assert load_scenario(again).scenario == loaded.scenario
    assert load_scenario(again).resolved() == plain


def test_a_loaded_scenario_cannot_be_changed(folder: Path) -> None:
    loaded: Any = load_scenario(folder / "cross.yaml")
    with pytest.raises(AttributeError):
        loaded.folder = Path()
    with pytest.raises(ValueError, match="frozen"):
        loaded.scenario.seed = 2
