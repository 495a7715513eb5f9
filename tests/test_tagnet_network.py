"""TAGnet's network: the iterations that it unrolls, and the branch of the graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.linear_model import Lasso
from torch.autograd import gradcheck
from torch.func import functional_call

from skdeepclust._graph_branch import NewSamples, WholeGraph, neighborly_order
from skdeepclust.graph import laplacian, largest_eigenvalue_bound
from skdeepclust.networks import PlainEncoder, TAGnet, shrinkage

N_SAMPLES, N_FEATURES, N_COMPONENTS = 8, 6, 5


@pytest.fixture
def problem():
    """Samples (n, m), a dictionary (p, m) and a graph (n, n), in float64."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(N_SAMPLES, N_FEATURES))
    dictionary = generator.normal(size=(N_COMPONENTS, N_FEATURES))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    affinity = np.triu(generator.random((N_SAMPLES, N_SAMPLES)) < 0.4, 1) * generator.random(
        (N_SAMPLES, N_SAMPLES)
    )
    return X, dictionary, sparse.csr_array(affinity + affinity.T)


def network(dictionary, n_stages, *, eigenvalue=2.0, scaled=True, **options) -> TAGnet:
    net = TAGnet(
        input_shape=(dictionary.shape[1],),
        n_components=len(dictionary),
        n_stages=n_stages,
        scaled=scaled,
    ).double()
    net.set_dictionary(torch.from_numpy(dictionary), largest_eigenvalue=eigenvalue, **options)
    return net


def whole_graph(net: TAGnet, graph_laplacian) -> WholeGraph:
    return WholeGraph(graph_laplacian, float(net.gain), net.weight.detach())


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


# ---------------------------------------------------------------- the branch of the graph


@pytest.mark.parametrize("normalized", [True, False])
def test_the_graph_s_branch_is_a_dense_product(problem, normalized):
    X, dictionary, affinity = problem
    graph_laplacian = laplacian(affinity, normalized=normalized)
    net = network(dictionary, 3, lam=0.1, graph_weight=2.0)
    dense = torch.from_numpy(graph_laplacian.toarray())
    x = torch.from_numpy(X)
    sparse_codes = net(x, whole_graph(net, graph_laplacian))
    dense_codes = net(x, lambda stage, code: -net.gain * (dense @ code))
    torch.testing.assert_close(sparse_codes, dense_codes)
    weight = torch.randn_like(sparse_codes[-1])
    gradients = [
        torch.autograd.grad((codes[-1] * weight).sum(), list(net.parameters()))
        for codes in (sparse_codes, dense_codes)
    ]
    torch.testing.assert_close(*gradients)


def test_gradients_through_the_graph(problem):
    X, dictionary, affinity = problem
    net = network(dictionary, 2, lam=0.05, graph_weight=2.0)
    graph = whole_graph(net, laplacian(affinity))
    assert gradcheck(lambda x: net(x, graph)[-1], torch.from_numpy(X).requires_grad_())


def test_a_plain_function_is_a_branch_with_gradients(problem):
    X, dictionary, affinity = problem
    net = network(dictionary, 2, lam=0.05, graph_weight=2.0)
    dense = torch.from_numpy(laplacian(affinity).toarray())
    turned = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64)).Q  # not symmetric

    def branch(stage: int, codes: torch.Tensor) -> torch.Tensor:
        return -(stage + 1) * net.gain * (dense @ codes @ turned)

    names = [name for name, _ in net.named_parameters()]

    def all_codes(*values):
        return functional_call(net, dict(zip(names, values, strict=True)), (given, branch))

    given = torch.from_numpy(X)
    assert gradcheck(all_codes, tuple(net.parameters()))


@pytest.mark.parametrize("block_rows", [1, 3, 100])
def test_blocks_of_rows_and_the_order_of_samples_change_nothing(problem, block_rows, monkeypatch):
    X, dictionary, affinity = problem
    graph_laplacian = laplacian(affinity)
    net = network(dictionary, 3, lam=0.1, graph_weight=2.0)
    x = torch.from_numpy(X)
    expected = net(x, whole_graph(net, graph_laplacian))
    losses = [(code * (1 + k)).square().sum() for k, code in enumerate(expected) if k != 1]
    gradients = torch.autograd.grad(sum(losses), list(net.parameters()))

    monkeypatch.setattr("skdeepclust.networks._unrolled.BLOCK_BYTES", 8 * 5 * block_rows)
    order = neighborly_order(graph_laplacian)
    assert sorted(order) == list(range(N_SAMPLES))
    assert sorted(order) != list(order)
    graph = WholeGraph(graph_laplacian, float(net.gain), x, order=order)
    assert len(graph.blocks(expected[0])) == -(-N_SAMPLES // block_rows)
    codes = graph.codes(net, net.project(x), [0, 2, 3])
    torch.testing.assert_close(codes, [expected[k] for k in (0, 2, 3)])
    losses = [(code * (1 + k)).square().sum() for k, code in zip((0, 2, 3), codes, strict=True)]
    torch.testing.assert_close(torch.autograd.grad(sum(losses), list(net.parameters())), gradients)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_messages_of_this_moment_equal_the_whole_graph(problem, normalized, ordered):
    X, dictionary, affinity = problem
    net = network(dictionary, 4, lam=0.1, graph_weight=2.0)
    matrix = laplacian(affinity, normalized=normalized)
    order = neighborly_order(matrix) if ordered else None
    graph = WholeGraph(matrix, float(net.gain), net.weight.detach(), order=order)
    x = torch.from_numpy(X)
    with torch.no_grad():
        codes, messages = (
            graph.codes(net, net.project(x), range(5)),
            graph.messages(net, net.project(x)),
        )
        idx = torch.tensor([5, 0, 3])
        batch = net(x[idx], messages.of(idx))
    torch.testing.assert_close(codes, list(net(x, whole_graph(net, matrix))))
    torch.testing.assert_close(batch, tuple(code[idx] for code in codes))


def test_what_has_no_gradient_says_so(problem):
    X, dictionary, _ = problem
    net, x = network(dictionary, 2, lam=0.1), torch.from_numpy(X)
    stages = [code.detach() for code in net(x)]
    branch = NewSamples(
        torch.zeros(len(X), 1, dtype=torch.int64),
        torch.ones(len(X), 1, dtype=torch.float64),
        stages=stages, gain=net.gain, normalized=True, max_degree=1,
    )  # fmt: skip
    with pytest.raises(TypeError, match="NewSamples has no gradient"):
        net(x, branch)[-1].sum().backward()


@pytest.mark.parametrize("normalized", [True, False])
def test_a_new_sample_takes_from_the_stored_codes(problem, normalized):
    """Its codes are those that it would have in a graph of which the others take no notice."""
    X, dictionary, affinity = problem
    net = network(dictionary, 4, lam=0.1, graph_weight=2.0)
    x = torch.from_numpy(X)
    weights = torch.tensor([[0.5, 0.25, 0.0]], dtype=torch.float64)
    neighbors = torch.tensor([[2, 6, 0]])
    with torch.no_grad():
        stages = net(x, whole_graph(net, laplacian(affinity, normalized=normalized)))
        branch = NewSamples(
            neighbors, weights, stages=stages, gain=net.gain, normalized=normalized, max_degree=9
        )
        new = net(x[:1], branch)
        code = shrinkage(net.project(x[:1]), net.threshold)
        eye = torch.eye(N_COMPONENTS, dtype=torch.float64)
        for stage in range(4):
            degree = 0.75
            difference = degree * code - 0.5 * stages[stage][2] - 0.25 * stages[stage][6]
            if normalized:
                difference = difference / degree
            u = code @ (eye - net.inhibition / net.unit) - net.gain * difference
            code = shrinkage(u + net.project(x[:1]), net.threshold)
    torch.testing.assert_close(new[-1], code)


def test_a_sample_without_edges_ignores_the_graph(problem):
    X, dictionary, _ = problem
    net = network(dictionary, 3, lam=0.1, graph_weight=2.0)
    x = torch.from_numpy(X)
    stages = net(x)
    nothing = torch.zeros(len(X), 2, dtype=torch.float64)
    branch = NewSamples(
        nothing.long(), nothing, stages=stages, gain=net.gain, normalized=True, max_degree=9
    )
    torch.testing.assert_close(net(x, branch), stages)


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
