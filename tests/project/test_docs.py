"""Every Python block of the README and of the documentation runs, alone, without a warning."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from helpers.needs import needs_export
from helpers.python_blocks import README_BLOCKS, python_blocks
from helpers.source_trees import ROOT
from sklearn import datasets, model_selection
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
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


# Fits of so few samples and epochs say nothing but that the code runs.
N_DIGITS, N_EPOCHS = 380, 1


def test_the_readme_shows_code() -> None:
    assert len(README_BLOCKS) >= 3


def some_digits(source: str) -> Callable[..., Any]:
    """Return what loads few digits, but some behind each row from which a block takes the rest."""
    n_digits = max([N_DIGITS, *(int(row) + 50 for row in re.findall(r"\[(\d+):", source))])

    def load(**options: Any) -> Any:
        found = load_digits(**options)
        if isinstance(found, tuple):
            return tuple(array[:n_digits] for array in found)
        return Bunch(**{name: found[name][:n_digits] for name in ("data", "target", "images")})

    return load


def halves(*arrays: Any, random_state: int, **sizes: Any) -> list[Any]:
    return train_test_split(*arrays, train_size=0.5, random_state=random_state)


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
    train_briefly(N_EPOCHS)
    monkeypatch.setattr(datasets, "load_digits", some_digits(source))
    monkeypatch.setattr(model_selection, "train_test_split", halves)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: None)
    # The leading empty lines make tracebacks name the line in the document.
    code = compile("\n" * offset + source, str(path), "exec")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # of fits that were cut short
            exec(code, {"__name__": "__main__"})
    finally:
        plt.close("all")
