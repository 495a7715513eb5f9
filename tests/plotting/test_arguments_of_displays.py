"""Numbers that are no integers and values that are masked: displays name the argument."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from skdeepclust.meta import HierarchicalClusterer
from skdeepclust.plotting import (
    AssignmentDisplay,
    ClusterGalleryDisplay,
    ClusterNumberDisplay,
    DendrogramDisplay,
    DictionaryDisplay,
    EmbeddingDisplay,
)

X = np.random.default_rng(0).normal(size=(30, 4)) + np.repeat([[0], [9]], 15, axis=0)
KMEANS = KMeans(2, n_init=1, random_state=0).fit(X)
LABELS = KMEANS.labels_
IMAGES = np.arange(120).reshape(30, 2, 2)


def masked(values):
    return np.ma.array(values, mask=np.arange(np.size(values)).reshape(np.shape(values)) == 0)


def embedding(**arguments):
    return EmbeddingDisplay.from_predictions(**{"embedding": X, "labels": LABELS} | arguments)


def gallery(**arguments):
    given = {"embedding": X, "labels": LABELS, "images": IMAGES} | arguments
    return ClusterGalleryDisplay.from_predictions(**given)


def tree(**arguments):
    fitted = HierarchicalClusterer(KMeans(4, n_init=1, random_state=0)).fit(X)
    return DendrogramDisplay.from_estimator(fitted, **arguments)


def level(**arguments):
    return HierarchicalClusterer(KMEANS).fit(X).labels_at(**arguments)


def predicted(**arguments):
    return HierarchicalClusterer(KMEANS).fit(X).predict(X, **arguments)


def dictionary(**arguments):
    return DictionaryDisplay.from_atoms(**{"atoms": X, "image_shape": (2, 2)} | arguments)


def numbers(**arguments):
    given = {"y": LABELS, "n_clusters": [2, 3]} | arguments
    return ClusterNumberDisplay.from_estimators(X, X, **given)


def assignment(**arguments):
    return AssignmentDisplay.from_predictions(**{"y_true": LABELS, "labels": LABELS} | arguments)


@pytest.mark.parametrize("wrong", [2.0, "2", True])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (embedding, "n_points"),
        (embedding, "n_clusters"),
        (gallery, "n_members"),
        (gallery, "n_clusters"),
        (tree, "n_clusters"),
        (level, "n_clusters"),
        (predicted, "n_clusters"),
        (dictionary, "n_atoms"),
        (dictionary, "n_columns"),
        (numbers, "n_seeds"),
    ],
)
def test_a_number_that_is_no_integer_is_named(call, name, wrong):
    with pytest.raises(TypeError, match=f"{name} must be an integer, got"):
        call(**{name: wrong})


@pytest.mark.parametrize("wrong", [4, (2.0, 2), "22"])
def test_a_shape_is_a_tuple_of_integers(wrong):
    with pytest.raises(TypeError, match=r"image_shape must be (a tuple of|an) integer"):
        dictionary(image_shape=wrong)


def test_masked_samples_are_refused_also_where_the_clusterer_takes_them():
    with pytest.raises(ValueError, match="X is a masked array"):
        EmbeddingDisplay.from_estimator(KMEANS, masked(X))


def test_a_number_of_thumbnails_is_an_integer():
    with pytest.raises(TypeError, match=r"n_images must be an integer, got 2\.5"):
        embedding(images=IMAGES, n_images=2.5)


@pytest.mark.parametrize(
    ("call", "name", "values"),
    [
        (embedding, "embedding", X),
        (embedding, "labels", LABELS),
        (embedding, "y_true", LABELS),
        (embedding, "images", IMAGES),
        (gallery, "labels", LABELS),
        (gallery, "y_true", LABELS),
        (gallery, "probabilities", np.eye(2)[LABELS]),
        (gallery, "images", IMAGES),
        (numbers, "y", LABELS),
        (assignment, "y_true", LABELS),
        (assignment, "labels", LABELS),
        (dictionary, "atoms", X),
    ],
)
def test_masked_values_are_refused(call, name, values):
    with pytest.raises(ValueError, match=f"^{name} is a masked array with 1 masked"):
        call(**{name: masked(values)})
