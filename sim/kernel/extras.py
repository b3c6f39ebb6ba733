"""Libraries that only an extra of the distribution brings."""

from importlib import import_module
from typing import Any

from sim.protocol.errors import MissingExtraError


def load_extra(module: str, extra: str, purpose: str) -> Any:
    """Import a library that an extra brings.

    Raises:
        MissingExtraError: If it is not installed; says which extra has it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(module, extra, purpose) from error
