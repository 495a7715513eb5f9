"""TAGnet: what holds for any weights of the network, any graph, order and form of samples."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from helpers.quick import PIXELS as X
from helpers.quick import tagnet as small
from helpers.tagnet_network import network, whole_graph
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score
from torch.autograd import gradcheck
from torch.func import functional_call

from skdeepclust import TAGnetClusterer
from skdeepclust.graph import laplacian, largest_eigenvalue_bound
from skdeepclust.graph._sample_graph import padded
from skdeepclust.networks import shrinkage
from skdeepclust.networks._graph_branch import NewSamples
from skdeepclust.tagnet import PAPER_SETTINGS

KNOWN = X[:200]


def atoms(p: int = 5, m: int = 6) -> np.ndarray:
    D = np.random.default_rng(1).normal(size=(p, m))
    return D / np.linalg.norm(D, axis=1, keepdims=True)


def samples(n: int = 8, m: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(2).normal(size=(n, m)))


def weighted_graph(n: int = 8) -> sparse.csr_array:
    generator = np.random.default_rng(3)
    upper = np.triu(generator.random((n, n)) * (generator.random((n, n)) < 0.5), 1)
    return sparse.csr_array(upper + upper.T)


def ring(n: int = 8) -> sparse.csr_array:
    """Return a graph in which all degrees are the same."""
    step = np.roll(np.eye(n), 1, axis=1)
    return sparse.csr_array(0.7 * (step + step.T))


# ---------------------------------------------------------------- the network


def test_gradients_of_all_weights():
    net = network(atoms(), 2, lam=0.1, graph_weight=2.0)
    graph, x = whole_graph(net, laplacian(weighted_graph())), samples()
    names = [name for name, _ in net.named_parameters()]

    def last_codes(*values):
        return functional_call(net, dict(zip(names, values, strict=True)), (x, graph))[-1]

    assert (last_codes(*net.parameters()) == 0).any()
    assert gradcheck(last_codes, tuple(net.parameters()))


def test_gradients_of_shrinkage_are_those_of_plain_operations():
    u, threshold = samples(20, 5).requires_grad_(), torch.rand(5).double().requires_grad_()
    weight = samples(20, 5) + 1
    plain = torch.sign(u) * torch.relu(u.abs() - threshold)
    pairs = [
        torch.autograd.grad((code * weight).sum(), (u, threshold))
        for code in (shrinkage(u, threshold), plain)
    ]
    torch.testing.assert_close(*pairs)
    assert pairs[0][1].abs().min() > 0


@pytest.mark.parametrize("lr", [0.01, 0.5])
def test_thresholds_stay_positive_while_training_lowers_them(lr):
    net = network(atoms(), 2, lam=0.1).float()
    free = net.threshold.detach().clone().requires_grad_()  # as in the paper
    x = 10 * samples().float()
    for parameters, size in (
        ([net.log_scale], lambda: shrinkage(x[:, :5], net.threshold).abs()),
        ([free], lambda: torch.relu(x[:, :5].abs() - free)),
    ):
        optimizer = torch.optim.Adam(parameters, lr=lr)
        for _ in range(100):
            optimizer.zero_grad()
            (-size().sum()).backward()
            optimizer.step()
    assert (net.threshold > 0).all()
    assert (net.threshold < 0.5 * net.base_threshold).all()
    assert (free < 0).all()


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("graph_weight", ["auto", 5.0, 1e4, 1e8])
def test_no_weight_of_the_graph_makes_codes_grow(graph_weight, normalized):
    graph_laplacian = laplacian(weighted_graph() * 30, normalized=normalized)
    eigenvalue = largest_eigenvalue_bound(graph_laplacian)
    net = network(atoms(), 500, lam=0.05, graph_weight=graph_weight, eigenvalue=eigenvalue)
    with torch.no_grad():
        codes = net(samples(), whole_graph(net, graph_laplacian))
        free = torch.stack(net(samples())).norm(dim=(1, 2)).max()
    norms = torch.stack(codes).norm(dim=(1, 2))
    assert norms[-1] > 0
    assert norms.max() < 2 * free


@pytest.mark.parametrize(
    ("normalized", "graph"), [(False, weighted_graph()), (False, ring()), (True, ring())]
)
def test_edges_of_a_training_sample_give_its_codes(normalized, graph):
    """As a new sample it gets what it gets in the graph; if normalised, for equal degrees."""
    net = network(atoms(), 6, lam=0.1, graph_weight=2.0)
    with torch.no_grad():
        stages = net(samples(), whole_graph(net, laplacian(graph, normalized=normalized)))
        edges = {name: torch.from_numpy(part) for name, part in padded(graph).items()}
        branch = NewSamples(
            **edges,
            stages=stages,
            gain=net.gain,
            normalized=normalized,
            max_degree=float(graph.sum(1).max()),
        )
        torch.testing.assert_close(net(samples(), branch), stages)
    assert not torch.allclose(stages[-1], net(samples())[-1])


# ---------------------------------------------------------------- the estimator


def test_warm_start_without_epochs_changes_nothing():
    model = small(warm_start=True).fit(KNOWN)
    labels, expected = model.labels_.copy(), model.predict_proba(X[:260])
    model.set_params(max_epochs=0).fit(KNOWN)
    assert np.array_equal(model.labels_, labels)
    assert np.array_equal(model.predict_proba(X[:260]), expected)


def test_the_size_of_batches_does_not_change_predictions():
    model = small().fit(KNOWN)
    expected = model.predict_proba(X[100:400])
    for size in (7, 64, 4096):
        assert np.array_equal(model.set_params(batch_size=size).predict_proba(X[100:400]), expected)


@pytest.mark.parametrize("batch_size", ["auto", 64])
def test_the_order_of_the_samples_hardly_matters(batch_size):
    order = np.random.default_rng(0).permutation(300)
    model = small(batch_size=batch_size)
    first, second = model.fit_predict(X[:300])[order], model.fit_predict(X[:300][order])
    assert adjusted_mutual_info_score(first, second) > 0.9


@pytest.mark.parametrize("loss", ["entropy", "max_margin", "target"])
def test_losses_are_finite_and_labels_are_kept_in_batches_with_tasks(loss):
    model = small(loss=loss, batch_size=64, auxiliary_clusters=[None, 3, None, 4]).fit(KNOWN)
    assert [row["phase"] for row in model.history_].count("clustering") == 3
    for row in model.history_:
        assert np.isfinite([row["loss"], row["clustering"], row["auxiliary"]]).all()
        assert row["loss"] == pytest.approx(row["clustering"] + row["auxiliary"], abs=1e-5)
    assert np.array_equal(model.predict(KNOWN), model.labels_)


def test_the_paper_s_settings_as_they_are():
    model = TAGnetClusterer(10, max_epochs=1, random_state=0, **PAPER_SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # there is no term against it
        model.fit(X[:300])
    assert model.dictionary_.shape == (128, 64)
    assert np.array_equal(model.predict(X[:300]), model.labels_)


@pytest.mark.parametrize("dictionary", ["mini_batch", "ksvd", "kmeans"])
def test_samples_of_weight_zero_are_in_the_graph_alone(dictionary):
    """They don't shape the dictionary; their edges, which are theirs, still act."""
    weight, rows = np.repeat([1.0, 0.0], 100), KNOWN.copy()
    rows[100:] = X[300:400]
    one, other = (
        small(5, dictionary=dictionary, max_epochs=0).fit(given, sample_weight=weight)
        for given in (KNOWN, rows)
    )
    np.testing.assert_allclose(one.dictionary_, other.dictionary_, atol=1e-6)
    assert np.abs(one.transform(KNOWN[:100]) - other.transform(KNOWN[:100])).max() > 1e-3
    assert len(other.labels_) == 200


def test_samples_of_weight_zero_teach_nothing_without_a_graph():
    weight, rows = np.repeat([1.0, 0.0], 100), KNOWN.copy()
    rows[100:] = X[300:400]
    one, other = (
        small(5, dtype="float64", graph_weight=0.0).fit(given, sample_weight=weight)
        for given in (KNOWN, rows)
    )
    np.testing.assert_allclose(one.predict_proba(X[400:]), other.predict_proba(X[400:]))


def test_the_unit_of_sample_weights_does_not_matter():
    weight = np.random.default_rng(0).uniform(0.1, 1, 200)
    one, other = (
        small(dtype="float64").fit(KNOWN, sample_weight=w).predict_proba(X[:260])
        for w in (weight, 4 * weight)
    )
    np.testing.assert_allclose(one, other, atol=1e-8)


# ---------------------------------------------------------------- forms of X

FORMS = {
    "float16": lambda: KNOWN.astype(np.float16),
    "float64": lambda: KNOWN.astype(np.float64),
    "csr_array": lambda: sparse.csr_array(KNOWN),
    "tensor": lambda: torch.from_numpy(KNOWN.copy()),
    "list": KNOWN.tolist,
}


@pytest.fixture(scope="module")
def fitted() -> TAGnetClusterer:
    return small().fit(KNOWN)


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_x(form, fitted):
    given = FORMS[form]()  # sixteenths, which all of them hold exactly
    model = small().fit(given)
    assert np.array_equal(model.labels_, fitted.labels_)
    assert np.array_equal(np.asarray(model.transform(given)), fitted.transform(KNOWN))
    assert np.array_equal(fitted.predict(given), fitted.labels_)
    assert isinstance(fitted.predict_proba(given), torch.Tensor if form == "tensor" else np.ndarray)


def test_whole_numbers():
    numbers = 16 * KNOWN
    model = small().fit(numbers)
    for dtype in ("uint8", "int32"):
        assert np.array_equal(small().fit(numbers.astype(dtype)).labels_, model.labels_)
        assert np.array_equal(model.predict(numbers.astype(dtype)), model.labels_)
