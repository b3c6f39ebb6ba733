"""Readers and converters of external market-data formats, one format per file."""

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from pathlib import Path

    from sim.data.conversion import Converter, Option
    from sim.data.inspection import InspectFormat

CONVERTERS: Final = {
    "binance_l2": "sim.data.binance_l2:convert",
    "binance_raw": "sim.data.binance_raw:convert",
    "bitstamp": "sim.data.bitstamp:convert",
    "fx_quotes": "sim.data.fx_quotes:convert",
    "hyperliquid": "sim.data.hyperliquid:convert",
    "iex_deep": "sim.data.iex_deep:convert",
    "order_latency": "sim.data.order_latency:convert",
    "pitch": "sim.data.pitch:convert",
    "tardis": "sim.data.tardis:convert",
    "us_quotes": "sim.data.us_quotes:convert",
    "databento": "sim.data.databento_convert:convert",
    "events": "sim.data.events_convert:convert",
    "lobster": "sim.data.lobster_convert:convert",
}
"""Converter name -> where its function lies; resolved on use, since each brings its own
libraries."""

FORMATS: Final = {
    "events": "sim.data.inspect_events",
    "recorded_l2": "sim.data.inspect_recorded",
    "databento": "sim.data.inspect_databento",
    "binance_raw": "sim.data.binance_raw",
    "hyperliquid": "sim.data.hyperliquid",
    "iex_deep": "sim.data.iex_deep",
    "order_latency": "sim.data.order_latency",
    "pitch": "sim.data.pitch",
    "bitstamp": "sim.data.bitstamp",
    "tardis": "sim.data.tardis",
    "us_quotes": "sim.data.us_quotes",
    "fx_quotes": "sim.data.fx_quotes",
    "lobster": "sim.data.inspect_lobster",
}
"""Format name -> module with ``detect`` and ``inspect``; asked in this order, so a format that is
told by a sure mark stands before one that is told by its looks."""


def inspect_format(name: str) -> "InspectFormat":
    """Return the module that inspects the format of this name.

    Raises:
        KeyError: If ``FORMATS`` has no such name.
    """
    return cast("InspectFormat", import_module(FORMATS[name]))


def detect_format(path: "Path") -> str:
    """Return the name of the format that a file is of, by its name and first bytes.

    Raises:
        DataFormatError: If it cannot be read, is empty, or of no format that we know.
    """
    from sim.data.packed import first_bytes
    from sim.protocol.errors import DataFormatError

    head = first_bytes(path)
    for name in FORMATS:
        if inspect_format(name).detect(path, head):
            return name
    what = f"is of no known format ({', '.join(FORMATS)})" if head else "is empty"
    raise DataFormatError(str(path), 0, what)


def converter_options(name: str) -> "tuple[Option, ...]":
    """Return what ``-o`` takes for the converter of this name.

    Raises:
        KeyError: If ``CONVERTERS`` has no such name.
    """
    module = import_module(CONVERTERS[name].partition(":")[0])
    return cast("tuple[Option, ...]", module.OPTIONS)


def converter(name: str) -> "Converter":
    """Return the converter of this name.

    Raises:
        KeyError: If ``CONVERTERS`` has no such name.
    """
    module, _, function = CONVERTERS[name].partition(":")
    return cast("Converter", getattr(import_module(module), function))
