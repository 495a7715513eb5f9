"""Heat maps of the most active units: their counts by a naive loop, their order, their names."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.display_data import CLASSES, ESTIMATOR, IMAGES, own_axes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skdeepclust.plotting import ActivationHeatmapDisplay


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


@settings(max_examples=30)  # each draws a figure
@given(
    activations=hnp.arrays(np.float64, (12, 4), elements=st.integers(-2, 2)),
    y=hnp.arrays(np.int64, 12, elements=st.integers(0, 3)),
    groups=hnp.arrays(np.int64, 12, elements=st.integers(0, 2)),
)
def test_counts_are_those_of_a_naive_loop(activations, y, groups):
    display = ActivationHeatmapDisplay.from_activations(
        activations, y, groups=groups, ax=Figure().subplots(), colorbar=False
    )
    column = {label: index for index, label in enumerate(display.classes.tolist())}
    counts, n_inactive = np.zeros((4, len(column))), np.zeros(len(column))
    for row, label in zip(activations, y.tolist(), strict=True):
        best, unit = 0.0, None
        for candidate, value in enumerate(row):
            if value > best:
                best, unit = value, candidate
        if unit is None:
            n_inactive[column[label]] += 1
        else:
            counts[unit, column[label]] += 1
    assert_array_equal(display.counts, counts)
    assert_array_equal(display.n_inactive, n_inactive)
    assert sorted(column) == sorted(set(y.tolist()))
    assert_array_equal(np.sort(display.group_of_class), display.group_of_class)
    for label, group in zip(display.classes, display.group_of_class, strict=True):
        votes = groups[y == label].tolist()
        assert votes.count(group) == max(map(votes.count, votes))


def test_units_are_sorted_by_their_class_and_unused_ones_stay():
    ax = own_axes()
    counts = np.array([[0, 0, 0], [1, 4, 0], [0, 9, 2], [5, 0, 0], [0, 0, 0], [0, 1, 7]])
    display = ActivationHeatmapDisplay(counts=counts, classes=np.array(["a", "b", "c"])).plot(ax)
    assert display.units_.tolist() == [3, 2, 1, 5, 0, 4]
    assert_array_equal(display.im_.get_array(), counts[display.units_])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["3", "2", "1", "5", "0", "4"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert "2 of 6 units are never the most active" in [text.get_text() for text in ax.texts]
    display.plot(Figure().subplots(), sort=False)
    assert_array_equal(display.im_.get_array(), counts)


def test_shares_are_of_all_samples_of_the_class_also_of_those_without_active_unit():
    ax = own_axes()
    activations = np.array([[1, 0], [1, 0], [0, 2], [0, 0], [0, 1], [-1, -3]])
    display = ActivationHeatmapDisplay.from_activations(
        activations, list("aaaabb"), normalize=True, sort=False, ax=ax
    )
    assert_allclose(display.im_.get_array(), [[0.5, 0], [0.25, 0.5]])
    assert_array_equal(display.counts, [[2, 0], [1, 1]])
    assert "no unit is active for 2 of 6 samples" in [text.get_text() for text in ax.texts]


def test_one_border_between_groups_and_their_names_above():
    ax = own_axes()
    X, y = IMAGES, CLASSES
    groups = np.where(y % 2, "odd", "even")
    display = ActivationHeatmapDisplay.from_estimator(ESTIMATOR, X, y, groups=groups, ax=ax)
    assert display.classes.tolist() == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    assert [line.get_xdata()[0] for line in ax.lines] == [4.5]
    names = {text.get_text(): text.xy[0] for text in ax.texts}
    assert names["even"] == 2
    assert names["odd"] == 7
    activations = ESTIMATOR.transform(X)
    again = ActivationHeatmapDisplay.from_activations(activations, y, groups=groups, ax=ax)
    assert_array_equal(again.counts, display.counts)


@pytest.mark.parametrize("container", [csr_array, pd.DataFrame, torch.tensor])
def test_activations_come_in_any_container(container):
    ax = own_axes()
    X, y = IMAGES, CLASSES
    activations = ESTIMATOR.transform(X)
    expected = ActivationHeatmapDisplay.from_activations(activations, y, ax=ax).counts
    display = ActivationHeatmapDisplay.from_activations(container(activations), y, ax=ax)
    assert_array_equal(display.counts, expected)


@pytest.mark.parametrize(("n_units", "n_names"), [(15, 15), (48, 48), (128, 0)])
def test_names_of_units_do_not_cover_each_other(n_units, n_names):
    activations = np.random.default_rng(0).normal(size=(200, n_units))
    y = np.resize(["automobile", "frog"], 200)
    display = ActivationHeatmapDisplay.from_activations(activations, y, groups=y)
    display.figure_.canvas.draw()
    names = [text for text in display.ax_.get_yticklabels() if text.get_text()]
    assert len(names) == n_names
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_a_layer_without_any_active_unit_is_drawn():
    ax = own_axes()
    display = ActivationHeatmapDisplay.from_activations(np.zeros((4, 3)), [0, 0, 1, 1], ax=ax)
    assert_array_equal(display.counts, 0)
    assert_array_equal(display.n_inactive, [2, 2])
    assert display.im_.get_clim() == (0, 1)
    ax.figure.canvas.draw()


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_no_sample_looks_like_the_background_and_many_like_the_text(style):
    with plt.style.context(style):
        display = ActivationHeatmapDisplay.from_activations(np.eye(3), [0, 1, 1])
        text = to_rgba(plt.rcParams["text.color"])
    assert_allclose(display.im_.cmap(0.0), display.ax_.get_facecolor())
    assert_allclose(display.im_.cmap(1.0), text)


def test_long_names_of_groups_stand_upright():
    y = np.array(["frog", "horse", "ship", "truck"])
    groups = np.array(["animal that lives on land", "animal that lives on land", "a", "a"])
    display = ActivationHeatmapDisplay.from_activations(np.eye(4), y, groups=groups)
    assert display.classes.tolist() == ["ship", "truck", "frog", "horse"]
    angles = {text.get_text(): text.get_rotation() for text in display.ax_.texts}
    assert angles["a"] == angles["animal that lives on land"] == 90
