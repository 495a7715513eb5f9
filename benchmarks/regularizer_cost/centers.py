"""What it does to running centres that they see a part of the rows only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.data import load
from benchmarks.regularizer_cost.settings import CONVOLUTIONS, KINDS
from skdeepclust.losses import clustering_penalty
from skdeepclust.networks import CIFARQuick
from skdeepclust.regularizers import ClusteringRegularizer


def outputs_of(network: nn.Module, names: Sequence[str], x: Tensor) -> dict[str, Tensor]:
    """Return what layers of a network make of x."""
    outputs: dict[str, Tensor] = {}

    def record(name: str) -> Callable[..., None]:
        return lambda _layer, _args, output: outputs.update({name: output.detach()})

    hooks = [network.get_submodule(name).register_forward_hook(record(name)) for name in names]
    network(x)
    for hook in hooks:
        hook.remove()
    return outputs


class Epoch:
    """An epoch of training on real images, in which centres watch; they change nothing."""

    def __init__(self, data: str, mnist: str | None, batch_size: int) -> None:
        X, y, image_shape = load(data, mnist)
        self.x = torch.as_tensor(X / X.max(), dtype=torch.float32).view(-1, 1, *image_shape)
        self.y, self.batch_size = torch.as_tensor(y.astype(np.int64)), batch_size

    def distances(self, row_fraction: float, n_clusters: int, seed: int) -> dict[str, list[float]]:
        """Return for each kind of clustering the mean squared distance in each layer."""
        torch.manual_seed(seed)
        network = CIFARQuick(tuple(self.x.shape[1:]), 10)
        options = {"clustering": KINDS, "row_fraction": row_fraction}
        regularizer = ClusteringRegularizer(
            dict.fromkeys(CONVOLUTIONS, options), n_clusters=n_clusters, lam=0
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
        for index in torch.randperm(len(self.x)).split(self.batch_size):
            with regularizer.watch(network):
                loss = functional.cross_entropy(network(self.x[index]), self.y[index])
            optimizer.zero_grad()
            (loss + regularizer.penalty()).backward()
            optimizer.step()
        with torch.no_grad():
            outputs = outputs_of(network.eval(), CONVOLUTIONS, self.x[:1000])
        centers = regularizer.cluster_centers_
        return {
            kind: [
                clustering_penalty(y, torch.as_tensor(centers[name][kind]), clustering=kind).item()
                for name, y in outputs.items()
            ]
            for kind in KINDS
        }


def relative_distances(
    epoch: Epoch, fractions: Sequence[float], n_clusters: int, n_seeds: int
) -> dict[tuple[str, float], list[list[float]]]:
    """Return for kind and fraction the distances relative to all rows: for each seed and layer."""
    relative: dict[tuple[str, float], list[list[float]]] = {}
    for seed in range(n_seeds):
        full = epoch.distances(1.0, n_clusters, seed)
        for fraction in fractions:
            part = epoch.distances(fraction, n_clusters, seed)
            for kind in KINDS:
                ratios = [round(p / f, 4) for p, f in zip(part[kind], full[kind], strict=True)]
                relative.setdefault((kind, fraction), []).append(ratios)
    return relative
