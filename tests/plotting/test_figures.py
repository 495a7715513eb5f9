"""All displays: what they draw, beside figures that are kept, and their manners."""

from __future__ import annotations

import sys
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.figures_of_displays import COUNTS, FIGURES, FOLDER, SPIRAL, draw
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.testing.compare import compare_images

from skdeepclust import plotting

# Root mean square of the differences, of 255; edges are drawn a little differently by versions.
TOLERANCE = 4.0
# Attributes that make another figure.
CHANGED: dict[str, dict[str, Any]] = {
    "activation_heatmap": {"counts": COUNTS % 3},
    "assignment": {"counts": np.eye(3, 4, dtype=int)},
    "cluster_gallery": {"member_labels": [np.array([0, 1, 1]), np.array([1, 1, 1]), [2]]},
    "cluster_number": {"scores": {"a": np.array([[0.2, 0.6, 0.5], [0.2, 0.6, 0.5]])}},
    "coverage": {"accuracy": np.array([0.2, 0.2, 0.3, 0.5, 0.7])},
    "dendrogram": {"n_clusters": 2},
    "dictionary": {"importances": np.arange(6)},
    "drift": {"shares": np.array([0.5, 0.3, 0.2, 0.0])},
    "embedding": {"labels": np.zeros(60, int)},
    "embedding_with_images": {"thumbnail_points": np.array([5, 40, 55])},
    "exemplar": {"boxes": None},
    "gallery_of_originals": {"centers": np.ones((2, 3, 8, 8))},
    "history": {"kept_attempt": 0},
    "labelled_embedding": {"coordinates": -SPIRAL},
    "sweep": {"values": [0.01, 0.02, 1.0]},
    "sweep_of_two": {"scores": {"score": COUNTS[::-1, :, None]}},
}


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    plt.close("all")
    yield
    plt.close("all")


def difference(name: str, display: Any, folder) -> str | None:
    """Return what differs from the figure that is kept, or None."""
    drawn = folder / f"{name}.png"
    imsave(drawn, draw(display))
    return compare_images(str(FOLDER / drawn.name), str(drawn), TOLERANCE)


@pytest.mark.parametrize("name", FIGURES)
def test_a_display_draws_the_figure_that_is_kept(name, tmp_path):
    assert difference(name, FIGURES[name](), tmp_path) is None


@pytest.mark.parametrize("name", FIGURES)
def test_other_data_make_another_figure(name, tmp_path):
    display = FIGURES[name]()
    vars(display).update(CHANGED[name])
    assert difference(name, display, tmp_path) is not None


def test_there_is_a_figure_of_each_display():
    assert {type(make()).__name__ for make in FIGURES.values()} == set(plotting.__all__)


def axes_of(display: Any) -> Any:
    return display.axes_[0] if hasattr(display, "axes_") else display.ax_


@pytest.mark.parametrize("name", FIGURES)
def test_axes_of_the_caller_are_used_and_nothing_else_changes(name, global_state_untouched):
    display, before = FIGURES[name](), dict(matplotlib.rcParams)
    data = set(vars(display))
    ax = Figure().subplots()
    assert display.plot(ax) is display
    assert axes_of(display) is ax
    assert display.figure_ is ax.figure
    assert not plt.get_fignums()
    artists = {key for key in set(vars(display)) - data if key.endswith("_")}
    assert len(artists) > 2  # beside axes and figure
    assert display.plot() is display
    assert plt.get_fignums() == [display.figure_.number]
    assert dict(matplotlib.rcParams) == before
    assert data <= set(vars(display))


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_each_axis_says_what_it_shows(name, style):
    with plt.style.context(style):
        display = FIGURES[name]().plot()
        display.figure_.canvas.draw()
        background = matplotlib.colors.to_rgb(display.figure_.get_facecolor())
    for ax in display.figure_.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if any(label.get_text() for label in axis.get_ticklabels()):
                assert axis.get_label_text()
        written = [ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]
        assert any(written)
        color = matplotlib.colors.to_rgb(ax.xaxis.label.get_color())
        assert np.abs(np.subtract(color, background)).max() > 0.5


@pytest.mark.parametrize("name", FIGURES)
def test_without_matplotlib_an_error_says_what_to_install(name, monkeypatch):
    display = FIGURES[name]()
    for module in [each for each in sys.modules if each.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        display.plot()
