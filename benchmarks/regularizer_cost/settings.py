"""What benchmarks.regularizer_cost.run measures: layers, clusterings, parts of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from skdeepclust.losses import unfold
from skdeepclust.regularizers import ClusteringRegularizer, Regularizer

KINDS = ("sample", "spatial", "channel")
LAST = ("conv3",)
CONVOLUTIONS = ("conv1", "conv2", "conv3")
FRACTIONS = (1 / 4, 1 / 8, 1 / 16)


@dataclass(frozen=True)
class Setting:
    """How convolutional layers are clustered, and on which part of their rows.

    The fully connected layer fc1 is watched with them; its samples are clustered.
    """

    kind: str
    convolutions: tuple[str, ...] = ()
    row_fraction: float = 1.0
    naive: bool = False

    @property
    def layers(self) -> str:
        """What a table calls the layers."""
        name = {(): "fc1", LAST: "conv3, fc1", CONVOLUTIONS: "all"}[self.convolutions]
        return f"{name}, naive" if self.naive else name

    def regularizer(self, n_clusters: int) -> Regularizer:
        if self.naive:
            layers = {**dict.fromkeys(self.convolutions, self.kind), "fc1": "sample"}
            return NaiveClustering(layers, n_clusters=n_clusters)
        options = {"clustering": self.kind, "row_fraction": self.row_fraction}
        layers = {**dict.fromkeys(self.convolutions, options), "fc1": "sample"}
        return ClusteringRegularizer(layers, n_clusters=n_clusters)


SETTINGS = (
    Setting("sample"),
    *(Setting(kind, LAST) for kind in KINDS),
    *(Setting(kind, CONVOLUTIONS) for kind in KINDS),
    *(Setting(kind, CONVOLUTIONS, fraction) for kind in KINDS for fraction in FRACTIONS),
    *(Setting(kind, layers, naive=True) for layers in (LAST, CONVOLUTIONS) for kind in KINDS),
)
QUICK = (
    Setting("spatial", LAST),
    Setting("channel", CONVOLUTIONS, 1 / 4),
    Setting("sample", LAST, naive=True),
)


class NaiveClustering(Regularizer):
    """Algorithm 1 as it stands, without a thought for time or memory."""

    def __init__(self, layers: dict[str, str], *, n_clusters: int) -> None:
        super().__init__(layers, n_clusters=n_clusters)
        self.centers: dict[str, Tensor] = {}

    def layer_penalty(
        self, name: str, representation: Tensor, sample_weight: Tensor | None
    ) -> Tensor:
        """Return the penalty of one layer; weights of samples are left out."""
        rows = unfold(representation, self._options[name])
        centers = self.centers.setdefault(name, rows.detach()[: self.n_clusters].clone())
        with torch.no_grad():
            labels = torch.cdist(rows, centers).argmin(1)
            members = functional.one_hot(labels, len(centers)).to(rows.dtype).T  # (k, rows)
            counts = members.sum(1, keepdim=True)
            means = members @ rows / counts.clamp_min(1)
            centers = torch.where(counts > 0, 0.9 * means + 0.1 * centers, centers)
        self.centers[name] = centers
        return self.lam * (rows - centers[labels]).square().mean() / 2
