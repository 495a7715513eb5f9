"""Every Python block of the README and of the documentation runs, alone, without a warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from helpers.needs import needs_export
from helpers.python_blocks import README_BLOCKS, python_blocks
from helpers.source_trees import ROOT
from sklearn import datasets
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

DOCS_BLOCKS = [block for path in sorted(ROOT.glob("docs/**/*.md")) for block in python_blocks(path)]
BLOCKS = [
    pytest.param(
        *block,
        id=f"{block[0].relative_to(ROOT)}:{block[1] + 1}",
        marks=[needs_export] if ".export(" in block[2] else [],
    )
    for block in README_BLOCKS[1:] + DOCS_BLOCKS  # test_demo.py runs the first one
]


def test_the_readme_shows_code() -> None:
    assert len(README_BLOCKS) >= 3


def some_digits(**options: Any) -> Any:
    found = load_digits(**options)
    if isinstance(found, tuple):
        return tuple(array[:1000] for array in found)
    return Bunch(**{name: found[name][:1000] for name in ("data", "target", "images")})


@pytest.mark.parametrize(("path", "offset", "source"), BLOCKS)
def test_block_runs(
    path: Path,
    offset: int,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    train_briefly: Callable[..., None],
) -> None:
    # What long fits of all digits come to is held by the tests of each method.
    train_briefly(5, but="heads")
    monkeypatch.setattr(datasets, "load_digits", some_digits)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: None)
    # The leading empty lines make tracebacks name the line in the document.
    code = compile("\n" * offset + source, str(path), "exec")
    try:
        exec(code, {"__name__": "__main__"})
    finally:
        plt.close("all")
