"""ExemplarDisplay: its data and what it draws; and the example that uses it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from skdeepclust import ParsimoniousClassifier
from skdeepclust.plotting import ExemplarDisplay


@pytest.fixture(scope="module")
def X(digits) -> np.ndarray:
    return digits[0][:200]


@pytest.fixture(scope="module")
def fitted(digits, X) -> ParsimoniousClassifier:
    return ParsimoniousClassifier(
        layers={"conv1": ["spatial", "channel"], "fc1": "sample"},
        n_clusters=12,
        image_shape=(8, 8),
        max_epochs=1,
        random_state=0,
    ).fit(X, digits[1][:200])


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    plt.close("all")


def boxes_drawn(ax) -> list[Rectangle]:
    return [patch for patch in ax.patches if patch.get_linewidth() > 1]


def test_it_holds_the_exemplars_of_the_largest_clusters(fitted, X):
    display = ExemplarDisplay.from_estimator(fitted, X, "conv1", clustering="spatial")
    labels = fitted.regularizer_.assign(X, "conv1", clustering="spatial")
    sizes = np.bincount(labels.ravel(), minlength=12)
    assert len(display.clusters) == 8
    np.testing.assert_array_equal(display.cluster_sizes, np.sort(sizes)[::-1][:8])
    for row, cluster in enumerate(display.clusters):
        found = fitted.regularizer_.exemplars(X, "conv1", cluster, clustering="spatial")
        np.testing.assert_array_equal(display.images[row].reshape(-1, 64), X[found.samples])
        np.testing.assert_array_equal(display.boxes[row], found.boxes)


def test_boxes_are_drawn_where_the_layer_looks(fitted, X):
    display = ExemplarDisplay.from_estimator(
        fitted, X, "conv1", clustering="spatial", clusters=[3], n_exemplars=4
    )
    drawn = boxes_drawn(display.ax_)
    assert len(drawn) == 4
    for column, (patch, (top, left, bottom, right)) in enumerate(
        zip(drawn, display.boxes[0], strict=True)
    ):
        assert patch.get_y() == pytest.approx(top / 8)
        assert patch.get_x() == pytest.approx(column * 1.08 + left / 8)
        assert patch.get_height() == pytest.approx((bottom - top) / 8)
        assert patch.get_width() == pytest.approx((right - left) / 8)


@pytest.mark.parametrize(("layer", "clustering"), [("fc1", None), ("conv1", "channel")])
def test_whole_images_without_boxes(fitted, X, layer, clustering):
    display = ExemplarDisplay.from_estimator(
        fitted, X, layer, clustering=clustering, clusters=[0, 1, 2], n_exemplars=5
    )
    assert display.boxes is None
    assert not boxes_drawn(display.ax_)
    assert len(display.ax_.images) == sum(map(len, display.images))


def test_it_draws_into_given_axes(fitted, X):
    ax = Figure().subplots()
    display = ExemplarDisplay.from_estimator(fitted, X, "fc1", ax=ax, cmap="viridis")
    assert display.ax_ is ax
    assert not plt.get_fignums()
    assert {image.get_cmap().name for image in ax.images} == {"viridis"}


def test_it_refuses_what_has_no_images_or_no_clusters(X, digits):
    y = digits[1][:200]
    options = {"max_epochs": 1, "n_clusters": 5}
    rows = ParsimoniousClassifier(**options).fit(X, y)
    plain = ParsimoniousClassifier(lam=0, image_shape=(8, 8), **options).fit(X, y)
    for estimator in (rows, plain):
        with pytest.raises(ValueError, match="was not fitted on images, or without a clustering"):
            ExemplarDisplay.from_estimator(estimator, X, "fc1")


def test_the_example_runs(example, tmp_path, capsys):
    output = tmp_path / "figure.png"
    example("parsimonious_exemplars").main(["--epochs", "2", "--output", str(output)])
    assert output.stat().st_size > 10_000
    assert "accuracy" in capsys.readouterr().out
