"""What the arguments of explanations may be, and which of them a message names."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans

from skdeepclust.explain import (
    CenterContrastDisplay,
    NearestMembersDisplay,
    contrast_centers,
    distinguishing_features,
    nearest_members,
    surrogate_tree,
)

X = np.random.default_rng(0).normal(size=(40, 4)) + np.repeat([[0], [9]], 20, axis=0)
KMEANS = KMeans(2, n_init=1, random_state=0).fit(X)
MASKED = np.ma.masked_greater(X, 9)
IMAGES = np.ma.masked_equal(np.arange(160).reshape(40, 2, 2), 7)


@pytest.mark.parametrize("wrong", [2.0, 2.5, "2", True, np.float32(2)])
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (nearest_members, "n_members"),
        (distinguishing_features, "n_features"),
        (distinguishing_features, "max_samples"),
        (surrogate_tree, "max_samples"),
        (surrogate_tree, "cv"),
        (surrogate_tree, "max_depth"),
    ],
)
def test_a_number_that_is_no_integer_is_named(function, name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be an integer, got"):
        function(KMEANS, X, **{name: wrong})


@pytest.mark.parametrize("wrong", [64, (8.0, 8), "88"])
def test_a_shape_is_a_tuple_of_integers(wrong):
    with pytest.raises(TypeError, match=r"image_shape must be (a tuple of|an) integer"):
        CenterContrastDisplay.from_estimator(KMEANS, X, image_shape=wrong)


def test_numpys_integers_are_integers():
    assert nearest_members(KMEANS, X, n_members=np.int64(2)).members.shape == (40, 2)


@pytest.mark.parametrize("function", [distinguishing_features, surrogate_tree])
@pytest.mark.parametrize("container", [np.asarray, np.ndarray.tolist, sparse.csr_array])
def test_infinity_among_features_is_refused_and_what_is_missing_is_not(function, container):
    table = X.copy()
    table[3, 1] = -np.inf
    with pytest.raises(ValueError, match="features holds infinity"):
        function(KMEANS, X, features=container(table))
    table[3, 1] = np.nan
    function(KMEANS, X, features=table)


@pytest.mark.parametrize("wrong", ["abcd", 4])
@pytest.mark.parametrize("function", [distinguishing_features, surrogate_tree])
def test_names_of_features_are_a_list(function, wrong):
    with pytest.raises(TypeError, match="feature_names must be a list"):
        function(KMEANS, X, feature_names=wrong)


@pytest.mark.parametrize(
    ("function", "name", "arguments"),
    [
        (distinguishing_features, "features", {"features": MASKED}),
        (surrogate_tree, "features", {"features": MASKED}),
        (contrast_centers, "images", {"images": IMAGES}),
        (CenterContrastDisplay.from_estimator, r"images\[1\]", {"images": [*IMAGES]}),
        (
            NearestMembersDisplay.from_estimator,
            "images",
            {"samples": X[:2], "images": IMAGES, "sample_images": IMAGES[:2]},
        ),
    ],
)
def test_masked_values_are_refused(function, name, arguments):
    with pytest.raises(ValueError, match=f"^{name} is a masked array with"):
        function(KMEANS, X, **arguments)


def test_a_mask_without_masked_values_changes_nothing():
    images = np.ma.asarray(IMAGES.data)
    found = contrast_centers(KMEANS, X, images=images)
    expected = contrast_centers(KMEANS, X, images=IMAGES.data)
    np.testing.assert_array_equal(found.centers, expected.centers)
