"""Reads Databento's binary format DBN (versions 1 to 3), plain or packed, as numpy columns.

The library ``databento-dbn`` (extra ``data``) decodes the head and says how records are laid out;
the records themselves are read as arrays, many at once. Records of other types between them (symbol
mappings, system messages) are passed over and counted.

Source: the vendor's public documentation of the encoding.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.data.columns import Ints, Rows
from sim.data.databento import (
    DEPTHS,
    MBO,
    MBP1,
    MBP10,
    UNDEF_PRICE,
    Records,
    check_mbo,
    check_mbp,
)
from sim.data.inspection import Problems
from sim.data.packed import chunks
from sim.kernel.extras import load_extra
from sim.protocol.errors import DataFormatError

MAGIC: Final = b"DBN"
_HEAD: Final = 8
_MAX_HEAD_BYTES: Final = 1 << 26
_CLASSES: Final = {MBO: "MBOMsg", MBP1: "MBP1Msg", MBP10: "MBP10Msg"}
_SCHEMAS: Final = {"mbo": MBO, "mbp-1": MBP1, "mbp-10": MBP10}
_WORD: Final = 4
"""A record's first byte counts its length in words of so many bytes."""


class DbnRecords:
    """The records of one DBN file.

    Raises:
        DataFormatError: If the head is no DBN head, or the schema none of ours.
        MissingExtraError: If the extra ``data`` is not installed.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        self._library = load_extra("databento_dbn", "data", "reading DBN files")
        self._path = path
        self._problems = problems
        head = self._split_head(chunks(path))[0]
        self.schema = self._schema_of(head)
        self.facts: dict[str, Any] = {
            "dataset": str(head.dataset),
            "symbols": ",".join(head.symbols),
        }
        self.other_records = 0
        self._broken = ""

    def records(self) -> Iterator[Records]:
        """The records from the first on; a record's line is its number from 1.

        Raises:
            DataFormatError: If the file is cut off or damaged, or at the first bad record if the
                problems are strict.
        """
        self.other_records = 0
        pieces = chunks(self._path)
        head, rest = self._split_head(pieces)
        layout = np.dtype(getattr(self._library, _CLASSES[self.schema])._dtypes)
        if head.ts_out:
            layout = np.dtype([*layout.descr, ("ts_out", "<u8")])
        number = 1
        for piece in chain([b""], self._readable(pieces)):
            data = rest + piece
            at = 0
            while at + 1 < len(data) and at + data[at] * _WORD <= len(data):
                found, size = self._run(data, at, layout, number)
                at += size
                number += max(1, len(found))
                if len(found):
                    yield from self._checked(found, number - len(found))
            rest = data[at:]
        if rest or self._broken:
            what = f"the file is cut off or damaged {self._broken}".rstrip()
            self._problems.refuse(number, f"record {number}: {what}", "file cut off or damaged")

    def _readable(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces up to where the file cannot be unpacked any more."""
        self._broken = ""
        try:
            yield from pieces
        except DataFormatError as error:
            self._broken = f"({error.message})"

    def _split_head(self, pieces: Iterator[bytes]) -> tuple[Any, bytes]:
        """The decoded head, and what was read beyond it."""
        data = b""
        for piece in pieces:
            data += piece
            if len(data) >= _HEAD:
                end = _HEAD + int.from_bytes(data[4:_HEAD], "little")
                if not data.startswith(MAGIC) or end > _MAX_HEAD_BYTES:
                    break
                if len(data) >= end:
                    try:
                        head = self._library.Metadata.decode(data[:end])
                    except (self._library.DBNError, ValueError) as error:
                        message = f"the DBN head cannot be decoded: {error}"
                        raise DataFormatError(str(self._path), 0, message) from error
                    return head, data[end:]
        raise DataFormatError(str(self._path), 0, "is no DBN file, or ends within its head")

    def _schema_of(self, head: Any) -> int:
        schema = _SCHEMAS.get(str(head.schema))
        if schema is None:
            allowed = ", ".join(_SCHEMAS)
            message = f"the schema must be one of {allowed}, was {head.schema}"
            raise DataFormatError(str(self._path), 0, message)
        return schema

    def _run(
        self, data: bytes, at: int, layout: np.dtype[Any], number: int
    ) -> tuple[NDArray[Any], int]:
        """As many records of our type as follow one another, or none for one other record."""
        size, rtype = data[at] * _WORD, data[at + 1]
        if size < 16:
            message = f"record {number} is damaged: its length is {size} bytes"
            raise DataFormatError(str(self._path), number, message)
        if rtype != self.schema:
            self.other_records += 1
            return np.zeros(0, layout), size
        if size != layout.itemsize:
            message = f"record {number} must have {layout.itemsize} bytes, has {size}"
            raise DataFormatError(str(self._path), number, message)
        found = np.frombuffer(data, layout, (len(data) - at) // size, at)
        other = (found["length"] != data[at]) | (found["rtype"] != rtype)
        count = int(other.argmax()) if other.any() else len(found)
        return found[:count], count * size

    def _checked(self, found: NDArray[Any], number: int) -> Iterator[Records]:
        rows = Rows(np.arange(number, number + len(found)), self._problems)
        records = _columns(found, rows.line, DEPTHS[self.schema])
        check = check_mbo if self.schema == MBO else check_mbp
        check(rows, records)
        good = rows.finish()
        yield records if good.all() else records.take(good)


def _columns(found: NDArray[Any], line: Ints, depth: int) -> Records:
    count = len(found)
    levels = np.zeros((count, depth, 6), np.int64)
    for level in range(depth):
        for column, name in enumerate(("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")):
            levels[:, level, column] = found[f"{name}_{level:02d}"]
    levels[:, :, :2][levels[:, :, :2] == UNDEF_PRICE] = 0
    price = found["price"].astype(np.int64)
    order_id = found["order_id"] if "order_id" in (found.dtype.names or ()) else None
    return Records(
        ts_event=found["ts_event"].astype(np.int64),
        ts_recv=found["ts_recv"].astype(np.int64),
        publisher=found["publisher_id"].astype(np.int64),
        instrument=found["instrument_id"].astype(np.int64),
        action=np.ascontiguousarray(found["action"]).view(np.uint8),
        side=np.ascontiguousarray(found["side"]).view(np.uint8),
        price=np.where(price == UNDEF_PRICE, 0, price),
        size=found["size"].astype(np.int64),
        order_id=np.zeros(count, np.uint64) if order_id is None else order_id.astype(np.uint64),
        flags=found["flags"].astype(np.uint8),
        sequence=found["sequence"].astype(np.int64),
        levels=levels,
        line=line,
    )
