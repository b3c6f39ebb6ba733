"""Loads the naive books for the tests beside them; tests cannot import each other."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(
        f"sorsim_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def naive() -> Any:
    """The module ``naive_book.py`` beside this file."""
    return _load("naive_book")


@pytest.fixture(scope="session")
def naive_special() -> Any:
    """The module ``naive_special.py`` beside this file, with the names of ``naive_orders.py``."""
    _load("naive_orders")
    return _load("naive_special")
