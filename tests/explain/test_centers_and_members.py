"""Centres less their nearest, and members for and against, beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.quick import PIXELS, tagnet, triplet_dec
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.cluster import DBSCAN, KMeans, MeanShift
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import load, save
from skdeepclust.explain import contrast_centers, nearest_members
from skdeepclust.meta import HierarchicalClusterer, OpenSetClusterer

X, NEW = PIXELS[:120], PIXELS[120:150]
TEXTS = ["the ship sails the sea", "a sea of ships", "bread and butter", "butter on bread"] * 6


def kmeans(n_clusters: int = 4) -> KMeans:
    return KMeans(n_clusters, random_state=0)


MAKE = {
    "triplet_dec": lambda: triplet_dec(4),
    "tagnet": lambda: tagnet(4),
    "kmeans": kmeans,
    "pipeline": lambda: make_pipeline(PCA(8, random_state=0), kmeans()),
    "mixture": lambda: make_pipeline(PCA(8), GaussianMixture(4, random_state=0)),
    "search": lambda: GridSearchCV(make_pipeline(PCA(8), kmeans()), {"pca__whiten": [True]}, cv=2),
    "open set": lambda: OpenSetClusterer(kmeans(), contamination=0.2, random_state=0),
    "merged": lambda: HierarchicalClusterer(kmeans(9), n_clusters=4),
    "meanshift": lambda: MeanShift(bandwidth=2.0, cluster_all=False),
}


@pytest.fixture(scope="module", params=MAKE)
def fitted(request):
    return request.param, MAKE[request.param]().fit(X)


def embedded(name: str, model, samples) -> np.ndarray:
    """Say of each clusterer by hand where its clusters lie."""
    if name in ("pipeline", "mixture"):
        return model[:-1].transform(samples)
    if name == "search":
        return model.best_estimator_[:-1].transform(samples)
    if name in ("kmeans", "meanshift"):
        return samples
    return model.transform(samples)


def neighbors(points, labels, known, known_labels, n_members, are_same):
    """Search with loops for members of the own cluster, and of the one nearest in the mean."""
    for row, (point, label) in enumerate(zip(points, labels, strict=True)):
        found = {}
        for cluster in set(known_labels.tolist()) - {-1}:
            members = [
                i for i in np.flatnonzero(known_labels == cluster) if not (are_same and i == row)
            ]
            far = [float(np.linalg.norm(known[i] - point)) for i in members]
            order = np.argsort(far, kind="stable")[:n_members]
            if len(order):
                found[cluster] = [far[i] for i in order]
        other = min((c for c in found if c != label), key=lambda c: np.mean(found[c]))
        yield found.get(label, []), other, found[other]


@pytest.mark.parametrize("are_same", [False, True])
def test_members_are_those_of_a_loop(fitted, are_same):
    name, model = fitted
    samples = X if are_same else NEW
    found = nearest_members(model, X, None if are_same else NEW, n_members=3)
    known, points = embedded(name, model, X), embedded(name, model, samples)
    labels = model.predict(samples)
    assert_array_equal(found.labels, labels)
    loop = neighbors(points, labels, known, model.predict(X), 3, are_same)
    for row, (own, other, far) in enumerate(loop):
        assert_allclose(found.distances[row][: len(own)], own, rtol=1e-3, atol=1e-3)
        assert np.isinf(found.distances[row][len(own) :]).all()
        assert found.other_labels[row] == other
        assert_allclose(found.other_distances[row][: len(far)], far, rtol=1e-3, atol=1e-3)
        members = found.members[row][: len(own)]
        there = np.linalg.norm(known[members] - points[row], axis=1)
        assert_allclose(there, own, rtol=1e-3, atol=1e-3)
        if are_same:
            assert row not in members
        if own:
            assert_allclose(found.margin[row], 1 - np.mean(own) / np.mean(far), atol=1e-3)


def test_centers_are_decoded_where_something_decodes(fitted):
    name, model = fitted
    found = contrast_centers(model, X)
    labels = model.predict(X)
    points = np.stack([embedded(name, model, X)[labels == k].mean(0) for k in found.clusters])
    expected = np.stack([X[labels == k].mean(0) for k in found.clusters])
    if name == "triplet_dec":
        points = model.cluster_centers_[found.clusters]
        expected = model.inverse_transform(points)
    elif name in ("kmeans", "meanshift"):
        expected = points = model.cluster_centers_[found.clusters]
    elif name in ("pipeline", "mixture", "search"):
        chain = model.best_estimator_ if name == "search" else model
        points = getattr(chain[-1], "cluster_centers_", points)
        expected = chain[:-1].inverse_transform(points)
    assert found.is_decoded == (name not in ("tagnet", "open set", "merged"))
    assert_array_equal(found.clusters, np.unique(labels[labels >= 0]))
    assert_allclose(found.centers, expected.reshape(found.centers.shape), atol=1e-4)
    for row in range(len(points)):
        far = [
            np.inf if k == row else np.linalg.norm(p - points[row]) for k, p in enumerate(points)
        ]
        nearest = int(np.argmin(far))
        assert found.nearest[row] == found.clusters[nearest]
        difference = found.centers[row] - found.centers[nearest]
        assert_allclose(found.differences[row], difference, atol=1e-6)


def test_means_of_images_that_are_given():
    images = np.random.default_rng(0).integers(0, 256, (120, 5, 4, 3), dtype=np.uint8)
    model = kmeans().fit(X)
    found = contrast_centers(model, X, images=images)
    assert not found.is_decoded
    assert found.centers.shape == (4, 3, 5, 4)
    own = images[model.labels_ == 2].mean(axis=0, dtype=np.float64).transpose(2, 0, 1)
    assert_allclose(found.centers[2], own)


def test_where_a_step_refuses_to_go_back_means_are_shown():
    holes = X.copy()
    holes[:30, 20] = np.nan
    model = make_pipeline(SimpleImputer(), kmeans()).fit(holes)
    found = contrast_centers(model, holes)
    assert not found.is_decoded
    own = holes[model.predict(holes) == 1]
    assert_allclose(found.centers[1], np.nanmean(own, axis=0), rtol=1e-6)


def test_images_keep_their_layout():
    images = X.reshape(-1, 1, 8, 8)
    model = triplet_dec(3, image_shape=None).fit(torch.tensor(images))
    found = contrast_centers(model, torch.tensor(images))
    assert found.differences.shape == (len(found.clusters), 1, 8, 8)


@pytest.mark.parametrize("make", ["triplet_dec", "tagnet", "pipeline"])
def test_a_file_explains_as_what_was_saved(make, tmp_path):
    model = MAKE[make]().fit(X)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model", trusted=[PCA, KMeans, make_pipeline(PCA()).__class__])
    ways = [nearest_members(each, X, NEW) for each in (model, again)]
    assert_array_equal(ways[0].members, ways[1].members)
    assert_array_equal(ways[0].other_members, ways[1].other_members)
    pair = [contrast_centers(each, X).differences for each in (model, again)]
    assert_array_equal(*pair)


def test_texts_have_neighbours_and_no_centres():
    model = make_pipeline(TfidfVectorizer(), kmeans(2)).fit(TEXTS)
    found = nearest_members(model, TEXTS, ["sea and ships"], n_members=2)
    assert all("sea" in TEXTS[row] for row in found.members[0])
    assert all("bread" in TEXTS[row] for row in found.other_members[0])
    with pytest.raises(TypeError, match="X holds no numbers, so that centres can't be shown: give"):
        contrast_centers(model, TEXTS)


def test_too_few_members_are_filled_up():
    model = make_pipeline(StandardScaler(), kmeans(2)).fit([[0.0], [0.1], [9.0]])
    found = nearest_members(model, [[0.0], [0.1], [9.0]], n_members=2)
    assert_array_equal(found.members, [[1, -1], [0, -1], [-1, -1]])
    assert np.isinf(found.distances[2]).all()
    assert_array_equal(found.other_members, [[2, -1], [2, -1], [1, 0]])
    alone = nearest_members(kmeans(1).fit(X), X, NEW)
    assert (alone.other_labels == -1).all()
    assert (alone.other_members == -1).all()


def test_errors():
    model = kmeans(1).fit(X)
    with pytest.raises(ValueError, match="puts X into 1 clusters, but two are compared"):
        contrast_centers(model, X)
    with pytest.raises(ValueError, match="n_members must be at least 1"):
        nearest_members(model, X, n_members=0)
    with pytest.raises(ValueError, match="one image for each of the 120 samples, got 3"):
        contrast_centers(model, X, images=X[:3].reshape(3, 8, 8))
    density = DBSCAN(eps=2.0).fit(X)
    with pytest.raises(TypeError, match="DBSCAN has no predict"):
        nearest_members(density, X, NEW)
    assert_array_equal(nearest_members(density, X).labels, density.labels_)


@pytest.mark.parametrize("make", [(np.asarray, sparse.csr_array), (sparse.csr_array, np.asarray)])
def test_samples_may_be_sparse_where_the_known_ones_are_not(make):
    model = kmeans().fit(X)
    found = nearest_members(model, make[0](X), make[1](NEW))
    assert_array_equal(found.members, nearest_members(model, X, NEW).members)
