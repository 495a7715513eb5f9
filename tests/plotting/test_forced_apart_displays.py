"""Maps of several labellings, and the manners of all displays of representations."""

from __future__ import annotations

import io
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.display_data import CLASSES, ESTIMATOR, IMAGES, own_axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import FunctionTransformer

from skdeepclust.plotting import (
    ActivationHeatmapDisplay,
    ClusterNumberDisplay,
    DictionaryDisplay,
    HistoryDisplay,
    LabelledEmbeddingDisplay,
    SweepDisplay,
)

DISPLAYS = [ActivationHeatmapDisplay, ClusterNumberDisplay, LabelledEmbeddingDisplay]


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


def draw(cls, estimator, X, y, **options):
    """Draw any of the displays of one estimator."""
    if cls is ActivationHeatmapDisplay:
        return cls.from_estimator(estimator, X, y, groups=y >= 5, **options)
    if cls is ClusterNumberDisplay:
        settings = {"n_clusters": [2, 4], "clusterer": KMeans(n_init=1), **options}
        return cls.from_estimators(estimator, X, y, **settings)
    labels = {"coarse label": y >= 5, "hidden class": y}
    if "ax" in options:
        options["axes"] = options.pop("ax").figure.subplots(1, 2)
    return cls.from_estimator(estimator, X, labels, **options)


def test_panels_show_the_same_points_in_the_colours_of_their_labelling():
    X, y = IMAGES, CLASSES
    labels = {"coarse": np.where(y < 5, "low", "high"), "fine": y.tolist(), "parity": y % 2}
    axes = Figure(figsize=(12, 4)).subplots(1, 3)
    display = LabelledEmbeddingDisplay.from_estimator(ESTIMATOR, X, labels, axes=axes, alpha=1)
    assert_allclose(display.coordinates, PCA(2).fit_transform(ESTIMATOR.transform(X)))
    assert display.figure_ is axes[0].figure
    for ax, (title, column) in zip(display.axes_, labels.items(), strict=True):
        points = ax.collections[0]
        assert ax.get_title() == title
        positions = np.asarray(points.get_offsets())
        assert_array_equal(positions, axes[0].collections[0].get_offsets())
        row = {tuple(place): i for i, place in enumerate(display.coordinates)}
        drawn = np.array([row[tuple(place)] for place in positions])
        pairs = {
            (str(np.asarray(column)[i]), tuple(c))
            for i, c in zip(drawn, points.get_facecolors(), strict=True)
        }
        assert len(pairs) == len({name for name, _ in pairs}) == len({c for _, c in pairs})
        assert len(pairs) == len(set(map(str, column)))
    limits = {(*ax.get_xlim(), *ax.get_ylim()) for ax in axes}
    assert len(limits) == 1


def test_thinned_out_labels_belong_to_their_points():
    X, y = IMAGES, CLASSES
    options = {"n_points": 50, "random_state": 3}
    first, second = (draw(LabelledEmbeddingDisplay, ESTIMATOR, X, y, **options) for _ in range(2))
    assert_array_equal(first.indices, second.indices)
    assert len(np.unique(first.indices)) == 50
    assert_array_equal(first.labels["hidden class"], y[first.indices])
    expected = PCA(2).fit_transform(ESTIMATOR.transform(X[first.indices]))
    assert_allclose(first.coordinates, expected, rtol=1e-9, atol=1e-9)  # sums of other lengths


def places(n_classes, spread):
    angle = np.arange(n_classes) * 2 * np.pi / n_classes
    return spread * np.column_stack([np.cos(angle), np.sin(angle)])


@pytest.mark.parametrize(
    ("n_classes", "spread", "options", "expected"),
    [
        (2, 9, {}, True),
        (8, 9, {}, False),
        (8, 0, {}, True),
        (25, 0, {}, False),
        (8, 9, {"legend": True}, True),
        (2, 9, {"legend": False}, False),
    ],
)
def test_names_stand_where_they_can_be_read(n_classes, spread, options, expected):
    ax = own_axes()
    labels = np.repeat(np.arange(n_classes), 5)
    corners = [[0, 0], [1, 1], [1, -1], [-1, 1], [-1, -1]]
    coordinates = np.repeat(places(n_classes, spread), 5, axis=0) + np.tile(corners, (n_classes, 1))
    display = LabelledEmbeddingDisplay(coordinates=coordinates, labels={"class": labels})
    display.plot(ax, **options)
    assert (ax.get_legend() is not None) == expected
    if expected:
        entries = ax.get_legend().legend_handles
        shown = to_rgba_array([entry.get_facecolor()[0] for entry in entries])
        assert len(np.unique(shown, axis=0)) == n_classes
    else:
        assert_allclose([text.get_position() for text in ax.texts], places(n_classes, spread))


def test_tsne_of_a_flat_embedding():
    X, y = IMAGES, CLASSES
    flat = FunctionTransformer(PCA(1).fit(X).transform)
    display = draw(LabelledEmbeddingDisplay, flat, X[:40], y[:40], method="tsne")
    assert display.coordinates.shape == (40, 2)
    assert display.axes_[0].get_xlabel() == "t-SNE of the embedding"


# ---------------------------------------------------------------- manners


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("cls", DISPLAYS)
def test_figures_and_settings(cls, style, global_state_untouched):
    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    axes = Figure(figsize=(7, 4)).subplots()
    display = draw(cls, ESTIMATOR, IMAGES, CLASSES, ax=axes)
    assert display.figure_ is axes.figure
    assert not plt.get_fignums()
    with plt.style.context(style):
        assert display.plot() is display
        assert len(plt.get_fignums()) == 1
        assert display.figure_ is plt.gcf()
        display.figure_.canvas.draw()
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend


def test_axes_of_the_caller_need_no_backend(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it raises
    monkeypatch.delattr(matplotlib, "pyplot")
    X, y = np.random.default_rng(0).random((40, 3)), np.arange(40) % 4
    same = FunctionTransformer()
    figure = Figure()
    a, b, *c = figure.subplots(2, 4).flat[:4]
    d, e, f, g = figure.axes[4:]
    ActivationHeatmapDisplay.from_estimator(same, X, y, groups=y % 2, ax=a)
    ClusterNumberDisplay.from_estimators(same, X, y, n_clusters=[2], ax=b)
    LabelledEmbeddingDisplay.from_estimator(same, X, {"coarse": y % 2, "fine": y}, axes=c)
    DictionaryDisplay.from_atoms([[1.0, -1.0]], (1, 2), ax=d)
    HistoryDisplay.from_history([{"loss": 1.0, "accuracy": 0.5}] * 2, ax=e)
    SweepDisplay.from_values([1, 2], [0.5, 0.6], ax=f)
    SweepDisplay.from_values(([1, 2], [1]), [[0.5], [0.6]], param=("a", "b"), ax=g)
    figure.savefig(io.BytesIO(), format="svg")


WRONG = [
    (ActivationHeatmapDisplay, {"y": [0, 1]}, "inconsistent numbers"),
    (ActivationHeatmapDisplay, {"groups": [0, 1]}, "inconsistent numbers"),
    (ActivationHeatmapDisplay, {"X": np.full((300, 3), np.nan)}, "activations contains NaN"),
    (ClusterNumberDisplay, {"y": [0, 1]}, "inconsistent numbers"),
    (ClusterNumberDisplay, {"n_clusters": []}, r"n_clusters must hold integers.* got \[\]"),
    (ClusterNumberDisplay, {"n_clusters": [2.5]}, r"n_clusters must hold integers.* got \[2.5\]"),
    (ClusterNumberDisplay, {"n_seeds": 0}, "n_seeds must be at least 1, got 0"),
    (ClusterNumberDisplay, {"random_state": None}, "random_state must be an integer.* got None"),
    (ClusterNumberDisplay, {"score": "accuracy_score"}, "score must name .* got 'accuracy_score'"),
    (ClusterNumberDisplay, {"score": "nothing"}, "score must name .* got 'nothing'"),
    (ClusterNumberDisplay, {"clusterer": DBSCAN()}, r"clusterer must have .* DBSCAN\(\) has 0"),
    (ClusterNumberDisplay, {"estimators": {}}, "estimators is empty"),
    (ClusterNumberDisplay, {"estimators": {"a": GaussianMixture()}}, "'a'. has no transform"),
    (LabelledEmbeddingDisplay, {"labels": {"a": [0, 1]}}, "inconsistent numbers"),
    (LabelledEmbeddingDisplay, {"labels": {}}, "labels is empty"),
    (LabelledEmbeddingDisplay, {"labels": [0, 1]}, "labels must be a dict .* got list"),
    (LabelledEmbeddingDisplay, {"n_points": 0}, "n_points must be at least 1, got 0"),
    (LabelledEmbeddingDisplay, {"method": "umap"}, "method must be .* got 'umap'"),
    (LabelledEmbeddingDisplay, {"axes": [None]}, "axes must hold one .* got 1 for 2"),
]


@pytest.mark.parametrize(("cls", "options", "message"), WRONG)
def test_wrong_arguments_are_refused_before_a_figure_is_made(cls, options, message):
    X, y = IMAGES, CLASSES
    arguments = {"X": X, "y": y, **options}
    same = FunctionTransformer()
    if cls is ClusterNumberDisplay:
        arguments = {"estimators": same, **arguments}
        build = cls.from_estimators
    else:
        arguments = {"estimator": same, **arguments}
        build = cls.from_estimator
    if cls is LabelledEmbeddingDisplay:
        arguments = {"labels": {"coarse": y > 4, "fine": y}, **arguments}
        del arguments["y"]
    with pytest.raises((TypeError, ValueError), match=message):
        build(**arguments)
    assert not plt.get_fignums()


def test_the_example_runs(example, tmp_path, capsys):
    output = tmp_path / "figure.png"
    example("forced_apart").main(["--epochs", "3", "--output", str(output)])
    assert output.stat().st_size > 10_000
    assert capsys.readouterr().out.count("0.") == 4
