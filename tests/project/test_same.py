"""`make same` notices what has changed, and names it; it says nothing of what hasn't."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from same.compare import differences
from same.seen import flat

import skdeepclust
from skdeepclust import ParsimoniousAutoencoder

TESTS = Path(__file__).parents[1]
CHANGE = """
from dataclasses import replace as _replace
from skdeepclust._estimator import parameters as _parameters
_declared = ParsimoniousAutoencoder._declared
_declared["lr"] = _replace(_declared["lr"], default=0.0010001)
ParsimoniousAutoencoder.__init__ = _parameters._constructor(ParsimoniousAutoencoder)
"""


def record(**values) -> dict:
    return {"scenario": dict(pair for name in values for pair in flat(name, values[name]))}


def test_a_changed_copy_of_the_package(tmp_path):
    package = Path(skdeepclust.__file__).parent
    copy = tmp_path / "skdeepclust"
    shutil.copytree(package, copy)  # with what is compiled, which is taken as times are kept
    source = inspect.getsourcefile(ParsimoniousAutoencoder)
    changed = copy / Path(source or "").relative_to(package)
    changed.write_text(changed.read_text(encoding="utf-8") + CHANGE, encoding="utf-8")
    patterns = [
        "name skdeepclust.ParsimoniousAutoencoder$",
        "^autoencoder, no penalty",
        "^K-SVD, few",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "same", str(tmp_path), "--only", *patterns],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )
    signature, weights, verdict = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert "ParsimoniousAutoencoder: (): " in signature
    assert "'(*, n_components=30" not in signature  # but what stands around the change
    assert "lr=0.0010001 [keyword" in signature
    assert weights.startswith("autoencoder, no penalty: history_ loss: ")
    assert "values differ, by" in weights
    assert verdict.startswith("2 fits, ")
    assert "errors: 2 of 3 scenarios differ" in verdict


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), None),
        (np.array([1.0, 2.0]), np.array([1.0, 2.5]), "1 of 2 values differ, by 0.5 at most"),
        (np.array([0.0]), np.array([-0.0]), "1 of 1 values differ, by 0 at most"),
        (np.array([1.0]), np.array([1], np.float32), "ndarray <f8 became ndarray <f4"),
        (np.ones(3), np.ones((3, 1)), r"float64\(3,\) became float64\(3, 1\)"),
        (torch.ones(2), np.ones(2, np.float32), "Tensor torch.float32 on cpu became ndarray"),
        ("no such layer", "no such level", "'no such layer' became 'no such level'"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "'a, b' became 'b, a'"),
        ([1, 2.0], [1, 2], r"value\[1\]: float became int"),
        (True, None, "bool became NoneType"),
    ],
)
def test_what_differs(one, other, difference):
    lines = list(differences(record(value=one), record(value=other)))
    assert len(lines) == (difference is not None)
    for line in lines:
        assert line.startswith("scenario: value")
        assert re.search(difference, line)


def test_a_scenario_that_is_gone():
    (line,) = differences(record(value=1), {})
    assert line.startswith("scenario: value: int became nothing")
