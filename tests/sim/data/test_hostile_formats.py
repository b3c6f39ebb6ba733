"""PITCH, Bitstamp, IEX DEEP and Hyperliquid: what is wrong with a file is found at its place."""

from collections.abc import Callable, Sequence
from pathlib import Path
from struct import pack

import pytest

from sim.data import converter, detect_format, inspect_format
from sim.data.conversion import ConversionError, ConversionReport
from sim.data.inspection import Inspection, InspectOptions
from sim.protocol.errors import DataFormatError


def inspected(path: Path, name: str) -> Inspection:
    assert detect_format(path) == name
    return inspect_format(name).inspect(path, InspectOptions())


def converted(
    name: str, path: Path, out: Path, **options: str
) -> tuple[ConversionReport, list[str]]:
    out.unlink(missing_ok=True)
    report = converter(name)([path], out, {"clock": "source"} | options)
    return report, out.read_text().splitlines()[1:]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "o.events.csv"


PITCH = """\
S28800011AAK27GA0000DTS000100SH    0000619200Y
S28800012ABK27GA00000KB001000SH    0000618200Y
S28800014X1K27GA00000Y000100
S28800014E00000000000A00007700004AQ00001
S28800015P4K27GA00003PB000100SH    0000618500000N4AQ00003
"""
OPENED = "S28800013A{}S000300{}0000619300Y\n"


def pitch(tmp_path: Path, *more: str) -> Path:
    lines = PITCH.splitlines(keepends=True)
    first, second = OPENED.format("1K27GA00000Y", "SH    "), OPENED.format("00000000000A", "ZVZZT ")
    path = tmp_path / "pitch.txt"
    path.write_bytes("".join([*lines[:2], first, second, *lines[2:], *more]).encode())
    return path


def test_pitch_of_one_symbol(tmp_path: Path, out: Path) -> None:
    _, lines = converted("pitch", pitch(tmp_path), out, symbol="SH")
    assert lines == [
        f"28800011000000,BATS,add,ask,61.92,100,{int('AK27GA0000DT', 36)}",
        f"28800012000000,BATS,add,bid,61.82,1000,{int('BK27GA00000K', 36)}",
        f"28800013000000,BATS,add,ask,61.93,300,{int('1K27GA00000Y', 36)}",
        f"28800014000000,BATS,reduce,ask,61.93,100,{int('1K27GA00000Y', 36)}",
        "28800015000000,BATS,trade,sell,61.85,100,",
    ]
    _, other = converted("pitch", pitch(tmp_path), out, symbol="ZVZZT")
    assert other[1] == f"28800014000000,BATS,execute,ask,61.93,77,{int('A', 36)}"
    with pytest.raises(DataFormatError, match="holds no event"):
        converted("pitch", pitch(tmp_path), out, symbol="NONE")
    with pytest.raises(ConversionError, match="option symbol is missing"):
        converted("pitch", pitch(tmp_path), out)


def test_C02_times_that_go_back_are_sorted_within_a_bound_or_refused(
    tmp_path: Path, out: Path
) -> None:
    """Both adds are brought before the message of 15 ms; beyond the bound they are refused."""
    late = [
        "S28800014ACK27GA0000DTS000100SH    0000619400Y\n",
        "S28800013ADK27GA0000DTS000100SH    0000619500Y\n",
    ]
    path = pitch(tmp_path, *late)
    with pytest.raises(DataFormatError, match=r"pitch\.txt:8: time goes back by 1 ms; -o sort_wit"):
        converted("pitch", path, out, symbol="SH")
    report, lines = converted("pitch", path, out, symbol="SH", sort_within="2ms")
    assert report.problems == (
        "2 times went back and were sorted",
        "pitch.txt: 2 x time goes back",
        "pitch.txt:8: time goes back by 1 ms; sorted, which takes -o sort_within",
        "pitch.txt:9: time goes back by 1 ms; sorted, which takes -o sort_within",
    )
    times = [int(line.split(",")[0]) for line in lines]
    assert times == sorted(times)
    assert "61.95" in lines[3]
    report, lines = converted("pitch", path, out, symbol="SH", sort_within="1ms", skip_bad="yes")
    assert report.statistics["left_out"] == 1
    found = inspected(path, "pitch")
    assert found.facts["times_that_go_back"] == 2
    assert [problem.line for problem in found.problems] == [8, 9]
    assert "-o sort_within=2ms" in found.notes[0]
    converted("pitch", path, out, symbol="SH", sort_within="2ms")


def test_C02_D04_what_is_left_out_for_its_time_leaves_no_order_behind(
    tmp_path: Path, out: Path
) -> None:
    """A cancel of an order whose add was too late is left out too, and nothing was sorted."""
    path = pitch(
        tmp_path,
        "S28800014ACK27GA0000DTS000100SH    0000619400Y\n",
        "S28800016XCK27GA0000DT000100\n",
    )
    report, lines = converted("pitch", path, out, symbol="SH", skip_bad="yes")
    assert report.problems == (
        "pitch.txt: 2 x row left out",
        "pitch.txt:8: time goes back by 1 ms; -o sort_within=... sorts times up to a bound",
        "pitch.txt:9: order CK27GA0000DT is not open",
    )
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("S28800016X9K27GA00000Y000100", "order 9K27GA00000Y is not open"),
        ("S28800016X1K27GA00000Y000201", "takes 201 of order 1K27GA00000Y, which has 200"),
        ("S28800016AAK27GA0000DTS000100SH    0000619200Y", "order AK27GA0000DT is open already"),
        ("S28800016AZK27GA0000DTS000000SH    0000619200Y", "shares and price must be > 0"),
        ("S28800016AZK27GA0000DTS000100SH    0000000000Y", "shares and price must be > 0"),
        ("S28800016X1K27GA00000Y      ", "shares must be a whole number, were '      '"),
        ("S28800016AZK27GA0000DTS00 100SH    0000619200Y", "shares must be a whole number"),
        ("S28800016ZZK27", "must be a PITCH message A, E, X or P"),
        ("28800016X1K27GA00000Y000100", "must be a PITCH message"),
    ],
)
def test_C01_D04_a_bad_pitch_line_is_refused_or_left_out(
    tmp_path: Path, out: Path, line: str, what: str
) -> None:
    path = pitch(tmp_path, line + "\r\n")
    with pytest.raises(DataFormatError, match=rf"pitch\.txt:8: {what}"):
        converted("pitch", path, out, symbol="SH")
    report, lines = converted("pitch", path, out, symbol="SH", skip_bad="yes")
    assert (len(lines), report.statistics["left_out"]) == (5, 1)
    assert inspected(path, "pitch").problems[0].line == 8


TABLE = """\
id,timestamp,exchange.timestamp,price,volume,action,direction
1,1000,1000,236.47,200000000,created,bid
2,1001,1000,236.50,100000000,created,ask
1,1002,1000,236.47,150000000,changed,bid
1,1003,1000,236.47,0,deleted,bid
2,1004,1000,236.50,100000000,deleted,ask
"""
LOG = """\
1000 order_created {"price": "236.47", "amount": "2.0", "datetime": "1", "id": 1, "order_type": 0}
1001 order_created {"price": "236.50", "amount": "1.0", "datetime": "1", "id": 2, "order_type": 1}
601002 order_book {"bids": [["236.47", "2.0"]], "asks": [["236.50", "1.0"]]}
601003 trade {"price": 236.47, "amount": 0.5, "id": 7}
601003 order_book {"bids": [["236.46", "2.0"]], "asks": [["236.50", "1.0"]]}
"""


def save(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "b.csv"
    path.write_text(text, encoding="ascii")
    return path


def test_a_table_of_bitstamp_orders(tmp_path: Path, out: Path) -> None:
    """A smaller volume is a trade, a deletion with volume 0 the last one."""
    _, lines = converted("bitstamp", save(tmp_path, TABLE), out)
    assert lines == [
        "1000000000,Bitstamp,add,bid,236.47,2,1",
        "1001000000,Bitstamp,add,ask,236.5,1,2",
        "1002000000,Bitstamp,execute,bid,236.47,0.5,1",
        "1003000000,Bitstamp,execute,bid,236.47,1.5,1",
        "1004000000,Bitstamp,delete,ask,236.5,1,2",
    ]


def test_the_raw_log_is_compared_with_its_snapshots(tmp_path: Path, out: Path) -> None:
    path = save(tmp_path, LOG)
    found = inspected(path, "bitstamp")
    assert found.agreement == {"best_quote": 0.5}
    _, lines = converted("bitstamp", path, out)
    assert lines[-1] == "601003000000,Bitstamp,trade,,236.47,0.5,"


@pytest.mark.parametrize(
    ("row", "what", "kind"),
    [
        ("9,1005,1,236,0,deleted,bid", "order 9 is not open: it is older", "order older than the"),
        ("1,1005,1,236,0,deleted,bid", "order 1 is not open any more", "order closed before"),
        ("2,1005,1,236,5,created,bid", "order 2 is open already", ""),
        ("3,1005,1,0,5,created,bid", "must be > 0", ""),
        ("3,1005,1,236,0,created,bid", "order 3 is open already, or has no volume", ""),
        ("3,1005,1,1e3,5,created,bid", "must be a plain decimal", ""),
        ("3,1005,1,236,5,made,bid", "action must be created, changed or deleted", ""),
        ("3,999,1,236,5,created,bid", "time goes back, from 1003 to 999 ms", ""),
        ("3,1005,1,236,5,created", "a row must have 7 fields", ""),
    ],
)
def test_C01_C02_D04_a_bad_bitstamp_row_has_its_line(
    tmp_path: Path, out: Path, row: str, what: str, kind: str
) -> None:
    path = save(tmp_path, TABLE.rpartition("2,1004")[0] + row + "\n")
    with pytest.raises(DataFormatError, match=rf"b\.csv:6: {what}"):
        converted("bitstamp", path, out)
    report, lines = converted("bitstamp", path, out, skip_bad="yes")
    assert (len(lines), report.statistics["left_out"]) == (4, 1)
    counts = inspected(path, "bitstamp").problem_counts
    assert [name.startswith(kind or "row left out") for name in counts] == [True]


def level(kind: bytes, size: int, price: int, symbol: bytes = b"ACME") -> bytes:
    return pack("<cBq8sIq", kind, 1, 5, symbol.ljust(8), size, price)


def status(word: bytes) -> bytes:
    return pack("<ccq8s", b"H", word, 5, b"ACME    ") + b"    "


def trade(size: int, price: int) -> bytes:
    return level(b"T", size, price) + bytes(8)


def packet(sequence: int, sent_ns: int, *messages: bytes, protocol: int = 0x8004) -> bytes:
    body = b"".join(pack("<H", len(one)) + one for one in messages)
    head = pack("<BxHIIHHqqq", 1, protocol, 1, 7, len(body), len(messages), 0, sequence, sent_ns)
    return bytes(42) + head + body


def capture(tmp_path: Path, packets: Sequence[bytes], *, cut: int = 0) -> Path:
    data = b"\xd4\xc3\xb2\xa1" + bytes(20)
    for one in packets:
        data += pack("<IIII", 0, 0, len(one), len(one)) + one
    path = tmp_path / "x.pcap"
    path.write_bytes(data[: len(data) - cut])
    return path


GOOD = [
    packet(1, 100, level(b"8", 300, 1_000_000), level(b"5", 200, 1_000_200)),
    packet(3, 200, trade(100, 1_000_200), level(b"5", 0, 1_000_200), status(b"H")),
    packet(6, 300, status(b"T"), level(b"8", 1, 50_000, b"OTHER")),
]


def test_levels_trades_and_halts_of_a_capture(tmp_path: Path, out: Path) -> None:
    path = capture(tmp_path, GOOD)
    _, lines = converted("iex_deep", path, out, symbol="ACME")
    assert lines == [
        "100,IEX,level,bid,100,300,",
        "100,IEX,level,ask,100.02,200,",
        "200,IEX,trade,,100.02,100,",
        "200,IEX,level,ask,100.02,0,",
        "200,IEX,halt,,,,",
        "300,IEX,resume,,,,",
    ]
    found = inspected(path, "iex_deep")
    assert (found.rows, found.venues, found.problems) == (3, ("ACME", "OTHER"), ())


@pytest.mark.parametrize(
    ("packets", "cut", "line", "what"),
    [
        (GOOD, 3, 3, "the capture is cut within this packet"),
        (GOOD, 500, 1, "the capture is cut within this packet"),
        ([GOOD[0], GOOD[2]], 0, 2, "sequence number 6, expected 3"),
        ([GOOD[0], packet(3, 50, trade(1, 1))], 0, 2, "was sent 50 ns before the packet before"),
        ([GOOD[0], packet(3, 200, trade(1, 0))], 0, 2, "price and size must be > 0"),
        ([GOOD[0], packet(3, 200, protocol=0x8003)], 0, 2, "carries protocol 0x8003, not DEEP"),
        ([GOOD[0], bytes(90)], 0, 2, "carries no IEX Transport Protocol"),
        ([GOOD[0], GOOD[1][:-3]], 0, 2, "is shorter than its messages"),
    ],
)
def test_C01_C02_D04_a_bad_packet_is_told_by_its_number(
    tmp_path: Path, out: Path, packets: list[bytes], cut: int, line: int, what: str
) -> None:
    path = capture(tmp_path, packets, cut=cut)
    with pytest.raises(DataFormatError, match=rf"x\.pcap:{line}: {what}"):
        converted("iex_deep", path, out, symbol="ACME")
    found = inspect_format("iex_deep").inspect(path, InspectOptions())
    assert found.problems[0].line == line
    assert found.left_out == 1


HYPER = """\
100 {"channel":"l2Book","data":{"coin":"BTC","time":1,"levels":[[{"n":5,"px":"99","sz":"1"}],\
[{"n":1,"px":"101","sz":"2"}]]}}
200 {"channel":"trades","data":[{"coin":"BTC","px":"101","sz":"0.5","side":"B","time":1}]}
300 {"channel":"l2Book","data":{"coin":"BTC","time":2,"levels":[[{"n":5,"px":"99","sz":"1"}],\
[{"n":1,"px":"102","sz":"2"}]]}}
"""


def test_a_hyperliquid_recording(tmp_path: Path, out: Path) -> None:
    path = save(tmp_path, HYPER)
    assert inspected(path, "hyperliquid").facts["coin"] == "BTC"
    _, lines = converted("hyperliquid", path, out)
    assert lines == [
        "100,Hyperliquid,level,bid,99,1,",
        "100,Hyperliquid,level,ask,101,2,",
        "200,Hyperliquid,trade,buy,101,0.5,",
        "300,Hyperliquid,level,ask,101,0,",
        "300,Hyperliquid,level,ask,102,2,",
    ]
    bad = save(tmp_path, HYPER + "299 {}\n")
    with pytest.raises(DataFormatError, match=r"b\.csv:4: receive time goes back"):
        converted("hyperliquid", bad, out)
    assert inspected(bad, "hyperliquid").left_out == 1


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("hyperliquid", '400 {"channel":"trades","data":%s}\n'),
        ("bitstamp", '601004 order_created {"a":%s}\n'),
    ],
)
def test_S08_what_is_nested_too_deeply_is_a_bad_row(
    tmp_path: Path, out: Path, name: str, row: str
) -> None:
    sound = {"hyperliquid": HYPER, "bitstamp": LOG}[name]
    path = save(tmp_path, sound + row % (20_000 * "[" + 20_000 * "]"))
    with pytest.raises(DataFormatError, match=rf"b\.csv:{sound.count(chr(10)) + 1}: .*recursion"):
        converted(name, path, out)
    assert inspected(path, name).left_out == 1


@pytest.mark.parametrize("name", ["pitch", "bitstamp", "iex_deep", "hyperliquid", "tardis"])
def test_no_partner_is_taken(tmp_path: Path, name: str) -> None:
    path = save(tmp_path, "x\n")
    with pytest.raises(DataFormatError, match="no partner"):
        inspect_format(name).inspect(path, InspectOptions(against=path))


@pytest.mark.shared
@pytest.mark.slow
def test_the_real_pitch_sample(shared_file: Callable[[str], Path], out: Path) -> None:
    path = shared_file("bats_pitch/pitch_example_data_20000msgs.txt.gz")
    found = inspected(path, "pitch")
    assert (found.rows, found.problem_counts) == (20_000, {"time goes back": 691})
    assert found.facts["messages"] == {"A": 10_361, "E": 20, "P": 27, "X": 9_592}
    assert found.facts["orders_open_at_the_end"] == 784
    assert found.facts["times_that_go_back"] == 691
    assert "by up to 2 ms" in found.notes[0]
    assert (found.first_ns, found.last_ns) == (28_800_011_000_000, 28_963_734_000_000)
    report, _ = converted("pitch", path, out, symbol="SPY", sort_within="2ms")
    assert report.statistics["left_out"] == 0


@pytest.mark.shared
@pytest.mark.slow
def test_the_real_bitstamp_day(shared_file: Callable[[str], Path]) -> None:
    """Read by the rules of volume, the best prices agree far better than in a naive book."""
    table = inspected(shared_file("bitstamp_l3/BTCUSD_2015-05-01_orders.csv.gz"), "bitstamp")
    assert table.facts["messages"] == {"changed": 602, "created": 24_894, "deleted": 24_918}
    assert (table.rows, table.problem_counts["order older than the file"]) == (50_414, 191)
    assert table.problem_counts["order closed before"] == 22
    log = inspected(shared_file("bitstamp_l3/BTCUSD_2015-05-01_raw_stream.log.gz"), "bitstamp")
    assert (log.rows, log.facts["messages"]["order_book"]) == (56_000, 5_011)
    assert log.facts["messages"]["trade"] == 575
    assert log.agreement["best_quote"] == pytest.approx(0.9981, abs=1e-4)


@pytest.mark.shared
@pytest.mark.slow
def test_the_real_capture_ends_within_its_last_packet(shared_file: Callable[[str], Path]) -> None:
    found = inspected(shared_file("iex_pcap/IEX_DEEP1.0_2017-04-25_excerpt.pcap.gz"), "iex_deep")
    assert found.rows == 121_315
    assert found.facts["sequence_gaps"] == found.problem_counts["sequence gap"] == 11
    assert found.problem_counts["cut packet"] == 1
    assert found.problem_counts["crossed book"] == 175
    assert found.facts["messages"]["T"] == 83_343
    assert found.problems[-1].line == 121_315


@pytest.mark.shared
def test_the_real_hyperliquid_sample(shared_file: Callable[[str], Path]) -> None:
    name = "crypto_l2_raw/hyperliquid_btcusd_20250126.jsonl.gz"
    found = inspected(shared_file(name), "hyperliquid")
    assert (found.rows, found.problems) == (55, ())


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "create_p50", "never"),
    [
        ("binance/test_1_continents/binance_aws_1_Tokyo", 2_874, 71, 0),
        ("kucoin/test_2_hft/kucoin_hft", 11_855, 39, 5),
        ("kucoin/test_2_hft/kucoin_ordinary", 11_857, None, 29),
    ],
)
def test_real_logs_of_order_states(
    shared_file: Callable[[str], Path], name: str, rows: int, create_p50: int | None, never: int
) -> None:
    path = shared_file(f"order_latency/{name}_latency_check.csv.gz")
    found = inspected(path, "order_latency")
    assert found.rows == rows
    asked = ("create never answered", "cancel never answered")
    assert sum(found.problem_counts.get(kind, 0) for kind in asked) == never
    if create_p50 is not None:
        assert found.facts["round_trips_ms"]["create"]["p50"] == create_p50


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "p5", "p50", "p95", "p99", "largest"),
    [
        ("binance/test_1_continents/binance_aws_1_Tokyo", 46, 71, 180, 308, 447),
        ("binance/test_1_continents/binance_aws_2_Singapore", 85, 96, 249, 321, 582),
        ("binance/test_1_continents/binance_aws_3_London", 230, 243, 690, 756, 939),
        ("binance/test_1_continents/binance_aws_6_Sao_Paolo", 288, 302, 451, 868, 1132),
        ("gate_io/test_1_asia/gate_io_aws_1_Tokyo", 38, 40, 84, 210, 225),
        ("kucoin/test_1_asia/kucoin_aws_1_Tokyo", 42, 54, 136, 216, 387),
        ("htx/test_1_asia/htx_aws_1_Tokyo", 39, 41, 86, 210, 218),
    ],
)
def test_create_round_trips_are_those_of_the_readme(
    shared_file: Callable[[str], Path],
    name: str, p5: int, p50: int, p95: int, p99: int, largest: int,
) -> None:  # fmt: skip
    found = inspected(shared_file(f"order_latency/{name}_latency_check.csv.gz"), "order_latency")
    trips = found.facts["round_trips_ms"]["create"]
    assert [trips[key] for key in ("p5", "p50", "p95", "p99", "largest")] == [
        p5, p50, p95, p99, largest
    ]  # fmt: skip
