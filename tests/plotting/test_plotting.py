"""Displays: their data, checked by brute force, and their manners towards matplotlib."""

from __future__ import annotations

import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.plotting import ClusterGalleryDisplay, EmbeddingDisplay


class ImageClusterer(ClusterMixin, BaseEstimator):
    """PCA and KMeans with the attributes and methods of an image clusterer."""

    def __init__(self, n_clusters=10, image_shape=(1, 8, 8), n_components=6, sharpness=0.01):
        self.n_clusters = n_clusters
        self.image_shape = image_shape
        self.n_components = n_components
        self.sharpness = sharpness

    def fit(self, X, y=None):
        self.pca_ = PCA(self.n_components, random_state=0).fit(self._rows(X))
        self.kmeans_ = KMeans(self.n_clusters, n_init=1, random_state=0).fit(self.transform(X))
        self.cluster_centers_ = self.kmeans_.cluster_centers_
        if self.image_shape is not None:
            self.image_shape_ = self.image_shape
        return self

    def _rows(self, X):
        X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
        return X.reshape(len(X), -1)

    def transform(self, X):
        return self.pca_.transform(self._rows(X))

    def predict(self, X):
        return self.kmeans_.predict(self.transform(X))

    def predict_proba(self, X):
        return softmax(-self.sharpness * self.kmeans_.transform(self.transform(X)) ** 2, axis=1)

    def inverse_transform(self, Z):
        return self.pca_.inverse_transform(Z)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400], y[:400]


@pytest.fixture(scope="module")
def clusterer(digits):
    return ImageClusterer().fit(digits[0])


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    plt.switch_backend("Agg")
    assert not plt.get_fignums()
    yield
    plt.close("all")


@pytest.fixture
def ax():
    """Axes of a figure that pyplot does not know."""
    return Figure(figsize=(6, 5)).subplots()


def test_members_are_the_most_probable_ones(digits, ax):
    X, _ = digits
    estimator = ImageClusterer(sharpness=1e-3).fit(X)
    display = ClusterGalleryDisplay.from_estimator(estimator, X, n_members=4, ax=ax)
    labels, probabilities = estimator.predict(X), estimator.predict_proba(X)
    for cluster in range(10):
        own = [i for i in range(len(X)) if labels[i] == cluster]
        expected = sorted(own, key=lambda i: -probabilities[i, cluster])[:4]
        assert_array_equal(display.member_indices[cluster], expected)
        assert_array_equal(display.members[cluster][:, 0].reshape(-1, 64), X[expected])
        assert display.cluster_sizes[cluster] == len(own)
    decoded = estimator.inverse_transform(estimator.cluster_centers_)
    assert_array_equal(display.centers, decoded.reshape(10, 1, 8, 8))


def test_saturated_members_are_ordered_by_distance(digits, ax):
    X, _ = digits
    estimator = ImageClusterer(sharpness=1e3).fit(X)
    display = ClusterGalleryDisplay.from_estimator(estimator, X, n_members=5, ax=ax)
    labels, embedding = estimator.predict(X), estimator.transform(X)
    assert (estimator.predict_proba(X).max(1) == 1).mean() > 0.9
    for cluster, center in enumerate(estimator.cluster_centers_):
        own = np.flatnonzero(labels == cluster)
        distances = np.linalg.norm(embedding[own] - center, axis=1)
        assert_array_equal(display.member_indices[cluster], own[np.argsort(distances)[:5]])


def test_majorities_count_all_members_and_others_are_framed(digits, clusterer, ax):
    X, y = digits
    display = ClusterGalleryDisplay.from_estimator(clusterer, X, y, n_members=7, ax=ax)
    labels = clusterer.predict(X)
    for cluster in range(10):
        counts = np.bincount(y[labels == cluster], minlength=10)
        assert counts[display.majority_labels[cluster]] == counts.max()
        assert_allclose(display.majority_shares[cluster], counts.max() / counts.sum())
        assert_array_equal(display.member_labels[cluster], y[display.member_indices[cluster]])
    rows = zip(display.member_labels, display.majority_labels, strict=True)
    others = [str(label) for row, majority in rows for label in row[row != majority]]
    badges = [text.get_text() for text in ax.texts if text.get_bbox_patch() is not None]
    assert others
    assert badges == others
    assert "framed" in ax.get_xlabel()


def test_one_image_for_each_centre_and_member(digits, clusterer, ax):
    ClusterGalleryDisplay.from_estimator(clusterer, digits[0], n_members=3, ax=ax)
    assert len(ax.images) == 10 * 4
    lefts = sorted({image.get_extent()[0] for image in ax.images})
    assert lefts[1] - lefts[0] > 1.3 * (lefts[2] - lefts[1])
    assert ax.get_xlabel() == ""


@pytest.mark.parametrize(
    ("invert", "options", "expected"),
    [(False, {}, "gray_r"), (True, {}, "gray"), (False, {"cmap": "magma"}, "magma")],
)
def test_ink_is_dark_on_light_paper(digits, ax, invert, options, expected):
    X = 16 - digits[0] if invert else digits[0]
    ClusterGalleryDisplay.from_estimator(ImageClusterer().fit(X), X, ax=ax, **options)
    assert {image.get_cmap().name for image in ax.images} == {expected}


@pytest.mark.parametrize("n_channels", [2, 3])
def test_wide_images_with_channels_and_long_label_names(ax, n_channels):
    rng = np.random.default_rng(0)
    X = rng.random((30, n_channels, 8, 12))
    y = np.repeat(["boot", "pullover"], 15)
    estimator = ImageClusterer(2, X.shape[1:]).fit(X)
    display = ClusterGalleryDisplay.from_estimator(estimator, X, y, ax=ax)
    assert display.centers.shape == (2, n_channels, 8, 12)
    assert ax.images[0].get_array().shape == ((8, 12, 3) if n_channels == 3 else (8, 12))
    left, right, bottom, top = ax.images[0].get_extent()
    assert_allclose((right - left) / (bottom - top), 12 / 8)
    badges = {text.get_text() for text in ax.texts if text.get_bbox_patch() is not None}
    assert badges == {"\N{MULTIPLICATION SIGN}"}
    ax.figure.canvas.draw()


def test_empty_cluster_has_a_row_with_its_centre_only(digits, clusterer, ax):
    X, y = digits
    labels = clusterer.predict(X)
    kept = labels != 3
    display = ClusterGalleryDisplay.from_estimator(clusterer, X[kept], y[kept], ax=ax)
    assert display.cluster_sizes[3] == len(display.members[3]) == 0
    assert display.majority_labels[3] is None
    assert "empty" in [text.get_text() for text in ax.texts]


def shifted_frame(X):
    return pd.DataFrame(X, index=np.arange(len(X)) + 1000)


@pytest.mark.parametrize("container", [csr_array, shifted_frame, torch.as_tensor])
def test_any_container_gives_its_images(digits, clusterer, container, ax):
    X, _ = digits
    display = ClusterGalleryDisplay.from_estimator(clusterer, container(X), ax=ax)
    for rows, images in zip(display.member_indices, display.members, strict=True):
        assert_array_equal(images.reshape(-1, 64), X[rows])


def test_pca_map_is_that_of_scikit_learn(digits, clusterer, ax):
    X, _ = digits
    display = EmbeddingDisplay.from_estimator(clusterer, X, ax=ax)
    embedding = clusterer.transform(X)
    assert_allclose(display.coordinates, PCA(2).fit_transform(embedding))
    assert_array_equal(display.labels, clusterer.predict(X))
    assert display.misassigned is None
    assert display.n_clusters == 10


def test_misassigned_points_are_those_that_cost_accuracy(digits, clusterer, ax):
    X, y = digits
    display = EmbeddingDisplay.from_estimator(clusterer, X, y, ax=ax)
    accuracy = clustering_accuracy_score(y, clusterer.predict(X))
    assert_allclose(display.accuracy, accuracy)
    assert_allclose(1 - display.misassigned.mean(), accuracy)
    dots, crosses = (np.asarray(points.get_offsets()) for points in ax.collections[:2])
    assert len(dots) + len(crosses) == len(X)
    wrong = display.coordinates[display.misassigned]
    assert_allclose(np.unique(crosses, axis=0), np.unique(wrong, axis=0))
    assert ax.get_legend().get_texts()[0].get_text() == f"misassigned ({1 - accuracy:.1%})"


def test_numbers_stand_at_the_medians(digits, clusterer, ax):
    display = EmbeddingDisplay.from_estimator(clusterer, digits[0], ax=ax)
    assert [text.get_text() for text in ax.texts] == [str(cluster) for cluster in range(10)]
    for cluster, text in enumerate(ax.texts):
        own = display.coordinates[display.labels == cluster]
        assert_allclose(text.get_position(), np.median(own, axis=0))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_large_data_are_thinned_out_the_same_way_each_time(digits, clusterer, method, ax):
    X, y = digits
    options = {"method": method, "n_points": 60, "ax": ax}
    first = EmbeddingDisplay.from_estimator(clusterer, X, y, **options)
    second = EmbeddingDisplay.from_estimator(clusterer, X, y, **options)
    assert len(np.unique(first.indices)) == 60
    assert_array_equal(first.coordinates, second.coordinates)
    assert_array_equal(first.labels, clusterer.predict(X)[first.indices])
    assert first.misassigned.shape == (60,)
    assert_allclose(first.accuracy, clustering_accuracy_score(y, clusterer.predict(X)))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_embedding_with_one_component(digits, ax, method):
    X, _ = digits
    estimator = ImageClusterer(2, n_components=1).fit(X)
    display = EmbeddingDisplay.from_estimator(estimator, X[:40], method=method, ax=ax)
    assert display.coordinates.shape == (40, 2)
    assert np.isfinite(display.coordinates).all()


@pytest.mark.parametrize("n_clusters", [10, 14])
def test_a_cluster_has_the_same_colour_in_both_displays(digits, n_clusters):
    X, _ = digits
    estimator = ImageClusterer(n_clusters).fit(X)
    gallery = ClusterGalleryDisplay.from_estimator(estimator, X, ax=Figure().subplots())
    points = EmbeddingDisplay.from_estimator(estimator, X, alpha=1, ax=Figure().subplots())
    bars = matplotlib.colors.to_rgba_array([line.get_color() for line in gallery.ax_.lines])
    assert len(points.points_) == -(-n_clusters // 10)  # each ten clusters have a marker
    for cycle, drawn in enumerate(points.points_):
        own = bars[10 * cycle : 10 * (cycle + 1)]
        assert len(np.unique(own, axis=0)) == len(own)
        assert_allclose(
            np.unique(drawn.get_facecolors(), axis=0), np.unique(own, axis=0), atol=1e-6
        )


@pytest.mark.parametrize("cls", [ClusterGalleryDisplay, EmbeddingDisplay])
def test_figures_and_settings(digits, clusterer, cls, ax):
    X, y = digits
    before = dict(matplotlib.rcParams)
    display = cls.from_estimator(clusterer, X, y, ax=ax)
    assert display.ax_ is ax
    assert not plt.get_fignums()
    assert dict(matplotlib.rcParams) == before
    assert display.plot() is display
    assert len(plt.get_fignums()) == 1
    assert display.figure_ is plt.gcf()
    assert display.ax_ is not ax
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (ClusterGalleryDisplay, {"n_members": 0}, "n_members must be at least 1, got 0"),
        (EmbeddingDisplay, {"n_points": 0}, "n_points must be at least 1, got 0"),
        (EmbeddingDisplay, {"method": "umap"}, "method must be .* got 'umap'"),
        (ClusterGalleryDisplay, {"y": [0, 1]}, "inconsistent numbers"),
        (EmbeddingDisplay, {"y": [0, 1]}, "(?i)inconsistent|length"),
    ],
)
def test_wrong_arguments_are_refused_before_a_figure_is_made(
    digits, clusterer, cls, options, message
):
    with pytest.raises(ValueError, match=message):
        cls.from_estimator(clusterer, digits[0], **options)
    assert not plt.get_fignums()


def test_gallery_needs_images(digits):
    estimator = ImageClusterer(image_shape=None).fit(digits[0])
    with pytest.raises(ValueError, match="not fitted on images"):
        ClusterGalleryDisplay.from_estimator(estimator, digits[0])


def test_the_absence_of_matplotlib_is_explained(monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    display = EmbeddingDisplay(coordinates=np.eye(2), labels=np.arange(2), n_clusters=2)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        display.plot()
