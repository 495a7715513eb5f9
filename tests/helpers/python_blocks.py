"""The Python blocks of pages in Markdown."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^([ \t]*)```python[^\n]*\n(.*?)^\1```[ \t]*$", re.MULTILINE | re.DOTALL)


# At the head of a page whose blocks use what the blocks above them have made.
GOES_ON = "<!-- the code of this page goes on from block to block -->"


def python_blocks(path: Path) -> list[tuple[Path, int, str]]:
    """Return the file, the line before the first one of code, and the code of each block.

    The blocks of a page that goes on from block to block are one, with their lines in place.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    blocks = [
        (path, text.count("\n", 0, match.start(2)), textwrap.dedent(match[2]))
        for match in BLOCK.finditer(text)
    ]
    return [joined(blocks)] if GOES_ON in text else blocks


def joined(blocks: list[tuple[Path, int, str]]) -> tuple[Path, int, str]:
    path, first, source = blocks[0]
    for _, offset, code in blocks[1:]:
        source += "\n" * (offset - first - source.count("\n")) + code
    return path, first, source


README_BLOCKS = python_blocks(ROOT / "README.md")
