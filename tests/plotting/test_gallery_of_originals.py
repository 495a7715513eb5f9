"""ClusterGalleryDisplay of clusterings of features: originals of the members of any clustering."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.display_data import CLASSES, IMAGES, own_axes
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import DBSCAN, AffinityPropagation, Birch, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdeepclust import TripletDECClusterer
from skdeepclust.plotting import ClusterGalleryDisplay

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (len(IMAGES), 3, 6, 8), dtype=np.uint8)
QUICK = {"pretrain_epochs": 1, "warmup_epochs": 1, "max_epochs": 1, "n_init": 1}


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    assert not plt.get_fignums()


def by_distance(points, labels, cluster) -> np.ndarray:
    """Return members, nearest to their mean first, by a plain loop."""
    own = [row for row in range(len(labels)) if labels[row] == cluster]
    mean = sum(points[row].astype(float) for row in own) / max(len(own), 1)
    return np.array(sorted(own, key=lambda row: np.linalg.norm(points[row] - mean)), int)


def shown(estimator, X, **options):
    return ClusterGalleryDisplay.from_estimator(
        estimator, X, images=COLORS, n_members=4, ax=own_axes(), **options
    )


def assert_shows(display, labels, order):
    """Check rows, images and sizes of all clusters."""
    for cluster, rows in enumerate(display.member_indices):
        assert_array_equal(rows, order(cluster)[:4])
        assert_array_equal(display.members[cluster], COLORS[rows])
        assert display.cluster_sizes[cluster] == (labels == cluster).sum()
    assert display.centers is None
    assert [len(row) for row in display.ims_] == [len(rows) for rows in display.member_indices]
    assert "centre" not in [text.get_text() for text in display.ax_.texts]


CLUSTERERS = {
    "KMeans": (KMeans(5, n_init=1, random_state=0), "transform"),
    "Birch": (Birch(n_clusters=4), "transform"),
    "Birch of a model": (Birch(n_clusters=KMeans(3, random_state=0)), "transform"),
    "AffinityPropagation": (AffinityPropagation(preference=-30_000, random_state=0), None),
}


@pytest.mark.parametrize("name", CLUSTERERS)
def test_near_is_what_is_near_to_the_mean(name):
    estimator, method = CLUSTERERS[name]
    labels = estimator.fit(IMAGES).predict(IMAGES)
    points = IMAGES if method is None else estimator.transform(IMAGES)
    display = shown(estimator, IMAGES)
    assert len(display.members) == labels.max() + 1 > 1
    assert_shows(display, labels, lambda cluster: by_distance(points, labels, cluster))


def test_membership_probabilities_go_first_where_there_are_any():
    mixture = GaussianMixture(4, covariance_type="spherical", random_state=0)
    X = PCA(2).fit_transform(IMAGES)
    probabilities = mixture.fit(X).predict_proba(X)
    labels = probabilities.argmax(1)
    assert (probabilities.max(1) > 1 - 1e-6).sum() > 0

    def order(cluster):
        near = by_distance(X, labels, cluster)
        return np.array(sorted(near, key=lambda row: -round(probabilities[row, cluster], 6)))

    assert_shows(shown(mixture, X), labels, order)


def test_the_last_step_of_a_pipeline_tells_what_is_near_and_the_others_run_once():
    calls = []

    def halved(X):
        calls.append(len(X))
        return np.reshape(X, (len(X), -1))[:, :32]

    steps = (
        FunctionTransformer(halved),
        StandardScaler(),
        AffinityPropagation(preference=-900, random_state=0),
    )
    X = IMAGES[:90].reshape(-1, 8, 8)
    pipeline = make_pipeline(*steps).fit(X)
    labels, points = pipeline.predict(X), pipeline[:-1].transform(X)
    calls.clear()
    display = ClusterGalleryDisplay.from_estimator(
        pipeline, X, images=COLORS[:90], n_members=4, ax=own_axes()
    )
    assert calls == [90]
    assert np.bincount(labels).min() > 2  # two are equally far from their mean
    assert_shows(display, labels, lambda cluster: by_distance(points, labels, cluster))


def test_a_deep_clusterer_of_features_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), TripletDECClusterer(3, random_state=0, **QUICK))
    X = IMAGES[:60]
    labels = pipeline.fit(X).predict(X)
    probabilities = pipeline.predict_proba(X)
    display = ClusterGalleryDisplay.from_estimator(pipeline, X, images=COLORS[:60], ax=own_axes())
    assert_array_equal(display.cluster_sizes, np.bincount(labels, minlength=3))
    for cluster, rows in enumerate(display.member_indices):
        least = np.sort(probabilities[labels == cluster, cluster])[::-1][: len(rows)].min()
        assert (probabilities[rows, cluster] > least - 1e-5).all()


class OfWords(ClusterMixin, BaseEstimator):
    """Clusters words by their length, and knows no numbers."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.array([len(word) for word in X])


class OfWordsWithShares(OfWords):
    def predict_proba(self, X):
        return np.array([[0.5 + 0.01 * (word[0] == "b")] * 4 for word in X])


def test_samples_that_are_no_numbers_need_probabilities():
    words = ["aa", "bb", "ccc", "b"]
    display = ClusterGalleryDisplay.from_estimator(
        OfWordsWithShares().fit(words), words, images=COLORS[:4], ax=own_axes()
    )
    assert [rows.tolist() for rows in display.member_indices] == [[], [3], [1, 0], [2]]
    with pytest.raises(TypeError, match="neither predict_proba nor transform"):
        ClusterGalleryDisplay.from_estimator(OfWords().fit(words), words, images=COLORS[:4])


@pytest.mark.parametrize("container", [np.asarray, csr_array, pd.DataFrame, torch.tensor, list])
def test_any_container_of_features(container):
    labels = CLASSES // 2
    display = ClusterGalleryDisplay.from_predictions(
        container(IMAGES), labels, images=COLORS, n_members=4, ax=own_axes()
    )
    assert_shows(display, labels, lambda cluster: by_distance(IMAGES, labels, cluster))


def test_noise_is_left_out_and_told():
    labels = DBSCAN(eps=20, min_samples=3).fit_predict(IMAGES)
    display = ClusterGalleryDisplay.from_predictions(
        IMAGES, labels, CLASSES, images=COLORS, n_members=4, ax=own_axes()
    )
    assert_shows(display, labels, lambda cluster: by_distance(IMAGES, labels, cluster))
    assert display.n_noise == (labels < 0).sum() > 0
    (note,) = [text for text in display.ax_.texts if text.get_text().startswith("noise")]
    assert note.get_text() == f"noise: {display.n_noise}, not shown"
    lowest = max(image.get_extent()[2] for image in display.ax_.images)
    assert lowest < note.get_position()[1] < display.ax_.get_ylim()[0]
    values, counts = np.unique(CLASSES[labels == 0], return_counts=True)
    assert display.majority_labels[0] == values[counts.argmax()]
    assert_allclose(display.majority_shares[0], counts.max() / counts.sum())


class WithNoise(KMeans):
    """Belongs to no cluster what is far from all centres."""

    def predict(self, X):
        labels = super().predict(X)
        return np.where(self.transform(X).min(axis=1) > 30, -1, labels)


def test_noise_of_an_estimator():
    estimator = WithNoise(4, n_init=1, random_state=0).fit(IMAGES)
    labels = estimator.predict(IMAGES)
    display = shown(estimator, IMAGES)
    assert display.n_noise == (labels == -1).sum() > 0
    points = estimator.transform(IMAGES)
    assert_shows(display, labels, lambda cluster: by_distance(points, labels, cluster))


def test_without_noise_nothing_is_told_of_it():
    display = ClusterGalleryDisplay.from_predictions(IMAGES, CLASSES, images=COLORS, ax=own_axes())
    assert display.n_noise == 0
    assert not [text for text in display.ax_.texts if "noise" in text.get_text()]


def test_a_cluster_without_members_has_an_empty_row():
    labels = np.where(CLASSES < 5, 0, 2)
    display = ClusterGalleryDisplay.from_predictions(
        IMAGES, labels, CLASSES, images=COLORS, n_clusters=4, n_members=4, ax=own_axes()
    )
    assert_shows(display, labels, lambda cluster: by_distance(IMAGES, labels, cluster))
    assert [text.get_text() for text in display.ax_.texts].count("empty") == 2


def test_originals_keep_their_colours_and_grey_ones_are_not_turned_round():
    dark = COLORS // 4 + 20
    display = ClusterGalleryDisplay.from_predictions(
        IMAGES, CLASSES, images=dark, n_members=2, ax=own_axes()
    )
    first = display.member_indices[0][0]
    painted = display.ims_[0][0].get_array()
    assert_allclose(painted, dark[first].transpose(1, 2, 0) / 255)
    display = ClusterGalleryDisplay.from_predictions(
        IMAGES, CLASSES, images=IMAGES.reshape(-1, 8, 8), n_members=2, ax=own_axes()
    )
    assert {image.get_cmap().name for image in display.ax_.images} == {"gray"}
    left, right, bottom, top = display.ims_[0][0].get_extent()
    assert left == 0
    assert_allclose((right - left) / (bottom - top), 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"images": COLORS[:5]}, ValueError, "one image for each of the 300 samples, got 5"),
        ({"labels": CLASSES[:5]}, ValueError, "labels must have one cluster for each of the 300"),
        ({"labels": np.full(300, -1)}, ValueError, "labels are all -1, noise"),
        ({"labels": CLASSES.astype(str)}, ValueError, "labels must be integers from 0, or -1"),
        (
            {"labels": CLASSES * 10**9, "n_clusters": None},
            ValueError,
            "go up to 9000000000, .*unique",
        ),
        ({"probabilities": np.eye(300)}, ValueError, r"got \(300, 300\)"),
        ({"n_members": 0}, ValueError, "n_members must be at least 1, got 0"),
        ({"y_true": [0, 1]}, ValueError, "inconsistent numbers"),
    ],
)
def test_what_does_not_fit_together_is_refused(options, error, message):
    given = {"labels": CLASSES, "images": COLORS, "n_clusters": 10} | options
    with pytest.raises(error, match=message):
        ClusterGalleryDisplay.from_predictions(IMAGES, **given)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="no cluster to show"):
        ClusterGalleryDisplay.from_predictions(IMAGES[:0], CLASSES[:0], images=COLORS[:0])


def test_estimators_that_cannot_be_asked_are_refused():
    with pytest.raises(TypeError, match=r"DBSCAN has no predict: .* from_predictions"):
        shown(DBSCAN().fit(IMAGES), IMAGES)
    pipeline = make_pipeline(StandardScaler(), KMeans(2, n_init=1)).fit(IMAGES)
    with pytest.raises(ValueError, match=r"not fitted on images .* or give images="):
        ClusterGalleryDisplay.from_estimator(pipeline, IMAGES)


def test_images_are_checked_before_a_network_runs():
    class Slow(KMeans):
        def predict(self, X):
            raise AssertionError("asked too early")

    with pytest.raises(ValueError, match="images must have one image"):
        ClusterGalleryDisplay.from_estimator(
            Slow(2, n_init=1).fit(IMAGES), IMAGES, images=COLORS[:7]
        )
