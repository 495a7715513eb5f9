"""A method of less than 60 lines on the base passes what the library's own methods pass."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator
from toy_method import DECClusterer

HERE = Path(__file__).resolve().parent
SOURCE = (HERE / "toy_method.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pixels(digits) -> np.ndarray:
    return digits[0] / 16


@pytest.fixture(scope="module")
def fitted(pixels) -> DECClusterer:
    return DECClusterer(10, random_state=0).fit(pixels)


def is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith(("#", '"""'))


def test_it_has_less_than_60_lines_of_code():
    docstrings = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.ClassDef)]
    assert all("\n" not in ast.get_docstring(node) for node in docstrings)  # lines that don't count
    assert sum(map(is_code, SOURCE.splitlines())) < 60


def test_the_documentation_shows_this_file():
    page = (HERE.parent / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
    assert SOURCE in re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)


# The checks fit rows that are all the same, and random rows with fewer groups than clusters.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    # all samples in one batch, so that a weight of 2 and a repeated sample are the same
    toy = DECClusterer(4, dtype="float64", batch_size=10_000, max_epochs=2, random_state=0)
    results = check_estimator(toy, on_skip=None, on_fail=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"} == {}
    names = {r["check_name"] for r in results}
    assert "check_sample_weight_equivalence_on_dense_data" in names
    assert len(results) > 50


def test_it_finds_the_blobs():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 50)
    X = rng.normal(size=(4, 20))[y] + 0.3 * rng.normal(size=(200, 20))
    toy = DECClusterer(4, batch_size=32, max_epochs=10, random_state=0).fit(X)
    assert adjusted_rand_score(y, toy.labels_) == 1


def test_phases_sharpen_the_clusters_of_digits(fitted, pixels, digits):
    start = DECClusterer(10, max_epochs=0, random_state=0)
    start = start.set_params(max_epochs=15, callbacks=[]).fit(pixels)
    assert adjusted_rand_score(digits[1], fitted.labels_) > 0.55
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(pixels))
    np.testing.assert_array_equal(fitted.labels_, start.labels_)  # the same seed
    phases = [row["phase"] for row in fitted.history_]
    assert phases == 30 * ["reconstruction"] + 15 * ["clustering"]
    rows = {phase: [r for r in fitted.history_ if r["phase"] == phase] for phase in set(phases)}
    assert rows["reconstruction"][-1]["loss"] < rows["reconstruction"][0]["loss"] / 2
    assert fitted.predict_proba(pixels).shape == (1797, 10)
    assert fitted.transform(pixels).shape == (1797, 10)
    assert not hasattr(fitted, "_target")
