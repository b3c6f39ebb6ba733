"""Numbers at the border of 64 bits, and more names than a market has: refused at their place."""

from pathlib import Path
from struct import pack

import pytest

from sim.data import converter, inspect_format
from sim.data.inspection import InspectOptions
from sim.protocol.errors import DataFormatError

HUGE = "9000000000000000000"
MBO = "ts_event,publisher_id,action,side,price,size,sequence,order_id,flags"
BITSTAMP = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"
TARDIS = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
TRADE = '1000 trade {{"price": {}, "amount": {}, "id": 7}}\n'
ORDER = (
    '1000 order_created {{"price": "1.5", "amount": "1.0", "datetime": "1", "id": {}, '
    '"order_type": 0}}\n'
)


def deep(price: int = 1_000_000, sent_ns: int = 100) -> bytes:
    """A capture of one packet with one price level."""
    message = pack("<cBq8sIq", b"8", 1, 5, b"ACME    ", 300, price)
    body = pack("<H", len(message)) + message
    head = pack("<BxHIIHHqqq", 1, 0x8004, 1, 7, len(body), 1, 0, 1, sent_ns)
    packet = bytes(42) + head + body
    return b"\xd4\xc3\xb2\xa1" + bytes(20) + pack("<IIII", 0, 0, len(packet), len(packet)) + packet


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("iex_deep", deep(price=2**62), "price must be at most"),
        ("iex_deep", deep(sent_ns=2**63 - 1), "time must be from 0 to"),
        ("bitstamp", f"{BITSTAMP}1,{HUGE[:18]},1,236.47,2,created,bid\n", "time must be from"),
        ("bitstamp", f"{BITSTAMP}1,1000,1,236.47,{HUGE[:18]}9,created,bid\n", "at most 18 digits"),
        ("bitstamp", TRADE.format("1e300", "0.5"), "at most 9223372036"),
        ("bitstamp", TRADE.format("1.5", "1e12"), "at most 9223372036"),
        ("bitstamp", ORDER.format("-1"), "id must be a whole number from 0"),
        ("bitstamp", ORDER.format(2**64), "id must be a whole number from 0"),
        ("hyperliquid", f'{HUGE} {{"channel":"trades","data":[]}}\n', "time must be from 0 to"),
        ("tardis", f"{TARDIS}x,Y,{HUGE},{HUGE},true,bid,100,5\n", "timestamp must be"),
    ],
)
def test_D06_a_time_a_price_or_an_id_beyond_64_bits_is_refused_at_its_line(
    tmp_path: Path, name: str, data: bytes | str, what: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    options = {"symbol": "ACME"} if name == "iex_deep" else {}
    with pytest.raises(DataFormatError, match=what):
        converter(name)([path], tmp_path / "o.events.csv", options)
    assert inspect_format(name).inspect(path, InspectOptions()).left_out == 1


def test_S09_a_file_with_more_names_than_a_market_has_is_refused(tmp_path: Path) -> None:
    """Looking for each of a million names would take hours."""
    path = tmp_path / "f"
    rows = "".join(f"0,V{n},clear,,,,\n" for n in range(1_001))
    path.write_text(f"t_ns,venue,event,side,price,qty,order_id\n{rows}")
    with pytest.raises(DataFormatError, match="more than 1000 different names as venue"):
        converter("events")([path], tmp_path / "o.events.csv", {})


def test_C01_a_header_of_very_many_columns_is_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text(f"{MBO}{',x' * 30_000}\n1\n")
    with pytest.raises(DataFormatError, match="the header names 'x' twice"):
        converter("databento")([path], tmp_path / "o.events.csv", {})
