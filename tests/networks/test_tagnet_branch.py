"""The branch of the graph in TAGnet's network: products, blocks, messages, new samples."""

from __future__ import annotations

import pytest
import torch
from helpers.tagnet_network import N_COMPONENTS, N_SAMPLES, network, whole_graph
from torch.autograd import gradcheck
from torch.func import functional_call

from skdeepclust.graph import laplacian
from skdeepclust.networks import shrinkage
from skdeepclust.networks._graph_branch import NewSamples, WholeGraph, neighborly_order


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
