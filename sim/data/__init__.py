"""Readers and converters of external market-data formats, one format per file."""

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from sim.data.conversion import Converter, Option

CONVERTERS: Final = {
    "binance_l2": "sim.data.binance_l2:convert",
    "order_latency": "sim.data.order_latency:convert",
}
"""Converter name -> where its function lies; resolved on use, since each brings its own
libraries."""


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
