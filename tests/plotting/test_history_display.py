"""Losses against epochs: rows of a history on one axis, phase by phase and attempt by attempt."""

from __future__ import annotations

import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from helpers.display_data import IMAGES, own_axes
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans

from skdeepclust.plotting import HistoryDisplay
from skdeepclust.triplet_dec import TripletDECClusterer


def row(phase, epoch, loss, **others):
    return {"phase": phase, "epoch": epoch, "loss": loss, "seconds": 0.1, **others}


HISTORY = [
    *[row("pretraining", epoch, 3.0 / epoch) for epoch in range(1, 5)],
    *[row("clustering", i, 9.0 - i, accuracy=i / 10, attempt=0) for i in range(1, 4)],
    *[row("clustering", i, 8.0 - i, accuracy=i / 9, attempt=1) for i in range(1, 7)],
]


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def clusterer():
    options = {"pretrain_epochs": 3, "warmup_epochs": 2, "max_epochs": 4, "n_init": 1}
    estimator = TripletDECClusterer(3, image_shape=(8, 8), random_state=0, **options)
    return estimator.fit(IMAGES[:100])


def points(line):
    return list(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))


def test_phases_follow_each_other_and_attempts_begin_together():
    display = HistoryDisplay.from_history(HISTORY, kept_attempt=0, ax=own_axes())
    assert display.phases == [("pretraining", 1.0, 4.0), ("clustering", 5.0, 10.0)]
    first, kept, other = display.lines_["loss"]
    assert points(first) == [(1, 3), (2, 1.5), (3, 1), (4, 0.75)]
    assert points(kept) == [(5, 8), (6, 7), (7, 6)]
    assert points(other) == [(5, 7), (6, 6), (7, 5), (8, 4), (9, 3), (10, 2)]
    assert first.get_linewidth() == kept.get_linewidth() > other.get_linewidth()
    kept, other = display.lines_["accuracy"]
    assert_allclose(kept.get_ydata(), [0.1, 0.2, 0.3])
    losses, accuracies = display.axes_
    assert [losses.get_ylabel(), accuracies.get_ylabel()] == ["loss", "accuracy"]
    assert [text.get_text() for text in losses.texts] == ["pretraining", "clustering"]
    assert accuracies.get_xlabel() == "epoch"
    border = losses.lines[-1]
    assert_array_equal(border.get_xdata(), [4.5, 4.5])
    assert accuracies.texts[0].get_text() == "2 attempts, the one that was kept is thick"


def test_the_history_of_an_estimator(clusterer):
    display = HistoryDisplay.from_estimator(clusterer, ax=own_axes())
    names = ["loss", "triplet", "reconstruction", "clustering", "information"]
    assert list(display.groups) == [ax.get_ylabel() for ax in display.axes_] == names
    assert display.kept_attempt == clusterer.attempt_
    assert [name for name, _, _ in display.phases] == ["reconstruction", "warmup", "clustering"]
    assert [end for _, _, end in display.phases] == [3, 5, 9]
    for name in names:
        drawn = np.concatenate([line.get_ydata() for line in display.lines_[name]])
        assert drawn.tolist() == [r[name] for r in clusterer.history_ if name in r]
    display.figure_.savefig(io.BytesIO())


def test_some_parts_of_some_phases(clusterer):
    ax = own_axes()
    display = HistoryDisplay.from_estimator(
        clusterer, parts=[("loss", "triplet")], phases=["clustering", "warmup"], ax=ax
    )
    assert display.ax_ is ax
    assert list(display.groups) == ["loss, triplet"]
    assert [name for name, _, _ in display.phases] == ["warmup", "clustering"]
    assert display.epochs.min() == 1
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["loss", "triplet"]
    styles = {(lines[0].get_color(), lines[0].get_linestyle()) for lines in display.lines_.values()}
    assert len({color for color, _ in styles}) == len({style for _, style in styles}) == 2
    width = max(line.get_linewidth() for line in display.lines_["triplet"])
    assert ax.get_legend().get_lines()[1].get_linewidth() == width


@pytest.mark.parametrize(
    ("parts", "groups"),
    [
        (None, {"loss": ["loss", "valid_loss"], "b": ["b"]}),
        ("b", {"b": ["b"]}),
        (["b", "loss"], {"b": ["b"], "loss": ["loss"]}),
        ([("loss", "b")], {"loss, b": ["loss", "b"]}),
        ({"all": ("loss", "b"), "x": "b"}, {"all": ["loss", "b"], "x": ["b"]}),
    ],
    ids=["none", "name", "names", "group", "labels"],
)
def test_parts_in_panels(parts, groups):
    history = [{"loss": 2.0, "valid_loss": 3.0, "b": 1, "note": "text", "best": True}] * 3
    display = HistoryDisplay.from_history(history, parts=parts, ax=own_axes())
    assert display.groups == groups
    assert_array_equal(display.epochs, [1, 2, 3])
    assert not display.ax_.texts, "no phase has a name"


def test_a_part_that_is_the_whole_loss_is_drawn_on_demand_alone():
    history = [{"loss": 2.0, "only": 2.0, "valid_loss": 1.0, "valid_only": 1.0, "b": 2.0}] * 2
    history = [*history, {**history[0], "b": 1.0}]
    groups = HistoryDisplay.from_history(history, ax=own_axes()).groups
    assert groups == {"loss": ["loss", "valid_loss"], "b": ["b"]}
    groups = HistoryDisplay.from_history(history, parts=["only"], ax=own_axes()).groups
    assert groups == {"only": ["only"]}


def test_a_data_frame_is_a_history():
    ours = HistoryDisplay.from_history(HISTORY, ax=own_axes())
    frame = HistoryDisplay.from_history(pd.DataFrame(HISTORY), ax=own_axes())
    assert ours.groups == frame.groups
    for name in ("epochs", "runs", "attempts"):
        assert_array_equal(getattr(ours, name), getattr(frame, name))
    assert_array_equal(ours.values["accuracy"], frame.values["accuracy"])


def test_attempts_of_several_phases_fitted_twice():
    def attempt(number, lengths):
        return [
            row(phase, epoch + 1, 1.0, attempt=number)
            for phase, length in lengths.items()
            for epoch in range(length)
        ]

    once = [*attempt(0, {"a": 2, "b": 3}), *attempt(1, {"a": 4, "b": 1}), *attempt(2, {"b": 2})]
    history = [*once, *once, row("b", 1, 1.0), row("b", 1, 1.0)]
    display = HistoryDisplay.from_history(history, ax=own_axes())
    assert display.phases == [
        ("a", 1, 4), ("b", 5, 7), ("a", 8, 11), ("b", 12, 14), ("b", 15, 15), ("b", 16, 16),
    ]  # fmt: skip
    expected = [1, 2, 5, 6, 7, 1, 2, 3, 4, 5, 5, 6]
    assert display.epochs.tolist() == [*expected, *(e + 7 for e in expected), 15, 16]
    assert len(display.lines_["loss"]) == 12
    assert display.lines_["loss"][-1].get_marker() == "o", "one epoch would be no line"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=1, max_size=5))
def test_without_attempts_every_epoch_has_its_own_place(phases):
    history = [row(name, i + 1, float(i)) for name, length in phases for i in range(length)]
    display = HistoryDisplay.from_history(history, ax=own_axes())
    assert display.epochs.tolist() == list(range(1, len(history) + 1))
    assert [end - start + 1 for _, start, end in display.phases] == [n for _, n in phases]
    assert [name for name, _, _ in display.phases] == [name for name, _ in phases]


def test_a_single_attempt_is_thick():
    history = [row("clustering", 1, 1.0, attempt=0), row("clustering", 2, 1.0, attempt=0)]
    thick = HistoryDisplay.from_history(history, ax=own_axes()).lines_["loss"][0]
    assert thick.get_linewidth() > 1
    thin = HistoryDisplay.from_history(HISTORY, ax=own_axes()).lines_["loss"][1:]
    assert {line.get_linewidth() < 1 for line in thin} == {True}


def test_narrow_phases_have_upright_names():
    wide = HistoryDisplay.from_history(HISTORY, ax=own_axes())
    assert {text.get_rotation() for text in wide.ax_.texts} == {0}
    history = [row("pretraining", 1, 1.0), *(row("clustering", i + 1, 1.0) for i in range(50))]
    narrow = HistoryDisplay.from_history(history, ax=own_axes())
    assert {text.get_rotation() for text in narrow.ax_.texts} == {90}


def test_axes_for_each_panel_or_one_that_is_divided():
    axes = Figure().subplots(2, 1)
    display = HistoryDisplay.from_history(HISTORY, ax=axes)
    assert list(display.axes_) == list(axes)
    whole = own_axes()
    place = whole.get_position()
    display.plot(whole, yscale="log")
    assert {ax.get_yscale() for ax in display.axes_} == {"log"}
    top, bottom = (ax.get_position() for ax in display.axes_)
    assert_allclose([top.y1, bottom.y0, top.x0], [place.y1, place.y0, place.x0])
    loose = Figure().add_axes((0, 0, 1, 1))
    for wrong in (loose, Figure().subplots(1, 3)):
        with pytest.raises(ValueError, match=r"ax must hold one .* each of the 2 panels"):
            display.plot(wrong)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_figures_and_settings(style, tmp_path, global_state_untouched):
    before = dict(matplotlib.rcParams)
    display = HistoryDisplay.from_history(HISTORY, ax=own_axes())
    assert not plt.get_fignums()
    with plt.style.context(style):
        assert display.plot() is display
    assert display.figure_ is plt.gcf()
    display.figure_.savefig(tmp_path / "history.png")
    assert dict(matplotlib.rcParams) == before


WRONG = [
    ([], {}, "history is empty"),
    (HISTORY, {"parts": "triplet"}, r"parts must be among \['loss', 'acc.*got \['triplet'\]"),
    (HISTORY, {"parts": []}, r"parts must be among .* got"),
    (HISTORY, {"parts": [()]}, r"parts must be among .* got"),
    (HISTORY, {"phases": "warmup"}, r"phases must be among \['clustering', 'pre.*got 'warmup'"),
    (HISTORY, {"phases": []}, r"phases must be among .*got \[\]"),
    ([{"phase": "a", "epoch": 1}], {}, r"parts must be among \[\]"),
]


@pytest.mark.parametrize(("history", "options", "message"), WRONG)
def test_wrong_arguments_are_refused_before_a_figure_is_made(history, options, message):
    with pytest.raises(ValueError, match=message):
        HistoryDisplay.from_history(history, **options)
    assert not plt.get_fignums()


def test_an_estimator_without_history():
    with pytest.raises(TypeError, match="estimator must have history_, KMeans"):
        HistoryDisplay.from_estimator(KMeans(2, n_init=1).fit(IMAGES))
