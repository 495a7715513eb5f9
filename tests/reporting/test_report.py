"""The page of a report without a browser: what it says of a clustering, and that it is safe."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

import numpy as np
import pytest
import torch
from helpers.quick import PIXELS, tagnet, triplet_dec
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline

from skdeepclust import load, report, save
from skdeepclust.meta import (
    ConsensusClusterer,
    HierarchicalClusterer,
    OpenSetClusterer,
    SizeConstrainedClusterer,
)
from skdeepclust.reporting._map import FINEST

IRIS = load_iris(as_frame=True).data
TEXTS = ["the ship sails the sea", "a sea of ships", "bread and butter", "butter on bread"] * 6
EVIL = "<script>window.broken = 1</script><img src=x onerror=alert(1)>\" ' & </style> \u2028"
MASKED = np.ma.masked_equal(np.arange(150 * 4).reshape(150, 2, 2), 599)


def kmeans(n_clusters: int = 3) -> KMeans:
    return KMeans(n_clusters, random_state=0)


@pytest.fixture(scope="module")
def iris():
    return kmeans().fit(IRIS)


def test_the_data_of_the_map_are_labels_and_places(iris, read):
    page = read(iris, IRIS)
    assert_array_equal(page.numbers("labels", "i4"), iris.labels_)
    assert_array_equal(page.numbers("rows", "i4"), np.arange(150))
    places = PCA(2).fit_transform(IRIS.to_numpy())
    found = np.stack([page.numbers(name, "u2") for name in "xy"], axis=1) / FINEST
    extent = np.ptp(places, axis=0).max()
    assert_allclose(np.ptp(found, axis=0), np.ptp(places, axis=0) / extent, atol=1e-4)
    assert_allclose(found - found.mean(0), (places - places.mean(0)) / extent, atol=1e-4)
    sizes = {each["number"]: each["size"] for each in page.data["clusters"]}
    assert sizes == dict(enumerate(np.bincount(iris.labels_).tolist()))
    for each in page.data["clusters"]:
        assert np.abs(found - each["place"]).max(axis=1).min() < 1e-4  # a sample stands there


def test_the_page_asks_nobody_and_runs_its_own_script_alone(iris, read):
    page = read(iris, IRIS, texts=[EVIL] * 150, title=EVIL, feature_names=[EVIL] * 4)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img")
        assert not [name for name in attributes if name.startswith("on") or name == "src"]
        assert attributes.get("href", "#").startswith("#")
    assert not re.findall(r"url\((?!data:)|@import", "".join(page.styles))
    meta = [attributes for tag, attributes in page.tags if tag == "meta"]
    (policy,) = [each["content"] for each in meta if "http-equiv" in each]
    assert policy.startswith("default-src 'none'; ")
    (own,) = [text for attributes, text in page.scripts if attributes.get("type") == "module"]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert len(page.scripts) == 2
    assert "<script>window" not in page.source
    assert page.data["texts"][0] == " ".join(EVIL.split())
    assert " ".join(EVIL.split()) in " ".join(page.texts)  # as it was given


def test_sections_and_names(iris, read):
    page = read(iris, IRIS)
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections == ["overview", "clusters", "why", "borderline", "mergers", "parameters"]
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert attributes.get("aria-labelledby", ids[0]) in ids
        if tag == "a":
            assert attributes["href"][1:] in ids
        if tag in ("svg", "canvas") or attributes.get("role") == "img":
            assert attributes["aria-label"]
    assert ("html", {"lang": "en"}) in page.tags
    assert page.rows["Sizes of clusters, and how sure they are"][0][:3] == [
        "cluster",
        "samples",
        "share",
    ]
    rows = page.rows["Sizes of clusters, and how sure they are"][1:]
    assert [row[1] for row in rows] == [str(size) for size in np.bincount(iris.labels_)]
    assert "petal length (cm)" in page.rows["Cluster 0: features that set it apart"][0]
    assert "A decision tree of depth 3" in page.text_of("why")
    assert "n_clusters" in page.text_of("parameters")


def test_neighbours_agree_as_a_loop_counts_and_borders_are_by_distance(iris, read):
    page, X = read(iris, IRIS), IRIS.to_numpy()
    labels = iris.labels_
    for cluster, row in enumerate(page.rows["Sizes of clusters, and how sure they are"][1:]):
        same = []
        for i in np.flatnonzero(labels == cluster):
            far = np.linalg.norm(X - X[i], axis=1)
            far[i] = np.inf
            same.append(np.mean(labels[np.argsort(far)[:10]] == cluster))
        assert abs(float(row[3].rstrip("%")) / 100 - np.mean(same)) < 0.011
    far = np.sort(iris.transform(IRIS), axis=1)
    margin = 1 - far[:, 0] / far[:, 1]
    shown = page.rows["Samples between two clusters"][1:]
    assert [int(row[0]) for row in shown[:5]] == np.argsort(margin)[:5].tolist()
    assert shown[0][3] == f"{margin.min():.3f}"


def test_refused_samples_are_listed(read):
    X = np.vstack([IRIS.to_numpy(), np.full((3, 4), 40.0)])
    usual = OpenSetClusterer(kmeans(), contamination=0.1, random_state=0).fit(X[:150])
    labels = usual.predict(X)
    page = read(usual, X)
    assert_array_equal(page.numbers("labels", "i4"), labels)
    refused = page.data["clusters"][-1]
    assert (refused["number"], refused["size"], refused["place"]) == (-1, (labels < 0).sum(), None)
    shown = page.text_of("refused")
    assert {"150", "151", "152"} <= set(shown.split())  # the farthest
    assert f"{(labels < 0).sum()} samples, labelled" in shown
    density = DBSCAN(eps=0.5).fit(IRIS)
    assert_array_equal(read(density, IRIS).numbers("labels", "i4"), density.labels_)


def test_stability_and_runs_of_a_vote(read):
    vote = ConsensusClusterer(kmeans(), n_runs=3, random_state=0).fit(IRIS)
    page = read(vote, IRIS)
    head, *rows = page.rows["Sizes of clusters, and how sure they are"]
    assert head[3:] == ["neighbours' agreement", "mean probability", "stability", "runs that agree"]
    assert [row[5] for row in rows] == [f"{value:.2f}" for value in vote.stability_]


def test_halves_of_one_cluster_are_suggested_as_one(read):
    X, _ = make_blobs(300, 4, centers=3, cluster_std=0.5, random_state=4)
    model = kmeans(4).fit(X)
    ((one, other, distance),) = read(model, X).rows["Clusters that may be one"][1:]
    far = np.linalg.norm(model.cluster_centers_[:, None] - model.cluster_centers_, axis=2)
    far[np.tril_indices(4)] = np.inf
    assert (int(one), int(other)) == divmod(int(far.argmin()), 4)
    assert 0 <= float(distance) < 0.5
    assert "None: to merge" in read(kmeans(3).fit(X), X).text_of("mergers")
    chain = HierarchicalClusterer(kmeans(9)).fit(X)
    merged = read(chain.estimator_, X)
    assert f"{chain.n_clusters_} clusters would be left" in merged.text_of("mergers")


@pytest.mark.parametrize(
    "make",
    [
        lambda: tagnet(3),
        lambda: make_pipeline(PCA(5), GaussianMixture(3, random_state=0)),
        lambda: SizeConstrainedClusterer(kmeans(), min_cluster_size=20),
        lambda: KMeans(1),
    ],
    ids=["tagnet", "mixture", "sizes", "one cluster"],
)
def test_any_clusterer(make, read, global_state_untouched):
    X = PIXELS[:80]
    model = make()
    for each in model.get_params():
        if each.endswith("random_state"):
            model.set_params(**{each: 0})
    model.fit(X)
    page = read(model, X)
    assert_array_equal(page.numbers("labels", "i4"), model.predict(X))
    assert "NaN" not in page.source.split('id="data"')[0].replace("NaN'", "")


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_samples_that_are_all_the_same_lie_on_the_map(method, make, value, read):
    page = read(kmeans().fit(np.asarray(IRIS)), make(np.full((8, 4), value)), method=method)
    assert np.isfinite(page.numbers("x", "u2")).all()
    assert (page.numbers("x", "u2").size, page.numbers("labels", "i4").size) == (8, 8)


def test_new_samples_after_a_file(read, tmp_path):
    model = triplet_dec(3).fit(PIXELS[:80])
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    (tmp_path / "model").unlink()
    new = torch.tensor(PIXELS[80:120])
    pages = [read(each, new) for each in (model, again)]
    assert pages[0].source == pages[1].source
    assert_array_equal(pages[0].numbers("labels", "i4"), model.predict(new))


def test_more_samples_than_are_drawn(iris, read):
    page = read(iris, IRIS, n_points=40)
    rows = page.numbers("rows", "i4")
    assert len(np.unique(rows)) == 40
    assert_array_equal(page.numbers("labels", "i4"), iris.labels_[rows])
    assert "40 of 150 samples are shown, drawn at random." in page.text_of("overview")
    assert page.rows["Sizes of clusters, and how sure they are"][1][1] == str(
        (iris.labels_ == 0).sum()
    )


class ByLength(ClusterMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_texts_ = len(X)
        return self

    def predict(self, X):
        return np.array([len(text) > 18 for text in X]).astype(int)


def test_errors_say_what_to_give(iris, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("before")
    for error, message, call in [
        (
            ValueError,
            "one image for each of the 150 samples, got 3",
            {"images": np.ones((3, 2, 2))},
        ),
        (ValueError, "one text for each of the 150 samples, got 2", {"texts": ["a", "b"]}),
        (TypeError, "texts must be a list", {"texts": "a"}),
        (ValueError, "a name for each of the 4 features, got 1", {"feature_names": ["a"]}),
        (ValueError, "n_points must be at least 1", {"n_points": 0}),
        (ValueError, "n_images must be at least 1", {"n_images": 0}),
        (TypeError, "n_points must be an integer, got 10.0", {"n_points": 10.0}),
        (TypeError, "n_images must be an integer, got 2.5", {"n_images": 2.5}),
        (TypeError, "feature_names must be a list", {"feature_names": "abcd"}),
        (ValueError, "images is a masked array with 1 masked", {"images": MASKED}),
        (ValueError, r"images\[149\] is a masked array with 1 masked", {"images": [*MASKED]}),
        (ValueError, "texts is a masked array", {"texts": np.ma.masked_equal(["a"] * 150, "a")}),
        (ValueError, 'method must be "pca" or "tsne"', {"method": "umap"}),
    ]:
        with pytest.raises(error, match=message):
            report(iris, IRIS, path=path, **call)
    with pytest.raises(NotFittedError):
        report(kmeans(), IRIS, path=path)

    with pytest.raises(TypeError, match="ByLength has no transform, and X holds no numbers"):
        report(ByLength().fit(TEXTS), TEXTS, path=path)
    with pytest.raises(ValueError, match="refuses all samples"):
        report(DBSCAN(eps=1e-9).fit(IRIS), IRIS, path=path)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["page.html"]


def test_the_scripts_are_part_of_the_package():
    assets = {each.name for each in files("skdeepclust.reporting").joinpath("assets").iterdir()}
    assert assets == {"data.js", "grid.js", "map.js", "page.css", "painter.js", "view.js"}
