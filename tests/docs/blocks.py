"""The code blocks of the documentation, as a reader would copy them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(?P<head>\S[^\n]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the file that its title names, its text, and the line on which it stands."""

    language: str
    title: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order. Indented ones, such as those of an admonition, are left out."""
    source = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(source):
        title = _TITLE.search(match["head"])
        line = source.count("\n", 0, match.start()) + 2
        found.append(Block(match["head"].split()[0], title[1] if title else "", match["body"], line))
    return found


def write_files(page: Path, folder: Path) -> dict[str, Path]:
    """Write the blocks that have a title to the files that they name; blocks of one title follow each other."""
    files: dict[str, Path] = {}
    for block in blocks(page):
        if not block.title:
            continue
        path = folder / block.title
        if block.title not in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")
            files[block.title] = path
        with path.open("a", encoding="utf-8") as file:
            file.write(block.text + "\n\n")
    return files
