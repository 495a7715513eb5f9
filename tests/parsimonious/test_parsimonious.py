"""ParsimoniousClassifier: what clustering does to a network, and its life in scikit-learn."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import skops.io
import torch
from helpers.quick import parsimonious as quick
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from skdeepclust import ParsimoniousClassifier
from skdeepclust.networks import MLP
from skdeepclust.regularizers import ClusteringRegularizer


@pytest.fixture(scope="module")
def few(digits) -> tuple[np.ndarray, np.ndarray]:
    X, y = digits
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def fitted(few) -> ParsimoniousClassifier:
    return quick().fit(*few)


# ---------------------------------------------------------------- what clustering does


@pytest.fixture(scope="module")
def pairs(digits) -> list[tuple[ParsimoniousClassifier, ParsimoniousClassifier]]:
    """A plain and a parsimonious network for each of three seeds, trained on 500 digits."""
    X, y = digits
    train = np.random.default_rng(0).permutation(len(X))[:500]
    settings = {"max_epochs": 20, "batch_size": 128, "n_clusters": 10}
    return [
        tuple(
            ParsimoniousClassifier(lam=lam, random_state=seed, **settings).fit(X[train], y[train])
            for lam in (0, 3.0)
        )
        for seed in range(3)
    ]


def test_features_cluster_better_by_class(pairs, digits):
    """Table 3: KMeans on the representation agrees better with the classes, also unseen ones."""
    X, y = digits
    test = np.random.default_rng(0).permutation(len(X))[500:]
    scores = [
        [
            normalized_mutual_info_score(
                y[test], KMeans(10, n_init=3, random_state=0).fit_predict(model.transform(X[test]))
            )
            for model in pair
        ]
        for pair in pairs
    ]
    plain, parsimonious = np.mean(scores, axis=0)
    assert parsimonious > plain + 0.02


def test_accuracy_does_not_suffer(pairs, digits):
    X, y = digits
    test = np.random.default_rng(0).permutation(len(X))[500:]
    plain, parsimonious = np.mean([[m.score(X[test], y[test]) for m in p] for p in pairs], axis=0)
    assert parsimonious > plain - 0.005
    assert parsimonious > 0.94


def test_rows_lie_closer_to_their_centers(pairs, digits):
    """The share of a layer's variance that is left inside of KMeans' clusters falls."""
    X, _ = digits
    for plain, parsimonious in pairs:
        shares = []
        for model in (plain, parsimonious):
            rows = model.set_params(transform_layer="fc2").transform(X)
            model.set_params(transform_layer=None)
            kmeans = KMeans(10, n_init=1, random_state=0).fit(rows)
            shares.append(kmeans.inertia_ / (len(X) * rows.var(0).sum()))
        assert shares[1] < 0.95 * shares[0]


# ---------------------------------------------------------------- special cases that are known


def plain_loop(X, y, *, epochs: int) -> nn.Module:
    """Full batches of Adam on an MLP, written out."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(int(np.random.RandomState(0).randint(2**31 - 1)))
        network = MLP((X.shape[1],), 10, hidden=(32, 16)).double()
    network.standardize.fit_(torch.from_numpy(X.copy()))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(torch.from_numpy(X.copy())), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
    return network


def test_without_penalty_it_is_the_plain_loop(few):
    X, y = few
    model = quick(lam=0, dtype="float64", batch_size=1000, max_epochs=5).fit(X, y)
    expected = plain_loop(X, y.astype(np.int64), epochs=5)
    with torch.no_grad():
        logits = expected(torch.from_numpy(X.copy())).softmax(1).numpy()
    np.testing.assert_allclose(model.predict_proba(X), logits, rtol=1e-9, atol=1e-12)
    assert model.regularizer_ is None
    assert model.cluster_centers_ == {}


def test_history_adds_up(few):
    for row in quick().fit(*few).history_:
        total = row["cross_entropy"] + row["clustering_penalty"]
        assert row["loss"] == pytest.approx(total, rel=1e-5)
        assert row["clustering_penalty"] > 0


def test_the_penalty_weighs_lam(few):
    one, two = (quick(lam=lam, max_epochs=1, batch_size=1000).fit(*few) for lam in (0.5, 1.0))
    # of the first step, before the weights differ
    ratio = two.history_[0]["clustering_penalty"] / one.history_[0]["clustering_penalty"]
    assert ratio == pytest.approx(2, rel=1e-5)


# ---------------------------------------------------------------- scikit-learn


def test_grid_search_over_lam_and_n_clusters(few):
    grid = {"lam": [0, 0.1], "n_clusters": [1, 5]}
    search = GridSearchCV(quick(lr=0.01), grid, cv=2).fit(*few)
    assert search.cv_results_["mean_test_score"].min() > 0.5
    assert set(search.best_params_) == {"lam", "n_clusters"}
    assert search.score(*few) > 0.5


def test_pipeline_after_a_scaler_and_into_kmeans(digits):
    X, y = digits
    steps = MinMaxScaler(), quick(max_epochs=15), KMeans(10, n_init=3, random_state=0)
    pipeline = make_pipeline(*steps).fit(X, y)
    assert adjusted_rand_score(y, pipeline.predict(X)) > 0.8  # KMeans on pixels: .67
    names = pipeline[:2].get_feature_names_out()
    assert len(names) == 16
    assert names[0] == "parsimoniousclassifier0"


def test_transform_returns_what_enters_the_last_layer_or_a_named_one(fitted, few):
    X, _ = few
    features = fitted.transform(X)
    assert features.shape == (300, 16)
    with torch.no_grad():
        logits = fitted.module_.output(torch.from_numpy(features))
    np.testing.assert_allclose(logits.softmax(1).numpy(), fitted.predict_proba(X), rtol=1e-5)
    hidden = quick(transform_layer="fc1").fit(*few)
    assert hidden.transform(X).shape == (300, 32)
    assert hidden.transform(X).min() < 0  # before the activation
    assert len(hidden.get_feature_names_out()) == 32


def test_string_labels_and_two_classes(few):
    X, y = few
    names = np.array(["even", "odd"])[y % 2]
    model = quick(max_epochs=20).fit(X, names)
    assert model.classes_.tolist() == ["even", "odd"]
    assert set(model.predict(X)) == {"even", "odd"}
    assert model.predict_proba(X).shape == (300, 2)
    assert model.score(X, names) > 0.9


def test_pickles_copies_and_skops_predict_the_same(fitted, few):
    X, _ = few
    buffer = io.BytesIO(skops.io.dumps(fitted))
    types = skops.io.get_untrusted_types(file=buffer)
    assert all(name.startswith("skdeepclust.") for name in types), types
    for other in (
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        skops.io.load(buffer, trusted=types),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
        for layer, centers in fitted.cluster_centers_.items():
            np.testing.assert_array_equal(other.cluster_centers_[layer], centers)
        np.testing.assert_array_equal(
            other.regularizer_.exemplars(X, "fc1", 2).samples,
            fitted.regularizer_.exemplars(X, "fc1", 2).samples,
        )
    assert not hasattr(clone(fitted), "regularizer_")


def test_a_warm_start_goes_on_bit_for_bit(few):
    straight = quick(max_epochs=6).fit(*few)
    halves = quick(max_epochs=3, warm_start=True).fit(*few)
    pickle.loads(pickle.dumps(halves))
    halves = pickle.loads(pickle.dumps(halves)).fit(*few)
    np.testing.assert_array_equal(straight.predict_proba(few[0]), halves.predict_proba(few[0]))
    for layer, centers in straight.cluster_centers_.items():
        np.testing.assert_array_equal(halves.cluster_centers_[layer], centers)


def test_exemplars_are_members_of_their_cluster(fitted, few):
    X, _ = few
    labels = fitted.regularizer_.assign(X, "fc2")
    cluster = int(np.bincount(labels).argmax())
    exemplars = fitted.regularizer_.exemplars(X, "fc2", cluster, n_exemplars=5)
    rows = clone(fitted).set_params(transform_layer="fc2").fit(*few).transform(X)
    distances = np.linalg.norm(rows - fitted.cluster_centers_["fc2"][cluster], axis=1)
    members = np.flatnonzero(labels == cluster)
    expected = members[distances[members].argsort()][:5]
    np.testing.assert_array_equal(exemplars.samples, expected)
    np.testing.assert_allclose(exemplars.distances, distances[expected], rtol=1e-4)


def test_the_regulariser_is_the_one_for_any_loop(fitted):
    assert isinstance(fitted.regularizer_, ClusteringRegularizer)
    assert fitted.regularizers_ == [fitted.regularizer_]
    assert set(fitted.cluster_centers_) == {"fc1", "fc2"}
    assert fitted.cluster_centers_["fc1"].shape == (10, 32)
