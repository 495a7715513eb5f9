"""The demonstration: its table, which the README shows, and its figure."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.source_trees import ROOT
from matplotlib.figure import Figure
from matplotlib.image import imread

QUICK = {"pretrain_epochs": 1, "warmup_epochs": 2, "max_epochs": 1, "n_init": 1}


def rows_of(printed: str) -> dict[str, np.ndarray]:
    """Return the scores in each row of the table, by method."""
    rows = re.findall(r"^(\w[\w +]*?) +((?:-?[01]\.\d{3} +){3})\d+\.\d$", printed, re.M)
    return {name: np.array(scores.split(), dtype=float) for name, scores in rows}


@pytest.fixture
def demo(example, digits, monkeypatch):
    """Return the demonstration with few of the digits."""
    module = example("demo")
    monkeypatch.setattr(module, "load_digits", lambda **_: tuple(each[:400] for each in digits))
    return module


def test_demo_prints_a_table_and_draws_a_figure(demo, tmp_path, capsys):
    output = tmp_path / "digits.png"
    demo.main(["--seed", "1", "--output", str(output)], **QUICK)
    printed = capsys.readouterr().out
    rows = rows_of(printed)
    methods = ["TripletDECClusterer", "KMeans", "SpectralClustering", "PCA + GaussianMixture"]
    assert list(rows) == methods
    assert rows["KMeans"][0] > 0.7
    assert rows["TripletDECClusterer"][0] > 0.3  # chance gives about 0.13
    assert str(output) in printed
    image = imread(output)
    height, width, _ = image.shape
    assert height > 500
    assert width > 1000
    assert len({tuple(color) for color in image[::7, ::7].reshape(-1, image.shape[2])}) > 50


def test_demo_runs_without_the_callbacks_of_scikit_learn(request, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)  # importing it raises
    demo = request.getfixturevalue("demo")
    monkeypatch.setattr(demo, "draw", lambda *args: Figure())
    demo.main(["--output", str(tmp_path / "empty.png")], **QUICK)
    assert len(rows_of(capsys.readouterr().out)) == 4


def test_the_readme_shows_the_table_of_the_demo(example, digits, readme):
    """The deep fit is that of the README's first block, which runs here instead of in test_docs."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"<!-- what the demo prints -->\n```\n(.*?\n)```\n", text, re.S)
    demo = example("demo")
    assert readme["clusterer"].get_params() == demo.deep_method(0).get_params()

    deep = SimpleNamespace(fit_predict=lambda X: readme["labels"])
    table = demo.compare({"TripletDECClusterer": deep, **demo.plain_methods(0)}, *digits)
    assert shown.splitlines()[0] == table[0]
    recomputed, rows = rows_of("\n".join(table)), rows_of(shown)
    assert list(rows) == list(recomputed)
    assert f"accuracy {recomputed['TripletDECClusterer'][0]:.3f}, score" in readme["printed"]
    (precision,) = re.findall(r"may differ by up to (0\.\d+) on another processor", text)
    allowed = {"TripletDECClusterer": float(precision)}
    for name, scores in rows.items():
        np.testing.assert_allclose(scores, recomputed[name], rtol=0, atol=allowed.get(name, 1e-9))
