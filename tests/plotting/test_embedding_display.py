"""The map of any embedding and any clustering; that of an estimator is in test_plotting."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from helpers.display_data import CLASSES, IMAGES, own_axes
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.plotting import EmbeddingDisplay
from skdeepclust.plotting._embedding import NOISE_COLOR

LABELS = DBSCAN(eps=20, min_samples=3).fit_predict(IMAGES)


def offsets(points) -> np.ndarray:
    return np.unique(points.get_offsets(), axis=0)


@pytest.mark.parametrize("container", [np.asarray, torch.tensor, list])
def test_noise_is_grey_and_has_no_name(container):
    ax = own_axes()
    display = EmbeddingDisplay.from_predictions(container(IMAGES), container(LABELS), ax=ax)
    assert_allclose(display.coordinates, PCA(2).fit_transform(IMAGES))
    noise = display.coordinates[display.labels < 0]
    assert 0 < len(noise) < len(IMAGES)
    assert_allclose(offsets(display.noise_), np.unique(noise, axis=0))
    assert_allclose(display.noise_.get_facecolors()[0, :3], to_rgba(NOISE_COLOR)[:3])
    assert sum(len(points.get_offsets()) for points in display.points_) == (LABELS >= 0).sum()
    assert [text.get_text() for text in ax.texts] == [str(k) for k in range(LABELS.max() + 1)]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["noise"]
    assert display.crosses_ is None


def test_misassigned_noise_is_a_cross_in_grey():
    display = EmbeddingDisplay.from_predictions(IMAGES, LABELS, CLASSES, ax=own_axes())
    assert_allclose(display.accuracy, clustering_accuracy_score(CLASSES, LABELS))
    wrong = display.misassigned
    assert_allclose(offsets(display.crosses_), np.unique(display.coordinates[wrong], axis=0))
    drawn = dict(
        zip(
            map(tuple, np.asarray(display.crosses_.get_offsets())),
            display.crosses_.get_edgecolors(),
            strict=True,
        )
    )
    for place in display.coordinates[wrong & (LABELS < 0)]:
        assert_allclose(drawn[tuple(place)], to_rgba(NOISE_COLOR))
    assert len(display.noise_.get_offsets()) == (~wrong & (LABELS < 0)).sum()


def test_clusters_without_a_sample_count():
    labels = np.where(CLASSES < 5, 0, 2)
    display = EmbeddingDisplay.from_predictions(IMAGES, labels, n_clusters=5, ax=own_axes())
    assert display.n_clusters == 5
    assert EmbeddingDisplay.from_predictions(IMAGES, labels, ax=own_axes()).n_clusters == 3
    assert_array_equal(display.labels, labels)


class Centerless(ClusterMixin, BaseEstimator):
    """Knows the number of its clusters by its parameter alone."""

    def __init__(self, n_clusters):
        self.n_clusters = n_clusters

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def transform(self, X):
        return X


@pytest.mark.parametrize("cls", [partial(KMeans, n_init=1, random_state=0), Centerless])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_the_number_of_clusters_of_an_estimator(cls, in_pipeline):
    model = cls(4)
    model = make_pipeline(StandardScaler(), model) if in_pipeline else model
    display = EmbeddingDisplay.from_estimator(model.fit(IMAGES), IMAGES, ax=own_axes())
    assert display.n_clusters == 4


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_without_transform_the_map_is_of_what_the_clusterer_gets(in_pipeline):
    scaled = StandardScaler().fit_transform(IMAGES) if in_pipeline else IMAGES
    mixture = GaussianMixture(2, covariance_type="spherical", random_state=0)
    model = make_pipeline(StandardScaler(), mixture) if in_pipeline else mixture
    display = EmbeddingDisplay.from_estimator(model.fit(IMAGES), IMAGES, ax=own_axes())
    assert_allclose(display.coordinates, PCA(2).fit_transform(scaled))
    assert_array_equal(display.labels, model.predict(IMAGES))


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (CLASSES.astype(str), {}, "labels must be integers from 0, or -1"),
        (CLASSES - 2, {}, r"labels must be .* got \[-2 -1  0"),
        (CLASSES, {"n_clusters": 9}, "and below n_clusters=9"),
        (CLASSES[:5], {}, "inconsistent numbers"),
        (CLASSES * 10**9, {}, "go up to 9000000000, .*unique"),
    ],
)
def test_labels_that_name_no_clusters_are_refused(labels, options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_predictions(IMAGES, labels, **options)


def test_a_single_column_is_as_good_as_a_row():
    row, column = (
        EmbeddingDisplay.from_predictions(z, labels, ax=own_axes())
        for z, labels in ((IMAGES[:, 20], CLASSES), (IMAGES[:, [20]], CLASSES[:, None]))
    )
    assert_array_equal(row.labels, column.labels)
    assert_array_equal(row.coordinates, column.coordinates)


def test_a_wide_embedding_is_mapped_without_global_random_numbers(global_state_untouched):
    wide = np.random.default_rng(0).normal(size=(600, 100))  # which PCA maps by random projections
    labels = np.arange(600) % 3
    first, again = (
        EmbeddingDisplay.from_predictions(wide, labels, ax=own_axes()).coordinates for _ in "ab"
    )
    assert_array_equal(first, again)


@pytest.mark.parametrize("n_samples", [1, 20])
def test_an_embedding_that_is_constant_is_a_point(n_samples):
    labels = np.zeros(n_samples, int)
    display = EmbeddingDisplay.from_predictions(np.ones((n_samples, 3)), labels, ax=own_axes())
    assert_array_equal(display.coordinates, np.zeros((n_samples, 2)))
