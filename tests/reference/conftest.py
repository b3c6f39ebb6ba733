"""Loads the naive book for the tests beside it; tests cannot import each other."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def naive() -> Any:
    """The module ``naive_book.py`` beside this file."""
    path = Path(__file__).with_name("naive_book.py")
    spec = importlib.util.spec_from_file_location("sorsim_naive_book", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
