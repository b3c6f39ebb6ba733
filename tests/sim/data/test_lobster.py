"""LOBSTER pairs: reading, one step, and events that keep the book of the file, on small files."""

import gzip
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.data import converter, detect_format, inspect_format
from sim.data.conversion import ConversionError
from sim.data.events import EVENT_WORDS, SCALE, Event, join_blocks
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.lobster import PRICE_SCALE, read_book, read_messages
from sim.data.lobster_events import LobsterEvents
from sim.data.lobster_orders import FIRST_UNNAMED
from sim.data.order_books import EventBook
from sim.protocol.errors import DataFormatError

Message = tuple[str, int, int, int, int, int]
Levels = dict[int, int]
Step = tuple[Message, Levels, Levels]
EMPTY_ASK, EMPTY_BID = "9999999999,0", "-9999999999,0"


def book_line(asks: Levels, bids: Levels, depth: int) -> str:
    cells = []
    ask_levels, bid_levels = sorted(asks.items()), sorted(bids.items(), reverse=True)
    for level in range(depth):
        for levels, empty in ((ask_levels, EMPTY_ASK), (bid_levels, EMPTY_BID)):
            cells.append(",".join(map(str, levels[level])) if level < len(levels) else empty)
    return ",".join(cells)


# The whole market is known here; the files show its two best levels and the messages that touch
# them, as the vendor's do.
STORY: list[Step] = [
    # First row: order 1 rests behind 100 of others.
    (("34200.000000001", 1, 1, 50, 1000000, 1), {1010000: 70, 1020000: 80}, {1000000: 150}),
    (("34200.5", 1, 2, 30, 990000, 1), {1010000: 70, 1020000: 80}, {1000000: 150, 990000: 30}),
    # An order older than the file is hit, in part.
    (("34200.5", 4, 77, 60, 1010000, -1), {1010000: 10, 1020000: 80}, {1000000: 150, 990000: 30}),
    # Its rest goes: 1.03 comes into view with 90.
    (("34201.25", 3, 77, 10, 1010000, -1), {1020000: 80, 1030000: 90}, {1000000: 150, 990000: 30}),
    (("34202", 5, 0, 5, 1005000, -1), {1020000: 80, 1030000: 90}, {1000000: 150, 990000: 30}),
    (("34202", 2, 1, 20, 1000000, 1), {1020000: 80, 1030000: 90}, {1000000: 130, 990000: 30}),
    # A better bid pushes 0.99 out of view; order 2 is still there when it comes back.
    (("34203", 1, 3, 5, 1001000, 1), {1020000: 80, 1030000: 90}, {1001000: 5, 1000000: 130}),
    (("34204", 3, 3, 5, 1001000, 1), {1020000: 80, 1030000: 90}, {1000000: 130, 990000: 30}),
    (("34205", 7, 0, 0, -1, -1), {1020000: 80, 1030000: 90}, {1000000: 130, 990000: 30}),
    (("34206", 7, 0, 0, 1, -1), {1020000: 80, 1030000: 90}, {1000000: 130, 990000: 30}),
]


def pair(
    folder: Path, story: Sequence[tuple[Message, Levels, Levels]] = STORY
) -> tuple[Path, Path]:
    messages, books = folder / "X_message_2.csv", folder / "X_orderbook_2.csv"
    messages.write_text("".join(",".join(map(str, one)) + "\n" for one, _, _ in story))
    books.write_text("".join(book_line(asks, bids, 2) + "\n" for _, asks, bids in story))
    return messages, books


def reader_of(messages: Path, books: Path, *, strict: bool = True) -> LobsterEvents:
    problems, others = Problems(messages, strict=strict), Problems(books, strict=strict)
    return LobsterEvents(messages, books, problems, others)


def inspect(path: Path, against: Path | None = None) -> Inspection:
    assert detect_format(path) == "lobster"
    return inspect_format("lobster").inspect(path, InspectOptions(against=against))


def check_books(messages: Path, books: Path, depth: int = 2) -> LobsterEvents:
    """Play the events, and compare the best levels with the file after every row."""
    reader = reader_of(messages, books)
    block = join_blocks(list(reader.blocks()))
    rows = {
        int(line): levels
        for found in read_book(books, Problems(books))
        for line, levels in zip(found.line, found.levels, strict=True)
    }
    book = EventBook()
    columns = (block.event, block.side, block.price, block.qty, block.order_id)
    events = list(zip(*(column.tolist() for column in columns), strict=True))
    lines = block.line.tolist()
    done = 0
    for line, levels in rows.items():
        while done < len(events) and lines[done] == line:
            assert book.apply(*events[done]) == ""
            done += 1
        for side, sign, price in ((book.bids, -1, 2), (book.asks, 1, 0)):
            shown = [(sign * key, qty) for key, (qty, _) in islice(side.items(), depth)]
            want = [
                (int(px) * PRICE_SCALE, int(qty) * SCALE)
                for px, qty in levels[:, price : price + 2]
                if px
            ]
            assert shown == want, f"line {line}"
    assert done == len(events)
    return reader


def test_times_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    messages, _ = pair(tmp_path)
    (found,) = read_messages(messages, Problems(messages))
    assert found.t_ns.tolist()[:4] == [
        34_200_000_000_001, 34_200_500_000_000, 34_200_500_000_000, 34_201_250_000_000,
    ]  # fmt: skip


def test_the_story_becomes_events(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    reader = check_books(messages, books)
    block = join_blocks(list(reader.blocks()))
    ours = FIRST_UNNAMED
    columns = (block.event, block.side, block.price // PRICE_SCALE, block.qty // SCALE)
    ids = [one - ours if one > ours else one for one in block.order_id.tolist()]
    words = [EVENT_WORDS[Event(one)] for one in block.event.tolist()]
    rest = [column.tolist() for column in columns[1:]]
    told = list(zip(words, *rest, ids, strict=True))
    assert told[:4] == [
        ("add", 1, 1000000, 100, 1),
        ("add", -1, 1010000, 70, 2),
        ("add", -1, 1020000, 80, 3),
        ("add", 1, 1000000, 50, 1),
    ]
    assert told[4:] == [
        ("add", 1, 990000, 30, 2),
        ("execute", -1, 1010000, 60, 2),
        ("delete", -1, 1010000, 10, 2),
        ("add", -1, 1030000, 90, 4),
        ("trade", 1, 1005000, 5, 0),
        ("reduce", 1, 1000000, 20, 1),
        ("add", 1, 1001000, 5, 3),
        ("delete", 1, 1001000, 5, 3),
        ("halt", 0, 0, 0, 0),
        ("resume", 0, 0, 0, 0),
    ]
    assert (reader.compared, reader.agreed, reader.revealed, reader.resynced) == (9, 9, 2, 0)
    assert reader.venues == ("NASDAQ",)


def test_a_cross_trade_changes_no_level_and_may_have_no_order(tmp_path: Path) -> None:
    cross = (("34207", 6, -1, 700, 1005000, 0), STORY[-1][1], STORY[-1][2])
    messages, books = pair(tmp_path, [*STORY, cross])
    assert inspect(messages, books).agreement == {"one_step": 1.0}
    block = join_blocks(list(check_books(messages, books).blocks()))
    assert (block.event[-1], block.side[-1], block.qty[-1]) == (Event.TRADE, 0, 700 * SCALE)


def test_inspect_prints_the_one_step_agreement(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    found = inspect(messages, books)
    assert (found.format, found.rows) == ("lobster", 10)
    assert found.agreement == {"one_step": 1.0}
    assert (found.first_ns, found.last_ns) == (34_200_000_000_001, 34_206_000_000_000)
    assert found.problems == ()
    assert found.facts["executions of orders older than the file"] == "1 (100.0%)"
    assert found.facts["levels revealed"] == 2
    assert inspect(books, messages).agreement == {"one_step": 1.0}


def test_inspect_of_one_of_the_two_names_the_other(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    assert inspect(messages).agreement == {}
    assert "--against X_orderbook_2.csv" in inspect(messages).notes[0]
    alone = inspect(books)
    assert (alone.format, alone.rows, alone.first_ns) == ("lobster_orderbook", 10, None)
    with pytest.raises(DataFormatError, match="is no LOBSTER order book"):
        inspect(messages, messages)


@pytest.mark.parametrize("row", range(1, 10))
def test_a_row_that_is_not_what_the_message_makes_is_counted_and_followed(
    tmp_path: Path, row: int
) -> None:
    """The events follow the file: its book is right again at that very row."""
    story = [list(one) for one in STORY]
    story[row][2] = {1000000: 111, 980000: 3}
    messages, books = pair(tmp_path, [tuple(one) for one in story])  # type: ignore[misc]
    found = inspect(messages, books)
    wrong = 1 if row == 9 else 2
    assert found.problem_counts == {"one step that does not agree": wrong}
    assert found.agreement["one_step"] == pytest.approx((9 - wrong) / 9)
    assert found.problems[0].line == row + 1
    assert check_books(messages, books).resynced == wrong


BAD_MESSAGES = [
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,30,990000", "a row must have 6 fields"),
    ("34200.5,1,2,30,990000,1", "34200.5,9,2,30,990000,1", "type must be a digit from 1 to 7"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,0,990000,1", "size must be > 0"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,30,0,1", "price must be > 0"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,30,99 0000,1", "price must be a whole number"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,30,990000,0", "direction must be 1 or -1"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,2,30,990000,2", "direction must be one of 1, -1"),
    ("34200.5,1,2,30,990000,1", "34200.5,1,0,30,990000,1", "order id must be > 0"),
    ("34200.5,1,2,30,990000,1", "34199.5,1,2,30,990000,1", "time must not go back"),
    ("34200.5,1,2,30,990000,1", "34200.5x,1,2,30,990000,1", "time must be a plain decimal"),
    ("34200.5,1,2,30,990000,1", "\x0034200.5,1,2,30,990000,1", "time must be a plain decimal"),
]


@pytest.mark.parametrize(("old", "new", "what"), BAD_MESSAGES)
def test_C01_C02_D04_a_bad_message_is_an_error_or_left_out_with_its_row_of_the_book(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    messages, books = pair(tmp_path)
    messages.write_text(messages.read_text().replace(old, new, 1))
    with pytest.raises(DataFormatError, match=f"X_message_2.csv:2: {what}"):
        list(reader_of(messages, books).blocks())
    found = inspect(messages, books)
    assert (found.rows, found.left_out) == (9, 1)
    assert found.problems[0].line == 2
    assert found.agreement == {"one_step": 1.0}  # of the 7 rows that have a row before them
    out = tmp_path / "o.events.csv"
    report = converter("lobster")([messages, books], out, {"skip_bad": "yes"})
    assert report.statistics["left_out"] == 1
    assert report.statistics["one_step"] == 1.0


BAD_BOOKS = [
    ("1010000,70,1000000,150,", "1010000,70,1000000,15 0,", "bid size 1 must be a whole number"),
    ("1010000,70,1000000,150,", "1010000,70,1000000,", "a row must have 8 fields"),
    ("1010000,70,1000000,150,", "1010000,0,1000000,150,", "levels must be ordered"),
    ("1010000,70,1000000,150,", "1000000,70,1000000,150,", "levels must be ordered"),
    ("1010000,70,1000000,150,", "1030000,70,1000000,150,", "levels must be ordered"),
    ("1010000,70,1000000,150,", "1010000,70,0,150,", "levels must be ordered"),
    ("1010000,70,1000000,150,", "1010000,70,,150,", "bid price 1 must be a whole number"),
    ("1010000,70,1000000,150,", "1010000,70,1-000,150,", "bid price 1 must be a whole number"),
    ("1010000,70,1000000,150,", "1010000,70,-,150,", "bid price 1 must be a whole number"),
    ("1010000,70,1000000,150,", "1010000,70,--1,150,", "bid price 1 must be a whole number"),
    ("1010000,70,1000000,150,", f"1010000,{'1' * 19},1000000,150,", "ask size 1 must be a whole"),
]


@pytest.mark.parametrize(("old", "new", "what"), BAD_BOOKS)
def test_C01_D04_a_bad_row_of_the_book_is_an_error_or_left_out_with_its_message(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    messages, books = pair(tmp_path)
    text = books.read_text()
    at = text.index(old, text.index("\n"))
    books.write_text(text[:at] + new + text[at + len(old) :])
    with pytest.raises(DataFormatError, match=f"X_orderbook_2.csv:2: {what}"):
        list(reader_of(messages, books).blocks())
    found = inspect(messages, books)
    assert (found.rows, found.left_out) == (9, 1)
    assert found.problems[0].what.startswith(f"X_orderbook_2.csv: {what}")


def test_C01_files_of_different_lengths(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    lines = books.read_text().splitlines()
    books.write_text("\n".join(lines[:-2]) + "\n")
    with pytest.raises(DataFormatError, match=":9: from this line on the order book have no row"):
        list(reader_of(messages, books).blocks())
    found = inspect(messages, books)
    assert found.rows == 8
    assert found.problem_counts == {"files of different lengths": 1}


def test_C01_a_cut_pair_is_read_up_to_the_cut(tmp_path: Path) -> None:
    story = STORY[:1] + [
        ((f"{34201 + n}", 5, 0, 1, 1005000, 1), STORY[0][1], STORY[0][2]) for n in range(20_000)
    ]
    messages, books = pair(tmp_path, story)
    books.write_bytes(gzip.compress(books.read_bytes(), 0)[: 1 << 19])
    found = inspect(messages, books)
    assert 5_000 < found.rows < 20_001
    assert found.problem_counts["file cut off or damaged"] == 1
    assert found.agreement == {"one_step": 1.0}


def test_C01_books_without_levels_and_empty_files(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    books.write_text("1,2,3\n")
    with pytest.raises(DataFormatError, match="4 fields per level"):
        list(read_book(books, Problems(books)))
    with pytest.raises(ConversionError, match="needs a message file and its order book"):
        converter("lobster")([messages], tmp_path / "o.events.csv", {})
    messages.write_text("")
    with pytest.raises(DataFormatError, match="is empty"):
        detect_format(messages)


def test_the_order_of_the_inputs_does_not_matter(tmp_path: Path) -> None:
    messages, books = pair(tmp_path)
    for n, inputs in enumerate(((messages, books), (books, messages))):
        report = converter("lobster")(inputs, tmp_path / f"{n}.events.csv", {"clock": "source"})
        assert report.problems[0] == "one-step agreement 100.0000% of 9 rows"
    texts = [(tmp_path / f"{n}.events.csv").read_text() for n in range(2)]
    assert texts[0] == texts[1]
    assert texts[0].splitlines()[1] == f"34200000000001,NASDAQ,add,bid,100,100,{FIRST_UNNAMED + 1}"


def test_empty_levels_have_no_price(tmp_path: Path) -> None:
    _, books = pair(tmp_path)
    (found,) = read_book(books, Problems(books))
    assert found.levels.shape == (10, 2, 4)
    assert found.levels.dtype == np.int64
    assert found.levels[0].tolist() == [[1010000, 70, 1000000, 150], [1020000, 80, 0, 0]]


ACTION = st.tuples(
    st.sampled_from([1, 1, 1, 2, 3, 4]), st.integers(0, 9), st.integers(1, 5), st.integers(0, 50)
)


@settings(max_examples=60)
@given(actions=st.lists(ACTION, min_size=1, max_size=60), hide=st.integers(0, 5))
def test_whatever_happens_the_book_of_the_events_is_that_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[int, int, int, int]], hide: int
) -> None:
    """A whole market of orders, of which the files show two levels and the messages in view."""
    orders: dict[int, tuple[int, int, int]] = {
        900 + n: (1 if n % 2 else -1, 100 - n if n % 2 else 101 + n, 3) for n in range(hide)
    }
    orders |= {1: (1, 96, 2), 2: (-1, 105, 2)}

    def side(direction: int) -> Levels:
        levels: Levels = {}
        for one, price, size in orders.values():
            if one == direction:
                levels[price * 10_000] = levels.get(price * 10_000, 0) + size
        return levels

    story: list[Step] = []
    for n, (kind, offset, size, pick) in enumerate(actions, 10):
        bid = max((p for d, p, _ in orders.values() if d == 1), default=90)
        ask = min((p for d, p, _ in orders.values() if d == -1), default=120)
        before = {1: sorted(side(1))[-2:], -1: sorted(side(-1))[:2]}
        if kind == 1:
            direction = 1 if pick % 2 else -1
            price = ask - 1 - offset if direction == 1 else bid + 1 + offset
            if price <= 0:
                continue
            orders[n] = (direction, price, size)
            message = (1, n, size, price * 10_000, direction)
        elif orders:
            order_id = sorted(orders)[pick % len(orders)]
            direction, price, have = orders[order_id]
            taken = have if kind == 3 else min(size, have)
            if kind == 2 and taken == have:
                continue
            if taken == have:
                del orders[order_id]
            else:
                orders[order_id] = (direction, price, have - taken)
            message = (kind, order_id, taken, price * 10_000, direction)
        else:
            continue
        at = message[3]
        after = sorted(side(direction), reverse=direction == 1)[:2]
        if at in before[direction] or at in after:
            story.append(((f"{n}", *message), side(-1), side(1)))
    if not story:
        return
    messages, books = pair(tmp_path_factory.mktemp("pair"), story)
    reader = check_books(messages, books)
    # The market moves out of view between rows, which the file shows only when it comes back.
    assert reader.agreed <= reader.compared == len(story) - 1
