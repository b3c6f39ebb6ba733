"""The runner must notice what is wrong: in a file, and in an engine."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sim.protocol.enums import ExecType, Side
from sim.protocol.market_data import Levels
from sim.protocol.orders import OrderMessage, VenueReport
from sim.protocol.units import TimeNs
from venues.core.book import BookSide
from venues.core.matching import MatchingCore

Json = dict[str, Any]


@pytest.fixture
def crossing() -> Json:
    """A buyer takes one of two sellers whole and a part of the other, who then cancels the rest."""

    def new(order_id: str, side: str, qty: int, price: int, **expect: Any) -> Json:
        order = {"op": "new", "id": order_id, "side": side, "qty": qty, "type": "limit"}
        return {**order, "price": price, "account": order_id, "expect": expect, "basis": "derived"}

    done = {"cum": 3, "leaves": 0, "status": "filled"}
    rest = {"cum": 1, "leaves": 2, "status": "partial"}
    return {
        "id": "crossing",
        "features": ["sweep"],
        "level": "core",
        "profile": {},
        "source": {},
        "steps": [
            new("a", "sell", 3, 10, trades=[], status="open", cum=0, leaves=3),
            new("b", "sell", 3, 10, trades=[], status="open", cum=0, leaves=3),
            new("c", "sell", 5, 12, trades=[], status="open", cum=0, leaves=5),
            new("x", "buy", 4, 11, trades=[["x", "a", 10, 3], ["x", "b", 10, 1]], status="filled"),
            {"op": "check_queue", "queue": {"bids": [], "asks": [["b", 2], ["c", 5]]}},
            {"op": "cancel", "id": "c", "expect": {"trades": [], "status": "canceled", "cum": 0}},
        ],
        "final": {"book": {"bids": [], "asks": [[10, 2, 1]]}, "orders": {"a": done, "b": rest}},
    }


@pytest.fixture
def read(runner: Any, tmp_path: Path) -> Callable[..., Any]:
    """``read(*lines)``: the cases of a file with these lines (objects are made JSON)."""

    def make(*lines: Json | str) -> Any:
        path = tmp_path / "cases.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts), encoding="utf-8")
        return runner.read_cases(path)

    return make


def test_a_right_case_passes(runner: Any, read: Callable[..., Any], crossing: Json) -> None:
    assert runner.differences(read(crossing)[0]) == []


@pytest.mark.parametrize(
    ("place", "value", "noticed"),
    [
        (("steps", 3, "expect", "trades", 0, 2), 11, "step 3 (new x): trades"),
        (("steps", 3, "expect", "trades"), [["x", "a", 10, 4]], "step 3 (new x): trades"),
        (("steps", 3, "expect", "status"), "partial", "step 3 (new x): status"),
        (("steps", 0, "expect", "cum"), 1, "step 0 (new a): cum"),
        (("steps", 0, "expect", "leaves"), 2, "step 0 (new a): leaves"),
        (("steps", 5, "expect", "also_canceled"), ["a"], "step 5 (cancel c): also_canceled"),
        (("steps", 5, "account"), "a", "step 5 (cancel c): status"),
        (("steps", 4, "queue", "asks"), [["c", 5], ["b", 2]], "step 4 (checkqueue ): asks queue"),
        (("final", "book", "asks"), [[10, 2, 2]], "final asks"),
        (("final", "book", "asks"), [[10, 3, 1]], "final asks"),
        (("final", "book", "bids"), [[9, 1, 1]], "final bids"),
        (("final", "orders", "b", "status"), "open", "final order b"),
        (("final", "orders", "z"), {"cum": 0, "leaves": 0, "status": "filled"}, "final order z"),
    ],
)
def test_a_wrong_expectation_is_noticed(
    runner: Any,
    read: Callable[..., Any],
    crossing: Json,
    place: tuple[Any, ...],
    value: Any,
    noticed: str,
) -> None:
    part: Any = crossing
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert any(found.startswith(noticed) for found in runner.differences(read(crossing)[0]))


class Spoilt(MatchingCore):
    """An engine whose reports are spoilt on their way out."""

    def handle(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        reports = super().handle(msg, now_ns)
        return [spoilt for report in reports for spoilt in self.spoil(report)]

    def spoil(self, report: Any) -> list[VenueReport]:
        raise NotImplementedError


class KeepsQuiet(Spoilt):
    def spoil(self, report: Any) -> list[VenueReport]:
        return [] if report.is_maker else [report]


class SaysAllIsNew(Spoilt):
    def spoil(self, report: Any) -> list[VenueReport]:
        return [replace(report, exec_id=1)]


class ForgetsItsState(Spoilt):
    def spoil(self, report: Any) -> list[VenueReport]:
        return [replace(report, venue_seq=0)]


class LeavesLotsBehind(Spoilt):
    def spoil(self, report: Any) -> list[VenueReport]:
        if report.exec_type is ExecType.CANCELED:
            return [replace(report, leaves_qty=report.order_qty - report.cum_qty)]
        return [report]


class ShowsLess(MatchingCore):
    def levels(self, side: Side, depth: int) -> Levels:
        return super().levels(side, depth)[:-1]


class DropsOrders(MatchingCore):
    def handle(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        reports = super().handle(msg, now_ns)
        self._bids, self._asks, self._orders = BookSide(-1, self), BookSide(1, self), {}
        return reports


class BreaksItsBook(MatchingCore):
    def handle(self, msg: OrderMessage, now_ns: TimeNs) -> list[VenueReport]:
        reports = super().handle(msg, now_ns)
        for order in self.resting(Side.SELL):
            order.rank = 0
        return reports


@pytest.mark.parametrize(
    "faulty",
    [
        KeepsQuiet,
        SaysAllIsNew,
        ForgetsItsState,
        LeavesLotsBehind,
        ShowsLess,
        DropsOrders,
        BreaksItsBook,
    ],
)
def test_a_faulty_engine_is_noticed(
    runner: Any, read: Callable[..., Any], crossing: Json, faulty: type[MatchingCore]
) -> None:
    assert runner.differences(read(crossing)[0], lambda _case: faulty()) != []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "cases.jsonl:1"),
        ("[]", "cases.jsonl:1"),
        ({"id": "only"}, "missing required field"),
    ],
)
def test_what_is_not_a_case_is_an_error(
    runner: Any, read: Callable[..., Any], line: Json | str, said: str
) -> None:
    with pytest.raises(runner.CaseFormatError, match=said):
        read(line)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("steps", 0, "op"), "amend"),
        (("steps", 0, "qty"), "3"),
        (("steps", 0, "qty"), True),
        (("steps", 0, "side"), "long"),
        (("steps", 0, "type"), "iceberg"),
        (("steps", 0, "tif"), "GTD"),
        (("steps", 0, "discretion"), 3),
        (("steps", 0, "expect", "fills"), []),
        (("steps", 0, "expect", "status"), "done"),
        (("profile", "allocation"), "pro-rata"),
        (("profile", "iceberg_sweep"), "prorata"),
        (("steps", 0, "peg"), {"ref": "last"}),
        (("steps", 0, "peg"), {"ref": "bid", "limit": 9}),
        (("final", "orders", "a", "avg"), 10),
        (("level",), "extra"),
    ],
)
def test_what_the_format_does_not_know_is_an_error(
    runner: Any, read: Callable[..., Any], crossing: Json, place: tuple[Any, ...], value: Any
) -> None:
    part: Any = crossing
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(runner.CaseFormatError, match=r"cases\.jsonl:1: "):
        read(crossing)


def test_two_cases_with_one_id_are_an_error(
    runner: Any, read: Callable[..., Any], crossing: Json
) -> None:
    with pytest.raises(runner.CaseFormatError, match=r"cases\.jsonl:3: .*crossing"):
        read(crossing, "", crossing)


def test_a_file_without_cases_is_an_error(runner: Any, read: Callable[..., Any]) -> None:
    with pytest.raises(runner.CaseFormatError, match="no case"):
        read("", "  ")


def test_a_missing_file_is_an_error(runner: Any, tmp_path: Path) -> None:
    with pytest.raises(runner.CaseFormatError, match="cannot be read"):
        runner.read_cases(tmp_path / "absent.jsonl")


@pytest.mark.parametrize(
    ("place", "value", "lacks"),
    [
        (("steps", 0, "display"), 1, "display"),
        (("steps", 0, "hidden"), True, "hidden"),
        (("steps", 0, "aon"), True, "aon"),
        (("steps", 0, "peg"), {"ref": "mid", "offset": 0}, "peg"),
        (("steps", 0, "type"), "stop", "order type stop"),
        (("steps", 5), {"op": "last", "price": 9}, "step last"),
        (("profile", "market_remainder"), "rest", "settings for lit books"),
        (("steps", 5), {"op": "quote", "bid": 9, "ask": 11}, "step quote"),
        (("steps", 0, "type"), "midpoint", "order type midpoint"),
    ],
)
def test_what_a_pool_lacks_is_named(
    runner: Any,
    read: Callable[..., Any],
    crossing: Json,
    place: tuple[Any, ...],
    value: Any,
    lacks: str,
) -> None:
    part: Any = crossing
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert runner.lacking_in_a_pool(read(crossing)[0]) == lacks


def test_what_a_book_lacks_is_named(runner: Any, read: Callable[..., Any], crossing: Json) -> None:
    crossing["steps"][5] = {"op": "quote", "bid": 9, "ask": 11}
    assert runner.lacking(read(crossing)[0]) == "step quote"
    crossing["profile"] = {"book": "midpoint"}
    assert runner.lacking(read(crossing)[0]) is None
    crossing["profile"]["last"] = 10
    assert runner.lacking(read(crossing)[0]) == "settings for lit books"


def test_tick_and_lot_of_the_profile_are_the_venues(
    runner: Any, read: Callable[..., Any], crossing: Json
) -> None:
    crossing["profile"] = {"tick": 5}
    found = runner.differences(read(crossing)[0])
    assert any("step 2 (new c): status 'rejected'" in what for what in found)


@pytest.mark.slow
def test_a_malformed_file_ends_pytest_with_an_error(project_root: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/conformance", "--cases", str(tmp_path / "bad.jsonl")],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert "bad.jsonl:1:" in done.stdout
