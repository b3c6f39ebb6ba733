"""The small file of measured round trips that the empirical latency model draws from."""

from pathlib import Path

import pytest

from sim.kernel.latency import round_trips
from sim.kernel.latency.round_trips import read_round_trips
from sim.protocol.errors import DataFormatError

HEAD = "# source: here\nkind,round_trip_ms\n"


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "f.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def test_milliseconds_become_whole_nanoseconds_in_order(tmp_path: Path) -> None:
    path = file(tmp_path, HEAD + "create,71\ncancel,30\ncreate,0.000001\ncreate,1.5\r\n")
    assert read_round_trips(path, "create") == [71_000_000, 1, 1_500_000]
    assert read_round_trips(path, "cancel") == [30_000_000]


def test_comments_are_optional(tmp_path: Path) -> None:
    path = file(tmp_path, "kind,round_trip_ms\ncreate,1")
    assert read_round_trips(path, "create") == [1_000_000]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("create", "must be create or cancel, a comma"),
        ("replace,1", "must be create or cancel, a comma"),
        ("# late", "must be create or cancel, a comma"),
        ("", "must be create or cancel, a comma"),
        ("create,", "round_trip_ms must be"),
        ("create,-1", "round_trip_ms must be"),
        ("create,nan", "round_trip_ms must be"),
        ("create,1e3", "round_trip_ms must be"),
        ("create,1.0000001", "round_trip_ms must be"),
        ("create,\uff11", "round_trip_ms must be"),
        ("create,1,2", "round_trip_ms must be"),
        ("create,9999999999", "round_trip_ms must be"),
        ("create,\udcff", "round_trip_ms must be"),
        ("cancel," + "1" * 2000, "is longer than 1024"),
    ],
)
def test_a_wrong_row_is_refused_whatever_kind_is_asked_for(
    tmp_path: Path, row: str, message: str
) -> None:
    path = file(tmp_path, f"{HEAD}create,1\n{row}\ncancel,1\n")
    with pytest.raises(DataFormatError, match=message) as caught:
        read_round_trips(path, "cancel")
    assert caught.value.line == 4


@pytest.mark.parametrize("text", ["", "# only\n", "create,1\n", "\nkind,round_trip_ms\n"])
def test_the_header_is_needed(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataFormatError, match="kind,round_trip_ms"):
        read_round_trips(file(tmp_path, text), "create")


def test_a_file_without_the_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="holds no round trip of kind cancel"):
        read_round_trips(file(tmp_path, HEAD + "create,1\n"), "cancel")


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="cannot be read"):
        read_round_trips(tmp_path / "none", "create")


def test_a_file_of_hostile_length_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_trips, "MAX_ROWS", 5)
    with pytest.raises(DataFormatError, match="at most 5 lines"):
        read_round_trips(file(tmp_path, HEAD + "create,1\n" * 9), "create")


def test_an_unknown_kind_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kind must be one of create, cancel"):
        read_round_trips(tmp_path, "replace")
