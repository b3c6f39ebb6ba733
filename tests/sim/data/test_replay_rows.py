"""Neutral events as messages of one instant, in ticks and lots."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from sim.data.events import BLOCK_ROWS
from sim.data.replay_rows import Played, ReplayFile
from sim.protocol.enums import Side
from sim.protocol.errors import DataFormatError
from sim.protocol.market_data import (
    BookClear,
    LevelChange,
    RecordedGroup,
    RecordedRows,
    Trade,
)
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units

UNITS = Units(Decimal("0.01"), Decimal(1))
HEADER = "t_ns,venue,event,side,price,qty,order_id\n"
Messages = Callable[..., list[tuple[int, Played]]]

ORDERS = """\
1000,A,add,bid,1.00,5,7
1000,A,add,ask,1.02,6,8
1500,A,execute,ask,1.02,2,8
1500,A,trade,sell,1.00,1,
1700,A,modify,bid,0.99,4,7
1800,A,reduce,bid,,1,7
1900,A,delete,bid,,,7
1900,A,clear,,,,
"""
LEVELS = """\
0,A,clear,,,,
0,A,level,bid,1.00,5,
3,A,level,bid,1.00,0,
3,A,trade,buy,1.02,1,
4,A,trade,,1.02,1,
5,A,level,ask,1.02,9,
"""


@pytest.fixture
def messages(tmp_path: Path) -> Messages:
    def read(
        text: str, venue: str | None = None, start: int | None = None
    ) -> list[tuple[int, Played]]:
        path = tmp_path / "a.events.csv"
        path.write_text(HEADER + text, encoding="utf-8")
        return list(ReplayFile(path, UNITS, venue, start).messages())

    return read


def test_rows_of_one_instant_are_one_message_from_the_first_row_on(messages: Messages) -> None:
    found = messages(ORDERS)
    assert found == [
        (0, RecordedRows(TimeNs(0), ((1, 1, 100, 5, 7), (1, -1, 102, 6, 8)))),
        (500, RecordedRows(TimeNs(500), ((5, -1, 102, 2, 8), (6, -1, 100, 1, 0)))),
        (700, RecordedRows(TimeNs(700), ((2, 1, 99, 4, 7),))),
        (800, RecordedRows(TimeNs(800), ((3, 1, 0, 1, 7),))),
        (900, RecordedRows(TimeNs(900), ((4, 1, 0, 0, 7), (8, 0, 0, 0, 0)))),
    ]


def test_what_is_before_the_start_is_of_time_zero(messages: Messages) -> None:
    found = messages(ORDERS, start=1600)
    assert [(t_ns, len(m.rows)) for t_ns, m in found if isinstance(m, RecordedRows)] == [
        (0, 4),
        (100, 1),
        (200, 1),
        (300, 2),
    ]


def test_levels_become_recorded_groups(messages: Messages) -> None:
    bid = Side.BUY
    assert messages(LEVELS) == [
        (0, RecordedGroup(TimeNs(0), (BookClear(), LevelChange(bid, PriceTicks(100), QtyLots(5))))),
        (
            3,
            RecordedGroup(
                TimeNs(3),
                (
                    LevelChange(bid, PriceTicks(100), QtyLots(0)),
                    Trade(PriceTicks(102), QtyLots(1), bid),
                ),
            ),
        ),
        (5, RecordedGroup(TimeNs(5), (LevelChange(Side.SELL, PriceTicks(102), QtyLots(9)),))),
    ]


def test_instants_are_whole_across_blocks(messages: Messages) -> None:
    rows = BLOCK_ROWS + 10
    text = "".join(f"{n // 100},A,add,bid,1.00,1,{n + 1}\n" for n in range(rows))
    found = messages(text)
    sizes = [len(message.rows) for _, message in found if isinstance(message, RecordedRows)]
    assert sizes == [100] * (rows // 100) + [rows % 100]


def test_prints_between_ticks_move_to_where_they_reach_no_more_orders(messages: Messages) -> None:
    """A seller's print at 1.005 is no print at 1.00 for a bid there, a buyer's none at 1.01."""
    text = "1,A,add,bid,0.99,5,7\n2,A,trade,sell,1.005,5,\n2,A,trade,buy,1.005,5,\n"
    (_, found) = messages(text)[1]
    assert isinstance(found, RecordedRows)
    assert found.rows == ((6, -1, 101, 5, 0), (6, 1, 100, 5, 0))


def test_halts_are_left_out(messages: Messages) -> None:
    assert len(messages("1,A,add,bid,1.00,5,7\n2,A,halt,,,,\n3,A,resume,,,,\n")) == 1


def test_venue_is_chosen_by_its_name(messages: Messages) -> None:
    text = "1,A,add,bid,1.00,5,7\n2,B,add,bid,1.00,6,8\n"
    assert messages(text, "B") == [(0, RecordedRows(TimeNs(0), ((1, 1, 100, 6, 8),)))]
    with pytest.raises(DataFormatError, match=r"csv:3: holds several venues.*: A, B"):
        messages(text)
    with pytest.raises(DataFormatError, match=r"no venue 'C'; the file holds A, B"):
        messages(text, "C")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1,A,add,bid,1.00,5,7\n2,A,add,bid,1.005,5,8\n", r":3: price must be a multiple of 0.01"),
        ("1,A,add,bid,1.00,5.5,7\n", r":2: qty must be a multiple of 1, was 5.5"),
        ("1,A,add,bid,1.00,5,7\n2,A,level,bid,1.00,5,\n", r":3: .*orders or price levels"),
        ("1,A,level,bid,1.00,5,\n2,A,add,bid,1.00,5,7\n", r":3: .*orders or price levels"),
        ("1,A,trade,buy,1.00,5,\n", r"neither orders nor levels"),
    ],
)
def test_what_cannot_be_played_is_an_error_with_its_line(
    messages: Messages, text: str, match: str
) -> None:
    with pytest.raises(DataFormatError, match=match):
        messages(text)
