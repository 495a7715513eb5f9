"""TAGnet's network: the iterations that it unrolls, and the branch of the graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.tagnet_network import network, whole_graph
from sklearn import config_context
from sklearn.linear_model import Lasso
from torch.autograd import gradcheck

from skdeepclust.graph import laplacian, largest_eigenvalue_bound
from skdeepclust.networks import PlainEncoder, TAGnet, shrinkage

# ---------------------------------------------------------------- the limit of many stages


def test_many_stages_solve_sparse_coding(problem):
    X, dictionary, _ = problem
    codes = network(dictionary, 4000, lam=0.3)(torch.from_numpy(X))[-1].detach().numpy()
    expected = lasso(X, dictionary, None, 0.3, 0)
    assert np.abs(expected).max() > 0.1
    assert np.mean(expected == 0) > 0.1
    np.testing.assert_allclose(codes, expected, atol=1e-6)


def lasso(X, dictionary, graph_laplacian, lam: float, graph_weight: float) -> np.ndarray:
    """Solve Eq. 2.2 by coordinate descent on vec(Z), as one Lasso of all samples together."""
    n, p = len(X), len(dictionary)
    design = np.kron(np.eye(n), dictionary.T)  # (n m, n p)
    target = X.ravel()
    if graph_weight:
        values, vectors = np.linalg.eigh(graph_laplacian.toarray())
        root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        design = np.vstack([design, np.sqrt(graph_weight) * np.kron(root, np.eye(p))])
        target = np.concatenate([target, np.zeros(n * p)])
    # scikit-learn divides the squared error by the number of rows
    model = Lasso(lam / len(target), fit_intercept=False, tol=1e-14, max_iter=1_000_000)
    with config_context(array_api_dispatch=False):
        return model.fit(design, target).coef_.reshape(n, p)


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("graph_weight", [0.5, 5.0])
def test_many_stages_solve_graph_regularised_sparse_coding(problem, normalized, graph_weight):
    X, dictionary, affinity = problem
    graph_laplacian = laplacian(affinity, normalized=normalized)
    net = network(
        dictionary,
        6000,
        lam=0.2,
        graph_weight=graph_weight,
        eigenvalue=largest_eigenvalue_bound(graph_laplacian),
    )
    codes = net(torch.from_numpy(X), whole_graph(net, graph_laplacian))[-1].detach().numpy()
    expected = lasso(X, dictionary, graph_laplacian, 0.2, graph_weight)
    assert np.abs(expected).max() > 0.05
    assert np.abs(expected - lasso(X, dictionary, None, 0.2, 0)).max() > 0.05  # the graph acts
    np.testing.assert_allclose(codes, expected, atol=1e-6)


@pytest.mark.parametrize("graph_weight", ["auto", 0.1, 5.0, 1e4])
def test_the_objective_falls_at_every_stage(problem, graph_weight):
    X, dictionary, affinity = problem
    graph_laplacian = laplacian(affinity)
    net = network(dictionary, 200, lam=0.2, graph_weight=graph_weight)
    codes = net(torch.from_numpy(X), whole_graph(net, graph_laplacian))
    bound = float(net.base_threshold)
    alpha = float(net.gain) * 0.2 / bound  # N = lambda / theta

    def objective(code: torch.Tensor) -> float:
        z = code.detach().numpy()
        smooth = 0.5 * np.square(X - z @ dictionary).sum()
        return smooth + 0.2 * np.abs(z).sum() + alpha / 2 * np.sum(z * (graph_laplacian @ z))

    values = np.array([objective(code) for code in codes])
    assert (np.diff(values) <= 1e-12 * np.abs(values[:-1])).all()
    assert values[-1] < values[0]


def test_auto_graph_weight_acts_and_is_stable():
    dictionary = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    gain = float(network(dictionary, 1, graph_weight="auto").gain)
    assert 0.5 < gain < 1


def test_units_of_the_weights_leave_the_codes_as_they_are(problem):
    X, dictionary, _ = problem
    ours, papers = (network(dictionary, 7, lam=0.2, scaled=scaled) for scaled in (True, False))
    x = torch.from_numpy(X)
    torch.testing.assert_close(ours(x), papers(x))
    torch.testing.assert_close(papers.weight, ours.weight / ours.unit)


# ---------------------------------------------------------------- shrinkage


def test_shrinkage_is_the_paper_s():
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(20, 4, generator=generator, dtype=torch.float64)
    threshold = torch.rand(4, generator=generator, dtype=torch.float64) + 0.1
    scaled = u / threshold
    unit = torch.sign(scaled) * (scaled.abs() - 1).clamp_min(0)  # h_1 of Eq. 3.6
    torch.testing.assert_close(shrinkage(u, threshold), threshold * unit)
    np.testing.assert_array_equal(
        shrinkage(u, threshold),
        [
            [np.sign(v) * max(abs(v) - t, 0) for v, t in zip(row, threshold.tolist(), strict=True)]
            for row in u.tolist()
        ],
    )


def test_gradients_of_shrinkage():
    u = torch.tensor([[0.7, -0.9, 0.1], [-0.2, 1.3, -2.0]], dtype=torch.float64)
    threshold = torch.tensor([0.3, 0.4, 0.25], dtype=torch.float64)
    assert gradcheck(shrinkage, (u.requires_grad_(), threshold.requires_grad_()))


def test_thresholds_stay_positive(problem):
    _, dictionary, _ = problem
    net = network(dictionary, 1, lam=0.5)
    with torch.no_grad():
        net.log_scale.sub_(5.0)
    assert (net.threshold > 0).all()


# ---------------------------------------------------------------- others


def test_a_plain_network_has_one_stage():
    plain = PlainEncoder(torch.nn.Linear(6, 5), 5)
    x = torch.randn(3, 6)
    (code,) = plain.codes(plain.project(x), None)
    torch.testing.assert_close(code, plain.network(x))


@pytest.mark.parametrize(
    "arguments", [{"n_components": 0}, {"n_stages": -1}, {"input_shape": (0,)}]
)
def test_wrong_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match=r"n_components|n_stages|n_features"):
        TAGnet(**{"input_shape": (4,), **arguments})
