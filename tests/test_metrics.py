"""Scores of clusterings against brute force, and as scorers in a grid search."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score
from sklearn.model_selection import GridSearchCV

from skdeepclust.metrics import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    embedding_silhouette_scorer,
    match_labels,
)

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=20)


def brute_force_accuracy(true: np.ndarray, pred: np.ndarray) -> float:
    """Try every one-to-one renaming of five clusters; -1 is no class at all."""
    renamings = permutations([0, 1, 2, 3, -1])
    return max(float(np.mean(true == np.array(names)[pred])) for names in renamings)


@given(pairs=PAIRS)
def test_accuracy_is_the_best_over_all_matchings(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    expected = brute_force_accuracy(true, pred)
    assert clustering_accuracy_score(true, pred) == pytest.approx(expected, abs=1e-12)
    matched = match_labels(true, pred)
    assert np.mean(matched == true) == pytest.approx(expected, abs=1e-12)


@given(pairs=PAIRS)
def test_names_do_not_matter_and_the_partition_stays(pairs: list[tuple[int, int]]) -> None:
    true, pred = np.array(pairs).T
    class_names, cluster_names = np.array(["z", "cluster 7", "b", "a"]), np.array([7, -1, 3, 0, 9])
    accuracy = clustering_accuracy_score(class_names[true], cluster_names[pred])
    assert accuracy == clustering_accuracy_score(true, pred)
    matched = match_labels(class_names[true], cluster_names[pred])
    assert np.mean(matched == class_names[true]) == pytest.approx(accuracy, abs=1e-12)
    partners = set(zip(matched.tolist(), pred.tolist(), strict=True))
    assert len(partners) == len(set(matched.tolist())) == len(set(pred.tolist()))


@pytest.mark.parametrize(
    ("true", "pred", "expected"),
    [
        ([4, 4, 9, 9], [0, 0, 0, 0], {4}),
        (np.array([0, 0, 255, 255], dtype=np.uint8), [2, 2, 1, 0], {0, 255, 256}),
        ([True, True, False, True], [0, 0, 1, 2], {0, 1, 2}),
        ([0.5, 1.5, 1.5], ["a", "b", "c"], {0.5, 1.5, 2.0}),
        (["x", "x", "x"], [5, 5, 6], {"x", "cluster 6"}),
        (["x", "cluster 6", "x"], [5, 4, 6], None),
    ],
)
def test_clusters_without_partner_get_a_label_of_their_own(true, pred, expected) -> None:
    matched = set(match_labels(true, pred).tolist())
    assert len(matched) == len(set(pred))
    assert expected is None or matched == expected


def test_objects_and_lists_are_labels() -> None:
    names = np.array(["cat", "dog", "dog"], dtype=object)
    assert match_labels(names, ["x", "y", "y"]).tolist() == names.tolist()
    assert clustering_accuracy_score(names, [1, 0, 0]) == 1.0


@pytest.mark.parametrize("function", [clustering_accuracy_score, match_labels])
@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [([0, 1], [0], "inconsistent"), ([], [], "empty"), ([[0, 1]], [0, 1], "1d|shape")],
)
def test_wrong_labels_are_refused(function, true: list, pred: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(true, pred)


@pytest.mark.parametrize("scoring", [clustering_accuracy_scorer, embedding_silhouette_scorer])
def test_scorers_choose_the_right_number_of_clusters(scoring) -> None:
    X, y = make_blobs(200, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    names = np.array(["a", "b", "c"])[y]
    grid = GridSearchCV(
        KMeans(n_init=3, random_state=0), {"n_clusters": [2, 3, 6]}, scoring=scoring
    )
    assert grid.fit(X, names).best_params_ == {"n_clusters": 3}


class Ready(BaseEstimator):
    """An estimator whose embedding is the data, and its cluster the sign of the first column."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0).astype(int)

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X


def test_silhouette_scorer_is_the_silhouette_of_the_embedding() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    expected = silhouette_score(X, X[:, 0] > 0)
    assert embedding_silhouette_scorer(Ready(), X) == pytest.approx(expected, abs=1e-12)
    sampled = embedding_silhouette_scorer(Ready(), X, sample_size=100)
    assert sampled == embedding_silhouette_scorer(Ready(), X, sample_size=100)
    assert sampled != expected
    assert sampled == pytest.approx(expected, abs=0.1)


def test_silhouette_scorer_bounds_the_cost() -> None:
    class Counting(Ready):
        def transform(self, X: np.ndarray) -> np.ndarray:
            assert len(X) == 2000
            return X

    X = np.random.default_rng(0).normal(size=(5000, 2))
    assert embedding_silhouette_scorer(Counting(), X) > 0


@pytest.mark.parametrize("X", [np.ones((5, 2)), np.array([[1.0, 0.0], [-1.0, 0.0]])])
def test_silhouette_without_two_real_clusters_is_the_worst(X: np.ndarray) -> None:
    assert embedding_silhouette_scorer(Ready(), X) == -1.0
