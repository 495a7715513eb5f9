"""Accuracy against coverage: a plain loop, equal scores, thresholds, several curves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.display_data import own_axes
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.meta import OpenSetClusterer
from skdeepclust.metrics import match_labels
from skdeepclust.plotting import CoverageDisplay

X, Y = make_blobs(200, centers=3, cluster_std=3, random_state=0)


def test_each_point_is_the_accuracy_of_the_samples_with_such_a_score():
    rng = np.random.default_rng(0)
    y, labels, scores = rng.integers(3, size=(3, 60))  # many scores are equal
    display = CoverageDisplay.from_predictions(y, labels, scores, ax=own_axes())
    is_right = match_labels(y, labels) == y
    for coverage, accuracy, least in zip(
        display.coverage, display.accuracy, [2, 1, 0], strict=True
    ):
        kept = scores >= least
        assert coverage == kept.mean()
        assert accuracy == pytest.approx(is_right[kept].mean())
    np.testing.assert_array_equal(display.line_.get_xdata(), display.coverage)


def test_an_open_set_has_its_threshold_and_the_clusters_of_what_it_refuses():
    model = OpenSetClusterer(KMeans(3, n_init=1, random_state=0), contamination=0.2, random_state=0)
    chain = make_pipeline(StandardScaler(), model).fit(X)
    display = CoverageDisplay.from_estimator(chain, X, Y, ax=own_axes())
    assert display.kept == (chain.predict(X) >= 0).mean() < 1
    assert display.kept_.get_xdata() == [display.kept]
    inner = chain[-1].estimator_.predict(chain[:-1].transform(X))
    assert display.accuracy[-1] == (match_labels(Y, inner) == Y).mean()
    assert display.name == "OpenSetClusterer"


def test_probabilities_are_scores_where_nothing_else_is():
    class Mixture(GaussianMixture):
        score_samples = property()  # as of a clusterer that has none

    fitted = Mixture(3, random_state=0).fit(X)
    first = CoverageDisplay.from_estimator(fitted, X, Y, ax=own_axes())
    scores = fitted.predict_proba(X).max(axis=1)
    second = CoverageDisplay.from_predictions(Y, fitted.predict(X), scores, name="b", ax=first.ax_)
    np.testing.assert_array_equal(first.accuracy, second.accuracy)
    assert first.line_.get_color() != second.line_.get_color()
    names = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert names == ["Mixture", "b"]


def test_errors_say_what_to_give():
    with pytest.raises(TypeError, match="score_samples or predict_proba, KMeans"):
        CoverageDisplay.from_estimator(KMeans(3, n_init=1).fit(X), X, Y)
    with pytest.raises(TypeError, match="estimator must have predict, DBSCAN"):
        CoverageDisplay.from_estimator(DBSCAN().fit(X), X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CoverageDisplay.from_predictions([0, 1], [0, 1], [0.5])
    for kept, error, what in (
        (90, ValueError, "kept == 90, must be <= 1"),
        (np.nan, ValueError, "kept == nan, must be from 0 to 1"),
        ("a", TypeError, "kept"),
    ):
        with pytest.raises(error, match=what):
            CoverageDisplay.from_predictions([0, 1], [0, 1], [0.5, 0.1], kept=kept)
    with pytest.raises(ValueError, match="scores contains NaN"):
        CoverageDisplay.from_predictions([0, 1], [0, 1], [0.5, np.nan])


@pytest.mark.parametrize("kept", [np.array(0.5), np.float32(0.5), torch.tensor(0.5)])
def test_a_share_is_marked_whatever_holds_it(kept):
    shown = CoverageDisplay.from_predictions([0, 1], [0, 1], [0.5, 0.1], kept=kept, ax=own_axes())
    assert shown.kept_.get_xdata() == [0.5]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16])
def test_scores_of_a_type_without_negatives_rank_as_numbers(dtype):
    true, labels, scores = [0, 0, 1, 1, 2, 2], [1, 1, 0, 0, 2, 0], np.repeat([0, 1], 3)
    expected, found = (
        CoverageDisplay.from_predictions(true, labels, each, ax=own_axes()).accuracy
        for each in (scores, scores.astype(dtype))
    )
    np.testing.assert_array_equal(found, expected)
