"""Scores against the number of clusters: by hand, and what may be given for what."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from helpers.display_data import CLASSES, ESTIMATOR, IMAGES, own_axes
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, v_measure_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skdeepclust.metrics import clustering_accuracy_score
from skdeepclust.plotting import ClusterNumberDisplay


def score_two_numbers(estimators, **options):
    """Return the scores of quick clusterings into two and four clusters."""
    settings = {"n_clusters": [2, 4], "clusterer": KMeans(n_init=1), "ax": own_axes(), **options}
    return ClusterNumberDisplay.from_estimators(estimators, IMAGES, CLASSES, **settings).scores


def test_scores_are_those_computed_by_hand():
    ax = own_axes()
    X, y = IMAGES, CLASSES
    display = ClusterNumberDisplay.from_estimators(
        {"code": ESTIMATOR, "pixels": X}, X, y, n_clusters=[8, 3], random_state=4, n_seeds=2,
        clusterer=KMeans(n_init=2), ax=ax,
    )  # fmt: skip
    assert list(display.scores) == ["code", "pixels"]
    for name, data in {"code": ESTIMATOR.transform(X), "pixels": X}.items():
        for row, seed in enumerate([4, 5]):
            for column, number in enumerate([8, 3]):
                labels = KMeans(number, n_init=2, random_state=seed).fit_predict(data)
                expected = adjusted_mutual_info_score(y, labels, average_method="max")
                assert_allclose(display.scores[name][row, column], expected, atol=1e-12)
    classes, *lines = ax.lines
    assert classes.get_xdata()[0] == display.n_classes == 10
    assert classes.get_linestyle() == "--"
    for line, scores in zip(lines, display.scores.values(), strict=True):
        assert_array_equal(line.get_xdata(), [3, 8])
        assert_allclose(line.get_ydata(), scores.mean(axis=0)[::-1])
    assert len(ax.collections) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["code", "pixels"]
    assert ax.get_ylabel() == "adjusted mutual information (max)"


def test_the_default_clusterer_and_one_seed_without_band():
    ax = own_axes()
    X, y = IMAGES[:60], CLASSES[:60]
    display = ClusterNumberDisplay.from_estimators(X, X, y, ax=ax)
    assert_array_equal(display.n_clusters, [5, 10, 15, 20, 25, 30])
    labels = KMeans(20, n_init=10, random_state=0).fit_predict(X)
    expected = adjusted_mutual_info_score(y, labels, average_method="max")
    assert_allclose(display.scores["embedding"][0, 3], expected, atol=1e-12)
    assert not ax.collections


@pytest.mark.parametrize(
    ("score", "function"),
    [
        ("clustering_accuracy_score", clustering_accuracy_score),
        ("v_measure_score", v_measure_score),
        (adjusted_rand_score, adjusted_rand_score),
    ],
    ids=["own", "scikit-learn", "callable"],
)
def test_any_score_and_any_clusterer(score, function):
    ax = own_axes()
    X, y = IMAGES, CLASSES
    clusterer = make_pipeline(Normalizer(), KMeans(n_init=1))
    display = ClusterNumberDisplay.from_estimators(
        X, X, y, n_clusters=[7], clusterer=clusterer, score=score, ax=ax
    )
    labels = KMeans(7, n_init=1, random_state=0).fit_predict(Normalizer().transform(X))
    assert_allclose(display.scores["embedding"], [[function(y, labels)]])
    assert not hasattr(clusterer[-1], "labels_"), "clones are fitted, not what was given"


def test_a_clusterer_without_seed():
    clusterer = AgglomerativeClustering()
    scores = score_two_numbers(IMAGES, clusterer=clusterer, n_seeds=2)["embedding"]
    assert_array_equal(scores[0], scores[1])


@pytest.mark.parametrize("container", [csr_array, pd.DataFrame, torch.tensor, list])
def test_an_array_in_any_container_stands_for_an_estimator(container):
    expected = score_two_numbers({"x": IMAGES.reshape(-1, 8, 8)})["x"]
    assert_allclose(score_two_numbers(container(IMAGES))["embedding"], expected)
