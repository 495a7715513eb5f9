"""Features and rules: what is planted is found, in any container, of any clusterer, anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from helpers.quick import PIXELS, tagnet, triplet_dec
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import load, save
from skdeepclust.explain import (
    contrast_centers,
    distinguishing_features,
    nearest_members,
    surrogate_tree,
)
from skdeepclust.explain._intervals import intervals_of
from skdeepclust.meta import OpenSetClusterer

RNG = np.random.default_rng(0)
PLANTED = 4
CLASSES = np.arange(120) % 3
X = RNG.normal(size=(120, 7))
X[:, PLANTED] = 8 * CLASSES + RNG.uniform(-1, 1, size=120)  # class 1 lies between the others
TEXTS = ["the ship sails the sea", "a sea of ships", "bread and butter", "butter on bread"] * 6


def kmeans(n_clusters: int = 3, **options) -> KMeans:
    return KMeans(n_clusters, random_state=0, **options)


@pytest.fixture(scope="module")
def fitted() -> KMeans:
    return kmeans().fit(X)


def test_a_planted_feature_is_first_for_each_cluster_also_for_that_in_the_middle(fitted):
    found = distinguishing_features(fitted, X)
    assert found.keys() == {0, 1, 2}
    for cluster, best in found.items():
        assert len(best) == 5
        assert best[0].feature == PLANTED
        assert best[0].score == 1
        assert all(each.score < 0.5 for each in best[1:])
        inside = (best[0].low < X[:, PLANTED]) & (X[:, PLANTED] <= best[0].high)
        assert_array_equal(inside, fitted.labels_ == cluster)
        assert_allclose(best[0].mean, X[inside, PLANTED].mean())
        assert_allclose(best[0].mean_of_others, X[~inside, PLANTED].mean())


@pytest.mark.parametrize("step", [0.01, 1.0])  # without and with equal values
def test_the_interval_is_the_best_of_all(step):
    x = np.round(RNG.normal(size=40) / step) * step
    labels = RNG.integers(-1, 2, size=40)
    found = intervals_of(x[:, None], labels, ["x"], 1)
    ends = [-np.inf, *np.unique(x), np.inf]
    for cluster, (best,) in found.items():
        own = labels == cluster
        gains = [
            np.mean(inside[own]) - np.mean(inside[~own])
            for low in ends
            for inside in ((low < x) & (x <= high) for high in ends)
        ]
        assert_allclose(best.score, max(gains))
        inside = (best.low < x) & (x <= best.high)
        assert_allclose(
            [inside[own].mean(), inside[~own].mean()], [best.share, best.share_of_others]
        )


def test_in_a_sparse_table_clusters_are_told_by_what_is_present():
    x = np.array([0.0, 0.0, 0.0, 0.0, 2.0, 3.0, -1.0, 0.0])
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    for table, shares in ((x[:, None], (1.0, 0.25)), (sparse.csr_array(x[:, None]), (0.0, 0.0))):
        found = intervals_of(table, labels, ["word"], 1)
        best = found[0][0]
        assert best.score == pytest.approx(shares[0] - shares[1])
        assert (found[1][0].low, found[1][0].score) == (1.0, 1)
        assert (found[2][0].high, found[2][0].score) == (-0.5, 0.5)


def test_missing_values_lie_in_no_interval():
    x = np.array([1.0, 2.0, np.nan, np.nan, 5.0, 6.0])
    labels = np.array([0, 0, 0, 1, 1, 1])
    found = intervals_of(x[:, None], labels, ["x"], 1)
    assert str(found[0][0]) == "x ≤ 3.5"
    assert_allclose([found[0][0].share, found[0][0].mean], [2 / 3, 1.5])
    constant = intervals_of(np.ones((6, 1)), labels, ["x"], 1)[0][0]
    assert (constant.score, str(constant)) == (0, "x: any")
    unknown = intervals_of(np.full((6, 1), np.nan), labels, ["x"], 1)[0][0]
    assert unknown.score == 0


def test_a_tree_of_axis_aligned_blobs_is_the_clustering(fitted):
    tree = surrogate_tree(fitted, X, max_depth=2)
    assert (tree.fidelity, tree.cv_fidelity.min()) == (1, 1)
    assert_allclose(tree.baseline, 1 / 3)
    assert {rule.cluster for rule in tree.rules()} == {0, 1, 2}
    assert sum(rule.n_samples for rule in tree.rules()) == len(X)
    assert all(rule.purity == 1 and len(rule.conditions) == 1 for rule in tree.rules())
    new = np.zeros((3, 7))
    new[:, PLANTED] = 0, 8, 16
    assert_array_equal(tree.predict(new), fitted.predict(new))
    assert [rule.cluster for rule in tree.conditions(new)] == fitted.predict(new).tolist()
    assert str(tree.conditions(new)[1]).count(f"x{PLANTED}") == 1  # both thresholds as one interval


def test_fidelity_is_what_a_loop_counts_and_falls_where_clusters_are_no_boxes():
    noise = RNG.normal(size=(200, 6))
    model = kmeans(6).fit(noise)
    shallow, deep = (surrogate_tree(model, noise, max_depth=depth) for depth in (2, 6))
    same = [t == c for t, c in zip(shallow.predict(noise), model.labels_, strict=True)]
    assert_allclose(shallow.fidelity, sum(same) / 200)
    assert shallow.baseline < shallow.fidelity < deep.fidelity
    assert shallow.cv_fidelity.mean() < shallow.fidelity < 0.9
    assert shallow.cv_fidelity.shape == (5,)


CONTAINERS = {
    "frame": lambda X: pd.DataFrame(X, columns=[f"width {j}" for j in range(X.shape[1])]),
    "sparse": sparse.csr_array,
    "list": np.ndarray.tolist,
    "float32": lambda X: X.astype(np.float32),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name):
    given = CONTAINERS[name](X)
    model = kmeans().fit(given)
    found = distinguishing_features(model, given, n_features=1)
    prefix = "width " if name == "frame" else "x"
    assert {best[0].name for best in found.values()} == {f"{prefix}{PLANTED}"}
    assert surrogate_tree(model, given).fidelity == 1


def test_words_tell_clusters_of_texts():
    model = make_pipeline(TfidfVectorizer(), kmeans(2)).fit(TEXTS)
    names = {best[0].name for best in distinguishing_features(model, TEXTS).values()}
    assert names <= {"sea", "bread", "butter"}
    tree = surrogate_tree(model, TEXTS, max_depth=1)
    new = ["the open sea", "butter bread"]
    assert_array_equal([rule.cluster for rule in tree.conditions(new)], model.predict(new))
    refusing = OpenSetClusterer(model, contamination=0.2, random_state=0).fit(TEXTS)
    assert distinguishing_features(refusing, TEXTS).keys() == {0, 1}


def test_features_that_the_clusterer_does_not_see(fitted):
    size = pd.DataFrame({"size": CLASSES, "noise": X[:, 0]})
    found = distinguishing_features(fitted, X, features=size)
    assert {best[0].name for best in found.values()} == {"size"}
    tree = surrogate_tree(fitted, X, features=size)
    assert tree.conditions(size[:2])[0].conditions[0].startswith("size")
    with pytest.raises(ValueError, match="features must be a table of 2 features"):
        tree.predict(X)
    with pytest.raises(ValueError, match="a row for each of the 120 samples of X, got 3"):
        surrogate_tree(fitted, X, features=size[:3])
    with pytest.raises(ValueError, match="a name for each of the 7 features, got 1"):
        surrogate_tree(fitted, X, feature_names=["a"])
    with pytest.raises(TypeError, match="features must be a table of numbers"):
        surrogate_tree(fitted, X, features=["a"] * 120)


@pytest.mark.parametrize("make", [triplet_dec, tagnet], ids=["triplet_dec", "tagnet"])
def test_deep_clusterers_after_a_file(make, tmp_path):
    model = make(3).fit(PIXELS[:90])
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    expected, found = (distinguishing_features(each, PIXELS[:90]) for each in (model, again))
    assert found == expected
    trees = [surrogate_tree(each, PIXELS[:90]) for each in (model, again)]
    assert trees[0].rules() == trees[1].rules()
    assert_array_equal(trees[1].labels, model.predict(PIXELS[:90]))


def test_missing_values_and_mixtures():
    holes = X.copy()
    holes[::9, 0] = np.nan
    mixture = GaussianMixture(3, covariance_type="spherical", random_state=0)
    model = make_pipeline(SimpleImputer(), mixture).fit(holes)
    assert surrogate_tree(model, holes).fidelity == 1
    assert distinguishing_features(model, holes)[0][0].feature == PLANTED


@pytest.mark.parametrize("model", [DBSCAN(eps=3), HDBSCAN(copy=True)], ids=["DBSCAN", "HDBSCAN"])
def test_without_predict_labels_of_the_fit_are_explained(model):
    model.fit(X)
    found = distinguishing_features(model, X)
    assert found.keys() == set(model.labels_[model.labels_ >= 0].tolist())
    with pytest.raises(ValueError, match="has no predict, and labels_ of 120: give the X"):
        distinguishing_features(model, X[:50])


def test_clusters_of_a_sample_or_two_are_nothing_to_warn_of():
    model = kmeans(70, n_init=1).fit(X)
    assert len(distinguishing_features(model, X)) == 70
    assert surrogate_tree(model, X).fidelity < 0.5


def test_steps_that_were_fitted_on_frames_get_frames():
    frame = pd.DataFrame(X, columns=list("abcdefg"))
    with config_context(transform_output="pandas"):
        model = make_pipeline(PCA(5), StandardScaler(with_std=False), kmeans()).fit(frame)
        assert distinguishing_features(model, frame)[0][0].name == "e"
        assert nearest_members(model, frame).members.shape == (120, 5)
        assert contrast_centers(model, frame).is_decoded


def test_a_single_cluster_has_nothing_to_be_set_apart_from():
    model = kmeans(1).fit(X)
    assert distinguishing_features(model, X) == {0: []}
    tree = surrogate_tree(model, X)
    assert (tree.fidelity, str(tree.rules()[0])) == (1, "any sample")


def test_where_every_sample_is_refused_nothing_is_set_apart():
    assert distinguishing_features(DBSCAN(eps=1e-9).fit(X), X) == {}


def test_conditions_of_no_samples_are_an_error_that_says_so(fitted):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        surrogate_tree(fitted, X).conditions(X[:0])


def test_more_samples_and_features_than_are_looked_at(monkeypatch, fitted):
    monkeypatch.setattr("skdeepclust.explain._intervals.MOST_FEATURES", 2)
    for table in (X, sparse.csr_array(X)):
        found = distinguishing_features(fitted, X, features=table, max_samples=60)
        assert [len(best) for best in found.values()] == [2, 2, 2]
        assert {best[0].feature for best in found.values()} == {PLANTED}
    assert surrogate_tree(fitted, X, max_samples=60).tree.tree_.n_node_samples[0] == 60


def test_errors(fitted):
    with pytest.raises(NotFittedError):
        surrogate_tree(KMeans(3), X)
    with pytest.raises(ValueError, match="n_features must be at least 1"):
        distinguishing_features(fitted, X, n_features=0)
    with pytest.raises(ValueError, match="cv must be from 2 to the 120 samples"):
        surrogate_tree(fitted, X, cv=121)
    model = make_pipeline(TfidfVectorizer(), kmeans(2)).fit(TEXTS)
    with pytest.raises(ValueError, match="max_samples must be at least 2"):
        distinguishing_features(model, TEXTS, max_samples=1)


def test_names_that_are_alike_are_no_one_feature(fitted):
    tree = surrogate_tree(fitted, X[:, ::-1][:, ::-1], feature_names=["same"] * 7)
    assert tree.fidelity == 1
