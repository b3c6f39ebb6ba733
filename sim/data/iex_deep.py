"""IEX DEEP 1.0 in a packet capture (classic pcap, Ethernet, IPv4, UDP): level and trade events.

A packet carries IEX Transport Protocol v1: a header of 40 bytes with the session's next sequence
number, then messages with a length before each. Price-level updates (``8`` buy side, ``5`` sell
side; size 0: gone) become level events, trade reports (``T``) trades whose aggressor is not known,
halts and resumptions of a symbol (``H``) those of its book. Prices are in 1/10,000 USD. The time
of an event is that at which its packet was sent (nanoseconds since 1970, UTC), which never goes
back; a message's own time may be older, and those do.

A capture that is cut within its last packet, and gaps in the sequence numbers, are troubles with
the number of the packet as their line; after a gap a book may show levels that are gone.

Source: IEX's public specifications of its transport protocol and of DEEP 1.0.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from struct import Struct
from typing import Any, Final

from sim.data.conversion import ConversionReport, Option, Options
from sim.data.event_rows import EventRows, Row
from sim.data.events import ASK, BID, SCALE, Event, EventBlock
from sim.data.inspect_reader import inspect_reader
from sim.data.inspection import Inspection, InspectOptions, Problems
from sim.data.numbers import clock_time
from sim.data.packed import chunks
from sim.data.to_events import OFFSET, only_input, read_yes, signed_duration, write_events
from sim.data.window import WINDOW_OPTIONS
from sim.protocol.errors import DataFormatError
from sim.protocol.units import UnitError

NAME: Final = "iex_deep"
VENUE: Final = "IEX"
OPTIONS: Final = (Option("symbol", "the one symbol to convert"), OFFSET, *WINDOW_OPTIONS)
DEEP_1_0: Final = 0x8004
MAX_PACKET_BYTES: Final = 1 << 16
_TICK: Final = SCALE // 10_000
_PRICE_MAX: Final = ((1 << 63) - 1) // _TICK
_SYMBOLS_MAX: Final = (1 << 15) - 1
_ENDIAN: Final = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<"}
_HEADERS_BYTES: Final = 14 + 20 + 8
_TRANSPORT: Final = Struct("<BxHIIHHqqq")
_LEVEL: Final = Struct("<cBq8sIq")
_STATUS: Final = Struct("<ccq8s")
_SIDES: Final = {b"8": BID, b"5": ASK}


def detect(path: Path, first_bytes: bytes) -> bool:
    """A capture whose first packet carries DEEP 1.0."""
    if first_bytes[:4] not in _ENDIAN or len(first_bytes) < 24 + 16 + _HEADERS_BYTES + 40:
        return False
    transport = first_bytes[24 + 16 + _HEADERS_BYTES :][: _TRANSPORT.size]
    return transport[0] == 1 and _TRANSPORT.unpack(transport)[1] == DEEP_1_0


def inspect(path: Path, options: InspectOptions) -> Inspection:
    """Read all packets, each symbol as a venue of its own.

    Raises:
        DataFormatError: If the file is no such capture, or a partner is named.
    """
    if options.against is not None:
        raise DataFormatError(str(path), 0, "this format has no partner file")
    problems = Problems(path, strict=False)
    return inspect_reader(NAME, path, DeepEvents(path, None, problems=problems), problems)


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write the levels and trades of one symbol.

    Raises:
        DataFormatError: If the capture is wrong, or has no event of the symbol.
        ConversionError: If an option is.
    """
    given = Options(options, OPTIONS)
    symbol = given.take("symbol", str)
    offset_ns = given.take("offset", signed_duration)
    path = only_input(inputs)
    problems = Problems(path, strict=not given.take("skip_bad", read_yes))
    reader = DeepEvents(path, symbol, problems=problems, offset_ns=offset_ns)
    return write_events(
        NAME, reader, out, given, problems=[problems], statistics={"symbol": symbol}
    )


class DeepEvents:
    """Reads one capture.

    Attributes:
        rows: Packets so far.

    Args:
        path: The file, plain or packed.
        symbol: The one whose messages count, under the venue ``IEX``; None: all, each symbol a
            venue of its own.
        problems: Where troubles go; without it a trouble is an error.
        offset_ns: Added to each time.
    """

    def __init__(
        self,
        path: Path,
        symbol: str | None,
        *,
        problems: Problems | None = None,
        offset_ns: int = 0,
    ) -> None:
        self.rows = 0
        self._path = path
        self._symbol = None if symbol is None else symbol.encode().ljust(8)
        self._problems = Problems(path) if problems is None else problems
        self._offset_ns = offset_ns
        self._venues: dict[bytes, int] = {} if self._symbol is None else {self._symbol: 0}
        self._halted: set[int] = set()
        self._next: dict[int, int] = {}
        self._last_ns = 0
        self._messages: dict[str, int] = {}
        self._gaps = self._back = self._own_ns = 0

    @property
    def venues(self) -> tuple[str, ...]:
        """``IEX``, or the symbols with events so far."""
        if self._symbol is not None:
            return (VENUE,)
        return tuple(name.decode("ascii", "replace").strip() for name in self._venues)

    def facts(self) -> dict[str, Any]:
        """Messages by type, gaps in the sequence, and messages whose own time goes back."""
        return {
            "messages": dict(sorted(self._messages.items())),
            "sequence_gaps": self._gaps,
            "own_times_that_go_back": self._back,
        }

    def blocks(self) -> Iterator[EventBlock]:
        """The events from the first on.

        Raises:
            DataFormatError: At the first trouble, if the problems are strict.
        """
        rows = EventRows()
        for packet in self._packets():
            self.rows += 1
            try:
                for sent_ns, message in self._transported(packet):
                    row = self._event(sent_ns + self._offset_ns, message)
                    if row is not None:
                        rows.add(row)
            except UnitError as error:
                self._problems.refuse(self.rows, str(error))
            yield from rows.full()
        yield from rows.rest()

    def _packets(self) -> Iterator[bytes]:
        """The packets' bytes, without the headers of the capture."""
        source = chunks(self._path)
        data = next(source, b"")
        endian = _ENDIAN.get(data[:4])
        if endian is None:
            raise DataFormatError(str(self._path), 1, "does not begin as a pcap file does")
        header, at, number = Struct(f"{endian}IIII"), 24, 0
        while True:
            while len(data) - at < header.size + MAX_PACKET_BYTES:
                more = next(source, None)
                if more is None:
                    break
                data, at = data[at:] + more, 0
            if at == len(data):
                return
            number += 1
            begin = at + header.size
            size = header.unpack_from(data, at)[2] if begin <= len(data) else 0
            if size > MAX_PACKET_BYTES:
                message = f"a packet of {size} bytes; the capture is damaged"
                raise DataFormatError(str(self._path), number, message)
            if begin + size > len(data) or begin > len(data):
                self.rows += 1
                self._problems.refuse(number, "the capture is cut within this packet", "cut packet")
                return
            yield data[begin : begin + size]
            at = begin + size

    def _transported(self, packet: bytes) -> Iterator[tuple[int, bytes]]:
        """When a packet was sent, with each of its messages; tells of a gap before it."""
        body = packet[_HEADERS_BYTES:]
        if len(body) < _TRANSPORT.size or body[0] != 1:
            raise UnitError("carries no IEX Transport Protocol version 1")
        _, protocol, _, session, length, count, _, sequence, sent_ns = _TRANSPORT.unpack_from(body)
        if protocol != DEEP_1_0:
            raise UnitError(f"carries protocol {protocol:#x}, not DEEP 1.0 ({DEEP_1_0:#x})")
        expected = self._next.get(session, sequence)
        if sequence != expected:
            self._gaps += 1
            what = f"sequence number {sequence}, expected {expected}"
            self._problems.refuse(self.rows, what, "sequence gap")
        self._next[session] = sequence + count
        clock_time(sent_ns)
        if sent_ns < self._last_ns:
            raise UnitError(f"was sent {self._last_ns - sent_ns} ns before the packet before it")
        self._last_ns = sent_ns
        at, end = _TRANSPORT.size, _TRANSPORT.size + length
        if end > len(body):
            raise UnitError("is shorter than its messages")
        for _ in range(count):
            size = int.from_bytes(body[at : at + 2], "little")
            if at + 2 + size > end or not size:
                raise UnitError("has a message that does not fit")
            yield sent_ns, body[at + 2 : at + 2 + size]
            at += 2 + size

    def _event(self, t_ns: int, message: bytes) -> Row | None:
        kind = message[:1]
        word = kind.decode("ascii", "replace")
        self._messages[word] = self._messages.get(word, 0) + 1
        if kind == b"H" and len(message) >= _STATUS.size:
            _, status, own_ns, symbol = _STATUS.unpack_from(message)
            self._note_time(own_ns)
            return self._status(status, t_ns, symbol)
        if kind not in {b"8", b"5", b"T"} or len(message) < _LEVEL.size:
            return None
        _, _, own_ns, symbol, size, price = _LEVEL.unpack_from(message)
        self._note_time(own_ns)
        venue = self._venue(symbol)
        if venue is None:
            return None
        if price <= 0 or (kind == b"T" and not size):
            raise UnitError(f"price and size must be > 0, were {price} and {size}")
        if price > _PRICE_MAX:
            raise UnitError(f"price must be at most {_PRICE_MAX} (1/10,000 USD), was {price}")
        px, qty = price * _TICK, size * SCALE
        if kind == b"T":
            return (t_ns, venue, Event.TRADE, 0, px, qty, 0, self.rows)
        return (t_ns, venue, Event.LEVEL, _SIDES[kind], px, qty, 0, self.rows)

    def _status(self, status: bytes, t_ns: int, symbol: bytes) -> Row | None:
        """A halt or a resumption; the status of a symbol that trades on says nothing new."""
        if status == b"T" and symbol not in self._venues:
            return None
        venue = self._venue(symbol)
        if venue is None or (status == b"T") is (venue not in self._halted):
            return None
        if status == b"T":
            self._halted.discard(venue)
            return (t_ns, venue, Event.RESUME, 0, 0, 0, 0, self.rows)
        self._halted.add(venue)
        return (t_ns, venue, Event.HALT, 0, 0, 0, 0, self.rows)

    def _venue(self, symbol: bytes) -> int | None:
        if self._symbol is not None:
            return self._venues.get(symbol)
        venue = self._venues.setdefault(symbol, len(self._venues))
        if venue >= _SYMBOLS_MAX:
            message = f"more than {_SYMBOLS_MAX} symbols"
            raise DataFormatError(str(self._path), self.rows, message)
        return venue

    def _note_time(self, own_ns: int) -> None:
        self._back += own_ns < self._own_ns
        self._own_ns = own_ns
