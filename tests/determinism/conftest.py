"""The option that writes the digests anew after an intended change of what runs write."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-heads",
        action="store_true",
        help="write tests/determinism/heads.json from this run instead of comparing with it",
    )
