"""The network of TAGnet as its tests make it, and the sizes of their problem."""

from __future__ import annotations

import torch

from skdeepclust.networks import TAGnet
from skdeepclust.networks._graph_branch import WholeGraph

N_SAMPLES, N_FEATURES, N_COMPONENTS = 8, 6, 5


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
