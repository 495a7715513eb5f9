"""EmbeddingDisplay with images: which points have one, where it lies, and in which frame."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.display_data import CLASSES, IMAGES, own_axes
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdeepclust.plotting import EmbeddingDisplay
from skdeepclust.plotting._embedding import NOISE_COLOR, THUMBNAIL
from skdeepclust.plotting._shared.canvas import cluster_colors
from skdeepclust.plotting._shared.selection import points_apart

RNG = np.random.default_rng(0)
COLORS = RNG.integers(0, 256, (len(IMAGES), 3, 6, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    assert not plt.get_fignums()


def frames(ax) -> list[Rectangle]:
    return [patch for patch in ax.patches if patch.get_linewidth() > 1]


def boxes(display) -> np.ndarray:
    """Return left, right, bottom, top of the thumbnails."""
    return np.array([image.get_extent() for image in display.ims_])


def overlap(one, other) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


@pytest.fixture(scope="module")
def display():
    labels = np.where(np.arange(300) % 20 == 0, -1, CLASSES)
    return EmbeddingDisplay.from_predictions(IMAGES, labels, images=COLORS, ax=own_axes())


def test_thumbnails_show_their_samples_at_their_places(display):
    assert 20 < len(display.ims_) <= 40
    assert len(set(display.thumbnail_points.tolist())) == len(display.ims_)
    shown = zip(display.thumbnail_points, display.ims_, boxes(display), strict=True)
    for point, image, (left, right, bottom, top) in shown:
        pixels = COLORS[display.indices[point]].transpose(1, 2, 0) / 255
        assert_allclose(image.get_array(), pixels)
        assert image.origin == "upper"
        middle = [(left + right) / 2, (bottom + top) / 2]
        assert_allclose(middle, display.coordinates[point])
        assert_allclose((right - left) / (top - bottom), 8 / 6)
        assert_allclose(right - left, THUMBNAIL * np.ptp(display.coordinates, axis=0).max())
    assert_array_equal(display.thumbnails, COLORS[display.thumbnail_points])


def test_thumbnails_do_not_overlap_and_all_can_be_seen(display):
    assert not [pair for pair in combinations(boxes(display), 2) if overlap(*pair)]
    (left, right), (bottom, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    seen = boxes(display)
    assert left < seen[:, 0].min() < seen[:, 1].max() < right
    assert bottom < seen[:, 2].min() < seen[:, 3].max() < top


def test_each_cluster_has_some_in_a_frame_of_its_colour_and_noise_in_grey(display):
    colors = [*cluster_colors(10), NOISE_COLOR]
    own = display.labels[display.thumbnail_points]
    assert_array_equal(np.unique(own), np.arange(-1, 10))
    for label, frame, box in zip(own, frames(display.ax_), boxes(display), strict=True):
        assert to_hex(frame.get_edgecolor()) == to_hex(colors[label])
        corner = [*frame.get_xy(), frame.get_width(), frame.get_height()]
        assert_allclose(corner, [box[0], box[2], box[1] - box[0], box[3] - box[2]])


def test_numbers_are_covered_by_no_thumbnail_and_points_lie_below(display):
    for text in display.ax_.texts:
        x, y = text.get_position()
        assert not [box for box in boxes(display) if overlap(box, [x, x, y, y])]
        assert text.get_zorder() > max(image.get_zorder() for image in display.ims_)
    points = max(each.get_zorder() for each in display.ax_.collections)
    assert points < min(image.get_zorder() for image in display.ims_)


@pytest.mark.parametrize("n_images", [1, 3, 12])
def test_no_more_than_asked_for_and_in_turns(n_images):
    display = EmbeddingDisplay.from_predictions(
        IMAGES, CLASSES, images=COLORS, n_images=n_images, ax=own_axes()
    )
    own = display.labels[display.thumbnail_points]
    assert len(own) == len(display.ims_) == n_images
    assert_array_equal(own[:10], np.arange(min(n_images, 10)))


def test_the_first_of_a_cluster_is_near_its_median_where_there_is_room():
    coordinates = np.vstack([RNG.normal(middle, 0.1, (50, 2)) for middle in ([0, 0], [9, 0])])
    labels = np.repeat([0, 1], 50)
    chosen = points_apart(coordinates, labels, np.ones(2), 9, np.zeros((0, 2)))
    assert_array_equal(np.sort(labels[chosen]), [0, 1])  # no other has room
    for label, point in enumerate(chosen):
        middle = np.median(coordinates[labels == label], axis=0)
        assert np.abs(coordinates[point] - middle).max() < 0.26  # half of a cell of the grid
    # a cluster whose every place is kept free is shown all the same
    kept = np.array([[0.0, 0], [9, 0]])
    assert len(points_apart(coordinates, labels, np.ones(2), 9, kept)) == 2


def test_they_spread_over_a_cluster():
    line = np.column_stack([np.arange(0, 100, 0.5), np.zeros(200)])
    chosen = points_apart(line, np.zeros(200, int), np.array([2.0, 2.0]), 5, np.zeros((0, 2)))
    assert_allclose(np.sort(line[chosen, 0]), [0, 25, 50, 75, 100], atol=3)


def test_the_first_steps_of_a_pipeline_run_once():
    calls = []
    seen = FunctionTransformer(lambda X: calls.append(len(X)) or X)
    pipeline = make_pipeline(seen, KMeans(4, n_init=1, random_state=0)).fit(IMAGES)
    calls.clear()
    display = EmbeddingDisplay.from_estimator(pipeline, IMAGES, ax=own_axes())
    assert calls == [300]
    assert_array_equal(display.labels, pipeline.predict(IMAGES))
    assert_allclose(display.coordinates, PCA(2).fit_transform(pipeline.transform(IMAGES)))


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_of_an_estimator_in_a_pipeline_and_points_drawn_from_all(method):
    pipeline = make_pipeline(StandardScaler(), KMeans(4, n_init=1, random_state=0)).fit(IMAGES)
    display = EmbeddingDisplay.from_estimator(
        pipeline, IMAGES, method=method, n_points=60, images=COLORS, ax=own_axes()
    )
    rows = display.indices[display.thumbnail_points]
    assert_array_equal(display.thumbnails, COLORS[rows])
    assert_array_equal(display.labels[display.thumbnail_points], pipeline.predict(IMAGES[rows]))
    assert not [pair for pair in combinations(boxes(display), 2) if overlap(*pair)]


def test_photographs_of_different_sizes_have_one_size_on_the_map():
    sides = RNG.integers(4, 40, (300, 2))
    photographs = [Image.new("RGB", (int(width), int(height))) for height, width in sides]
    display = EmbeddingDisplay.from_predictions(IMAGES, CLASSES, images=photographs, ax=own_axes())
    height, width = np.round(np.median(sides, axis=0)).astype(int)
    assert display.thumbnails.shape[1:] == (3, height, width)
    assert not [pair for pair in combinations(boxes(display), 2) if overlap(*pair)]


def test_samples_that_are_all_alike_have_one_thumbnail():
    alike = np.zeros((5, 2))
    chosen = points_apart(alike, np.zeros(5, int), np.ones(2), 9, alike[:1])
    assert len(chosen) == 1
    display = EmbeddingDisplay(
        coordinates=alike, labels=np.zeros(5, int), n_clusters=1, thumbnails=COLORS[chosen],
        thumbnail_points=chosen,
    ).plot(own_axes())  # fmt: skip
    display.figure_.canvas.draw()
    assert len(display.ims_) == 1


def test_without_images_there_are_none():
    display = EmbeddingDisplay.from_predictions(IMAGES, CLASSES, ax=own_axes())
    assert display.ims_ == []
    assert display.thumbnails is None
    assert not display.ax_.images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": COLORS[:5]}, "images must have one image for each of the 300 samples, got 5"),
        ({"images": np.zeros((300, 3, 5, 3))}, "before or after height and width"),
        ({"images": COLORS, "n_images": 0}, "n_images must be at least 1, got 0"),
    ],
)
def test_wrong_images_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_predictions(IMAGES, CLASSES, **options)
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_estimator(KMeans(2, n_init=1).fit(IMAGES), IMAGES, **options)
