"""The blocks in the pages: where they stand, who writes them, and whether they are up to date."""

import re
from pathlib import Path
from typing import Final

from docs.generate.records import record_tables, value_tables
from docs.generate.scenario import KeyReference
from docs.generate.text import DocsError

__all__ = ["DocsError", "render", "stale_pages", "write_pages"]

PAGES: Final = ("docs/scenario.md", "docs/audit_log.md")
_BLOCK: Final = re.compile(
    r"<!-- generated: (?P<what>[^\n]+?) -->\n.*?<!-- end of generated -->", re.DOTALL
)
_KEYS: Final = "keys of "


def render(text: str, name: str) -> str:
    """The page with each of its blocks written anew.

    Raises:
        DocsError: If a block is unknown, or something in the code lacks its words.
    """
    found = [match["what"] for match in _BLOCK.finditer(text)]
    if text.count("<!-- generated:") != len(found):
        raise DocsError(f"{name}: a block has no '<!-- end of generated -->'")
    keys = KeyReference([what.removeprefix(_KEYS) for what in found if what.startswith(_KEYS)])

    def block(match: re.Match[str]) -> str:
        what = match["what"]
        if what.startswith(_KEYS):
            lines = keys.block(what.removeprefix(_KEYS))
        elif what == "records":
            lines = record_tables()
        elif what == "values":
            lines = value_tables()
        else:
            raise DocsError(f"{name}: no such block: {what!r}")
        body = "\n".join(lines)
        return f"<!-- generated: {what} -->\n\n{body}\n\n<!-- end of generated -->"

    return _BLOCK.sub(block, text)


def stale_pages(root: Path) -> list[str]:
    """The pages whose blocks do not say what the code says."""
    return [name for name in PAGES if _render(root / name, name) != _read(root / name)]


def write_pages(root: Path) -> list[str]:
    """Write what is stale; the names of the pages that changed."""
    changed = stale_pages(root)
    for name in changed:
        (root / name).write_text(_render(root / name, name), encoding="utf-8")
    return changed


def _render(path: Path, name: str) -> str:
    return render(_read(path), name)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
