"""``python -m docs.generate [--check]``."""

import sys
from pathlib import Path

from docs.generate.blocks import DocsError, stale_pages, write_pages

ROOT = Path(__file__).resolve().parents[2]


def main(args: list[str]) -> int:
    """Write the pages, or with ``--check`` say which are stale; 1 if something is wrong."""
    if args not in ([], ["--check"]):
        print("usage: python -m docs.generate [--check]", file=sys.stderr)
        return 2
    try:
        pages = stale_pages(ROOT) if args else write_pages(ROOT)
    except DocsError as error:
        print(error, file=sys.stderr)
        return 1
    for page in pages:
        print(f"{page}: {'stale, run python -m docs.generate' if args else 'written'}")
    return 1 if args and pages else 0


sys.exit(main(sys.argv[1:]))
