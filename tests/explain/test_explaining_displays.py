"""Displays of explanations: what they draw, and where; their manners are those of the others."""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.display_data import IMAGES, own_axes
from helpers.quick import PIXELS, triplet_dec
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdeepclust.explain import (
    CenterContrastDisplay,
    NearestMembersDisplay,
    contrast_centers,
    nearest_members,
)

KNOWN, NEW = IMAGES[:200], IMAGES[200:204]


@pytest.fixture(scope="module")
def kmeans():
    return KMeans(5, random_state=0).fit(KNOWN)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    yield
    plt.close("all")


def test_each_row_has_a_centre_the_nearest_and_their_difference(kmeans):
    display = CenterContrastDisplay.from_estimator(kmeans, KNOWN, image_shape=(8, 8), ax=own_axes())
    expected = contrast_centers(kmeans, KNOWN)
    assert_array_equal(display.nearest, expected.nearest)
    assert display.is_decoded
    for row, images in enumerate(display.ims_):
        center, nearest, difference = (np.asarray(image.get_array()) for image in images)
        assert_allclose(difference, expected.differences[row].reshape(8, 8))
        span = np.ptp(expected.centers)
        assert_allclose((center - nearest) * span, difference, atol=1e-9)
        low, high = images[2].get_clim()
        assert low == -high  # zero has the colour in the middle
        assert high == np.abs(expected.differences).max()


def test_each_row_has_a_sample_and_members_for_and_against(kmeans):
    display = NearestMembersDisplay.from_estimator(
        kmeans, KNOWN, NEW, n_members=2, image_shape=(8, 8), ax=own_axes()
    )
    found = nearest_members(kmeans, KNOWN, NEW, n_members=2)
    assert_array_equal(display.labels, found.labels)
    for row, images in enumerate(display.ims_):
        shown = [NEW[row], *KNOWN[found.members[row]], *KNOWN[found.other_members[row]]]
        assert_allclose([np.ravel(i.get_array()) * 16 for i in images], shown)


def test_images_beside_features_and_of_a_network(kmeans):
    photographs = np.random.default_rng(0).integers(0, 256, (200, 6, 9, 3), dtype=np.uint8)
    display = CenterContrastDisplay.from_estimator(kmeans, KNOWN, images=photographs)
    assert display.centers.shape == (5, 3, 6, 9)
    display.figure_.canvas.draw()
    display = NearestMembersDisplay.from_estimator(
        kmeans, KNOWN, NEW, images=photographs, sample_images=photographs[:4]
    )
    assert_array_equal(display.samples, photographs[:4].transpose(0, 3, 1, 2))
    model = triplet_dec(3).fit(PIXELS[:60])
    assert CenterContrastDisplay.from_estimator(model, PIXELS[:60]).centers.shape[1:] == (1, 8, 8)
    display = NearestMembersDisplay.from_estimator(model, PIXELS[:60], PIXELS[60:62])
    assert display.samples.shape == (2, 1, 8, 8)


def test_axes_of_the_caller_are_used(kmeans):
    display = CenterContrastDisplay.from_estimator(kmeans, KNOWN, image_shape=(8, 8), ax=own_axes())
    assert not plt.get_fignums()
    ax = own_axes()
    assert display.plot(ax) is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_a_refused_sample_has_members_of_another_cluster_alone():
    display = NearestMembersDisplay(
        samples=np.zeros((1, 1, 2, 2)), labels=np.array([-1]), other_labels=np.array([0]),
        members=[np.zeros((0, 1, 2, 2))], other_members=[np.ones((1, 1, 2, 2))],
    )  # fmt: skip
    display.plot(own_axes())
    assert len(display.ims_[0]) == 2


def test_errors(kmeans, monkeypatch):
    with pytest.raises(ValueError, match="image_shape must be given: KMeans has no image_shape_"):
        CenterContrastDisplay.from_estimator(kmeans, KNOWN)
    with pytest.raises(ValueError, match="with 64 values, those of a sample, got \\(8, 9\\)"):
        CenterContrastDisplay.from_estimator(kmeans, KNOWN, image_shape=(8, 9))
    with pytest.raises(ValueError, match="each side of image_shape must be at least 1, got -8"):
        CenterContrastDisplay.from_estimator(kmeans, KNOWN, image_shape=(-8, -8))
    with pytest.raises(ValueError, match="images and sample_images belong together"):
        NearestMembersDisplay.from_estimator(kmeans, KNOWN, NEW, images=KNOWN.reshape(-1, 8, 8))
    texts = ["a sea", "the sea", "bread", "butter"]
    model = make_pipeline(TfidfVectorizer(), KMeans(2, random_state=0)).fit(texts)
    with pytest.raises(TypeError, match="X holds no images: give images"):
        NearestMembersDisplay.from_estimator(model, texts, texts)
    for module in [each for each in sys.modules if each.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        CenterContrastDisplay.from_estimator(kmeans, KNOWN, image_shape=(8, 8))
