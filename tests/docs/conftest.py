"""The pages of the documentation, and the blocks of code in them."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    def blocks(self, language: str) -> list[str]:
        """The fenced blocks of a language, without their fences."""
        return [body for _, name, body in _FENCE.findall(self.text) if name == language]

    @property
    def prose(self) -> str:
        """What is not in a fence."""
        return _FENCE.sub("", self.text)


@pytest.fixture(scope="session")
def pages(project_root: Path) -> dict[str, Page]:
    """All pages by their path from the project's root."""
    files = [
        *project_root.glob("*.md"),
        *project_root.glob("docs/**/*.md"),
        *project_root.glob("scenarios/**/*.md"),
    ]
    return {
        str(file.relative_to(project_root)): Page(file, file.read_text(encoding="utf-8"))
        for file in sorted(files)
    }
