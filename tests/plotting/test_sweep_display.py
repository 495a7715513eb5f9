"""Scores against parameters: results of real searches, and numbers given by hand."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.display_data import CLASSES, IMAGES, own_axes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skdeepclust.plotting import SweepDisplay

GRID = {"max_depth": [8, 1, 3], "criterion": ["gini", "entropy"], "min_samples_leaf": [1, 20]}
METRICS = ["accuracy", "adjusted_rand_score"]


def search(grid, **options):
    tree = DecisionTreeClassifier(random_state=0)
    return GridSearchCV(tree, grid, cv=3, **options).fit(IMAGES[:150], CLASSES[:150]).cv_results_


RESULTS = search(GRID, return_train_score=True)
TWO_METRICS = search(GRID, scoring=METRICS, refit=False)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


def best_splits(results, metric="test_score", **fixed):
    """Return the scores of the best of the settings with fixed values, row by row."""
    rows = [i for i, p in enumerate(results["params"]) if fixed.items() <= p.items()]
    best = max(rows, key=lambda i: np.mean([results[f"split{s}_{metric}"][i] for s in range(3)]))
    return [results[f"split{s}_{metric}"][best] for s in range(3)]


@pytest.mark.parametrize("metric", ["test_score", "train_score"])
@pytest.mark.parametrize("container", [dict, pd.DataFrame])
def test_the_best_setting_at_each_value(metric, container):
    ax = own_axes()
    display = SweepDisplay.from_cv_results(container(RESULTS), "max_depth", metric=metric, ax=ax)
    expected = np.array([best_splits(RESULTS, metric, max_depth=d) for d in (1, 3, 8)])
    name = metric.replace("_", " ")
    assert display.values == [1, 3, 8]
    assert_array_equal(display.scores[name], expected)
    line = display.lines_[name]
    assert_array_equal(line.get_xdata(), [1, 3, 8])
    assert_allclose(line.get_ydata(), expected.mean(axis=1))
    (band,) = ax.collections
    vertices = band.get_paths()[0].vertices
    for value, mean, spread in zip(line.get_xdata(), line.get_ydata(), expected.std(axis=1),
                                   strict=True):  # fmt: skip
        heights = vertices[vertices[:, 0] == value, 1]
        assert_allclose([heights.min(), heights.max()], [mean - spread, mean + spread])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("max_depth", name)
    assert ax.texts[0].get_text() == "each with the best criterion, min_samples_leaf"
    assert ax.get_legend() is None


def test_a_line_for_each_value_of_another_parameter():
    ax = own_axes()
    display = SweepDisplay.from_cv_results(RESULTS, "max_depth", hue="criterion", ax=ax)
    assert list(display.scores) == ["gini", "entropy"]
    for name, table in display.scores.items():
        expected = [best_splits(RESULTS, max_depth=d, criterion=name) for d in (1, 3, 8)]
        assert_array_equal(table, expected)
        assert_allclose(display.lines_[name].get_ydata(), np.mean(expected, axis=1))
    assert ax.get_legend().get_title().get_text() == "criterion"
    looks = [(x.get_color(), x.get_linestyle(), x.get_marker()) for x in display.lines_.values()]
    assert all(a != b for a, b in zip(*looks, strict=True))


def test_several_scores_of_the_setting_that_is_best_in_the_first():
    metrics = [f"test_{name}" for name in METRICS]
    display = SweepDisplay.from_cv_results(TWO_METRICS, "criterion", metric=metrics, ax=own_axes())
    assert display.values == ["gini", "entropy"]
    assert list(display.scores) == ["accuracy", "adjusted rand score"]
    params = TWO_METRICS["params"]
    for i, criterion in enumerate(display.values):
        rows = [j for j, p in enumerate(params) if p["criterion"] == criterion]
        best = max(rows, key=TWO_METRICS["mean_test_accuracy"].__getitem__)
        for table, metric in zip(display.scores.values(), metrics, strict=True):
            assert_allclose(table[i].mean(), TWO_METRICS[f"mean_{metric}"][best])
            assert_allclose(table[i].std(), TWO_METRICS[f"std_{metric}"][best])
    assert display.ax_.get_ylabel() == "score"


def test_categories_have_ticks_and_error_bars_side_by_side():
    rng = np.random.default_rng(0)
    scores = {"ACC": rng.random((2, 4)), "NMI": rng.random((2, 4))}
    display = SweepDisplay.from_values(["gmm", "kmeans"], scores, param="init", ax=own_axes())
    ax = display.ax_
    assert [label.get_text() for label in ax.get_xticklabels()] == ["gmm", "kmeans"]
    first, second = (line.get_xdata() for line in display.lines_.values())
    assert (first < second).all()
    assert_array_equal(np.round(first), [0, 1])
    bars = [np.array(bar.get_segments()) for bar in ax.collections]
    for bar, table in zip(bars, scores.values(), strict=True):
        assert_allclose(np.diff(bar[:, :, 1])[:, 0], 2 * table.std(axis=1))
    assert {line.get_linestyle() for line in display.lines_.values()} == {"None"}


def test_two_parameters_make_a_heat_map():
    ax = own_axes()
    display = SweepDisplay.from_cv_results(RESULTS, ("max_depth", "min_samples_leaf"), ax=ax)
    assert display.values == ([1, 3, 8], [1, 20])
    expected = np.array(
        [
            [best_splits(RESULTS, max_depth=d, min_samples_leaf=m) for m in (1, 20)]
            for d in (1, 3, 8)
        ]
    )
    assert_array_equal(display.scores["test score"], expected)
    assert_allclose(display.im_.get_array(), expected.mean(axis=2).T)
    assert display.im_.origin == "lower"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("max_depth", "min_samples_leaf")
    texts = {text.get_position(): text for text in ax.texts if "±" in text.get_text()}
    for (i, j), mean in np.ndenumerate(expected.mean(axis=2)):
        assert texts[i, j].get_text() == f"{mean:.2f}\n±{expected[i, j].std():.2f}"
        assert (texts[i, j].get_fontweight() == "bold") == (mean == expected.mean(axis=2).max())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "3", "8"]


def test_numbers_are_put_in_order_with_their_scores():
    scores = np.array([[0.3, 0.5], [0.1, 0.2], [0.7, 0.9]])
    display = SweepDisplay.from_values([5, 1, 10], scores, score_name="ACC", ax=own_axes())
    assert display.values == [1, 5, 10]
    assert_array_equal(display.scores["ACC"], scores[[1, 0, 2]])
    surface = np.arange(6.0).reshape(3, 2)
    display = SweepDisplay.from_values(
        ([5, 1, 10], [2, 1]), surface, param=("a", "b"), ax=own_axes()
    )
    assert display.values == ([1, 5, 10], [1, 2])
    assert_array_equal(display.scores["score"][:, :, 0], surface[[1, 0, 2]][:, ::-1])
    assert len(display.ax_.texts) == 6


@pytest.mark.parametrize("container", [list, np.asarray, torch.tensor, pd.Series])
def test_values_and_scores_in_any_container(container):
    display = SweepDisplay.from_values(container([1, 2]), container([0.5, 0.25]), ax=own_axes())
    assert display.values == [1, 2]
    assert_array_equal(display.scores["score"], [[0.5], [0.25]])
    assert not display.ax_.collections, "one repetition has no spread"


def test_failed_fits_leave_a_gap():
    scores = [[0.5, 0.6], [0.5, np.nan], [0.4, 0.6]]
    line = SweepDisplay.from_values([1, 2, 3], scores, ax=own_axes()).lines_["score"]
    assert_allclose(line.get_ydata(), [0.55, np.nan, 0.5])
    options = {"param": ("a", "b"), "ax": own_axes()}
    display = SweepDisplay.from_values(([1, 2, 3], [1]), np.array(scores)[:, None], **options)
    assert_array_equal(np.ma.getmaskarray(display.im_.get_array()), [[False, True, False]])
    assert len(display.ax_.texts) == 2


def test_a_failed_setting_is_not_the_best():
    results = {"params": [{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 3}],
               "split0_test_score": [np.nan, 0.2, 0.9]}  # fmt: skip
    display = SweepDisplay.from_cv_results(results, "a", ax=own_axes())
    assert display.values == [1]
    assert_array_equal(display.scores["test score"], [[0.2]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], "linear"),
        ([5, 10, 20], "linear"),
        ([0.01, 0.1, 1], "log"),
        ([1, 3, 10, 30, 100], "log"),
        ([1, 25, 50, 75, 100], "linear"),
        ([0, 0.01, 0.1, 1], "category"),
        ([-1, 0.01, 0.1, 1], "linear"),
        ([0.1, "auto"], "category"),
        ([True, False], "category"),
        ([None, [1], [2]], "category"),
    ],
    ids=str,
)
def test_the_scale_suits_the_values(values, expected):
    display = SweepDisplay.from_values(values, np.arange(len(values)), ax=own_axes())
    scale = display.ax_.get_xscale()
    named = [label.get_text() for label in display.ax_.get_xticklabels()] == list(map(str, values))
    assert scale == ("linear" if expected == "category" else expected)
    assert named == (expected != "linear")
    if expected == "category":
        assert_array_equal(display.lines_["score"].get_xdata(), np.arange(len(values)))


def test_a_scale_of_choice():
    display = SweepDisplay.from_values([0, 1, 2], [1, 2, 3], xscale="symlog", ax=own_axes())
    assert display.ax_.get_xscale() == "symlog"


def test_values_that_are_written_alike_keep_their_lines():
    params = [{"a": a, "b": b} for a in (1, 2) for b in (1, "1")]
    results = {"params": params, "split0_test_score": [0.1, 0.2, 0.3, 0.4]}
    lines = SweepDisplay.from_cv_results(results, "a", hue="b", ax=own_axes()).lines_
    assert {name: line.get_ydata().tolist() for name, line in lines.items()} == {
        "1": [0.1, 0.3], "'1'": [0.2, 0.4],
    }  # fmt: skip


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("param", ["max_depth", ("max_depth", "criterion")])
def test_figures_and_settings(style, param, tmp_path, global_state_untouched):
    before = dict(matplotlib.rcParams)
    ax = own_axes()
    display = SweepDisplay.from_cv_results(RESULTS, param, ax=ax)
    assert display.ax_ is ax
    assert not plt.get_fignums()
    with plt.style.context(style):
        assert display.plot() is display
    assert display.figure_ is plt.gcf()
    display.figure_.savefig(tmp_path / "sweep.png")
    assert dict(matplotlib.rcParams) == before


WRONG_RESULTS = [
    ({"param": "alpha"}, r"must be among \['criterion', 'max_depth', 'min.*got \['alpha'\]"),
    ({"hue": "alpha"}, r"must be among .*got \['max_depth', 'alpha'\]"),
    ({"hue": "max_depth"}, "param and hue must name one or two parameters"),
    ({"param": ("a", "b", "c")}, "param and hue must name one or two parameters"),
    ({"param": ("max_depth", "criterion"), "hue": "min_samples_leaf"}, "room for two of"),
    ({"metric": ["test_score", "train_score"], "hue": "criterion"}, "room for two of"),
    ({"metric": "score"}, r"metric must be among \['test_score', 'train_score'\], got 'score'"),
    ({"xscale": "wide"}, "xscale must be one of auto, .* got 'wide'"),
    ({"param": "criterion", "xscale": "log"}, "xscale='log' needs numbers"),
]


@pytest.mark.parametrize(("options", "message"), WRONG_RESULTS)
def test_wrong_results_are_refused_before_a_figure_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        SweepDisplay.from_cv_results(RESULTS, **{"param": "max_depth", **options})
    assert not plt.get_fignums()


WRONG_VALUES = [
    ({"values": [1, 1]}, "values must be different ones"),
    ({"values": [], "scores": []}, "values must be different ones, at least one"),
    ({"scores": [1, 2, 3]}, r"scores must have the shape \(2, n_repeats\), that of 'score' is"),
    ({"scores": {"a": [[[1]], [[2]]]}}, r"that of 'a' is \(2, 1, 1\)"),
    ({"scores": {}}, "scores must hold one array"),
    ({"scores": [[], []]}, r"\(2, 0\)"),
    ({"scores": [np.inf, 1]}, "scores contains infinity"),
    ({"values": [[1, 2]], "param": ("a", "b")}, r"values must hold .* \('a', 'b'\), got 1"),
    ({"values": [0, 1], "xscale": "log"}, 'xscale="log" needs values above 0'),
]


@pytest.mark.parametrize(("options", "message"), WRONG_VALUES)
def test_wrong_values_are_refused_before_a_figure_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        SweepDisplay.from_values(**{"values": [1, 2], "scores": [1, 2], **options})
    assert not plt.get_fignums()


def test_a_search_is_shown_by_its_results():
    grid = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 3]}, cv=2)
    with pytest.raises(NotFittedError):
        SweepDisplay.from_estimator(grid, "max_depth")
    grid.fit(IMAGES[:50], CLASSES[:50])
    assert SweepDisplay.from_estimator(grid, "max_depth", ax=own_axes()).values == [1, 3]
