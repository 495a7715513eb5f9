"""The Python blocks of pages in Markdown."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^([ \t]*)```python[^\n]*\n(.*?)^\1```[ \t]*$", re.MULTILINE | re.DOTALL)


def python_blocks(path: Path) -> list[tuple[Path, int, str]]:
    """Return the file, the line before the first one of code, and the code of each block."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [
        (path, text.count("\n", 0, match.start(2)), textwrap.dedent(match[2]))
        for match in BLOCK.finditer(text)
    ]


README_BLOCKS = python_blocks(ROOT / "README.md")
