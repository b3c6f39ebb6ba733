"""Which code this is: what results that were worked out elsewhere or earlier must have come from.

The version alone does not tell two states of a working copy apart, so the sources are hashed.
Documentation, tests and what other packages are installed are no part of it.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

_PACKAGES: Final = ("router", "sim", "venues")


@cache
def code_digest() -> str:
    """SHA-256 in hex over the names and the bytes of all our modules."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()
