"""Reads Databento's CSV: MBO, MBP-1 and MBP-10, columns found by their names in the header.

Times are UTC text or whole nanoseconds. A price is a decimal; one without a point and of 8 or more
digits is a whole number of 1e-9, as the vendor writes it when asked for raw prices. An empty price
is none. Columns that are not needed may be missing or there in any order.

Source: the vendor's public documentation of its CSV encoding.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.data.columns import Ints, Sheet, check_fields, sheets
from sim.data.databento import (
    ACTIONS,
    DEPTHS,
    MBO,
    MBP1,
    MBP10,
    SIDES,
    UNDEF_PRICE,
    Records,
    check_mbo,
    check_mbp,
)
from sim.data.inspection import Problems
from sim.protocol.errors import DataFormatError

_NEEDED: Final = ("ts_event", "publisher_id", "action", "side", "price", "size", "sequence")
_LEVEL: Final = ("bid_px", "ask_px", "bid_sz", "ask_sz", "bid_ct", "ask_ct")
_UINT32: Final = (1 << 32) - 1
_UINT64: Final = (1 << 64) - 1


def schema_of(header: str) -> int | None:
    """Record type that a header tells, None if it is none of ours."""
    names = set(header.split(","))
    if not set(_NEEDED) <= names:
        return None
    if "bid_px_09" in names:
        return MBP10
    if "bid_px_00" in names:
        return MBP1 if "bid_px_01" not in names else None
    return MBO if "order_id" in names else None


class CsvRecords:
    """The records of one CSV file.

    Raises:
        DataFormatError: If the header is none of Databento's, or lacks a column.
    """

    def __init__(self, path: Path, header: str, problems: Problems) -> None:
        schema = schema_of(header)
        if schema is None:
            message = f"the header is none of MBO, MBP-1 or MBP-10: {header[:120]!a}"
            raise DataFormatError(str(path), 1, message)
        self.schema = schema
        self.facts: dict[str, Any] = {}
        self._path = path
        self._problems = problems
        self._header = header
        self._names = header.split(",")
        self._place = {name: place for place, name in enumerate(self._names)}
        self._levels = [f"{name}_{level:02d}" for level in range(DEPTHS[schema]) for name in _LEVEL]
        needed = [*self._levels, *(["order_id"] if schema == MBO else [])]
        check_fields(path, self._names, needed)

    def records(self) -> Iterator[Records]:
        """The records from the first on; a row's line counts the header as 1.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        for sheet in sheets(self._path, self._header, self._names, self._problems):
            found = self._records(sheet)
            check = check_mbo if self.schema == MBO else check_mbp
            check(sheet, found)
            good = sheet.finish()
            yield found if good.all() else found.take(good)

    def _records(self, sheet: Sheet) -> Records:
        place = self._place
        rtype = self._optional(sheet, "rtype", self.schema)
        sheet.refuse(rtype != self.schema, f"rtype must be {self.schema} as of the first rows")
        event = sheet.utc_time(place["ts_event"])
        count = len(sheet)
        levels = np.zeros((count, DEPTHS[self.schema], 6), np.int64)
        for number, name in enumerate(self._levels):
            column = self._price if number % 6 < 2 else self._count
            levels[:, number // 6, number % 6] = column(sheet, place[name])
        order_id = np.zeros(count, np.uint64)
        if "order_id" in place:
            order_id = sheet.unsigned(place["order_id"], bound=_UINT64)
        receive = sheet.utc_time(place["ts_recv"]) if "ts_recv" in place else event
        return Records(
            ts_event=event,
            ts_recv=receive,
            publisher=sheet.unsigned(place["publisher_id"], bound=0xFFFF).astype(np.int64),
            instrument=self._optional(sheet, "instrument_id", 0),
            action=sheet.choice(place["action"], ACTIONS).astype(np.uint8),
            side=sheet.choice(place["side"], SIDES).astype(np.uint8),
            price=self._price(sheet, place["price"]),
            size=self._count(sheet, place["size"]),
            order_id=order_id,
            flags=self._optional(sheet, "flags", 0).astype(np.uint8),
            sequence=self._count(sheet, place["sequence"]),
            levels=levels,
            line=sheet.line,
        )

    def _optional(self, sheet: Sheet, name: str, default: int) -> Ints:
        if name not in self._place:
            return np.full(len(sheet), default, np.int64)
        return self._count(sheet, self._place[name])

    def _count(self, sheet: Sheet, column: int) -> Ints:
        return sheet.unsigned(column, bound=_UINT32).astype(np.int64)

    def _price(self, sheet: Sheet, column: int) -> Ints:
        """Prices in 1e-9; 0 where there is none."""
        raw = sheet.is_long_whole(column, 8)
        if not raw.any():
            return sheet.decimal(column, blank=sheet.empty(column))
        whole = sheet.unsigned(column, only=raw).astype(np.int64)
        decimal = sheet.decimal(column, blank=sheet.empty(column) | raw)
        return np.where(raw, np.where(whole == UNDEF_PRICE, 0, whole), decimal)
