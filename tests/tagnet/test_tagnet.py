"""TAGnetClusterer: what it promises of predictions, losses, tasks and data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from helpers.quick import DIGIT
from helpers.quick import PIXELS as X
from helpers.quick import tagnet as small
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from torch import nn

from skdeepclust import TAGnetClusterer
from skdeepclust.metrics import clustering_accuracy_score


@pytest.fixture(scope="module")
def fitted() -> TAGnetClusterer:
    return small().fit(X[:400])


@pytest.fixture(scope="module")
def half() -> TAGnetClusterer:
    """Fitted on every other digit, with the settings of the full network but few candidates."""
    return TAGnetClusterer(10, n_components=64, n_init=5, random_state=0).fit(X[::2])


# ---------------------------------------------------------------- what the method is worth


def test_digits(half):
    accuracy = clustering_accuracy_score(DIGIT[::2], half.labels_)
    pixels = KMeans(10, n_init=5, random_state=0).fit_predict(X[::2])
    assert accuracy > 0.8
    assert accuracy > clustering_accuracy_score(DIGIT[::2], pixels) + 0.03


def test_new_samples_are_as_good_as_training_samples(half):
    matched = [clustering_accuracy_score(DIGIT[i::2], half.predict(X[i::2])) for i in (0, 1)]
    assert matched[1] > matched[0] - 0.05


def test_the_graph_is_worth_more_than_training():
    """The finding of Section 5.3.2 and of the benchmark: codes that follow a graph are better."""
    scores = []
    for graph_weight in (0.0, "auto"):
        model = TAGnetClusterer(
            10, n_components=64, graph_weight=graph_weight, max_epochs=0, init="kmeans",
            n_init=5, random_state=0,
        ).fit(X[:900])  # fmt: skip
        scores.append(normalized_mutual_info_score(DIGIT[:900], model.labels_))
    assert scores[1] > scores[0] + 0.03


@pytest.mark.parametrize("loss", ["entropy", "max_margin", "target"])
def test_training_keeps_what_the_start_has_found(loss):
    model = small(loss=loss, max_epochs=30, n_stages=8).fit(X[:700])
    start, end = (
        normalized_mutual_info_score(DIGIT[:700], labels)
        for labels in (model.initial_labels_, model.labels_)
    )
    assert end > start - 0.03
    losses = [row["loss"] for row in model.history_ if row["phase"] == "clustering"]
    assert len(losses) == 30
    assert losses[-1] < losses[0]


@pytest.mark.filterwarnings(
    "ignore:The clustering phase has made:sklearn.exceptions.ConvergenceWarning"
)
@pytest.mark.parametrize("loss", ["entropy", "max_margin"])
def test_without_balance_the_losses_collapse_and_this_is_reported(loss):
    model = small(loss=loss, balance=0.0, max_epochs=60, lr=0.05)
    with pytest.warns(ConvergenceWarning, match="of n_clusters=10 clusters have samples"):
        model.fit(X[:300])
    assert len(np.unique(model.labels_)) < 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(loss=loss, max_epochs=30, lr=0.003).fit(X[:300])


# ---------------------------------------------------------------- predictions


@pytest.mark.parametrize("changes", [{}, {"batch_size": 64}, {"graph_weight": 0.0}])
def test_training_samples_keep_their_labels(changes):
    model = small(**changes)
    labels = model.fit_predict(X[:300])
    assert np.array_equal(model.labels_, labels)
    assert np.array_equal(model.predict(X[:300]), labels)
    assert np.array_equal(small(**changes).fit(X[:300]).predict(X[:300]), labels)


def test_predictions_do_not_depend_on_the_batch(fitted):
    rows = X[300:700]  # a quarter of them from training
    together = fitted.predict_proba(rows)
    order = np.random.default_rng(0).permutation(len(rows))
    assert np.array_equal(fitted.predict_proba(rows[order]), together[order])
    assert np.array_equal(fitted.predict_proba(rows[150:157]), together[150:157])
    alone = np.vstack([fitted.predict_proba(row[None]) for row in rows[90:110]])
    assert np.array_equal(alone, together[90:110])


def test_a_batch_larger_than_everything_is_all_samples_at_once():
    large, auto = (small(batch_size=size).fit(X[:200]) for size in (10**12, "auto"))
    assert np.array_equal(large.labels_, auto.labels_)


def test_equal_samples_have_equal_codes():
    twice = np.vstack([X[:200], X[:200]])
    model = small().fit(twice)
    assert np.array_equal(model.labels_[:200], model.labels_[200:])
    assert np.array_equal(model.transform(twice)[:200], model.transform(twice)[200:])


def test_minibatches_come_close_to_the_whole():
    whole, batches = (
        small(batch_size=size, max_epochs=5, n_init=4).fit(X[:600]) for size in (600, 128)
    )
    assert normalized_mutual_info_score(whole.labels_, batches.labels_) > 0.85


def test_codes_without_graph_and_training_are_those_of_ista():
    model = small(graph_weight=0.0, max_epochs=0, n_stages=3, lam=0.2, dtype="float64")
    codes = model.fit_transform(X[:100])
    rows = X[:100].astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    D = model.dictionary_
    step = 1 / (1.01 * np.linalg.norm(D, 2) ** 2)
    z = np.zeros((100, 32))
    for _ in range(4):
        u = z - step * (z @ D - rows) @ D.T
        z = np.sign(u) * np.maximum(np.abs(u) - 0.2 * step, 0)
    np.testing.assert_allclose(codes, z / np.linalg.norm(z, axis=1, keepdims=True), atol=1e-10)


def test_the_seed_decides(global_state_untouched):
    parameters = small().get_params()
    first, second = small().fit(X[:200]), small().fit(X[:200])
    assert np.array_equal(first.transform(X[:300]), second.transform(X[:300]))
    assert first.get_params() == parameters
    assert not np.array_equal(
        small(random_state=1).fit(X[:200]).transform(X[:300]), first.transform(X[:300])
    )


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("dictionary", ["mini_batch", "ksvd", "kmeans", X[:32].astype(float)])
def test_dictionaries(dictionary):
    model = small(dictionary=dictionary).fit(X[:200])
    assert model.dictionary_.shape == (32, 64)
    if isinstance(dictionary, str):
        np.testing.assert_allclose(np.linalg.norm(model.dictionary_, axis=1), 1)


def centers(codes, n_clusters, random_state):
    return codes[:n_clusters]


@pytest.mark.parametrize("init", ["gmm", "kmeans", np.eye(5, 32), centers])
def test_initial_partitions(init):
    model = small(5, init=init, max_epochs=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # arbitrary centres
        model.fit(X[:200])
    assert model.initial_labels_.shape == (200,)
    assert set(model.initial_labels_) <= set(range(5))


def test_float64():
    model = small(dtype="float64").fit(X[:200])
    assert model.transform(X[:200]).dtype == np.float64


class Plain(nn.Module):
    def __init__(self, input_shape, n_components):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], n_components)

    def forward(self, x):
        return torch.relu(self.layer(x))


@pytest.mark.parametrize("given", ["class", "instance"])
@pytest.mark.parametrize("graph_weight", [0.0, "auto"])
def test_a_plain_network_in_the_place_of_the_stages(given, graph_weight):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Plain if given == "class" else Plain((64,), 32)
    model = small(module=module, graph_weight=graph_weight, n_stages=20).fit(X[:300])
    assert model.graph_gain_ == 0
    assert np.array_equal(model.predict(X[:300]), model.labels_)
    assert model.transform(X[300:310]).shape == (10, 32)


def test_warm_start_goes_on():
    model = small(warm_start=True).fit(X[:300])
    weight = model.module_.encoder.weight.detach().clone()
    n_rows, initial = len(model.history_), model.initial_labels_
    model.fit(X[:300])
    assert [row["phase"] for row in model.history_[n_rows:]] == ["clustering"] * 3
    assert model.initial_labels_ is initial
    assert not torch.equal(model.module_.encoder.weight, weight)
    assert normalized_mutual_info_score(model.labels_, initial) > 0.7


# ---------------------------------------------------------------- auxiliary tasks


def test_auxiliary_tasks():
    model = small(auxiliary_clusters=[None, 3, None, 20]).fit(X[:400])
    first, coarse, none, fine = model.auxiliary_labels_
    assert first is None
    assert none is None
    assert coarse.shape == fine.shape == (400,)
    assert len(np.unique(coarse)) == 3
    assert 10 < len(np.unique(fine)) <= 20
    assert all(np.isfinite(row["auxiliary"]) for row in model.history_)
    assert small(auxiliary_clusters=2).fit(X[:200]).auxiliary_labels_[3].max() == 1
    assert small().fit(X[:200]).auxiliary_labels_ is None


def kmeans_centers(codes, n_clusters, random_state):
    return KMeans(n_clusters, random_state=0).fit(codes).cluster_centers_


def test_auxiliary_tasks_teach_the_network():
    """With the weight 0 it learns what it learns without them; with more, something else."""
    start = {"dictionary": X[:32].astype(float), "init": kmeans_centers}
    tasks = [3, None, None, None]
    weights = [
        small(auxiliary_clusters=clusters, auxiliary_weight=weight, **start)
        .fit(X[:300])
        .module_.encoder.weight.detach()
        for clusters, weight in ((None, 1.0), (tasks, 0.0), (tasks, 1.0))
    ]
    torch.testing.assert_close(weights[0], weights[1], atol=1e-5, rtol=0)
    assert (weights[2] - weights[1]).abs().max() > 1e-3


@pytest.mark.parametrize("clusters", [[3], [3] * 5, [0, 1, 2, -1], [2, "3", None, None]])
def test_wrong_auxiliary_tasks_are_refused(clusters):
    with pytest.raises(ValueError, match="auxiliary_clusters"):
        small(auxiliary_clusters=clusters).fit(X[:100])


# ---------------------------------------------------------------- weights and faults


def test_a_fit_that_fails_leaves_the_estimator_as_it_was(fitted):
    before = fitted.predict_proba(X[:500])
    with pytest.raises(ValueError, match="affinity has 7 rows"):
        fitted.fit(X[:300], affinity=X[:7])
    assert np.array_equal(fitted.predict_proba(X[:500]), before)
    fitted.set_params(init=np.eye(10, 31))  # seen after the dictionary and the graph
    with pytest.raises(ValueError, match="init gives centres of shape"):
        fitted.fit(X[:300])
    fitted.set_params(init="gmm")
    assert np.array_equal(fitted.predict_proba(X[:500]), before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dictionary": np.eye(4)}, "dictionary has atoms with 4 features"),
        ({"init": np.eye(3, 32)}, "init"),
        ({"loss": "emd"}, "loss"),
        ({"lam": -1.0}, "lam"),
        ({"graph_weight": "much"}, "graph_weight"),
        ({"n_clusters": 201}, "n_samples=200"),
        ({"affinity": "precomputed"}, "precomputed"),
        ({"module": nn.Linear(64, 7)}, "n_components"),
    ],
)
def test_wrong_parameters_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes).fit(X[:200])
