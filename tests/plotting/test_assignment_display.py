"""The matrix of classes and clusters: counts by a naive loop, matching, shares, manners."""

from __future__ import annotations

from itertools import permutations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.display_data import CLASSES, IMAGES, own_axes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import DBSCAN, KMeans
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust.metrics import clustering_accuracy_score, match_labels
from skdeepclust.plotting import AssignmentDisplay


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


def written(display):
    return [[text.get_text() for text in row] for row in display.text_]


@settings(max_examples=30)  # each draws a figure
@given(
    y=hnp.arrays(np.int64, 14, elements=st.integers(0, 3)),
    labels=hnp.arrays(np.int64, 14, elements=st.integers(-1, 4)),
)
def test_counts_and_matching_are_those_of_naive_loops(y, labels):
    display = AssignmentDisplay.from_predictions(y, labels, ax=Figure().subplots(), colorbar=False)
    assert sorted(display.classes) == sorted(set(y.tolist()))
    assert sorted(display.clusters) == sorted(set(labels.tolist()))
    pairs = list(zip(y.tolist(), labels.tolist(), strict=True))
    for row, class_ in enumerate(display.classes):
        for column, cluster in enumerate(display.clusters):
            assert display.counts[row, column] == pairs.count((class_, cluster))
    assert display.n_matched == min(display.counts.shape)
    few, many = sorted([display.counts, display.counts.T], key=len)[0], max(display.counts.shape)
    best = max(sum(few[range(len(few)), chosen]) for chosen in permutations(range(many), len(few)))
    assert np.trace(display.counts) == best
    assert_allclose(display.accuracy, clustering_accuracy_score(y, labels))


def test_the_matrix_is_the_confusion_matrix_of_matched_labels():
    y, labels = CLASSES, KMeans(10, n_init=1, random_state=0).fit_predict(IMAGES)
    display = AssignmentDisplay.from_predictions(y, labels, ax=own_axes())
    matched = confusion_matrix(y, match_labels(y, labels), labels=display.classes)
    assert_array_equal(display.counts, matched)
    assert_array_equal(display.im_.get_array(), matched)


def test_clusters_without_a_partner_stand_to_the_right_in_the_order_of_their_class():
    y = np.repeat(["a", "b"], [20, 15])
    labels = np.repeat([4, 0, 1, 3, 2], [10, 6, 4, 8, 7])
    ax = own_axes()
    display = AssignmentDisplay.from_predictions(y, labels, ax=ax)
    assert display.clusters.tolist() == [4, 3, 0, 1, 2]
    assert display.n_matched == 2
    assert_array_equal(display.counts, [[10, 0, 6, 4, 0], [0, 8, 0, 0, 7]])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["4", "3", "0", "1", "2"]
    assert [line.get_xdata()[0] for line in ax.lines] == [1.5]
    assert any("3 without a partner" in text.get_text() for text in ax.texts)
    assert written(display) == [["10", "", "6", "4", ""], ["", "8", "", "", "7"]]


def test_classes_without_a_partner_stand_below():
    ax = own_axes()
    display = AssignmentDisplay.from_predictions(list("aabbbc"), [0, 0, 7, 7, 7, 7], ax=ax)
    assert display.classes.tolist() == ["a", "b", "c"]
    assert_array_equal(display.counts, [[2, 0], [0, 3], [0, 1]])
    assert [line.get_ydata()[0] for line in ax.lines] == [1.5]


@pytest.mark.parametrize("normalize", ["true", "pred", "all"])
def test_shares_are_those_of_scikit_learn(normalize):
    y, labels = CLASSES, KMeans(10, n_init=1, random_state=0).fit_predict(IMAGES)
    display = AssignmentDisplay.from_predictions(y, labels, normalize=normalize, ax=own_axes())
    pred = match_labels(y, labels)
    expected = confusion_matrix(y, pred, labels=display.classes, normalize=normalize)
    assert_allclose(display.im_.get_array(), expected)
    assert display.counts.sum() == len(y)


def test_a_share_is_written_as_none_or_all_only_if_it_is():
    y, labels = np.repeat([0, 1], 1000), np.repeat([0, 1], [999, 1001])
    display = AssignmentDisplay.from_predictions(y, labels, normalize="true", ax=own_axes())
    assert written(display) == [[">99%", "<1%"], ["", "100%"]]


@pytest.mark.parametrize(("n_clusters", "options", "expected"), [
    (16, {}, True), (17, {}, False), (17, {"include_values": True}, True),
    (2, {"include_values": False}, False),
])  # fmt: skip
def test_values_are_written_where_they_can_be_read(n_clusters, options, expected):
    labels = np.arange(120) % n_clusters
    display = AssignmentDisplay.from_predictions(labels, labels, ax=own_axes(), **options)
    assert (display.text_ is not None) == expected


def test_a_hundred_clusters_are_counted_instead_of_named():
    labels = np.arange(1000) % 101
    display = AssignmentDisplay.from_predictions(np.minimum(labels, 99), labels)
    assert display.ax_.get_xlabel() == "101 clusters"
    assert display.ax_.get_ylabel() == "100 classes"
    assert not display.ax_.get_xticklabels()
    display.figure_.canvas.draw()


@pytest.mark.parametrize("container", [pd.Series, torch.tensor, list])
def test_labels_come_in_any_container_and_estimators_may_be_pipelines(container):
    pipeline = make_pipeline(StandardScaler(), KMeans(4, n_init=1, random_state=0)).fit(IMAGES)
    display = AssignmentDisplay.from_estimator(pipeline, IMAGES, container(CLASSES), ax=own_axes())
    labels = container(pipeline.predict(IMAGES))
    again = AssignmentDisplay.from_predictions(CLASSES, labels, ax=own_axes())
    assert_array_equal(again.counts, display.counts)
    noise = AssignmentDisplay.from_predictions(
        CLASSES, container(DBSCAN(eps=20).fit_predict(IMAGES)), ax=own_axes()
    )
    assert -1 in noise.clusters


def test_figures_and_settings(global_state_untouched):
    before, ax = dict(plt.rcParams), own_axes()
    display = AssignmentDisplay.from_predictions([0, 1, 1], [5, 6, 6], ax=ax)
    assert display.ax_ is ax
    assert not plt.get_fignums()
    with plt.style.context("dark_background"):
        assert display.plot(normalize="pred") is display
        display.figure_.canvas.draw()
    assert display.figure_ is plt.gcf()
    assert dict(plt.rcParams) == before


def test_an_estimator_without_predict_is_refused():
    with pytest.raises(TypeError, match=r"DBSCAN\(\) has none: give from_predictions"):
        AssignmentDisplay.from_estimator(DBSCAN().fit(IMAGES), IMAGES, CLASSES)


@pytest.mark.parametrize(
    ("y", "labels", "options", "message"),
    [
        ([0, 1], [0], {}, "inconsistent numbers"),
        ([], [], {}, "empty; give at least one"),
        ([0, 1], [0, 1], {"normalize": "row"}, "normalize must be .* got 'row'"),
    ],
)
def test_wrong_arguments_are_refused_before_a_figure_is_made(y, labels, options, message):
    with pytest.raises(ValueError, match=message):
        AssignmentDisplay.from_predictions(y, labels, **options)
    assert not plt.get_fignums()
